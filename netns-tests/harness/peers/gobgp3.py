"""GoBGP 3 of Debian: configured by its TOML file, asked with its own ``gobgp``."""

import json
import re
import subprocess
from base64 import b64decode
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

GOBGPD = Path("/usr/bin/gobgpd")
GOBGP = Path("/usr/bin/gobgp")

_ORIGINS = {0: "igp", 1: "egp", 2: "incomplete"}
_ESTABLISHED = 6
_PARTIAL = 0x20
_EXTENDED_KINDS = {2: "rt", 3: "soo"}


class GobgpPeer(Peer):
    kind = "GoBGP"
    binary = GOBGPD
    # Its command line knows no ATOMIC_AGGREGATE and of extended communities the targets alone.
    cannot_set = frozenset({"atomic", "unknown"})
    features = frozenset({Feature.PASSWORD, Feature.TTL_SECURITY, Feature.EXTENDED_NEXT_HOP})

    def __init__(self, host: Host, links: Sequence[Link]) -> None:
        super().__init__(host, links)
        self._log = self.folder / "gobgp3.log"

    def start(self) -> None:
        configuration = self.folder / "gobgp3.toml"
        configuration.write_text(self._text())
        with self._log.open("ab") as log:
            command = (GOBGPD, "-f", configuration, "--api-hosts", "127.0.0.1:50051")
            self.space.popen(*command, "--pprof-disable", stdout=log, stderr=log)

    def wait_ready(self) -> None:
        wait_until(self._answers, "gobgpd answers", poll_s=0.1)

    def _answers(self) -> bool:
        try:
            return len(self._show("neighbor")) == len(self.links)
        except CommandFailed:
            return False

    def announce(self, prefix: str, attributes: Attributes) -> None:
        self.space.run(GOBGP, "global", "rib", "add", *self._words(prefix, attributes))

    def withdraw(self, prefix: str) -> None:
        self.space.run(GOBGP, "global", "rib", "del", "-a", _family(prefix), prefix)

    def route(self, prefix: str) -> Attributes | None:
        shown = self._show("global", "rib", "-a", _family(prefix), prefix)
        learnt = [path for path in shown.get(prefix, []) if "source-id" in path]
        return read_gobgp_path(learnt[0]) if learnt else None

    def is_established(self, link: Link) -> bool:
        state = self._show("neighbor", link.remote)["state"]
        return bool(state.get("session_state") == _ESTABLISHED)

    def notifications(self) -> tuple[int, int]:
        sent = received = 0
        for one in self._show("neighbor"):
            counts = one["state"].get("messages", {})
            sent += counts.get("sent", {}).get("notification", 0)
            received += counts.get("received", {}).get("notification", 0)
        return sent, received

    def complaints(self) -> list[str]:
        words = ('"level":"error"', '"level":"warning"', '"level":"fatal"', "panic")
        # For some seconds after its start it accepts connections only to close them.
        return matching_lines(self._log, words, but=["Closed an accepted connection"])

    def ask_refresh(self, link: Link) -> None:
        self.space.run(GOBGP, "neighbor", link.remote, "softresetin")

    def updates_received(self, link: Link) -> int:
        messages = self._show("neighbor", link.remote)["state"]["messages"]
        return int(messages["received"].get("update", 0))

    def refresh_marks(self, link: Link) -> int:
        messages = self._show("neighbor", link.remote)["state"]["messages"]
        return int(messages["received"].get("refresh", 0))

    def host_name(self, link: Link) -> str:
        shown = self.space.run(GOBGP, "neighbor", link.remote)
        found = re.search(r"fqdn:.*Remote:\s+name: ([^,\s]+),", shown, re.DOTALL)
        return found[1] if found else ""

    def shut(self, link: Link, message: str) -> None:
        self.space.run(GOBGP, "neighbor", link.remote, "shutdown", "--reason", message)

    def reopen(self, link: Link) -> None:
        """It begins again by itself."""

    def heard(self) -> str:
        return self._log.read_text()

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([GOBGPD, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    def _show(self, *words: str) -> Any:
        return json.loads(self.space.run(GOBGP, "-j", *words))

    def _words(self, prefix: str, attributes: Attributes) -> list[str]:
        words = ["-a", _family(prefix), prefix, "origin", attributes.origin]
        words += ["nexthop", self.next_hop(prefix)]
        if attributes.as_path:
            words += ["aspath", attributes.as_path]
        if attributes.med is not None:
            words += ["med", str(attributes.med)]
        if attributes.local_pref is not None:
            words += ["local-pref", str(attributes.local_pref)]
        if attributes.communities:
            words += ["community", attributes.communities.replace(" ", ",")]
        if attributes.large:
            words += ["large-community", attributes.large.replace(" ", ",")]
        if attributes.aggregator:
            words += ["aggregator", attributes.aggregator.replace(" ", ":")]
        targets = [one.partition(":")[2] for one in attributes.extended.split()]
        return [*words, "rt", *targets] if targets else words

    def _text(self) -> str:
        addresses = sorted({link.local for link in self.links})
        return (
            f"[global.config]\n  as = {self.links[0].local_as}\n"
            f'  router-id = "{self.host.router_id}"\n  local-address-list = {addresses}\n'
            + "".join(_neighbor(link) for link in self.links)
        )


def _neighbor(link: Link) -> str:
    text = (
        f'[[neighbors]]\n  [neighbors.config]\n    neighbor-address = "{link.remote}"\n'
        f"    peer-as = {link.remote_as}\n"
    )
    if Feature.PASSWORD in link.features:
        text += f'    auth-password = "{PASSWORD}"\n'
    text += (
        f"  [neighbors.timers.config]\n    hold-time = {HOLD_TIME_S}\n    connect-retry = 1\n"
        f"    keepalive-interval = 1\n    idle-hold-time-after-reset = 1\n"
        f'  [neighbors.transport.config]\n    local-address = "{link.local}"\n'
        f"    passive-mode = {str(not link.dials).lower()}\n"
    )
    if Feature.TTL_SECURITY in link.features:
        text += "  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n"
    for version in link.families:
        text += (
            "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n"
            f'      afi-safi-name = "ipv{version}-unicast"\n'
        )
    return text


def _family(prefix: str) -> str:
    return "ipv6" if ":" in prefix else "ipv4"


def read_gobgp_path(path: dict[str, Any]) -> Attributes:
    """One path of the JSON output of GoBGP's client, which ours has too: attributes by number."""
    by_code = {one["type"]: one for one in path["attrs"]}
    communities = by_code.get(8, {}).get("communities", [])
    extended = [
        f"{_EXTENDED_KINDS.get(one['subtype'], one['subtype'])}:{one['value']}"
        for one in by_code.get(16, {}).get("value", [])
    ]
    large = [
        f"{one['ASN']}:{one['LocalData1']}:{one['LocalData2']}"
        for one in by_code.get(32, {}).get("value", [])
    ]
    aggregator = by_code.get(7)
    unknown = [one for one in path["attrs"] if "flags" in one]
    return Attributes(
        origin=_ORIGINS[by_code[1]["value"]],
        as_path=" ".join(_segment(one) for one in by_code.get(2, {}).get("as_paths") or []),
        next_hop=by_code[14]["nexthop"] if 14 in by_code else by_code[3]["nexthop"],
        med=by_code.get(4, {}).get("metric"),
        local_pref=by_code.get(5, {}).get("value"),
        communities=" ".join(f"{one >> 16}:{one & 0xFFFF}" for one in communities),
        extended=" ".join(extended),
        large=" ".join(large),
        aggregator=f"{aggregator['as']} {aggregator['address']}" if aggregator else None,
        atomic=6 in by_code or None,
        originator=by_code.get(9, {}).get("value"),
        cluster_list=" ".join(by_code.get(10, {}).get("value", [])),
        unknown=" ".join(f"{one['type']}:{b64decode(one['value']).hex()}" for one in unknown),
        partial=any(one["flags"] & _PARTIAL for one in unknown) if unknown else None,
    )


def _segment(segment: dict[str, Any]) -> str:
    numbers = " ".join(map(str, segment["asns"]))
    return f"{{{numbers}}}" if segment["segment_type"] == 1 else numbers
