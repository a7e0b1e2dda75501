"""The kernel's client on the fake kernel: what it returns, what it refuses to guess."""

import errno
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from gobgp_trio.daemon.netlink import DumpInterrupted, EventsLost, NetlinkKernel
from gobgp_trio.daemon.netlink_port import echo_filter
from gobgp_trio.daemon.netlink_writer import (
    MESSAGES_PER_SEND,
    SEND_OCTETS,
    OutcomeUnknown,
    pack_sends,
)
from gobgp_trio.rtnl.event import AddressEvent, LinkEvent, RouteEvent
from gobgp_trio.rtnl.nlmsg import KernelRefused, read_messages, write_message
from gobgp_trio.rtnl.route import RTN_UNREACHABLE, Leg
from gobgp_trio.rtnl.route_batch import RouteAction, RouteFailure, RouteTemplate, RouteWrite
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import parse_address, parse_prefix
from tests.fakes.kernel import FakeKernel, FakePort

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
ADD, REPLACE, DELETE = RouteAction.ADD, RouteAction.REPLACE, RouteAction.DELETE


@pytest.fixture
def fake() -> FakeKernel:
    kernel = FakeKernel()
    kernel.add_veth("v0", "v1")
    kernel.add_address("v0", "10.0.0.1/24")
    kernel.add_address("v0", "fd00::1/64")
    return kernel


@pytest.fixture
def kernel(fake: FakeKernel) -> Iterator[NetlinkKernel]:
    with fake.open() as opened:
        yield opened


def template(
    gateway: str = "10.0.0.2", *, table_id: int = 254, metric: int = 20, protocol: int = 186
) -> RouteTemplate:
    octets = parse_address(gateway)
    family = V4 if len(octets) == 4 else V6
    return RouteTemplate(family, table_id, metric, protocol, (Leg(octets, 2),))


def nlris(count: int) -> list[bytes]:
    """So many /32s from 20.0.0.0 on."""
    return [b"\x20" + (0x14000000 + number).to_bytes(4, "big") for number in range(count)]


def nlri(text: str) -> bytes:
    return parse_prefix(text)[1]


# --- dumps


async def test_links_and_addresses(kernel: NetlinkKernel) -> None:
    links = await kernel.dump_links()
    assert [(link.index, link.name, link.is_up) for link in links] == [
        (1, "lo", True),
        (2, "v0", True),
        (3, "v1", True),
    ]
    addresses = await kernel.dump_addresses()
    assert [(held.interface_index, held.address, held.prefix_bits) for held in addresses] == [
        (1, b"\x7f\0\0\1", 8),
        (1, bytes(15) + b"\1", 128),
        (2, b"\x0a\0\0\1", 24),
        (2, b"\xfd" + bytes(14) + b"\1", 64),
    ]


