"""Kernel routes as octets: ``struct rtmsg`` and its ``RTA_*`` attributes (``linux/rtnetlink.h``).

Why it exists: the importer, the next-hop resolver and the exporter's snapshot read the kernel's
routes, by dump and by event; both come through here.  Writing routes in bulk is the hot path and
lives in ``route_batch``.

Rules: a destination is the NLRI key that every table of ours is keyed by.  What the kernel leaves
out is None: an IPv4 route without RTA_PRIORITY has metric None here, although the kernel orders
it as 0.  RTA_TABLE wins over ``rtm_table``, which has only 8 bits.
"""

import struct
from dataclasses import dataclass, field

from gobgp_trio.rtnl.nlmsg import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    MalformedNetlink,
    read_attributes,
    read_u32,
    write_attribute,
    write_message,
    write_u32_attribute,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import nlri_of_address

RTM_NEWROUTE = 24
RTM_DELROUTE = 25
RTM_GETROUTE = 26
RTNLGRP_IPV4_ROUTE = 7
RTNLGRP_IPV6_ROUTE = 11

AF_INET = 2
AF_INET6 = 10

RTN_UNSPEC = 0
RTN_UNICAST = 1
RTN_LOCAL = 2
RTN_BROADCAST = 3
RTN_ANYCAST = 4
RTN_MULTICAST = 5
RTN_BLACKHOLE = 6
RTN_UNREACHABLE = 7
RTN_PROHIBIT = 8
RTN_THROW = 9

RT_SCOPE_UNIVERSE = 0
RT_SCOPE_LINK = 253
RT_SCOPE_HOST = 254
RT_SCOPE_NOWHERE = 255

RT_TABLE_UNSPEC = 0
RT_TABLE_MAIN = 254
RT_TABLE_LOCAL = 255

RTPROT_UNSPEC = 0
RTPROT_REDIRECT = 1
RTPROT_KERNEL = 2
RTPROT_BOOT = 3
RTPROT_STATIC = 4
RTPROT_BGP = 186

RTA_DST = 1
RTA_OIF = 4
RTA_GATEWAY = 5
RTA_PRIORITY = 6
RTA_PREFSRC = 7
RTA_METRICS = 8
RTA_MULTIPATH = 9
RTA_TABLE = 15
RTA_VIA = 18
RTA_NH_ID = 30

RTNH_F_DEAD = 1
RTNH_F_ONLINK = 4
RTNH_F_LINKDOWN = 16

RTM_F_CLONED = 0x200
RTM_F_FIB_MATCH = 0x2000

IP6_RT_PRIO_USER = 1024  # the metric an IPv6 route gets that asks for 0

# rtm_family, rtm_dst_len, rtm_src_len, rtm_tos, rtm_table, rtm_protocol, rtm_scope, rtm_type,
# rtm_flags
RTMSG = struct.Struct("=BBBBBBBBI")
RTNEXTHOP = struct.Struct("=HBBi")  # rtnh_len, rtnh_flags, rtnh_hops, rtnh_ifindex
_RTVIA_FAMILY = struct.Struct("=H")

_UNICAST = {AF_INET: Family.IPV4_UNICAST, AF_INET6: Family.IPV6_UNICAST}
_KERNEL_FAMILY = {Family.IPV4_UNICAST: AF_INET, Family.IPV6_UNICAST: AF_INET6}


def kernel_family(family: Family) -> int:
    """``AF_INET`` or ``AF_INET6`` of a unicast family."""
    return _KERNEL_FAMILY[family]


@dataclass(frozen=True, slots=True)
class Leg:
    """One next hop of a kernel route.

    ``gateway`` has 4 or 16 octets, or none when the destination is on the link itself.
    ``interface_index`` 0 leaves the device to the kernel (requests only).  ``weight`` is 1 to 256.
    ``flags`` are the ``RTNH_F_*`` the kernel reported (dead, link down); they say how the leg is
    doing, not which leg it is, so equality leaves them out.
    """

    gateway: bytes
    interface_index: int
    weight: int = 1
    onlink: bool = False
    flags: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class KernelRoute:
    """A route as the kernel reports it.

    ``gateway`` and ``oif`` are those of a route with a single next hop; one with several has them
    in ``nexthops`` and None here.  ``legs`` is the form that covers both.  IPv6 reports the legs
    of a multipath route in an order of its own.
    """

    family: Family
    nlri: bytes
    table_id: int
    protocol: int
    metric: int | None
    route_type: int = RTN_UNICAST
    scope: int = RT_SCOPE_UNIVERSE
    tos: int = 0
    source_bits: int = 0
    gateway: bytes | None = None
    oif: int | None = None
    nexthops: tuple[Leg, ...] = ()
    prefsrc: bytes | None = None
    nh_id: int | None = None
    flags: int = 0

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The next hops, whichever way the kernel wrote them; none for a blackhole."""
        if self.nexthops or (self.gateway is None and self.oif is None):
            return self.nexthops
        onlink = bool(self.flags & RTNH_F_ONLINK)
        return (Leg(self.gateway or b"", self.oif or 0, 1, onlink, self.flags & 0xFF),)


def route_protocol_of(body: bytes) -> int | None:
    """``rtm_protocol`` of a route message's body at its fixed place; None when that is missing."""
    return body[5] if len(body) >= RTMSG.size else None


