"""``scripts/bench --mrt FILE``: a table dump into two daemons, one session per peer of the dump.

First each peer alone tells its table, and an internal peer of the daemon (the collector) must be
told every path as it was, whatever its attributes: all of them went through decoder and encoder.
Then all peers tell theirs, and the best paths that the collector is left with are compared.
Addresses of the sessions stand in the order of the real ones, since they break ties.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.namespace import Lab, Namespace
from scripts.bench_lib.counting import StreamCounter
from scripts.bench_lib.feed import encode_end_of_rib, encode_withdrawals
from scripts.bench_lib.machine import read_usage
from scripts.bench_lib.mrt import Dump
from scripts.bench_lib.mrt_decide import (
    Candidate,
    Comparison,
    choose_best,
    compare_best,
    read_facts,
)
from scripts.bench_lib.mrt_feed import (
    Attributes,
    Fate,
    ToldKeeper,
    encode_table,
    expected_inside,
)
from scripts.bench_lib.session import Session, connect

ROUTER_ID, COLLECTOR_ROUTER_ID = "10.200.0.1", "10.200.0.2"
PRIVATE_AS = range(64512, 65535)
HOLD_TIME_S = 90
QUIET_S = 5.0  # longer than a daemon needs to make up its mind
EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class LinePeer:
    """One peer of the dump as it takes part; ``index`` is that of the dump."""

    index: int
    asn: int
    router_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Lineup:
    """Who takes part.

    Attributes:
        asn: the daemon's and the collector's, in no path of the dump.
    """

    family: int
    asn: int
    peers: tuple[LinePeer, ...]

    def address(self, number: int) -> str:
        """1 is the daemon, 2 the collector, from 256 on come the peers."""
        if self.family == 4:
            return str(ip_address("10.200.0.0") + number)
        return str(ip_address("fd00:200::") + number)

    @property
    def width_bits(self) -> int:
        return 16 if self.family == 4 else 64


def line_up(dump: Dump, family: int) -> Lineup:
    """The peers that have paths of this family, in the order of their addresses."""
    tables = dump.routes[family]
    taken = {number for table in tables.values() for octets in table.values()
             for number in read_facts(octets).as_numbers}  # fmt: skip
    taken |= {peer.asn for peer in dump.peers}
    asn = next(number for number in PRIVATE_AS if number not in taken)
    order = sorted(tables, key=lambda index: ip_address(dump.peers[index].address).packed)
    empty = Lineup(family, asn, ())
    peers = tuple(
        LinePeer(index, dump.peers[index].asn, dump.peers[index].router_id, empty.address(number))
        for number, index in enumerate(order, 256)
    )
    return Lineup(family, asn, peers)


# --- the daemons ---------------------------------------------------------------


class OurSpeaker:
    """The installed gobgpd; as BIRD's default is, the age of a path does not count."""

    def __init__(self, space: Namespace, folder: Path, lineup: Lineup) -> None:
        lines = ["[global.config]", f"as = {lineup.asn}", f'router-id = "{ROUTER_ID}"']
        lines += ["[global.route-selection-options.config]", "external-compare-router-id = true"]
        collector = (lineup.address(2), lineup.asn)
        for address, asn in (collector, *((peer.address, peer.asn) for peer in lineup.peers)):
            lines += ["[[neighbors]]", "[neighbors.config]"]
            lines += [f'neighbor-address = "{address}"', f"peer-as = {asn}"]
            lines += ["[neighbors.transport.config]", "passive-mode = true"]
            lines += ["[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]"]
            lines += [f'afi-safi-name = "ipv{lineup.family}-unicast"']
        self._gobgpd = Gobgpd(space, folder, "\n".join(lines) + "\n")
        self.pid = self._gobgpd.process.pid

    def stop(self) -> None:
        self._gobgpd.stop()


