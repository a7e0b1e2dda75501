"""Monitor, RIB and exporter on a fake kernel, with an observer that hears every write of theirs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.config.schema import ExportRule, NetlinkExport
from gobgp_trio.daemon.exporter import Exporter
from gobgp_trio.daemon.kernel_monitor import KernelMonitor
from gobgp_trio.daemon.netlink import Kernel
from gobgp_trio.fib.kernel_view import KernelView
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.rtnl.route import KernelRoute
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Source, SourceKind
from gobgp_trio.types.prefix import format_address, format_prefix, parse_address, parse_prefix
from tests.fakes.kernel import FakeKernel

PROTOCOL = 90
WALL_S = 1_700_000_000.0
UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
C100, C200 = 65000 << 16 | 100, 65000 << 16 | 200


def make_kernel() -> FakeKernel:
    """Two interfaces with a network of each family."""
    kernel = FakeKernel()
    for number, name in enumerate(("eth0", "eth1")):
        kernel.add_link(name)
        kernel.add_address(name, f"10.0.{number}.1/24")
        kernel.add_address(name, f"2001:db8:0:{number}::1/64")
    return kernel


def show(route: KernelRoute) -> str:
    """A route as "PREFIX via GATEWAY... table T metric M"."""
    hops = " ".join(format_address(leg.gateway) for leg in route.legs if leg.gateway)
    prefix = format_prefix(route.family, route.nlri)
    return f"{prefix} via {hops} table {route.table_id} metric {route.metric or 0}"


def routes_of(kernel: FakeKernel, protocol: int = PROTOCOL) -> list[str]:
    """The routes of a protocol number that the kernel has."""
    return sorted(
        show(route) for family in UNICAST for route in kernel.routes(family, protocol=protocol)
    )


class Rig:
    """What a test acts on."""

    def __init__(
        self, clock: MockClock, kernel: FakeKernel, netlink: Kernel, observer: Kernel
    ) -> None:
        self.clock = clock
        self.kernel = kernel
        self.rib = Rib(UNICAST)
        self.peer = Source(SourceKind.PEER, "10.0.0.9")
        self.rib.add_source(self.peer)
        self.view = KernelView({254})
        self.monitor = KernelMonitor(netlink, self.view, PROTOCOL)
        self._netlink = netlink
        self._observer = observer
        self.exporter: Exporter

    def make_exporter(self, settings: NetlinkExport) -> Exporter:
        self.exporter = Exporter(
            self._netlink, self.view, settings, self.rib.iterate_best, lambda: WALL_S
        )
        return self.exporter

    def announce(
        self, *prefixes: str, via: str = "10.0.0.9", communities: Sequence[int] = ()
    ) -> None:
        """The peer offers these prefixes, all of one family."""
        attributes = make_attributes(origin=0, next_hop=parse_address(via), communities=communities)
        nlris = [parse_prefix(prefix)[1] for prefix in prefixes]
        family = parse_prefix(prefixes[0])[0]
        self.rib.announce(self.peer, family, attributes, nlris, WALL_S)

    def withdraw(self, *prefixes: str) -> None:
        nlris = [parse_prefix(prefix)[1] for prefix in prefixes]
        self.rib.withdraw(self.peer, parse_prefix(prefixes[0])[0], nlris)

    def routes(self) -> list[str]:
        return routes_of(self.kernel)

    async def heard(self) -> list[str]:
        """What was done to routes since the last call, in order."""
        told: list[str] = []
        while True:
            with trio.move_on_after(0.001) as empty:
                for event in await self._observer.receive_events():
                    if isinstance(event, RouteEvent):
                        word = "replace" if event.replaced else "add" if event.new else "delete"
                        told.append(f"{word} {show(event.route)}")
            if empty.cancelled_caught:
                return told


@asynccontextmanager
async def exporting(
    clock: MockClock,
    *rules: ExportRule,
    kernel: FakeKernel | None = None,
    dampening_s: float = 0.0,
    resolve_via_default: bool = False,
) -> AsyncIterator[Rig]:
    """A running exporter with these rules (by default: everything into main, metric 20)."""
    kernel = kernel or make_kernel()
    settings = NetlinkExport(
        enabled=True,
        dampening_s=dampening_s,
        route_protocol=PROTOCOL,
        resolve_via_default=resolve_via_default,
        rules=rules or (ExportRule("all"),),
    )
    with kernel.open() as netlink, kernel.open() as observer:
        rig = Rig(clock, kernel, netlink, observer)
        exporter = rig.make_exporter(settings)
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.monitor.run)
            await nursery.start(exporter.run)
            rig.rib.subscribe(exporter.on_changes)
            rig.monitor.listeners.append(exporter)
            yield rig
            nursery.cancel_scope.cancel()
