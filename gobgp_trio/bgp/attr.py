"""Path attributes off the wire: one table row per attribute, errors as RFC 7606 says.

Rules:
- ``read_values`` judges every attribute of an UPDATE against its row of ``ATTRIBUTE_TABLE`` and
  never raises: what is wrong comes back as ``AttrFault`` with the action to take.
- What it returns is canonical (4-octet AS numbers, our flags), so that ``build_attributes`` only
  sorts and joins.
- Attributes that an external peer has no say in are dropped before anything else is asked of them.

AIGP (RFC 7311) is enabled for internal peers and disabled for external ones, where it is treated
like any unknown non-transitive attribute: forgotten without a word.

Deviations: AS_SET is accepted although RFC 9774 wants such routes withdrawn; an internal peer may
leave LOCAL_PREF out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gobgp_trio.bgp.as_path import (
    MalformedAsPath,
    count_as_path,
    first_as,
    has_confederation,
    merge_as4_path,
    read_as_path,
    without_confederation,
    write_as_path,
)
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.error_codes import (
    ATTRIBUTE_FLAGS_ERROR,
    ATTRIBUTE_LENGTH_ERROR,
    INVALID_NEXT_HOP,
    INVALID_ORIGIN,
    MALFORMED_AS_PATH,
    MALFORMED_ATTRIBUTE_LIST,
    MISSING_WELL_KNOWN_ATTRIBUTE,
    OPTIONAL_ATTRIBUTE_ERROR,
    UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
)
from gobgp_trio.bgp.message import AS_TRANS
from gobgp_trio.bgp.wire import u16, u32
from gobgp_trio.types.attributes import (
    AGGREGATOR,
    AIGP,
    AIGP_METRIC_TLV,
    AS4_AGGREGATOR,
    AS4_PATH,
    AS_PATH,
    ATOMIC_AGGREGATE,
    CLUSTER_LIST,
    COMMUNITIES,
    EXTENDED_COMMUNITIES,
    FLAG_EXTENDED,
    FLAG_OPTIONAL,
    FLAG_PARTIAL,
    FLAG_TRANSITIVE,
    IPV6_EXTENDED_COMMUNITIES,
    LARGE_COMMUNITY,
    LOCAL_PREF,
    MP_REACH_NLRI,
    MP_UNREACH_NLRI,
    MULTI_EXIT_DISC,
    NEXT_HOP,
    ORIGIN,
    ORIGIN_INCOMPLETE,
    ORIGINATOR_ID,
    AsSegment,
    PathAttributes,
)

WELL_KNOWN = FLAG_TRANSITIVE
OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE
OPTIONAL_NON_TRANSITIVE = FLAG_OPTIONAL

# One attribute as it stands on the wire: flags, type code, value.
RawAttribute = tuple[int, int, bytes]
# Type code to flags and value, both as we keep them.
Values = dict[int, tuple[int, bytes]]


class Action(IntEnum):
    """What an error leads to (RFC 7606 section 2); the highest of an UPDATE decides."""

    DISCARD = 1
    WITHDRAW = 2
    RESET = 3


@dataclass(frozen=True, slots=True)
class AttrFault:
    """One error in an UPDATE's attributes.

    Attributes:
        subcode: of UPDATE message error, for the log and for a reset.
        octets: the attribute as received, a reset's NOTIFICATION data.
    """

    action: Action
    code: int
    subcode: int
    text: str
    octets: bytes = b""

    def __str__(self) -> str:
        return f"{attribute_name(self.code)}: {self.text} ({self.action.name.lower()})"


class _Malformed(Exception):
    """A row's reader refuses a value: (subcode, text)."""

    def __init__(self, subcode: int, text: str) -> None:
        super().__init__(subcode, text)
        self.subcode = subcode
        self.text = text


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """How one attribute is judged.

    Attributes:
        flags: what its Optional and Transitive bits must be.
        read: (value, context) to the canonical value; raises ``_Malformed``.
        action: what a malformed value leads to.
        is_internal: means nothing when it comes from an external peer.
        is_quiet: no fault either, then.
    """

    name: str
    flags: int
    read: Callable[[bytes, CodecContext], bytes]
    action: Action = Action.WITHDRAW
    is_internal: bool = False
    is_quiet: bool = False