async def test_routes_by_table_and_protocol(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    fake.route("add", "10.9.0.0/16", via="10.0.0.2", protocol=186)
    fake.route("add", "10.8.0.0/16", via="10.0.0.2", protocol=4)
    fake.route("add", "10.7.0.0/16", via="10.0.0.2", protocol=186, table_id=100)

    async def dump(**chosen: int) -> list[bytes]:
        return sorted(route.nlri for route in await kernel.dump_routes(V4, **chosen))

    connected = nlri("10.0.0.0/24")
    assert await dump(protocol=186) == [nlri("10.7.0.0/16"), nlri("10.9.0.0/16")]
    assert await dump(protocol=186, table_id=254) == [nlri("10.9.0.0/16")]
    assert await dump(table_id=100) == [nlri("10.7.0.0/16")]
    assert await dump(table_id=254, skip_protocol=186) == [nlri("10.8.0.0/16"), connected]


async def test_a_table_that_does_not_exist_is_empty(kernel: NetlinkKernel) -> None:
    assert await kernel.dump_routes(V4, table_id=4242) == []
    assert await kernel.dump_routes(V6, table_id=4242) == []


async def test_a_long_dump_comes_whole(kernel: NetlinkKernel) -> None:
    wanted = nlris(1000)
    await kernel.write([RouteWrite(ADD, template(), wanted)])
    routes = await kernel.dump_routes(V4, protocol=186)
    assert sorted(route.nlri for route in routes) == wanted


async def test_a_kernel_that_does_not_answer(
    fake: FakeKernel, kernel: NetlinkKernel, autojump_clock: MockClock
) -> None:
    fake.silent = True
    start_s = autojump_clock.current_time()
    with pytest.raises(OutcomeUnknown, match="RTM_GETROUTE: no reply within 30 s"):
        await kernel.dump_routes(V4)
    assert autojump_clock.current_time() - start_s == pytest.approx(30.0)


class ScriptedPort(FakePort):
    """A port that answers any request with prepared datagrams, or with an error."""

    def __init__(self, fake: FakeKernel, answers: list[bytes] | None = None) -> None:
        super().__init__(fake, 7)
        self.answers = answers
        self.closed = False

    def send(self, octets: bytes) -> None:
        assert octets
        if self.answers is None:
            self.lose()
        for answer in self.answers or ():
            self.queue(answer)

    def close(self) -> None:
        self.closed = True


def kernel_over(fake: FakeKernel, port: ScriptedPort) -> NetlinkKernel:
    return NetlinkKernel(open_request=lambda: port, writer=port, monitor=FakePort(fake, 8))


async def test_lost_replies_of_a_dump_are_said(fake: FakeKernel) -> None:
    port = ScriptedPort(fake)
    with pytest.raises(OutcomeUnknown, match="RTM_GETLINK: No buffer space available"):
        await kernel_over(fake, port).dump_links()
    assert port.closed


async def test_a_refused_dump_is_the_kernels_refusal(fake: FakeKernel) -> None:
    refused = bytes.fromhex("24000000 0200 0001 01000000 07000000 ffffffff") + bytes(16)
    with pytest.raises(KernelRefused, match="RTM_GETADDR: EPERM"):
        await kernel_over(fake, ScriptedPort(fake, [refused])).dump_addresses()


async def test_a_dump_that_keeps_changing_is_given_up(fake: FakeKernel) -> None:
    interrupted = write_message(3, 0x12, 1, bytes(4))  # NLMSG_DONE, MULTI | DUMP_INTR
    with pytest.raises(DumpInterrupted):
        await kernel_over(fake, ScriptedPort(fake, [interrupted])).dump_links()
    # The kernel does not say so of routes, and who reads them copes with change anyway.
    assert await kernel_over(fake, ScriptedPort(fake, [interrupted])).dump_routes(V4) == []


async def test_a_cancelled_dump_gives_its_socket_back(fake: FakeKernel) -> None:
    port = ScriptedPort(fake, [])
    with trio.move_on_after(0.01):
        await kernel_over(fake, port).dump_links()
    assert port.closed


# --- writes


async def test_routes_are_written_replaced_and_deleted(
    fake: FakeKernel, kernel: NetlinkKernel
) -> None:
    wanted = nlris(3)
    assert await kernel.write([RouteWrite(ADD, template(), wanted)]) == []
    assert await kernel.write([RouteWrite(REPLACE, template("10.0.0.3"), wanted[:1])]) == []
    assert await kernel.write([RouteWrite(DELETE, template(), wanted[2:])]) == []
    assert [(route.nlri, route.gateway) for route in fake.routes(V4, protocol=186)] == [
        (wanted[0], b"\x0a\0\0\3"),
        (wanted[1], b"\x0a\0\0\2"),
    ]


async def test_refused_routes_come_back_with_their_reason(
    fake: FakeKernel, kernel: NetlinkKernel
) -> None:
    fake.route("add", "20.0.0.1/32", via="10.0.0.2", metric=20)
    wanted = nlris(3)
    failures = await kernel.write(
        [
            RouteWrite(ADD, template(), wanted),
            RouteWrite(ADD, template("192.0.2.1", metric=30), wanted[:1]),
            RouteWrite(DELETE, template("fd00::2"), [nlri("2001:db8::/32")]),
        ]
    )
    assert failures == [
        RouteFailure(0, wanted[1], errno.EEXIST, "File exists"),
        RouteFailure(1, wanted[0], errno.ENETUNREACH, "Nexthop has invalid gateway"),
        RouteFailure(2, nlri("2001:db8::/32"), errno.ESRCH, "No such process"),
    ]


async def test_failures_in_any_of_many_sends_are_found(
    fake: FakeKernel, kernel: NetlinkKernel
) -> None:
    wanted = nlris(5000)
    for number in (0, 255, 256, 2047, 2048, 4999):
        text = f"20.0.{number // 256}.{number % 256}/32"
        fake.route("add", text, via="10.0.0.3", metric=20)
    failures = await kernel.write([RouteWrite(ADD, template(), wanted)])
    assert [failure.nlri for failure in failures] == [
        wanted[number] for number in (0, 255, 256, 2047, 2048, 4999)
    ]
    assert len(fake.routes(V4, protocol=186)) == 4994


async def test_a_long_delete_reaches_every_route(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    wanted = nlris(5000)
    await kernel.write([RouteWrite(ADD, template(), wanted)])
    assert await kernel.write([RouteWrite(DELETE, template(), wanted)]) == []
    assert fake.routes(V4, protocol=186) == []
    failures = await kernel.write([RouteWrite(DELETE, template(), wanted)])
    assert sorted(failure.nlri for failure in failures) == wanted


async def test_writes_are_carried_out_in_order(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    one = nlris(1)
    writes = [
        RouteWrite(ADD, template(), one),
        RouteWrite(DELETE, template(), one),
        RouteWrite(ADD, template("10.0.0.9"), one),
    ]
    assert await kernel.write(writes) == []
    assert [route.gateway for route in fake.routes(V4, protocol=186)] == [b"\x0a\0\0\x09"]


async def test_nothing_to_write(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    assert await kernel.write([]) == []
    assert await kernel.write([RouteWrite(ADD, template(), [])]) == []
    assert fake.writes_count == 0


async def test_without_permission_it_is_one_refusal(
    fake: FakeKernel, kernel: NetlinkKernel
) -> None:
    fake.privileged = False
    with pytest.raises(KernelRefused, match="write of routes: EPERM"):
        await kernel.write([RouteWrite(ADD, template(), nlris(3))])


@pytest.mark.parametrize("count", [0, 1, 200])
async def test_lost_replies_of_a_write_are_said(
    fake: FakeKernel, kernel: NetlinkKernel, count: int
) -> None:
    wanted = nlris(250)
    await kernel.write([RouteWrite(ADD, template(), wanted)])
    fake.lose_replies_after(count)
    with pytest.raises(OutcomeUnknown, match="write of routes: No buffer space available"):
        await kernel.write([RouteWrite(ADD, template(), wanted)])
    # What was left of the replies is not taken for an answer to the next write.
    failures = await kernel.write([RouteWrite(ADD, template(), [*wanted[:2], *nlris(251)[250:]])])
    assert [failure.nlri for failure in failures] == wanted[:2]


async def test_a_write_that_stops_midway(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    fake.stop_writing_after(10)
    with pytest.raises(OutcomeUnknown):
        await kernel.write([RouteWrite(ADD, template(), nlris(100))])
    assert len(await kernel.dump_routes(V4, protocol=186)) == 10


async def test_the_missing_acknowledgement_is_noticed(fake: FakeKernel) -> None:
    port = ScriptedPort(fake, [])
    with pytest.raises(OutcomeUnknown, match="write of routes"):
        await kernel_over(fake, port).write([RouteWrite(ADD, template(), nlris(1))])


async def test_writers_take_turns(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    async def write(metric: int) -> None:
        assert await kernel.write([RouteWrite(ADD, template(metric=metric), nlris(3000))]) == []

    async with trio.open_nursery() as nursery:
        for metric in (1, 2, 3):
            nursery.start_soon(write, metric)
    assert len(fake.routes(V4, protocol=186)) == 9000


# --- packing


def test_sends_are_full_and_numbered_throughout() -> None:
    writes = [
        RouteWrite(ADD, template(), nlris(300)),
        RouteWrite(ADD, template("10.0.0.3"), nlris(2)),
        RouteWrite(REPLACE, template("10.0.0.4"), nlris(1)),
    ]
    sends = list(pack_sends(writes))
    counts = [len(list(read_messages(send.octets))) for send in sends]
    assert counts == [MESSAGES_PER_SEND + 1, 47 + 1]
    numbers = [message.seq for send in sends for message in read_messages(send.octets)]
    assert numbers == list(range(1, 306))
    assert [send.end_seq for send in sends] == [257, 305]
    assert sends[0].find_route(256) == (0, nlris(256)[255])
    assert sends[1].find_route(258) == (0, nlris(257)[256])
    assert [sends[1].find_route(seq) for seq in (302, 303, 304)] == [
        (1, nlris(1)[0]),
        (1, nlris(2)[1]),
        (2, nlris(1)[0]),
    ]


def test_only_the_end_of_a_send_asks_for_an_answer() -> None:
    (send,) = pack_sends([RouteWrite(ADD, template(), nlris(3))])
    assert [message.flags & 4 for message in read_messages(send.octets)] == [0, 0, 0, 4]


def test_a_send_fits_the_send_buffer_however_many_legs() -> None:
    legs = tuple(Leg(parse_address(f"10.0.{n}.2"), 2) for n in range(200))
    wide = RouteTemplate(V4, 254, 20, 186, legs)
    sends = list(pack_sends([RouteWrite(ADD, wide, nlris(100))]))
    assert all(len(send.octets) <= SEND_OCTETS + 16 for send in sends)
    assert sum(len(list(read_messages(send.octets))) for send in sends) == 100 + len(sends)
    huge = RouteTemplate(V4, 254, 20, 186, legs * 20)
    assert len(list(pack_sends([RouteWrite(ADD, huge, nlris(2))]))) == 2


# --- events


async def test_events_of_all_kinds(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    fake.add_link("w0", up=False)
    fake.add_address("v0", "10.1.0.1/32")
    fake.route("add", "10.9.0.0/16", via="10.0.0.2")
    fake.route("replace", "10.9.0.0/16", via="10.0.0.3")
    fake.route("delete", "10.9.0.0/16")
    fake.remove_link("w0")
    events = await kernel.receive_events()
    assert [type(event) for event in events] == [
        *(LinkEvent, AddressEvent, RouteEvent),
        *(RouteEvent, RouteEvent, RouteEvent, LinkEvent),
    ]
    told = [event for event in events if isinstance(event, RouteEvent)]
    assert [(event.new, event.replaced, event.route.gateway) for event in told] == [
        (True, False, None),
        (True, False, b"\x0a\0\0\2"),
        (True, True, b"\x0a\0\0\3"),
        (False, False, b"\x0a\0\0\3"),
    ]


async def test_our_own_writes_are_not_heard(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    await kernel.write([RouteWrite(ADD, template(), nlris(3))])
    fake.route("delete", "20.0.0.1/32")
    (event,) = await kernel.receive_events()
    assert isinstance(event, RouteEvent)
    assert (event.new, event.route.nlri) == (False, nlris(2)[1])


async def test_waiting_for_events(
    fake: FakeKernel, kernel: NetlinkKernel, autojump_clock: MockClock
) -> None:
    async def change_later() -> None:
        await trio.sleep(5)
        fake.route("add", "10.9.0.0/16", route_type=RTN_UNREACHABLE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change_later)
        (event,) = await kernel.receive_events()
    assert isinstance(event, RouteEvent)
    assert autojump_clock.current_time() == pytest.approx(5.0)


async def test_lost_events_are_said_once(fake: FakeKernel, kernel: NetlinkKernel) -> None:
    fake.route("add", "10.9.0.0/16", via="10.0.0.2")
    fake.lose_events()
    fake.route("delete", "10.9.0.0/16")
    with pytest.raises(EventsLost):
        await kernel.receive_events()
    fake.route("add", "10.8.0.0/16", via="10.0.0.2")
    events = await kernel.receive_events()
    told = [event.route.nlri for event in events if isinstance(event, RouteEvent)]
    assert told[-1] == nlri("10.8.0.0/16")


def test_the_echo_filter_turns_its_constants_around() -> None:
    # Loads are big endian, headers little endian: 24 is 0x1800, port 0x01020304 is 0x04030201.
    assert echo_filter(0x01020304) == [
        (0x28, 0, 0, 4),
        (0x15, 1, 0, 0x1800),
        (0x15, 0, 2, 0x1900),
        (0x20, 0, 0, 12),
        (0x15, 1, 0, 0x04030201),
        (0x06, 0, 0, 0xFFFFFFFF),
        (0x06, 0, 0, 0),
    ]