def read_route(body: bytes) -> KernelRoute | None:
    """Read the body of RTM_NEWROUTE or RTM_DELROUTE; None for a family that is not IP unicast.

    Wire: ``struct rtmsg`` (12 octets: family, destination bits, source bits, TOS, table, protocol,
    scope, type, flags of 4 octets), then attributes.

    Raises:
        MalformedNetlink: it is cut short, or an attribute has an impossible length.
    """
    if len(body) < RTMSG.size:
        raise MalformedNetlink(f"wanted 12 octets of rtmsg, found {len(body)}")
    af, bits, source_bits, tos, table_id, protocol, scope, kind, flags = RTMSG.unpack_from(body)
    family = _UNICAST.get(af)
    if family is None:
        return None
    get = read_attributes(body, RTMSG.size).get
    octets_count = family.address_octets
    destination = get(RTA_DST) or bytes(octets_count)
    if bits > octets_count * 8 or len(destination) != octets_count:
        raise MalformedNetlink(
            f"wanted a destination of {octets_count} octets and up to {octets_count * 8} bits, "
            f"found {len(destination)} octets and {bits} bits"
        )
    table = get(RTA_TABLE)
    oif = get(RTA_OIF)
    metric = get(RTA_PRIORITY)
    nh_id = get(RTA_NH_ID)
    multipath = get(RTA_MULTIPATH)
    return KernelRoute(
        family=family,
        nlri=nlri_of_address(destination, bits),
        table_id=table_id if table is None else read_u32(table, "RTA_TABLE"),
        protocol=protocol,
        metric=None if metric is None else read_u32(metric, "RTA_PRIORITY"),
        route_type=kind,
        scope=scope,
        tos=tos,
        source_bits=source_bits,
        gateway=read_gateway(get(RTA_GATEWAY), get(RTA_VIA)),
        oif=None if oif is None else read_u32(oif, "RTA_OIF"),
        nexthops=() if multipath is None else read_multipath(multipath),
        prefsrc=read_gateway(get(RTA_PREFSRC), None),
        nh_id=None if nh_id is None else read_u32(nh_id, "RTA_NH_ID"),
        flags=flags,
    )


def read_gateway(gateway: bytes | None, via: bytes | None) -> bytes | None:
    """The address in RTA_GATEWAY, or in RTA_VIA (family of 2 octets, then the address).

    Raises:
        MalformedNetlink: the address has neither 4 nor 16 octets.
    """
    address = gateway
    if address is None:
        if via is None:
            return None
        address = via[_RTVIA_FAMILY.size :]
    if len(address) not in (4, 16):
        raise MalformedNetlink(f"wanted an address of 4 or 16 octets, found {len(address)}")
    return address


def read_multipath(payload: bytes) -> tuple[Leg, ...]:
    """The legs in RTA_MULTIPATH.

    Wire, per leg: length (2), flags (1), weight - 1 (1), interface index (4), attributes, padding
    to four octets (``struct rtnexthop``, ``RTNH_NEXT``).

    Raises:
        MalformedNetlink: a leg is cut short, or its length does not fit.
    """
    legs = []
    at, end = 0, len(payload)
    while at < end:
        if at + RTNEXTHOP.size > end:
            raise MalformedNetlink(f"wanted a next hop of 8 octets, found {end - at}")
        length, flags, hops, interface_index = RTNEXTHOP.unpack_from(payload, at)
        if length < RTNEXTHOP.size or at + length > end:
            raise MalformedNetlink(f"wanted a next hop of 8 to {end - at} octets, found {length}")
        get = read_attributes(payload[at : at + length], RTNEXTHOP.size).get
        gateway = read_gateway(get(RTA_GATEWAY), get(RTA_VIA)) or b""
        legs.append(Leg(gateway, interface_index, hops + 1, bool(flags & RTNH_F_ONLINK), flags))
        at += (length + 3) & ~3
    return tuple(legs)


def write_leg_attributes(family: Family, gateway: bytes) -> bytes:
    """The gateway of a leg: RTA_GATEWAY, or RTA_VIA when an IPv4 route goes over an IPv6 one."""
    if not gateway:
        return b""
    if len(gateway) == family.address_octets:
        return write_attribute(RTA_GATEWAY, gateway)
    return write_attribute(RTA_VIA, _RTVIA_FAMILY.pack(AF_INET6) + gateway)


def write_multipath(family: Family, legs: tuple[Leg, ...]) -> bytes:
    """RTA_MULTIPATH of these legs; the reverse of ``read_multipath``."""
    payload = bytearray()
    for leg in legs:
        attributes = write_leg_attributes(family, leg.gateway)
        flags = RTNH_F_ONLINK if leg.onlink else 0
        length = RTNEXTHOP.size + len(attributes)
        payload += RTNEXTHOP.pack(length, flags, leg.weight - 1, leg.interface_index)
        payload += attributes
    return write_attribute(RTA_MULTIPATH, bytes(payload))


def write_route_dump(
    seq: int, family: Family, table_id: int | None = None, protocol: int | None = None
) -> bytes:
    """RTM_GETROUTE that dumps a family; a strict socket filters by table and protocol.

    Without ``NETLINK_GET_STRICT_CHK`` the kernel ignores both filters.
    """
    header = RTMSG.pack(kernel_family(family), 0, 0, 0, 0, protocol or 0, 0, 0, 0)
    table = b"" if table_id is None else write_u32_attribute(RTA_TABLE, table_id)
    return write_message(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, seq, header + table)