def write_attribute(flags: int, code: int, value: bytes) -> bytes:
    """One attribute.

    Wire: flags (1 octet), type code (1), length (1, or 2 above 255), value (RFC 4271 section 4.3).
    """
    if len(value) > 255:
        return bytes((flags | FLAG_EXTENDED, code)) + u16(len(value)) + value
    return bytes((flags & ~FLAG_EXTENDED, code, len(value))) + value


def attribute_name(code: int) -> str:
    """An attribute's name for people, or its number."""
    row = ATTRIBUTE_TABLE.get(code)
    return row.name if row is not None else f"attribute {code}"


# --- reading ---------------------------------------------------------------------------------


def read_values(
    items: Iterable[RawAttribute], context: CodecContext
) -> tuple[Values, list[AttrFault]]:
    """Judge attributes other than MP_REACH_NLRI and MP_UNREACH_NLRI.

    Returns:
        What can be kept, in canonical form, and the errors.
    """
    values: Values = {}
    faults: list[AttrFault] = []
    seen: set[int] = set()
    for item in items:
        code = item[1]
        fault = (
            _fault(Action.DISCARD, item, MALFORMED_ATTRIBUTE_LIST, "appears again")
            if code in seen
            else _read_value(values, item, context)
        )
        seen.add(code)
        if fault is not None:
            faults.append(fault)
    if not context.four_octet_as:
        _merge_as4(values)
    values.pop(AS4_PATH, None)
    values.pop(AS4_AGGREGATOR, None)
    return values, faults


def _read_value(values: Values, item: RawAttribute, context: CodecContext) -> AttrFault | None:
    """Put one attribute into ``values``, or say why not."""
    flags, code, value = item
    row = ATTRIBUTE_TABLE.get(code)
    if row is None:
        return _read_unknown(values, item)
    if row.is_internal and context.is_ebgp:
        if row.is_quiet:
            return None
        text = "not for external peers"
        return _fault(Action.DISCARD, item, OPTIONAL_ATTRIBUTE_ERROR, text)
    if flags & OPTIONAL_TRANSITIVE != row.flags:
        text = f"wanted flags {row.flags:#04x}, found {flags:#04x}"
        return _fault(Action.WITHDRAW, item, ATTRIBUTE_FLAGS_ERROR, text)
    try:
        kept = row.read(value, context)
    except _Malformed as malformed:
        return _fault(row.action, item, malformed.subcode, malformed.text)
    partial = flags & FLAG_PARTIAL if row.flags == OPTIONAL_TRANSITIVE else 0
    values[code] = (row.flags | partial, kept)
    return None


def _read_unknown(values: Values, item: RawAttribute) -> AttrFault | None:
    """RFC 4271 section 5: pass on what is transitive, forget the rest, refuse well-known."""
    flags, code, value = item
    if not flags & FLAG_OPTIONAL:
        subcode = UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE
        return _fault(Action.RESET, item, subcode, "claims to be well-known")
    if flags & FLAG_TRANSITIVE:
        values[code] = (OPTIONAL_TRANSITIVE | FLAG_PARTIAL, value)
    return None


def _fault(action: Action, item: RawAttribute, subcode: int, text: str) -> AttrFault:
    return AttrFault(action, item[1], subcode, text, write_attribute(*item))


