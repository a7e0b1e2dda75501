"""The measurements.  Each runs one daemon in fresh namespaces and returns figures by name.

    namespace "peers"                                   namespace "daemon"
    feeder    AS 65001  .1.2 --- veth, link 1 --- .1.1  daemon, AS 65000
    receiver  AS 65002  .2.2 --- veth, link 2 --- .2.1

Times run from the feeder's first octet to the event, on the monotonic clock; what is polled is
polled more sparsely as time goes by, so that looking does not slow down what is looked at.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.namespace import Lab, Namespace
from harness.wait import pause
from scripts.bench_lib.adapter import Adapter, Daemon, LiveDaemon, Setup
from scripts.bench_lib.counting import PeerEnded, StreamCounter
from scripts.bench_lib.feed import Feed
from scripts.bench_lib.machine import (
    count_kernel_routes,
    read_busy_s,
    read_own_cpu_s,
    read_usage,
)
from scripts.bench_lib.session import KEEPALIVE_INTERVAL_S, Session, connect

SETTLE_S = 1.0
# How long after a burst a late KEEPALIVE still counts.
LINGER_S = KEEPALIVE_INTERVAL_S + 0.5
POLL_MIN_S = 0.005

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """One measurement to be made; ``folder`` is for configuration and logs."""

    adapter: Adapter
    setup: Setup
    feed: Feed
    folder: Path
    timeout_s: float

    @property
    def routes(self) -> int:
        return self.feed.options.routes


class RunFailed(Exception):
    """A measurement did not come to its end; the text says why, with the daemon's last words."""


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon with its sessions up."""

    daemon: Daemon
    feeder: Session
    receiver: Session | None

    def cpu_s(self) -> float:
        return read_usage(self.daemon.pids()).cpu_s

    def rss_octets(self) -> int:
        return read_usage(self.daemon.pids()).rss_octets


Scenario = Callable[[Bench, Running], Figures]


def measure(bench: Bench, scenario: Scenario) -> Figures:
    """Set everything up, run one scenario, take everything down.

    ``other_cpus`` in the figures is what neither the daemon nor the bench used, in whole CPUs:
    when it is high, other work disturbed the run.

    Raises:
        RunFailed: see there.
    """
    with _started(bench) as running:
        try:
            running.daemon.take_lag_ms()
            start_s, others_s = time.monotonic(), _others_s(running)
            figures = scenario(bench, running)
            lag_ms = running.daemon.take_lag_ms()
            passed_s, others_s = time.monotonic() - start_s, _others_s(running) - others_s
        except (OSError, PeerEnded, AssertionError) as error:
            words = running.daemon.log_tail()
            raise RunFailed(f"{type(error).__name__}: {error}\n{words}".rstrip()) from error
    if lag_ms is not None:
        figures["loop_lag_ms"] = lag_ms
    return figures | {"other_cpus": max(0.0, others_s / passed_s)}


def _others_s(running: Running) -> float:
    return read_busy_s() - read_own_cpu_s() - running.cpu_s()


@contextmanager
def _started(bench: Bench) -> Iterator[Running]:
    setup = bench.setup
    with Lab(bench.folder) as lab:
        inside, outside = lab.namespace("daemon"), lab.namespace("peers")
        for link in (1, 2):
            width = 24 if setup.family == 4 else 64
            ends = (f"{setup.address(link, 1)}/{width}", f"{setup.address(link, 2)}/{width}")
            lab.connect((inside, f"link{link}"), (outside, f"link{link}"), [ends])
        try:
            daemon = bench.adapter.start(inside, bench.folder, setup)
        except AssertionError as error:  # the harness says so when a daemon does not start
            raise RunFailed(str(error)) from error
        sessions: list[Session] = []
        try:
            for _, link, asn in setup.peers():
                sessions.append(_connect(outside, setup, link, asn))
            pause(SETTLE_S)
            yield Running(daemon, sessions[0], sessions[1] if setup.has_receiver else None)
        except (OSError, PeerEnded) as error:
            raise RunFailed(f"no session: {error}\n{daemon.log_tail()}") from error
        finally:
            for session in sessions:
                session.close()
            daemon.stop()


def _connect(space: Namespace, setup: Setup, link: int, asn: int) -> Session:
    ends = (setup.address(link, 2), setup.address(link, 1))
    return connect(space, ends, asn, f"10.200.{link}.2", setup.family)


def poll(
    count: Callable[[], int], is_done: Callable[[int], bool], bench: Bench, daemon: Daemon
) -> float:
    """Ask for a count until it is right; returns when it was (monotonic clock, seconds).

    Raises:
        TimeoutError: it was not right in time.
    """
    start_s = time.monotonic()
    while True:
        asked_s = time.monotonic()
        value = count()
        now_s = time.monotonic()
        if is_done(value):
            return now_s
        if now_s - start_s > bench.timeout_s:
            raise TimeoutError(f"after {bench.timeout_s:.0f} s the count is {value}")
        daemon.pids()
        pause(max(POLL_MIN_S, min(20 * (now_s - asked_s), 0.02 * (now_s - start_s))))


def run_kernel(bench: Bench, running: Running) -> Figures:
    """Wire to kernel, then withdrawal from the kernel."""
    (main_pid, *_) = running.daemon.pids()
    feeder, routes = running.feeder, bench.routes

    def count() -> int:
        return count_kernel_routes(main_pid, bench.setup.family)

    before = count()
    cpu_s, rss_octets = running.cpu_s(), running.rss_octets()
    feeder.start_counting()
    start_s = feeder.send(bench.feed.announce + bench.feed.end_of_rib)
    added_s = poll(count, lambda found: found >= before + routes, bench, running.daemon)
    figures = {
        "kernel_add_per_s": routes / (added_s - start_s),
        "kernel_add_cpu_s": running.cpu_s() - cpu_s,
        "kernel_octets_per_route": (running.rss_octets() - rss_octets) / routes,
    }
    pause(LINGER_S)
    cpu_s = running.cpu_s()
    start_s = feeder.send(bench.feed.withdraw)
    gone_s = poll(count, lambda found: found <= before, bench, running.daemon)
    figures["kernel_withdraw_per_s"] = routes / (gone_s - start_s)
    figures["kernel_withdraw_cpu_s"] = running.cpu_s() - cpu_s
    pause(LINGER_S)
    figures["keepalive_gap_ms"] = 1000 * feeder.largest_gap_s
    return figures


def run_propagate(bench: Bench, running: Running) -> Figures:
    """Feeder to receiver, then the withdrawals.

    Raises:
        TimeoutError: not all prefixes came, though as many as there are.
    """
    feeder, receiver, routes = running.feeder, running.receiver, bench.routes
    assert receiver is not None
    cpu_s = running.cpu_s()
    receiver.start_counting(StreamCounter(keeps_nlri=True))
    feeder.start_counting()
    start_s = feeder.send(bench.feed.announce + bench.feed.end_of_rib)
    got_s = receiver.wait_until(lambda counter: counter.announced >= routes, bench.timeout_s)
    figures = {
        "propagate_per_s": routes / (got_s - start_s),
        "propagate_cpu_s": running.cpu_s() - cpu_s,
        "updates_sent_per_update": receiver.counter.updates / bench.feed.updates,
    }
    pause(LINGER_S)
    different = receiver.counter.count_different()
    if different != routes:
        raise TimeoutError(f"{routes} prefixes were sent, {different} different ones arrived")
    receiver.start_counting()
    start_s = feeder.send(bench.feed.withdraw)
    gone_s = receiver.wait_until(lambda counter: counter.withdrawn >= routes, bench.timeout_s)
    figures["propagate_withdraw_per_s"] = routes / (gone_s - start_s)
    pause(LINGER_S)
    figures["keepalive_gap_ms"] = 1000 * feeder.largest_gap_s
    return figures


def run_ingest(bench: Bench, running: Running) -> Figures:
    """Feeder to the daemon's table: no other peer, no kernel."""
    daemon, feeder, routes = running.daemon, running.feeder, bench.routes
    daemon.count_routes()  # what the first question costs is no part of it
    cpu_s, rss_octets = running.cpu_s(), running.rss_octets()
    feeder.start_counting()
    start_s = feeder.send(bench.feed.announce + bench.feed.end_of_rib)
    done_s = poll(daemon.count_routes, lambda found: found >= routes, bench, daemon)
    figures = {
        "ingest_per_s": routes / (done_s - start_s),
        "ingest_cpu_s": running.cpu_s() - cpu_s,
        "octets_per_route": (running.rss_octets() - rss_octets) / routes,
    }
    pause(LINGER_S)
    figures["keepalive_gap_ms"] = 1000 * feeder.largest_gap_s
    return figures


