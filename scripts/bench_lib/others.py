"""FRR, GoBGP and OpenBGPD as daemons of the bench.

FRR and OpenBGPD give their rights up to users of their own, so they need the real root: in a user
namespace, where there is one user, they are not measured.  GoBGP reaches the kernel through FRR's
zebra only and does not understand the one that Debian 12 has, OpenBGPD on Linux not at all: both
are measured without the kernel.
"""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.namespace import CommandFailed, Namespace, end_process
from harness.peers.frr import BGPD, VTYSH, ZEBRA
from harness.peers.gobgp3 import GOBGP as GOBGP_CLIENT
from harness.peers.gobgp3 import GOBGPD
from harness.peers.openbgpd import BGPCTL, CHROOT
from harness.peers.openbgpd import BGPD as OPENBGPD_BGPD
from harness.wait import wait_until
from scripts.bench_lib.adapter import (
    DAEMON_AS,
    ROUTER_ID,
    Adapter,
    Setup,
    missing_program,
    tail,
)

# What Debian's /etc/frr/daemons gives zebra; with its default it loses events of the kernel.
ZEBRA_BUFFER_OCTETS = 90_000_000
START_TIMEOUT_S = 20.0


class _Processes:
    """Processes with one log each, and the first thing all of these daemons need."""

    def __init__(self, space: Namespace, folder: Path, setup: Setup) -> None:
        self.space = space
        self.folder = folder
        self.setup = setup
        self._running: list[subprocess.Popen[bytes]] = []
        self._logs: list[Path] = []

    def launch(self, *command: str | Path) -> None:
        """Start a process in the namespace."""
        path = self.folder / f"{Path(command[0]).name}.log"
        self._logs.append(path)
        with path.open("ab") as log:
            self._running.append(self.space.popen(*command, stdout=log, stderr=log))

    def pids(self) -> list[int]:
        """The started processes first, then their children."""
        started = [process.pid for process in self._running]
        return started + [child for pid in started for child in _children(pid)]

    def take_lag_ms(self) -> None:
        return None

    def stop(self) -> None:
        for process in reversed(self._running):
            end_process(process)

    def log_tail(self) -> str:
        return "".join(map(tail, self._logs))


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def _needs_users() -> str:
    """Empty unless this is a namespace with one user."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    users = sum(int(line.split()[2]) for line in lines)
    return "" if users > 1 else "it needs the real root, for it changes to a user of its own"


# --- FRR ---------------------------------------------------------------------


class FrrDaemon(_Processes):
    """bgpd with zebra beside it; their files are where their user may write."""

    def __init__(self, space: Namespace, folder: Path, setup: Setup) -> None:
        super().__init__(space, folder, setup)
        self._sockets = Path(tempfile.mkdtemp(prefix="frr", dir="/run"))
        space.at_end(lambda: shutil.rmtree(self._sockets))
        shutil.chown(self._sockets, "frr", "frr")
        zserv = self._sockets / "zserv.api"
        self._launch_one(ZEBRA, "", "-s", str(ZEBRA_BUFFER_OCTETS))
        wait_until(zserv.exists, "zebra listens", timeout_s=START_TIMEOUT_S)
        self._launch_one(BGPD, frr_configuration(setup), *(() if setup.has_kernel else ("-n",)))
        wait_until(self._answers, "FRR's bgpd answers", timeout_s=START_TIMEOUT_S)

    def _launch_one(self, binary: Path, text: str, *options: str) -> None:
        configuration = self._sockets / f"{binary.name}.conf"
        configuration.write_text(text)
        command: list[str | Path] = [binary, *options, "-f", configuration, "-P", "0"]
        command += ["-z", self._sockets / "zserv.api", "--vty_socket", self._sockets]
        command += ["-i", configuration.with_suffix(".pid")]
        self.launch(*command, "--log", "stdout", "--log-level", "warnings")

    def _answers(self) -> bool:
        try:
            return bool(self._show("show bgp summary"))
        except CommandFailed:
            return False

    def _show(self, words: str) -> str:
        return self.space.run(
            *(VTYSH, "--vty_socket", self._sockets, "-d", "bgpd", "-c", f"{words} json")
        )

    def count_routes(self) -> int:
        """Those received: it counts a prefix before it has chosen a best path."""
        shown = json.loads(self._show(f"show bgp ipv{self.setup.family} unicast summary"))
        peers = shown.get("peers", {})
        return int(sum(peer["pfxRcd"] for peer in peers.values()))

    def pids(self) -> list[int]:
        """bgpd and zebra have no children."""
        return [process.pid for process in self._running]


def frr_configuration(setup: Setup) -> str:
    """Everything accepted from the feeder, nothing sent to it."""
    lines = [
        f"router bgp {DAEMON_AS}",
        f" bgp router-id {ROUTER_ID}",
        " no bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
    ]
    for _, link, asn in setup.peers():
        name = f" neighbor {setup.address(link, 2)}"
        lines += [f"{name} remote-as {asn}", f"{name} passive"]
    lines.append(f" address-family ipv{setup.family} unicast")
    for peer, link, _ in setup.peers():
        name = f"  neighbor {setup.address(link, 2)}"
        lines.append(f"{name} activate")
        if peer == "feeder":
            lines.append(f"{name} prefix-list NONE out")
    lines.append(" exit-address-family")
    lines.append(f"{'ip' if setup.family == 4 else 'ipv6'} prefix-list NONE seq 5 deny any")
    return "".join(f"{line}\n" for line in lines)


def _frr_settings(_setup: Setup) -> str:
    return (
        "no bgp ebgp-requires-policy, nothing sent to the feeder; bgpd -n without the kernel;"
        f" zebra -s {ZEBRA_BUFFER_OCTETS} as Debian starts it; peers passive"
    )


FRR = Adapter(
    FrrDaemon, _frr_settings, lambda: missing_program(BGPD, ZEBRA, VTYSH)() or _needs_users()
)


# --- GoBGP -------------------------------------------------------------------


class GobgpDaemon(_Processes):
    """GoBGP 3 of Debian."""

    def __init__(self, space: Namespace, folder: Path, setup: Setup) -> None:
        super().__init__(space, folder, setup)
        configuration = folder / "gobgp3.toml"
        configuration.write_text(gobgp_configuration(setup))
        self.launch(
            *(GOBGPD, "-f", configuration, "-l", "warn"),
            *("--api-hosts", "127.0.0.1:50051", "--pprof-disable"),
        )
        wait_until(self._answers, "GoBGP answers", timeout_s=START_TIMEOUT_S, poll_s=0.1)

    def _answers(self) -> bool:
        try:
            shown = json.loads(self.space.run(GOBGP_CLIENT, "-j", "neighbor"))
        except CommandFailed:
            return False
        return len(shown) == len(self.setup.peers())

    def count_routes(self) -> int:
        words = ("global", "rib", "summary", "-a", f"ipv{self.setup.family}")
        found = re.search(r"Destination: (\d+)", self.space.run(GOBGP_CLIENT, *words))
        return int(found[1]) if found else 0


def gobgp_configuration(setup: Setup) -> str:
    """No policy: everything accepted and sent on."""
    addresses = [setup.address(link, 1) for _, link, _ in setup.peers()]
    lines = ["[global.config]", f"as = {DAEMON_AS}", f'router-id = "{ROUTER_ID}"']
    lines.append(f"local-address-list = {addresses}")
    for _, link, asn in setup.peers():
        lines += ["[[neighbors]]", "[neighbors.config]"]
        lines += [f'neighbor-address = "{setup.address(link, 2)}"', f"peer-as = {asn}"]
        lines += ["[neighbors.transport.config]", "passive-mode = true"]
        lines += [f'local-address = "{setup.address(link, 1)}"']
        lines += ["[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]"]
        lines += [f'afi-safi-name = "ipv{setup.family}-unicast"']
    return "\n".join(lines) + "\n"


def _gobgp_settings(_setup: Setup) -> str:
    return "defaults; peers passive; no kernel (Debian's zebra speaks another version)"


GOBGP = Adapter(
    GobgpDaemon, _gobgp_settings, missing_program(GOBGPD, GOBGP_CLIENT), has_kernel=False
)


# --- OpenBGPD ----------------------------------------------------------------


class OpenBgpdDaemon(_Processes):
    """OpenBGPD, portable: a parent, and children for the sessions, the routes and RPKI."""

    def __init__(self, space: Namespace, folder: Path, setup: Setup) -> None:
        super().__init__(space, folder, setup)
        CHROOT.mkdir(mode=0o755, exist_ok=True)
        self._socket = folder / "openbgpd.sock"
        configuration = folder / "openbgpd.conf"
        configuration.write_text(openbgpd_configuration(setup, self._socket))
        configuration.chmod(0o600)  # it refuses what others can read
        self.launch(OPENBGPD_BGPD, "-d", "-f", configuration)
        wait_until(self._answers, "OpenBGPD answers", timeout_s=START_TIMEOUT_S, poll_s=0.1)

    def _answers(self) -> bool:
        try:
            shown = json.loads(self._control("-j", "show", "neighbor"))
        except CommandFailed:
            return False
        return len(shown.get("neighbors", ())) == len(self.setup.peers())

    def _control(self, *words: str) -> str:
        return self.space.run(BGPCTL, "-s", self._socket, *words)

    def count_routes(self) -> int:
        shown = self._control("show", "rib", "memory")
        found = re.search(rf"(\d+) IPv{self.setup.family} unicast network entries", shown)
        return int(found[1]) if found else 0


def openbgpd_configuration(setup: Setup, control: Path) -> str:
    """Everything accepted, sent to the receiver alone."""
    lines = [f"AS {DAEMON_AS}", f"router-id {ROUTER_ID}", "fib-update no", f'socket "{control}"']
    lines += [f"listen on {setup.address(link, 1)}" for _, link, _ in setup.peers()]
    for _, link, asn in setup.peers():
        lines += [f"neighbor {setup.address(link, 2)} {{", f"  remote-as {asn}", "  passive"]
        for family in (4, 6):
            kind = "unicast" if family == setup.family else "none"
            lines.append(f"  announce IPv{family} {kind}")
        lines.append("}")
    lines.append("allow from any")
    lines += [
        f"allow to {setup.address(link, 2)}"
        for name, link, _ in setup.peers()
        if name == "receiver"
    ]
    return "".join(f"{line}\n" for line in lines)


def _openbgpd_settings(_setup: Setup) -> str:
    return "allow from any, allow to the receiver; peers passive; no kernel (it has none on Linux)"


OPENBGPD = Adapter(
    OpenBgpdDaemon,
    _openbgpd_settings,
    lambda: missing_program(OPENBGPD_BGPD, BGPCTL)() or _needs_users(),
    has_kernel=False,
)
