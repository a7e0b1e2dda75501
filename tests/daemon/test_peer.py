"""A peer's tasks: steady keepalives, honest hold timers, back-off, and bugs that stay inside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import pytest
import structlog
import trio
import trio.testing
from trio.testing import MockClock

from gobgp_trio.bgp.message import (
    KEEPALIVE,
    KEEPALIVE_MESSAGE,
    NOTIFICATION,
    REFRESH_BEGIN,
    REFRESH_END,
    UPDATE,
    write_message,
    write_route_refresh,
)
from gobgp_trio.bgp.session.outputs import DownCause, State
from gobgp_trio.config.schema import SocketOptions
from gobgp_trio.daemon.peer import Peer
from gobgp_trio.types.family import Family
from tests.daemon.peer_fakes import (
    OUR_ADDRESS,
    OUR_ID,
    THEIR_ADDRESS,
    THEIR_ID,
    FakeLink,
    FakeSpeaker,
    Network,
    Remote,
    connect_in_memory,
    make_neighbor,
    withdrawal,
)


class Stage:
    """A running peer, its network and its tables.

    Attributes:
        jitters: what the peer draws, the last one again and again.
        clock: pytest-trio runs a test on it when the test asks for it by name; no test waits.
    """

    def __init__(
        self, nursery: trio.Nursery, clock: MockClock, capacity_octets: int, *, passive: bool
    ) -> None:
        self.nursery = nursery
        self.clock = clock
        self.jitters = [1.0]
        self.network = Network(capacity_octets)
        self.speaker = FakeSpeaker()
        self.peer = Peer(
            make_neighbor(passive=passive),
            OUR_ID,
            self.speaker,
            self.network.dial,
            jitter=lambda: self.jitters.pop(0) if len(self.jitters) > 1 else self.jitters[0],
        )
        nursery.start_soon(self.peer.run)

    async def establish(self, hold_time_s: int = 90) -> Remote:
        """The far end of a session that is up."""
        remote = await self.network.wait_dialled()
        await remote.establish(hold_time_s=hold_time_s)
        await trio.testing.wait_all_tasks_blocked()
        assert self.peer.state is State.ESTABLISHED
        return remote

    @property
    def link(self) -> FakeLink:
        return self.speaker.links[-1]


@asynccontextmanager
async def open_stage(
    clock: MockClock, capacity_octets: int = 1 << 20, *, passive: bool = False
) -> AsyncIterator[Stage]:
    async with trio.open_nursery() as nursery:
        yield Stage(nursery, clock, capacity_octets, passive=passive)
        nursery.cancel_scope.cancel()


def gaps(times_s: list[float]) -> list[float]:
    return [round(b - a, 6) for a, b in pairwise(times_s)]


# --- sessions ----------------------------------------------------------------


async def test_two_peers_meet_and_exchange_updates(autojump_clock: MockClock) -> None:
    left_tables, right_tables = FakeSpeaker(), FakeSpeaker()

    async def dial(_: object) -> object:
        await trio.lowlevel.checkpoint()
        ours, theirs = connect_in_memory()
        right.accept(theirs)
        return ours

    left = Peer(make_neighbor(), OUR_ID, left_tables, dial)  # type: ignore[arg-type] # MemoryTransport is one
    right = Peer(
        make_neighbor(OUR_ADDRESS, peer_as=65001, local_as=65002, passive=True),
        THEIR_ID,
        right_tables,
        dial,  # type: ignore[arg-type] # never called
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        nursery.start_soon(right.run)
        await trio.testing.wait_all_tasks_blocked()
        assert (left.state, right.state) == (State.ESTABLISHED, State.ESTABLISHED)
        left_tables.links[0].queue([withdrawal(1), withdrawal(2)])
        await trio.testing.wait_all_tasks_blocked()
        assert right_tables.links[0].withdrawn == [b"\x18\x0a\x00\x01", b"\x18\x0a\x00\x02"]
        assert left.stats.sent == {1: 1, 4: 1, 2: 2}
        assert right.stats.received == {1: 1, 4: 1, 2: 2}
        await trio.sleep(3600.0)
        assert autojump_clock.current_time() >= 3600.0
        assert (left.state, right.state) == (State.ESTABLISHED, State.ESTABLISHED)
        nursery.cancel_scope.cancel()


async def test_what_the_tables_are_told_of_the_session(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        await stage.establish(hold_time_s=30)
        (_, negotiated), *_ = stage.speaker.ups
        assert negotiated == stage.peer.negotiated
        assert negotiated.hold_time_s == 30
        assert negotiated.peer_router_id == THEIR_ID
        assert negotiated.peer_address == bytes((192, 0, 2, 2))
        assert stage.peer.stats.established_at_s is not None


async def test_refresh_reaches_the_tables(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        await remote.send(write_route_refresh(Family.IPV4_UNICAST))
        await trio.testing.wait_all_tasks_blocked()
        assert stage.link.refreshed == [Family.IPV4_UNICAST]
        assert stage.peer.stats.received[5] == 1


@pytest.mark.parametrize("has_renewals", [True, False])
async def test_marks_of_a_refresh_reach_the_tables(
    autojump_clock: MockClock, has_renewals: bool
) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.link.has_renewals = has_renewals
        await remote.send(write_route_refresh(Family.IPV4_UNICAST, REFRESH_BEGIN))
        await trio.testing.wait_all_tasks_blocked()
        await remote.send(write_route_refresh(Family.IPV4_UNICAST, REFRESH_END))
        await trio.testing.wait_all_tasks_blocked()
        run = ["run IPV4_UNICAST"] if has_renewals else []
        assert stage.link.renewals == ["begin IPV4_UNICAST", *run, "end IPV4_UNICAST"]
        assert stage.link.refreshed == []


async def test_an_update_of_65535_octets_behind_the_last_keepalive_is_taken(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.network.wait_dialled()
        withdrawn = b"".join(b"\x18" + n.to_bytes(3, "big") for n in range(16378))
        body = len(withdrawn).to_bytes(2, "big") + withdrawn + b"\0\0"
        update = write_message(UPDATE, body)
        assert len(update) == 65535
        await remote.establish(behind=update)
        await trio.testing.wait_all_tasks_blocked()
        assert len(stage.link.withdrawn) == 16378
        assert stage.peer.state is State.ESTABLISHED


async def test_updates_arrive_in_order_however_they_are_cut(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        octets = b"".join(withdrawal(n) for n in range(1000))
        for at in range(0, len(octets), 777):
            await remote.send(octets[at : at + 777])
        await trio.testing.wait_all_tasks_blocked()
        wanted = [bytes((24, 10, n >> 8, n & 0xFF)) for n in range(1000)]
        assert stage.link.withdrawn == wanted
        assert stage.peer.stats.received[UPDATE] == 1000


async def test_large_buffer_is_taken_in_slices_that_let_others_run(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        order: list[str] = []

        def be_slow() -> None:
            order.append("apply")
            until_s = perf_counter() + 0.01
            while perf_counter() < until_s:
                pass

        stage.link.on_apply = be_slow

        async def run_other() -> None:
            while True:
                await trio.lowlevel.checkpoint()
                order.append("other")

        octets = b"".join(withdrawal(n) for n in range(2000))  # 54,000 octets
        await remote.send(octets)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run_other)
                while len(stage.link.withdrawn) < 2000:
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        applies = [n for n, what in enumerate(order) if what == "apply"]
        assert len(applies) >= 8
        others_count = order[applies[0] : applies[-1]].count("other")
        assert others_count >= len(applies) - 2


# --- keepalives and the hold timer -------------------------------------------


async def test_keepalives_come_at_a_steady_pace(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.nursery.start_soon(remote.run_keepalives)
        stage.nursery.start_soon(remote.run_reading)
        await trio.sleep(600.5)
        assert gaps(remote.times_of(KEEPALIVE)) == [30.0] * 20


async def test_keepalives_do_not_wait_for_a_blocked_reader(autojump_clock: MockClock) -> None:
    """While the last session's routes are withdrawn UPDATEs wait, and nobody is declared dead."""
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.link.close_s = 400.0
        remote.transport.close()
        remote = await stage.network.wait_dialled()
        await remote.establish()
        await remote.send(withdrawal(7))
        stage.nursery.start_soon(remote.run_keepalives)
        stage.nursery.start_soon(remote.run_reading)
        await trio.sleep(300.5)
        assert stage.peer.state is State.ESTABLISHED
        assert len(stage.speaker.links) == 1
        assert gaps(remote.times_of(KEEPALIVE)) == [30.0] * 10
        await trio.sleep(100.0)
        assert len(stage.speaker.links) == 2
        assert stage.link.withdrawn == [b"\x18\x0a\x00\x07"]
        assert stage.peer.state is State.ESTABLISHED


