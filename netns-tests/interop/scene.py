"""One router of ours with a cable to every peer: each implementation several times over.

``router`` is AS 65001 at the .1 and ::1 end of every cable; peer number N has 10.0.N.2/24 and
2001:db8:N::2/64.  Everything starts side by side and stays up for all the tests, so that these
take a minute or two and the daemon has all of them at once, as in real life.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from harness.gobgpd import GOBGP, Gobgpd
from harness.namespace import Lab
from harness.peers.base import HOLD_TIME_S, PASSWORD, Attributes, Feature, Host, Link, Peer
from harness.peers.gobgp3 import read_gobgp_path
from interop.matrix import PEERS

T = TypeVar("T")

OUR_AS = 65001
ROUTER_ID = "10.255.0.1"
WORKERS = 6


class Place(Enum):
    """What a peer of this scene is to us."""

    EXTERNAL = 0  # a session for each family
    INTERNAL = 10  # one session for both; a route reflector's client
    SPECIAL = 20  # external, over IPv6, with whatever the peer can do beyond the ordinary
    OLD = 30  # external, a speaker that knows AS numbers of two octets only


@dataclass(frozen=True, slots=True)
class Spot:
    """One peer of the scene: which implementation, in which place."""

    kind: str
    place: Place

    @property
    def number(self) -> int:
        return self.place.value + 1 + list(PEERS).index(self.kind)

    @property
    def name(self) -> str:
        return f"{self.kind.lower()}-{self.place.name.lower()}"

    @property
    def as_number(self) -> int:
        return OUR_AS if self.place is Place.INTERNAL else 65010 + self.number

    def own(self, version: int) -> str:
        return f"10.0.{self.number}.2" if version == 4 else f"2001:db8:{self.number}::2"

    def ours(self, version: int) -> str:
        return f"10.0.{self.number}.1" if version == 4 else f"2001:db8:{self.number}::1"

    def prefix(self, version: int) -> str:
        """What it announces itself."""
        return f"20.{self.number}.0.0/24" if version == 4 else f"2001:db8:20:{self.number}::/64"

    @property
    def features(self) -> frozenset[Feature]:
        return PEERS[self.kind].features

    def links(self) -> list[Link]:
        if self.place is Place.INTERNAL:
            return [self._link(4, (4, 6), dials=True)]
        if self.place is Place.EXTERNAL:
            return [self._link(4, (4,), dials=False), self._link(6, (6,), dials=True)]
        if self.place is Place.OLD:
            return [self._link(4, (4,), frozenset({Feature.TWO_OCTET_AS}))]
        families = (4, 6) if Feature.EXTENDED_NEXT_HOP in self.features else (6,)
        features = self.features - {Feature.TWO_OCTET_AS}
        return [self._link(6, families, features, dials=PEERS[self.kind].dials_with_password)]

    def _link(
        self,
        version: int,
        families: tuple[int, ...],
        features: frozenset[Feature] = frozenset(),
        *,
        dials: bool = False,
    ) -> Link:
        return Link(
            local=self.own(version),
            remote=self.ours(version),
            local_as=self.as_number,
            remote_as=OUR_AS,
            families=families,
            dials=dials,
            features=features,
        )


SPOTS = [
    Spot(kind, place)
    for place in Place
    for kind in PEERS
    if place is not Place.OLD or Feature.TWO_OCTET_AS in PEERS[kind].features
]


class Scene:
    """All of it, up and running once made; sessions take a few seconds more.

    Attributes:
        complete_since_s: when all of them ran, on the clock of ``time.monotonic``.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.router = lab.namespace("router")
        built = side_by_side(self._build, SPOTS)
        self.peers: dict[Spot, Peer] = dict(zip(SPOTS, built, strict=True))
        self.daemon = Gobgpd(self.router, lab.folder, _configuration(SPOTS))
        side_by_side(self._start, self.peers.values())
        self.complete_since_s = time.monotonic()

    def _build(self, spot: Spot) -> Peer:
        space = self.lab.namespace(spot.name)
        cable = [
            (f"{spot.ours(version)}/{length}", f"{spot.own(version)}/{length}")
            for version, length in ((4, 24), (6, 64))
        ]
        self.lab.connect((self.router, f"eth{spot.number}"), (space, "eth0"), cable)
        folder = self.lab.folder / spot.name
        folder.mkdir()
        host = Host(space, folder, spot.own(4), spot.own(4), spot.own(6))
        return PEERS[spot.kind](host, spot.links())

    def _start(self, peer: Peer) -> None:
        peer.start()
        peer.wait_ready()

    def originate(self, prefix: str, attributes: Attributes) -> None:
        """A route of our own, by our command line."""
        self.router.run(GOBGP, "global", "rib", "add", prefix, *_words(attributes))

    def withdraw(self, prefix: str) -> None:
        self.router.run(GOBGP, "global", "rib", "del", prefix)

    def learnt(self) -> dict[str, Attributes]:
        """What our global table says it learnt from peers, by prefix: the best path of each."""
        found: dict[str, Attributes] = {}
        for version in (4, 6):
            table: dict[str, list[dict[str, Any]]] = self.daemon.json(f"global rib -a ipv{version}")
            for prefix, paths in table.items():
                if "peer-address" in paths[0]:
                    found[prefix] = read_gobgp_path(paths[0])
        return found

    def logs_of(self, spot: Spot) -> list[Path]:
        return [*sorted(self.peers[spot].folder.iterdir()), self.daemon.log_file]


def side_by_side(do: Callable[[Any], T], things: Iterable[Any]) -> list[T]:
    """The same with each thing, several at a time; the first failure is raised."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(do, things))


def _configuration(spots: Iterable[Spot]) -> str:
    text = f'[global.config]\n  as = {OUR_AS}\n  router-id = "{ROUTER_ID}"\n'
    return text + "".join(_neighbor(link) for spot in spots for link in spot.links())


def _neighbor(link: Link) -> str:
    text = (
        f'[[neighbors]]\n  config = {{ neighbor-address = "{link.local}",'
        f" peer-as = {link.local_as} }}\n"
        f"  timers.config = {{ hold-time = {HOLD_TIME_S}, connect-retry = 1 }}\n"
        f"  transport.config.passive-mode = {str(link.dials).lower()}\n"
    )
    if link.local_as == OUR_AS:
        text += "  route-reflector.config.route-reflector-client = true\n"
    if Feature.PASSWORD in link.features:
        text = text.replace(" }", f', auth-password = "{PASSWORD}" }}', 1)
    if Feature.TTL_SECURITY in link.features:
        text += "  ttl-security.config = { enabled = true, ttl-min = 255 }\n"
    for version in link.families:
        text += f'  [[neighbors.afi-safis]]\n    config.afi-safi-name = "ipv{version}-unicast"\n'
    return text


def _words(attributes: Attributes) -> list[str]:
    words = ["origin", attributes.origin]
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
