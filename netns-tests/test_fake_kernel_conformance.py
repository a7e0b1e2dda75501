"""The fake kernel against the real one: the same scripts, step by step the same answers.

This is what the unit tests of import and export stand on.  Each step's outcome is the errno, the
extended acknowledgement's text, the route events heard, and all routes as dumped; links and
addresses are compared as well.  Left out of the comparison are the routes that nothing of ours
looks at (broadcast, anycast, multicast), and the fake has no others.
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from gobgp_trio.daemon.netlink import NetlinkKernel, open_kernel
from gobgp_trio.daemon.netlink_port import NetlinkPort, open_write_port
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.rtnl.nlmsg import NLM_F_ACK, read_error, read_messages
from gobgp_trio.rtnl.route import (
    RTN_ANYCAST,
    RTN_BLACKHOLE,
    RTN_BROADCAST,
    RTN_MULTICAST,
    RTN_UNREACHABLE,
    KernelRoute,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_address, format_prefix
from harness.enter import entered
from harness.namespace import Namespace
from tests.fakes.kernel import NO_SUCH_INDEX, FakeKernel
from tests.fakes.kernel_state import Refused
from tests.fakes.route_requests import RouteDetails, build_route, write_route_request

LINKS = (("v0", "v1"), ("w0", "w1"))
IGNORED_TYPES = (RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST)
FAMILIES = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
IFA_F_NODAD = 0x02  # a wish of the request that the real kernel repeats
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step led to, as text that says where two kernels differ."""

    errno: str
    text: str
    events: tuple[str, ...]
    routes: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        return [self.errno, self.text, "events:", *self.events, "routes:", *self.routes]


@dataclass(frozen=True, slots=True)
class Route:
    mode: str
    prefix: str
    details: RouteDetails


@dataclass(frozen=True, slots=True)
class Ip:
    """``ip link`` and ``ip address`` words."""

    words: str


Script = Sequence[Route | Ip]


def route(mode: str, prefix: str, **details: Any) -> Route:
    return Route(mode, prefix, RouteDetails(**details))  # type: ignore[typeddict-item]  # forwarded


def describe(one: KernelRoute, names: dict[int, str]) -> str:
    """All of a route, in the form of ``ip route`` with names for devices."""
    words = [f"{format_prefix(one.family, one.nlri)} table {one.table_id} type {one.route_type}"]
    words.append(f"proto {one.protocol} metric {one.metric} scope {one.scope} tos {one.tos}")
    if one.prefsrc:
        words.append(f"src {format_address(one.prefsrc)}")
    for leg in one.legs:
        via = format_address(leg.gateway) if leg.gateway else "-"
        name = names.get(leg.interface_index, "?")
        words.append(f"hop {via} {name} weight {leg.weight} onlink {leg.onlink} {leg.flags:#x}")
    return ", ".join(words)


def describe_event(event: RouteEvent, names: dict[int, str]) -> str:
    flags = f"replaced {event.replaced} appended {event.appended}"
    return f"{'new' if event.new else 'gone'} {flags}: {describe(event.route, names)}"


