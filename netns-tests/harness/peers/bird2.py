"""BIRD 2: configured by its file, asked with ``birdc``."""

import re
import subprocess
from collections.abc import Sequence

from harness.bird import BIRD, Bird
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

_PATH_START = re.compile(r"^(?=\S*\s+(?:unicast|unreachable|blackhole) \[)", re.MULTILINE)
_UNKNOWN = re.compile(r"^\s+BGP\.([0-9a-f]{2}) \[\w*\]: (.*)$", re.MULTILINE)
_ORIGINS = {"IGP": "igp", "EGP": "egp", "Incomplete": "incomplete"}


class BirdPeer(Peer):
    kind = "BIRD"
    binary = BIRD
    cannot_set = frozenset({"aggregator", "atomic", "unknown"})  # read-only in its filters
    hides = frozenset({"partial"})
    assumed_local_pref = 100
    features = frozenset(Feature)

    def __init__(self, host: Host, links: Sequence[Link]) -> None:
        super().__init__(host, links)
        self._routes: dict[str, Attributes] = {}

    def start(self) -> None:
        self._bird = Bird(self.space, self.folder, self._text())

    def wait_ready(self) -> None:
        """Its control socket answered in ``start``."""

    def announce(self, prefix: str, attributes: Attributes) -> None:
        self._routes[prefix] = attributes
        self._bird.configure(self._text())

    def withdraw(self, prefix: str) -> None:
        del self._routes[prefix]
        self._bird.configure(self._text())

    def route(self, prefix: str) -> Attributes | None:
        blocks = _PATH_START.split(self._bird.route(prefix))
        learnt = [block for block in blocks if "BGP.origin" in block and "[link" in block]
        return _read_attributes(learnt[0]) if learnt else None

    def has_large(self, prefix: str, large: str) -> bool:
        """Asked by a condition, because it shows the first few hundred characters only."""
        words = large.split()
        first, last = (f"({word.replace(':', ',')})" for word in (words[0], words[-1]))
        held = "bgp_large_community"
        condition = f"{held}.len = {len(words)} && {first} ~ {held} && {last} ~ {held}"
        return prefix in self._bird.command(f"show route where net = {prefix} && {condition}")

    def is_established(self, link: Link) -> bool:
        return self._bird.state(self._name(link)) == "Established"

    def notifications(self) -> tuple[int, int]:
        """BIRD counts none: each direction leaves its own word in the log."""
        text = self._bird.log.read_text()
        return text.count(": Error: "), text.count(": Received: ")

    def complaints(self) -> list[str]:
        return matching_lines(self._bird.log, ("<err>", "<warn>", "<bug>", "<rmt>", "<fatal>"))

    def ask_refresh(self, link: Link) -> None:
        self._bird.command(f"reload in {self._name(link)}")

    def updates_received(self, link: Link) -> int:
        shown = self._bird.command(f"show protocols all {self._name(link)}")
        return sum(map(int, re.findall(r"Import updates:\s+(\d+)", shown)))

    def refresh_marks(self, link: Link) -> int:
        lines = self._bird.log.read_text().splitlines()
        ours = [line for line in lines if f"{self._name(link)}: " in line]
        return sum("Got BEGIN-OF-RR" in line or "Got END-OF-RR" in line for line in ours)

    def host_name(self, link: Link) -> str:
        shown = self._bird.command(f"show protocols all {self._name(link)}")
        found = re.search(r"Neighbor capabilities\n.*Hostname: (\S+)", shown, re.DOTALL)
        return found[1] if found else ""

    def shut(self, link: Link, message: str) -> None:
        self._bird.command(f'disable {self._name(link)} "{message}"')

    def reopen(self, link: Link) -> None:
        self._bird.command(f"enable {self._name(link)}")

    def heard(self) -> str:
        return self._bird.log.read_text()

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([BIRD, "--version"], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split()[-1]

    def _name(self, link: Link) -> str:
        return f"link{self.links.index(link)}"

    def _text(self) -> str:
        text = f"router id {self.host.router_id};\n"
        for version in (4, 6):
            chosen = {
                prefix: attributes
                for prefix, attributes in self._routes.items()
                if (":" in prefix) == (version == 6)
            }
            routes = "".join(f"  route {prefix} blackhole;\n" for prefix in chosen)
            text += f"protocol static static{version} {{\n  ipv{version};\n{routes}}}\n"
            # On the way out, for it drops a MED and a LOCAL_PREF that were there before.
            cases = "".join(
                f"  if net = {prefix} then {{ {_statements(attributes)} accept; }}\n"
                for prefix, attributes in chosen.items()
            )
            text += f"filter announced{version} {{\n{cases}  reject;\n}}\n"
        return text + "".join(self._session(link) for link in self.links)

    def _session(self, link: Link) -> str:
        options = [
            f"local {link.local} as {link.local_as}",
            f"neighbor {link.remote} as {link.remote_as}",
            "direct",
            f"hold time {HOLD_TIME_S}",
            "connect retry time 1",
            "connect delay time 1",
            "error wait time 1,2",
            "debug { packets }",  # the marks of a refresh are told nowhere else
        ]
        if not link.dials:
            options.append("passive")
        if Feature.PASSWORD in link.features:
            options.append(f'password "{PASSWORD}"')
        if Feature.TTL_SECURITY in link.features:
            options.append("ttl security yes")
        if Feature.EXTENDED_MESSAGES in link.features:
            options.append("enable extended messages yes")
        if Feature.TWO_OCTET_AS in link.features:
            options.append("enable as4 no")
        channels = "".join(self._channel(version, link) for version in link.families)
        return f"protocol bgp {self._name(link)} {{\n  {'; '.join(options)};\n{channels}}}\n"

    def _channel(self, version: int, link: Link) -> str:
        extended = version == 4 and Feature.EXTENDED_NEXT_HOP in link.features
        own = self.host.ipv6 if version == 6 or extended else self.host.ipv4
        gateway = "recursive" if link.local_as == link.remote_as else "direct"
        return (
            f"  ipv{version} {{ import all; export filter announced{version}; gateway {gateway};"
            f" next hop address {own};{' extended next hop yes;' if extended else ''} }};\n"
        )


def _statements(attributes: Attributes) -> str:
    """What gives a route these attributes in a filter."""
    done = [f"bgp_origin = ORIGIN_{attributes.origin.upper()};", "bgp_path = +empty+;"]
    done += [f"bgp_path.prepend({as_});" for as_ in reversed(attributes.as_path.split())]
    if attributes.med is not None:
        done.append(f"bgp_med = {attributes.med};")
    if attributes.local_pref is not None:
        done.append(f"bgp_local_pref = {attributes.local_pref};")
    for one in attributes.communities.split():
        done.append(f"bgp_community.add(({one.replace(':', ',')}));")
    for one in attributes.extended.split():
        kind, administrator, number = one.split(":")
        word = {"rt": "rt", "soo": "ro"}[kind]
        done.append(f"bgp_ext_community.add(({word},{administrator},{number}));")
    for one in attributes.large.split():
        done.append(f"bgp_large_community.add(({one.replace(':', ',')}));")
    return " ".join(done)


def _read_attributes(block: str) -> Attributes:
    """The lines ``BGP.name: value`` of ``show route all``."""
    found = dict(re.findall(r"^\s+BGP\.(\w+): ?(.*)$", block, re.MULTILINE))
    extended = [
        f"{'rt' if kind == 'rt' else 'soo' if kind == 'ro' else kind}:{administrator}:{number}"
        for kind, administrator, number in re.findall(
            r"\((\w+), ?([\d.]+), ?(\d+)\)", found.get("ext_community", "")
        )
    ]
    aggregator = re.match(r"(\S+) AS(\d+)", found.get("aggregator", ""))
    return Attributes(
        origin=_ORIGINS[found["origin"]],
        as_path=found["as_path"].strip(),
        next_hop=found["next_hop"].split()[0],  # a link-local one may follow
        med=int(found["med"]) if "med" in found else None,
        local_pref=int(found["local_pref"]) if "local_pref" in found else None,
        communities=" ".join(
            re.sub(r"[()]", "", one).replace(",", ":")
            for one in re.findall(r"\([^)]*\)", found.get("community", ""))
        ),
        extended=" ".join(extended),
        large=" ".join(
            ":".join(numbers)
            for numbers in re.findall(
                r"\((\d+), ?(\d+), ?(\d+)\)", found.get("large_community", "")
            )
        ),
        aggregator=f"{aggregator[2]} {aggregator[1]}" if aggregator else None,
        atomic="atomic_aggr" in found or None,
        originator=found.get("originator_id"),
        cluster_list=found.get("cluster_list", "").strip(),
        unknown=" ".join(
            f"{int(code, 16)}:{value.replace(' ', '')}"
            for code, value in re.findall(
                r"^\s+BGP\.([0-9a-f]{2}) \[\w*\]: (.*)$", block, re.MULTILINE
            )
        ),
    )