def find_missing(values: Values, *, needs_next_hop: bool) -> list[AttrFault]:
    """The mandatory attributes that an UPDATE with routes lacks (RFC 7606 section 3 d)."""
    mandatory = (ORIGIN, AS_PATH, NEXT_HOP) if needs_next_hop else (ORIGIN, AS_PATH)
    return [
        AttrFault(Action.WITHDRAW, code, MISSING_WELL_KNOWN_ATTRIBUTE, "is missing", bytes((code,)))
        for code in mandatory
        if code not in values
    ]


def _merge_as4(values: Values) -> None:
    """Put the real AS numbers in place for a 2-octet peer (RFC 6793 section 4.2.3)."""
    if AGGREGATOR in values and AS4_AGGREGATOR in values:
        flags, aggregator = values[AGGREGATOR]
        if aggregator[:4] != u32(AS_TRANS):
            return
        values[AGGREGATOR] = (flags, values[AS4_AGGREGATOR][1])
    if AS_PATH in values and AS4_PATH in values:
        path = read_as_path(values[AS_PATH][1], 4)
        as4_path = read_as_path(values[AS4_PATH][1], 4)
        values[AS_PATH] = (WELL_KNOWN, write_as_path(merge_as4_path(path, as4_path)))


# --- one reader per attribute ------------------------------------------------------------------


def _exactly(count: int) -> Callable[[bytes, CodecContext], bytes]:
    def read(value: bytes, _: CodecContext) -> bytes:
        if len(value) != count:
            text = f"wanted {count} octets, found {len(value)}"
            raise _Malformed(ATTRIBUTE_LENGTH_ERROR, text)
        return value

    return read


def _multiple_of(count: int) -> Callable[[bytes, CodecContext], bytes]:
    def read(value: bytes, _: CodecContext) -> bytes:
        if not value or len(value) % count:
            text = f"wanted a multiple of {count} octets, found {len(value)}"
            raise _Malformed(ATTRIBUTE_LENGTH_ERROR, text)
        return value

    return read


def _read_origin(value: bytes, context: CodecContext) -> bytes:
    """Wire: origin (1 octet), RFC 4271 section 5.1.1."""
    _exactly(1)(value, context)
    if value[0] > ORIGIN_INCOMPLETE:
        raise _Malformed(INVALID_ORIGIN, f"origin {value[0]} is undefined")
    return value


def _read_as_path(value: bytes, context: CodecContext) -> bytes:
    """Wire: see ``read_as_path``.  Confederation segments end at the confederation's border."""
    try:
        segments = read_as_path(value, 4 if context.four_octet_as else 2)
    except MalformedAsPath as malformed:
        raise _Malformed(MALFORMED_AS_PATH, str(malformed)) from None
    if context.is_ebgp and has_confederation(segments):
        raise _Malformed(MALFORMED_AS_PATH, "confederation segment from an external peer")
    return write_as_path(segments)


def _read_next_hop(value: bytes, context: CodecContext) -> bytes:
    """Wire: IPv4 address (4 octets), RFC 4271 section 5.1.3."""
    _exactly(4)(value, context)
    if not is_host_address(value):
        raise _Malformed(INVALID_NEXT_HOP, f"{'.'.join(map(str, value))} is no host's address")
    return value


def is_host_address(address: bytes) -> bool:
    """Whether a next hop of 4 or 16 octets can be a host's: not 0/8, 127/8, multicast, reserved."""
    if len(address) == 4:
        return 0 < address[0] < 224 and address[0] != 127
    return address[0] != 0xFF and address[:15] != bytes(15)


def _read_aggregator(value: bytes, context: CodecContext) -> bytes:
    """Wire: AS (2 or 4 octets), IPv4 address (4), RFC 4271 section 5.1.7; AS 0 RFC 7607."""
    as_octets = 4 if context.four_octet_as else 2
    _exactly(as_octets + 4)(value, context)
    as_ = value[:as_octets].rjust(4, b"\0")
    if as_ == bytes(4):
        raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, "AS number 0")
    return as_ + value[as_octets:]