class World:
    """A kernel under test: how it is acted on differs, how it is looked at does not."""

    def __init__(self, kernel: NetlinkKernel) -> None:
        self.kernel = kernel
        self.names: dict[int, str] = {}
        self.heard: list[RouteEvent] = []

    async def act(self, step: Route | Ip) -> tuple[int, str]:
        raise NotImplementedError

    async def learn_names(self) -> None:
        self.names = {link.index: link.name for link in await self.kernel.dump_links()}

    async def listen(self) -> None:
        """Take in what there is to hear."""
        with trio.move_on_after(0.02):
            while True:
                for event in await self.kernel.receive_events():
                    if isinstance(event, RouteEvent):
                        self.heard.append(event)

    async def outcome(self, answer: tuple[int, str]) -> Outcome:
        await self.listen()
        routes = []
        for family in FAMILIES:
            routes += await self.kernel.dump_routes(family)
        return Outcome(
            errno=errno.errorcode.get(answer[0], str(answer[0])),
            text=answer[1],
            events=tuple(
                describe_event(event, self.names)
                for event in self.heard
                if event.route.route_type not in IGNORED_TYPES
            ),
            routes=tuple(
                sorted(
                    describe(one, self.names)
                    for one in routes
                    if one.route_type not in IGNORED_TYPES
                )
            ),
        )

    async def addresses(self) -> list[str]:
        return sorted(
            f"{self.names[one.interface_index]} {format_address(one.address)}/{one.prefix_bits} "
            f"peer {one.peer and format_address(one.peer)} flags {one.flags & ~IFA_F_NODAD:#x}"
            for one in await self.kernel.dump_addresses()
        )

    async def links(self) -> list[str]:
        return sorted(
            f"{one.name} kind {one.kind!r} up {one.is_up} flags {one.flags & 0x41:#x}"
            for one in await self.kernel.dump_links()
        )


class FakeWorld(World):
    def __init__(self, fake: FakeKernel, kernel: NetlinkKernel) -> None:
        super().__init__(kernel)
        self.fake = fake

    async def act(self, step: Route | Ip) -> tuple[int, str]:
        self.heard = []
        if isinstance(step, Ip):
            self._run_ip(step.words.split())
            return 0, ""
        try:
            self.fake.route(step.mode, step.prefix, **step.details)
        except Refused as refusal:
            return refusal.errno, refusal.text
        return 0, ""

    def _run_ip(self, words: list[str]) -> None:
        match words:
            case ["link", "set", name, "up" | "down" as state]:
                self.fake.set_link(name, up=state == "up")
            case ["link", "del", name]:
                self.fake.remove_link(name)
            case ["address", "add", own, "peer", peer, "dev", name, *_]:
                self.fake.add_address(name, own, peer=peer)
            case ["address", "add", own, "dev", name, *options]:
                self.fake.add_address(name, own, noprefixroute="noprefixroute" in options)
            case ["address", "del", own, "dev", name]:
                self.fake.remove_address(name, own)
            case _:
                raise AssertionError(words)


class RealWorld(World):
    def __init__(self, space: Namespace, kernel: NetlinkKernel, port: NetlinkPort) -> None:
        super().__init__(kernel)
        self.space = space
        self.port = port

    def index_of(self, name: str) -> int:
        return next((index for index, known in self.names.items() if known == name), NO_SUCH_INDEX)

    async def act(self, step: Route | Ip) -> tuple[int, str]:
        self.heard = []
        if isinstance(step, Ip):
            self.space.ip(step.words)
            return 0, ""
        wanted = build_route(step.mode, step.prefix, self.index_of, step.details)
        request = bytearray(write_route_request(step.mode, wanted))
        request[6] |= NLM_F_ACK
        self.port.send(bytes(request))
        (reply,) = read_messages(self.port.receive_nowait())
        refusal, ext_ack = read_error(reply)
        return refusal, ext_ack.text


@pytest.fixture
def space() -> Iterator[Namespace]:
    made = Namespace("conformance")
    try:
        for ends in LINKS:
            made.ip(f"link add {ends[0]} type veth peer name {ends[1]}")
            for name in ends:
                # No link-local addresses: the fake makes none either.
                made.ip(f"link set {name} addrgenmode none")
                made.ip(f"link set {name} up")
        yield made
    finally:
        made.close()


SET_UP = [
    Ip("address add 10.0.0.1/24 dev v0"),
    Ip("address add fd00::1/64 dev v0 nodad"),
    Ip("address add 10.1.0.1/24 dev w0"),
    Ip("address add fd01::1/64 dev w0 nodad"),
]
P4, P6 = "10.9.0.0/16", "2001:db8::/32"
VIA4, VIA6 = {"via": "10.0.0.2"}, {"via": "fd00::2"}
HOPS4 = [("10.0.0.2", "v0"), ("10.1.0.2", "w0")]
HOPS6 = [("fd00::2", "v0"), ("fd01::2", "w0")]

