"""What one peer is told about one path: whether at all, with which attributes and next hop.

Everything here depends on the path's attributes and source and on the session, never on the
prefix, so it runs once per path and session, not per route.

Rules:
    A path is never told to the peer it came from, nor an internal peer's path to another internal
    peer (RFC 4271 section 9.2; route reflection will be the exception, RFC 4456).
    NO_ADVERTISE stays here, NO_EXPORT and NO_EXPORT_SUBCONFED stay inside the AS (RFC 1997).
    Next hop (RFC 4271 section 5.1.3): ourselves towards an external peer; towards an internal peer
    the path's own.  Ourselves too for an imported network (unspecified next hop), for a next hop
    that is the peer itself, and for one of another address family.  A local path whose next hop
    an operator gave keeps it.
    MULTI_EXIT_DISC of a local path goes to external peers, one that was received does not.

Deviation from RFC 4271 section 5.1.3: no third-party next hop towards external peers.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from gobgp_trio.bgp.attr import Values, build_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.outgoing import Outgoing, write_outgoing
from gobgp_trio.types.attributes import FLAG_TRANSITIVE, NEXT_HOP, PathAttributes
from gobgp_trio.types.family import AFI_IPV4, Family
from gobgp_trio.types.path import Path, SourceKind

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


class Audience:
    """One session as the export rules see it.

    Attributes:
        peer_name: the peer's address as text, with its scope: the name its ``Source`` has.
        peer_address: 4 or 16 octets.
        for_local, for_learned: how attribute sets are written for it, made once per session.
    """

    __slots__ = ("context", "for_learned", "for_local", "next_hops", "peer_address", "peer_name")

    def __init__(
        self, context: CodecContext, peer_name: str, peer_address: bytes, next_hops: SelfNextHops
    ) -> None:
        self.context = context
        self.peer_name = peer_name
        self.peer_address = peer_address
        self.next_hops = next_hops
        prepended = context.local_as if context.is_ebgp else None
        self.for_learned = Outgoing(context, prepend_as=prepended)
        self.for_local = Outgoing(context, prepend_as=prepended, keep_med=True)

    def edits(self, path: Path) -> Outgoing:
        return self.for_learned if path.source.kind is SourceKind.PEER else self.for_local


class Announcement(NamedTuple):
    """How a path is put to a peer; paths with equal ones share UPDATEs.

    Attributes:
        octets: its attributes without next hop (``bgp.outgoing``).
        next_hop: 4 or 16 octets; ``b""`` when it should be ourselves and no address is known, so
            that the path cannot be told.
        link_local: 16 octets or ``b""``.
    """

    octets: bytes
    next_hop: bytes
    link_local: bytes


def may_tell(path: Path, audience: Audience) -> bool:
    """Whether the rules let this peer know of the path."""
    source = path.source
    is_ebgp = audience.context.is_ebgp
    if source.kind is SourceKind.PEER and (
        source.name == audience.peer_name or not (source.is_ebgp or is_ebgp)
    ):
        return False
    if _WELL_KNOWN_MARK not in path.attributes.wire:
        return True
    kept_inside = _KEPT_INSIDE.intersection(path.attributes.communities)
    return NO_ADVERTISE not in kept_inside if not is_ebgp else not kept_inside


def choose_next_hop(path: Path, family: Family, audience: Audience) -> tuple[bytes, bytes]:
    """The next hop and link-local next hop to send, ``b""`` for what there is not."""
    own = path.attributes.next_hop
    is_kept = not audience.context.is_ebgp or path.source.kind is SourceKind.LOCAL
    if is_kept and len(own) == family.address_octets and any(own) and own != audience.peer_address:
        return own, b""
    ours = audience.next_hops
    if family.afi == AFI_IPV4:
        return ours.ipv4, b""
    return ours.ipv6, ours.ipv6_link_local


def announce(path: Path, family: Family, audience: Audience) -> Announcement:
    """What a peer that may be told of the path is told."""
    next_hop, link_local = choose_next_hop(path, family, audience)
    octets = write_outgoing(path.attributes, audience.edits(path))
    return Announcement(octets, next_hop, link_local)


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
    return build_attributes(values, next_hop, link_local)
