"""Interface addresses as octets: ``struct ifaddrmsg``, ``IFA_*`` (``linux/if_addr.h``).

Why it exists: the importer derives connected networks from addresses, and the resolver must know
which addresses are the machine's own.
"""

import struct
from dataclasses import dataclass

from gobgp_trio.rtnl.nlmsg import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    MalformedNetlink,
    read_attributes,
    read_u32,
    write_message,
)
from gobgp_trio.types.family import Family

RTM_NEWADDR = 20
RTM_DELADDR = 21
RTM_GETADDR = 22
RTNLGRP_IPV4_IFADDR = 5
RTNLGRP_IPV6_IFADDR = 9

IFA_ADDRESS = 1
IFA_LOCAL = 2
IFA_BROADCAST = 4
IFA_FLAGS = 8

IFA_F_SECONDARY = 0x01
IFA_F_DADFAILED = 0x08
IFA_F_DEPRECATED = 0x20
IFA_F_TENTATIVE = 0x40
IFA_F_PERMANENT = 0x80
IFA_F_NOPREFIXROUTE = 0x200

# ifa_family, ifa_prefixlen, ifa_flags (lower 8 bits), ifa_scope, ifa_index
IFADDRMSG = struct.Struct("=BBBBI")

_FAMILY = {2: Family.IPV4_UNICAST, 10: Family.IPV6_UNICAST}  # AF_INET, AF_INET6


@dataclass(frozen=True, slots=True)
class Address:
    """An address of an interface.

    ``address`` is the interface's own.  ``peer`` is the other end's, where the address was set
    with one; ``prefix_bits`` then belong to it, and the connected route goes to it.
    """

    interface_index: int
    family: Family
    address: bytes
    prefix_bits: int
    peer: bytes | None = None
    scope: int = 0
    flags: int = 0

    @property
    def network_address(self) -> bytes:
        """The address whose network is connected: the peer's when there is one."""
        return self.address if self.peer is None else self.peer

    @property
    def is_usable(self) -> bool:
        """Whether duplicate address detection is over and found none; deprecated is usable."""
        return not self.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)


def read_address(body: bytes) -> Address | None:
    """Read the body of RTM_NEWADDR or RTM_DELADDR; None for a family that is not IP.

    Wire: ``struct ifaddrmsg`` (8 octets: family, prefix bits, flags, scope, index of 4), then
    attributes.  IFA_LOCAL is the own address where it differs from IFA_ADDRESS, which is then the
    peer's; IPv6 leaves IFA_LOCAL out when there is no peer.  IFA_FLAGS has all 32 flags.

    Raises:
        MalformedNetlink: it is cut short, has no address, or a length is impossible.
    """
    if len(body) < IFADDRMSG.size:
        raise MalformedNetlink(f"wanted 8 octets of ifaddrmsg, found {len(body)}")
    af, prefix_bits, short_flags, scope, index = IFADDRMSG.unpack_from(body)
    family = _FAMILY.get(af)
    if family is None:
        return None
    get = read_attributes(body, IFADDRMSG.size).get
    peer = get(IFA_ADDRESS)
    local = get(IFA_LOCAL, peer)
    octets_count = family.address_octets
    if local is None or len(local) != octets_count or (peer and len(peer) != octets_count):
        raise MalformedNetlink(f"wanted addresses of {octets_count} octets, found {local!r}")
    if prefix_bits > family.address_bits:
        raise MalformedNetlink(f"wanted up to {family.address_bits} bits, found {prefix_bits}")
    flags = get(IFA_FLAGS)
    return Address(
        interface_index=index,
        family=family,
        address=local,
        prefix_bits=prefix_bits,
        peer=peer if peer and peer != local else None,
        scope=scope,
        flags=short_flags if flags is None else read_u32(flags, "IFA_FLAGS"),
    )


def write_address_dump(seq: int) -> bytes:
    """RTM_GETADDR that dumps the addresses of all interfaces and families."""
    body = IFADDRMSG.pack(0, 0, 0, 0, 0)
    return write_message(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, seq, body)
