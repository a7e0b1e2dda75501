"""Next hops that no route uses any more are forgotten; those in use are followed."""

import pytest
import trio
from trio.testing import MockClock

from gobgp_trio.daemon import exporter as exporter_module
from tests.daemon.kernel_rig import exporting


async def test_next_hops_do_not_pile_up(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter_module, "LEAST_HOPS_PRUNED", 10)
    async with exporting(autojump_clock) as rig:
        rig.announce("192.0.2.0/24", via="10.0.1.9")
        for turn in range(100):
            rig.announce("198.51.100.0/24", via=f"10.0.0.{turn + 5}")
            await trio.sleep(0.05)
        assert len(rig.exporter.planner.resolver) <= 20
        rig.kernel.set_link("eth1", up=False)
        await trio.sleep(1)
        assert rig.routes() == ["198.51.100.0/24 via 10.0.0.104 table 254 metric 20"]
