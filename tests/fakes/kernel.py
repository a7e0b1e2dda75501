"""A kernel in memory that stands where the netlink sockets are: octets in, octets out.

Why it exists: the tasks that import and export routes are tested without privileges and in no
time, on a kernel that refuses what the real one refuses.  ``FakeKernel.open`` hands out a real
``NetlinkKernel``, so codec, writer and monitor are under test as well.

Rules: what it does is what Linux 6.18 was seen to do, and nothing else;
``netns-tests/test_fake_kernel_conformance.py`` runs the same scripts on both.  Not modelled:
nexthop objects, rules, source routes, neighbours, metrics of addresses.
"""

import errno
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Unpack

import trio

from gobgp_trio.daemon.netlink import NetlinkKernel
from gobgp_trio.daemon.netlink_port import NetlinkPort
from gobgp_trio.daemon.netlink_writer import Refusal, Send, run_sends
from gobgp_trio.rtnl.address import (
    IFA_F_PERMANENT,
    IFA_F_SECONDARY,
    IFADDRMSG,
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_NEWADDR,
    Address,
)
from gobgp_trio.rtnl.link import IFINFOMSG, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, Link
from gobgp_trio.rtnl.nlmsg import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_FILTERED,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    NLMSG_MIN_TYPE,
    ExtendedAck,
    Message,
    read_messages,
    write_attribute,
    write_done,
    write_error,
    write_message,
    write_u32_attribute,
)
from gobgp_trio.rtnl.route import (
    RT_TABLE_MAIN,
    RTM_DELROUTE,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    KernelRoute,
    kernel_family,
    read_route,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import parse_address
from tests.fakes.fib4 import Fib4
from tests.fakes.fib6 import Fib6
from tests.fakes.kernel_state import FakeLink, KernelState, Refused, is_primary_of
from tests.fakes.route_requests import (
    RouteDetails,
    build_route,
    write_route_body,
    write_route_request,
)

ROUTE_MESSAGES = (RTM_NEWROUTE, RTM_DELROUTE)
NO_SUCH_INDEX = 999
FOREIGN_PORT_ID = 4_000_000  # whoever else writes routes


class FakePort:
    """A ``NetlinkPort`` into the fake kernel."""

    def __init__(self, kernel: "FakeKernel", port_id: int, *, deaf_to: int | None = None) -> None:
        self.port_id = port_id
        self.deaf_to = deaf_to
        self.congested = False
        self._kernel = kernel
        self._queue: deque[bytes] = deque()
        self._readers = trio.lowlevel.ParkingLot()

    def send(self, octets: bytes) -> None:
        self._kernel.carry_out(octets, self)

    def queue(self, datagram: bytes) -> None:
        """Something to receive; dropped while an earlier loss has not been noticed."""
        if not self.congested:
            self._queue.append(datagram)
            self._wake()

    def lose(self) -> None:
        """The buffer runs over: from here on all is dropped until the reader was told."""
        self.congested = True
        self._wake()

    def _wake(self) -> None:
        if self._readers:
            self._readers.unpark_all()

    def receive_nowait(self) -> bytes:
        if self.congested:
            self.congested = False
            raise OSError(errno.ENOBUFS, "No buffer space available")
        if not self._queue:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return self._queue.popleft()

    async def wait_readable(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self._queue and not self.congested:
            await self._readers.park()

    def close(self) -> None:
        self._kernel.forget(self)


async def run_hop_inline(port: NetlinkPort, sends: Sequence[Send]) -> list[Refusal]:
    """In place of the worker thread, which a test's clock would not wait for."""
    await trio.lowlevel.checkpoint()
    return run_sends(port, sends)


class FakeKernel:
    """Links, addresses and routes of one network namespace, to be acted on like with ``ip``.

    Addresses are text ("10.0.0.1/24"), links go by name.  ``privileged = False`` answers EPERM to
    what changes something; ``silent = True`` answers nothing.
    """

    def __init__(self) -> None:
        self.state = KernelState(emit_route=self._emit_route)
        self.fib6 = Fib6(self.state)
        self.fib4 = Fib4(self.state, self.fib6)
        self.privileged = True
        self.silent = False
        self.writes_count = 0
        self._lose_replies_after: int | None = None
        self._stop_writing_after: int | None = None
        self._ports: list[FakePort] = []
        self._next_port_id = itertools.count(1000)
        loopback = self.add_link("lo", loopback=True)
        assert loopback == 1
        self.add_address("lo", "127.0.0.1/8")
        self.add_address("lo", "::1/128")

    # --- sockets

    @contextmanager
    def open(self) -> Iterator[NetlinkKernel]:
        """What ``open_kernel`` is for the real one."""
        writer = self._open_port()
        monitor = self._open_port(deaf_to=writer.port_id)
        kernel = NetlinkKernel(
            open_request=self._open_port, writer=writer, monitor=monitor, run_hop=run_hop_inline
        )
        try:
            yield kernel
        finally:
            kernel.close()

    def _open_port(self, *, deaf_to: int | None = None) -> FakePort:
        port = FakePort(self, next(self._next_port_id), deaf_to=deaf_to)
        if deaf_to is not None:
            self._ports.append(port)
        return port

    def forget(self, port: FakePort) -> None:
        """The socket is closed."""
        if port in self._ports:
            self._ports.remove(port)

    def lose_events(self) -> None:
        """Every monitor's buffer runs over: events are dropped until ENOBUFS was read."""
        for port in self._ports:
            port.lose()

    def lose_replies_after(self, count: int) -> None:
        """Of the next send's replies only so many fit; all of it is carried out."""
        self._lose_replies_after = count

    def stop_writing_after(self, count: int) -> None:
        """Of the next send only so many messages are carried out; the replies are lost."""
        self._stop_writing_after = count

    # --- requests

    def carry_out(self, octets: bytes, port: FakePort) -> None:
        """What netlink_rcv_skb does with a buffer: each message, replies only where due."""
        if self.silent:
            return
        replies_left, self._lose_replies_after = self._lose_replies_after, None
        writes_left, self._stop_writing_after = self._stop_writing_after, None
        for message in read_messages(octets):
            if message.type in ROUTE_MESSAGES and writes_left is not None:
                if writes_left == 0:
                    port.lose()
                    return
                writes_left -= 1
            for reply in self._answer(message, port):
                if replies_left is not None:
                    if replies_left == 0:
                        port.lose()
                        continue
                    replies_left -= 1
                port.queue(reply)

    def _answer(self, message: Message, port: FakePort) -> Iterator[bytes]:
        if not message.flags & NLM_F_REQUEST:
            return
        if message.type in (RTM_GETROUTE, RTM_GETLINK, RTM_GETADDR):
            yield from self._answer_dump(message, port)
            return
        failure, text = 0, ""
        if message.type >= NLMSG_MIN_TYPE:
            try:
                self._write_route(message, port.port_id)
            except Refused as refusal:
                failure, text = refusal.errno, refusal.text
        if failure or message.flags & NLM_F_ACK:
            request = write_message(*message[:3], b"")
            yield write_error(failure, request, message.seq, port.port_id, ExtendedAck(text))

    def _write_route(self, message: Message, port_id: int) -> None:
        if message.type not in ROUTE_MESSAGES:
            raise Refused(errno.EOPNOTSUPP)
        if not self.privileged:
            raise Refused(errno.EPERM)
        route = read_route(message.body)
        if route is None:
            raise Refused(errno.EAFNOSUPPORT)
        if not route.table_id:
            route = replace(route, table_id=RT_TABLE_MAIN)
        self.writes_count += 1
        fib = self.fib4 if route.family is Family.IPV4_UNICAST else self.fib6
        if message.type == RTM_NEWROUTE:
            fib.create(route, message.flags, port_id)
        else:
            fib.remove(route, port_id)

    def _answer_dump(self, message: Message, port: FakePort) -> Iterator[bytes]:
        """Datagrams of some messages each, NLMSG_DONE in the last."""
        if message.flags & NLM_F_DUMP != NLM_F_DUMP:
            request = write_message(*message[:3], b"")
            yield write_error(errno.EOPNOTSUPP, request, message.seq, port.port_id)
            return
        failure = 0
        kind, bodies, flags = RTM_NEWLINK, self._dump_links(), NLM_F_MULTI
        if message.type == RTM_GETADDR:
            kind, bodies = RTM_NEWADDR, map(write_address_body, self.state.addresses)
        elif message.type == RTM_GETROUTE:
            wanted = read_route(message.body)
            assert wanted is not None
            fib = self.fib4 if wanted.family is Family.IPV4_UNICAST else self.fib6
            if wanted.table_id and wanted.table_id not in fib.tables:
                failure = errno.ENOENT
            kind = RTM_NEWROUTE
            found = self.routes(
                wanted.family,
                table_id=wanted.table_id or None,
                protocol=wanted.protocol or None,
            )
            bodies = map(write_route_body, found)
            if wanted.table_id or wanted.protocol:
                flags |= NLM_F_DUMP_FILTERED
        messages = [write_message(kind, flags, message.seq, body, port.port_id) for body in bodies]
        for at in range(0, len(messages), 64):
            yield b"".join(messages[at : at + 64])
        yield write_done(failure, message.seq, port.port_id)

    def _dump_links(self) -> Iterator[bytes]:
        for link in self.state.links.values():
            yield write_link_body(link.report())

    # --- events

    def _emit_route(self, new: bool, route: KernelRoute, flags: int, port_id: int) -> None:
        listeners = [port for port in self._ports if port_id != port.deaf_to]
        if not listeners:
            return
        kind = RTM_NEWROUTE if new else RTM_DELROUTE
        datagram = write_message(kind, flags, 1, write_route_body(route), port_id)
        for port in listeners:
            port.queue(datagram)

    def _emit(self, kind: int, body: bytes) -> None:
        for port in self._ports:
            port.queue(write_message(kind, 0, 0, body))

    # --- `ip link`

    def add_link(
        self,
        name: str,
        *,
        up: bool = True,
        kind: str = "",
        master: str | None = None,
        vrf_table_id: int | None = None,
        loopback: bool = False,
    ) -> int:
        """A new interface; its index."""
        index = max(self.state.links, default=0) + 1
        self.state.links[index] = FakeLink(
            index=index,
            name=name,
            kind=kind,
            loopback=loopback,
            master=None if master is None else self.link(master).index,
            vrf_table_id=vrf_table_id,
        )
        self._emit(RTM_NEWLINK, write_link_body(self.state.links[index].report()))
        if up:
            self.set_link(name, up=True)
        return index

    def add_veth(self, name: str, peer_name: str, *, up: bool = True) -> None:
        """Two interfaces joined by a cable: one has its carrier while the other is up."""
        self.add_link(name, up=False, kind="veth")
        self.add_link(peer_name, up=False, kind="veth")
        self.link(name).peer, self.link(peer_name).peer = self.link(peer_name), self.link(name)
        if up:
            self.set_link(name, up=True)
            self.set_link(peer_name, up=True)

    def link(self, name: str) -> FakeLink:
        """The interface of this name."""
        return next(link for link in self.state.links.values() if link.name == name)

    def index_of(self, name: str) -> int:
        """The index of an interface, or one that no interface has."""
        found = (link.index for link in self.state.links.values() if link.name == name)
        return next(found, NO_SUCH_INDEX)

    def set_link(self, name: str, *, up: bool | None = None, plugged: bool | None = None) -> None:
        """Switch an interface on or off, or pull its cable."""
        link = self.link(name)
        ends = [end for end in (link, link.peer) if end]
        before = [end.report() for end in ends]
        went_down, came_up = up is False and link.up, up is True and not link.up
        if went_down:
            self._lose_routes(link)
        if plugged is not None:
            link.plugged = plugged
        if up is not None:
            link.up = up
        for end, old in zip(ends, before, strict=True):
            if end.report() != old:
                self._emit(RTM_NEWLINK, write_link_body(end.report()))
        if came_up:
            self.fib4.on_link_up(link.index)

    def _lose_routes(self, link: FakeLink) -> None:
        """IPv6 addresses go with the link, IPv4 ones stay."""
        self.fib4.on_link_down(link.index)
        self.fib6.on_link_down(link.index)
        for address in self._addresses_of(link.index, Family.IPV6_UNICAST):
            if not link.loopback:
                self._forget_address(address)

    def remove_link(self, name: str) -> None:
        """The interface is gone, with all that was on it, and the other end of a veth too."""
        link = self.link(name)
        self.set_link(name, up=False)
        for family in (Family.IPV4_UNICAST, Family.IPV6_UNICAST):
            for address in self._addresses_of(link.index, family):
                self._forget_address(address)
        del self.state.links[link.index]
        self._emit(RTM_DELLINK, write_link_body(link.report()))
        if link.peer:
            link.peer.peer = None
            self.remove_link(link.peer.name)

    # --- `ip address`

    def add_address(
        self,
        name: str,
        text: str,
        *,
        peer: str | None = None,
        flags: int = 0,
        noprefixroute: bool = False,
    ) -> None:
        """``text`` is "10.0.0.1/24"; with ``peer`` ("10.0.0.2/32") the length is the peer's.

        ``flags`` are ``IFA_F_*``: tentative, deprecated and so on.
        """
        own, _, bits = text.partition("/")
        other = None
        if peer is not None:
            other, _, bits = peer.partition("/")
        octets = parse_address(own)
        address = Address(
            interface_index=self.link(name).index,
            family=Family.IPV4_UNICAST if len(octets) == 4 else Family.IPV6_UNICAST,
            address=octets,
            prefix_bits=int(bits),
            peer=None if other is None else parse_address(other),
            flags=flags | IFA_F_PERMANENT | (0x200 if noprefixroute else 0),
        )
        if any(is_primary_of(held, address) for held in self.state.addresses):
            address = replace(address, flags=address.flags | IFA_F_SECONDARY)
        self.state.addresses.append(address)
        self._emit(RTM_NEWADDR, write_address_body(address))
        if address.family is Family.IPV4_UNICAST:
            self.fib4.on_address_added(address)
        else:
            self.fib6.on_address_added(address)

    def change_address(self, name: str, text: str, *, flags: int) -> None:
        """Other ``IFA_F_*``: duplicate address detection ended, a lifetime ran out."""
        old = self._find_address(name, text)
        new = replace(old, flags=flags | IFA_F_PERMANENT)
        self.state.addresses[self.state.addresses.index(old)] = new
        self._emit(RTM_NEWADDR, write_address_body(new))

    def remove_address(self, name: str, text: str) -> None:
        """``ip address del``; the secondary addresses of an IPv4 network go with its primary."""
        address = self._find_address(name, text)
        for held in list(self.state.addresses):
            if is_primary_of(address, held) and held is not address:
                self._forget_address(held)
        self._forget_address(address)

    def _find_address(self, name: str, text: str) -> Address:
        own, index = parse_address(text.partition("/")[0]), self.link(name).index
        return next(
            held
            for held in self.state.addresses
            if held.address == own and held.interface_index == index
        )

    def _addresses_of(self, index: int, family: Family) -> list[Address]:
        held = self.state.addresses
        return [one for one in held if one.interface_index == index and one.family is family]

    def _forget_address(self, address: Address) -> None:
        self.state.addresses.remove(address)
        self._emit(RTM_DELADDR, write_address_body(address))
        if address.family is Family.IPV4_UNICAST:
            self.fib4.on_address_removed(address)
        else:
            self.fib6.on_address_removed(address)

    # --- `ip route`

    def route(self, mode: str, prefix: str, **details: Unpack[RouteDetails]) -> None:
        """What another program does: ``mode`` is add, replace, change, append, prepend, delete.

        Raises:
            Refused: as the kernel would.
        """
        wanted = build_route(mode, prefix, self.index_of, details)
        (message,) = read_messages(write_route_request(mode, wanted))
        self._write_route(message, FOREIGN_PORT_ID)

    def routes(
        self, family: Family, *, table_id: int | None = None, protocol: int | None = None
    ) -> list[KernelRoute]:
        """What a dump would show now."""
        fib = self.fib4 if family is Family.IPV4_UNICAST else self.fib6
        return [
            self.state.report(route)
            for route in fib.dump()
            if table_id in (None, route.table_id) and protocol in (None, route.protocol)
        ]


def write_link_body(link: Link) -> bytes:
    """``struct ifinfomsg`` and attributes; the reverse of ``read_link``."""
    octets = IFINFOMSG.pack(0, 1, link.index, link.flags, 0)
    octets += write_attribute(3, link.name.encode() + b"\0")  # IFLA_IFNAME
    octets += write_attribute(16, bytes((link.operstate or 0,)))  # IFLA_OPERSTATE
    octets += write_attribute(33, bytes((bool(link.carrier),)))  # IFLA_CARRIER
    if link.master is not None:
        octets += write_u32_attribute(10, link.master)  # IFLA_MASTER
    if link.kind:
        info = write_attribute(1, link.kind.encode() + b"\0")  # IFLA_INFO_KIND
        if link.vrf_table_id is not None:
            info += write_attribute(2, write_u32_attribute(1, link.vrf_table_id))
        octets += write_attribute(18, info)  # IFLA_LINKINFO
    return octets


def write_address_body(address: Address) -> bytes:
    """``struct ifaddrmsg`` and attributes; the reverse of ``read_address``."""
    octets = IFADDRMSG.pack(
        kernel_family(address.family),
        address.prefix_bits,
        address.flags & 0xFF,
        address.scope,
        address.interface_index,
    )
    octets += write_attribute(1, address.network_address)  # IFA_ADDRESS
    if address.family is Family.IPV4_UNICAST or address.peer is not None:
        octets += write_attribute(2, address.address)  # IFA_LOCAL
    return octets + write_u32_attribute(8, address.flags)  # IFA_FLAGS
