"""The kernel's routing tables for the tasks of the daemon: dump, write, listen.

Why it exists: importer, resolver and exporter code against ``Kernel``.  ``NetlinkKernel`` is the
one implementation; unit tests run it on a fake kernel's ports instead of real sockets.

Rules: a dump has a socket of its own, so that a cancelled one leaves nothing behind and two may
run at a time.  Writes go through one socket, hundreds of messages a send, in a worker thread that
is free of the interpreter lock while the kernel works; errors are found by sequence number.  A
lost reply is never guessed at: ``OutcomeUnknown``.
"""

import errno
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from itertools import islice
from typing import Protocol, TypeVar

import trio

from gobgp_trio.daemon.netlink_port import (
    NetlinkPort,
    open_monitor_port,
    open_request_port,
    open_write_port,
)
from gobgp_trio.daemon.netlink_writer import (
    OutcomeUnknown,
    Refusal,
    Send,
    pack_sends,
    read_failures,
    run_sends,
)
from gobgp_trio.rtnl.address import RTM_NEWADDR, Address, read_address, write_address_dump
from gobgp_trio.rtnl.event import KernelEvent, read_events
from gobgp_trio.rtnl.link import RTM_NEWLINK, Link, read_link, write_link_dump
from gobgp_trio.rtnl.nlmsg import (
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    KernelRefused,
    Message,
    read_done,
    read_error,
    read_messages,
)
from gobgp_trio.rtnl.route import RTM_NEWROUTE, KernelRoute, read_route, write_route_dump
from gobgp_trio.rtnl.route_batch import RouteFailure, RouteWrite
from gobgp_trio.rtnl.route_scan import RouteScan, ScannedRoutes
from gobgp_trio.types.family import Family

DUMP_SEQ = 1  # a dump has its socket to itself
REPLY_TIMEOUT_S = 30.0
# Links and addresses that change under a dump make it start over; more often than this is trouble.
DUMP_ATTEMPTS = 5
# What one worker thread call carries out: a hop costs about 100 µs, this many sends 8 ms.
SENDS_PER_HOP = 8
# What receive_events returns at a time, so that a flood of events leaves the other tasks air.
DATAGRAMS_PER_BATCH = 256

T = TypeVar("T")
RunHop = Callable[[NetlinkPort, Sequence[Send]], Awaitable[list[Refusal]]]


class EventsLost(Exception):
    """The kernel dropped events (ENOBUFS): dump, and compare with what is known."""


class DumpInterrupted(OutcomeUnknown):
    """What was dumped changed meanwhile, as often as we tried."""


class Kernel(Protocol):
    """What the daemon asks of the kernel.

    Every method but ``receive_events`` may raise ``KernelRefused`` (no permission, and the like)
    and ``OutcomeUnknown`` (a reply was lost, or none came within 30 s).
    """

    async def dump_links(self) -> list[Link]:
        """All interfaces."""

    async def dump_addresses(self) -> list[Address]:
        """All IPv4 and IPv6 addresses of all interfaces."""

    async def dump_routes(
        self,
        family: Family,
        *,
        table_id: int | None = None,
        protocol: int | None = None,
        skip_protocol: int | None = None,
    ) -> list[KernelRoute]:
        """Routes of a unicast family: of one table or all, of one protocol or all, or all but one.

        A table that does not exist is empty.  Routes that change while the dump runs may be
        missing or out of date: listen first, and apply the events received meanwhile.
        """

    async def scan_routes(
        self,
        family: Family,
        take: Callable[[ScannedRoutes], None],
        *,
        protocol: int,
        table_id: int | None = None,
    ) -> None:
        """Likewise the routes of one protocol, handed to ``take`` some hundreds at a time.

        For routes of ours, of which there may be a million; other tasks run between two pieces.
        """

    async def write(self, writes: Sequence[RouteWrite]) -> list[RouteFailure]:
        """Carry out the writes in order; the routes that the kernel refused come back.

        Raises:
            KernelRefused: EPERM, we may write no route at all.
            OutcomeUnknown: some may be done and some not.  Cancelled, the same holds.
        """

    async def receive_events(self) -> list[KernelEvent]:
        """Wait for events; echoes of ``write`` are not among them.

        Raises:
            EventsLost: some did not fit the buffer; those before them are thrown away as well.
        """


