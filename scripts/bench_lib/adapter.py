"""What an adapter is: how a daemon of the bench is configured, started, asked and ended.

To add one, write a class with the members of ``Daemon`` and enter it in ``daemons.DAEMONS``.  All
sessions are eBGP and the daemon waits for them; what is set apart from that and differs from the
daemon's defaults is named in ``settings``, which the report prints.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.namespace import Namespace

DAEMON_AS, FEEDER_AS, RECEIVER_AS = 65000, 65001, 65002
ROUTER_ID = "10.200.1.1"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a scenario wants of the daemon.

    Attributes:
        family: 4 or 6.
        has_kernel: write what is learnt into the kernel.
        has_receiver: send what is learnt to a second peer.
        dampening_ms: for daemons that wait before they write a route.
    """

    family: int
    has_kernel: bool = False
    has_receiver: bool = False
    dampening_ms: int = 0

    def address(self, link: int, host: int) -> str:
        """Link 1 leads to the feeder, 2 to the receiver; host 1 is the daemon, 2 the peer."""
        return f"10.200.{link}.{host}" if self.family == 4 else f"fd00:200:{link}::{host}"

    def peers(self) -> list[tuple[str, int, int]]:
        """(name, link, AS) of each peer."""
        feeder, receiver = ("feeder", 1, FEEDER_AS), ("receiver", 2, RECEIVER_AS)
        return [feeder, receiver] if self.has_receiver else [feeder]


class Daemon(Protocol):
    """A running daemon."""

    def count_routes(self) -> int:
        """Prefixes in its own table."""

    def pids(self) -> list[int]:
        """Its processes."""

    def take_lag_ms(self) -> float | None:
        """How late its event loop was at most since last asked; None when it does not tell."""

    def stop(self) -> None:
        """End it; nothing of it stays."""

    def log_tail(self) -> str:
        """The end of what it logged, for when a run fails."""


@runtime_checkable
class LiveDaemon(Protocol):
    """What more a daemon can do that is changed and looked at while it works."""

    def change_export(self) -> None:
        """Have every route in the kernel written anew, by a reload; returns when that is done."""

    def list_routes(self) -> None:
        """Have its table and what it put into the kernel listed, as a user would."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """How to get a daemon.

    Attributes:
        settings: what is set that is not its default, for the report.
        missing: what is not installed, or "".
        has_kernel: it can write routes into the kernel.
        is_live: its daemons are ``LiveDaemon``, too.
    """

    start: Callable[[Namespace, Path, Setup], Daemon]
    settings: Callable[[Setup], str]
    missing: Callable[[], str]
    has_kernel: bool = True
    is_live: bool = False


def tail(path: Path) -> str:
    """The end of a log."""
    return path.read_text(errors="replace")[-2000:] if path.exists() else ""


def missing_program(*programs: Path) -> Callable[[], str]:
    """Looks for programs when it is called."""
    return lambda: ", ".join(
        f"{program} is not there" for program in programs if not shutil.which(program)
    )