class BirdSpeaker:
    """BIRD 2: MED as RFC 4271 has it, whatever the order in which paths came.

    Next hops are all equally near, through a table of their own that no path gets into.
    """

    def __init__(self, space: Namespace, folder: Path, lineup: Lineup) -> None:
        channel = f"ipv{lineup.family}"
        everything = "0.0.0.0/0" if lineup.family == 4 else "::/0"
        near = f"gateway recursive; igp table near{lineup.family};"
        lines = [f"router id {ROUTER_ID};", f"{channel} table near{lineup.family};"]
        lines.append(
            f"protocol static {{ {channel} {{ table near{lineup.family}; }};"
            f" route {everything} via {lineup.address(2)}; }}"
        )
        own = f"local {lineup.address(1)} as {lineup.asn}; passive yes; direct"
        lines.append(
            f"protocol bgp collector {{ {own}; neighbor {lineup.address(2)} as {lineup.asn};"
            f" {channel} {{ import none; export all; next hop keep; }}; }}"
        )
        lines += [
            f"protocol bgp peer{peer.index} {{ {own}; neighbor {peer.address} as {peer.asn};"
            f" deterministic med on; {channel} {{ import all; export none; {near} }}; }}"
            for peer in lineup.peers
        ]
        self._bird = Bird(space, folder, "\n".join(lines))
        self.pid = int((folder / "bird.pid").read_text())

    def stop(self) -> None:
        self._bird.stop()


SPEAKERS: dict[str, type[OurSpeaker | BirdSpeaker]] = {"ours": OurSpeaker, "bird": BirdSpeaker}


# --- one daemon's run ------------------------------------------------------------


@dataclass(slots=True)
class Heard:
    """What the collector of one daemon was told.

    Attributes:
        as_expected: paths that were told one peer at a time, as they must.
        kept: reason -> paths that must not be told and were not.
        wrong_count: paths told otherwise, or not, or without need.
        wrong: a few of them, as text.
        best: of all peers together, NLRI -> attributes.
        load_s: from the first octet of all tables to the last that the collector was told.
        rss_octets: the daemon's memory with all tables.
    """

    as_expected: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    wrong_count: int = 0
    wrong: list[str] = field(default_factory=list)
    best: Mapping[bytes, Attributes] = field(default_factory=dict)
    load_s: float = 0.0
    rss_octets: int = 0


@contextmanager
def _sessions(
    folder: Path, name: str, lineup: Lineup
) -> Iterator[tuple[int, Session, dict[int, Session]]]:
    """The daemon's process, the collector's session, and by index those of the peers."""
    with Lab(folder) as lab:
        inside, outside = lab.namespace("daemon"), lab.namespace("peers")
        lab.connect((inside, "eth0"), (outside, "eth0"))
        _add_address(inside, lineup, lineup.address(1))
        for address in (lineup.address(2), *(peer.address for peer in lineup.peers)):
            _add_address(outside, lineup, address)
        speaker = SPEAKERS[name](inside, folder, lineup)
        opened: list[Session] = []

        def open_session(address: str, asn: int, router_id: str) -> Session:
            ends = (address, lineup.address(1))
            opened.append(connect(outside, ends, asn, router_id, lineup.family, HOLD_TIME_S))
            return opened[-1]

        try:
            collector = open_session(lineup.address(2), lineup.asn, COLLECTOR_ROUTER_ID)
            peers = {
                peer.index: open_session(peer.address, peer.asn, peer.router_id)
                for peer in lineup.peers
            }
            yield speaker.pid, collector, peers
        finally:
            for session in opened:
                session.close()
            speaker.stop()


def _add_address(space: Namespace, lineup: Lineup, address: str) -> None:
    space.ip(f"address add {address}/{lineup.width_bits} dev eth0")


def hear(folder: Path, name: str, dump: Dump, lineup: Lineup, expected_count: int) -> Heard:
    """Tell one daemon everything, first peer by peer, then all together.

    ``expected_count`` is that of prefixes the collector should know in the end.

    Raises:
        PeerEnded: a session went down.
    """
    heard = Heard()
    family = lineup.family
    tables = dump.routes[family]
    with _sessions(folder, name, lineup) as (pid, collector, peers):
        keeper = ToldKeeper()
        collector.start_counting(keeper)
        for index, session in peers.items():
            fates = {
                nlri: expected_inside(octets, family) for nlri, octets in tables[index].items()
            }
            session.send(encode_table(tables[index], family))
            _wait_told(collector, keeper, sum(not fate.reason for fate in fates.values()))
            _check(heard, dump.peers[index].address, fates, keeper.told)
            session.send(b"".join(encode_withdrawals(family, list(tables[index]))))
            _wait_told(collector, keeper, 0)
        encoded = {index: encode_table(table, family) for index, table in tables.items()}
        start_s = time.monotonic()
        for index, session in peers.items():
            session.send(encoded[index] + encode_end_of_rib(family))
        _wait_told(collector, keeper, expected_count)
        heard.load_s = _wait_quiet(collector) - start_s
        heard.rss_octets = read_usage([pid]).rss_octets
        heard.best = dict(keeper.told)
    return heard


