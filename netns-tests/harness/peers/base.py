"""What every implementation can be asked for, and the words that are common to all of them.

A test says ``peer.announce(PREFIX, Attributes(...))`` and ``peer.route(PREFIX)``; each module of
this folder translates that into its daemon's own configuration and reads its daemon's own output.

Rules: a wrapper tells what its daemon printed, never what was expected; what a daemon does not
show or cannot set is listed in ``Peer.hides`` and ``Peer.cannot_set``, nowhere else.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from harness.namespace import Namespace
from harness.wait import WaitedInVain, wait_until

SESSION_TIMEOUT_S = 60.0
ROUTE_TIMEOUT_S = 20.0
HOLD_TIME_S = 3
PASSWORD = "a-word-for-two"


class Feature(Enum):
    """What a session can be configured to do beyond the ordinary."""

    PASSWORD = "password"
    TTL_SECURITY = "ttl security"
    EXTENDED_MESSAGES = "extended messages"
    EXTENDED_NEXT_HOP = "extended next hop"
    ENHANCED_REFRESH = "enhanced route refresh"
    TWO_OCTET_AS = "two-octet AS numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The path attributes of one route, as text and numbers people write; None is "not there".

    Communities of each kind and cluster ids are separated by spaces; ``extended`` holds route
    targets and origins as ``rt:65001:100`` and ``soo:192.0.2.9:7``; ``unknown`` an attribute that
    nobody knows as ``200:01020304`` (code in decimal, value in hexadecimal), ``partial`` its flag.
    """

    origin: str = "igp"
    as_path: str = ""
    next_hop: str | None = None
    med: int | None = None
    local_pref: int | None = None
    communities: str = ""
    extended: str = ""
    large: str = ""
    aggregator: str | None = None
    atomic: bool | None = None
    originator: str | None = None
    cluster_list: str = ""
    unknown: str = ""
    partial: bool | None = None

    def without(self, names: Collection[str]) -> "Attributes":
        """The same with these fields as if never given."""
        absent: dict[str, Any] = {
            one.name: one.default for one in fields(self) if one.name in names
        }
        return replace(self, **absent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One BGP session as the peer has to configure it."""

    local: str
    remote: str
    local_as: int
    remote_as: int
    families: tuple[int, ...] = (4, 6)
    dials: bool = False
    features: frozenset[Feature] = frozenset()

    @property
    def version(self) -> int:
        return 6 if ":" in self.remote else 4


@dataclass(frozen=True, slots=True)
class Host:
    """Where a peer runs: its namespace, its own folder, its router id and its own addresses."""

    space: Namespace
    folder: Path
    router_id: str
    ipv4: str
    ipv6: str


class Peer(ABC):
    """One router that is not ours, running from construction to the end of its namespace.

    Attributes:
        kind: the implementation's name in tables.
        binary: what must be installed.
        cannot_set: fields of ``Attributes`` that it cannot give to a route of its own.
        hides: fields of ``Attributes`` that its output does not show.
        assumed_local_pref: what it shows for a route that came without LOCAL_PREF.
        features: what it can do of ``Feature``.
        dials_with_password: it has to, because its listening socket takes no password.
    """

    kind: ClassVar[str]
    binary: ClassVar[Path]
    cannot_set: ClassVar[frozenset[str]] = frozenset()
    hides: ClassVar[frozenset[str]] = frozenset()
    assumed_local_pref: ClassVar[int | None] = None
    features: ClassVar[frozenset[Feature]] = frozenset()
    dials_with_password: ClassVar[bool] = False

    def __init__(self, host: Host, links: Sequence[Link]) -> None:
        self.host = host
        self.space = host.space
        self.folder = host.folder
        self.links = tuple(links)

    @abstractmethod
    def start(self) -> None:
        """Start its processes; returns without waiting for them."""

    @abstractmethod
    def wait_ready(self) -> None:
        """Wait until it can be asked."""

    @abstractmethod
    def announce(self, prefix: str, attributes: Attributes) -> None:
        """Originate a route, or give an originated one other attributes."""

    @abstractmethod
    def withdraw(self, prefix: str) -> None:
        """Originate it no longer."""

    @abstractmethod
    def route(self, prefix: str) -> Attributes | None:
        """What it learnt over BGP for exactly this prefix, None without a route."""

    def has_large(self, prefix: str, large: str) -> bool:
        """Whether it has a route with exactly these large communities, however many."""
        route = self.route(prefix)
        return route is not None and route.large == large

    @abstractmethod
    def is_established(self, link: Link) -> bool: ...

    @abstractmethod
    def notifications(self) -> tuple[int, int]:
        """How many NOTIFICATIONs it has sent and received since its start."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """The lines of its log that speak of an error."""

    @abstractmethod
    def ask_refresh(self, link: Link) -> None:
        """Have it send a ROUTE-REFRESH for everything it takes on this session."""

    @abstractmethod
    def updates_received(self, link: Link) -> int:
        """A number that grows with every route it is sent, be it new or not."""

    @abstractmethod
    def refresh_marks(self, link: Link) -> int:
        """How many beginnings and ends of a refresh it has received (RFC 7313)."""

    def host_name(self, link: Link) -> str:
        """What it shows as our host name (FQDN capability), "" while it shows none."""
        raise NotImplementedError(f"{self.kind} shows no name of {link.remote}")

    @abstractmethod
    def shut(self, link: Link, message: str) -> None:
        """Close a session for good, with a message to us."""

    @abstractmethod
    def reopen(self, link: Link) -> None:
        """Let a session that was shut begin again."""

    @abstractmethod
    def heard(self) -> str:
        """Where it says what NOTIFICATIONs told it: its log, or its state."""

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """The name and version to be shown."""

    def wait_established(self, link: Link) -> None:
        wait_until(
            lambda: self.is_established(link),
            f"{self.kind}'s session with {link.remote} is established",
            timeout_s=SESSION_TIMEOUT_S,
            poll_s=0.2,
        )

    def next_hop(self, prefix: str) -> str:
        """Its own address for a route it announces: of the session's version where that may be."""
        version = 6 if ":" in prefix else 4
        (link,) = [one for one in self.links if version in one.families]
        if Feature.EXTENDED_NEXT_HOP in link.features:
            version = link.version
        return self.host.ipv6 if version == 6 else self.host.ipv4

    def as_shown(self, expected: Attributes | None) -> Attributes | None:
        """What its output is when it has this route."""
        if expected is None:
            return None
        if expected.local_pref is None:
            expected = replace(expected, local_pref=self.assumed_local_pref)
        return expected.without(self.hides)

    def observe(self, prefix: str, expected: Attributes | None) -> Attributes | None:
        """What it has for a prefix as soon as that is what is expected, or else after a while."""
        wanted = self.as_shown(expected)
        with suppress(WaitedInVain):
            wait_until(
                lambda: self.route(prefix) == wanted,
                f"{self.kind} has {prefix}",
                timeout_s=ROUTE_TIMEOUT_S,
                poll_s=0.2,
            )
        return self.route(prefix)


def matching_lines(log: Path, words: Sequence[str], but: Sequence[str] = ()) -> list[str]:
    """The lines of a log that hold any of these words, in whatever case."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return [
        line
        for line in text.splitlines()
        if any(word in line.lower() for word in words) and not any(word in line for word in but)
    ]
