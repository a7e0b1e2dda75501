"""OpenBGPD (portable): configured by its file, asked with ``bgpctl``.

It has no routing table of the kernel on Linux, so every next hop counts as reachable.
"""

import json
import re
import subprocess
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

BGPD = Path("/usr/sbin/bgpd")
BGPCTL = Path("/usr/sbin/bgpctl")
CHROOT = Path("/run/openbgpd")  # made by systemd elsewhere

_ORIGINS = {"IGP": "igp", "EGP": "egp", "incomplete": "incomplete"}


class OpenBgpdPeer(Peer):
    kind = "OpenBGPD"
    binary = BGPD
    # Its configuration language has no word for these; paths grow by its own AS number only.
    cannot_set = frozenset({"aggregator", "atomic", "as_path", "unknown"})
    assumed_local_pref = 100
    dials_with_password = True
    features = frozenset(
        {
            Feature.PASSWORD,
            Feature.TTL_SECURITY,
            Feature.ENHANCED_REFRESH,
            Feature.TWO_OCTET_AS,
        }
    )

    def __init__(self, host: Host, links: Sequence[Link]) -> None:
        super().__init__(host, links)
        self._log = self.folder / "openbgpd.log"
        self._configuration = self.folder / "openbgpd.conf"
        self._socket = self.folder / "openbgpd.sock"
        self._routes: dict[str, Attributes] = {}

    def start(self) -> None:
        CHROOT.mkdir(mode=0o755, exist_ok=True)
        self._write()
        with self._log.open("ab") as log:
            self.space.popen(BGPD, "-d", "-f", self._configuration, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        wait_until(self._answers, "bgpd answers", poll_s=0.1)

    def _answers(self) -> bool:
        try:
            return len(self._show("neighbor").get("neighbors", ())) == len(self.links)
        except CommandFailed:
            return False

    def announce(self, prefix: str, attributes: Attributes) -> None:
        self._routes[prefix] = attributes
        self._reload()

    def withdraw(self, prefix: str) -> None:
        del self._routes[prefix]
        self._reload()

    def route(self, prefix: str) -> Attributes | None:
        shown = self._show("rib", "detail", prefix).get("rib", [])
        learnt = [path for path in shown if path["prefix"] == prefix and "neighbor" in path]
        remotes = {link.remote for link in self.links}
        learnt = [path for path in learnt if path["neighbor"]["remote_addr"] in remotes]
        return _read_attributes(learnt[0]) if learnt else None

    def is_established(self, link: Link) -> bool:
        (shown,) = self._show("neighbor", link.remote)["neighbors"]
        return bool(shown["state"] == "Established")

    def notifications(self) -> tuple[int, int]:
        counts = [one["stats"]["message"] for one in self._show("neighbor")["neighbors"]]
        return (
            sum(one["sent"]["notifications"] for one in counts),
            sum(one["received"]["notifications"] for one in counts),
        )

    def complaints(self) -> list[str]:
        return matching_lines(self._log, ("error", "notification", "fatal", "malformed", "bad "))

    def ask_refresh(self, link: Link) -> None:
        self._ctl("neighbor", link.remote, "refresh")

    def updates_received(self, link: Link) -> int:
        return int(self._stats(link)["message"]["received"]["updates"])

    def refresh_marks(self, link: Link) -> int:
        counts = self._stats(link)["route-refresh"]["received"]
        return int(counts["borr"] + counts["eorr"])

    def _stats(self, link: Link) -> dict[str, Any]:
        (shown,) = self._show("neighbor", link.remote)["neighbors"]
        stats: dict[str, Any] = shown["stats"]
        return stats

    def shut(self, link: Link, message: str) -> None:
        self._ctl("neighbor", link.remote, "down", message)

    def reopen(self, link: Link) -> None:
        self._ctl("neighbor", link.remote, "up")

    def heard(self) -> str:
        return self._log.read_text()

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([BGPD, "-V"], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split()[-1]

    def _ctl(self, *words: str) -> str:
        return self.space.run(*self._bgpctl(*words))

    def _bgpctl(self, *words: str) -> list[str | Path]:
        return [BGPCTL, "-s", self._socket, *words]

    def _show(self, *words: str) -> Any:
        return json.loads(self._ctl("-j", "show", *words))

    def _reload(self) -> None:
        self._write()

        def is_taken() -> bool:  # not while the one before is still at work
            return "processed" in self.space.try_run(*self._bgpctl("reload")).stdout

        wait_until(is_taken, "bgpd takes its configuration")

    def _write(self) -> None:
        listen = "".join(
            f"listen on {address}\n" for address in sorted({x.local for x in self.links})
        )
        networks = "".join(
            f"network {prefix} set {{ {_sets(attributes)}{self._next_hop(prefix)} }}\n"
            for prefix, attributes in self._routes.items()
        )
        text = (
            f"AS {self.links[0].local_as}\nrouter-id {self.host.router_id}\nfib-update no\n"
            f'socket "{self._socket}"\nconnect-retry 1\nholdtime {HOLD_TIME_S}\n{listen}{networks}'
            + "".join(_neighbor(link) for link in self.links)
            + "allow from any\nallow to any\n"
        )
        self._configuration.write_text(text)
        self._configuration.chmod(0o600)  # it refuses what others can read

    def _next_hop(self, prefix: str) -> str:
        """Said where the session's own address does not do, for it takes ::1 there."""
        version = 6 if ":" in prefix else 4
        if all(link.version == version for link in self.links if version in link.families):
            return ""
        return f" nexthop {self.host.ipv6 if version == 6 else self.host.ipv4}"


def _neighbor(link: Link) -> str:
    lines = [
        f"remote-as {link.remote_as}",
        f"local-address {link.local}",
        *(
            f"announce IPv{version} {'unicast' if version in link.families else 'none'}"
            for version in (4, 6)
        ),
    ]
    if not link.dials:
        lines.append("passive")
    if Feature.PASSWORD in link.features:
        lines.append(f'tcp md5sig password "{PASSWORD}"')
    if Feature.TTL_SECURITY in link.features:
        lines.append("ttl-security yes")
    if Feature.ENHANCED_REFRESH in link.features:
        lines.append("announce enhanced refresh yes")
    if Feature.TWO_OCTET_AS in link.features:
        lines.append("announce as-4byte no")
    return f"neighbor {link.remote} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def _sets(attributes: Attributes) -> str:
    """What gives a network of its own these attributes."""
    done = [f"origin {attributes.origin}"]
    if attributes.med is not None:
        done.append(f"med {attributes.med}")
    if attributes.local_pref is not None:
        done.append(f"localpref {attributes.local_pref}")
    done += [f"community {one}" for one in attributes.communities.split()]
    for one in attributes.extended.split():
        kind, _, value = one.partition(":")
        done.append(f"ext-community {kind} {value}")
    done += [f"large-community {one}" for one in attributes.large.split()]
    return " ".join(done)


def _read_attributes(path: dict[str, Any]) -> Attributes:
    """One path of ``show rib detail``: most attributes by name, the rest in a list."""
    listed = path.get("attributes", [])
    others = {one["type"]: one for one in listed}
    unknown = [one for one in listed if one["type"].startswith("Unknown Attribute #")]
    aggregator = others.get("Aggregator")
    return Attributes(
        origin=_ORIGINS[path["origin"]],
        as_path=re.sub(r"\s*([{}])\s*", r"\1", path["aspath"]).strip(),
        next_hop=path["exit_nexthop"],
        med=path["metric"] or None,
        local_pref=path["localpref"],
        communities=" ".join(path.get("communities", [])),
        extended=" ".join(one.replace(" ", ":", 1) for one in path.get("extended_communities", [])),
        large=" ".join(path.get("large_communities", [])),
        aggregator=f"{aggregator['AS']} {aggregator['router_id']}" if aggregator else None,
        atomic="Atomic Aggregate" in others or None,
        originator=others.get("Originator Id", {}).get("originator"),
        cluster_list=" ".join(others.get("Cluster Id List", {}).get("cluster_list", [])),
        unknown=" ".join(f"{one['type'].split('#')[1]}:{one['data']}" for one in unknown),
        partial=any(one["flags"]["partial"] for one in unknown) if unknown else None,
    )
