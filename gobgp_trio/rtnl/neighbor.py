"""Neighbours as octets: ``struct ndmsg`` and its ``NDA_*`` attributes (``linux/neighbour.h``).

Why it exists: the place for what the daemon will ask about neighbours (whether a next hop answers,
unnumbered peers).  So far: what an event says, no more.
"""

import struct
from dataclasses import dataclass

from gobgp_trio.rtnl.nlmsg import MalformedNetlink, read_attributes

RTM_NEWNEIGH = 28
RTM_DELNEIGH = 29
RTM_GETNEIGH = 30
RTNLGRP_NEIGH = 3

NDA_DST = 1
NDA_LLADDR = 2

NUD_INCOMPLETE = 0x01
NUD_REACHABLE = 0x02
NUD_STALE = 0x04
NUD_FAILED = 0x20
NUD_PERMANENT = 0x80

# ndm_family, padding of 3 octets, ndm_ifindex, ndm_state, ndm_flags, ndm_type
NDMSG = struct.Struct("=BxxxiHBB")


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Another machine on a link: its address of 4 or 16 octets, and ``NUD_*`` in ``state``."""

    interface_index: int
    address: bytes
    state: int
    link_layer_address: bytes | None = None


def read_neighbor(body: bytes) -> Neighbor | None:
    """Read the body of RTM_NEWNEIGH or RTM_DELNEIGH; None for one without an IP address.

    Wire: ``struct ndmsg`` (12 octets: family, padding of 3, interface index of 4, state of 2,
    flags, type), then attributes.

    Raises:
        MalformedNetlink: it is cut short, or an attribute has an impossible length.
    """
    if len(body) < NDMSG.size:
        raise MalformedNetlink(f"wanted 12 octets of ndmsg, found {len(body)}")
    _, index, state, _, _ = NDMSG.unpack_from(body)
    get = read_attributes(body, NDMSG.size).get
    address = get(NDA_DST, b"")
    if len(address) not in (4, 16):
        return None
    return Neighbor(index, address, state, get(NDA_LLADDR))
