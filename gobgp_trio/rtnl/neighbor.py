"""Neighbours as octets: ``struct ndmsg`` and its ``NDA_*`` attributes (``linux/neighbour.h``).

Why it exists: a peer without a configured address is whoever is at the other end of its interface,
and the kernel knows who that is.
"""

import struct
from dataclasses import dataclass

from gobgp_trio.rtnl.nlmsg import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    MalformedNetlink,
    read_attributes,
    write_message,
    write_u32_attribute,
)

AF_INET6 = 10

RTM_NEWNEIGH = 28
RTM_DELNEIGH = 29
RTM_GETNEIGH = 30
RTNLGRP_NEIGH = 3

NDA_DST = 1
NDA_LLADDR = 2

NDA_IFINDEX = 8

NUD_INCOMPLETE = 0x01
NUD_REACHABLE = 0x02
NUD_STALE = 0x04
NUD_DELAY = 0x08
NUD_PROBE = 0x10
NUD_FAILED = 0x20
NUD_PERMANENT = 0x80

NTF_ROUTER = 0x80

# ndm_family, padding of 3 octets, ndm_ifindex, ndm_state, ndm_flags, ndm_type
NDMSG = struct.Struct("=BxxxiHBB")


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Another machine on a link: its address of 4 or 16 octets, and ``NUD_*`` in ``state``.

    ``is_router``: it has said in IPv6 that it forwards packets.
    """

    interface_index: int
    address: bytes
    state: int
    link_layer_address: bytes | None = None
    is_router: bool = False

    @property
    def is_usable(self) -> bool:
        """Somebody has this address, or had it when last asked."""
        usable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT
        return bool(self.state & usable)

    @property
    def is_confirmed(self) -> bool:
        """It answered lately, or the operator says so."""
        return bool(self.state & (NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT))


def read_neighbor(body: bytes) -> Neighbor | None:
    """Read the body of RTM_NEWNEIGH or RTM_DELNEIGH; None for one without an IP address.

    Wire: ``struct ndmsg`` (12 octets: family, padding of 3, interface index of 4, state of 2,
    flags, type), then attributes.

    Raises:
        MalformedNetlink: it is cut short, or an attribute has an impossible length.
    """
    if len(body) < NDMSG.size:
        raise MalformedNetlink(f"wanted 12 octets of ndmsg, found {len(body)}")
    _, index, state, flags, _ = NDMSG.unpack_from(body)
    get = read_attributes(body, NDMSG.size).get
    address = get(NDA_DST, b"")
    if len(address) not in (4, 16):
        return None
    return Neighbor(index, address, state, get(NDA_LLADDR), bool(flags & NTF_ROUTER))


def write_neighbor_dump(seq: int, interface_index: int) -> bytes:
    """RTM_GETNEIGH that dumps the IPv6 neighbours on one interface."""
    body = NDMSG.pack(AF_INET6, 0, 0, 0, 0) + write_u32_attribute(NDA_IFINDEX, interface_index)
    return write_message(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, seq, body)