def run_live(bench: Bench, running: Running) -> Figures:
    """A table comes, is changed by a reload, listed and withdrawn: how late is all else?"""
    daemon, feeder, routes = running.daemon, running.feeder, bench.routes
    assert isinstance(daemon, LiveDaemon)
    (main_pid, *_) = daemon.pids()

    def count() -> int:
        return count_kernel_routes(main_pid, bench.setup.family)

    def announce() -> None:
        feeder.send(bench.feed.announce + bench.feed.end_of_rib)
        poll(count, lambda found: found >= before + routes, bench, daemon)

    def withdraw() -> None:
        feeder.send(bench.feed.withdraw)
        poll(count, lambda found: found <= before, bench, daemon)
        pause(LINGER_S)

    before = count()
    feeder.start_counting()
    figures: Figures = {}
    for name, do in (
        ("add", announce),
        ("change", daemon.change_export),
        ("list", daemon.list_routes),
        ("withdraw", withdraw),
    ):
        start_s = time.monotonic()
        do()
        figures[f"live_{name}_s"] = time.monotonic() - start_s
        lag_ms = daemon.take_lag_ms()
        if lag_ms is not None:
            figures[f"live_{name}_lag_ms"] = lag_ms
    figures["live_withdraw_s"] -= LINGER_S
    return figures | {
        "keepalive_gap_ms": 1000 * feeder.largest_gap_s,
        "live_lag_ms": max(value for name, value in figures.items() if name.endswith("lag_ms")),
    }


# Name -> (what it does, has the kernel, has a receiver).
SCENARIOS: dict[str, tuple[Scenario, bool, bool]] = {
    "kernel": (run_kernel, True, False),
    "propagate": (run_propagate, False, True),
    "ingest": (run_ingest, False, False),
    "live": (run_live, True, False),
}
