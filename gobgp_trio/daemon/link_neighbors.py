"""Who is at the other end of an interface: the address of an unnumbered peer.

The kernel's neighbour table knows the IPv6 machines that were heard of.  Where it knows none, one
echo request to all nodes of the link makes them answer, and remember us.  Of several machines a
router is preferred, then one that answered lately; when there is still more than one, the operator
has to say which, with its address.
"""

import socket
from collections.abc import Sequence

import trio

from gobgp_trio.daemon.netlink import DUMP_SEQ, read_dump
from gobgp_trio.daemon.netlink_port import LinuxPort, NetlinkPort
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown
from gobgp_trio.rtnl.neighbor import (
    RTM_NEWNEIGH,
    Neighbor,
    read_neighbor,
    write_neighbor_dump,
)
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.types.prefix import format_address, is_link_local

ALL_NODES = "ff02::1"
# ICMPv6 (RFC 4443): type 128, code, checksum (the kernel's work), identifier, sequence number
ECHO_REQUEST = bytes((128, 0, 0, 0, 0, 179, 0, 1))
ANSWER_WITHIN_S = 1.0
LOOK_EVERY_S = 0.1
BUFFER_OCTETS = 1 << 18


async def find_link_neighbor(interface: str) -> str:
    """The address of the one machine on an interface, with its scope: ``fe80::2%eth0``.

    Raises:
        OSError: there is no such interface, nobody on it, or more than one.
    """
    index = socket.if_nametoindex(interface)
    try:
        found = await _dump_neighbors(index)
        if not list_candidates(found):
            _ask_all_nodes(index)
            with trio.move_on_after(ANSWER_WITHIN_S):
                while not list_candidates(found):
                    await trio.sleep(LOOK_EVERY_S)
                    found = await _dump_neighbors(index)
    except (KernelRefused, OutcomeUnknown) as refused:
        raise OSError(str(refused)) from None
    return f"{choose_neighbor(found, interface)}%{interface}"


def list_candidates(neighbors: Sequence[Neighbor]) -> list[Neighbor]:
    """Those that a session can be with, the best kind only."""
    usable = [n for n in neighbors if n.is_usable and is_link_local(n.address)]
    routers = [n for n in usable if n.is_router] or usable
    return [n for n in routers if n.is_confirmed] or routers


def choose_neighbor(neighbors: Sequence[Neighbor], interface: str) -> str:
    """The address of the only candidate.

    Raises:
        OSError: there is none, or more than one.
    """
    addresses = sorted(format_address(n.address) for n in list_candidates(neighbors))
    if len(addresses) != 1:
        found = ", ".join(addresses) or "none"
        raise OSError(f"wanted one IPv6 link-local neighbor on {interface}, found {found}")
    return addresses[0]


async def _dump_neighbors(index: int) -> list[Neighbor]:
    neighbors, _ = await read_dump(
        _open_port,
        write_neighbor_dump(DUMP_SEQ, index),
        "RTM_GETNEIGH",
        RTM_NEWNEIGH,
        read_neighbor,
    )
    return neighbors


def _open_port() -> NetlinkPort:
    return LinuxPort(receive_buffer_octets=BUFFER_OCTETS, strict=True)


def _ask_all_nodes(index: int) -> None:
    """Send one echo request; what it brings is seen in the neighbour table."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
            sock.sendto(ECHO_REQUEST, (ALL_NODES, 0, 0, index))
    except OSError:  # not allowed to: then somebody else has to speak first
        return
