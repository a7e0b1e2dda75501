"""ExaBGP: it keeps no table, so its API's events are its output and its API's commands its routes.

What it learnt of a prefix is the last event that names it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

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

EXABGP = Path("/usr/sbin/exabgp")
PIPE = Path(__file__).with_name("exabgp_pipe.py")
Json = dict[str, Any]

OPTIONAL_TRANSITIVE = 0xC0
PARTIAL = 0x20

_EXTENDED_WORDS = {"rt": "target"}


class ExaBgpPeer(Peer):
    kind = "ExaBGP"
    binary = EXABGP
    dials_with_password = True
    features = frozenset(Feature)

    def __init__(self, host: Host, links: Sequence[Link]) -> None:
        super().__init__(host, links)
        self._log = self.folder / "exabgp.log"
        self._commands = self.folder / "commands"
        self._events = self.folder / "events"

    def start(self) -> None:
        os.mkfifo(self._commands)
        self._events.touch()
        configuration = self.folder / "exabgp.conf"
        configuration.write_text(self._text())
        settings = {
            "exabgp.daemon.user": "root",
            "exabgp.daemon.drop": "false",
            "exabgp.log.level": "WARNING",
            "exabgp.api.cli": "false",
            "exabgp.api.ack": "false",
            "exabgp.cache.attributes": "false",
        }
        environment = [f"{key}={value}" for key, value in settings.items()]
        with self._log.open("ab") as log:
            words: list[str | Path] = ["env", *environment, EXABGP, configuration]
            self.space.popen(*words, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        """It is once its sessions are: it says nothing before."""

    def announce(self, prefix: str, attributes: Attributes) -> None:
        link, next_hop = self._way_out(prefix)
        as_path = attributes.as_path
        if link.local_as != link.remote_as:  # it sends a path that is given as it is given
            as_path = f"{link.local_as} {as_path}"
        words = [f"neighbor {link.remote} announce route {prefix} next-hop {next_hop}"]
        words.append(f"origin {attributes.origin} as-path [ {as_path} ]")
        if attributes.med is not None:
            words.append(f"med {attributes.med}")
        if attributes.local_pref is not None:
            words.append(f"local-preference {attributes.local_pref}")
        if attributes.communities:
            words.append(f"community [ {attributes.communities} ]")
        if attributes.extended:
            extended = " ".join(map(_extended_community, attributes.extended.split()))
            words.append(f"extended-community [ {extended} ]")
        if attributes.large:
            words.append(f"large-community [ {attributes.large} ]")
        if attributes.aggregator:
            words.append(f"aggregator ( {attributes.aggregator.replace(' ', ':')} )")
        if attributes.atomic:
            words.append("atomic-aggregate")
        if attributes.originator:
            words.append(f"originator-id {attributes.originator}")
        if attributes.unknown:
            code, _, value = attributes.unknown.partition(":")
            words.append(f"attribute [ {int(code):#04x} {OPTIONAL_TRANSITIVE:#04x} 0x{value} ]")
        if attributes.cluster_list:
            words.append(f"cluster-list [ {attributes.cluster_list} ]")
        self.command(" ".join(words))

    def withdraw(self, prefix: str) -> None:
        link, next_hop = self._way_out(prefix)
        self.command(f"neighbor {link.remote} withdraw route {prefix} next-hop {next_hop}")

    def _way_out(self, prefix: str) -> tuple[Link, str]:
        version = 6 if ":" in prefix else 4
        (link,) = [one for one in self.links if version in one.families]
        return link, self.next_hop(prefix)

    def command(self, words: str) -> None:
        """A command of its API."""
        with self._commands.open("w") as pipe:
            pipe.write(f"{words}\n")

    def route(self, prefix: str) -> Attributes | None:
        learnt: Attributes | None = None
        for update in self._updates():
            for routes in update.get("announce", {}).values():
                for next_hop, nlris in routes.items():
                    if next_hop.startswith("fe80:"):  # of two in one attribute each stands alone
                        continue
                    if any(nlri.get("nlri") == prefix for nlri in nlris):
                        learnt = _read_attributes(update["attribute"], next_hop)
            for nlris in update.get("withdraw", {}).values():
                if any(nlri.get("nlri") == prefix for nlri in nlris):
                    learnt = None
        return learnt

    def is_established(self, link: Link) -> bool:
        states = [event["neighbor"]["state"] for event in self._events_of(link, "state")]
        return states[-1:] == ["up"]

    def notifications(self) -> tuple[int, int]:
        directions = [event["direction"] for event in self._notifications()]
        return directions.count("send"), directions.count("receive")

    def _notifications(self) -> Iterator[Json]:
        for event in self._read_events("notification"):
            if "neighbor" in event:  # its own end is an event of this kind, too
                yield event["neighbor"]

    def complaints(self) -> list[str]:
        return matching_lines(
            self._log, ("error", "notification", "warning", "critical", "traceback")
        )

    def ask_refresh(self, link: Link) -> None:
        for version in link.families:
            self.command(f"neighbor {link.remote} announce route-refresh ipv{version} unicast")

    def updates_received(self, link: Link) -> int:
        return sum(1 for _ in self._events_of(link, "update"))

    def refresh_marks(self, link: Link) -> int:
        """By the text of the events, for these are not quite JSON."""
        lines = self._events.read_text().splitlines()
        ours = [line for line in lines if f'"peer": "{link.remote}"' in line]
        return sum('"type": "refresh"' in line for line in ours)

    def _events_of(self, link: Link, kind: str) -> Iterator[Json]:
        for event in self._read_events(kind):
            if event["neighbor"]["address"]["peer"] == link.remote:
                yield event

    def shut(self, link: Link, message: str) -> None:
        raise NotImplementedError(f"no message with its teardown of {link.remote}: {message}")

    def reopen(self, link: Link) -> None:
        """It begins again by itself."""

    def heard(self) -> str:
        return self._events.read_text()

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([EXABGP, "--version"], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split("\n")[0].split()[-1]

    def _updates(self) -> Iterator[Json]:
        for event in self._read_events("update"):
            yield event["neighbor"]["message"].get("update", {})

    def _read_events(self, kind: str) -> Iterator[Json]:
        for line in self._events.read_text().split("\n")[:-1]:
            if f'"type": "{kind}"' in line:
                yield json.loads(line)

    def _text(self) -> str:
        return (
            f"process watcher {{\n  run {sys.executable} {PIPE} {self._commands} {self._events};\n"
            "  encoder json;\n}\n" + "".join(self._neighbor(link) for link in self.links)
        )

    def _neighbor(self, link: Link) -> str:
        lines = [
            f"router-id {self.host.router_id}",
            f"local-address {link.local}",
            f"local-as {link.local_as}",
            f"peer-as {link.remote_as}",
            f"hold-time {HOLD_TIME_S}",
        ]
        if not link.dials:
            lines += ["passive true", "listen 179"]
        if Feature.PASSWORD in link.features:
            lines.append(f'md5-password "{PASSWORD}"')
        if Feature.TTL_SECURITY in link.features:
            lines += ["outgoing-ttl 255", "incoming-ttl 255"]
        families = "".join(f" ipv{version} unicast;" for version in link.families)
        on = {feature: "enable" if feature in link.features else "disable" for feature in Feature}
        asn4 = "disable" if Feature.TWO_OCTET_AS in link.features else "enable"
        capabilities = (
            f"asn4 {asn4}; route-refresh enable;"
            f" extended-message {on[Feature.EXTENDED_MESSAGES]};"
            f" nexthop {on[Feature.EXTENDED_NEXT_HOP]};"
        )
        events = (
            "processes [ watcher ]; neighbor-changes;"
            " receive { parsed; update; notification; open; refresh; }"
            " send { parsed; notification; }"
        )
        blocks = [
            f"family {{{families} }}",
            f"capability {{ {capabilities} }}",
            f"api {{ {events} }}",
        ]
        if Feature.EXTENDED_NEXT_HOP in link.features:
            blocks.append("nexthop { ipv4 unicast ipv6; }")
        text = "".join(f"  {line};\n" for line in lines) + "".join(f"  {one}\n" for one in blocks)
        return f"neighbor {link.remote} {{\n{text}}}\n"


def _extended_community(text: str) -> str:
    """As its configuration has it; with an address as octets, for its words mean another type."""
    kind, administrator, number = text.split(":")
    if "." not in administrator:
        return f"{_EXTENDED_WORDS[kind]}:{administrator}:{number}"
    octets = b"\x01\x02" + IPv4Address(administrator).packed + int(number).to_bytes(2, "big")
    return f"0x{octets.hex()}"


def _read_attributes(found: Json, next_hop: str) -> Attributes:
    """The attributes of one UPDATE event."""
    extended = [one["string"] for one in found.get("extended-community", [])]
    for short, long in _EXTENDED_WORDS.items():
        extended = [one.replace(f"{long}:", f"{short}:", 1) for one in extended]
    aggregator = found.get("aggregator")
    unknown = [
        (*name.removeprefix("attribute-").split("-"), value)
        for name, value in found.items()
        if name.startswith("attribute-0x")
    ]
    return Attributes(
        origin=found["origin"],
        as_path=_path(found),
        next_hop=next_hop,
        med=found.get("med"),
        local_pref=found.get("local-preference"),
        communities=" ".join(f"{high}:{low}" for high, low in found.get("community", [])),
        extended=" ".join(extended),
        large=" ".join(":".join(map(str, one)) for one in found.get("large-community", [])),
        aggregator=aggregator.replace(":", " ") if aggregator else None,
        atomic=found.get("atomic-aggregate"),
        originator=found.get("originator-id"),
        cluster_list=" ".join(found.get("cluster-list", [])),
        unknown=" ".join(f"{int(code, 16)}:{value[2:]}" for code, _, value in unknown),
        partial=any(int(flags, 16) & PARTIAL for _, flags, _ in unknown) if unknown else None,
    )


def _path(found: Json) -> str:
    sets = found.get("as-set", [])
    words = list(map(str, found.get("as-path", [])))
    return " ".join([*words, f"{{{' '.join(map(str, sets))}}}"] if sets else words)