def _check(
    heard: Heard, peer: str, fates: Mapping[bytes, Fate], told: Mapping[bytes, Attributes]
) -> None:
    for nlri, fate in fates.items():
        found = told.get(nlri)
        if fate.reason and found is None:
            heard.kept[fate.reason] += 1
        elif not fate.reason and found == fate.attributes:
            heard.as_expected += 1
        else:
            wanted = fate.reason or fate.attributes
            heard.wrong_count += 1
            heard.wrong.append(f"{peer} {nlri.hex()}: wanted {wanted}, found {found}")
            del heard.wrong[EXAMPLES_MAX:]


def _wait_told(collector: Session, keeper: ToldKeeper, count: int) -> None:
    """Until the collector knows so many prefixes, or has long heard nothing more."""
    while True:
        before = keeper.updates
        try:
            collector.wait_until(lambda _: len(keeper.told) == count, QUIET_S)
        except TimeoutError:
            if keeper.updates != before:
                continue
        return


def _wait_quiet(collector: Session) -> float:
    """Until the collector has heard nothing for a while.

    Returns when the last of it came (monotonic clock, seconds).
    """
    came_s = time.monotonic()
    while True:
        before = collector.counter.updates
        try:
            came_s = collector.wait_until(partial(_has_more_than, before), QUIET_S)
        except TimeoutError:
            return came_s


def _has_more_than(updates: int, counter: StreamCounter) -> bool:
    return counter.updates > updates


# --- both, compared --------------------------------------------------------------


def candidates_of(dump: Dump, lineup: Lineup) -> dict[bytes, list[Candidate]]:
    """All paths of each prefix, as the plain decision needs them."""
    found: dict[bytes, list[Candidate]] = {}
    for peer in lineup.peers:
        router_id = int(ip_address(peer.router_id))
        address = int(ip_address(peer.address))
        for nlri, octets in dump.routes[lineup.family][peer.index].items():
            candidate = Candidate(peer.index, read_facts(octets), router_id, address)
            found.setdefault(nlri, []).append(candidate)
    return found


def identify(
    dump: Dump,
    lineup: Lineup,
    prefixes: Mapping[bytes, list[Candidate]],
    told: Mapping[bytes, Attributes],
) -> dict[bytes, int]:
    """Whose path the collector was told, by index; -1 for nobody's.

    Where several peers' paths look alike from inside, it is the one that should be best, if it is
    among them.
    """
    found = {}
    tables = dump.routes[lineup.family]
    for nlri, attributes in told.items():
        alike = [
            one
            for one in prefixes.get(nlri, ())
            if expected_inside(tables[one.peer_index][nlri], lineup.family).attributes == attributes
        ]
        best = choose_best(prefixes[nlri]) if alike else None
        chosen = best if best in alike else next(iter(alike), None)
        found[nlri] = chosen.peer_index if chosen is not None else -1
    return found


def run_dump(dump: Dump, family: int, folder: Path) -> tuple[dict[str, Heard], Comparison]:
    """All of one family."""
    lineup = line_up(dump, family)
    prefixes = candidates_of(dump, lineup)
    wanted = {
        nlri: best.peer_index
        for nlri, paths in prefixes.items()
        for best in (choose_best(paths),)
        if not expected_inside(dump.routes[family][best.peer_index][nlri], family).reason
    }
    heard = {}
    for name in SPEAKERS:
        run_folder = folder / f"{name}-{family}"
        run_folder.mkdir()
        heard[name] = hear(run_folder, name, dump, lineup, len(wanted))
    best = {name: identify(dump, lineup, prefixes, one.best) for name, one in heard.items()}
    return heard, compare_best(prefixes, wanted, best)
