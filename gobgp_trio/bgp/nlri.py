"""NLRI fields: octets off the wire to the table keys of each family, and their rules per family.

A unicast key is the NLRI as it stands on the wire with its host bits cleared, so reading is
slicing.  ``split_unicast`` is on the path of every route and written flat; ``read_prefix`` says the
same thing readably, and the tests hold the one against the other.

A family is a row of ``NLRI_TABLE``.  VPN families get theirs with a splitter that takes labels and
route distinguisher apart; until then they cannot be negotiated.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gobgp_trio.bgp.wire import Reader
from gobgp_trio.types.family import Family


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


def _split_ipv4(octets: bytes, at: int, end: int) -> list[bytes]:
    return split_unicast(octets, at, end, 32)


def _split_ipv6(octets: bytes, at: int, end: int) -> list[bytes]:
    return split_unicast(octets, at, end, 128)


@dataclass(frozen=True, slots=True)
class NlriRow:
    """How one family stands in MP_REACH_NLRI and MP_UNREACH_NLRI.

    Attributes:
        split: (octets, at, end) to table keys; raises MalformedNlri.
        next_hop_octets: lengths that the next hop field may have.
    """

    split: Callable[[bytes, int, int], list[bytes]]
    next_hop_octets: frozenset[int]


NLRI_TABLE: dict[Family, NlriRow] = {
    Family.IPV4_UNICAST: NlriRow(_split_ipv4, frozenset((4,))),
    Family.IPV6_UNICAST: NlriRow(_split_ipv6, frozenset((16, 32))),
}
