"""How single values of the file are read: type, range, allowed words.

A reader takes what the TOML parser returned and gives our value, or raises ``ValueError`` whose
text is "wanted ..., found ...".  Nothing is converted: ``"65000"`` is not 65000 and 1 is not true.
"""

from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

from gobgp_trio.config.problems import describe, quote

T = TypeVar("T")
Reader = Callable[[object], T]

INTERFACE_NAME_OCTETS = 16  # IFNAMSIZ, with the closing zero
MD5_KEY_OCTETS = 80  # TCP_MD5SIG_MAXKEYLEN
AS_TRANS = 23456  # stands for a 4-octet AS towards old speakers (RFC 6793 section 9)


def unwanted(wanted: str, found: object) -> ValueError:
    """The error of a reader."""
    return ValueError(f"wanted {wanted}, found {describe(found)}")


def read_flag(value: object) -> bool:
    """true or false."""
    if isinstance(value, bool):
        return value
    raise unwanted("true or false", value)


def read_text(value: object) -> str:
    """Any string."""
    if isinstance(value, str):
        return value
    raise unwanted("a string", value)


def read_name(value: object) -> str:
    """A string that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise unwanted("a string that is not empty", value)


def whole_number(low: int, high: int, *, but: Collection[int] = ()) -> Reader[int]:
    """A reader of integers from ``low`` to ``high`` without those in ``but``."""
    wanted = f"an integer from {low} to {high}"
    if but:
        wanted += " other than " + " and ".join(str(number) for number in but)

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise unwanted(wanted, value)
        if not low <= value <= high or value in but:
            raise unwanted(wanted, value)
        return value

    return read


def whole_seconds(low: int, high: int, *, or_zero: bool = False) -> Reader[int]:
    """A reader of timers: ``90`` or ``90.0``, optionally 0 besides the range."""
    wanted = f"whole seconds from {low} to {high}" + (" or 0" if or_zero else "")

    def read(value: object) -> int:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise unwanted(wanted, value)
        is_in_range = low <= value <= high or (or_zero and value == 0)
        if not is_in_range or value != int(value):
            raise unwanted(wanted, value)
        return int(value)

    return read


def only(allowed: bool, why: str) -> Reader[bool]:
    """A reader of a flag that can have one value only, because we do nothing else."""
    wanted = f"{describe(allowed)} ({why})"

    def read(value: object) -> bool:
        if value is allowed:
            return allowed
        raise unwanted(wanted, value)

    return read


def parsed(parse: Callable[[str], T], wanted: str) -> Reader[T]:
    """A reader of strings that ``parse`` understands; its ``ValueError`` is passed on."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise unwanted(wanted, value)
        return parse(value)

    return read


def read_as(value: object) -> int:
    """An AS number that a speaker can have (RFC 7607: not 0; RFC 6793: not AS_TRANS)."""
    return _AS_READER(value)


_AS_READER = whole_number(1, 2**32 - 1, but=(AS_TRANS,))


def read_router_id(value: object) -> bytes:
    """A BGP identifier written as an IPv4 address: 4 octets, not all zero (RFC 6286)."""
    try:
        if isinstance(value, str) and (octets := IPv4Address(value).packed) != bytes(4):
            return octets
    except ValueError:
        pass  # the one error below says what was wanted
    raise unwanted("an IPv4 address other than 0.0.0.0", value)


def read_address(value: object) -> IPv4Address | IPv6Address:
    """An IPv4 or IPv6 address, the latter with its scope (``fe80::1%eth0``) if it has one."""
    try:
        if isinstance(value, str):
            return ip_address(value)
    except ValueError:
        pass  # the one error below says what was wanted
    raise unwanted("an IPv4 or IPv6 address", value)


def read_address_text(value: object) -> str:
    """An address in the one spelling that is compared: ``2001:db8::1``."""
    return str(read_address(value))


def read_own_address(value: object) -> str:
    """Likewise; a link-local address means nothing without its interface."""
    address = read_address(value)
    if isinstance(address, IPv6Address) and address.is_link_local and not address.scope_id:
        raise unwanted("an interface after a link-local address, as in fe80::1%eth0", value)
    return str(address)


def read_neighbor_address(value: object) -> str:
    """The address of one peer: unicast, and with a scope exactly when it is link-local IPv6."""
    address = read_address(value)
    if address.is_multicast or address.is_unspecified:
        raise unwanted("the address of one neighbor", value)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            raise unwanted("an IPv4 address written as such", value)
        if address.is_link_local and not address.scope_id:
            raise unwanted("an interface after a link-local address, as in fe80::1%eth0", value)
        if address.scope_id and not address.is_link_local:
            raise unwanted("an interface after link-local addresses only", value)
    elif address == IPv4Address("255.255.255.255"):
        raise unwanted("the address of one neighbor", value)
    return str(address)


def read_network(value: object) -> str:
    """A network such as ``192.0.2.0/24``, without bits behind its length, in one spelling."""
    try:
        if isinstance(value, str) and "/" in value:
            return str(ip_network(value))
    except ValueError:
        pass  # the one error below says what was wanted
    raise unwanted('a network such as "192.0.2.0/24"', value)


def read_interface_pattern(value: object) -> str:
    """An interface name or shell glob; names with ``/`` or spaces cannot exist."""
    if isinstance(value, str) and value and not any(c == "/" or c.isspace() for c in value):
        return value
    raise unwanted('an interface name or a glob such as "eth*"', value)


def read_interface(value: object) -> str:
    """The name of one interface, as the kernel allows it (``dev_valid_name``)."""
    if (
        isinstance(value, str)
        and 0 < len(value.encode()) < INTERFACE_NAME_OCTETS
        and value not in (".", "..")
        and not any(c in "/:%" or c.isspace() or not c.isprintable() for c in value)
    ):
        return value
    raise unwanted("the name of an interface, up to 15 octets", value)


def read_password(value: object) -> str:
    """A TCP MD5 password; "" stands for none."""
    if isinstance(value, str) and len(value.encode()) <= MD5_KEY_OCTETS:
        return value
    # The value is not shown: it would end up in logs.
    raise ValueError(f"wanted a password of up to {MD5_KEY_OCTETS} octets, found another value")


def read_mss(value: object) -> int:
    """A maximum segment size that the kernel takes (``TCP_MIN_MSS``), or 0 for its own."""
    if value == 0 and not isinstance(value, bool):
        return 0
    return _MSS_READER(value)


_MSS_READER = whole_number(88, 32767)


def read_tos(value: object) -> int:
    """A TOS octet; its two lowest bits are the kernel's, for congestion notification (RFC 3168)."""
    if isinstance(value, int) and not isinstance(value, bool) and value in range(0, 256, 4):
        return value
    raise unwanted("a multiple of 4 from 0 to 252 (a DSCP in the upper six bits)", value)


def one_of(table: dict[str, T], what: str) -> Reader[T]:
    """A reader of one of the words of a table."""
    wanted = f"{what}: " + " or ".join(quote(word) for word in table)

    def read(value: object) -> T:
        if isinstance(value, str) and value in table:
            return table[value]
        raise unwanted(wanted, value)

    return read
