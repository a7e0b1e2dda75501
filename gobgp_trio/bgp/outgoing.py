"""Path attributes on their way out: what a peer is sent for an attribute set.

Called once per attribute set and group of equal peers, so it splices the canonical octets and
decodes only what it changes.  The usual set on its way to an external peer takes a short way, which
is written flat and gives what the long one gives (the tests hold them together).  NEXT_HOP and
MP_REACH_NLRI are not made here: they differ per family and ``bgp.update.write_reach`` puts them in.

Rules (RFC 4271 section 5, RFC 4456 section 8, RFC 6793 section 4): to an external peer our AS goes
in front, and LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST, non-transitive attributes and non-transitive
extended communities stay behind; to an internal peer LOCAL_PREF is always there.

What the operator asks besides (``SendingRules``) concerns what is in a path before our AS comes in
front.  A private AS number is one wherever it stands, in an AS_SET too; a segment of which nothing
is left goes.
"""

from dataclasses import dataclass, field

from gobgp_trio.bgp.as_path import (
    narrow_as_path,
    prepend_as,
    read_as_path,
    without_confederation,
    write_as_path,
)
from gobgp_trio.bgp.attr import (
    OPTIONAL_NON_TRANSITIVE,
    OPTIONAL_TRANSITIVE,
    WELL_KNOWN,
    write_attribute,
)
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.message import AS_TRANS
from gobgp_trio.bgp.wire import MAX_U16, u16, u32
from gobgp_trio.types.attributes import (
    AGGREGATOR,
    AS4_AGGREGATOR,
    AS4_PATH,
    AS_CONFED_SEQUENCE,
    AS_PATH,
    AS_SEQUENCE,
    CLUSTER_LIST,
    COMMUNITIES,
    EXTENDED_COMMUNITIES,
    FLAG_EXTENDED,
    FLAG_TRANSITIVE,
    IPV6_EXTENDED_COMMUNITIES,
    LARGE_COMMUNITY,
    LOCAL_PREF,
    MULTI_EXIT_DISC,
    NEXT_HOP,
    ORIGINATOR_ID,
    AsSegment,
    PathAttributes,
)
from gobgp_trio.types.communities import is_route_target
from gobgp_trio.types.sending import AS_IT_IS, PrivateAs, SendingRules, is_private_as

DEFAULT_LOCAL_PREF = 100

_ORIGIN_HEAD = b"\x40\x01\x01"
_AS_PATH_HEAD = b"\x40\x02"
# One AS number more still has a length in one octet, and fewer than 255 are in a segment.
_MAX_PLAIN_PATH_OCTETS = 0xFF - 4

_COMMUNITIES = frozenset(
    (COMMUNITIES, EXTENDED_COMMUNITIES, IPV6_EXTENDED_COMMUNITIES, LARGE_COMMUNITY)
)

_NON_TRANSITIVE_COMMUNITY = 0x40  # in the type octet (RFC 4360 section 2)
_EXTENDED_OCTETS = {EXTENDED_COMMUNITIES: 8, IPV6_EXTENDED_COMMUNITIES: 20}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """How a group of equal peers is sent attribute sets.

    Attributes:
        prepend_as: AS number to put in front of AS_PATH, None for internal peers.
        local_pref: LOCAL_PREF of a path that has none, None for the default 100; internal peers
            only.
        keep_med: send MULTI_EXIT_DISC to an external peer (internal peers always get it).
        originator_id: for a reflected path that has no ORIGINATOR_ID (RFC 4456), 4 octets.
        cluster_id: put in front of CLUSTER_LIST when reflecting, 4 octets.
        rules: what the operator wants changed.
        hides_route_targets: the peer is a customer in a VRF, whom they do not concern.
        plain_as: the octets of ``prepend_as`` when the peer is external and nothing but the usual
            is done to a set, else ``b""``.
    """

    context: CodecContext
    prepend_as: int | None = None
    local_pref: int | None = None
    keep_med: bool = False
    originator_id: bytes | None = None
    cluster_id: bytes | None = None
    rules: SendingRules = AS_IT_IS
    hides_route_targets: bool = False
    plain_as: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        context = self.context
        is_usual = context.is_ebgp and context.four_octet_as and self.rules == AS_IT_IS
        octets = u32(self.prepend_as) if is_usual and self.prepend_as is not None else b""
        object.__setattr__(self, "plain_as", octets)


