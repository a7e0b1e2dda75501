"""Our netlink client on the real kernel: bulk writes, errors among them, events, lost replies.

What the kernel holds is read back through iproute2, which shares no code with ours.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from gobgp_trio.daemon.netlink import EventsLost, NetlinkKernel, open_kernel
from gobgp_trio.daemon.netlink_port import (
    MONITOR_GROUPS,
    LinuxPort,
    open_request_port,
    open_write_port,
)
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown, pack_sends, read_failures, run_sends
from gobgp_trio.rtnl.event import AddressEvent, KernelEvent, LinkEvent, RouteEvent
from gobgp_trio.rtnl.nlmsg import read_error, read_messages
from gobgp_trio.rtnl.route import Leg
from gobgp_trio.rtnl.route_batch import (
    RouteAction,
    RouteTemplate,
    RouteWrite,
    write_end_marker,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_prefix, parse_address, parse_prefix
from harness.enter import entered
from harness.kernel import list_prefixes, list_routes
from harness.namespace import Namespace

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
ADD, REPLACE, DELETE = RouteAction.ADD, RouteAction.REPLACE, RouteAction.DELETE
PROJECT = Path(__file__).resolve().parents[1]
MANY = 20_000


@pytest.fixture
def space() -> Iterator[Namespace]:
    made = Namespace("rtnl")
    try:
        made.ip("link add v0 type veth peer name v1")
        made.ip("link set v0 up")
        made.ip("link set v1 up")
        made.ip("address add 10.0.0.1/24 dev v0")
        made.ip("address add fd00::1/64 dev v0 nodad")
        yield made
    finally:
        made.close()


@pytest.fixture
def kernel(space: Namespace) -> Iterator[NetlinkKernel]:
    with entered(space), open_kernel() as opened:
        yield opened


def template(gateway: str = "10.0.0.2", metric: int = 20, table_id: int = 254) -> RouteTemplate:
    octets = parse_address(gateway)
    family = V4 if len(octets) == 4 else V6
    return RouteTemplate(family, table_id, metric, 186, (Leg(octets, 0),))


def many_nlris(family: Family, count: int = MANY) -> list[bytes]:
    """Networks of several lengths, in order."""
    if family is V4:
        return [
            bytes((24, 20 + number // 65536, number // 256 % 256, number % 256))
            if number % 3
            else bytes((32, 20 + number // 65536, number // 256 % 256, number % 256, 1))
            for number in range(count)
        ]
    return [b"\x30\x20\x01" + number.to_bytes(4, "big") for number in range(count)]


@pytest.mark.parametrize(("family", "gateway"), [(V4, "10.0.0.2"), (V6, "fd00::2")])
async def test_many_routes_in_changed_and_out(
    family: Family, gateway: str, space: Namespace, kernel: NetlinkKernel
) -> None:
    version, other = (4, "10.0.0.3") if family is V4 else (6, "fd00::3")
    wanted = many_nlris(family)
    texts = sorted(format_prefix(family, nlri).removesuffix("/32") for nlri in wanted)
    start_s = time.monotonic()
    assert await kernel.write([RouteWrite(ADD, template(gateway), wanted)]) == []
    print(f"{len(wanted) / (time.monotonic() - start_s):.0f} adds/s")
    shown = list_prefixes(space, version=version)
    assert sorted(text.removesuffix("/32") for text in shown) == texts
    dumped = await kernel.dump_routes(family, protocol=186)
    assert sorted(route.nlri for route in dumped) == sorted(wanted)
    assert await kernel.write([RouteWrite(REPLACE, template(other), wanted[::2])]) == []
    routes = list_routes(space, version=version)
    assert sum(route.via == other for route in routes) == MANY // 2
    assert sum(route.via == gateway for route in routes) == MANY // 2
    # A delete names the leg it means where the family has legs to tell apart.
    assert await kernel.write([RouteWrite(DELETE, template(other), wanted[::2])]) == []
    start_s = time.monotonic()
    assert await kernel.write([RouteWrite(DELETE, template(gateway), wanted[1::2])]) == []
    print(f"{len(wanted) / 2 / (time.monotonic() - start_s):.0f} deletes/s")
    assert list_prefixes(space, version=version) == []


async def test_refused_routes_are_told_apart_by_sequence_number(
    space: Namespace, kernel: NetlinkKernel
) -> None:
    wanted = many_nlris(V4)
    taken = [wanted[number] for number in (0, 1, 255, 256, 257, 2048, 9999, 19999)]
    for nlri in taken:
        space.ip(f"route add {format_prefix(V4, nlri)} via 10.0.0.9 metric 20 proto 4")
    failures = await kernel.write([RouteWrite(ADD, template(), wanted)])
    assert [(failure.nlri, failure.errno, failure.text) for failure in failures] == [
        (nlri, 17, "File exists") for nlri in taken
    ]
    assert len(list_prefixes(space)) == MANY - len(taken)
    assert len(list_prefixes(space, protocol=4)) == len(taken)


async def test_all_errors_arrive_when_all_is_refused(kernel: NetlinkKernel) -> None:
    wanted = many_nlris(V4)
    failures = await kernel.write([RouteWrite(ADD, template("192.0.2.1"), wanted)])
    assert [failure.nlri for failure in failures] == wanted
    assert {failure.text for failure in failures} == {"Nexthop has invalid gateway"}


async def test_a_foreign_route_survives_our_delete(space: Namespace, kernel: NetlinkKernel) -> None:
    space.ip("route add 10.9.0.0/16 via 10.0.0.2 metric 20 proto 4")
    space.ip("route add 2001:db8::/32 via fd00::2 metric 20 proto 4")
    writes = [
        RouteWrite(DELETE, template(), [parse_prefix("10.9.0.0/16")[1]]),
        RouteWrite(DELETE, template("fd00::2"), [parse_prefix("2001:db8::/32")[1]]),
    ]
    assert [failure.errno for failure in await kernel.write(writes)] == [3, 3]  # ESRCH
    assert list_prefixes(space, protocol=4) == ["10.9.0.0/16"]
    assert list_prefixes(space, protocol=4, version=6) == ["2001:db8::/32"]


async def test_dumps_are_filtered_by_table_and_protocol(
    space: Namespace, kernel: NetlinkKernel
) -> None:
    space.ip("route add 10.9.0.0/16 via 10.0.0.2 proto 186")
    space.ip("route add 10.8.0.0/16 via 10.0.0.2 proto 4")
    space.ip("route add 10.7.0.0/16 via 10.0.0.2 proto 186 table 70000")

    async def dump(**chosen: int) -> list[str]:
        routes = await kernel.dump_routes(V4, **chosen)
        return sorted(format_prefix(V4, route.nlri) for route in routes)

    assert await dump(protocol=186) == ["10.7.0.0/16", "10.9.0.0/16"]
    assert await dump(table_id=70000) == ["10.7.0.0/16"]
    assert await dump(table_id=254, skip_protocol=186) == ["10.0.0.0/24", "10.8.0.0/16"]
    assert await dump(table_id=4242) == []
    assert await kernel.dump_routes(V6, table_id=4242) == []


async def heard(kernel: NetlinkKernel, count: int) -> list[KernelEvent]:
    events: list[KernelEvent] = []
    with trio.fail_after(5):
        while len(events) < count:
            events += await kernel.receive_events()
    return events


async def test_echoes_of_our_writes_are_filtered_others_are_not(
    space: Namespace, kernel: NetlinkKernel
) -> None:
    await kernel.write([RouteWrite(ADD, template(), many_nlris(V4))])
    space.ip("route del 20.0.1.0/24")
    told = [e for e in await heard(kernel, 1) if isinstance(e, RouteEvent) and e.route.family is V4]
    assert [(event.new, event.route.nlri, event.route.protocol) for event in told] == [
        (False, b"\x18\x14\0\1", 186)
    ]


async def test_links_and_addresses_are_heard(space: Namespace, kernel: NetlinkKernel) -> None:
    space.ip("link add w0 type veth peer name w1")
    space.ip("address add 10.3.0.1 peer 10.3.0.2/32 dev v0")
    space.ip("link del w0")
    seen: list[str] = []
    with trio.fail_after(5):
        while "gone w0" not in seen:
            for event in await kernel.receive_events():
                if isinstance(event, LinkEvent):
                    seen.append(f"{'new' if event.new else 'gone'} {event.link.name}")
                elif isinstance(event, AddressEvent) and event.address.family is V4:
                    assert event.address.peer == parse_address("10.3.0.2")
                    seen.append("address")
    assert "new w0" in seen
    assert "address" in seen
    names = [link.name for link in await kernel.dump_links()]
    assert names == ["lo", "v1", "v0"]


async def test_lost_events_are_said(space: Namespace) -> None:
    with entered(space):
        writer, monitor, stranger = (
            open_write_port(),
            LinuxPort(receive_buffer_octets=8192),
            open_write_port(),
        )
        monitor.join(MONITOR_GROUPS, without_routes_of=writer.port_id)
        kernel = NetlinkKernel(open_request=open_request_port, writer=writer, monitor=monitor)
        wanted = many_nlris(V4, 1000)
        assert run_sends(stranger, list(pack_sends([RouteWrite(ADD, template(), wanted)]))) == []
        with pytest.raises(EventsLost, match="No buffer space available"):
            await heard(kernel, 1001)
        # What the dump shows is then the truth, and events go on.
        assert len(await kernel.dump_routes(V4, protocol=186)) == 1000
        space.ip("route del 20.0.1.0/24")
        assert await heard(kernel, 1)
        kernel.close()
        stranger.close()


async def test_lost_replies_are_said_and_the_next_write_starts_clean(space: Namespace) -> None:
    with entered(space):
        port = LinuxPort(receive_buffer_octets=16384)
        refused = list(pack_sends([RouteWrite(ADD, template("192.0.2.1"), many_nlris(V4, 200))]))
        with pytest.raises(OutcomeUnknown, match="No buffer space available"):
            run_sends(port, refused)
        writes = [RouteWrite(ADD, template(), many_nlris(V4, 3))]
        assert run_sends(port, list(pack_sends(writes))) == []
        failures = read_failures(run_sends(port, list(pack_sends(writes))))
        assert [failure.nlri for failure in failures] == many_nlris(V4, 3)
        port.close()


def test_the_end_marker_is_answered_last(space: Namespace) -> None:
    with entered(space):
        port = open_write_port()
        octets = template("192.0.2.1").add([b"\x08\x14"], 77) + write_end_marker(78)
        port.send(octets)
        answers = [next(read_messages(port.receive_nowait())) for _ in range(2)]
        assert [(answer.seq, read_error(answer)[0]) for answer in answers] == [(77, 101), (78, 0)]
        port.close()


UNPRIVILEGED = """
import trio
from gobgp_trio.daemon.netlink import open_kernel
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.rtnl.route import Leg
from gobgp_trio.rtnl.route_batch import RouteAction, RouteTemplate, RouteWrite
from gobgp_trio.types.family import Family

async def main():
    with open_kernel() as kernel:
        print(len(await kernel.dump_links()))
        template = RouteTemplate(Family.IPV4_UNICAST, 254, 20, 186, (Leg(bytes((10, 0, 0, 2)), 0),))
        nlris = [bytes((24, 20, number // 256, number % 256)) for number in range(2000)]
        try:
            await kernel.write([RouteWrite(RouteAction.ADD, template, nlris)])
        except KernelRefused as refusal:
            print(refusal.errno, refusal)

trio.run(main)
"""


def test_without_cap_net_admin_it_is_one_clear_refusal(space: Namespace) -> None:
    output = space.run(
        *("setpriv", "--bounding-set=-net_admin", "--inh-caps=-all"),
        *("env", f"PYTHONPATH={PROJECT}", sys.executable, "-c", UNPRIVILEGED),
    )
    assert output == "3\n1 write of routes: EPERM\n"
