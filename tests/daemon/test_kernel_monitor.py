"""The monitor: events and dumps, in the right order, into one picture."""

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from gobgp_trio.daemon.kernel_monitor import KernelMonitor
from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.types.prefix import parse_prefix
from tests.daemon.kernel_rig import PROTOCOL, make_kernel


class Listener:
    def __init__(self) -> None:
        self.changes: list[ViewChanges] = []
        self.routes: list[RouteEvent] = []

    def on_kernel(self, changes: ViewChanges, routes: list[RouteEvent]) -> None:
        self.changes.append(changes)
        self.routes += routes


def holds(view: KernelView, prefix: str) -> bool:
    family, nlri = parse_prefix(prefix)
    return any(route.nlri == nlri for route in view.table(254, family))


async def test_routes_of_others_are_in_the_view_and_ours_are_not(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    kernel.route("add", "172.16.0.0/16", via="10.0.0.9")
    kernel.route("add", "172.17.0.0/16", via="10.0.0.9", protocol=PROTOCOL)
    kernel.route("add", "172.18.0.0/16", via="10.0.0.9", table_id=100)
    view, listener = KernelView({254}), Listener()
    with kernel.open() as netlink:
        monitor = KernelMonitor(netlink, view, PROTOCOL)
        monitor.listeners.append(listener)
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run)
            assert [changes.everything for changes in listener.changes] == [True]
            assert holds(view, "172.16.0.0/16")
            assert not holds(view, "172.17.0.0/16")
            assert not holds(view, "172.18.0.0/16")
            kernel.route("add", "172.19.0.0/16", via="10.0.0.9")
            kernel.route("add", "172.20.0.0/16", via="10.0.0.9", protocol=PROTOCOL)
            kernel.route("delete", "172.16.0.0/16")
            began_s = autojump_clock.current_time()
            await trio.sleep(0.05)
            assert autojump_clock.current_time() - began_s < 0.1
            assert holds(view, "172.19.0.0/16")
            assert not holds(view, "172.20.0.0/16")
            assert not holds(view, "172.16.0.0/16")
            assert len(listener.routes) == 3  # those of our number, too: somebody did that
            nursery.cancel_scope.cancel()


async def test_lost_events_mean_a_new_picture_at_once(autojump_clock: MockClock) -> None:
    kernel = make_kernel()
    view, listener = KernelView({254}), Listener()
    with kernel.open() as netlink:
        monitor = KernelMonitor(netlink, view, PROTOCOL)
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run)
            monitor.listeners.append(listener)
            kernel.lose_events()
            kernel.route("add", "172.19.0.0/16", via="10.0.0.9")
            kernel.set_link("eth1", up=False)
            began_s = autojump_clock.current_time()
            await trio.sleep(0.05)
            assert autojump_clock.current_time() - began_s < 0.1
            assert holds(view, "172.19.0.0/16")
            assert not view.is_usable(kernel.index_of("eth1"))
            assert any(changes.everything for changes in listener.changes)
            nursery.cancel_scope.cancel()


async def test_a_kernel_that_does_not_answer_is_asked_again(autojump_clock: MockClock) -> None:
    kernel = make_kernel()
    kernel.silent = True
    view = KernelView({254})
    with capture_logs() as lines, kernel.open() as netlink:
        monitor = KernelMonitor(netlink, view, PROTOCOL)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(monitor.run)
            began_s = autojump_clock.current_time()
            await trio.sleep(45)
            assert autojump_clock.current_time() - began_s == 45
            assert (monitor.errors_count, view.links) == (1, {})
            kernel.silent = False
            await trio.sleep(30)
            assert {link.name for link in view.links.values()} == {"lo", "eth0", "eth1"}
            nursery.cancel_scope.cancel()
    assert {line["log_level"] for line in lines} == {"warning"}


async def test_another_protocol_number_changes_whose_routes_are_foreign(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    kernel.route("add", "172.17.0.0/16", via="10.0.0.9", protocol=PROTOCOL)
    kernel.route("add", "172.18.0.0/16", via="10.0.0.9", protocol=91)
    view = KernelView({254})
    with kernel.open() as netlink:
        monitor = KernelMonitor(netlink, view, PROTOCOL)
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run)
            monitor.own_protocol = 91
            monitor.reload_soon()
            began_s = autojump_clock.current_time()
            await trio.sleep(0.05)
            assert autojump_clock.current_time() - began_s < 0.1
            assert holds(view, "172.17.0.0/16")
            assert not holds(view, "172.18.0.0/16")
            nursery.cancel_scope.cancel()


async def test_events_from_before_a_loss_do_not_overtake_the_dump(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    view = KernelView({254})
    with kernel.open() as netlink:
        monitor = KernelMonitor(netlink, view, PROTOCOL)
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run)
            kernel.route("add", "172.19.0.0/16", via="10.0.0.9")  # heard
            kernel.lose_events()
            kernel.route("delete", "172.19.0.0/16")  # not heard
            began_s = autojump_clock.current_time()
            await trio.sleep(0.05)
            assert autojump_clock.current_time() - began_s < 0.1
            assert not holds(view, "172.19.0.0/16")
            nursery.cancel_scope.cancel()
