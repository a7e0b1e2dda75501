"""Path attributes from their canonical octets straight to the API's ``Attribute`` octets.

A table of writers by type code; an attribute without a row is written as ``UnknownAttribute``, so
nothing a path carries is lost.  The tests rebuild every attribute with the generated classes and
hold both equal.

Deviation from the octets: an empty AS_PATH is left out, since paths that were made here have one
only because every route needs it on the wire.  MP_REACH_NLRI is made from the next hop; its NLRI
differs per route and is therefore put in by ``route_writer``.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

from gobgp_trio.api.wire import (
    field_float,
    field_number,
    field_octets,
    field_packed,
    field_text,
    write_varint,
)
from gobgp_trio.types import attributes as codes
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_address

# Number of an attribute's member in the oneof of ``api.Attribute``.
MEMBER_UNKNOWN = 1
MEMBER_MP_REACH = 12

_PATTRS = b"\x12"  # Path.pattrs, tag octet
_PATTRS_BINARY = b"\xaa\x01"  # Path.pattrs_binary


def format_octets(octets: bytes) -> str:
    """An address of 4 or 16 octets as text, like ``format_address`` but five times as fast."""
    if len(octets) == 4:
        return inet_ntop(AF_INET, octets)
    if octets[:10] == bytes(10):  # inet_ntop writes some of these with a dotted tail
        return format_address(octets)
    return inet_ntop(AF_INET6, octets)


def write_family(family: Family) -> bytes:
    """Content of an ``api.Family``."""
    return field_number(1, family.afi) + field_number(2, family.safi)


@dataclass(frozen=True, slots=True)
class AttributeOctets:
    """The fields of one attribute set inside ``api.Path``, tags included.

    Attributes:
        before, after: everything before and after MP_REACH_NLRI, in type order.
        mp_reach: content of ``api.MpReachNLRIAttribute`` but for its NLRIs; None when the next hop
            is a NEXT_HOP attribute.
    """

    before: bytes
    mp_reach: bytes | None
    after: bytes

    def with_nlri(self, nlri: bytes) -> bytes:
        """All of it for a route whose ``api.NLRI`` has this content."""
        if self.mp_reach is None:
            return self.before
        member = field_octets(MEMBER_MP_REACH, self.mp_reach + field_octets(3, nlri))
        return self.before + _PATTRS + write_varint(len(member)) + member + self.after


def write_attributes(attributes: PathAttributes, family: Family) -> AttributeOctets:
    """The API's form of an attribute set of a route of ``family``."""
    needs_mp_reach = attributes.find(codes.NEXT_HOP) is None or family != Family.IPV4_UNICAST
    before: list[bytes] = []
    after: list[bytes] = []
    for flags, code, value in attributes.walk():
        if (needs_mp_reach and code == codes.NEXT_HOP) or (code == codes.AS_PATH and not value):
            continue
        target = after if needs_mp_reach and code > codes.MP_REACH_NLRI else before
        target.append(field_octets(2, write_attribute(flags, code, value)))
    if not needs_mp_reach:
        return AttributeOctets(b"".join(before), None, b"")
    mp_reach = field_octets(1, write_family(family)) + b"".join(
        field_text(2, format_octets(hop))
        for hop in (attributes.next_hop, attributes.link_local)
        if hop
    )
    return AttributeOctets(b"".join(before), mp_reach, b"".join(after))


def write_binary_attributes(attributes: PathAttributes, family: Family, nlri: bytes) -> bytes:
    """``Path.pattrs_binary``: each attribute as on the wire, MP_REACH_NLRI with this one route."""
    items = list(attributes.walk())
    if attributes.find(codes.NEXT_HOP) is None or family != Family.IPV4_UNICAST:
        hop = attributes.next_hop + attributes.link_local
        head = struct.pack("!HBB", family.afi, family.safi, len(hop))
        mp_reach = (codes.FLAG_OPTIONAL, codes.MP_REACH_NLRI, head + hop + b"\0" + nlri)
        items = [item for item in items if item[1] != codes.NEXT_HOP]
        items.append(mp_reach)
        items.sort(key=lambda item: item[1])
    fields = []
    for flags, code, value in items:
        if len(value) > 0xFF:
            octets = struct.pack("!BBH", flags | codes.FLAG_EXTENDED, code, len(value)) + value
        else:
            octets = bytes((flags & ~codes.FLAG_EXTENDED, code, len(value))) + value
        fields.append(_PATTRS_BINARY + write_varint(len(octets)) + octets)
    return b"".join(fields)


