"""MP_REACH_NLRI and MP_UNREACH_NLRI taken apart (RFC 4760), and the block they stand in.

An IPv4-mapped next hop of IPv4 routes is taken for the IPv4 address that it is: within the daemon
and on its way out an IPv4 next hop always has four octets.

Rule: when the NLRIs cannot be found or told apart the session cannot go on (RFC 7606 sections 5.3
and 7.11); a family that was not negotiated is ignored.
"""

from collections.abc import Callable, Mapping

from gobgp_trio.bgp.attr import (
    ATTRIBUTE_TABLE,
    OPTIONAL_TRANSITIVE,
    Action,
    AttrFault,
    RawAttribute,
    is_host_address,
    write_attribute,
)
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.error_codes import (
    ATTRIBUTE_FLAGS_ERROR,
    ATTRIBUTE_LENGTH_ERROR,
    INVALID_NEXT_HOP,
    MALFORMED_ATTRIBUTE_LIST,
    OPTIONAL_ATTRIBUTE_ERROR,
    UPDATE_ERROR,
)
from gobgp_trio.bgp.nlri import NLRI_TABLE, MalformedNlri, split_labelled
from gobgp_trio.bgp.wire import PeerFault, u16
from gobgp_trio.types.attributes import FLAG_EXTENDED, MP_REACH_NLRI
from gobgp_trio.types.family import AFI_IPV4, Family
from gobgp_trio.types.prefix import is_ipv4_mapped, is_link_local, to_ipv4_mapped
from gobgp_trio.types.vpn import RD_OCTETS


class MpFamily:
    """How a negotiated family is read from MP_REACH_NLRI and MP_UNREACH_NLRI."""

    __slots__ = ("family", "is_labelled", "next_hop_octets", "split")

    def __init__(self, family: Family, context: CodecContext) -> None:
        row = NLRI_TABLE[family]
        self.family = family
        self.split: Callable[[bytes, int, int], list[bytes]] = row.split
        self.next_hop_octets = row.next_hop_octets
        self.is_labelled = row.is_labelled
        if family in context.extended_next_hop:
            self.next_hop_octets |= {24, 48} if row.is_labelled else {16, 32}

    def split_by_labels(self, octets: bytes, at: int, end: int) -> dict[bytes, list[bytes]]:
        """Table keys by the labels in front of them; raises MalformedNlri."""
        if not self.is_labelled:
            return {b"": self.split(octets, at, end)}
        groups: dict[bytes, list[bytes]] = {}
        for labels, key in split_labelled(octets, at, end, self.family.address_bits):
            groups.setdefault(labels, []).append(key)
        return groups


class MpRoutes:
    """MP_REACH_NLRI taken apart; ``groups`` has the table keys by the labels in front of them."""

    __slots__ = ("family", "groups", "link_local", "next_hop")

    def __init__(self, mp_family: MpFamily, field: bytes, groups: dict[bytes, list[bytes]]) -> None:
        self.family = mp_family.family
        if mp_family.is_labelled:
            field = without_rds(field)
        self.next_hop, self.link_local = split_next_hop(field)
        is_ipv4 = self.family.afi == AFI_IPV4 or mp_family.is_labelled  # RFC 4659 section 3.2.1.2
        if is_ipv4 and is_ipv4_mapped(self.next_hop):
            self.next_hop, self.link_local = self.next_hop[12:], b""
        self.groups = groups

    @property
    def nlris(self) -> list[bytes]:
        return [nlri for nlris in self.groups.values() for nlri in nlris]


def without_rds(field: bytes) -> bytes:
    """A VPN's next hop field of 12, 24 or 48 octets without its route distinguishers.

    They are 0 and mean nothing (RFC 4364 section 4.3.2).
    """
    if len(field) == 2 * (RD_OCTETS + 16):
        half = RD_OCTETS + 16
        return field[RD_OCTETS:half] + field[half + RD_OCTETS :]
    return field[RD_OCTETS:]


def with_rds(family: Family, hops: bytes) -> bytes:
    """The next hop field of a VPN: a route distinguisher of 0 in front of each address.

    An IPv4 next hop of IPv6 routes is written as an IPv4-mapped address (RFC 4659 section
    3.2.1.2).
    """
    if len(hops) == 4 and family.afi != AFI_IPV4:
        hops = to_ipv4_mapped(hops)
    if len(hops) == 32:
        return bytes(RD_OCTETS) + hops[:16] + bytes(RD_OCTETS) + hops[16:]
    return bytes(RD_OCTETS) + hops


def split_next_hop(field: bytes) -> tuple[bytes, bytes]:
    """Global and link-local address of a next hop field of 4, 16 or 32 octets (RFC 2545).

    Speakers without a global address send zeros, or nothing, in its place: then the link-local
    address is the next hop.  A second address that is not link-local means nothing.
    """
    next_hop, link_local = field[:16], field[16:]
    if link_local and not is_link_local(link_local):
        return next_hop, b""
    if link_local and next_hop == bytes(16):
        return link_local, link_local
    return next_hop, link_local


# AFI and SAFI as they stand on the wire, 3 octets, to what was negotiated.
MpFamilies = Mapping[bytes, MpFamily]