def write_outgoing(attributes: PathAttributes, edits: Outgoing) -> bytes:
    """The attributes to send, in type order, without NEXT_HOP and MP_REACH_NLRI."""
    if edits.plain_as:
        octets = _write_plain(attributes.wire, edits.plain_as, keep_med=edits.keep_med)
        if octets is not None:
            return octets
    return write_outgoing_long(attributes, edits)


def _write_plain(wire: bytes, our_as: bytes, *, keep_med: bool) -> bytes | None:
    """The short way; None for a set that has not ORIGIN, a short AS_PATH that begins with an
    AS_SEQUENCE or is empty, and no extended communities.
    """
    if wire[:3] != _ORIGIN_HEAD or wire[4:6] != _AS_PATH_HEAD:
        return None
    size = wire[6]
    if not size:
        head = b"\x40\x02\x06\x02\x01"
    elif wire[7] == AS_SEQUENCE and size <= _MAX_PLAIN_PATH_OCTETS:
        head = bytes((0x40, AS_PATH, size + 4, AS_SEQUENCE, wire[8] + 1))
    else:
        return None
    at = kept_from = 7 + size
    pieces = [wire[:4], head, our_as, wire[9:at]]
    end = len(wire)
    while at < end:
        flags, code = wire[at], wire[at + 1]
        if code in _EXTENDED_OCTETS:
            return None
        is_kept = flags & FLAG_TRANSITIVE and code != NEXT_HOP and code != LOCAL_PREF
        stop = at + 3 + wire[at + 2]
        if flags & FLAG_EXTENDED:
            stop = at + 4 + (wire[at + 2] << 8 | wire[at + 3])
        if not (is_kept or (keep_med and code == MULTI_EXIT_DISC)):
            pieces.append(wire[kept_from:at])
            kept_from = stop
        at = stop
    pieces.append(wire[kept_from:])
    return b"".join(pieces)


def write_outgoing_long(attributes: PathAttributes, edits: Outgoing) -> bytes:
    """What ``write_outgoing`` gives, for any set and any peer."""
    wire = attributes.wire
    is_ebgp = edits.context.is_ebgp
    withheld = _COMMUNITIES - edits.rules.communities.value
    pieces: dict[int, bytes] = {}
    at = 0
    while at < len(wire):
        flags, code = wire[at], wire[at + 1]
        if flags & FLAG_EXTENDED:
            start = at + 4
            stop = start + (wire[at + 2] << 8 | wire[at + 3])
        else:
            start = at + 3
            stop = start + wire[at + 2]
        if code == AS_PATH:
            _write_as_path(pieces, wire[start:stop], edits)
        elif code in withheld:
            pass
        elif code == AGGREGATOR and not edits.context.four_octet_as:
            _write_aggregator(pieces, flags, wire[start:stop])
        elif code in _EXTENDED_OCTETS and (is_ebgp or edits.hides_route_targets):
            _write_extended_communities(pieces, flags, code, wire[start:stop], edits)
        elif not is_ebgp or _leaves_the_as(flags, code, edits):
            pieces[code] = wire[at:stop]
        at = stop
    pieces.pop(NEXT_HOP, None)
    if not is_ebgp:
        _add_internal(pieces, attributes, edits)
    return b"".join([pieces[code] for code in sorted(pieces)])


