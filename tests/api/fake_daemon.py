"""A daemon without tasks: real tables, peers and kernel side as the test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.session.negotiate import (
    Endpoints,
    Negotiated,
    SessionSettings,
    make_open,
    negotiate,
)
from gobgp_trio.bgp.session.outputs import State
from gobgp_trio.config.schema import Config, Global, Neighbor, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.export_stats import ExportStats
from gobgp_trio.daemon.importer import ImportStats
from gobgp_trio.daemon.peer_stats import PeerStats
from gobgp_trio.daemon.session_place import SessionPlace
from gobgp_trio.daemon.speaker import SessionLink, Speaker
from gobgp_trio.fib.rules import TargetKey
from gobgp_trio.fib.target import Target
from gobgp_trio.rib.advertise import SelfNextHops
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.attributes import AS_SEQUENCE
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Source, SourceKind
from gobgp_trio.types.prefix import parse_prefix

OUR_ID, THEIR_ID = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
RECEIVED_S = 1_795_332_934.0
UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)


@dataclass
class FakePeer:
    neighbor: Neighbor
    stats: PeerStats = field(default_factory=PeerStats)
    is_admin_down: bool = False
    is_over_limit: bool = False
    state: State = State.ACTIVE
    negotiated: Negotiated | None = None
    controls: list[tuple[str, str]] = field(default_factory=list)

    def enable(self) -> None:
        self.controls.append(("enable", ""))

    def disable(self, message: str = "") -> None:
        self.controls.append(("disable", message))

    def reset(self, message: str = "") -> None:
        self.controls.append(("reset", message))


@dataclass
class FakePeers:
    peers: Mapping[str, FakePeer] = field(default_factory=dict)

    def find(self, address: str) -> FakePeer | None:
        try:
            return self.peers.get(str(ip_address(address)))
        except ValueError:
            return None


@dataclass
class FakePlanner:
    targets: dict[tuple[TargetKey, Family], Target] = field(default_factory=dict)
    attempts_count: int = 0
    failures_count: int = 0


@dataclass
class FakeExporter:
    stats: ExportStats = field(default_factory=ExportStats)
    planner: FakePlanner = field(default_factory=FakePlanner)
    dampened_count: int = 0
    flushes: int = 0

    async def flush(self) -> None:
        self.flushes += 1


@dataclass
class FakeImporter:
    stats: ImportStats = field(default_factory=ImportStats)


@dataclass
class FakeNetlink:
    import_settings: NetlinkImport = field(default_factory=NetlinkImport)
    export_settings: NetlinkExport | None = None
    importer: FakeImporter | None = None
    exporter: FakeExporter | None = None


class FakeDaemon:
    """Global AS 65001, router 10.0.0.1; nothing in the tables."""

    def __init__(self, *, is_started: bool = True) -> None:
        global_ = Global(65001, OUR_ID, listen_addresses=("0.0.0.0", "::"))
        self.config = Config(global_=global_ if is_started else None)
        self.speaker = Speaker(
            Rib(UNICAST),
            OUR_ID,
            lambda _: SessionPlace(3, SelfNextHops(ipv4=bytes((192, 0, 2, 1)))),
            lambda: RECEIVED_S,
        )
        self.peers = FakePeers()
        self.netlink = FakeNetlink()

    def add_peer(self, *, is_up: bool = True) -> SessionLink | None:
        """Neighbor 192.0.2.2 in AS 65002, IPv4 and IPv6; the link of its session."""
        neighbor = Neighbor("192.0.2.2", 65002, 65001, UNICAST, description="peer two")
        peer = FakePeer(neighbor)
        self.peers = FakePeers({neighbor.address: peer})
        if not is_up:
            return None
        ours = SessionSettings(65001, 65002, OUR_ID, UNICAST)
        theirs = SessionSettings(65002, 65001, THEIR_ID, UNICAST)
        ends = Endpoints(bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
        peer.negotiated = negotiate(ours, ends, make_open(theirs), is_outbound=True)
        peer.state = State.ESTABLISHED
        return self.speaker.peer_up(neighbor, peer.negotiated)

    def receive(self, link: SessionLink, *prefixes: str, as_numbers: tuple[int, ...] = ()) -> None:
        """Paths from the neighbor, next hop 192.0.2.2, AS path 65002 and what is given."""
        attributes = make_attributes(
            origin=0,
            next_hop=bytes((192, 0, 2, 2)),
            as_path=[(AS_SEQUENCE, (65002, *as_numbers))],
            communities=[65001 << 16 | 100],
        )
        for prefix in prefixes:
            family, nlri = parse_prefix(prefix)
            self.speaker.rib.announce(link.source, family, attributes, [nlri], RECEIVED_S)

    def import_network(self, prefix: str, interface: str) -> None:
        """A connected network of an interface."""
        family, nlri = parse_prefix(prefix)
        source = Source(SourceKind.NETLINK, interface)
        self.speaker.rib.add_source(source)
        attributes = make_attributes(origin=0, next_hop=bytes(family.address_octets))
        self.speaker.rib.announce(source, family, attributes, [nlri], RECEIVED_S)
