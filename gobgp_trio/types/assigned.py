"""Numbers under an administrator: what route targets and route distinguishers are made of.

Six octets with a type.  Type 0 is a 2-octet AS number and a 32-bit number, type 1 an IPv4 address
and a 16-bit number, type 2 a 4-octet AS number and a 16-bit number (RFC 4360 section 3, RFC 4364
section 4.2, RFC 5668).
"""

import re
from ipaddress import AddressValueError, IPv4Address

TYPE_AS2 = 0
TYPE_IPV4 = 1
TYPE_AS4 = 2

_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFFFFFF
_DIGITS = re.compile(r"[0-9]{1,10}")


def read_number(text: str, maximum: int) -> int | None:
    """A plain decimal number up to ``maximum``, or None (no sign, space, ``_`` or other digits)."""
    if not _DIGITS.fullmatch(text) or int(text) > maximum:
        return None
    return int(text)


def parse_assigned(text: str) -> tuple[int, bytes] | None:
    """The type and six octets of ``"65000:100"`` (type 0), ``"10.0.0.1:100"`` (type 1),
    ``"70000:100"`` or ``"1.4464:100"`` (type 2); None for anything else.
    """
    administrator, _, number_text = text.rpartition(":")
    number = read_number(number_text, _MAX_32)
    if number is None:
        return None
    asn = read_number(administrator, _MAX_32)
    if asn is not None and asn <= _MAX_16:
        return TYPE_AS2, asn.to_bytes(2, "big") + number.to_bytes(4, "big")
    if number > _MAX_16:
        return None
    if asn is None:
        asn = _read_asdot(administrator)
    if asn is not None:
        return TYPE_AS4, asn.to_bytes(4, "big") + number.to_bytes(2, "big")
    address = _read_ipv4(administrator)
    return (TYPE_IPV4, address + number.to_bytes(2, "big")) if address is not None else None


def _read_asdot(text: str) -> int | None:
    """A 4-octet AS number written ``high.low`` (RFC 5396), or None."""
    high_text, dot, low_text = text.partition(".")
    high, low = read_number(high_text, _MAX_16), read_number(low_text, _MAX_16)
    if not dot or high is None or low is None:
        return None
    return high << 16 | low


def _read_ipv4(text: str) -> bytes | None:
    try:
        return IPv4Address(text).packed
    except AddressValueError:
        return None


def format_assigned(kind: int, octets: bytes) -> str | None:
    """The text of six octets, None for a type nobody knows.

    Type 2 is written with its AS number as ``high.low``, so that text tells the types apart.
    """
    if kind == TYPE_AS2:
        return f"{int.from_bytes(octets[:2], 'big')}:{int.from_bytes(octets[2:], 'big')}"
    number = int.from_bytes(octets[4:], "big")
    if kind == TYPE_IPV4:
        return f"{IPv4Address(octets[:4])}:{number}"
    if kind == TYPE_AS4:
        high, low = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big")
        return f"{high}.{low}:{number}"
    return None