def _read_as4_aggregator(value: bytes, context: CodecContext) -> bytes:
    """Wire: AS (4 octets), IPv4 address (4), RFC 6793 section 3."""
    _refuse_from_new_speaker(context)
    _exactly(8)(value, context)
    if value[:4] == bytes(4):
        raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, "AS number 0")
    return value


def _read_as4_path(value: bytes, context: CodecContext) -> bytes:
    """Wire: as AS_PATH with 4-octet numbers; confederation segments are dropped (RFC 6793)."""
    _refuse_from_new_speaker(context)
    try:
        return write_as_path(without_confederation(read_as_path(value, 4)))
    except MalformedAsPath as malformed:
        raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, str(malformed)) from None


def _refuse_from_new_speaker(context: CodecContext) -> None:
    if context.four_octet_as:
        raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, "not for peers with 4-octet AS numbers")


def _read_large_communities(value: bytes, context: CodecContext) -> bytes:
    """Wire: 12 octets each; a repeated one is left out (RFC 8092 section 5)."""
    _multiple_of(12)(value, context)
    return b"".join(dict.fromkeys(value[at : at + 12] for at in range(0, len(value), 12)))


def _read_aigp(value: bytes, _: CodecContext) -> bytes:
    """Wire: TLVs of type (1 octet), length (2, of the whole TLV), value; RFC 7311 section 3.

    An AIGP TLV (type 1) has 8 octets of value; other types are kept as they are.
    """
    at, end = 0, len(value)
    while at < end:
        length = int.from_bytes(value[at + 1 : at + 3], "big")
        if at + 3 > end or length < 3 or at + length > end:
            raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, f"TLV at octet {at} does not fit")
        if value[at] == AIGP_METRIC_TLV and length != _AIGP_TLV_OCTETS:
            raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, f"AIGP TLV of {length} octets")
        at += length
    if not value:
        raise _Malformed(OPTIONAL_ATTRIBUTE_ERROR, "has no TLV")
    return value


_AIGP_TLV_OCTETS = 11


def _keep(value: bytes, _: CodecContext) -> bytes:
    """For MP_REACH_NLRI and MP_UNREACH_NLRI, whose values ``bgp.update`` reads."""
    return value


ATTRIBUTE_TABLE: dict[int, AttributeRow] = {
    ORIGIN: AttributeRow("ORIGIN", WELL_KNOWN, _read_origin),
    AS_PATH: AttributeRow("AS_PATH", WELL_KNOWN, _read_as_path),
    NEXT_HOP: AttributeRow("NEXT_HOP", WELL_KNOWN, _read_next_hop),
    MULTI_EXIT_DISC: AttributeRow("MULTI_EXIT_DISC", OPTIONAL_NON_TRANSITIVE, _exactly(4)),
    LOCAL_PREF: AttributeRow("LOCAL_PREF", WELL_KNOWN, _exactly(4), is_internal=True),
    ATOMIC_AGGREGATE: AttributeRow("ATOMIC_AGGREGATE", WELL_KNOWN, _exactly(0), Action.DISCARD),
    AGGREGATOR: AttributeRow("AGGREGATOR", OPTIONAL_TRANSITIVE, _read_aggregator, Action.DISCARD),
    COMMUNITIES: AttributeRow("COMMUNITIES", OPTIONAL_TRANSITIVE, _multiple_of(4)),
    ORIGINATOR_ID: AttributeRow(
        "ORIGINATOR_ID", OPTIONAL_NON_TRANSITIVE, _exactly(4), is_internal=True
    ),
    CLUSTER_LIST: AttributeRow(
        "CLUSTER_LIST", OPTIONAL_NON_TRANSITIVE, _multiple_of(4), is_internal=True
    ),
    MP_REACH_NLRI: AttributeRow("MP_REACH_NLRI", OPTIONAL_NON_TRANSITIVE, _keep, Action.RESET),
    MP_UNREACH_NLRI: AttributeRow("MP_UNREACH_NLRI", OPTIONAL_NON_TRANSITIVE, _keep, Action.RESET),
    EXTENDED_COMMUNITIES: AttributeRow(
        "EXTENDED_COMMUNITIES", OPTIONAL_TRANSITIVE, _multiple_of(8)
    ),
    AS4_PATH: AttributeRow("AS4_PATH", OPTIONAL_TRANSITIVE, _read_as4_path, Action.DISCARD),
    AS4_AGGREGATOR: AttributeRow(
        "AS4_AGGREGATOR", OPTIONAL_TRANSITIVE, _read_as4_aggregator, Action.DISCARD
    ),
    IPV6_EXTENDED_COMMUNITIES: AttributeRow(
        "IPV6_EXTENDED_COMMUNITIES", OPTIONAL_TRANSITIVE, _multiple_of(20)
    ),
    AIGP: AttributeRow(
        "AIGP",
        OPTIONAL_NON_TRANSITIVE,
        _read_aigp,
        Action.DISCARD,
        is_internal=True,
        is_quiet=True,
    ),
    LARGE_COMMUNITY: AttributeRow("LARGE_COMMUNITY", OPTIONAL_TRANSITIVE, _read_large_communities),
}


