"""What one peer is told about one path: whether at all, with which attributes and next hop.

Everything here depends on the path's attributes and source and on the session, never on the
prefix, so it runs once per path and session, not per route.

Rules:
    A path is never told to the peer it came from, nor an internal peer's path to another internal
    peer (RFC 4271 section 9.2) unless one of the two is our route-reflector client (RFC 4456).
    A reflected path goes on as it came, with ORIGINATOR_ID and our cluster in CLUSTER_LIST; it is
    not told to the peer that is its next hop, or traffic would circle.
    A path in which an external peer's own AS stands is not told to it, unless that is replaced on
    the way; one of this host is when the operator says so.
    NO_ADVERTISE stays here, NO_EXPORT and NO_EXPORT_SUBCONFED stay inside the AS (RFC 1997).
    Next hop (RFC 4271 section 5.1.3): ourselves towards an external peer, unless the path's own is
    in a network that we share with it ("third party"); towards an internal peer the path's own.
    Ourselves too for an imported network (unspecified next hop), for a next hop that is the peer
    itself, for one that the peer cannot take (an IPv6 one for an IPv4 route unless RFC 8950 was
    negotiated), and for a link-local one, which means nothing elsewhere.  A local path whose next
    hop an operator gave keeps it.
    IPv4 routes lead to our IPv6 address over an IPv6 session with RFC 8950, or without IPv4 there.
    MULTI_EXIT_DISC of a local path goes to external peers, one that was received does not.
    What crosses the border of a VRF, from a neighbor there to the VPN or the other way, is told as
    if it began here: to internal peers too, and with ourselves as the next hop.  Packets come
    without a label then, since we program none.  Customers are not told route targets.
    A VPN route of another router keeps its next hop and labels towards every peer: the labels are
    that router's, and we could not carry out what they mean.

Peers with equal ``Audience.kind`` are told everything alike, but for what ``may_tell`` holds back
from one of them and for next hops that are the peer itself.

Deviation from RFC 2545 section 3: a third party's next hop is sent without its link-local address.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import NamedTuple

from gobgp_trio.bgp.attr import Values, build_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.nlri import IMPLICIT_NULL
from gobgp_trio.bgp.outgoing import Outgoing, write_outgoing
from gobgp_trio.types.attributes import FLAG_TRANSITIVE, NEXT_HOP, PathAttributes
from gobgp_trio.types.family import AFI_IPV4, Family
from gobgp_trio.types.path import Path, SourceKind
from gobgp_trio.types.prefix import is_link_local, nlri_of_address
from gobgp_trio.types.sending import AS_IT_IS, SendingRules
from gobgp_trio.types.vpn import UNICAST_OF

NO_EXPORT = 0xFFFFFF01
NO_ADVERTISE = 0xFFFFFF02
NO_EXPORT_SUBCONFED = 0xFFFFFF03
_KEPT_INSIDE = frozenset((NO_EXPORT, NO_ADVERTISE, NO_EXPORT_SUBCONFED))
_WELL_KNOWN_MARK = b"\xff\xff\xff"  # all three begin with it


@dataclass(frozen=True, slots=True)
class SelfNextHops:
    """Our own addresses on a session's interface; ``b""`` where there is none.

    Attributes:
        ipv4: 4 octets.
        ipv6: 16 octets, global unless only a link-local one is known.
        ipv6_link_local: 16 octets, sent next to ``ipv6`` (RFC 2545 section 3).
    """

    ipv4: bytes = b""
    ipv6: bytes = b""
    ipv6_link_local: bytes = b""


@dataclass(frozen=True, slots=True)
class Reflection:
    """A session's part in route reflection (RFC 4456).

    Attributes:
        is_client: the peer is our client.
        cluster_id: 4 octets, of our cluster as far as this peer goes.
    """

    is_client: bool
    cluster_id: bytes


NO_REFLECTION = Reflection(is_client=False, cluster_id=b"")


class Audience:
    """One session as the export rules see it.

    Attributes:
        peer_name: the peer's address as text, with its scope: the name its ``Source`` has.
        peer_address: 4 or 16 octets.
        networks: NLRI keys of the networks that we share with an external peer one hop away.
        peer_as: of an external peer, 0 for an internal one.
        takes_loops: paths of this host are told although the peer's AS stands in them.
        vrf: the VRF that the session is in, "" for none.
        hides_next_hops: paths that peers brought lead to ourselves, whatever their next hop.
        for_local, for_learned: how attribute sets are written for it, made once per session.
    """

    __slots__ = (
        "_for_reflected",
        "_own_next_hops",
        "context",
        "for_learned",
        "for_local",
        "hides_next_hops",
        "networks",
        "next_hops",
        "peer_address",
        "peer_as",
        "peer_name",
        "reflection",
        "takes_loops",
        "vrf",
    )

    def __init__(
        self,
        context: CodecContext,
        peer_name: str,
        peer_address: bytes,
        next_hops: SelfNextHops,
        *,
        networks: tuple[bytes, ...] = (),
        reflection: Reflection = NO_REFLECTION,
        peer_as: int = 0,
        takes_loops: bool = False,
        rules: SendingRules = AS_IT_IS,
        vrf: str = "",
    ) -> None:
        self.context = context
        self.vrf = vrf
        self.peer_name = peer_name
        self.peer_address = peer_address
        self.next_hops = next_hops
        self.networks = networks if context.is_ebgp else ()
        self.reflection = reflection
        self.peer_as = peer_as if context.is_ebgp else 0
        self.takes_loops = takes_loops
        prepended = context.local_as if context.is_ebgp else None
        self.for_learned = Outgoing(
            context, prepend_as=prepended, rules=rules, hides_route_targets=bool(vrf)
        )
        self.for_local = replace(self.for_learned, keep_med=True)
        self.hides_next_hops = context.is_ebgp and not self.networks
        self._own_next_hops: dict[Family, tuple[bytes, bytes]] = {}
        self._for_reflected: dict[tuple[bytes, bytes], Outgoing] = {}

    @property
    def kind(self) -> Hashable:
        """Equal for sessions that are told everything alike."""
        return (
            self.for_learned,
            self.for_local,
            self.next_hops,
            self.networks,
            self.reflection,
            len(self.peer_address),
            self.vrf,
        )

    def own_next_hop(self, family: Family) -> tuple[bytes, bytes]:
        """Ourselves as a next hop and link-local next hop, ``b""`` for what there is not."""
        found = self._own_next_hops.get(family)
        if found is None:
            found = self._own_next_hops[family] = self._choose_own_next_hop(family)
        return found

    def _choose_own_next_hop(self, family: Family) -> tuple[bytes, bytes]:
        ours = self.next_hops
        if family is Family.IPV6_VPN:  # RFC 4659 section 3.2.1: of the session's own kind
            return (ours.ipv4 if len(self.peer_address) == 4 else ours.ipv6), b""
        if family.afi == AFI_IPV4:
            is_extended = family in self.context.extended_next_hop
            prefers_ipv6 = is_extended and (len(self.peer_address) == 16 or not ours.ipv4)
            if not (prefers_ipv6 and ours.ipv6):
                return ours.ipv4, b""
        return ours.ipv6, b"" if family in UNICAST_OF else ours.ipv6_link_local

    def edits(self, path: Path) -> Outgoing:
        source = path.source
        if not source.is_peer:
            return self.for_local
        if source.is_ebgp or self.context.is_ebgp or source.vrf != self.vrf:
            return self.for_learned
        added = source.router_id, source.cluster_id or self.reflection.cluster_id
        edits = self._for_reflected.get(added)
        if edits is None:
            originator_id, cluster_id = added
            edits = replace(self.for_learned, originator_id=originator_id, cluster_id=cluster_id)
            self._for_reflected[added] = edits
        return edits


class Announcement(NamedTuple):
    """How a path is put to a peer; paths with equal ones share UPDATEs.

    Attributes:
        octets: its attributes without next hop (``bgp.outgoing``).
        next_hop: 4 or 16 octets; ``b""`` when it should be ourselves and no address is known, so
            that the path cannot be told.
        link_local: 16 octets or ``b""``.
        labels: of VPN routes, 3 octets each.
    """

    octets: bytes
    next_hop: bytes
    link_local: bytes
    labels: bytes = b""


def may_tell(path: Path, audience: Audience) -> bool:
    """Whether the rules let this peer know of the path."""
    source = path.source
    is_ebgp = audience.context.is_ebgp
    if source.is_peer and source.vrf == audience.vrf:
        if source.name == audience.peer_name:
            return False
        if not (source.is_ebgp or is_ebgp or _may_reflect(path, audience)):
            return False
    if audience.peer_as and _is_loop(path, audience):
        return False
    if _WELL_KNOWN_MARK not in path.attributes.wire:
        return True
    kept_inside = _KEPT_INSIDE.intersection(path.attributes.communities)
    return NO_ADVERTISE not in kept_inside if not is_ebgp else not kept_inside


def _is_loop(path: Path, audience: Audience) -> bool:
    """Whether the peer would find its own AS in the path, and not take it."""
    peer_as = audience.peer_as
    if peer_as.to_bytes(4, "big") not in path.attributes.wire:
        return False
    if audience.for_learned.rules.replaced_as == peer_as:
        return False
    if audience.takes_loops and path.source.kind is not SourceKind.PEER:
        return False
    return any(peer_as in numbers for _, numbers in path.attributes.as_path)


def _may_reflect(path: Path, audience: Audience) -> bool:
    """Whether an internal peer's path goes to another internal peer (RFC 4456 section 6)."""
    if not (path.source.is_reflector_client or audience.reflection.is_client):
        return False
    return path.attributes.next_hop != audience.peer_address


