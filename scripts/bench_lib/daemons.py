"""The daemons of the bench: ours and BIRD here, the others in ``others``."""

import re
import signal
from pathlib import Path

from gobgp_trio.api.pb.api import (
    GetNetlinkExportStatsRequest,
    GetNetlinkExportStatsResponse,
    GetTableRequest,
    GoBgpServiceStub,
    TableType,
)
from gobgp_trio.cli.connection import call
from gobgp_trio.cli.route_message import family_message
from gobgp_trio.cli.settings import Settings
from gobgp_trio.types.family import Family
from harness.bird import BIRD, Bird
from harness.gobgpd import GOBGP, GOBGPD, Gobgpd
from harness.namespace import Namespace
from harness.wait import wait_until
from scripts.bench_lib import others
from scripts.bench_lib.adapter import (
    DAEMON_AS,
    ROUTER_ID,
    Adapter,
    Setup,
    missing_program,
    tail,
)

# In our log, see gobgp_trio.daemon.lag.
LAG_KEY = "largest_lag_ms"
METRIC, OTHER_METRIC = 20, 30
CHANGE_TIMEOUT_S = 120.0


# --- BIRD --------------------------------------------------------------------


class BirdDaemon:
    """BIRD 2."""

    def __init__(self, space: Namespace, folder: Path, setup: Setup) -> None:
        self._family = setup.family
        self._bird = Bird(space, folder, bird_configuration(setup))
        self._pid = int((folder / "bird.pid").read_text())

    def count_routes(self) -> int:
        text = self._bird.command("show route count")
        found = re.search(rf"(\d+) networks in table master{self._family}", text)
        return int(found[1]) if found else 0

    def pids(self) -> list[int]:
        return [self._pid]

    def take_lag_ms(self) -> None:
        return None

    def stop(self) -> None:
        self._bird.stop()

    def log_tail(self) -> str:
        return tail(self._bird.log)


def bird_configuration(setup: Setup) -> str:
    """Everything accepted from the feeder, sent to the kernel or the receiver."""
    channel = f"ipv{setup.family}"
    lines = [f"router id {ROUTER_ID};"]
    if setup.has_kernel:
        lines.append(f"protocol kernel {{ {channel} {{ import none; export all; }}; }}")
    for name, link, asn in setup.peers():
        learns, sends = ("all", "none") if name == "feeder" else ("none", "all")
        lines.append(
            f"protocol bgp {name} {{ local {setup.address(link, 1)} as {DAEMON_AS};"
            f" neighbor {setup.address(link, 2)} as {asn}; passive yes;"
            f" {channel} {{ import {learns}; export {sends}; }}; }}"
        )
    return "\n".join(lines)


def bird_settings(_setup: Setup) -> str:
    """Nothing but what a session with a kernel needs."""
    return "defaults (kernel: export all, no import; peers passive)"


# --- ours --------------------------------------------------------------------


class OurDaemon:
    """The installed gobgpd."""

    def __init__(self, space: Namespace, folder: Path, setup: Setup) -> None:
        self._family = Family.IPV4_UNICAST if setup.family == 4 else Family.IPV6_UNICAST
        path = folder / "api.sock"
        hosts = f"127.0.0.1:50051,unix://{path}"
        self._api = Settings(target=f"unix://{path}")
        self._space, self._setup = space, setup
        self._gobgpd = Gobgpd(
            space, folder, our_configuration(setup), options=("--api-hosts", hosts)
        )

    def count_routes(self) -> int:
        request = GetTableRequest(
            table_type=TableType(TableType.GLOBAL), family=family_message(self._family)
        )
        return call(self._api, lambda api: api.get_table(request)).num_destination

    def pids(self) -> list[int]:
        return [self._gobgpd.process.pid]

    def change_export(self) -> None:
        """Another metric, so that every route is written once and removed once."""
        routes = self.count_routes()
        before = call(self._api, read_export_stats)
        self._gobgpd.reload(our_configuration(self._setup, metric=OTHER_METRIC))

        def is_done() -> bool:
            now = call(self._api, read_export_stats)
            return now.exported + now.withdrawn >= before.exported + before.withdrawn + 2 * routes

        wait_until(is_done, "every route is moved", timeout_s=CHANGE_TIMEOUT_S, poll_s=0.2)

    def list_routes(self) -> None:
        """By ``gobgp``, whose own speed matters less than what it keeps the daemon from."""
        family = f"ipv{self._setup.family}"
        for words in (("global", "rib", "-a", family), ("netlink", "export")):
            process = self._space.popen(GOBGP, *words)
            status = process.wait(CHANGE_TIMEOUT_S)
            assert status == 0, f"gobgp {' '.join(words)}: status {status}"

    def take_lag_ms(self) -> float:
        """Told in the log, on SIGUSR1."""
        told = len(self._lags_ms())
        self._gobgpd.process.send_signal(signal.SIGUSR1)
        return wait_until(lambda: self._lags_ms()[told:], "gobgpd tells its event loop's lag")[0]

    def _lags_ms(self) -> list[float]:
        events = self._gobgpd.events()
        return [float(event[LAG_KEY]) for event in events if LAG_KEY in event]

    def stop(self) -> None:
        self._gobgpd.stop()

    def log_tail(self) -> str:
        return tail(self._gobgpd.log_file) + tail(self._gobgpd.stderr_file)


async def read_export_stats(api: GoBgpServiceStub) -> GetNetlinkExportStatsResponse:
    """How many routes were written and removed up to now."""
    return await api.get_netlink_export_stats(GetNetlinkExportStatsRequest())


def our_configuration(setup: Setup, metric: int = METRIC) -> str:
    """Everything accepted from the feeder; one rule without communities exports all."""
    lines = ["[global.config]", f"as = {DAEMON_AS}", f'router-id = "{ROUTER_ID}"']
    if setup.has_kernel:
        lines += ["[netlink.export]", "enabled = true"]
        lines += [f"dampening-interval = {setup.dampening_ms}"]
        lines += ["[[netlink.export.rules]]", 'name = "all"', f"metric = {metric}"]
    for _, link, asn in setup.peers():
        lines += ["[[neighbors]]", "[neighbors.config]"]
        lines += [f'neighbor-address = "{setup.address(link, 2)}"', f"peer-as = {asn}"]
        lines += ["[neighbors.transport.config]", "passive-mode = true"]
        lines += ["[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]"]
        lines += [f'afi-safi-name = "ipv{setup.family}-unicast"']
    return "\n".join(lines) + "\n"


def our_settings(setup: Setup) -> str:
    """The dampening, which the others do not have."""
    return (
        f"dampening-interval = {setup.dampening_ms} (default 100), one export rule without"
        " communities; peers passive"
    )


# The first one is compared with the others.
DAEMONS = {
    "ours": Adapter(OurDaemon, our_settings, missing_program(GOBGPD), is_live=True),
    "bird": Adapter(BirdDaemon, bird_settings, missing_program(BIRD)),
    "frr": others.FRR,
    "gobgp": others.GOBGP,
    "openbgpd": others.OPENBGPD,
}
