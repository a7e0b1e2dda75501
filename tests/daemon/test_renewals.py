"""Route refreshes with marks between two speakers: what stays, what goes, and when."""

from collections.abc import Awaitable, Callable

import structlog
import trio
import trio.testing

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.capability import Capabilities
from gobgp_trio.bgp.message import Open
from gobgp_trio.bgp.session.negotiate import Endpoints, SessionSettings, make_open, negotiate
from gobgp_trio.bgp.update import Update, UpdateDecoder
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.speaker import SessionLink, Speaker
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family

IPV4, IPV6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
FAMILIES = (IPV4, IPV6)
OURS, THEIRS = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
USUAL = make_attributes(origin=0, next_hop=THEIRS, as_path=((2, (64502,)),))
OTHER = make_attributes(origin=0, next_hop=THEIRS, as_path=((2, (64502,)),), med=7)


def nets(*numbers: int) -> list[bytes]:
    return [b"\x18" + number.to_bytes(3, "big") for number in numbers]


class Stage:
    """A speaker and its link to one peer, which announces what the test says."""

    def __init__(self) -> None:
        self.speaker = Speaker(Rib(FAMILIES), router_id=OURS, wall_clock_s=lambda: 1000.0)
        theirs = make_open(SessionSettings(64502, 64501, THEIRS, FAMILIES))
        ours = SessionSettings(64501, 64502, OURS, FAMILIES)
        self.negotiated = negotiate(ours, Endpoints(OURS, THEIRS), theirs, is_outbound=True)
        self.link = self.speaker.peer_up(
            Neighbor("10.0.0.2", 64502, 64501, FAMILIES), self.negotiated
        )

    def announce(self, *numbers: int, attributes: PathAttributes = USUAL) -> None:
        update = Update()
        update.reach.append((IPV4, attributes, nets(*numbers)))
        self.link.apply([update])

    def withdraw(self, *numbers: int) -> None:
        update = Update()
        update.unreach.append((IPV4, nets(*numbers)))
        self.link.apply([update])

    def known(self) -> list[bytes]:
        return sorted(nlri for slice_ in self.speaker.iterate_table(IPV4) for nlri, _ in slice_)

    def begin(self, family: Family = IPV4) -> Callable[[], Awaitable[None]]:
        task = self.link.begin_renewal(family)
        assert task is not None
        return task


async def test_what_did_not_come_again_goes_at_the_end_mark(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    stage.announce(1, 2, 3, 4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.begin())
        await trio.sleep(10)
        stage.announce(1)  # as it was
        stage.announce(2, attributes=OTHER)
        stage.announce(5)
        stage.announce(3)
        stage.withdraw(3)
        assert stage.known() == nets(1, 2, 4, 5)
        stage.link.end_renewal(IPV4)
    assert stage.known() == nets(1, 2, 5)
    assert autojump_clock.current_time() < 20


async def test_a_refresh_that_never_ends_is_ended_by_the_timer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    stage.announce(1, 2)
    begun_s = autojump_clock.current_time()
    with structlog.testing.capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.begin())
            await trio.sleep(359)
            assert stage.known() == nets(1, 2)
            stage.announce(2)
    assert stage.known() == nets(2)
    assert 360 <= autojump_clock.current_time() - begun_s < 361
    assert lines == [
        {
            "event": "route refresh finished",
            "log_level": "info",
            "peer": "10.0.0.2",
            "family": "ipv4-unicast",
            "withdrawn": 1,
            "was_ended_by_peer": False,
        }
    ]


async def test_a_second_begin_mark_starts_afresh(autojump_clock: trio.testing.MockClock) -> None:
    stage = Stage()
    stage.announce(1, 2, 3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.begin())
        await trio.sleep(200)
        stage.announce(1)
        nursery.start_soon(stage.begin())
        await trio.sleep(200)
        assert autojump_clock.current_time() > 360  # the first one's time is over
        assert stage.known() == nets(1, 2, 3)
        stage.announce(2)
        stage.link.end_renewal(IPV4)
    assert stage.known() == nets(2)


async def test_an_end_and_a_begin_mark_in_one_piece_keep_what_comes_behind_them() -> None:
    stage = Stage()
    stage.announce(1, 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.begin())
        await trio.testing.wait_all_tasks_blocked()
        stage.link.end_renewal(IPV4)
        nursery.start_soon(stage.begin())
        stage.announce(3)
        await trio.testing.wait_all_tasks_blocked()
        assert nets(3)[0] in stage.known()
        stage.link.end_renewal(IPV4)
    assert stage.known() == nets(3)


async def test_a_peer_that_begins_again_and_again_costs_one_task() -> None:
    stage = Stage()
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(stage.begin())
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        nursery.cancel_scope.cancel()


async def test_families_do_not_touch_each_other() -> None:
    stage = Stage()
    stage.announce(1, 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.begin(IPV6))
        stage.link.end_renewal(IPV4)  # nobody began it
        await trio.testing.wait_all_tasks_blocked()
        assert stage.known() == nets(1, 2)
        stage.link.end_renewal(IPV6)
    assert stage.known() == nets(1, 2)


async def test_the_end_of_the_session_ends_a_refresh() -> None:
    stage = Stage()
    stage.announce(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.begin())
        await trio.testing.wait_all_tasks_blocked()
        await stage.link.close()
    assert stage.known() == []


async def test_many_routes_are_swept_in_slices() -> None:
    stage = Stage()
    stage.announce(*range(10_000))
    turns = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.begin())
        await trio.testing.wait_all_tasks_blocked()
        stage.link.end_renewal(IPV4)
        while stage.known():
            turns += 1
            await trio.lowlevel.checkpoint()
    assert turns > 3


async def test_before_the_first_end_of_rib_of_a_restarting_peer_marks_mean_nothing() -> None:
    stage = Stage()
    ours = SessionSettings(64501, 64502, OURS, FAMILIES)
    capabilities = Capabilities(
        families=FAMILIES,
        four_octet_as=64502,
        enhanced_route_refresh=True,
        graceful_restart=b"\0\x78",
    )
    message = Open(4, 64502, 90, THEIRS, capabilities)
    negotiated = negotiate(ours, Endpoints(OURS, THEIRS), message, is_outbound=True)
    link: SessionLink = stage.speaker.peer_up(
        Neighbor("10.0.0.3", 64502, 64501, FAMILIES), negotiated
    )
    assert link.begin_renewal(IPV4) is None
    ended = UpdateDecoder(negotiated.context, stage.speaker.attribute_table).read(bytes(4))
    link.apply([ended])
    assert link.begin_renewal(IPV4) is not None
    assert link.begin_renewal(IPV6) is None
