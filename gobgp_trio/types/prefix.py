"""Prefixes in their two forms: the NLRI octets every table is keyed by, and text for people.

A unicast NLRI key is ``length (1 octet, in bits) + ceil(length / 8) octets`` with the bits past
the length cleared: the wire form of RFC 4271 section 4.3.  It is ``bytes``, so a table holds no
object per route; everything here runs at the edges (configuration, API, logs), not per route.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gobgp_trio.types.family import Family

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


def unicast_family(octets_count: int) -> Family:
    """The unicast family of an address of 4 or 16 octets."""
    return Family.IPV4_UNICAST if octets_count == 4 else Family.IPV6_UNICAST


def nlri_of_network(network: IPNetwork) -> bytes:
    """The NLRI key of a network object."""
    bits = network.prefixlen
    return bytes((bits,)) + network.network_address.packed[: (bits + 7) // 8]


def nlri_of_address(address: bytes, prefix_bits: int) -> bytes:
    """The NLRI key of the network that holds ``address`` (4 or 16 octets) at this length."""
    octets_count = (prefix_bits + 7) // 8
    kept = bytearray(address[:octets_count])
    if prefix_bits % 8:
        kept[-1] &= 0xFF << (8 - prefix_bits % 8) & 0xFF
    return bytes((prefix_bits,)) + bytes(kept)


def parse_prefix(text: str) -> tuple[Family, bytes]:
    """Read ``"10.0.0.0/8"`` or ``"2001:db8::/32"``; host bits are cleared.

    Raises:
        ValueError: the text is no prefix; the message names it.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"wanted a prefix like 10.0.0.0/8, found {text!r}") from None
    return unicast_family(network.max_prefixlen // 8), nlri_of_network(network)


def address_of_nlri(nlri: bytes, address_octets: int) -> bytes:
    """The network address in full (4 or 16 octets)."""
    return nlri[1:].ljust(address_octets, b"\0")


def format_prefix(family: Family, nlri: bytes) -> str:
    """``"10.0.0.0/8"`` for people, from a unicast NLRI key."""
    return f"{ip_address(address_of_nlri(nlri, family.address_octets))}/{nlri[0]}"


def format_address(octets: bytes) -> str:
    """Text of an address of 4 or 16 octets."""
    return str(ip_address(octets))


def parse_address(text: str) -> bytes:
    """Octets (4 or 16) of an address; an IPv6 scope (``%eth0``) is not part of them.

    Raises:
        ValueError: the text is no address; the message names it.
    """
    try:
        return ip_address(text.partition("%")[0]).packed
    except ValueError:
        raise ValueError(f"wanted an IP address, found {text!r}") from None


_MAPPED_HEAD = bytes(10) + b"\xff\xff"


def is_ipv4_mapped(octets: bytes) -> bool:
    """Whether these 16 octets are an IPv4 address in IPv6's clothes (``::ffff:192.0.2.1``)."""
    return octets[:12] == _MAPPED_HEAD and len(octets) == 16


def to_ipv4_mapped(octets: bytes) -> bytes:
    """4 octets in 16."""
    return _MAPPED_HEAD + octets


def is_link_local(octets: bytes) -> bool:
    """Whether an address is IPv6 link-local (fe80::/10) or IPv4 link-local (169.254/16)."""
    if len(octets) == 16:
        return octets[0] == 0xFE and octets[1] & 0xC0 == 0x80
    return octets[:2] == b"\xa9\xfe"
