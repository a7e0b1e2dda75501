"""One ear on the kernel for everybody: keeps the ``KernelView`` and tells listeners what changed.

Order matters: the socket listens before the first dump is made, and events that arrive during a
dump are applied after it.  Lost events are no error and no reason to stop: the dumps are made
again, and listeners are told that everything may have changed.  A dump that fails changes nothing.
"""

from collections.abc import Iterable
from typing import NoReturn, Protocol

import structlog
import trio

from gobgp_trio.daemon.netlink import EventsLost, Kernel
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown
from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rtnl.event import AddressEvent, KernelEvent, LinkEvent, RouteEvent
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.types.family import Family

RESCAN_INTERVAL_S = 5.0
RETRY_S = 1.0
EVENTS_PER_TURN = 500
UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)

log = structlog.get_logger()


class KernelListener(Protocol):
    """Told of every change, synchronously, after the view has it."""

    def on_kernel(self, changes: ViewChanges, routes: list[RouteEvent]) -> None:
        """``routes`` are the route events of the batch, of all protocols, in order.

        ``changes.everything`` also means that route events may have been lost.
        """


class KernelMonitor:
    """Keeps ``view`` true.

    Attributes:
        errors_count: dumps that failed.
    """

    def __init__(self, kernel: Kernel, view: KernelView, own_protocol: int | None) -> None:
        self.kernel = kernel
        self.view = view
        self.own_protocol = own_protocol
        self.listeners: list[KernelListener] = []
        self.errors_count = 0
        self._waiting = trio.CancelScope()
        self._reload_wanted = False

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Keep the view until cancelled; started once the first picture is complete."""
        await self._reload()
        task_status.started()
        rescan_at_s = trio.current_time() + RESCAN_INTERVAL_S
        while True:
            # One task does both, so that events that arrive during a dump are applied after it.
            events: list[KernelEvent] = []
            lost = False
            with trio.move_on_at(rescan_at_s) as waiting:
                self._waiting = waiting
                try:
                    events = await self.kernel.receive_events()
                except EventsLost:
                    lost = True
            if lost:
                log.info("netlink events were lost: reading the kernel's state again")
            if lost or self._reload_wanted:
                self._reload_wanted = False
                await self._reload()
            await self._take_in(events)
            if waiting.cancelled_caught or trio.current_time() >= rescan_at_s:
                await self.rescan()
                rescan_at_s = trio.current_time() + RESCAN_INTERVAL_S

    def reload_soon(self) -> None:
        """Read everything again, because ``own_protocol`` has changed."""
        self._reload_wanted = True
        self._waiting.cancel()

    async def rescan(self) -> None:
        """Hold links and addresses against a dump, in case an event never came."""
        try:
            links = await self.kernel.dump_links()
            addresses = await self.kernel.dump_addresses()
        except (KernelRefused, OutcomeUnknown) as why:
            self._on_dump_failed(why)
            return
        self._tell(self.view.rescan(links, addresses), [])

    async def _take_in(self, events: list[KernelEvent]) -> None:
        for start in range(0, len(events), EVENTS_PER_TURN):
            self._apply(events[start : start + EVENTS_PER_TURN])
            await trio.lowlevel.checkpoint()

    async def _reload(self) -> None:
        while True:
            try:
                links = await self.kernel.dump_links()
                addresses = await self.kernel.dump_addresses()
                routes = []
                for table_id in self.view.watched_tables:
                    for family in UNICAST:
                        routes += await self.kernel.dump_routes(
                            family, table_id=table_id, skip_protocol=self.own_protocol
                        )
            except (KernelRefused, OutcomeUnknown) as why:
                self._on_dump_failed(why)
                await trio.sleep(RETRY_S)
                continue
            self._tell(self.view.reload(links, addresses, routes), [])
            return

    def _on_dump_failed(self, why: Exception) -> None:
        self.errors_count += 1
        log.warning("netlink dump failed; what was known stays", error=str(why))

    def _apply(self, events: Iterable[KernelEvent]) -> None:
        view = self.view
        changes = ViewChanges()
        routes: list[RouteEvent] = []
        for event in events:
            if isinstance(event, RouteEvent):
                routes.append(event)
                if event.route.protocol == self.own_protocol:
                    continue
                if event.new:
                    view.on_route(event.route, changes, replaced=event.replaced)
                else:
                    view.on_route_gone(event.route, changes)
            elif isinstance(event, LinkEvent):
                if event.new:
                    view.on_link(event.link, changes)
                else:
                    view.on_link_gone(event.link.index, changes)
            elif isinstance(event, AddressEvent):
                if event.new:
                    view.on_address(event.address, changes)
                else:
                    view.on_address_gone(event.address, changes)
        self._tell(changes, routes)

    def _tell(self, changes: ViewChanges, routes: list[RouteEvent]) -> None:
        if changes or routes:
            for listener in self.listeners:
                listener.on_kernel(changes, routes)
