"""UPDATE messages off the wire and onto it (RFC 4271 section 4.3, RFC 4760, RFC 7606).

Reading takes one of two ways.  The short one serves messages that hold routes of one kind with
attributes that are known or of the usual shape: it is on the path of every route and written flat.
Everything else, all errors among it, goes the long way through the tables of ``bgp.attr``, which
gives the same answer for what the short way accepts (the tests hold them together).

Rules: ``unreach`` is to be applied before ``reach``, so that a prefix in both is reachable (RFC
4271 section 4.3).  Routes of a family that was not negotiated are ignored.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from gobgp_trio.bgp.attr import (
    OPTIONAL_NON_TRANSITIVE,
    WELL_KNOWN,
    Action,
    AttrFault,
    RawAttribute,
    Values,
    build_attributes,
    find_missing,
    is_host_address,
    read_values,
    write_attribute,
)
from gobgp_trio.bgp.attribute_table import (
    PLAIN_HEADS_EXTERNAL,
    PLAIN_HEADS_INTERNAL,
    AttributeTable,
    read_plain,
)
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.error_codes import (
    INVALID_NETWORK_FIELD,
    MALFORMED_ATTRIBUTE_LIST,
    UPDATE_ERROR,
)
from gobgp_trio.bgp.message import HEADER_OCTETS, MARKER, UPDATE, write_message
from gobgp_trio.bgp.multiprotocol import (
    MpRoutes,
    make_mp_families,
    read_mp_reach,
    read_mp_unreach,
    split_next_hop,
    take_single,
    walk_attributes,
    with_rds,
)
from gobgp_trio.bgp.nlri import (
    NLRI_TABLE,
    WITHDRAWN_LABELS,
    MalformedNlri,
    split_unicast,
    write_labelled,
)
from gobgp_trio.bgp.wire import PeerFault, u16
from gobgp_trio.types.attributes import (
    FLAG_EXTENDED,
    FLAG_OPTIONAL,
    MP_REACH_NLRI,
    MP_UNREACH_NLRI,
    NEXT_HOP,
    PathAttributes,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import is_ipv4_mapped
from gobgp_trio.types.vpn import RD_OCTETS

_IPV4 = Family.IPV4_UNICAST
# In front of labels in a key of interned attributes, with the number of their octets.
_LABELS_MARK = 0x80
_UPDATE_HEAD = bytes((UPDATE, 0, 0))  # with no withdrawn routes


class Update:
    """What one UPDATE says.

    Attributes:
        reach: (family, attributes, NLRI keys) of routes offered.
        unreach: (family, NLRI keys) of routes withdrawn, those treated as withdrawn among them.
        end_of_rib: the family whose initial routes end here (RFC 4724 section 2), or None.
        faults: errors that did not end the session, for the log.
    """

    __slots__ = ("end_of_rib", "faults", "reach", "unreach")

    def __init__(self) -> None:
        self.reach: list[tuple[Family, PathAttributes, list[bytes]]] = []
        self.unreach: list[tuple[Family, list[bytes]]] = []
        self.end_of_rib: Family | None = None
        self.faults: list[AttrFault] = []


class UpdateDecoder:
    """Reads the UPDATEs of one session."""

    __slots__ = (
        "_canonical",
        "_context",
        "_has_ipv4",
        "_known",
        "_mp_families",
        "_plain_heads",
        "_treats_as_withdraw",
    )

    def __init__(
        self, context: CodecContext, table: AttributeTable, *, treats_as_withdraw: bool = True
    ) -> None:
        """Without ``treats_as_withdraw`` an error that would withdraw routes ends the session."""
        self._context = context
        self._treats_as_withdraw = treats_as_withdraw
        self._known = table.kind(four_octet_as=context.four_octet_as, is_ebgp=context.is_ebgp)
        self._canonical = table.kind(four_octet_as=True, is_ebgp=context.is_ebgp)
        self._plain_heads = PLAIN_HEADS_EXTERNAL if context.is_ebgp else PLAIN_HEADS_INTERNAL
        self._has_ipv4 = _IPV4 in context.families
        self._mp_families = make_mp_families(context)

    def read(self, body: bytes) -> Update:
        """Read an UPDATE's body.

        Wire: length of withdrawn routes (2 octets), withdrawn NLRIs, length of attributes (2),
        attributes, NLRIs.

        Raises:
            PeerFault: 3/x, an error that cannot be confined to the message's routes.
        """
        end = len(body)
        attributes_at = 4 + (body[0] << 8 | body[1]) if end >= 4 else end + 1
        if attributes_at > end:
            raise _list_fault("withdrawn routes", attributes_at, end)
        nlri_at = attributes_at + (body[attributes_at - 2] << 8 | body[attributes_at - 1])
        if nlri_at > end:
            raise _list_fault("path attributes", nlri_at, end)
        update = Update()
        if attributes_at > 4:
            self._add_withdrawn(update, body, 2, attributes_at - 2)
        if attributes_at < nlri_at:
            block = body[attributes_at:nlri_at]
            if nlri_at == end:
                if not self._read_mp_short(update, block):
                    self._read_long(update, block, body, nlri_at)
                return update
            if self._has_ipv4:
                attributes = self._known.get(block)
                if attributes is None and self._context.four_octet_as:
                    attributes = read_plain(block, self._plain_heads)
                    if attributes is not None:
                        self._known.put(block, attributes)
                if attributes is not None:
                    update.reach.append((_IPV4, attributes, _split_ipv4(body, nlri_at, end)))
                    return update
            self._read_long(update, block, body, nlri_at)
        elif nlri_at < end:
            self._read_long(update, b"", body, nlri_at)
        elif end == 4 and self._has_ipv4:
            update.end_of_rib = _IPV4
        return update

    def _add_withdrawn(self, update: Update, body: bytes, at: int, end: int) -> None:
        nlris = _split_ipv4(body, at, end)
        if self._has_ipv4:
            update.unreach.append((_IPV4, nlris))

    # --- the short way ---------------------------------------------------------------------

    def _read_mp_short(self, update: Update, block: bytes) -> bool:
        """Routes in MP_REACH_NLRI with usual attributes; False when it is anything else.

        Attributes around it are judged as one block: known, or of usual shape, which a second
        MP attribute or an overrun is not.
        """
        start, end = 0, len(block)
        while True:
            if start + 4 > end:
                return False
            flags = block[start]
            if flags & FLAG_EXTENDED:
                value_at = start + 4
                stop = value_at + (block[start + 2] << 8 | block[start + 3])
            else:
                value_at = start + 3
                stop = value_at + block[start + 2]
            if block[start + 1] == MP_REACH_NLRI:
                break
            start = stop
        if flags & ~FLAG_EXTENDED != FLAG_OPTIONAL or stop > end or stop - value_at < 5:
            return False
        mp_family = self._mp_families.get(block[value_at : value_at + 3])
        hop_octets = block[value_at + 3]
        nlri_at = value_at + 5 + hop_octets
        if mp_family is None or hop_octets not in mp_family.next_hop_octets or nlri_at > stop:
            return False
        if mp_family.is_labelled:
            return False
        rest = block[:start] + block[stop:]
        key = block[value_at + 3 : nlri_at - 1] + rest
        attributes = self._known.get(key)
        if attributes is None:
            attributes = self._read_mp_plain(key, rest)
            if attributes is None:
                return False
        try:
            nlris = mp_family.split(block, nlri_at, stop)
        except MalformedNlri:
            return False
        update.reach.append((mp_family.family, attributes, nlris))
        return True

    def _read_mp_plain(self, key: bytes, rest: bytes) -> PathAttributes | None:
        """A new attribute set with a next hop of its own, None when it is not of usual shape."""
        if key[0] < 16 or not self._context.four_octet_as:
            return None
        next_hop, link_local = split_next_hop(key[1 : 1 + key[0]])
        if not is_host_address(next_hop) or is_ipv4_mapped(next_hop):
            return None
        attributes = read_plain(rest, self._plain_heads, next_hop, link_local)
        if attributes is not None:
            self._known.put(key, attributes)
        return attributes

    # --- the long way ----------------------------------------------------------------------

    def _read_long(self, update: Update, block: bytes, body: bytes, nlri_at: int) -> None:
        """Read any attributes, with the NLRIs at the end of ``body``, judging all errors."""
        items, faults = walk_attributes(block)
        reach = take_single(items, MP_REACH_NLRI)
        unreach = take_single(items, MP_UNREACH_NLRI)
        has_nlri = nlri_at < len(body)
        nlris = _split_ipv4(body, nlri_at, len(body))
        if unreach is not None:
            is_alone = not items and reach is None and len(block) == len(body) - 4
            self._add_mp_unreach(update, unreach, is_alone=is_alone)
        mp_routes = None
        if reach is not None:
            mp_routes, reach_faults = read_mp_reach(reach, self._mp_families)
            faults += reach_faults
            if not has_nlri:  # NEXT_HOP means nothing then (RFC 4760 section 3)
                items = [item for item in items if item[1] != NEXT_HOP]
        values, value_faults = read_values(items, self._context)
        faults += value_faults
        if has_nlri or reach is not None:
            faults += find_missing(values, needs_next_hop=has_nlri)
        may_withdraw = self._treats_as_withdraw and (has_nlri or reach is not None)
        _raise_reset(faults, may_withdraw=may_withdraw)
        update.faults += faults
        is_withdrawn = any(fault.action is Action.WITHDRAW for fault in update.faults)
        if has_nlri and self._has_ipv4:
            if is_withdrawn:
                update.unreach.append((_IPV4, nlris))
            else:
                is_whole = not faults and unreach is None and reach is None
                attributes = self._intern(
                    values, values[NEXT_HOP][1], b"", block if is_whole else None
                )
                update.reach.append((_IPV4, attributes, nlris))
        if mp_routes is not None:
            if is_withdrawn:
                update.unreach.append((mp_routes.family, mp_routes.nlris))
            else:
                self._add_mp_routes(update, values, mp_routes)

    def _add_mp_unreach(self, update: Update, item: RawAttribute, *, is_alone: bool) -> None:
        """What MP_UNREACH_NLRI withdraws; alone and without NLRIs it is an End-of-RIB."""
        withdrawn, faults = read_mp_unreach(item, self._mp_families)
        update.faults += faults  # never a reset: its routes are withdrawn either way
        if withdrawn is not None:
            family, nlris = withdrawn
            if is_alone and not nlris:
                update.end_of_rib = family
            else:
                update.unreach.append(withdrawn)

    def _add_mp_routes(self, update: Update, values: Values, routes: MpRoutes) -> None:
        values.pop(NEXT_HOP, None)
        if len(routes.next_hop) == 4:
            values[NEXT_HOP] = (WELL_KNOWN, routes.next_hop)
        for labels, nlris in routes.groups.items():
            attributes = self._intern(values, routes.next_hop, routes.link_local, None, labels)
            update.reach.append((routes.family, attributes, nlris))

    def _intern(
        self,
        values: Values,
        next_hop: bytes,
        link_local: bytes,
        raw_key: bytes | None,
        labels: bytes = b"",
    ) -> PathAttributes:
        """The one object for these values; ``raw_key`` finds it again without reading."""
        attributes = build_attributes(values, next_hop, link_local, labels)
        key = attributes.wire
        if NEXT_HOP not in values:
            hops = next_hop + link_local
            key = bytes((len(hops),)) + hops + key
        if labels:
            key = bytes((_LABELS_MARK | len(labels),)) + labels + key
        known = self._canonical.get(key)
        if known is not None:
            attributes = known
        else:
            self._canonical.put(key, attributes)
        if raw_key is not None and not (self._known is self._canonical and raw_key == key):
            self._known.put(raw_key, attributes)
        return attributes


def _raise_reset(faults: list[AttrFault], *, may_withdraw: bool) -> None:
    """End the session when a fault cannot be confined.

    An error that withdraws routes does, too, unless ``may_withdraw``: without routes there is
    nothing to treat as withdrawn, and the error may be that they could not be found (RFC 7606
    section 5.2).
    """
    limit = Action.RESET if may_withdraw else Action.WITHDRAW
    for fault in faults:
        if fault.action >= limit:
            raise PeerFault(UPDATE_ERROR, fault.subcode, fault.octets, str(fault))


def _list_fault(what: str, wanted: int, found: int) -> PeerFault:
    text = f"{what} reach to octet {wanted} of {found}"
    return PeerFault(UPDATE_ERROR, MALFORMED_ATTRIBUTE_LIST, text=text)


def _split_ipv4(body: bytes, at: int, end: int) -> list[bytes]:
    """IPv4 NLRIs outside MP attributes (RFC 4271 section 6.3)."""
    try:
        return split_unicast(body, at, end, 32)
    except MalformedNlri as malformed:
        raise PeerFault(UPDATE_ERROR, INVALID_NETWORK_FIELD, text=str(malformed)) from None


# --- writing -----------------------------------------------------------------------------------


def write_reach(
    context: CodecContext,
    family: Family,
    outgoing: bytes,
    next_hop: bytes,
    link_local: bytes,
    nlris: Sequence[bytes],
    labels: bytes = b"",
) -> list[bytes]:
    """Whole UPDATE messages that offer routes with the same attributes.

    IPv4 routes with an IPv4 next hop stand in the NLRI field; all others in MP_REACH_NLRI, which
    comes first (RFC 7606 section 5.1).  When the attributes leave no room for a route the routes
    are withdrawn, since the peer must not keep older ones (RFC 8654 section 4).

    Args:
        outgoing: from ``write_outgoing``.
        next_hop: 4 or 16 octets.
        link_local: 16 octets or ``b""``.
        labels: of VPN routes, 3 octets each.
    """
    if family is _IPV4 and len(next_hop) == 4:
        path_end = _as_path_end(outgoing)
        joined = b"".join(nlris)
        size = HEADER_OCTETS + 4 + len(outgoing) + 7 + len(joined)
        if joined and size <= context.max_message_octets:  # the usual case, written flat
            head = size.to_bytes(2, "big") + _UPDATE_HEAD + (len(outgoing) + 7).to_bytes(2, "big")
            hop = b"\x40\x03\x04" + next_hop
            return [b"".join((MARKER, head, outgoing[:path_end], hop, outgoing[path_end:], joined))]
        hop = b"\x40\x03\x04" + next_hop
        block = b"\0\0" + u16(len(outgoing) + 7) + outgoing[:path_end] + hop + outgoing[path_end:]
        groups = _pack(nlris, context.max_message_octets - HEADER_OCTETS - len(block))
        messages = [write_message(UPDATE, block + group) for group in groups]
    else:
        messages = _write_mp_reach(context, family, outgoing, next_hop + link_local, nlris, labels)
    return messages if messages or not nlris else write_unreach(context, family, nlris)


def _write_mp_reach(
    context: CodecContext,
    family: Family,
    outgoing: bytes,
    hops: bytes,
    nlris: Sequence[bytes],
    labels: bytes,
) -> list[bytes]:
    if NLRI_TABLE[family].is_labelled:
        hops = with_rds(family, hops)
        nlris = [write_labelled(labels, nlri) for nlri in nlris]
    head = u16(family.afi) + bytes((family.safi, len(hops))) + hops + b"\0"
    fixed = HEADER_OCTETS + 4 + 4 + len(head) + len(outgoing)
    return [
        write_message(
            UPDATE,
            b"".join(
                (
                    b"\0\0",
                    u16(4 + len(head) + len(group) + len(outgoing)),
                    b"\x90\x0e",
                    u16(len(head) + len(group)),
                    head,
                    group,
                    outgoing,
                )
            ),
        )
        for group in _pack(nlris, context.max_message_octets - fixed)
    ]


def has_room(
    context: CodecContext,
    family: Family,
    outgoing: bytes,
    next_hop: bytes,
    link_local: bytes,
    labels: bytes = b"",
) -> bool:
    """Whether an UPDATE with these attributes can offer any route; arguments as ``write_reach``."""
    longest_nlri = 1 + family.address_octets
    if family is _IPV4 and len(next_hop) == 4:
        fixed = HEADER_OCTETS + 4 + len(outgoing) + 7
    else:
        fixed = HEADER_OCTETS + 4 + 4 + 5 + len(next_hop) + len(link_local) + len(outgoing)
        if NLRI_TABLE[family].is_labelled:
            fixed += 3 * RD_OCTETS + len(labels)
    return fixed + longest_nlri <= context.max_message_octets


def _as_path_end(outgoing: bytes) -> int:
    """Where NEXT_HOP goes: behind ORIGIN (4 octets) and AS_PATH."""
    if outgoing[4] & FLAG_EXTENDED:
        return 8 + (outgoing[6] << 8 | outgoing[7])
    return 7 + outgoing[6]


def write_unreach(context: CodecContext, family: Family, nlris: Sequence[bytes]) -> list[bytes]:
    """Whole UPDATE messages that withdraw routes."""
    if family is _IPV4:
        groups = _pack(nlris, context.max_message_octets - HEADER_OCTETS - 4)
        return [write_message(UPDATE, u16(len(group)) + group + b"\0\0") for group in groups]
    if NLRI_TABLE[family].is_labelled:
        nlris = [write_labelled(WITHDRAWN_LABELS[0], nlri) for nlri in nlris]
    head = u16(family.afi) + bytes((family.safi,))
    groups = _pack(nlris, context.max_message_octets - HEADER_OCTETS - 4 - 4 - 3)
    return [_write_mp_unreach(head + group) for group in groups]


def _write_mp_unreach(value: bytes) -> bytes:
    attribute = write_attribute(OPTIONAL_NON_TRANSITIVE, MP_UNREACH_NLRI, value)
    return write_message(UPDATE, b"\0\0" + u16(len(attribute)) + attribute)


def write_end_of_rib(family: Family) -> bytes:
    """The whole UPDATE message that ends a family's initial routes (RFC 4724 section 2)."""
    if family is _IPV4:
        return write_message(UPDATE, bytes(4))
    return _write_mp_unreach(u16(family.afi) + bytes((family.safi,)))


def _pack(nlris: Sequence[bytes], room_octets: int) -> list[bytes]:
    """Join NLRIs, in order, to as few strings of at most ``room_octets`` as that allows.

    Empty when the longest does not fit.
    """
    joined = b"".join(nlris)
    if len(joined) <= room_octets:
        return [joined] if joined else []
    if room_octets < max(map(len, nlris)):
        return []
    ends = list(accumulate(map(len, nlris)))
    groups = []
    at = 0
    while at < len(joined):
        stop = ends[bisect_right(ends, at + room_octets) - 1]
        groups.append(joined[at:stop])
        at = stop
    return groups
