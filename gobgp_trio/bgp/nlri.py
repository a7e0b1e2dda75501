"""NLRI fields: octets off the wire to the table keys of each family, and their rules per family.

A unicast key is the NLRI as it stands on the wire with its host bits cleared, so reading is
slicing.  ``split_unicast`` is on the path of every route and written flat; ``read_prefix`` says the
same thing readably, and the tests hold the one against the other.

A family is a row of ``NLRI_TABLE``.  Those of VPNs have labels in front of each prefix, which are
no part of its key: ``split_labelled`` tells them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gobgp_trio.bgp.wire import Reader
from gobgp_trio.types.family import Family
from gobgp_trio.types.vpn import RD_OCTETS

LABEL_OCTETS = 3
BOTTOM_OF_STACK = 0x01  # in the last octet of a label (RFC 3032 section 2.1)
WITHDRAWN_LABELS = (b"\x80\0\0", bytes(3))
# Packets come without a label (RFC 3032 section 2.1): we program none.
IMPLICIT_NULL = b"\0\0\x31"


class MalformedNlri(Exception):
    """An NLRI field cannot be told apart into prefixes.

    The caller knows which field it was and so which fault it makes (RFC 7606 section 5.3).
    """


def read_prefix(reader: Reader, address_bits: int) -> bytes:
    """Take one prefix off the wire (RFC 4271 section 4.3; MP form RFC 4760 section 5).

    Wire: length (1 octet, counted in bits), then ceil(length / 8) octets, network order.  Bits
    past the length carry no meaning and are cleared.

    Raises:
        MalformedNlri: the length exceeds the address.
        Shortage: octets are missing.
    """
    bits = reader.u8("prefix length")
    if bits > address_bits:
        raise MalformedNlri(f"wanted a prefix length up to {address_bits}, found {bits}")
    octets_count = (bits + 7) // 8
    octets = reader.take(octets_count, "prefix")
    spare_bits = 8 * octets_count - bits
    number = int.from_bytes(octets, "big") >> spare_bits << spare_bits
    return bytes((bits,)) + number.to_bytes(octets_count, "big")


_TOO_LONG = 1 << 20  # past the end of any message
# For each length octet: octets of the whole NLRI, and which bits of its last octet are host bits.
_SPANS = {
    address_bits: tuple(
        1 + (bits + 7) // 8 if bits <= address_bits else _TOO_LONG for bits in range(256)
    )
    for address_bits in (32, 128)
}
_HOST_BITS = tuple(0xFF >> bits % 8 if bits % 8 else 0 for bits in range(256))


def split_unicast(octets: bytes, at: int, end: int, address_bits: int) -> list[bytes]:
    """The unicast keys in ``octets[at:end]``, in order.

    Raises:
        MalformedNlri: a length exceeds the address, or the last prefix is cut off.
    """
    spans = _SPANS[address_bits]
    host_bits = _HOST_BITS
    nlris: list[bytes] = []
    append = nlris.append
    while at < end:
        bits = octets[at]
        stop = at + spans[bits]
        if stop > end:
            raise MalformedNlri(f"prefix of length {bits} at octet {at} of {end}")
        spare = octets[stop - 1] & host_bits[bits]
        if spare:
            append(octets[at : stop - 1] + bytes((octets[stop - 1] ^ spare,)))
        else:
            append(octets[at:stop])
        at = stop
    return nlris


def split_labelled(
    octets: bytes, at: int, end: int, address_bits: int
) -> list[tuple[bytes, bytes]]:
    """The VPN routes in ``octets[at:end]``, in order, as (labels, key).

    Wire, per route: length (1 octet, in bits, of all that follows), labels of 3 octets of which
    the last has its lowest bit set, route distinguisher (8), prefix (RFC 4364 section 4.3.4, RFC
    8277 section 2).  In a withdrawal one label may be 0x800000 or 0 instead (section 2.4).

    Raises:
        MalformedNlri: a length is impossible, the labels do not end, or the last route is cut off.
    """
    routes: list[tuple[bytes, bytes]] = []
    while at < end:
        bits = octets[at]
        start, stop = at + 1, at + 1 + (bits + 7) // 8
        if stop > end:
            raise MalformedNlri(f"VPN route of length {bits} at octet {at} of {end}")
        rd_at = start
        while True:
            rd_at += LABEL_OCTETS
            if rd_at + RD_OCTETS > stop:
                raise MalformedNlri(f"VPN route of length {bits} at octet {at}: labels do not end")
            label = octets[rd_at - LABEL_OCTETS : rd_at]
            if label[2] & BOTTOM_OF_STACK or label in WITHDRAWN_LABELS:
                break
        prefix_at = rd_at + RD_OCTETS
        prefix_bits = bits - 8 * (prefix_at - start)
        if not 0 <= prefix_bits <= address_bits:
            raise MalformedNlri(
                f"wanted a prefix of up to {address_bits} bits in a VPN route, found {prefix_bits}"
            )
        (key,) = split_unicast(
            bytes((prefix_bits,)) + octets[prefix_at:stop], 0, 1 + stop - prefix_at, address_bits
        )
        routes.append((octets[start:rd_at], octets[rd_at:prefix_at] + key))
        at = stop
    return routes


def write_labelled(labels: bytes, key: bytes) -> bytes:
    """One VPN route as it stands on the wire; the reverse of ``split_labelled``."""
    bits = 8 * (len(labels) + RD_OCTETS) + key[RD_OCTETS]
    return bytes((bits,)) + labels + key[:RD_OCTETS] + key[RD_OCTETS + 1 :]


def _split_ipv4(octets: bytes, at: int, end: int) -> list[bytes]:
    return split_unicast(octets, at, end, 32)


def _split_ipv6(octets: bytes, at: int, end: int) -> list[bytes]:
    return split_unicast(octets, at, end, 128)


@dataclass(frozen=True, slots=True)
class NlriRow:
    """How one family stands in MP_REACH_NLRI and MP_UNREACH_NLRI.

    Attributes:
        split: (octets, at, end) to table keys; raises MalformedNlri.  Labels are left out.
        next_hop_octets: lengths that the next hop field may have.
        is_labelled: labels stand in front of each prefix, and a route distinguisher in front of
            each next hop.
    """

    split: Callable[[bytes, int, int], list[bytes]]
    next_hop_octets: frozenset[int]
    is_labelled: bool = False


def _split_vpnv4(octets: bytes, at: int, end: int) -> list[bytes]:
    return [key for _, key in split_labelled(octets, at, end, 32)]


def _split_vpnv6(octets: bytes, at: int, end: int) -> list[bytes]:
    return [key for _, key in split_labelled(octets, at, end, 128)]


NLRI_TABLE: dict[Family, NlriRow] = {
    Family.IPV4_UNICAST: NlriRow(_split_ipv4, frozenset((4,))),
    Family.IPV6_UNICAST: NlriRow(_split_ipv6, frozenset((16, 32))),
    Family.IPV4_VPN: NlriRow(_split_vpnv4, frozenset((12,)), is_labelled=True),
    Family.IPV6_VPN: NlriRow(_split_vpnv6, frozenset((24, 48)), is_labelled=True),
}