async def run_hop_in_thread(port: NetlinkPort, sends: Sequence[Send]) -> list[Refusal]:
    """Carry out some sends in a worker thread, to the end even when cancelled."""
    return await trio.to_thread.run_sync(run_sends, port, sends)


class NetlinkKernel:
    """``Kernel`` over netlink ports; made by ``open_kernel``."""

    def __init__(
        self,
        *,
        open_request: Callable[[], NetlinkPort],
        writer: NetlinkPort,
        monitor: NetlinkPort,
        run_hop: RunHop = run_hop_in_thread,
    ) -> None:
        self._open_request = open_request
        self._writer = writer
        self._monitor = monitor
        self._run_hop = run_hop
        self._write_lock = trio.Lock()

    async def dump_links(self) -> list[Link]:
        return await self._dump_consistent(
            write_link_dump(DUMP_SEQ), "RTM_GETLINK", RTM_NEWLINK, read_link
        )

    async def dump_addresses(self) -> list[Address]:
        return await self._dump_consistent(
            write_address_dump(DUMP_SEQ), "RTM_GETADDR", RTM_NEWADDR, read_address
        )

    async def dump_routes(
        self,
        family: Family,
        *,
        table_id: int | None = None,
        protocol: int | None = None,
        skip_protocol: int | None = None,
    ) -> list[KernelRoute]:
        request = write_route_dump(DUMP_SEQ, family, table_id, protocol)
        routes, _ = await read_dump(
            self._open_request, request, "RTM_GETROUTE", RTM_NEWROUTE, read_route, skip_protocol
        )
        return routes

    async def scan_routes(
        self,
        family: Family,
        take: Callable[[ScannedRoutes], None],
        *,
        protocol: int,
        table_id: int | None = None,
    ) -> None:
        scan = RouteScan(family)
        request = write_route_dump(DUMP_SEQ, family, table_id, protocol)
        async with aclosing(receive_dump(self._open_request, request, "RTM_GETROUTE")) as datagrams:
            async for datagram in datagrams:
                found, others = scan.read(datagram)
                if found:
                    take(found)
                if _has_ended(others, "RTM_GETROUTE"):
                    return

    async def _dump_consistent(
        self, request: bytes, name: str, kind: int, read: Callable[[bytes], T | None]
    ) -> list[T]:
        """A dump without NLM_F_DUMP_INTR: the kernel sets it for links and addresses."""
        for _ in range(DUMP_ATTEMPTS):
            values, interrupted = await read_dump(self._open_request, request, name, kind, read)
            if not interrupted:
                return values
        raise DumpInterrupted(f"{name}: changed under {DUMP_ATTEMPTS} dumps")

    async def write(self, writes: Sequence[RouteWrite]) -> list[RouteFailure]:
        refusals: list[Refusal] = []
        async with self._write_lock:
            sends = pack_sends(writes)
            while hop := list(islice(sends, SENDS_PER_HOP)):
                refusals += await self._run_hop(self._writer, hop)
                _check_permission(refusals)
        return read_failures(refusals)

    async def receive_events(self) -> list[KernelEvent]:
        events: list[KernelEvent] = []
        while not events:
            await self._monitor.wait_readable()
            try:
                for _ in range(DATAGRAMS_PER_BATCH):
                    events += read_events(self._monitor.receive_nowait())
            except BlockingIOError:
                continue
            except OSError as loss:
                await self._discard_events()
                raise EventsLost(f"netlink events: {loss.strerror}") from None
        return events

    async def _discard_events(self) -> None:
        """Throw away what was queued before the loss.

        The kernel tells of the loss first and hands out what is older afterwards: events that a
        dump made now has overtaken, and whose opposites may be among the lost.
        """
        while True:
            try:
                for _ in range(DATAGRAMS_PER_BATCH):
                    self._monitor.receive_nowait()
            except BlockingIOError:
                return
            except OSError:
                continue  # lost again meanwhile
            await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Give the sockets back."""
        self._writer.close()
        self._monitor.close()


async def read_dump(
    open_request: Callable[[], NetlinkPort],
    request: bytes,
    name: str,
    kind: int,
    read: Callable[[bytes], T | None],
    skip_protocol: int | None = None,
) -> tuple[list[T], bool]:
    """Send a dump request and read to its end: the values, and whether it was interrupted.

    Raises:
        KernelRefused, OutcomeUnknown: see ``Kernel``.
    """
    values: list[T] = []
    interrupted = False
    async with aclosing(receive_dump(open_request, request, name)) as datagrams:
        async for datagram in datagrams:
            for message in read_messages(datagram, skip_route_protocol=skip_protocol):
                interrupted |= bool(message.flags & NLM_F_DUMP_INTR)
                if message.type == kind:
                    value = read(message.body)
                    if value is not None:
                        values.append(value)
                elif _has_ended([message], name):
                    return values, interrupted
    raise AssertionError("a dump goes on until its end is seen")


async def receive_dump(
    open_request: Callable[[], NetlinkPort], request: bytes, name: str
) -> AsyncGenerator[bytes, None]:
    """The datagrams that answer a dump request, until the caller has seen the end of it.

    Raises:
        OutcomeUnknown: see ``Kernel``.
    """
    port = open_request()
    try:
        port.send(request)
        while True:
            yield await _receive_reply(port, name)
            await trio.lowlevel.checkpoint()
    except OSError as loss:
        raise OutcomeUnknown(f"{name}: {loss.strerror}") from None
    finally:
        port.close()


async def _receive_reply(port: NetlinkPort, name: str) -> bytes:
    """The next datagram of a dump.

    Raises:
        OutcomeUnknown: none came in time.
        OSError: some were dropped.
    """
    while True:
        try:
            return port.receive_nowait()
        except BlockingIOError:
            pass  # the usual case is that it is there: the kernel answers inside send
        with trio.move_on_after(REPLY_TIMEOUT_S) as waiting:
            await port.wait_readable()
        if waiting.cancelled_caught:
            raise OutcomeUnknown(f"{name}: no reply within {REPLY_TIMEOUT_S:g} s")


def _has_ended(messages: Sequence[Message], name: str) -> bool:
    """Whether the end of a dump is among these; ENOENT there means that there is no such table.

    Raises:
        KernelRefused: it did not go well.
    """
    for message in messages:
        if message.type in (NLMSG_DONE, NLMSG_ERROR):
            read = read_done if message.type == NLMSG_DONE else read_error
            refusal, ext_ack = read(message)
            if refusal not in (0, errno.ENOENT):
                raise KernelRefused(refusal, name, ext_ack)
            return True
    return False


def _check_permission(refusals: Sequence[Refusal]) -> None:
    """Raise KernelRefused when we may write no route at all: that is no single route's fault."""
    for refusal in refusals:
        if refusal.errno == errno.EPERM:
            raise KernelRefused(errno.EPERM, "write of routes", refusal.ext_ack)


@contextmanager
def open_kernel() -> Iterator[NetlinkKernel]:
    """The kernel of the calling thread's network namespace; events are heard from here on.

    Raises:
        KernelRefused: it gives out no netlink socket.
    """
    writer = open_write_port()
    try:
        kernel = NetlinkKernel(
            open_request=open_request_port,
            writer=writer,
            monitor=open_monitor_port(writer.port_id),
        )
    except KernelRefused:
        writer.close()
        raise
    try:
        yield kernel
    finally:
        kernel.close()
