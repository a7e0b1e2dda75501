"""Who is there: our daemon, two steady BIRDs (one over a link that fails), peers that flap.

steady  BIRD  AS 65002  192.0.2.2 --- lan0 --- 192.0.2.1    gobgpd, AS 65001
flaps   AS 65100+       192.0.2.100 and on, the same cable
edge    BIRD  AS 65003  198.51.100.2 --- edge0 --- 198.51.100.1
                                         spare0 (networks come and go here)
"""

import signal
import socket
import struct
from pathlib import Path

from harness.bird import Bird
from harness.gobgpd import GOBGP, Gobgpd
from harness.kernel import KernelRoute, list_routes
from harness.namespace import Lab
from harness.pair import bird_session, bird_static, exports, neighbor, rule
from harness.wait import pause, wait_until
from scripts.bench_lib.feed import FeedOptions, make_feed
from scripts.bench_lib.session import Session, connect

FLAPPERS = 8
GUESTS = 200
GUEST_AS = 65200
FLAPPER_ROUTES = 2000
STEADY_ROUTES = 1000
HOLD_TIME_S = 3
REST = "idle-hold-time-after-reset = 1"  # so that a reset session is soon back
GLOBAL = '[global.config]\n  as = 65001\n  router-id = "192.0.2.1"\n'
GUEST_BLOCKS = f"""
[[peer-groups]]
  config = {{ peer-group-name = "guests", peer-as = {GUEST_AS} }}
  timers.config = {{ hold-time = {HOLD_TIME_S}, connect-retry = 1 }}
[[dynamic-neighbors]]
  config = {{ prefix = "10.9.0.0/16", peer-group = "guests" }}
"""
IMPORT = '\n[netlink.import]\n  enabled = true\n  interface-list = ["spare*"]\n'


def flapper_address(number: int) -> str:
    return f"192.0.2.{100 + number}"


def guest_address(number: int) -> str:
    return f"10.9.1.{1 + number}"


def flapper_as(number: int) -> int:
    return 65100 + number


