"""Dampening, seen from the kernel: how many notifications, and when.

The peer flaps by reconfiguration, far faster than the interval; the notifications are counted by a
monitor of our own.
"""

import itertools
import time

from harness.kernel import KernelRoute, RouteMonitor, list_prefixes, wait_routes
from harness.namespace import Lab
from harness.pair import Pair, exports
from harness.wait import wait_until

PREFIX = "198.51.100.0/24"
OTHER = "203.0.113.0/24"


def started(lab: Lab, dampening_interval: int) -> Pair:
    """A pair whose BIRD has a second address, so that a flap is a change the kernel would see."""
    pair = Pair(lab)
    pair.peer.ip("address add 192.0.2.22/24 dev eth0")
    pair.start({}, exports(dampening_interval=dampening_interval))
    return pair


def hop(number: int) -> str:
    return f"bgp_next_hop = 192.0.2.{(2, 22)[number % 2]}; bgp_med = {number};"


def test_a_flapping_route_is_written_once_it_is_quiet(lab: Lab) -> None:
    pair = started(lab, 700)
    monitor = RouteMonitor(pair.router)
    began_s = time.monotonic()
    for number in range(6):
        pair.announce({PREFIX: hop(number)})
    flapped_s = time.monotonic() - began_s
    wait_routes(pair.router, [KernelRoute(PREFIX, via="192.0.2.22", dev="eth0", metric=20)])
    assert flapped_s < 2.0, "the machine is too slow for this test to mean anything"
    assert time.monotonic() - began_s >= 0.7
    assert [event.is_new for event in monitor.events()] == [True]


def test_a_route_that_never_gets_quiet_is_written_all_the_same(lab: Lab) -> None:
    pair = started(lab, 900)
    monitor = RouteMonitor(pair.router)
    began_s = time.monotonic()
    for number in itertools.count():
        pair.announce({PREFIX: hop(number)})
        if monitor.events():
            break
        assert time.monotonic() - began_s < 4.0, "not written while it flaps"
    assert time.monotonic() - began_s >= 1.5, "written before the cap of 2 s"
    assert number >= 5
    assert len(monitor.events()) == 1


def test_a_withdrawal_waits_for_nothing_and_cancels_what_waits(lab: Lab) -> None:
    pair = started(lab, 60000)
    pair.announce({PREFIX: ""})
    wait_until(lambda: PREFIX in pair.bird.command("show route"), "announced")
    pair.reload(exports(dampening_interval=0))
    wait_until(lambda: list_prefixes(pair.router) == [PREFIX], "written by the shorter interval")
    pair.reload(exports(dampening_interval=30000))
    wait_until(lambda: len(pair.daemon.messages("config changed")) == 2, "the long one is in force")
    monitor = RouteMonitor(pair.router)
    pair.announce({OTHER: "", PREFIX: hop(1)})  # both wait for half a minute
    pair.announce({OTHER: ""})
    wait_until(lambda: list_prefixes(pair.router) == [], "withdrawn at once", timeout_s=5)
    pair.announce({})
    pair.reload(exports(dampening_interval=0))
    wait_until(lambda: len(pair.daemon.messages("config changed")) == 3, "everything due is due")
    pair.announce({"20.0.0.0/24": ""})
    wait_until(lambda: list_prefixes(pair.router) == ["20.0.0.0/24"], "the fence")
    assert [(event.prefix, event.is_new) for event in monitor.events()] == [
        (PREFIX, False),
        ("20.0.0.0/24", True),
    ]


def test_without_an_interval_every_change_is_written(lab: Lab) -> None:
    pair = started(lab, 0)
    monitor = RouteMonitor(pair.router)
    for number in range(4):
        pair.announce({PREFIX: hop(number)})
        via = ("192.0.2.2", "192.0.2.22")[number % 2]
        wait_routes(pair.router, [KernelRoute(PREFIX, via=via, dev="eth0", metric=20)])
    assert [event.is_new for event in monitor.events()] == [True, True, True, True]


def test_up_and_down_within_the_interval_is_not_seen_at_all(lab: Lab) -> None:
    pair = started(lab, 1000)
    monitor = RouteMonitor(pair.router)
    for _ in range(4):
        pair.announce({PREFIX: ""})
        pair.announce({})
    pair.announce({OTHER: ""})
    wait_until(lambda: list_prefixes(pair.router) == [OTHER], "the fence")
    assert [event.prefix for event in monitor.events()] == [OTHER]
