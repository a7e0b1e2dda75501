"""FRR: bgpd with zebra beside it, asked and configured with ``vtysh``.

Routes stay in bgpd (``-n``).  zebra is there because bgpd knows the interfaces from it.  Both give
up root before they open anything, so their files are in a folder of their user's under /run.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.namespace import CommandFailed
from harness.peers.base import (
    HOLD_TIME_S,
    PASSWORD,
    Attributes,
    Feature,
    Host,
    Link,
    Peer,
    matching_lines,
)
from harness.wait import wait_until

BGPD = Path("/usr/lib/frr/bgpd")
ZEBRA = Path("/usr/lib/frr/zebra")
VTYSH = Path("/usr/bin/vtysh")

LARGE_IN_LINE = 50

_ORIGINS = {"IGP": "igp", "EGP": "egp", "incomplete": "incomplete"}


class FrrPeer(Peer):
    kind = "FRR"
    binary = BGPD
    cannot_set = frozenset({"unknown"})
    hides = frozenset({"unknown", "partial"})
    features = frozenset(Feature) - {Feature.TWO_OCTET_AS}

    def __init__(self, host: Host, links: Sequence[Link]) -> None:
        super().__init__(host, links)
        self.local_as = links[0].local_as
        self._map_count = 0
        self._log = self.folder / "bgpd.log"

    def start(self) -> None:
        self._sockets = Path(tempfile.mkdtemp(prefix="frr", dir="/run"))
        self.space.at_end(lambda: shutil.rmtree(self._sockets))
        zserv = self._sockets / "zserv.api"
        for binary, options in ((ZEBRA, ()), (BGPD, ("-n",))):
            configuration = self._sockets / f"{binary.name}.conf"
            configuration.write_text(self._text() if binary == BGPD else "")
            shutil.copy(configuration, self.folder)
            shutil.chown(self._sockets, "frr", "frr")
            with (self.folder / f"{binary.name}.log").open("ab") as log:
                self.space.popen(
                    *(binary, *options, "-f", configuration, "-z", zserv, "-P", "0"),
                    *("--vty_socket", self._sockets, "-i", configuration.with_suffix(".pid")),
                    *("--log", "stdout", "--log-level", "informational"),
                    stdout=log,
                    stderr=log,
                )
            if binary == ZEBRA:  # bgpd waits ten seconds for it otherwise
                wait_until(zserv.exists, "zebra listens")

    def wait_ready(self) -> None:
        wait_until(self._answers, "bgpd answers")

    def _answers(self) -> bool:
        try:
            return bool(self._show("show bgp summary"))
        except (CommandFailed, ValueError):
            return False

    def announce(self, prefix: str, attributes: Attributes) -> None:
        self._map_count += 1
        name = f"MAP{self._map_count}"
        self._configure(
            *_route_map(name, attributes),
            f"router bgp {self.local_as}",
            f"address-family ipv{6 if ':' in prefix else 4} unicast",
            f"network {prefix} route-map {name}",
        )

    def withdraw(self, prefix: str) -> None:
        self._configure(
            f"router bgp {self.local_as}",
            f"address-family ipv{6 if ':' in prefix else 4} unicast",
            f"no network {prefix}",
        )

    def route(self, prefix: str) -> Attributes | None:
        shown = self._show(f"show bgp ipv{6 if ':' in prefix else 4} unicast {prefix}")
        learnt = [path for path in shown.get("paths", []) if path["peer"]["peerId"] != "0.0.0.0"]
        return _read_attributes(learnt[0]) if learnt else None

    def is_established(self, link: Link) -> bool:
        shown = self._show(f"show bgp neighbors {link.remote}")
        return bool(shown[link.remote]["bgpState"] == "Established")

    def notifications(self) -> tuple[int, int]:
        counts = [
            one["messageStats"]
            for one in self._show("show bgp neighbors").values()
            if "messageStats" in one
        ]
        return (
            sum(one["notificationsSent"] for one in counts),
            sum(one["notificationsRecv"] for one in counts),
        )

    def complaints(self) -> list[str]:
        return matching_lines(
            self._log, ("error", "notification", "malformed", "warn", "rcvd invalid")
        )

    def ask_refresh(self, link: Link) -> None:
        for version in link.families:
            self._vtysh(f"clear bgp ipv{version} unicast {link.remote} soft in")

    def updates_received(self, link: Link) -> int:
        return self._count(link, "updatesRecv")

    def refresh_marks(self, link: Link) -> int:
        """It counts all ROUTE-REFRESH messages alike; ours are never requests in these tests."""
        return self._count(link, "routeRefreshRecv")

    def _count(self, link: Link, name: str) -> int:
        shown = self._show(f"show bgp neighbors {link.remote}")
        return int(shown[link.remote]["messageStats"][name])

    def host_name(self, link: Link) -> str:
        shown = self._show(f"show bgp neighbors {link.remote}")[link.remote]
        return str(shown["neighborCapabilities"]["hostName"]["rcvHostName"])

    def shut(self, link: Link, message: str) -> None:
        shutdown = f"neighbor {link.remote} shutdown message {message}"
        self._configure(f"router bgp {self.local_as}", shutdown)

    def reopen(self, link: Link) -> None:
        self._configure(f"router bgp {self.local_as}", f"no neighbor {link.remote} shutdown")

    def heard(self) -> str:
        return self._log.read_text() + self._vtysh("show bgp neighbors json")

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([BGPD, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[2]

    def _vtysh(self, *lines: str) -> str:
        words: list[str | Path] = []
        for line in lines:
            words += ["-c", line]
        return self.space.run(VTYSH, "--vty_socket", self._sockets, "-d", "bgpd", *words)

    def _configure(self, *lines: str) -> None:
        answer = self._vtysh("configure terminal", *lines)
        assert answer.strip() == "", answer

    def _show(self, words: str) -> Any:
        return json.loads(self._vtysh(f"{words} json"))

    def _text(self) -> str:
        sessions = "".join(self._session(link) for link in self.links)
        families = "".join(self._family(version) for version in (4, 6))
        return (
            "bgp route-map delay-timer 0\n"
            f"router bgp {self.local_as}\n bgp router-id {self.host.router_id}\n"
            " no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n"
            f" no bgp network import-check\n{sessions}{families}"
        )

    def _session(self, link: Link) -> str:
        name = f" neighbor {link.remote}"
        lines = [
            f"{name} remote-as {link.remote_as}",
            f"{name} update-source {link.local}",
            f"{name} timers 1 {HOLD_TIME_S}",
            f"{name} timers connect 1",
            f"{name} advertisement-interval 0",
        ]
        if not link.dials:
            lines.append(f"{name} passive")
        if Feature.PASSWORD in link.features:
            lines.append(f"{name} password {PASSWORD}")
        if Feature.TTL_SECURITY in link.features:
            lines.append(f"{name} ttl-security hops 1")
        if Feature.EXTENDED_NEXT_HOP in link.features:
            lines.append(f"{name} capability extended-nexthop")
        return "".join(f"{line}\n" for line in lines)

    def _family(self, version: int) -> str:
        lines = [
            line
            for link in self.links
            if version in link.families
            for line in (f"  neighbor {link.remote} activate",)
        ]
        text = "".join(f"{line}\n" for line in lines)
        return f" address-family ipv{version} unicast\n{text} exit-address-family\n"


def _route_map(name: str, attributes: Attributes) -> list[str]:
    """What gives a route these attributes; its lines are too short for many large communities."""
    lines = [f"route-map {name} permit 10", *_sets(attributes)]
    large = attributes.large.split()
    for start in range(0, len(large), LARGE_IN_LINE):
        chosen = " ".join(large[start : start + LARGE_IN_LINE])
        lines += ["on-match next", f"route-map {name} permit {20 + start}"]
        lines.append(f"set large-community {chosen}{' additive' if start else ''}")
    return lines


def _sets(attributes: Attributes) -> list[str]:
    """The ``set`` lines of a route map that give a route these attributes."""
    lines = [f"set origin {attributes.origin}"]
    if attributes.as_path:
        lines.append(f"set as-path prepend {attributes.as_path}")
    if attributes.med is not None:
        lines.append(f"set metric {attributes.med}")
    if attributes.local_pref is not None:
        lines.append(f"set local-preference {attributes.local_pref}")
    if attributes.communities:
        lines.append(f"set community {attributes.communities}")
    for kind in ("rt", "soo"):
        chosen = [
            one.partition(":")[2] for one in attributes.extended.split() if one.startswith(kind)
        ]
        if chosen:
            lines.append(f"set extcommunity {kind} {' '.join(chosen)}")
    if attributes.aggregator:
        lines.append(f"set aggregator as {attributes.aggregator}")
    if attributes.atomic:
        lines.append("set atomic-aggregate")
    if attributes.originator:
        lines.append(f"set originator-id {attributes.originator}")
    return lines


def _read_attributes(path: dict[str, Any]) -> Attributes:
    """One path of ``show bgp ... PREFIX json``."""
    extended = path.get("extendedCommunity", {}).get("string", "")
    hops = [hop for hop in path["nexthops"] if hop.get("scope") != "link-local"]
    aggregator = None
    if "aggregatorAs" in path:
        aggregator = f"{path['aggregatorAs']} {path['aggregatorId']}"
    return Attributes(
        origin=_ORIGINS[path["origin"]],
        as_path=path["aspath"]["string"].replace("Local", "").strip(),
        next_hop=hops[0]["ip"],
        med=path.get("metric"),
        local_pref=path.get("locPrf"),
        communities=path.get("community", {}).get("string", ""),
        extended=" ".join(
            re.sub(r"^RT:", "rt:", re.sub(r"^SoO:", "soo:", one)) for one in extended.split()
        ),
        large=path.get("largeCommunity", {}).get("string", ""),
        aggregator=aggregator,
        atomic=path.get("atomicAggregate"),
        originator=path.get("originatorId"),
        cluster_list=" ".join(path.get("clusterList", {}).get("list", [])),
    )
