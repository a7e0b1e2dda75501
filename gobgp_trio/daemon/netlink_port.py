"""AF_NETLINK sockets: their options, their buffers, and the filter against our own echoes.

Why it exists: ``NetlinkKernel`` speaks to a ``NetlinkPort``, three methods and a number, so that a
fake kernel can stand at exactly this place in tests.

Facts the numbers rest on (Linux 6.18): the kernel carries out a request inside ``send``, so all
replies are queued when it returns; a reply that finds the receive buffer full is lost, and the
next receive says ENOBUFS; each queued error is charged 832 octets at the least, whatever its
length, against twice the SO_RCVBUF that was asked for.
"""

import ctypes
import errno
import socket
import struct
from collections.abc import Iterable
from typing import Protocol

import trio

from gobgp_trio.rtnl.address import RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR
from gobgp_trio.rtnl.link import RTNLGRP_LINK
from gobgp_trio.rtnl.nlmsg import ExtendedAck, KernelRefused
from gobgp_trio.rtnl.route import (
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV6_ROUTE,
)

NETLINK_ROUTE = 0
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NETLINK_GET_STRICT_CHK = 12
SO_ATTACH_FILTER = 26
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33

REPLY_BUFFER_OCTETS = 4 << 20
EVENT_BUFFER_OCTETS = 32 << 20
SEND_BUFFER_OCTETS = 1 << 20
# A dump comes in pieces of up to 32 KiB when the reader offers as much.
RECEIVE_OCTETS = 1 << 16

MONITOR_GROUPS = (
    RTNLGRP_LINK,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV6_ROUTE,
)

# Classic BPF (linux/bpf_common.h): load 32 or 16 bits at an offset, jump if equal, return.
_BPF_LD_W_ABS = 0x20
_BPF_LD_H_ABS = 0x28
_BPF_JEQ_K = 0x15
_BPF_RET_K = 0x06
_SOCK_FILTER = struct.Struct("=HBBI")
_SOCK_FPROG = struct.Struct("@HP")
_NLMSG_TYPE_AT = 4
_NLMSG_PID_AT = 12


class NetlinkPort(Protocol):
    """One end of a conversation with the kernel.

    ``port_id`` is the address the kernel knows this end by.
    """

    port_id: int

    def send(self, octets: bytes) -> None:
        """Hand the kernel a buffer of messages; it has carried them out on return.

        Raises:
            OSError: the kernel took none of them.
        """

    def receive_nowait(self) -> bytes:
        """The next datagram.

        Raises:
            BlockingIOError: there is none.
            OSError: ENOBUFS, datagrams were dropped.
        """

    async def wait_readable(self) -> None:
        """Wait until ``receive_nowait`` has something to say."""

    def close(self) -> None:
        """Give the socket back."""


class LinuxPort:
    """A ``NetlinkPort`` on a real socket, in the network namespace of the calling thread.

    Raises:
        KernelRefused: the kernel gives out no such socket.
    """

    def __init__(self, *, receive_buffer_octets: int, strict: bool = False) -> None:
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE
            )
        except OSError as refusal:
            raise KernelRefused(
                refusal.errno or errno.EIO, "socket AF_NETLINK", ExtendedAck()
            ) from None
        self._socket.setblocking(False)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        if strict:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        self._grow_buffers(receive_buffer_octets)
        self._socket.bind((0, 0))
        self.port_id: int = self._socket.getsockname()[0]

    def _grow_buffers(self, receive_buffer_octets: int) -> None:
        """Beyond the system's limit with CAP_NET_ADMIN, up to it without."""
        for forced, plain, octets_count in (
            (SO_RCVBUFFORCE, socket.SO_RCVBUF, receive_buffer_octets),
            (SO_SNDBUFFORCE, socket.SO_SNDBUF, SEND_BUFFER_OCTETS),
        ):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, forced, octets_count)
            except PermissionError:
                self._socket.setsockopt(socket.SOL_SOCKET, plain, octets_count)

    def join(self, groups: Iterable[int], *, without_routes_of: int) -> None:
        """Hear these ``RTNLGRP_*``, but not the echoes of the routes that a port id wrote."""
        instructions = echo_filter(without_routes_of)
        # struct sock_fprog points at the program, which the kernel copies inside setsockopt.
        program = ctypes.create_string_buffer(b"".join(_SOCK_FILTER.pack(*i) for i in instructions))
        pointer = _SOCK_FPROG.pack(len(instructions), ctypes.addressof(program))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)
        mask = 0
        for group in groups:
            mask |= 1 << (group - 1)
        self._socket.bind((self.port_id, mask))

    def send(self, octets: bytes) -> None:
        self._socket.send(octets)

    def receive_nowait(self) -> bytes:
        while True:
            octets, (sender_port_id, _groups) = self._socket.recvfrom(RECEIVE_OCTETS)
            if sender_port_id == 0:  # the kernel; a process may write to us, too
                return octets

    async def wait_readable(self) -> None:
        await trio.lowlevel.wait_readable(self._socket)

    def close(self) -> None:
        self._socket.close()


def echo_filter(port_id: int) -> list[tuple[int, int, int, int]]:
    """A socket filter that drops the route messages which a port id caused, as BPF instructions.

    Without it each of our writes comes back as an event, which costs the kernel a third of its
    speed.  BPF loads are big endian while a netlink header is in host order, so the constants are
    turned around instead.

    Returns:
        Per instruction: code, jump if true, jump if false, constant.
    """
    return [
        (_BPF_LD_H_ABS, 0, 0, _NLMSG_TYPE_AT),
        (_BPF_JEQ_K, 1, 0, socket.htons(RTM_NEWROUTE)),
        (_BPF_JEQ_K, 0, 2, socket.htons(RTM_DELROUTE)),
        (_BPF_LD_W_ABS, 0, 0, _NLMSG_PID_AT),
        (_BPF_JEQ_K, 1, 0, socket.htonl(port_id)),
        (_BPF_RET_K, 0, 0, 0xFFFFFFFF),
        (_BPF_RET_K, 0, 0, 0),
    ]


def open_request_port() -> NetlinkPort:
    """A port for one dump: strict, so that the kernel filters by table and protocol."""
    return LinuxPort(receive_buffer_octets=REPLY_BUFFER_OCTETS, strict=True)


def open_write_port() -> NetlinkPort:
    """A port for writing routes, with room for the errors of a whole send."""
    return LinuxPort(receive_buffer_octets=REPLY_BUFFER_OCTETS)


def open_monitor_port(writer_port_id: int) -> NetlinkPort:
    """A port that hears links, addresses and routes, but not what the writer's port caused."""
    port = LinuxPort(receive_buffer_octets=EVENT_BUFFER_OCTETS)
    port.join(MONITOR_GROUPS, without_routes_of=writer_port_id)
    return port