def write_attribute(flags: int, code: int, value: bytes) -> bytes:
    """Content of the ``api.Attribute`` of one attribute that is valid (``PathAttributes.wire``)."""
    row = _WRITERS.get(code)
    if code == codes.IPV6_EXTENDED_COMMUNITIES and not _is_all_known(value):
        row = None
    if row is not None:
        member, write = row
        return field_octets(member, write(value))
    unknown = field_number(1, flags & ~codes.FLAG_EXTENDED) + field_number(2, code)
    return field_octets(MEMBER_UNKNOWN, unknown + (field_octets(3, value) if value else b""))


def _words(value: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(value) // 4}I", value)


def _write_number(value: bytes) -> bytes:
    """For messages whose field 1 is the attribute's number."""
    return field_number(1, int.from_bytes(value, "big"))


def _write_as_path(value: bytes) -> bytes:
    fields = []
    at = 0
    while at < len(value):
        end = at + 2 + 4 * value[at + 1]
        segment = field_number(1, value[at]) + field_packed(2, _words(value[at + 2 : end]))
        fields.append(field_octets(1, segment))
        at = end
    return b"".join(fields)


def _write_address(value: bytes) -> bytes:
    """For messages whose field 1 is the attribute's address."""
    return field_text(1, format_octets(value))


def _write_nothing(_value: bytes) -> bytes:
    return b""


def _write_aggregator(value: bytes) -> bytes:
    as_number = int.from_bytes(value[:4], "big")
    return field_number(1, as_number) + field_text(2, format_octets(value[4:]))


def _write_communities(value: bytes) -> bytes:
    return field_packed(1, _words(value))


def _write_cluster_list(value: bytes) -> bytes:
    cluster_ids = (value[at : at + 4] for at in range(0, len(value), 4))
    return b"".join(field_text(1, format_octets(cluster_id)) for cluster_id in cluster_ids)


def _write_large_communities(value: bytes) -> bytes:
    words = _words(value)
    return b"".join(
        field_octets(1, field_number(1, first) + field_number(2, second) + field_number(3, third))
        for first, second, third in zip(words[0::3], words[1::3], words[2::3], strict=True)
    )


def _write_extended_communities(value: bytes) -> bytes:
    communities = (value[at : at + 8] for at in range(0, len(value), 8))
    return b"".join(field_octets(1, write_extended_community(octets)) for octets in communities)


def _write_aigp(value: bytes) -> bytes:
    """TLVs of type (1 octet), length (2, of the whole TLV), value; type 1 is the metric."""
    fields = []
    at = 0
    while at < len(value):
        kind, size = value[at], int.from_bytes(value[at + 1 : at + 3], "big")
        content = value[at + 3 : at + size]
        if kind == codes.AIGP_METRIC_TLV:
            tlv = field_octets(2, field_number(1, int.from_bytes(content, "big")))
        else:
            unknown = field_number(1, kind) + (field_octets(2, content) if content else b"")
            tlv = field_octets(1, unknown)
        fields.append(field_octets(1, tlv))
        at += size
    return b"".join(fields)


_IPV6_COMMUNITY_OCTETS = 20


def _is_all_known(value: bytes) -> bool:
    """Whether the API has a form for all of these IPv6 address specific communities."""
    starts = range(0, len(value), _IPV6_COMMUNITY_OCTETS)
    return all(value[at] & ~NON_TRANSITIVE == 0 for at in starts)


def _write_ipv6_communities(value: bytes) -> bytes:
    """Each is type (1 octet), subtype (1), address (16), number (2); RFC 5701 section 2."""
    fields = []
    for at in range(0, len(value), _IPV6_COMMUNITY_OCTETS):
        octets = value[at : at + _IPV6_COMMUNITY_OCTETS]
        head = field_number(1, not octets[0] & NON_TRANSITIVE) + field_number(2, octets[1])
        tail = field_number(4, int.from_bytes(octets[18:], "big"))
        community = head + field_text(3, format_octets(octets[2:18])) + tail
        fields.append(field_octets(1, field_octets(1, community)))
    return b"".join(fields)


# Type code -> (member of the oneof, writer of the member's content).
_WRITERS: dict[int, tuple[int, Callable[[bytes], bytes]]] = {
    codes.ORIGIN: (2, _write_number),
    codes.AS_PATH: (3, _write_as_path),
    codes.NEXT_HOP: (4, _write_address),
    codes.MULTI_EXIT_DISC: (5, _write_number),
    codes.LOCAL_PREF: (6, _write_number),
    codes.ATOMIC_AGGREGATE: (7, _write_nothing),
    codes.AGGREGATOR: (8, _write_aggregator),
    codes.COMMUNITIES: (9, _write_communities),
    codes.ORIGINATOR_ID: (10, _write_address),
    codes.CLUSTER_LIST: (11, _write_cluster_list),
    codes.EXTENDED_COMMUNITIES: (14, _write_extended_communities),
    codes.IPV6_EXTENDED_COMMUNITIES: (19, _write_ipv6_communities),
    codes.AIGP: (20, _write_aigp),
    codes.LARGE_COMMUNITY: (21, _write_large_communities),
}


# --- extended communities ------------------------------------------------------------------------

NON_TRANSITIVE = 0x40
TYPE_AS2, TYPE_IPV4, TYPE_AS4, TYPE_OPAQUE = 0x00, 0x01, 0x02, 0x03


def write_extended_community(octets: bytes) -> bytes:
    """Content of the ``api.ExtendedCommunity`` of 8 octets (RFC 4360).

    Those of the three administrator forms and the opaque ones that RFC 4360, 5668, 7432, 8097 and
    9012 define have messages of their own; the rest is ``UnknownExtended``: type octet, 7 octets.
    """
    return field_octets(*_describe_extended(octets))


def _describe_extended(octets: bytes) -> tuple[int, bytes]:
    """Member of the oneof and its content."""
    kind, sub_type = octets[0] & ~NON_TRANSITIVE, octets[1]
    is_transitive = not octets[0] & NON_TRANSITIVE
    head = field_number(1, is_transitive) + field_number(2, sub_type)
    if octets[:2] == b"\x40\x04":
        (bandwidth,) = struct.unpack("!f", octets[4:])
        as_number = int.from_bytes(octets[2:4], "big")
        return 5, field_number(1, as_number) + field_float(2, bandwidth)
    if kind == TYPE_AS2:
        as_number, local = struct.unpack("!HI", octets[2:])
        return 2, head + field_number(3, as_number) + field_number(4, local)
    if kind == TYPE_IPV4:
        local = int.from_bytes(octets[6:], "big")
        return 3, head + field_text(3, format_octets(octets[2:6])) + field_number(4, local)
    if kind == TYPE_AS4:
        as_number, local = struct.unpack("!IH", octets[2:])
        return 4, head + field_number(3, as_number) + field_number(4, local)
    if kind == TYPE_OPAQUE:
        return _describe_opaque(octets, is_transitive=is_transitive)
    return 1, field_number(1, octets[0]) + field_octets(2, octets[1:])


def _describe_opaque(octets: bytes, *, is_transitive: bool) -> tuple[int, bytes]:
    number = int.from_bytes(octets[4:], "big")
    if octets[:2] == b"\x43\x00" and octets[2:7] == bytes(5):
        return 6, field_number(1, octets[7])
    if octets[:4] == b"\x03\x0b\x00\x00":
        return 7, field_number(1, number)
    if octets[:6] == b"\x03\x0c\x00\x00\x00\x00":
        return 8, field_number(1, number)
    if octets == b"\x03\x0d" + bytes(6):
        return 9, b""
    return 10, field_number(1, is_transitive) + field_octets(3, octets[1:])