def choose_next_hop(path: Path, family: Family, audience: Audience) -> tuple[bytes, bytes]:
    """The next hop and link-local next hop to send, ``b""`` for what there is not."""
    own = path.attributes.next_hop
    if path.source.vrf != audience.vrf:
        return audience.own_next_hop(family)
    if family in UNICAST_OF and any(own):
        return own, path.attributes.link_local
    if path.source.is_peer and audience.hides_next_hops:
        return audience.own_next_hop(family)
    is_kept = (
        not audience.context.is_ebgp
        or path.source.kind is SourceKind.LOCAL
        or _is_shared(own, audience)
    )
    is_extended = family in audience.context.extended_next_hop
    fits = len(own) == family.address_octets or (is_extended and len(own) == 16)
    if is_kept and fits and any(own) and own != audience.peer_address and not _is_tied(own):
        return own, b""
    return audience.own_next_hop(family)


def _is_tied(next_hop: bytes) -> bool:
    """Whether a next hop is good on one link alone."""
    return len(next_hop) == 16 and is_link_local(next_hop)


def _is_shared(next_hop: bytes, audience: Audience) -> bool:
    """Whether the peer reaches a next hop without us: in a network that we share with it."""
    return len(next_hop) == len(audience.peer_address) and any(
        nlri_of_address(next_hop, network[0]) == network for network in audience.networks
    )


