"""Import: what reaches the RIB when addresses and interfaces come and go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from gobgp_trio.config.schema import NetlinkImport
from gobgp_trio.daemon.importer import Importer
from gobgp_trio.daemon.kernel_monitor import KernelMonitor
from gobgp_trio.fib.kernel_view import KernelView
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rtnl.address import IFA_F_DEPRECATED, IFA_F_TENTATIVE
from gobgp_trio.types.prefix import format_prefix
from tests.daemon.kernel_rig import UNICAST
from tests.fakes.kernel import FakeKernel

WALL_S = 1_700_000_000.0


class Rig:
    def __init__(self, clock: MockClock, kernel: FakeKernel) -> None:
        self.clock = clock
        self.kernel = kernel
        self.view = KernelView({254})
        self.rib = Rib(UNICAST)
        self.importer = Importer(self.view, self.rib, lambda: WALL_S)

    def imported(self) -> dict[str, str]:
        """Prefix -> interface, as the RIB shows it."""
        return {
            format_prefix(family, nlri): path.source.name
            for family in UNICAST
            for entries in self.rib.iterate_best(family)
            for nlri, path in entries
        }

    def counts(self) -> tuple[int, int]:
        return self.importer.stats.imported_count, self.importer.stats.withdrawn_count


@asynccontextmanager
async def importing(
    clock: MockClock, *interfaces: str, kernel: FakeKernel | None = None
) -> AsyncIterator[Rig]:
    kernel = kernel or make_kernel()
    rig = Rig(clock, kernel)
    with kernel.open() as netlink:
        monitor = KernelMonitor(netlink, rig.view, None)
        monitor.listeners.append(rig.importer)
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run)
            rig.importer.apply_settings(NetlinkImport(True, "", interfaces))
            yield rig
            nursery.cancel_scope.cancel()


def make_kernel() -> FakeKernel:
    kernel = FakeKernel()
    kernel.add_link("eth0")
    kernel.add_link("eth1")
    kernel.add_address("eth0", "10.0.0.1/24")
    kernel.add_address("eth0", "2001:db8::1/64")
    return kernel


async def settle() -> None:
    await trio.sleep(0.05)


async def test_networks_are_there_from_the_start(autojump_clock: MockClock) -> None:
    async with importing(autojump_clock, "eth*") as rig:
        assert rig.imported() == {"10.0.0.0/24": "eth0", "2001:db8::/64": "eth0"}
        assert rig.counts() == (2, 0)
        assert rig.importer.stats.last_import_s == WALL_S


async def test_an_address_is_imported_within_100_ms_and_withdrawn_as_fast(
    autojump_clock: MockClock,
) -> None:
    async with importing(autojump_clock, "eth1") as rig:
        assert rig.imported() == {}
        rig.kernel.add_address("eth1", "10.0.1.1/24")
        await settle()
        assert rig.imported() == {"10.0.1.0/24": "eth1"}
        rig.kernel.remove_address("eth1", "10.0.1.1/24")
        await settle()
        assert rig.imported() == {}
        assert rig.counts() == (1, 1)
        assert rig.importer.stats.last_withdraw_s == WALL_S


async def test_a_network_on_two_interfaces_moves_and_stays_until_the_last_goes(
    autojump_clock: MockClock,
) -> None:
    async with importing(autojump_clock, "eth1", "eth0") as rig:
        rig.kernel.add_address("eth1", "10.0.0.2/24")
        await settle()
        assert rig.imported()["10.0.0.0/24"] == "eth1"  # first in configured order
        rig.kernel.set_link("eth1", plugged=False)
        await settle()
        assert rig.imported()["10.0.0.0/24"] == "eth0"
        assert rig.counts()[1] == 0  # it moved, nothing was withdrawn
        rig.kernel.remove_address("eth0", "10.0.0.1/24")
        await settle()
        assert "10.0.0.0/24" not in rig.imported()
        rig.kernel.set_link("eth1", plugged=True)
        await settle()
        assert rig.imported()["10.0.0.0/24"] == "eth1"


async def test_duplicate_address_detection_is_waited_for(autojump_clock: MockClock) -> None:
    async with importing(autojump_clock, "eth1") as rig:
        rig.kernel.add_address("eth1", "2001:db8:1::1/64", flags=IFA_F_TENTATIVE)
        await settle()
        assert rig.imported() == {}
        rig.kernel.change_address("eth1", "2001:db8:1::1/64", flags=0)
        await settle()
        assert rig.imported() == {"2001:db8:1::/64": "eth1"}
        rig.kernel.change_address("eth1", "2001:db8:1::1/64", flags=IFA_F_DEPRECATED)
        await settle()
        assert rig.imported() == {"2001:db8:1::/64": "eth1"}


async def test_an_absent_interface_is_warned_of_once_and_used_when_it_appears(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as lines:
        async with importing(autojump_clock, "eth7", "wlan*") as rig:
            assert rig.importer.interfaces_absent() == ["eth7"]
            rig.kernel.add_address("eth1", "10.0.1.1/24")
            await trio.sleep(60)
            assert [line.get("interface") for line in lines] == ["eth7"]
            rig.kernel.add_link("eth7")
            rig.kernel.add_address("eth7", "10.0.7.1/24")
            await settle()
            assert rig.imported() == {"10.0.7.0/24": "eth7"}
            assert rig.importer.interfaces_absent() == []


async def test_the_rescan_finds_what_no_event_told(autojump_clock: MockClock) -> None:
    async with importing(autojump_clock, "eth1") as rig:
        state = rig.kernel.state
        state.addresses.append(state.addresses[2].__class__(3, UNICAST[0], b"\x0a\0\1\1", 24))
        await trio.sleep(4)
        assert rig.imported() == {}
        await trio.sleep(1.1)
        assert rig.imported() == {"10.0.1.0/24": "eth1"}
        state.addresses.pop()
        await trio.sleep(5)
        assert rig.imported() == {}


async def test_lost_events_are_made_good_at_once(autojump_clock: MockClock) -> None:
    async with importing(autojump_clock, "eth1") as rig:
        rig.kernel.lose_events()
        rig.kernel.add_address("eth1", "10.0.1.1/24")
        await settle()
        assert rig.imported() == {"10.0.1.0/24": "eth1"}


async def test_a_failed_dump_withdraws_nothing(autojump_clock: MockClock) -> None:
    with capture_logs() as lines:
        async with importing(autojump_clock, "eth0") as rig:
            rig.kernel.silent = True
            await trio.sleep(100)
            assert len(rig.imported()) == 2
            rig.kernel.silent = False
            await trio.sleep(40)
            assert len(rig.imported()) == 2
            assert rig.counts() == (2, 0)
    assert {line["log_level"] for line in lines} == {"warning"}


async def test_other_settings_withdraw_what_they_do_not_cover(autojump_clock: MockClock) -> None:
    async with importing(autojump_clock, "eth*") as rig:
        rig.kernel.add_address("eth1", "10.0.1.1/24")
        await settle()
        rig.importer.apply_settings(NetlinkImport(True, "", ("eth1",)))
        assert rig.imported() == {"10.0.1.0/24": "eth1"}
        rig.importer.apply_settings(NetlinkImport(False, "", ("eth1",)))
        assert rig.imported() == {}
        rig.kernel.add_address("eth1", "10.0.9.1/24")
        await settle()
        assert rig.imported() == {}