class Scene:
    """Everything, started and quiet.

    Attributes:
        daemon: ours.
        feeds, guest_feed: the table of each flapper, and that of all guests.
    """

    def __init__(self, lab: Lab) -> None:
        self.router, self.peers = lab.namespace("router"), lab.namespace("peers")
        self.edge = lab.namespace("edge")
        lan = [("192.0.2.1/24", "192.0.2.2/24"), ("2001:db8::1/64", "2001:db8::2/64")]
        lab.connect((self.router, "lan0"), (self.peers, "lan0"), lan)
        far = [("198.51.100.1/30", "198.51.100.2/30")]
        lab.connect((self.router, "edge0"), (self.edge, "edge0"), far)
        self.router.ip("link add spare0 type veth peer name spare1")
        for name in ("spare0", "spare1"):
            self.router.ip(f"link set {name} up")
        for number in range(FLAPPERS):
            self.peers.ip(f"address add {flapper_address(number)}/24 dev lan0")
        self.router.ip("address add 10.9.0.1/16 dev lan0")
        for number in range(GUESTS):
            self.peers.ip(f"address add {guest_address(number)}/16 dev lan0")
        routes = {f"20.{n >> 8}.{n & 255}.0/24": "" for n in range(STEADY_ROUTES)}
        routes |= {f"2001:db8:{n:x}::/48": "" for n in range(1, 200)}
        self.steady = Bird(
            self.peers,
            lab.folder,
            f"router id 192.0.2.2;\n{bird_session(hold_time_s=HOLD_TIME_S)}{bird_static(routes)}",
            "steady",
        )
        session = bird_session(
            local="198.51.100.2", local_as=65003, remote="198.51.100.1", families=(4,), dials=True
        )
        far_routes = {f"30.0.{n}.0/24": "" for n in range(200)}
        self._edge_text = f"router id 198.51.100.2;\n{session}{bird_static(far_routes)}"
        self.edge_bird = Bird(self.edge, lab.folder, self._edge_text, "edge")
        self.daemon = Gobgpd(self.router, lab.folder, self.toml())
        self.guest_feed = make_feed(FeedOptions(FLAPPER_ROUTES, 4, GUEST_AS, "10.9.1.1", seed=99))
        self.feeds = [
            make_feed(FeedOptions(FLAPPER_ROUTES, 4, flapper_as(n), flapper_address(n), seed=n + 1))
            for n in range(FLAPPERS)
        ]

    def toml(self, metric: int = 20, extra: str = "") -> str:
        """The configuration: every peer, import of spare interfaces, one rule for every route."""
        blocks = [neighbor(hold_time_s=HOLD_TIME_S)]
        blocks.append(neighbor("198.51.100.2", 65003, passive=True, families=(4,), hold_time_s=3))
        blocks += [
            neighbor(flapper_address(n), flapper_as(n), passive=True, families=(4,), hold_time_s=3)
            for n in range(FLAPPERS)
        ]
        blocks.append(GUEST_BLOCKS)
        text = "".join(blocks).replace("connect-retry = 1", "connect-retry = 1, " + REST)
        return GLOBAL + text + IMPORT + exports(rule(metric=metric)) + extra

    # What flaps.

    def open_flapper(self, number: int) -> Session:
        """One more session of a flapper, its table told."""
        address = flapper_address(number)
        session = connect(
            self.peers, (address, "192.0.2.1"), flapper_as(number), address, 4, HOLD_TIME_S
        )
        session.send(self.feeds[number].announce + self.feeds[number].end_of_rib)
        return session

    def open_guest(self, number: int) -> Session:
        """A session of a guest, its table told."""
        address = guest_address(number)
        session = connect(self.peers, (address, "10.9.0.1"), GUEST_AS, address, 4, HOLD_TIME_S)
        session.send(self.guest_feed.announce + self.guest_feed.end_of_rib)
        return session

    def open_half(self, number: int) -> socket.socket:
        """A connection of a flapper that never says anything."""
        half = self.peers.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        half.settimeout(5)
        half.bind((flapper_address(number), 0))
        half.connect(("192.0.2.1", 179))
        return half

    def restart_edge(self) -> None:
        """The far BIRD dies as in a power cut and comes back."""
        self.edge_bird.kill()
        self.edge_bird.start()

    # Clients of the API.

    def start_client(self, *words: str, killed_after_s: float) -> None:
        """``gobgp`` that is killed while it reads its answer, or has done so."""
        process = self.router.popen(GOBGP, *words)
        pause(killed_after_s)
        process.kill()
        process.wait()

    def vanish_from_api(self, octets: bytes) -> None:
        """A client of the API that says something, or nothing, and is gone without a FIN."""
        client = self.router.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(5)
        client.connect(("127.0.0.1", 50051))
        client.sendall(octets)
        reset(client)

    # What is looked at.

    def kernel_routes(self) -> list[KernelRoute]:
        """All of every protocol number of ours, both families."""
        return [
            route
            for version in (4, 6)
            for route in list_routes(self.router, version=version, table="all")
        ]

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.daemon.process.pid}/fd").iterdir()))

    def tasks(self) -> int:
        """Trio tasks, told in the log on SIGUSR1."""
        told = len(self._tasks_told())
        self.daemon.process.send_signal(signal.SIGUSR1)
        return wait_until(lambda: self._tasks_told()[told:], "the daemon tells its tasks")[0]

    def _tasks_told(self) -> list[int]:
        return [int(event["tasks"]) for event in self.daemon.messages("event loop")]


def reset(connection: socket.socket) -> None:
    """Close with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def log_problems(daemon: Gobgpd) -> list[str]:
    """Lines that no soak may cause, and whatever stands on stderr."""
    return [
        f"{event['level']}: {event['msg']}"
        for event in daemon.events()
        if event["level"] in {"error", "critical"} and "config not changed" not in event["msg"]
    ] + daemon.stderr().splitlines()
