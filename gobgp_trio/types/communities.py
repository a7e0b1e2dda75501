"""Communities between their numbers and the text that operators write.

Three kinds: standard (RFC 1997, one 32-bit value), large (RFC 8092, three 32-bit values) and the
route target among the extended ones (RFC 4360, 8 octets as on the wire).  What is read is strict:
whatever is no community is refused, nothing is cut to fit.  Text is for configuration, API and
CLI; no route passes here.
"""

from gobgp_trio.types.assigned import (
    TYPE_AS2,
    TYPE_AS4,
    TYPE_IPV4,
    format_assigned,
    parse_assigned,
    read_number,
)

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

# Of the types that ``types.assigned`` knows (RFC 4360 section 4, RFC 5668).
RT_SUBTYPE = 2

_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFFFFFF


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
        value = read_number(text, _MAX_32)
        if value is not None:
            return value
    elif len(parts) == 2:
        high, low = (read_number(part, _MAX_16) for part in parts)
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
        first, second, third = (read_number(part, _MAX_32) for part in parts)
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

    Wire: type (1 octet), subtype 2 (1 octet), value (6, see ``types.assigned``).

    Raises:
        ValueError: the text is no route target; the message says wanted and found.
    """
    found = parse_assigned(text)
    if found is None:
        raise ValueError(
            "wanted a route target like 65000:100, 10.0.0.1:100 or 70000:100 (the number after a "
            f"4-octet AS or an address is at most 65535), found {text!r}"
        )
    kind, value = found
    return bytes((kind, RT_SUBTYPE)) + value


def format_route_target(octets: bytes) -> str | None:
    """Text of an 8-octet route target, or None when the octets are another extended community."""
    return format_assigned(octets[0], octets[2:]) if is_route_target(octets) else None


def is_route_target(octets: bytes) -> bool:
    """Whether an extended community (8 octets) is a route target."""
    return octets[1] == RT_SUBTYPE and octets[0] in (TYPE_AS2, TYPE_IPV4, TYPE_AS4)