def announce(path: Path, family: Family, audience: Audience) -> Announcement:
    """What a peer that may be told of the path is told."""
    next_hop, link_local = choose_next_hop(path, family, audience)
    octets = write_outgoing(path.attributes, audience.edits(path))
    return Announcement(octets, next_hop, link_local, _choose_labels(path, family, next_hop))


def _choose_labels(path: Path, family: Family, next_hop: bytes) -> bytes:
    """The labels to send: those of the router that the next hop is."""
    if family not in UNICAST_OF:
        return b""
    is_kept = next_hop == path.attributes.next_hop
    return (path.attributes.labels if is_kept else b"") or IMPLICIT_NULL


def attributes_as_sent(path: Path, family: Family, audience: Audience) -> PathAttributes:
    """The attribute set a peer has once it was told of the path, AS numbers in 4 octets.

    For showing Adj-RIB-Out, which keeps the paths and not what became of them on their way.
    """
    next_hop, link_local = choose_next_hop(path, family, audience)
    edits = audience.edits(path)
    wide = replace(edits, context=replace(edits.context, four_octet_as=True))
    octets = write_outgoing(path.attributes, wide)
    sent = PathAttributes(octets, next_hop, link_local, 0, None, None, 0, 0)
    values: Values = {code: (flags, value) for flags, code, value in sent.walk()}
    if len(next_hop) == 4:
        values[NEXT_HOP] = (FLAG_TRANSITIVE, next_hop)
    labels = _choose_labels(path, family, next_hop)
    return build_attributes(values, next_hop, link_local, labels)
