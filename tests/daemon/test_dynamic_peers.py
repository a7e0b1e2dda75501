"""Neighbors without an entry: who may connect, what they are like, and when they go."""

from dataclasses import replace

import trio
import trio.testing
from trio.testing import MockClock

from gobgp_trio.bgp.message import NOTIFICATION
from gobgp_trio.bgp.session.outputs import State
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.config.schema import DynamicNeighbors, Neighbor, PrefixLimit
from gobgp_trio.types.family import Family
from tests.daemon.peer_fakes import Remote, make_neighbor, withdrawal
from tests.daemon.test_peers import Stage, incoming, open_stage

NEAR = "10.8.1.7"


def make_entry(prefix: str, template: Neighbor | None = None) -> DynamicNeighbors:
    base = make_neighbor("10.8.0.0", passive=True) if template is None else template
    return DynamicNeighbors(prefix, base)


WIDE = make_entry("10.8.0.0/16")


async def connect(stage: Stage, source: str = NEAR, *, as_: int = 65002) -> Remote:
    """A session from this address."""
    remote, transport = incoming(source)
    stage.manager.accept(transport)
    await remote.establish(as_=as_)
    await trio.testing.wait_all_tasks_blocked()
    return remote


async def test_comes_with_its_connection_and_goes_with_it(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.dynamic = (WIDE,)
        assert list(stage.manager.peers) == []
        remote = await connect(stage)
        peer = stage.manager.peers[NEAR]
        assert (peer.is_dynamic, peer.state) == (True, State.ESTABLISHED)
        assert peer.neighbor == replace(WIDE.template, address=NEAR)
        stage.speaker.links[0].close_s = 5.0
        remote.transport.close()
        await trio.sleep(4.0)
        assert list(stage.manager.peers) == [NEAR]  # until its routes are gone
        await trio.sleep(2.0)
        assert stage.speaker.links[0].is_closed
        assert list(stage.manager.peers) == []
        await connect(stage)
        assert list(stage.manager.peers) == [NEAR]
        assert stage.network.dials_s == []


async def test_the_longest_prefix_says_what_it_is_like(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        narrow = make_entry("10.8.1.0/24", make_neighbor(passive=True, peer_as=65003))
        stage.manager.dynamic = (narrow, WIDE)
        await connect(stage, as_=65003)
        await connect(stage, "10.8.2.7")
        peers = stage.manager.peers
        assert [(name, p.neighbor.peer_as) for name, p in peers.items()] == [
            ("10.8.1.7", 65003),
            ("10.8.2.7", 65002),
        ]


async def test_others_are_strangers(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.dynamic = (WIDE,)
        for source in ("10.9.1.7", "2001:db8::7"):
            remote, transport = incoming(source)
            stage.manager.accept(transport)
            assert await remote.receive() is None
        assert list(stage.manager.peers) == []
        assert stage.manager.strangers_count == 2


async def test_one_that_never_becomes_a_session_goes(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.dynamic = (WIDE,)
        remote, transport = incoming(NEAR)
        stage.manager.accept(transport)
        assert await remote.receive_kind() == 1
        assert list(stage.manager.peers) == [NEAR]
        remote.transport.close()
        await trio.testing.wait_all_tasks_blocked()
        assert list(stage.manager.peers) == []
        remote, transport = incoming(NEAR)
        stage.manager.accept(transport)  # silent: the OPEN does not come
        await trio.sleep(239.0)
        assert list(stage.manager.peers) == [NEAR]
        await trio.sleep(10.0)
        assert list(stage.manager.peers) == []


async def test_one_that_went_over_its_limit_is_remembered(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        limits = (PrefixLimit(Family.IPV4_UNICAST, 3, restart_s=60),)
        template = replace(WIDE.template, prefix_limits=limits)
        stage.manager.dynamic = (make_entry("10.8.0.0/16", template),)
        remote = await connect(stage)

        def exceed() -> None:
            raise PeerFault(6, 1, bytes.fromhex("00010100000003"), "too many")

        stage.speaker.links[0].on_apply = exceed
        await remote.send(withdrawal(1))
        await remote.run_reading()
        await trio.sleep(50.0)
        assert stage.manager.peers[NEAR].is_over_limit
        again, transport = incoming(NEAR)
        stage.manager.accept(transport)
        assert await again.receive() is None
        await trio.sleep(11.0)
        assert list(stage.manager.peers) == []
        await connect(stage)


async def test_one_that_the_operator_disabled_is_remembered(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.dynamic = (WIDE,)
        remote = await connect(stage)
        stage.manager.peers[NEAR].disable()
        await remote.run_reading()
        await trio.sleep(100.0)
        assert list(stage.manager.peers) == [NEAR]
        stage.manager.peers[NEAR].enable()
        await trio.testing.wait_all_tasks_blocked()
        assert list(stage.manager.peers) == []


async def test_a_bug_that_one_sets_off_keeps_it_away_for_a_while(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.dynamic = (WIDE,)
        remote = await connect(stage)

        def fail() -> None:
            raise ZeroDivisionError

        stage.speaker.links[0].on_apply = fail
        await remote.send(withdrawal(1))
        await remote.run_reading()
        await trio.sleep(29.0)
        assert list(stage.manager.peers) == [NEAR]
        await trio.sleep(2.0)
        assert list(stage.manager.peers) == []


async def test_reload_keeps_changes_and_ends_them(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        await stage.manager.reload([], (WIDE,))
        remote = await connect(stage)
        described = replace(WIDE.template, description="leaf")
        await stage.manager.reload([], (make_entry("10.8.0.0/16", described),))
        peer = stage.manager.peers[NEAR]
        assert (peer.state, peer.neighbor.description) == (State.ESTABLISHED, "leaf")
        await stage.manager.reload([], (make_entry("10.8.0.0/16", replace(described, local_as=5)),))
        assert await remote.receive() == (NOTIFICATION, bytes((6, 6)))
        assert list(stage.manager.peers) == []
        remote = await connect(stage)
        assert stage.manager.peers[NEAR].neighbor.local_as == 5
        await stage.manager.reload([], ())
        assert await remote.receive() == (NOTIFICATION, bytes((6, 3)))
        assert list(stage.manager.peers) == []
        stranger, transport = incoming(NEAR)
        stage.manager.accept(transport)
        assert await stranger.receive() is None


async def test_an_entry_of_its_own_takes_its_place(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        await stage.manager.reload([], (WIDE,))
        remote = await connect(stage)
        own = replace(WIDE.template, address=NEAR)  # the same in all but the name
        await stage.manager.reload([own], (WIDE,))
        assert await remote.receive() == (NOTIFICATION, bytes((6, 6)))
        assert not stage.manager.peers[NEAR].is_dynamic
        await connect(stage)
        await stage.manager.reload([], (WIDE,))
        assert list(stage.manager.peers) == []
        await connect(stage)
        assert stage.manager.peers[NEAR].is_dynamic


async def test_shut_down_ends_them_too(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.dynamic = (WIDE,)
        remote = await connect(stage)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.manager.shut_down)
            assert await remote.receive() == (NOTIFICATION, bytes((6, 2)))
            remote.transport.close()


async def test_nobody_slips_in_while_an_entry_takes_its_place(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        await stage.manager.reload([], (WIDE,))
        await connect(stage)
        stage.speaker.links[0].close_s = 5.0
        own = replace(WIDE.template, address=NEAR)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.manager.reload, [own], (WIDE,))
            await trio.sleep(2.0)
            early, transport = incoming(NEAR)
            stage.manager.accept(transport)
            assert await early.receive() is None
        assert not stage.manager.peers[NEAR].is_dynamic
        await connect(stage)
