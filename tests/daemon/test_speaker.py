"""The speaker: two of them joined in memory, and what the API sees of the tables."""

from collections.abc import Iterator

import structlog
import trio
import trio.testing

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.session.negotiate import (
    Endpoints,
    Negotiated,
    SessionSettings,
    make_open,
    negotiate,
)
from gobgp_trio.bgp.update import UpdateDecoder
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.peer_link import PeerLink
from gobgp_trio.daemon.peer_link import Speaker as SpeakerProtocol
from gobgp_trio.daemon.session_place import SessionPlace
from gobgp_trio.daemon.speaker import Routes, SessionLink, Speaker
from gobgp_trio.rib.advertise import SelfNextHops
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.attributes import AS_SEQUENCE, PathAttributes
from gobgp_trio.types.family import Family

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
FAMILIES = (IPV4, IPV6)
NET_A = bytes.fromhex("18 0a0101")
NET_B = bytes.fromhex("18 0a0102")
UNSPECIFIED = bytes(4)


def make_negotiated(local_as: int, peer_as: int, local: bytes, peer: bytes) -> Negotiated:
    ours = SessionSettings(local_as, peer_as, local, FAMILIES)
    theirs = SessionSettings(peer_as, local_as, peer, FAMILIES)
    return negotiate(ours, Endpoints(local, peer), make_open(theirs), is_outbound=True)


def make_neighbor(local_as: int, peer_as: int, address: str) -> Neighbor:
    return Neighbor(address, peer_as, local_as, FAMILIES, allow_loop_local=True)


class Router:
    """One speaker with a session to another."""

    def __init__(self, number: int, as_: int) -> None:
        self.as_ = as_
        self.address = bytes((10, 0, 0, number))
        self.now_s = 1000.0
        self.speaker = Speaker(
            Rib(FAMILIES), router_id=self.address, wall_clock_s=lambda: self.now_s
        )

    def up(self, other: "Router") -> SessionLink:
        self.negotiated = make_negotiated(self.as_, other.as_, self.address, other.address)
        self.decoder = UpdateDecoder(self.negotiated.context, self.speaker.attribute_table)
        name = ".".join(map(str, other.address))
        return self.speaker.peer_up(make_neighbor(self.as_, other.as_, name), self.negotiated)

    def receive(self, link: SessionLink, messages: list[bytes]) -> None:
        link.apply([self.decoder.read(message[19:]) for message in messages])


def joined(first: Router, second: Router) -> tuple[SessionLink, SessionLink]:
    return first.up(second), second.up(first)


def take_all(link: SessionLink) -> list[bytes]:
    messages = []
    while link.adj_out.has_work:
        messages += link.take_outgoing(65536)
    return messages


def imported(next_hop: bytes = UNSPECIFIED) -> PathAttributes:
    return make_attributes(origin=0, next_hop=next_hop, med=5)


def flat(slices: Iterator[Routes]) -> Routes:
    return [entry for entries in slices for entry in entries]


def check_protocols(speaker: Speaker, link: SessionLink) -> tuple[SpeakerProtocol, PeerLink]:
    """For the type checker: both are what the peers ask for."""
    return speaker, link


async def test_a_local_path_reaches_the_other_speaker_and_leaves_it_again() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    here.speaker.add_local_path(IPV4, NET_A, imported())
    there.receive(to_here, take_all(to_there))

    ((nlri, (path,)),) = flat(there.speaker.iterate_table(IPV4))
    assert nlri == NET_A
    assert path.source is to_here.source
    assert path.source.name == "10.0.0.1"
    assert path.source.router_id == here.address
    assert path.received_s == 1000.0
    assert path.attributes.next_hop == here.address
    assert path.attributes.as_path == ((AS_SEQUENCE, (64501,)),)
    assert path.attributes.med == 5
    assert to_here.ended == {IPV4, IPV6}

    assert here.speaker.delete_local_path(IPV4, NET_A)
    assert not here.speaker.delete_local_path(IPV4, NET_A)
    there.receive(to_here, take_all(to_there))
    assert flat(there.speaker.iterate_table(IPV4)) == []


async def test_a_path_through_ourselves_is_shown_with_its_reason_and_not_used() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    looping = make_attributes(
        origin=0, next_hop=UNSPECIFIED, as_path=((AS_SEQUENCE, (64502, 64999)),)
    )
    here.speaker.add_local_path(IPV4, NET_A, looping)
    here.speaker.add_local_path(IPV4, NET_B, imported())
    there.receive(to_here, take_all(to_there))

    assert [nlri for nlri, _ in flat(there.speaker.iterate_table(IPV4))] == [NET_B]
    shown = flat(there.speaker.iterate_adj_in(to_here, IPV4))
    assert [(nlri, paths[0].rejected) for nlri, paths in shown] == [(NET_B, ""), (NET_A, "AS loop")]


async def test_adj_out_is_shown_as_the_peer_has_it() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, _ = joined(here, there)
    here.speaker.rib.announce(here.speaker.local, IPV4, imported(), [NET_A, NET_B], 1.0)
    assert flat(here.speaker.iterate_adj_out(to_there, IPV4)) == []
    take_all(to_there)

    shown = flat(here.speaker.iterate_adj_out(to_there, IPV4))
    assert [nlri for nlri, _ in shown] == [NET_A, NET_B]
    sent = shown[0][1][0]
    assert sent.attributes.next_hop == here.address
    assert sent.attributes.as_path == ((AS_SEQUENCE, (64501,)),)
    assert sent.source is here.speaker.local
    assert flat(here.speaker.iterate_adj_out(to_there, IPV6)) == []


