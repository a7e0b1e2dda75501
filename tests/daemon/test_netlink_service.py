"""Import and export as a whole: what each change of the configuration does to the kernel."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.config.schema import Config, ExportRule, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.netlink_service import NetlinkService
from gobgp_trio.daemon.protocol_guard import ProtocolInUse, hold_protocol
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.path import Source, SourceKind
from gobgp_trio.types.prefix import parse_address, parse_prefix
from tests.daemon.kernel_rig import UNICAST, make_kernel, routes_of
from tests.fakes.kernel import FakeKernel

# Claims are real and belong to the namespace the tests run in.
PROTOCOL = 20 + os.getpid() % 20
OTHER = PROTOCOL + 20
NET = "192.0.2.0/24"
OURS = "192.0.2.0/24 via 10.0.0.9 table 254 metric 20"
EXPORT = NetlinkExport(
    enabled=True, dampening_s=0.0, route_protocol=PROTOCOL, rules=(ExportRule("all"),)
)


class Rig:
    def __init__(self, clock: MockClock, kernel: FakeKernel) -> None:
        self.clock = clock
        self.kernel = kernel
        self.rib = Rib(UNICAST)
        self.peer = Source(SourceKind.PEER, "10.0.0.9")
        self.rib.add_source(self.peer)
        self.service = NetlinkService(self.rib)

    def announce(self, prefix: str, via: str = "10.0.0.9") -> None:
        family, nlri = parse_prefix(prefix)
        attributes = make_attributes(origin=0, next_hop=parse_address(via))
        self.rib.announce(self.peer, family, attributes, [nlri], 0.0)

    def routes(self, protocol: int = PROTOCOL) -> list[str]:
        return routes_of(self.kernel, protocol)

    async def apply(self, export: NetlinkExport | None) -> None:
        await self.service.apply(Config(netlink_export=export))
        await trio.sleep(0.05)


@asynccontextmanager
async def serving(
    clock: MockClock, export: NetlinkExport | None, *, kernel: FakeKernel | None = None
) -> AsyncIterator[Rig]:
    rig = Rig(clock, kernel or make_kernel())
    with rig.kernel.open() as netlink:
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.service.run, netlink, Config(netlink_export=export))
            rig.announce(NET)
            await trio.sleep(0.05)
            yield rig
            nursery.cancel_scope.cancel()


def leave_routes(kernel: FakeKernel) -> FakeKernel:
    """What an earlier run left."""
    kernel.route("add", "203.0.113.0/24", via="10.0.0.9", metric=7, protocol=PROTOCOL)
    kernel.route("add", "0.0.0.0/0", via="10.0.0.9", metric=20, protocol=PROTOCOL)
    return kernel


LEFT = [
    "0.0.0.0/0 via 10.0.0.9 table 254 metric 20",
    "203.0.113.0/24 via 10.0.0.9 table 254 metric 7",
]


async def test_an_absent_block_touches_nothing(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, None, kernel=leave_routes(make_kernel())) as rig:
        await trio.sleep(400)
        assert rig.routes() == LEFT
        assert rig.kernel.writes_count == 2  # those of the test


async def test_disabled_at_start_removes_everything_of_ours(autojump_clock: MockClock) -> None:
    kernel = leave_routes(make_kernel())
    async with serving(autojump_clock, replace(EXPORT, enabled=False), kernel=kernel) as rig:
        assert rig.routes() == []


async def test_disabling_removes_our_routes_and_enabling_brings_them_back(
    autojump_clock: MockClock,
) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        assert rig.routes() == [OURS]
        await rig.apply(replace(EXPORT, enabled=False))
        assert rig.routes() == []
        assert rig.service.exporter is None
        rig.announce("198.51.100.0/24")
        await trio.sleep(10)
        assert rig.routes() == []
        await rig.apply(EXPORT)
        assert len(rig.routes()) == 2


async def test_removing_the_block_leaves_the_routes(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        await rig.apply(None)
        await trio.sleep(100)
        assert rig.routes() == [OURS]
        assert rig.service.exporter is None


async def test_the_number_is_held_while_export_is_on(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        with pytest.raises(ProtocolInUse):
            hold_protocol(PROTOCOL)
        await rig.apply(replace(EXPORT, enabled=False))
        hold_protocol(PROTOCOL).close()
        await rig.apply(EXPORT)
    hold_protocol(PROTOCOL).close()


async def test_a_number_that_others_hold_changes_nothing(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        claim = hold_protocol(OTHER)
        with pytest.raises(ProtocolInUse, match=str(OTHER)):
            await rig.apply(replace(EXPORT, route_protocol=OTHER))
        claim.close()
        assert rig.routes() == [OURS]
        assert rig.service.export_settings == EXPORT
        with pytest.raises(ProtocolInUse):
            hold_protocol(PROTOCOL)  # still ours


async def test_a_number_in_use_at_start_is_refused_before_any_write(
    autojump_clock: MockClock,
) -> None:
    claim = hold_protocol(PROTOCOL)
    kernel = leave_routes(make_kernel())
    with pytest.raises(ExceptionGroup) as refused:
        async with serving(autojump_clock, EXPORT, kernel=kernel):
            pass
    claim.close()
    assert refused.group_contains(ProtocolInUse)
    assert routes_of(kernel, PROTOCOL) == LEFT


async def test_another_number_moves_routes_and_resolves_through_none_of_the_old(
    autojump_clock: MockClock,
) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        await rig.apply(replace(EXPORT, route_protocol=OTHER))
        assert rig.routes() == []
        assert rig.routes(OTHER) == [OURS]
        rig.announce("198.51.100.0/24", via="192.0.2.7")  # only our own route leads there
        await trio.sleep(1)
        assert rig.routes(OTHER) == [OURS]
        hold_protocol(PROTOCOL).close()


async def test_the_same_settings_write_nothing(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        before = rig.kernel.writes_count
        await rig.apply(replace(EXPORT))
        assert rig.kernel.writes_count == before


async def test_import_follows_its_settings(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, None) as rig:
        family, nlri = parse_prefix("10.0.1.0/24")
        imports = NetlinkImport(enabled=True, interface_list=("eth1",))
        await rig.service.apply(Config(netlink_import=imports))
        best = rig.rib.tables[family].find_best(nlri)
        assert best is not None
        assert best.source.name == "eth1"
        await rig.service.apply(Config())
        assert rig.rib.tables[family].find_best(nlri) is None


async def test_imported_networks_are_not_exported(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        imports = NetlinkImport(enabled=True, interface_list=("eth*",))
        await rig.service.apply(Config(netlink_import=imports, netlink_export=EXPORT))
        await trio.sleep(1)
        assert rig.routes() == [OURS]


async def test_a_quiet_hour_costs_no_line_and_no_write(autojump_clock: MockClock) -> None:
    async with serving(autojump_clock, EXPORT) as rig:
        before = rig.kernel.writes_count
        with capture_logs() as lines:
            await trio.sleep(3600)
        assert lines == []
        assert rig.kernel.writes_count == before
