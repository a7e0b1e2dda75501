"""All peers together: who gets a connection, and how peers come, change and go."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gobgp_trio.bgp.message import NOTIFICATION, UPDATE, write_message
from gobgp_trio.bgp.session.outputs import State
from gobgp_trio.daemon.peers import PeerManager
from tests.daemon.peer_fakes import (
    OUR_ADDRESS,
    OUR_ID,
    THEIR_ADDRESS,
    FakeSpeaker,
    MemoryTransport,
    Network,
    Remote,
    connect_in_memory,
    make_neighbor,
    withdrawal,
)

OTHER_ADDRESS = "192.0.2.3"


class Stage:
    """A running manager, with the network and the tables it uses."""

    def __init__(self, capacity_octets: int = 1 << 20) -> None:
        self.network = Network(capacity_octets)
        self.speaker = FakeSpeaker()
        self.manager = PeerManager(OUR_ID, self.speaker, dial=self.network.dial, jitter=lambda: 1.0)

    async def establish(self) -> Remote:
        remote = await self.network.wait_dialled()
        await remote.establish()
        await trio.testing.wait_all_tasks_blocked()
        return remote

    def state_of(self, address: str) -> State:
        peer = self.manager.find(address)
        assert peer is not None
        return peer.state


@asynccontextmanager
async def open_stage(clock: MockClock, capacity_octets: int = 1 << 20) -> AsyncIterator[Stage]:
    """``clock`` is what pytest-trio runs the test on, so no test waits."""
    assert clock.current_time() == 0.0
    async with trio.open_nursery() as nursery:
        stage = Stage(capacity_octets)
        await nursery.start(stage.manager.run)
        yield stage
        nursery.cancel_scope.cancel()


def incoming(source: str) -> tuple[Remote, MemoryTransport]:
    theirs, ours = connect_in_memory(source, OUR_ADDRESS)
    return Remote(theirs), ours


async def test_peers_added_before_the_start_begin_with_it(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.manager.add(make_neighbor())
    await trio.testing.wait_all_tasks_blocked()
    assert stage.network.dials_s == []
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.manager.run)
        await stage.establish()
        assert autojump_clock.current_time() == 0.0
        nursery.cancel_scope.cancel()


async def test_connections_find_their_peer_by_source_address(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor(THEIR_ADDRESS, passive=True))
        stage.manager.add(make_neighbor("2001:DB8:0::3", passive=True))
        await trio.testing.wait_all_tasks_blocked()
        for source in ("2001:db8::3", THEIR_ADDRESS):
            remote, transport = incoming(source)
            stage.manager.accept(transport)
            await remote.establish()
            await trio.testing.wait_all_tasks_blocked()
            assert stage.state_of(source) is State.ESTABLISHED
        assert stage.manager.strangers_count == 0
        assert list(stage.manager.peers) == [THEIR_ADDRESS, "2001:db8::3"]


async def test_the_other_end_of_an_interface_is_a_peer(autojump_clock: MockClock) -> None:
    name = socket.if_indextoname(1)
    async with open_stage(autojump_clock) as stage:
        peer = stage.manager.add(make_neighbor(f"%{name}", passive=True))
        await trio.testing.wait_all_tasks_blocked()
        remote, ours = incoming("fe80::7")
        ours.ends = replace(ours.ends, interface_index=1)
        stage.manager.accept(ours)
        await remote.establish()
        await trio.testing.wait_all_tasks_blocked()
        assert peer.state is State.ESTABLISHED
        assert stage.manager.find(name) is peer
        assert stage.manager.find(f"fe80::7%{name}") is peer
        assert stage.manager.find("fe80::7") is None
        assert stage.manager.find("nosuch0") is None


async def test_a_peer_whose_password_cannot_be_set_is_not_let_in(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor(passive=True))
        await trio.testing.wait_all_tasks_blocked()
        monkeypatch.setattr(stage.manager.listening, "is_protected", lambda _: False)
        remote, ours = incoming(THEIR_ADDRESS)
        stage.manager.accept(ours)
        assert await remote.receive() is None
        assert ours.is_closed


async def test_strangers_are_closed(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        remote, transport = incoming("203.0.113.9")
        stage.manager.accept(transport)
        assert await remote.receive() is None
        assert stage.manager.strangers_count == 1


async def test_one_peer_per_address(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor("2001:db8::1"))
        with pytest.raises(ValueError, match="2001:db8::1 exists"):
            stage.manager.add(make_neighbor("2001:db8:0::1"))
        assert stage.manager.find("no address") is None


async def test_removed_peer_hears_of_it_and_its_routes_go(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor())
        remote = await stage.establish()
        stage.speaker.links[0].close_s = 20.0
        await stage.manager.remove(THEIR_ADDRESS)
        assert await remote.receive() == (NOTIFICATION, bytes((6, 3)))
        assert stage.speaker.links[0].is_closed
        assert stage.manager.find(THEIR_ADDRESS) is None
        await trio.sleep(1000.0)
        assert len(stage.network.dials_s) == 1


async def test_removing_a_peer_that_rests_does_not_wait(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.network.is_reachable = False
        stage.manager.add(make_neighbor())
        await trio.sleep(1.0)
        await stage.manager.remove(THEIR_ADDRESS)
        assert autojump_clock.current_time() == 1.0


async def test_reload_touches_only_what_changed(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        kept, gone = make_neighbor(THEIR_ADDRESS), make_neighbor(OTHER_ADDRESS)
        stage.manager.add(kept)
        first = await stage.establish()
        stage.manager.add(gone)
        second = await stage.establish()
        added = make_neighbor("192.0.2.4")
        await stage.manager.reload([added, replace(kept, description="upstream")])
        assert await second.receive() == (NOTIFICATION, bytes((6, 3)))
        await stage.establish()
        assert list(stage.manager.peers) == ["192.0.2.4", THEIR_ADDRESS]
        assert stage.state_of(THEIR_ADDRESS) is State.ESTABLISHED
        assert stage.manager.peers[THEIR_ADDRESS].neighbor.description == "upstream"
        assert [kind for _, kind, _ in first.log] == [1, 4]


async def test_reload_of_session_settings_begins_a_new_session(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor())
        remote = await stage.establish()
        await stage.manager.reload([replace(make_neighbor(), remote_port=1179)])
        assert await remote.receive() == (NOTIFICATION, bytes((6, 6)))
        await stage.establish()
        assert stage.manager.peers[THEIR_ADDRESS].neighbor.remote_port == 1179


async def test_reload_of_timers_is_for_the_next_session(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor())
        remote = await stage.establish()
        await stage.manager.reload([make_neighbor(hold_time_s=30)])
        peer = stage.manager.peers[THEIR_ADDRESS]
        assert peer.negotiated is not None
        assert peer.negotiated.hold_time_s == 90
        assert stage.speaker.links[0].neighbor.hold_time_s == 30
        remote.transport.close()
        await stage.establish()
        assert peer.negotiated.hold_time_s == 30


async def test_reload_of_a_shorter_wait_shortens_the_one_that_runs(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.network.is_reachable = False
        stage.manager.add(make_neighbor())
        await trio.sleep(200.0)  # attempts are up to two minutes apart now
        before = len(stage.network.dials_s)
        await stage.manager.reload([replace(make_neighbor(), connect_retry_s=1)])
        await trio.sleep(10.5)
        assert len(stage.network.dials_s) - before == 10


async def test_reload_obeys_admin_down_and_up(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor(admin_down=True))
        await trio.sleep(100.0)
        assert stage.network.dials_s == []
        await stage.manager.reload([make_neighbor()])
        remote = await stage.establish()
        await stage.manager.reload([make_neighbor(admin_down=True)])
        assert await remote.receive() == (NOTIFICATION, bytes((6, 2)))
        await trio.testing.wait_all_tasks_blocked()
        assert stage.state_of(THEIR_ADDRESS) is State.IDLE


async def test_shut_down_tells_every_peer(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        stage.manager.add(make_neighbor())
        first = await stage.establish()
        stage.manager.add(make_neighbor(OTHER_ADDRESS))
        second = await stage.establish()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.manager.shut_down, "good night")
            for remote in (first, second):
                assert await remote.receive() == (NOTIFICATION, b"\x06\x02\x0agood night")
                remote.transport.close()
        assert autojump_clock.current_time() < 0.1
        remote, transport = incoming(THEIR_ADDRESS)
        stage.manager.accept(transport)
        assert await remote.receive() is None


async def test_shut_down_does_not_wait_for_a_peer_that_never_reads(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(autojump_clock, capacity_octets=100) as stage:
        stage.manager.add(make_neighbor())
        await stage.establish()
        stage.speaker.links[0].queue([withdrawal(n) for n in range(100)])
        await trio.testing.wait_all_tasks_blocked()
        begun_s = trio.current_time()
        await stage.manager.shut_down()
        assert trio.current_time() - begun_s <= 1.5


async def test_reload_of_the_rest_after_a_reset(autojump_clock: MockClock) -> None:
    async with open_stage(autojump_clock) as stage:
        peer = stage.manager.add(make_neighbor())
        await stage.establish()
        await stage.manager.reload([replace(peer.neighbor, idle_hold_after_reset_s=7)])
        reset_s = trio.current_time()
        peer.reset()
        await stage.establish()
        assert stage.network.dials_s[-1] - reset_s == 7.0


async def test_reload_of_what_errors_in_attributes_do(autojump_clock: MockClock) -> None:
    attributes = bytes.fromhex("400101 09" + "4002 06 0201 0000fdea" + "400304 c0000202")
    body = bytes(2) + len(attributes).to_bytes(2, "big") + attributes + bytes.fromhex("18 cb0071")
    async with open_stage(autojump_clock) as stage:
        peer = stage.manager.add(make_neighbor())
        remote = await stage.establish()
        await remote.send(write_message(UPDATE, body))
        await trio.testing.wait_all_tasks_blocked()
        assert stage.speaker.links[0].withdrawn == [bytes.fromhex("18cb0071")]
        assert peer.state is State.ESTABLISHED
        await stage.manager.reload([replace(peer.neighbor, treat_as_withdraw=False)])
        assert await remote.receive() == (NOTIFICATION, bytes((6, 6)))
        remote = await stage.establish()
        await remote.send(write_message(UPDATE, body))
        assert await remote.receive() == (NOTIFICATION, bytes.fromhex("0306 40010109"))
