"""Nexthop objects as octets: ``struct nhmsg`` and its ``NHA_*`` attributes (``linux/nexthop.h``).

Why it exists: the place for writing routes by nexthop id, which the kernel does half as fast again
as with a gateway in each.  So far: what an event says, so that a route's ``nh_id`` can be resolved.
"""

import struct
from dataclasses import dataclass

from gobgp_trio.rtnl.nlmsg import MalformedNetlink, read_attributes, read_u32
from gobgp_trio.rtnl.route import read_gateway

RTM_NEWNEXTHOP = 104
RTM_DELNEXTHOP = 105
RTM_GETNEXTHOP = 106
RTNLGRP_NEXTHOP = 32

NHA_ID = 1
NHA_GROUP = 2
NHA_BLACKHOLE = 4
NHA_OIF = 5
NHA_GATEWAY = 6

# nh_family, nh_scope, nh_protocol, reserved, nh_flags
NHMSG = struct.Struct("=BBBxI")
_GROUP_MEMBER = struct.Struct("=IBBH")  # id, weight - 1, two reserved


@dataclass(frozen=True, slots=True)
class Nexthop:
    """A nexthop object, or a group of them: then ``members`` are (id, weight)."""

    nh_id: int
    protocol: int
    gateway: bytes | None = None
    oif: int | None = None
    blackhole: bool = False
    members: tuple[tuple[int, int], ...] = ()


def read_nexthop(body: bytes) -> Nexthop:
    """Read the body of RTM_NEWNEXTHOP or RTM_DELNEXTHOP.

    Wire: ``struct nhmsg`` (8 octets: family, scope, protocol, reserved, flags of 4), then
    attributes; a group has 8 octets per member (id of 4, weight - 1, reserved of 3).

    Raises:
        MalformedNetlink: it is cut short, has no id, or a length is impossible.
    """
    if len(body) < NHMSG.size:
        raise MalformedNetlink(f"wanted 8 octets of nhmsg, found {len(body)}")
    _, _, protocol, _ = NHMSG.unpack_from(body)
    get = read_attributes(body, NHMSG.size).get
    group, oif = get(NHA_GROUP, b""), get(NHA_OIF)
    if len(group) % _GROUP_MEMBER.size:
        raise MalformedNetlink(f"wanted 8 octets per member of a group, found {len(group)}")
    return Nexthop(
        nh_id=read_u32(get(NHA_ID, b""), "NHA_ID"),
        protocol=protocol,
        gateway=read_gateway(get(NHA_GATEWAY), None),
        oif=None if oif is None else read_u32(oif, "NHA_OIF"),
        blackhole=get(NHA_BLACKHOLE) is not None,
        members=tuple(
            (nh_id, weight + 1) for nh_id, weight, _, _ in _GROUP_MEMBER.iter_unpack(group)
        ),
    )