def make_mp_families(context: CodecContext) -> MpFamilies:
    """The negotiated families by their octets."""
    return {
        u16(family.afi) + bytes((family.safi,)): MpFamily(family, context)
        for family in context.families
    }


def read_mp_reach(
    item: RawAttribute, families: MpFamilies
) -> tuple[MpRoutes | None, list[AttrFault]]:
    """Read MP_REACH_NLRI; no routes for a family that was not negotiated.

    Wire: AFI (2 octets), SAFI (1), next hop length (1), next hop, reserved (1), NLRIs (RFC
    4760 section 3).

    Raises:
        PeerFault: 3/9, these cannot be told apart.
    """
    value = item[2]
    if len(value) < 5 or len(value) < 5 + value[3]:
        raise _mp_fault(item, f"{len(value)} octets end before the NLRIs")
    mp_family = families.get(value[:3])
    if mp_family is None:
        return None, [*_check_flags(item), _foreign_family(item)]
    nlri_at = 5 + value[3]
    if value[3] not in mp_family.next_hop_octets:
        wanted = " or ".join(map(str, sorted(mp_family.next_hop_octets)))
        raise _mp_fault(item, f"wanted {wanted} octets of next hop, found {value[3]}")
    try:
        groups = mp_family.split_by_labels(value, nlri_at, len(value))
    except MalformedNlri as malformed:
        raise _mp_fault(item, str(malformed)) from None
    routes = MpRoutes(mp_family, value[4 : nlri_at - 1], groups)
    faults = _check_flags(item)
    if not is_host_address(routes.next_hop):
        text = f"next hop {routes.next_hop.hex(':')} is no host's address"
        octets = write_attribute(*item)
        faults.append(AttrFault(Action.WITHDRAW, MP_REACH_NLRI, INVALID_NEXT_HOP, text, octets))
    return routes, faults


def read_mp_unreach(
    item: RawAttribute, families: MpFamilies
) -> tuple[tuple[Family, list[bytes]] | None, list[AttrFault]]:
    """Read MP_UNREACH_NLRI; None for a family that was not negotiated.

    Wire: AFI (2 octets), SAFI (1), NLRIs (RFC 4760 section 4).

    Raises:
        PeerFault: 3/9, these cannot be told apart.
    """
    value = item[2]
    if len(value) < 3:
        raise _mp_fault(item, f"wanted at least 3 octets, found {len(value)}")
    mp_family = families.get(value[:3])
    if mp_family is None:
        return None, [*_check_flags(item), _foreign_family(item)]
    try:
        nlris = mp_family.split(value, 3, len(value))
    except MalformedNlri as malformed:
        raise _mp_fault(item, str(malformed)) from None
    return (mp_family.family, nlris), _check_flags(item)


def walk_attributes(block: bytes) -> tuple[list[RawAttribute], list[AttrFault]]:
    """Take an attribute block apart; what follows an overrun is lost (RFC 7606 section 4)."""
    items: list[RawAttribute] = []
    at, end = 0, len(block)
    while at < end:
        flags = block[at]
        start = at + (4 if flags & FLAG_EXTENDED else 3)
        stop = start + int.from_bytes(block[at + 2 : start], "big")
        if stop > end:
            code = block[at + 1] if at + 1 < end else 0
            text = f"wanted octets up to {stop}, found {end}"
            fault = AttrFault(Action.WITHDRAW, code, ATTRIBUTE_LENGTH_ERROR, text, block[at:])
            return items, [fault]
        items.append((flags, block[at + 1], block[start:stop]))
        at = stop
    return items, []


def take_single(items: list[RawAttribute], code: int) -> RawAttribute | None:
    """Remove and return an attribute that may appear once only (RFC 7606 section 3 g)."""
    found = [item for item in items if item[1] == code]
    if len(found) > 1:
        text = f"{ATTRIBUTE_TABLE[code].name} appears {len(found)} times"
        raise PeerFault(UPDATE_ERROR, MALFORMED_ATTRIBUTE_LIST, text=text)
    if not found:
        return None
    items.remove(found[0])
    return found[0]


def _check_flags(item: RawAttribute) -> list[AttrFault]:
    """Routes under wrong flags are treated as withdrawn (RFC 7606 section 3 c)."""
    flags, code, _ = item
    wanted = ATTRIBUTE_TABLE[code].flags
    if flags & OPTIONAL_TRANSITIVE == wanted:
        return []
    text = f"wanted flags {wanted:#04x}, found {flags:#04x}"
    octets = write_attribute(*item)
    return [AttrFault(Action.WITHDRAW, code, ATTRIBUTE_FLAGS_ERROR, text, octets)]


def _foreign_family(item: RawAttribute) -> AttrFault:
    text = f"family {item[2][:3].hex()} was not negotiated"
    octets = write_attribute(*item)
    return AttrFault(Action.DISCARD, item[1], OPTIONAL_ATTRIBUTE_ERROR, text, octets)


def _mp_fault(item: RawAttribute, text: str) -> PeerFault:
    return PeerFault(UPDATE_ERROR, OPTIONAL_ATTRIBUTE_ERROR, write_attribute(*item), text)