async def test_slow_tables_delay_keepalives_by_a_few_slices_at_most(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        begun_s = trio.current_time()
        stage.link.on_apply = lambda: autojump_clock.jump(7.0)
        stage.nursery.start_soon(remote.run_reading)
        for _ in range(40):
            await remote.send(withdrawal(1))
            await trio.sleep(1.0)
        times_s = [at_s - begun_s for at_s in remote.times_of(KEEPALIVE)[1:]]
        assert len(times_s) >= 8
        late_s = [at_s - 30.0 * (n + 1) for n, at_s in enumerate(times_s)]
        assert all(0 <= late <= 28.0 for late in late_s), late_s  # it does not add up


async def test_peer_that_never_reads_still_gets_whole_messages_in_order(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock, capacity_octets=100) as stage:
        remote = await stage.establish()
        stage.nursery.start_soon(remote.run_keepalives)
        stage.link.queue([withdrawal(n) for n in range(6000)])
        await trio.sleep(100.0)
        assert stage.peer.state is State.ESTABLISHED
        stage.nursery.start_soon(remote.run_reading)
        await trio.sleep(1.0)
        kinds = [kind for _, kind, _ in remote.log[2:]]
        assert kinds.count(UPDATE) == 6000
        assert kinds.count(KEEPALIVE) == 1  # three were due, one says it all
        assert kinds.index(KEEPALIVE) < 3000  # before the UPDATEs that were not under way
        updates = [body[3:6] for _, kind, body in remote.log if kind == UPDATE]
        assert updates == [bytes((10, n >> 8, n & 0xFF)) for n in range(6000)]


async def test_peer_that_never_reads_is_dead_in_the_end(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock, capacity_octets=100) as stage:
        remote = await stage.establish()
        stage.nursery.start_soon(remote.run_keepalives)
        stage.link.queue([withdrawal(n) for n in range(100)])
        await trio.sleep(470.0)
        assert stage.peer.state is State.ESTABLISHED
        await trio.sleep(12.0)
        assert stage.peer.stats.flops == 1
        assert stage.peer.stats.down_reason is not None
        assert stage.peer.stats.down_reason.cause is DownCause.WRITE_FAILED
        assert stage.link.is_closed


async def test_silent_peer_is_declared_dead(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.nursery.start_soon(remote.run_reading)
        await trio.sleep(89.9)
        assert stage.peer.stats.flops == 0
        await trio.sleep(0.2)
        assert remote.log[-1][1:] == (NOTIFICATION, bytes((4, 0)))
        assert stage.link.is_closed
        assert stage.peer.link is None
        assert stage.peer.stats.last_error.startswith("hold timer expired")


async def test_hold_timer_does_not_fire_because_we_were_slow(autojump_clock: MockClock) -> None:
    """The tables keep the loop for 200 s; the peer's keepalives wait in the socket meanwhile."""
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.nursery.start_soon(remote.run_reading)

        def be_slow() -> None:
            autojump_clock.jump(200.0)
            remote.transport._outgoing.octets += KEEPALIVE_MESSAGE * 6  # noqa: SLF001 - arrives while nothing can run

        stage.link.on_apply = be_slow
        await remote.send(withdrawal(1))
        await trio.sleep(50.0)
        assert stage.peer.stats.flops == 0
        assert stage.peer.state is State.ESTABLISHED
        await trio.sleep(250.0)
        assert stage.peer.stats.flops == 1


# --- ends --------------------------------------------------------------------


async def test_broken_update_ends_the_session_with_its_notification(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        await remote.send(withdrawal(1) + write_message(UPDATE, bytes((0, 9, 0, 0))))
        assert await remote.receive() == (NOTIFICATION, bytes((3, 1)))
        assert await remote.receive() is None
        assert stage.link.is_closed
        assert stage.peer.stats.sent[NOTIFICATION] == 1
        assert stage.peer.stats.crashes == 0


async def test_broken_header_ends_the_session(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        await remote.send(bytes(19))
        assert await remote.receive() == (NOTIFICATION, bytes((1, 1)))


async def test_notification_is_sent_even_when_the_peer_has_more_to_say(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.peer.disable("maintenance at noon")
        await trio.sleep(0.1)
        await remote.send(b"".join(withdrawal(n) for n in range(100)))
        assert await remote.receive() == (NOTIFICATION, b"\x06\x02\x13maintenance at noon")
        assert await remote.receive() is None
        await trio.sleep(1000.0)
        assert stage.peer.state is State.IDLE
        assert len(stage.network.dials_s) == 1
        stage.peer.enable()
        await stage.establish()


async def test_peer_that_never_reads_is_not_waited_for(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock, capacity_octets=100) as stage:
        await stage.establish()
        stage.link.queue([withdrawal(n) for n in range(100)])
        await trio.testing.wait_all_tasks_blocked()
        begun_s = trio.current_time()
        stage.peer.disable()
        await stage.peer.wait_disconnected()
        assert trio.current_time() - begun_s <= 1.0


async def test_reset_comes_back_after_the_configured_rest(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        begun_s = trio.current_time()
        stage.peer.reset("again")
        assert await remote.receive() == (NOTIFICATION, b"\x06\x04\x05again")
        await stage.establish()
        assert stage.network.dials_s[-1] - begun_s == pytest.approx(30.0, abs=0.1)


async def test_peer_that_flaps_is_left_alone_longer_each_time(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        for _ in range(5):
            remote = await stage.establish()
            remote.transport.close()
        await stage.establish()
        assert gaps(stage.network.dials_s) == [1.0, 2.0, 4.0, 8.0, 16.0]
        assert stage.peer.stats.flops == 5
        assert all(link.is_closed for link in stage.speaker.links[:-1])


async def test_each_rest_has_a_jitter_of_its_own(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.jitters[:] = [1.0, 0.75, 0.9]
        for _ in range(3):
            remote = await stage.establish()
            remote.transport.close()
        await stage.establish()
        assert gaps(stage.network.dials_s) == [1.0, 1.5, 3.6]


async def test_unreachable_peer_is_logged_once(autojump_clock: MockClock) -> None:
    with structlog.testing.capture_logs() as logs:
        async with open_stage(autojump_clock) as stage:
            stage.network.is_reachable = False
            await trio.sleep(3600.0)
            assert stage.peer.stats.last_error == "Connection refused"
            assert len(stage.network.dials_s) > 20
            assert stage.peer.state is State.ACTIVE
    said = [entry for entry in logs if entry["log_level"] != "debug"]
    assert [(entry["event"], entry["error"]) for entry in said] == [
        ("cannot connect", "Connection refused")
    ]


@pytest.mark.parametrize(
    ("sockets", "said"),
    [
        (SocketOptions(), "no answer"),
        (SocketOptions(password="x"), "no answer; the password may be another one there, or none"),
        (SocketOptions(ttl_min=254), "no answer; it may send with a TTL below 254"),
    ],
)
async def test_silence_is_explained(
    autojump_clock: MockClock, sockets: SocketOptions, said: str
) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.network.is_silent = True
        stage.peer.neighbor = replace(stage.peer.neighbor, sockets=sockets)
        await trio.sleep(16.0)
        assert stage.peer.stats.last_error == said
        assert stage.network.dials_s == [0.0, 15.0]


async def test_passive_peer_accepts_and_never_dials(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock, passive=True) as stage:
        await trio.sleep(1000.0)
        assert stage.network.dials_s == []
        theirs, ours = connect_in_memory(THEIR_ADDRESS, OUR_ADDRESS)
        stage.peer.accept(ours)
        await Remote(theirs).establish()
        await trio.testing.wait_all_tasks_blocked()
        assert stage.peer.state is State.ESTABLISHED


# --- bugs of ours ------------------------------------------------------------


class Bug(Exception):
    """What a defect in the tables might raise."""


def fail() -> None:
    raise Bug("the tables are wrong")


async def test_a_bug_keeps_the_peer_down_and_nobody_else(autojump_clock: MockClock) -> None:
    with structlog.testing.capture_logs() as logs:
        async with open_stage(autojump_clock) as stage:
            other = Stage(stage.nursery, autojump_clock, 1 << 20, passive=False)
            healthy = await other.establish()
            other.nursery.start_soon(healthy.run_keepalives)
            stage.speaker.prepare = lambda link: setattr(link, "on_apply", fail)
            for crash in range(3):
                remote = await stage.establish()
                await remote.send(withdrawal(1))
                assert await remote.receive() is None
                await trio.sleep(1.0)
                assert stage.peer.stats.crashes == crash + 1
                assert stage.peer.state is State.IDLE
                assert stage.link.is_closed
            await stage.establish()
            assert gaps(stage.network.dials_s) == [30.0, 60.0, 120.0]
            assert stage.peer.stats.last_error == "internal error: Bug('the tables are wrong')"
            assert other.peer.state is State.ESTABLISHED
            assert other.peer.stats.flops == 0
    crashes = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(crashes) == 3
    assert isinstance(crashes[0]["exc_info"], BaseExceptionGroup)


async def test_connection_during_the_rest_after_a_bug_is_closed(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.link.on_apply = fail
        await remote.send(withdrawal(1))
        await trio.sleep(1.0)
        theirs, ours = connect_in_memory(THEIR_ADDRESS, OUR_ADDRESS)
        stage.peer.accept(ours)
        assert await Remote(theirs).receive() is None


async def test_operator_is_obeyed_during_the_rest_after_a_bug(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.link.on_apply = fail
        await remote.send(withdrawal(1))
        await trio.sleep(1.0)
        stage.peer.disable()
        await trio.sleep(1000.0)
        assert len(stage.network.dials_s) == 1


async def test_a_bug_while_withdrawing_is_tried_once_more(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote = await stage.establish()
        stage.link.close = _failing_close(stage.link)  # type: ignore[method-assign] # fails once
        remote.transport.close()
        await trio.sleep(1.0)
        assert stage.peer.stats.crashes == 1
        assert stage.link.close_calls == 1
        assert stage.link.is_closed
        await stage.establish()


def _failing_close(link: FakeLink):  # type: ignore[no-untyped-def] # a method's stand-in
    close = link.close
    failures = [Bug("not today")]

    async def close_once_broken() -> None:
        if failures:
            raise failures.pop()
        await close()

    return close_once_broken
