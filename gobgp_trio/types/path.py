"""A path: attributes as one source sent them.  One object serves all NLRIs of an UPDATE."""

from enum import Enum

from gobgp_trio.types.attributes import PathAttributes


class SourceKind(Enum):
    """Where a path comes from."""

    PEER = "peer"
    LOCAL = "local"  # gobgp global rib add, AddPath
    NETLINK = "netlink"  # an interface of this host


class Source:
    """What the decision process and the export rules know of a path's origin.

    One object per peer session, per interface that networks are imported from, and one for local
    paths; compared by identity.  A peer that comes back gets a new one.

    Attributes:
        is_peer: of the kind PEER, which is asked for every path and so kept at hand.
        name: the peer's address as text, or the interface's name, or ``"local"``.
        is_ebgp: learned over an external session.
        peer_as, router_id (4 octets), address (4 or 16 octets): of the peer; zeros for others.
        interface_index: the session's interface, for link-local next hops; 0 when unknown.
        is_reflector_client: the peer is our route-reflector client (RFC 4456).
        cluster_id: 4 octets, of the cluster in which it is one; ``b""`` when it is none.
        vrf: the VRF of this host that it belongs to, "" for none.
        rd: the route distinguisher that its paths have in the VPN tables, as far as a VRF's tables
            go; ``b""`` elsewhere.
    """

    __slots__ = (
        "address",
        "cluster_id",
        "interface_index",
        "is_ebgp",
        "is_peer",
        "is_reflector_client",
        "kind",
        "name",
        "peer_as",
        "rd",
        "router_id",
        "vrf",
    )

    def __init__(
        self,
        kind: SourceKind,
        name: str,
        *,
        is_ebgp: bool = False,
        peer_as: int = 0,
        router_id: bytes = bytes(4),
        address: bytes = b"",
        interface_index: int = 0,
        is_reflector_client: bool = False,
        cluster_id: bytes = b"",
        vrf: str = "",
        rd: bytes = b"",
    ) -> None:
        self.kind = kind
        self.is_peer = kind is SourceKind.PEER
        self.name = name
        self.is_ebgp = is_ebgp
        self.peer_as = peer_as
        self.router_id = router_id
        self.address = address
        self.interface_index = interface_index
        self.is_reflector_client = is_reflector_client
        self.cluster_id = cluster_id
        self.vrf = vrf
        self.rd = rd

    def under_rd(self, rd: bytes) -> "Source":
        """The same for the paths that it has under one route distinguisher."""
        return Source(
            self.kind,
            self.name,
            is_ebgp=self.is_ebgp,
            peer_as=self.peer_as,
            router_id=self.router_id,
            address=self.address,
            interface_index=self.interface_index,
            is_reflector_client=self.is_reflector_client,
            cluster_id=self.cluster_id,
            vrf=self.vrf,
            rd=rd,
        )

    def __repr__(self) -> str:
        return f"Source({self.kind.value} {self.name})"


class MedGroup:
    """Paths that MED is compared among; one object for all of them, told apart by identity."""

    __slots__ = ("__weakref__",)


class Standing:
    """A path's numbers in the steps of a decision process, which alone makes and reads them.

    Attributes:
        decision: whose steps these are.
        order: a number for each step, 0 for MED.
        med_group: the paths that MED is compared among.
        med: the number for MED.
    """

    __slots__ = ("decision", "med", "med_group", "order")

    def __init__(
        self, decision: object, order: tuple[float, ...], med_group: MedGroup, med: float
    ) -> None:
        self.decision = decision
        self.order = order
        self.med_group = med_group
        self.med = med


class Path:
    """One source's offer for every NLRI that maps to it.  What it says never changes.

    Attributes:
        received_s: seconds since the epoch when it was received (shown as the path's age).
        rejected: why it takes no part in the decision (``"AS loop"``...), or ``""``; a rejected
            path stays in Adj-RIB-In, so that it can be shown and re-evaluated.
        standing: what the decision process worked out when the path first had a rival, or None.
    """

    __slots__ = ("attributes", "received_s", "rejected", "source", "standing")

    def __init__(
        self, source: Source, attributes: PathAttributes, received_s: float, rejected: str = ""
    ) -> None:
        self.source = source
        self.attributes = attributes
        self.received_s = received_s
        self.rejected = rejected
        self.standing: Standing | None = None

    def __repr__(self) -> str:
        return f"Path({self.source!r}, {self.attributes!r})"


# What changed in one table, newest state per NLRI key: the new best path, or None when the
# prefix has none any more.  Built in batches and merged by consumers with ``dict.update``.
BestChanges = dict[bytes, Path | None]