SCRIPTS: dict[str, Script] = {
    "exclusive create meets a foreign route": [
        route("add", P4, **VIA4, metric=20, protocol=4),
        route("add", P4, via="10.0.0.3", metric=20, protocol=186),
        route("add", P4, via="10.0.0.3", metric=30, protocol=186),
        route("add", P4, via="10.0.0.3", metric=20, protocol=186, table_id=100),
        route("add", P6, **VIA6, metric=20, protocol=4),
        route("add", P6, via="fd00::3", metric=20, protocol=186),
        route("add", P6, via="fd00::3", metric=30, protocol=186),
        route("add", P6, via="fd00::3", metric=20, protocol=186, table_id=100),
    ],
    "replace takes the first, whatever its protocol": [
        route("replace", P4, **VIA4, metric=20, protocol=4),
        route("replace", P4, via="10.0.0.3", metric=20, protocol=186),
        route("replace", P4, via="10.0.0.3", metric=20, protocol=186),
        route("replace", P4, via="10.0.0.3", metric=20, protocol=12),
        route("replace", P6, **VIA6, metric=20, protocol=4),
        route("replace", P6, via="fd00::3", metric=20, protocol=186),
        route("replace", P6, via="fd00::3", metric=20, protocol=186),
        route("replace", P6, via="fd00::3", metric=20, protocol=12),
        route("replace", P6, dev="v0", metric=20, protocol=12),
    ],
    "change needs a route": [
        route("change", P4, **VIA4, metric=20),
        route("add", P4, **VIA4, metric=20),
        route("change", P4, via="10.0.0.3", metric=20),
        route("change", P6, **VIA6, metric=20),
        route("add", P6, **VIA6, metric=20),
        route("change", P6, via="fd00::3", metric=20),
    ],
    "append and prepend": [
        route("append", P4, **VIA4, metric=20, protocol=4),
        route("append", P4, via="10.0.0.3", metric=20, protocol=186),
        route("prepend", P4, via="10.0.0.4", metric=20, protocol=12),
        route("prepend", P4, via="10.0.0.4", metric=20, protocol=12),
        route("replace", P4, via="10.0.0.5", metric=20, protocol=186),
        route("delete", P4, metric=20),
        route("delete", P4, metric=20),
        route("append", P6, **VIA6, metric=20, protocol=4),
        route("append", P6, via="fd00::3", metric=20, protocol=186),
        route("prepend", P6, via="fd00::4", metric=20, protocol=12),
        route("append", P6, via="fd00::4", metric=20, protocol=186),
        route("replace", P6, via="fd00::5", metric=20, protocol=186),
    ],
    "delete by what is given, IPv4": [
        route("add", P4, **VIA4, metric=20, protocol=4),
        route("add", P4, **VIA4, metric=30, protocol=186),
        route("add", P4, **VIA4, metric=40, protocol=186),
        route("delete", P4, metric=20, protocol=186),
        route("delete", P4, metric=30, protocol=186, table_id=100),
        route("delete", P4, metric=40, protocol=186, via="10.0.0.3"),
        route("delete", P4, metric=40, protocol=186, via="10.0.0.2"),
        route("delete", P4),
        route("delete", P4, protocol=186),
        route("delete", P4, protocol=186),
    ],
    "delete by what is given, IPv6": [
        route("add", P6, **VIA6, metric=20, protocol=4),
        route("add", P6, **VIA6, metric=30, protocol=186),
        route("add", P6, **VIA6, metric=40, protocol=186),
        route("delete", P6, metric=20, protocol=186),
        route("delete", P6, metric=30, protocol=186, table_id=100),
        route("delete", P6, metric=40, protocol=186, via="fd00::3"),
        route("delete", P6, metric=40, protocol=186, via="fd00::2", dev="w0"),
        route("delete", P6, metric=40, protocol=186, via="fd00::2", dev="v0"),
        route("delete", P6),
        route("delete", P6, protocol=186),
        route("delete", P6, protocol=186),
    ],
    "metric 0": [
        route("add", P4, **VIA4, metric=0, protocol=186),
        route("add", P4, **VIA4, protocol=186),
        route("delete", P4, metric=0, protocol=186),
        route("add", P6, **VIA6, metric=0, protocol=186),
        route("add", P6, **VIA6, metric=1024, protocol=186),
        route("add", P6, **VIA6, metric=5, protocol=186),
        route("delete", P6, metric=1024, protocol=186),
        route("delete", P6, metric=0, protocol=186),
    ],
    "IPv4 multipath": [
        route("add", P4, hops=HOPS4, metric=20, protocol=186),
        route("replace", P4, hops=HOPS4[:1], metric=20, protocol=186),
        route("replace", P4, hops=HOPS4, metric=20, protocol=186),
        route("replace", P4, hops=HOPS4, metric=20, protocol=186),
        route("delete", P4, metric=20, protocol=186),
    ],
    "IPv6 siblings": [
        route("add", P6, hops=HOPS6, metric=20, protocol=186),
        route("add", P6, **VIA6, metric=20, protocol=186),
        route("append", P6, via="fd00::9", metric=20, protocol=4),
        route("delete", P6, via="fd00::9", metric=20, protocol=4),
        route("replace", P6, **VIA6, metric=20, protocol=186),
        route("replace", P6, hops=HOPS6, metric=20, protocol=186),
        route("replace", P6, hops=[*HOPS6, ("fd00::7", "v0")], metric=20, protocol=186),
        route("delete", P6, via="fd01::2", dev="w0", metric=20, protocol=186),
        route("delete", P6, hops=HOPS6, metric=20, protocol=186),
        route("delete", P6, metric=20, protocol=186),
        route("add", P6, hops=HOPS6, metric=20, protocol=186),
        route("delete", P6, metric=20, protocol=186),
        route("add", P6, hops=HOPS6, metric=20, protocol=186),
        route("delete", P6, hops=HOPS6, metric=20, protocol=186),
        route("delete", P6, hops=HOPS6, metric=20, protocol=186),
        route("append", P6, hops=HOPS6, metric=20, protocol=186),
        route("append", P6, hops=[("fd00::7", "v0")], metric=20, protocol=186),
    ],
    "IPv6 routes without a gateway have no siblings": [
        route("add", P6, dev="v0", metric=20, protocol=186),
        route("append", P6, dev="w0", metric=20, protocol=186),
        route("append", P6, **VIA6, metric=20, protocol=4),
        route("append", P6, via="fd01::2", metric=20, protocol=4),
        route("delete", P6, dev="w0", metric=20, protocol=186),
        route("delete", P6, metric=20, protocol=4),
    ],
    "next hops the kernel refuses, IPv4": [
        route("add", P4, via="192.0.2.1", metric=20),
        route("add", P4, via="192.0.2.1", dev="v0", metric=20),
        route("add", P4, via="10.0.0.2", dev="w0", metric=20),
        route("add", P4, via="10.0.0.1", metric=20),
        route("add", P4, via="10.0.0.255", metric=20),
        route("add", P4, via="192.0.2.1", metric=20, onlink=True),
        route("add", P4, via="192.0.2.1", dev="nodev", metric=20, onlink=True),
        route("add", P4, via="10.0.0.1", dev="v0", metric=20, onlink=True),
        route("add", P4, via="192.0.2.1", dev="v0", metric=20, onlink=True),
        route("add", P4, dev="nodev", metric=30),
        route("add", P4, metric=30),
        route("add", P4, via="10.0.0.2", metric=30, prefsrc="192.0.2.9"),
        route("add", P4, via="10.0.0.2", metric=30, prefsrc="10.1.0.1"),
        route("add", "10.77.0.0/16", via="10.9.0.5", metric=20),
        route("add", "10.77.0.0/16", hops=[HOPS4[0], ("192.0.2.1", "v0")], metric=20),
    ],
    "next hops the kernel refuses, IPv6": [
        route("add", P6, via="2001:db9::1", metric=20),
        route("add", P6, via="2001:db9::1", dev="v0", metric=20),
        route("add", P6, via="fd00::2", dev="w0", metric=20),
        route("add", P6, via="fd00::1", metric=20),
        route("add", P6, via="fd00::1", dev="v0", metric=20),
        route("add", P6, via="fe80::9", metric=20),
        route("add", P6, via="fe80::9", dev="v0", metric=20),
        route("add", P6, via="2001:db9::1", metric=30, onlink=True),
        route("add", P6, via="2001:db9::1", dev="v0", metric=30, onlink=True),
        route("add", P6, dev="nodev", metric=40),
        route("add", P6, metric=40),
        route("add", "2001:db9::/32", via="2001:db8::5", metric=20),
        route("add", P6, hops=[HOPS6[0], ("2001:dba::1", "v0")], metric=50),
    ],
    "IPv4 over an IPv6 gateway": [
        route("add", P4, via="fd00::2", dev="v0", metric=20),
        route("add", P4, via="fd00::2", metric=30),
        route("add", P4, via="fe80::2", dev="v0", metric=40),
        route("add", P4, via="fe80::2", metric=50),
        route("delete", P4, metric=20, protocol=4),
    ],
    "gateways found in other tables": [
        route("add", P4, **VIA4, metric=20, table_id=100),
        route("add", "192.0.2.0/24", dev="w0", metric=20, table_id=100),
        route("add", P4, via="192.0.2.1", metric=30, table_id=100),
        route("add", P4, via="192.0.2.1", metric=30),
        route("add", P6, **VIA6, metric=20, table_id=100),
        route("add", "2001:db9::/32", dev="w0", metric=20, table_id=100),
        route("add", P6, via="2001:db9::1", metric=30, table_id=100),
        route("add", P6, via="2001:db9::1", metric=30),
    ],
    "routes that lead nowhere": [
        route("add", P4, route_type=RTN_BLACKHOLE, metric=20),
        route("add", P4, route_type=RTN_UNREACHABLE, metric=20),
        route("add", "10.77.0.0/16", via="10.9.0.1", metric=20),
        route("add", P6, route_type=RTN_BLACKHOLE, metric=20),
        route("add", P6, route_type=RTN_UNREACHABLE, metric=20),
        route("add", "2001:db9::/32", via="2001:db8::1", metric=20),
    ],
    "link down and up, IPv4": [
        route("add", P4, **VIA4, metric=20, protocol=186),
        route("add", "10.77.0.0/16", dev="v0", metric=20, protocol=4),
        route("add", "10.78.0.0/16", hops=HOPS4, metric=20, protocol=186),
        route("add", "10.79.0.0/16", via="10.1.0.2", metric=20, protocol=186, prefsrc="10.0.0.1"),
        Ip("link set v0 down"),
        route("add", P4, **VIA4, metric=20, protocol=186),
        route("add", P4, dev="v0", metric=20, protocol=186),
        route("add", P4, via="10.0.0.2", dev="v0", onlink=True, metric=20, protocol=186),
        Ip("link set v0 up"),
        route("add", P4, **VIA4, metric=20, protocol=186),
    ],
    "link down and up, IPv6": [
        route("add", P6, **VIA6, metric=20, protocol=186),
        route("add", "2001:db9::/32", dev="v0", metric=20, protocol=4),
        route("add", "2001:dba::/32", hops=HOPS6, metric=20, protocol=186),
        Ip("link set v0 down"),
        route("add", P6, **VIA6, metric=20, protocol=186),
        route("add", P6, dev="v0", metric=20, protocol=186),
        route("add", P6, via="fe80::1", dev="v0", metric=20, protocol=186),
        Ip("link set v0 up"),
        Ip("address add fd00::1/64 dev v0 nodad"),
        route("add", P6, **VIA6, metric=20, protocol=186),
    ],
    "both links of a multipath route down": [
        route("add", P4, hops=HOPS4, metric=20, protocol=186),
        route("add", P6, hops=HOPS6, metric=20, protocol=186),
        Ip("link set v0 down"),
        Ip("link set w0 down"),
    ],
    "the cable is pulled": [
        route("add", P4, **VIA4, metric=20, protocol=186),
        route("add", P6, **VIA6, metric=20, protocol=186),
        route("add", "10.78.0.0/16", hops=HOPS4, metric=20, protocol=186),
        Ip("link set v1 down"),
        route("add", "10.77.0.0/16", **VIA4, metric=20, protocol=186),
        Ip("link set v1 up"),
    ],
    "addresses come and go, IPv4": [
        Ip("address add 10.2.0.1/24 dev v0"),
        route("add", P4, via="10.2.0.2", metric=20, protocol=186),
        route("add", "10.77.0.0/16", via="10.0.0.2", prefsrc="10.2.0.1", metric=20),
        Ip("address add 10.2.0.9/24 dev w0"),
        Ip("address del 10.2.0.1/24 dev v0"),
        route("add", "10.78.0.0/16", via="10.0.0.2", metric=20, protocol=186),
        Ip("address del 10.0.0.1/24 dev v0"),
        Ip("address add 10.3.0.1/32 dev v0"),
        Ip("address add 10.3.0.2 peer 10.3.0.3/32 dev v0"),
        Ip("address add 10.4.0.1/24 dev v0 noprefixroute"),
        Ip("address del 10.3.0.1/32 dev v0"),
    ],
    "addresses come and go, IPv6": [
        Ip("address add fd02::1/64 dev v0 nodad"),
        Ip("address add fd02::2/64 dev v0 nodad"),
        route("add", P6, via="fd02::9", metric=20, protocol=186),
        Ip("address del fd02::1/64 dev v0"),
        Ip("address del fd02::2/64 dev v0"),
        Ip("address add fd03::1/128 dev v0 nodad"),
        Ip("address add fd04::1/64 dev v0 nodad noprefixroute"),
        Ip("address del fd03::1/128 dev v0"),
        Ip("address del fd00::1/64 dev v0"),
    ],
    "two addresses of one network, IPv4": [
        Ip("address add 10.2.0.1/24 dev v0"),
        Ip("address add 10.2.0.2/24 dev v0"),
        Ip("address add 10.2.0.3/25 dev v0"),
        Ip("address add 10.2.0.4/24 dev w0"),
        route("add", P4, via="10.2.0.9", metric=20, protocol=186),
        Ip("link set v0 down"),
        Ip("link set v0 up"),
        Ip("address del 10.2.0.2/24 dev v0"),
        Ip("address add 10.2.0.2/24 dev v0"),
        Ip("address del 10.2.0.1/24 dev v0"),
        route("add", P4, via="10.2.0.9", metric=30, protocol=186),
    ],
    "two links of one network, IPv6": [
        Ip("address add fd02::1/64 dev v0 nodad"),
        Ip("address add fd02::2/64 dev w0 nodad"),
        route("add", P6, via="fd02::9", metric=20, protocol=186),
        route("add", P6, via="fd02::9", dev="w0", metric=30, protocol=186),
        Ip("address del fd02::1/64 dev v0"),
        route("add", P6, via="fd02::9", metric=40, protocol=186),
    ],
    "an address on a link that is down": [
        Ip("link set v0 down"),
        Ip("address add 10.2.0.1/24 dev v0"),
        route("add", P4, via="10.2.0.9", metric=20, protocol=186),
        Ip("link set v0 up"),
        route("add", P4, via="10.2.0.9", metric=20, protocol=186),
    ],
    "connected routes can be taken away": [
        route("delete", "10.0.0.0/24", dev="v0"),
        route("add", P4, via="10.0.0.2", metric=20, protocol=186),
        route("delete", "fd00::/64", dev="v0"),
        route("add", P6, via="fd00::2", metric=20, protocol=186),
        Ip("address del 10.0.0.1/24 dev v0"),
        Ip("address del fd00::1/64 dev v0"),
    ],
    "delete of what leads nowhere, and of several hops": [
        route("add", P4, route_type=RTN_BLACKHOLE, metric=20, protocol=186),
        route("delete", P4, metric=20, protocol=186),
        route("add", P4, hops=HOPS4, metric=20, protocol=186),
        route("delete", P4, hops=HOPS4[:1], metric=20, protocol=186),
        route("delete", P4, hops=HOPS4, metric=20, protocol=186),
        route("add", P6, route_type=RTN_BLACKHOLE, metric=20, protocol=186),
        route("delete", P6, metric=20, protocol=186),
        route("replace", P6, hops=HOPS6, metric=20, protocol=4),
        route("append", P6, via="fd00::8", metric=20, protocol=186),
        route("delete", P6, metric=20, protocol=186),
    ],
    "default routes": [
        route("add", "0.0.0.0/0", via="10.0.0.2", metric=20, protocol=186),
        route("add", P4, via="192.0.2.1", metric=20, protocol=186),
        route("add", "0.0.0.0/0", dev="w0", metric=30, protocol=4),
        route("add", P4, via="192.0.2.1", metric=20, protocol=186),
        route("add", "::/0", via="fd00::2", metric=20, protocol=186),
        route("add", P6, via="2001:db9::1", metric=20, protocol=186),
        route("delete", "::/0", via="fd00::2", metric=20, protocol=186),
        route("add", "::/0", dev="w0", metric=30, protocol=4),
        route("add", P6, via="2001:db9::1", metric=20, protocol=186),
        route("delete", "0.0.0.0/0", metric=20, protocol=186),
    ],
    "a link is removed": [
        route("add", P4, **VIA4, metric=20, protocol=186),
        route("add", P6, **VIA6, metric=20, protocol=186),
        Ip("link del v0"),
        route("add", P4, dev="v0", metric=20, protocol=186),
    ],
}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_both_kernels_answer_alike(name: str, space: Namespace) -> None:
    fake = FakeKernel()
    for ends in LINKS:
        fake.add_veth(*ends)
    with (
        entered(space),
        open_kernel() as real_kernel,
        fake.open() as fake_kernel,
        closing(open_write_port()) as port,
    ):
        real, ours = RealWorld(space, real_kernel, port), FakeWorld(fake, fake_kernel)
        for world in (real, ours):
            await world.learn_names()
            for made in SET_UP:
                await world.act(made)
        await wait_alike(real, ours)
        for number, step in enumerate(SCRIPTS[name]):
            ours_did = await ours.outcome(await ours.act(step))
            real_did = await settle(real, await real.act(step), ours_did)
            assert ours_did.lines == real_did.lines, f"step {number}: {step}"
        assert await ours.addresses() == await real.addresses()
        assert await ours.links() == await real.links()


async def wait_alike(real: World, ours: World) -> None:
    """Until the real kernel has made the routes of its addresses, IPv6's take it a while."""
    wanted = await ours.outcome((0, ""))
    deadline_s = trio.current_time() + SETTLE_S
    while (outcome := await real.outcome((0, ""))).routes != wanted.routes:
        assert trio.current_time() < deadline_s, outcome.routes
    await real.listen()  # what was told between the last look and the dump


async def settle(real: World, answer: tuple[int, str], wanted: Outcome) -> Outcome:
    """What the real kernel comes to; a cable's state takes it a moment."""
    deadline_s = trio.current_time() + SETTLE_S
    while True:
        outcome = await real.outcome(answer)
        if outcome == wanted or trio.current_time() > deadline_s:
            return outcome