def _leaves_the_as(flags: int, code: int, edits: Outgoing) -> bool:
    if code == MULTI_EXIT_DISC:
        return edits.keep_med
    return code != LOCAL_PREF and bool(flags & FLAG_TRANSITIVE)


def _write_as_path(pieces: dict[int, bytes], value: bytes, edits: Outgoing) -> None:
    if edits.context.is_ebgp and value and value[0] >= AS_CONFED_SEQUENCE:
        value = write_as_path(without_confederation(read_as_path(value, 4)))
    if edits.rules.edits_as_path and value:
        value = _apply_rules(value, edits)
    if edits.prepend_as is not None:
        value = prepend_as(value, edits.prepend_as)
    if not edits.context.four_octet_as:
        value, as4_path = narrow_as_path(value)
        if as4_path:
            pieces[AS4_PATH] = write_attribute(OPTIONAL_TRANSITIVE, AS4_PATH, as4_path)
    pieces[AS_PATH] = write_attribute(WELL_KNOWN, AS_PATH, value)


def _apply_rules(value: bytes, edits: Outgoing) -> bytes:
    """AS_PATH with the operator's changes; the peer is external."""
    rules = edits.rules
    our_as = edits.context.local_as
    segments: list[AsSegment] = []
    for kind, numbers in read_as_path(value, 4):
        if rules.private_as is PrivateAs.REMOVE:
            numbers = tuple(as_ for as_ in numbers if not is_private_as(as_))
        elif rules.private_as is PrivateAs.REPLACE:
            numbers = tuple(our_as if is_private_as(as_) else as_ for as_ in numbers)
        if numbers:
            replaced = (our_as if as_ == rules.replaced_as else as_ for as_ in numbers)
            segments.append((kind, tuple(replaced)))
    return write_as_path(segments)


def _write_aggregator(pieces: dict[int, bytes], flags: int, value: bytes) -> None:
    """AGGREGATOR in the 2-octet form, with AS4_AGGREGATOR when that loses the AS number."""
    as_ = int.from_bytes(value[:4], "big")
    narrow = as_
    if as_ > MAX_U16:
        narrow = AS_TRANS
        pieces[AS4_AGGREGATOR] = write_attribute(OPTIONAL_TRANSITIVE, AS4_AGGREGATOR, value)
    pieces[AGGREGATOR] = write_attribute(flags, AGGREGATOR, u16(narrow) + value[4:])


def _write_extended_communities(
    pieces: dict[int, bytes], flags: int, code: int, value: bytes, edits: Outgoing
) -> None:
    """Those of either kind that leave the AS, or the VRF."""
    size = _EXTENDED_OCTETS[code]
    split = [value[at : at + size] for at in range(0, len(value), size)]
    if edits.context.is_ebgp:
        split = [one for one in split if not one[0] & _NON_TRANSITIVE_COMMUNITY]
    if edits.hides_route_targets:
        split = [one for one in split if not is_route_target(one)]
    if split:
        pieces[code] = write_attribute(flags, code, b"".join(split))


def _add_internal(pieces: dict[int, bytes], attributes: PathAttributes, edits: Outgoing) -> None:
    """What an internal peer gets although the path may not have it."""
    if LOCAL_PREF not in pieces:
        local_pref = DEFAULT_LOCAL_PREF if edits.local_pref is None else edits.local_pref
        pieces[LOCAL_PREF] = write_attribute(WELL_KNOWN, LOCAL_PREF, u32(local_pref))
    if edits.originator_id is not None and ORIGINATOR_ID not in pieces:
        pieces[ORIGINATOR_ID] = write_attribute(
            OPTIONAL_NON_TRANSITIVE, ORIGINATOR_ID, edits.originator_id
        )
    if edits.cluster_id is not None:
        cluster_list = edits.cluster_id + b"".join(attributes.cluster_list)
        pieces[CLUSTER_LIST] = write_attribute(OPTIONAL_NON_TRANSITIVE, CLUSTER_LIST, cluster_list)
