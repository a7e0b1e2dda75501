"""Path attributes as the tables keep them: the octets once, and what decisions need.

One object stands for one distinct attribute set; ``bgp.attr`` builds and interns it, so that the
routes of a table share few of them and identity (``is``) is the test for "same attributes".  The
octets are canonical (see ``wire``); fields that every route's decision needs are read when the
object is made, the rest is read from the octets when somebody asks.
"""

from collections.abc import Iterator

# Attribute type codes (IANA "BGP Path Attributes").
ORIGIN = 1
AS_PATH = 2
NEXT_HOP = 3
MULTI_EXIT_DISC = 4
LOCAL_PREF = 5
ATOMIC_AGGREGATE = 6
AGGREGATOR = 7
COMMUNITIES = 8
ORIGINATOR_ID = 9
CLUSTER_LIST = 10
MP_REACH_NLRI = 14
MP_UNREACH_NLRI = 15
EXTENDED_COMMUNITIES = 16
AS4_PATH = 17
AS4_AGGREGATOR = 18
IPV6_EXTENDED_COMMUNITIES = 25
AIGP = 26
LARGE_COMMUNITY = 32

AIGP_METRIC_TLV = 1  # RFC 7311 section 3

# Attribute flags (RFC 4271 section 4.3).
FLAG_OPTIONAL = 0x80
FLAG_TRANSITIVE = 0x40
FLAG_PARTIAL = 0x20
FLAG_EXTENDED = 0x10

ORIGIN_IGP = 0
ORIGIN_EGP = 1
ORIGIN_INCOMPLETE = 2

# AS_PATH segment types (RFC 4271 section 4.3, RFC 5065 section 3).
AS_SET = 1
AS_SEQUENCE = 2
AS_CONFED_SEQUENCE = 3
AS_CONFED_SET = 4

AsSegment = tuple[int, tuple[int, ...]]


class PathAttributes:
    """One distinct set of path attributes.  Never changed after it was made.

    Attributes:
        wire: the attributes in type order, flags as we would send them, AS_PATH and AGGREGATOR
            with 4-octet AS numbers, without MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH and
            AS4_AGGREGATOR; NEXT_HOP stands in it for an IPv4 next hop of an IPv4 route only.
        next_hop: 4 or 16 octets, the global next hop; all zeros for an imported network.
        link_local: 16 octets of the RFC 2545 link-local next hop, or ``b""``.
        origin: ORIGIN_IGP, ORIGIN_EGP or ORIGIN_INCOMPLETE.
        local_pref: LOCAL_PREF, or None when the attribute is absent.
        med: MULTI_EXIT_DISC, or None when the attribute is absent.
        as_path_length: as the decision counts it (AS_SET 1, confederation segments 0).
        neighbor_as: first AS of the first AS_SEQUENCE, 0 when there is none.
        labels: the MPLS labels that stood in front of the routes, 3 octets each as on the wire;
            ``b""`` for routes without labels.
        export_memo: what the kernel export worked out for this set, as (rules, verdict); stale
            when the rules are not the present ones.  Kept here so that it lives as long as the set.
    """

    __slots__ = (
        "__weakref__",
        "as_path_length",
        "export_memo",
        "labels",
        "link_local",
        "local_pref",
        "med",
        "neighbor_as",
        "next_hop",
        "origin",
        "wire",
    )

    def __init__(
        self,
        wire: bytes,
        next_hop: bytes,
        link_local: bytes,
        origin: int,
        local_pref: int | None,
        med: int | None,
        as_path_length: int,
        neighbor_as: int,
        labels: bytes = b"",
    ) -> None:
        self.wire = wire
        self.next_hop = next_hop
        self.link_local = link_local
        self.origin = origin
        self.local_pref = local_pref
        self.med = med
        self.as_path_length = as_path_length
        self.neighbor_as = neighbor_as
        self.labels = labels
        self.export_memo: tuple[object, object] | None = None

    def __repr__(self) -> str:
        return f"PathAttributes({self.wire.hex()}, next_hop={self.next_hop.hex()})"

    def walk(self) -> Iterator[tuple[int, int, bytes]]:
        """Each attribute in ``wire`` as (flags, type code, value)."""
        wire = self.wire
        at = 0
        while at < len(wire):
            flags, code = wire[at], wire[at + 1]
            if flags & FLAG_EXTENDED:
                start = at + 4
                at = start + int.from_bytes(wire[at + 2 : at + 4], "big")
            else:
                start = at + 3
                at = start + wire[at + 2]
            yield flags, code, wire[start:at]

    def find(self, code: int) -> bytes | None:
        """The value of one attribute, or None when the set does not have it.

        Written flat: export rules ask it of every new attribute set.
        """
        wire = self.wire
        at = 0
        end = len(wire)
        while at < end:
            found = wire[at + 1]
            if wire[at] & FLAG_EXTENDED:
                start = at + 4
                at = start + (wire[at + 2] << 8 | wire[at + 3])
            else:
                start = at + 3
                at = start + wire[at + 2]
            if found >= code:
                return wire[start:at] if found == code else None
        return None

    @property
    def as_path(self) -> tuple[AsSegment, ...]:
        """AS_PATH as (segment type, AS numbers) in order."""
        value = self.find(AS_PATH) or b""
        segments: list[AsSegment] = []
        at = 0
        while at < len(value):
            kind, count = value[at], value[at + 1]
            end = at + 2 + 4 * count
            segments.append((kind, _read_u32s(value[at + 2 : end])))
            at = end
        return tuple(segments)

    @property
    def communities(self) -> tuple[int, ...]:
        """Standard communities, 32 bits each (RFC 1997)."""
        return _read_u32s(self.find(COMMUNITIES) or b"")

    @property
    def large_communities(self) -> tuple[tuple[int, int, int], ...]:
        """Large communities (RFC 8092)."""
        words = _read_u32s(self.find(LARGE_COMMUNITY) or b"")
        return tuple(zip(words[0::3], words[1::3], words[2::3], strict=True))

    @property
    def extended_communities(self) -> tuple[bytes, ...]:
        """Extended communities, 8 octets each (RFC 4360)."""
        value = self.find(EXTENDED_COMMUNITIES) or b""
        return tuple(value[at : at + 8] for at in range(0, len(value), 8))

    @property
    def originator_id(self) -> bytes | None:
        """ORIGINATOR_ID, 4 octets (RFC 4456)."""
        return self.find(ORIGINATOR_ID)

    @property
    def cluster_list(self) -> tuple[bytes, ...]:
        """CLUSTER_LIST, 4 octets each (RFC 4456)."""
        value = self.find(CLUSTER_LIST) or b""
        return tuple(value[at : at + 4] for at in range(0, len(value), 4))


def _read_u32s(octets: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(octets[at : at + 4], "big") for at in range(0, len(octets), 4))
