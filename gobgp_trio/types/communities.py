"""Communities between their numbers and the text that operators write.

Three kinds: standard (RFC 1997, one 32-bit value), large (RFC 8092, three 32-bit values) and the
route target among the extended ones (RFC 4360, 8 octets as on the wire).  What is read is strict:
whatever is no community is refused, nothing is cut to fit.  Text is for configuration, API and
CLI; no route passes here.
"""

import re
from ipaddress import AddressValueError, IPv4Address

LargeCommunity = tuple[int, int, int]

# IANA "BGP Well-known Communities", under the names that the command line and GoBGP use.
WELL_KNOWN: dict[str, int] = {
    "internet": 0x00000000,
    "planned-shut": 0xFFFF0000,
    "accept-own": 0xFFFF0001,
    "route-filter-translated-v4": 0xFFFF0002,
    "route-filter-v4": 0xFFFF0003,
    "route-filter-translated-v6": 0xFFFF0004,
    "route-filter-v6": 0xFFFF0005,
    "llgr-stale": 0xFFFF0006,
    "no-llgr": 0xFFFF0007,
    "blackhole": 0xFFFF029A,
    "no-export": 0xFFFFFF01,
    "no-advertise": 0xFFFFFF02,
    "no-export-subconfed": 0xFFFFFF03,
    "no-peer": 0xFFFFFF04,
}
_NAME_OF = {value: name for name, value in WELL_KNOWN.items()}

# Route targets: the type octet says how the other six are cut (RFC 4360 section 4, RFC 5668).
RT_TYPE_AS2 = 0
RT_TYPE_IPV4 = 1
RT_TYPE_AS4 = 2
RT_SUBTYPE = 2

_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFFFFFF
_DIGITS = re.compile(r"[0-9]{1,10}")


def _read_number(text: str, maximum: int) -> int | None:
    """A plain decimal number up to ``maximum``, or None (no sign, space, ``_`` or other digits)."""
    if not _DIGITS.fullmatch(text) or int(text) > maximum:
        return None
    return int(text)


def parse_community(text: str) -> int:
    """Read ``"65000:100"``, ``"4259905636"`` or a well-known name such as ``"no-export"``.

    Raises:
        ValueError: the text is no standard community; the message says wanted and found.
    """
    known = WELL_KNOWN.get(text)
    if known is not None:
        return known
    parts = text.split(":")
    if len(parts) == 1:
        value = _read_number(text, _MAX_32)
        if value is not None:
            return value
    elif len(parts) == 2:
        high, low = (_read_number(part, _MAX_16) for part in parts)
        if high is not None and low is not None:
            return high << 16 | low
    raise ValueError(
        "wanted a community like 65000:100 (each part 0 to 65535), a number up to 4294967295 "
        f"or a well-known name, found {text!r}"
    )


def format_community(value: int) -> str:
    """``"no-export"`` for a well-known value, else ``"65000:100"``."""
    return _NAME_OF.get(value) or f"{value >> 16}:{value & _MAX_16}"


def parse_large_community(text: str) -> LargeCommunity:
    """Read ``"65000:1:100"``: three decimal numbers of 32 bits.

    Raises:
        ValueError: the text is no large community; the message says wanted and found.
    """
    parts = text.split(":")
    if len(parts) == 3:
        first, second, third = (_read_number(part, _MAX_32) for part in parts)
        if first is not None and second is not None and third is not None:
            return first, second, third
    raise ValueError(
        "wanted a large community like 65000:1:100 (three numbers from 0 to 4294967295), "
        f"found {text!r}"
    )


def format_large_community(value: LargeCommunity) -> str:
    """``"65000:1:100"``."""
    return "{}:{}:{}".format(*value)


def parse_route_target(text: str) -> bytes:
    """Read a route target into the 8 octets of its extended community.

    ``"65000:100"`` is type 0 (2-octet AS, 32-bit number), ``"10.0.0.1:100"`` type 1 (IPv4
    address, 16-bit number); ``"70000:100"`` and ``"1.4464:100"`` are type 2 (4-octet AS, 16-bit
    number).  Wire: type (1 octet), subtype 2 (1 octet), administrator (2 or 4 octets), assigned
    number (4 or 2 octets).

    Raises:
        ValueError: the text is no route target; the message says wanted and found.
    """
    administrator, _, number_text = text.rpartition(":")
    number = _read_number(number_text, _MAX_32)
    if number is not None:
        asn = _read_number(administrator, _MAX_32)
        if asn is not None and asn <= _MAX_16:
            head = bytes((RT_TYPE_AS2, RT_SUBTYPE))
            return head + asn.to_bytes(2, "big") + number.to_bytes(4, "big")
        if asn is None:
            asn = _read_asdot(administrator)
        if asn is not None and number <= _MAX_16:
            head = bytes((RT_TYPE_AS4, RT_SUBTYPE))
            return head + asn.to_bytes(4, "big") + number.to_bytes(2, "big")
        address = _read_ipv4(administrator)
        if address is not None and number <= _MAX_16:
            return bytes((RT_TYPE_IPV4, RT_SUBTYPE)) + address + number.to_bytes(2, "big")
    raise ValueError(
        "wanted a route target like 65000:100, 10.0.0.1:100 or 70000:100 (the number after a "
        f"4-octet AS or an address is at most 65535), found {text!r}"
    )


def _read_asdot(text: str) -> int | None:
    """A 4-octet AS number written ``high.low`` (RFC 5396), or None."""
    high_text, dot, low_text = text.partition(".")
    high, low = _read_number(high_text, _MAX_16), _read_number(low_text, _MAX_16)
    if not dot or high is None or low is None:
        return None
    return high << 16 | low


def _read_ipv4(text: str) -> bytes | None:
    try:
        return IPv4Address(text).packed
    except AddressValueError:
        return None


def format_route_target(octets: bytes) -> str | None:
    """Text of an 8-octet route target, or None when the octets are another extended community.

    A type 2 target is written with its AS as ``high.low``, so that text tells the types apart.
    """
    kind, subtype = octets[0], octets[1]
    if subtype != RT_SUBTYPE:
        return None
    if kind == RT_TYPE_AS2:
        return f"{int.from_bytes(octets[2:4], 'big')}:{int.from_bytes(octets[4:], 'big')}"
    number = int.from_bytes(octets[6:], "big")
    if kind == RT_TYPE_IPV4:
        return f"{IPv4Address(octets[2:6])}:{number}"
    if kind == RT_TYPE_AS4:
        high, low = int.from_bytes(octets[2:4], "big"), int.from_bytes(octets[4:6], "big")
        return f"{high}.{low}:{number}"
    return None
