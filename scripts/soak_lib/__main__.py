"""``scripts/soak``: rounds of trouble for as long as asked, then the table of what grew.

Each round ends one session in one of many ways and does one thing beside it.  Counts are taken when
all is quiet and as it was in the beginning: after the first minute, and at the end.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.kernel import KernelRoute
from harness.namespace import Lab
from harness.pair import neighbor
from harness.wait import pause, wait_until
from scripts.bench_lib.feed import encode_message
from scripts.bench_lib.session import Session
from scripts.soak_lib.scene import (
    FLAPPERS,
    GUESTS,
    Scene,
    flapper_address,
    guest_address,
    log_problems,
    reset,
)

RSS_GROWTH_MAX = 0.05
WARM_UP_S = 60.0
QUIET_S = 3.0
REST_S = 61.0  # of a neighbor whose sessions do not last, at most
CEASE_ADMINISTRATIVE_RESET = encode_message(3, b"\x06\x04")
GARBAGE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(64))


@dataclass(frozen=True, slots=True)
class Counts:
    """What must be the same in quiet times."""

    rss_octets: int
    descriptors: int
    tasks: int
    routes: frozenset[KernelRoute]


class Soak:
    """One soak.

    Attributes:
        done: how often each kind of trouble was made.
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._rests_until_s = [0.0] * FLAPPERS
        self._guest = 0
        self._endings: dict[str, Callable[[Session, str], None]] = {
            "closed without a word": lambda session, _: session.close(),
            "TCP reset": lambda session, _: session.reset(),
            "NOTIFICATION": self._notify,
            "reset by gobgp": self._reset_by_command,
            "malformed UPDATE": self._send_nonsense,
        }
        self._others: dict[str, Callable[[], None]] = {
            "reload that changes the metric": self._reload_metric,
            "reload with another neighbor": self._reload_neighbor,
            "reload that is refused": self._reload_nonsense,
            "gobgp killed": self._kill_client,
            "API client gone": self._vanish_from_api,
            "soft reset": self._soft_reset,
            "half-open connection": self._half_open,
            "network comes and goes": self._spare_network,
            "foreign route at our key": self._foreign_route,
            "link down and up": self._link_flap,
            "far BIRD killed": self.scene.restart_edge,
        }

    def run(self, until_s: float) -> None:
        """Rounds of trouble until the time has come."""
        while time.monotonic() < until_s:
            session, address = self._open()
            pause(self._random.choice((0.0, 0.05, 0.3)))
            ending = self._random.choice(list(self._endings))
            self._endings[ending](session, address)
            self.done[f"session: {ending}"] += 1
            if self._random.random() < 0.4:
                other = self._random.choice(list(self._others))
                self._others[other]()
                self.done[other] += 1

    def _open(self) -> tuple[Session, str]:
        """A session of somebody who may come now: neighbors that fail again and again rest."""
        now_s = time.monotonic()
        rested = [number for number in range(FLAPPERS) if self._rests_until_s[number] <= now_s]
        if rested:
            number = self._random.choice(rested)
            self._rests_until_s[number] = now_s + REST_S
            return self.scene.open_flapper(number), flapper_address(number)
        self._guest = (self._guest + 1) % GUESTS
        return self.scene.open_guest(self._guest), guest_address(self._guest)

    # Ends of a session.

    def _notify(self, session: Session, _: str) -> None:
        session.send(CEASE_ADMINISTRATIVE_RESET)
        session.close()

    def _send_nonsense(self, session: Session, _: str) -> None:
        session.send(encode_message(2, b"\xff\xff\0\0"))
        session.wait_ended(5)
        session.close()

    def _reset_by_command(self, session: Session, address: str) -> None:
        self.scene.daemon.command(f"neighbor {address} reset")
        session.wait_ended(5)
        session.close()

    # What else happens.

    def _reload_metric(self) -> None:
        self.scene.daemon.reload(self.scene.toml(metric=30))
        self.scene.daemon.reload(self.scene.toml())

    def _reload_neighbor(self) -> None:
        extra = neighbor("192.0.2.99", 65099, families=(4,))
        self.scene.daemon.reload(self.scene.toml(extra=extra))
        self.scene.daemon.reload(self.scene.toml())

    def _reload_nonsense(self) -> None:
        self.scene.daemon.reload(self.scene.toml(extra="\n[no-such-block]\n"))
        self.scene.daemon.reload(self.scene.toml())

    def _kill_client(self) -> None:
        words = self._random.choice(
            (("global", "rib"), ("netlink", "export"), ("neighbor",), ("-j", "global", "rib"))
        )
        self.scene.start_client(*words, killed_after_s=self._random.choice((0.1, 0.25, 0.4)))

    def _vanish_from_api(self) -> None:
        self.scene.vanish_from_api(self._random.choice((b"", GARBAGE[:10], GARBAGE)))

    def _soft_reset(self) -> None:
        self.scene.daemon.command("neighbor 192.0.2.2 softreset")

    def _half_open(self) -> None:
        half = self.scene.open_half(self._random.randrange(FLAPPERS))
        pause(0.1)
        reset(half)

    def _spare_network(self) -> None:
        self.scene.router.ip("address add 10.77.0.1/24 dev spare0")
        pause(0.05)
        self.scene.router.ip("address del 10.77.0.1/24 dev spare0")

    def _foreign_route(self) -> None:
        route = "20.0.7.0/24 via 192.0.2.2 metric 20 proto static"
        self.scene.router.try_run("ip", "route", "prepend", *route.split())
        pause(0.05)
        self.scene.router.try_run("ip", "route", "del", *route.split())

    def _link_flap(self) -> None:
        self.scene.edge.ip("link set edge0 down")
        pause(0.1)
        self.scene.edge.ip("link set edge0 up")

    # What is left.

    def count(self) -> Counts:
        """Wait until all is as in the beginning, and quiet; then look."""
        scene = self.scene

        def is_restored() -> bool:
            tables = scene.daemon.rib_prefixes(4), scene.daemon.rib_prefixes(6)
            return [len(table) for table in tables] == [1200, 199]

        wait_until(is_restored, "all steady routes and no others", timeout_s=90, poll_s=0.5)
        seen = frozenset[KernelRoute]()

        def is_quiet() -> bool:
            nonlocal seen
            before, seen = seen, frozenset(scene.kernel_routes())
            return bool(seen) and before == seen

        wait_until(is_quiet, "kernel routes stay the same", timeout_s=60, poll_s=QUIET_S)
        tasks = scene.tasks()
        return Counts(scene.daemon.resident_octets(), scene.descriptors(), tasks, seen)


