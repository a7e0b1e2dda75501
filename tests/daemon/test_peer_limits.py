"""Peers with prefix limits: down with a Cease, shown as such, back by timer, operator or reload."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog
import trio
import trio.testing
from trio.testing import MockClock

from gobgp_trio.bgp.message import NOTIFICATION
from gobgp_trio.bgp.session.outputs import State
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.config.schema import Neighbor, PrefixLimit
from gobgp_trio.daemon.peer import Peer
from gobgp_trio.types.family import Family
from tests.daemon.peer_fakes import Remote, make_neighbor, withdrawal
from tests.daemon.test_peers import Stage, open_stage

IPV4, IPV6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
# AFI, SAFI and the limit
DATA = bytes.fromhex("0001 01 00000003")


def exceed() -> None:
    raise PeerFault(6, 1, DATA, "4 prefixes of ipv4-unicast, 3 allowed")


def make_limited(restart_s: int) -> Neighbor:
    other = PrefixLimit(IPV6, 10, restart_s=7)
    return replace(
        make_neighbor(), prefix_limits=(other, PrefixLimit(IPV4, 3, restart_s=restart_s))
    )


@asynccontextmanager
async def open_exceeded(clock: MockClock, neighbor: Neighbor) -> AsyncIterator[tuple[Stage, Peer]]:
    """A peer that has just gone over its limit."""
    async with open_stage(clock) as stage:
        peer = stage.manager.add(neighbor)
        remote = await stage.establish()
        assert not peer.is_over_limit
        stage.speaker.links[0].on_apply = exceed
        await remote.send(withdrawal(1))
        assert await remote.receive() == (NOTIFICATION, b"\x06\x01" + DATA)
        await trio.testing.wait_all_tasks_blocked()
        yield stage, peer


async def test_it_stays_down_until_the_operator_enables_it(autojump_clock: MockClock) -> None:
    async with open_exceeded(autojump_clock, make_limited(0)) as (stage, peer):
        assert stage.speaker.links[0].is_closed
        assert "maximum number of prefixes reached: 4 prefixes" in peer.stats.last_error
        await trio.sleep(80_000.0)
        assert (peer.is_over_limit, peer.state) == (True, State.IDLE)
        assert len(stage.network.dials_s) == 1
        peer.enable()
        await stage.establish()
        assert not peer.is_over_limit
        assert peer.state is State.ESTABLISHED


async def test_it_comes_back_after_the_restart_time(autojump_clock: MockClock) -> None:
    async with open_exceeded(autojump_clock, make_limited(60)) as (stage, peer):
        exceeded_s = trio.current_time()
        assert peer.is_over_limit
        await stage.establish()
        assert stage.network.dials_s[1] - exceeded_s == 60.0
        assert not peer.is_over_limit


async def test_a_reset_brings_it_back(autojump_clock: MockClock) -> None:
    async with open_exceeded(autojump_clock, make_limited(0)) as (stage, peer):
        peer.reset()
        await stage.establish()
        assert not peer.is_over_limit


@pytest.mark.parametrize("limits", [(), (PrefixLimit(IPV4, 5),)])
async def test_another_limit_brings_it_back(
    autojump_clock: MockClock, limits: tuple[PrefixLimit, ...]
) -> None:
    async with open_exceeded(autojump_clock, make_limited(0)) as (stage, peer):
        await stage.manager.reload([replace(peer.neighbor, description="x")])
        await trio.sleep(100.0)
        assert peer.is_over_limit
        await stage.manager.reload([replace(peer.neighbor, prefix_limits=limits)])
        await stage.establish()
        assert stage.speaker.links[1].neighbor.prefix_limits == limits


async def test_a_lower_limit_holds_at_once(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        peer = stage.manager.add(make_limited(0))
        remote = await stage.establish()
        stage.speaker.links[0].on_check = exceed
        await stage.manager.reload([replace(peer.neighbor, hold_time_s=30)])
        await trio.testing.wait_all_tasks_blocked()
        assert peer.state is State.ESTABLISHED
        await stage.manager.reload([replace(peer.neighbor, prefix_limits=(PrefixLimit(IPV4, 2),))])
        assert await remote.receive() == (NOTIFICATION, b"\x06\x01" + DATA)
        await trio.testing.wait_all_tasks_blocked()
        assert peer.is_over_limit


async def test_changes_of_state_are_logged_where_asked_for(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        quiet = stage.manager.add(make_neighbor())
        with structlog.testing.capture_logs() as lines:
            await stage.establish()
        assert [line["event"] for line in lines] == ["session established"]
        await stage.manager.reload([replace(quiet.neighbor, log_state_changes=True)])
        with structlog.testing.capture_logs() as lines:
            quiet.reset()
            remote: Remote = await stage.establish()
            assert remote.log
        changes = [(line["old"], line["new"]) for line in lines if line["event"] == "state changed"]
        assert changes == [
            ("ESTABLISHED", "IDLE"),
            ("IDLE", "CONNECT"),
            ("CONNECT", "OPEN_SENT"),
            ("OPEN_SENT", "OPEN_CONFIRM"),
            ("OPEN_CONFIRM", "ESTABLISHED"),
        ]