# --- building ----------------------------------------------------------------------------------


def build_attributes(
    values: Values, next_hop: bytes, link_local: bytes = b"", labels: bytes = b""
) -> PathAttributes:
    """The attribute set of canonical values that have ORIGIN and AS_PATH.

    A NEXT_HOP among them is kept for what it is; ``next_hop`` alone is where routes lead.
    """
    wire = b"".join(
        write_attribute(values[code][0], code, values[code][1]) for code in sorted(values)
    )
    segments = read_as_path(values[AS_PATH][1], 4)
    return PathAttributes(
        wire,
        next_hop,
        link_local,
        values[ORIGIN][1][0],
        _number(values.get(LOCAL_PREF)),
        _number(values.get(MULTI_EXIT_DISC)),
        count_as_path(segments),
        first_as(segments),
        labels,
    )


def _number(kept: tuple[int, bytes] | None) -> int | None:
    return None if kept is None else int.from_bytes(kept[1], "big")


def make_attributes(
    *,
    origin: int,
    next_hop: bytes,
    link_local: bytes = b"",
    as_path: Sequence[AsSegment] = (),
    med: int | None = None,
    local_pref: int | None = None,
    communities: Sequence[int] = (),
    large_communities: Sequence[tuple[int, int, int]] = (),
    extended_communities: Sequence[bytes] = (),
    others: Sequence[RawAttribute] = (),
) -> PathAttributes:
    """An attribute set of our own: an imported network, or what the API was given.

    A next hop of 4 octets makes it one for IPv4 routes, 16 octets for IPv6 routes.  ``others`` are
    attributes without a parameter here, in the form ``PathAttributes.walk`` yields them.
    """
    values: Values = {code: (flags & ~FLAG_EXTENDED, value) for flags, code, value in others}
    values[ORIGIN] = (WELL_KNOWN, bytes((origin,)))
    values[AS_PATH] = (WELL_KNOWN, write_as_path(as_path))
    if len(next_hop) == 4:
        values[NEXT_HOP] = (WELL_KNOWN, next_hop)
    if med is not None:
        values[MULTI_EXIT_DISC] = (OPTIONAL_NON_TRANSITIVE, u32(med))
    if local_pref is not None:
        values[LOCAL_PREF] = (WELL_KNOWN, u32(local_pref))
    for code, octets in (
        (COMMUNITIES, b"".join(map(u32, communities))),
        (EXTENDED_COMMUNITIES, b"".join(extended_communities)),
        (LARGE_COMMUNITY, b"".join(u32(word) for parts in large_communities for word in parts)),
    ):
        if octets:
            values[code] = (OPTIONAL_TRANSITIVE, octets)
    return build_attributes(values, next_hop, link_local)