def compare(first: Counts, last: Counts, *, judges_rss: bool) -> list[tuple[str, str, str, bool]]:
    """(what, in the beginning, in the end, whether that is right)."""
    growth = last.rss_octets / first.rss_octets - 1
    lost, new = first.routes - last.routes, last.routes - first.routes
    return [
        (
            "resident memory, MB",
            f"{first.rss_octets / 1e6:.1f}",
            f"{last.rss_octets / 1e6:.1f} ({growth:+.1%})",
            growth <= RSS_GROWTH_MAX or not judges_rss,
        ),
        (
            "descriptors",
            str(first.descriptors),
            str(last.descriptors),
            first.descriptors == last.descriptors,
        ),
        ("tasks", str(first.tasks), str(last.tasks), first.tasks == last.tasks),
        (
            "kernel routes",
            str(len(first.routes)),
            f"{len(last.routes)} ({len(lost)} lost, {len(new)} new)",
            first.routes == last.routes,
        ),
    ]


def soak(folder: Path, minutes: float, seed: int) -> bool:
    """The whole soak; whether everything was right."""
    with Lab(folder) as lab:
        scene = Scene(lab)
        scene.daemon.wait_established("192.0.2.2")
        trouble = Soak(scene, seed)
        start_s = time.monotonic()
        end_s = start_s + 60 * minutes
        trouble.run(min(start_s + WARM_UP_S, start_s + (end_s - start_s) / 3))
        first = trouble.count()
        trouble.run(end_s)
        last = trouble.count()
        downs = len(scene.daemon.messages("session down"))
        scene.daemon.stop()
        problems = log_problems(scene.daemon)
    for what, count in sorted(trouble.done.items()):
        print(f"{what:<48} {count:>6}")
    print(f"{'sessions that went down':<48} {downs:>6}\n")
    rows = compare(first, last, judges_rss=minutes * 60 > 2 * WARM_UP_S)
    for what, before, after, is_right in rows:
        print(f"{what:<22} {before:>10} -> {after:<28} {'ok' if is_right else 'WRONG'}")
    for line in problems:
        print(f"in the log: {line}")
    return not problems and all(is_right for *_, is_right in rows)


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    found = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="soak-", dir="/run") as folder:
        is_right = soak(Path(folder), found.minutes, found.seed)
    print("everything is as before" if is_right else "FAILED")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