async def test_the_table_shows_all_paths_best_first() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    here.speaker.add_local_path(IPV4, NET_A, imported())
    there.receive(to_here, take_all(to_there))
    there.speaker.add_local_path(IPV4, NET_A, imported())

    ((_, paths),) = flat(there.speaker.iterate_table(IPV4))
    assert [path.source for path in paths] == [there.speaker.local, to_here.source]


async def test_refresh_sends_what_was_sent_before() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, _ = joined(here, there)
    here.speaker.add_local_path(IPV4, NET_A, imported())
    first = take_all(to_there)
    to_there.refresh(IPV4)
    again = take_all(to_there)

    assert [message[18:].hex() for message in (again[0], again[-1])] == ["0500010101", "0500010201"]
    assert len(again) == 3
    assert again[1] in first


async def test_the_writer_sleeps_until_there_is_something(
    autojump_clock: trio.testing.MockClock,
) -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, _ = joined(here, there)
    woken: list[float] = []

    async def run_writer() -> None:
        while True:
            await to_there.wait_outgoing()
            woken.append(autojump_clock.current_time())
            take_all(to_there)

    async with trio.open_nursery() as nursery:
        start_s = autojump_clock.current_time()
        nursery.start_soon(run_writer)
        await trio.sleep(1)
        here.speaker.add_local_path(IPV4, NET_A, imported())
        here.speaker.add_local_path(IPV4, NET_B, imported())
        await trio.sleep(1)
        to_there.refresh(IPV4)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [round(at_s - start_s) for at_s in woken] == [0, 1, 2]


async def test_a_wait_that_is_cancelled_loses_nothing() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, _ = joined(here, there)
    take_all(to_there)
    with trio.CancelScope() as scope:
        scope.cancel()
        await to_there.wait_outgoing()
    assert scope.cancelled_caught
    here.speaker.add_local_path(IPV4, NET_A, imported())

    with trio.fail_after(1):
        await to_there.wait_outgoing()
    assert len(take_all(to_there)) == 1


def make_nets(count: int) -> list[bytes]:
    return [b"\x18" + number.to_bytes(3, "big") for number in range(count)]


async def test_close_withdraws_everything_in_steps_between_which_others_run() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    for nlri in make_nets(5000):
        here.speaker.add_local_path(IPV4, nlri, imported())
    there.receive(to_here, take_all(to_there))
    sizes: list[int] = []
    is_closed = False

    async def watch() -> None:
        while not is_closed:
            sizes.append(len(there.speaker.rib.tables[IPV4].routes))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await to_here.close()
        is_closed = True
    assert there.speaker.links == {}
    assert len(there.speaker.rib.tables[IPV4].routes) == 0
    assert {3000, 1000} & set(sizes)


async def test_close_finishes_although_its_task_is_cancelled() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    for nlri in make_nets(5000):
        here.speaker.add_local_path(IPV4, nlri, imported())
    there.receive(to_here, take_all(to_there))
    with trio.CancelScope() as scope:
        scope.cancel()
        await to_here.close()

    assert len(there.speaker.rib.tables[IPV4].routes) == 0


async def test_a_daemon_that_stops_leaves_its_tables_alone() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    here.speaker.add_local_path(IPV4, NET_A, imported())
    there.receive(to_here, take_all(to_there))
    there.speaker.is_stopping = True
    await to_here.close()

    assert NET_A in there.speaker.rib.tables[IPV4].routes
    assert there.speaker.links == {}


async def test_a_daemon_that_stops_does_not_wait_for_withdrawals_under_way() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    for nlri in make_nets(5000):
        here.speaker.add_local_path(IPV4, nlri, imported())
    there.receive(to_here, take_all(to_there))
    routes = there.speaker.rib.tables[IPV4].routes
    async with trio.open_nursery() as nursery:
        nursery.start_soon(to_here.close)
        while len(routes) == 5000:
            await trio.lowlevel.checkpoint()
        there.speaker.is_stopping = True

    assert 0 < len(routes) < 5000


async def test_a_peer_that_is_back_keeps_its_new_paths_while_the_old_ones_go() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    to_there, to_here = joined(here, there)
    nets = make_nets(3000)
    for nlri in nets:
        here.speaker.add_local_path(IPV4, nlri, imported())
    messages = take_all(to_there)
    there.receive(to_here, messages)
    leaving = there.speaker.forget(to_here)
    next(leaving)
    again = there.up(here)
    there.receive(again, messages)
    for _ in leaving:
        pass

    table = flat(there.speaker.iterate_table(IPV4))
    assert sorted(nlri for nlri, _ in table) == nets
    assert {path.source for _, paths in table for path in paths} == {again.source}
    assert there.speaker.links == {"10.0.0.1": again}


async def test_an_older_link_that_ends_does_not_hide_the_newer_one() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    old = here.up(there)
    new = here.up(there)
    await old.close()

    assert here.speaker.links == {"10.0.0.2": new}


async def test_a_missing_next_hop_is_warned_of_once() -> None:
    here, there = Router(1, 64501), Router(2, 64502)
    place = SessionPlace(7, SelfNextHops())
    here.speaker = Speaker(Rib(FAMILIES), here.address, lambda _: place)
    link = here.up(there)
    with structlog.testing.capture_logs() as lines:
        for nlri in (NET_A, NET_B):
            here.speaker.add_local_path(IPV4, nlri, imported())
            take_all(link)

    assert link.source.interface_index == 7
    assert [(line["log_level"], line["peer"], line["family"]) for line in lines] == [
        ("warning", "10.0.0.2", "ipv4-unicast")
    ]
