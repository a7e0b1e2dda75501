"""What we have put into the kernel, and what waits to be put there.

Memory: ``Target.installed`` maps NLRI octets to an ``Installed`` shared by every route of the same
batch, next hop and rules, so that a route costs a dictionary entry and no object of its own.
"""

import math
from dataclasses import dataclass, field
from enum import Enum

from gobgp_trio.fib.resolve import Legs, NextHop
from gobgp_trio.fib.rules import TargetKey
from gobgp_trio.rtnl.route import IP6_RT_PRIO_USER
from gobgp_trio.rtnl.route_batch import RouteAction
from gobgp_trio.types.family import Family

MAX_BACKOFF_S = 60.0


class State(Enum):
    """Why a route that should be in the kernel is not."""

    UNREACHABLE = "nexthop-unreachable"
    CONFLICT = "conflict"  # somebody else's route has the key
    REFUSED = "refused"  # the kernel said no
    LOST = "lost"  # somebody removed it; it is put back


class Installed:
    """Routes of ours that the kernel has, or is being given, with these values.

    Attributes:
        hop: the BGP next hop and its resolution; None for a route found at start and kept.
        legs: what the kernel was told.
        rules: names of the owning rules in file order.
        exported_at_s: seconds since the epoch of the kernel's consent; 0 while in flight.
    """

    __slots__ = ("exported_at_s", "hop", "legs", "rules")

    def __init__(
        self,
        hop: NextHop | None,
        legs: Legs,
        rules: tuple[str, ...],
        exported_at_s: float = 0.0,
    ) -> None:
        self.hop = hop
        self.legs = legs
        self.rules = rules
        self.exported_at_s = exported_at_s


class Waiting:
    """Routes that cannot be in the kernel now, for one reason.

    Attributes:
        detail: the resolver's reason or the kernel's words, for people.
    """

    __slots__ = ("detail", "hop", "rules", "state")

    def __init__(self, state: State, hop: NextHop, rules: tuple[str, ...], detail: str) -> None:
        self.state = state
        self.hop = hop
        self.rules = rules
        self.detail = detail


class Target:
    """One (table, metric) of one family and all our routes in it.

    Attributes:
        unwanted: prefixes of ``installed`` that should go but that the kernel would not remove.
        troubles: per troubled prefix how often in a row, and when last (caller's clock).
    """

    __slots__ = ("family", "installed", "key", "troubles", "unwanted", "waiting")

    def __init__(self, key: TargetKey, family: Family) -> None:
        self.key = key
        self.family = family
        self.installed: dict[bytes, Installed] = {}
        self.waiting: dict[bytes, Waiting] = {}
        self.unwanted: set[bytes] = set()
        self.troubles: dict[bytes, tuple[int, float]] = {}

    def __bool__(self) -> bool:
        return bool(self.installed or self.waiting)

    @property
    def kernel_metric(self) -> int:
        """RTA_PRIORITY as the kernel reports it: IPv6 has no metric 0."""
        if self.key.metric == 0 and self.family.address_octets == 16:
            return IP6_RT_PRIO_USER
        return self.key.metric

    def back_off_s(self, nlri: bytes, first_s: float, now_s: float) -> float:
        """How long to leave a troubled prefix alone; doubles while the trouble goes on."""
        count, last_s = self.troubles.get(nlri, (0, -math.inf))
        if now_s - last_s > 2 * MAX_BACKOFF_S:
            count = 0
        self.troubles[nlri] = (count + 1, now_s)
        return min(first_s * 2.0 ** min(count, 20), MAX_BACKOFF_S)

    def forget_old_troubles(self, now_s: float) -> None:
        """Drop the memory of troubles that ended long ago."""
        self.troubles = {
            nlri: trouble
            for nlri, trouble in self.troubles.items()
            if now_s - trouble[1] <= 2 * MAX_BACKOFF_S
        }


@dataclass(slots=True)
class PlannedWrite:
    """One kind of write for many prefixes that share everything else.

    Attributes:
        entry: for ADD and REPLACE what the routes become; for DELETE what they were.
        before: for REPLACE what each prefix was until now.
    """

    action: RouteAction
    target: Target
    entry: Installed
    nlris: list[bytes] = field(default_factory=list)
    before: list[Installed] = field(default_factory=list)


_ORDER = {RouteAction.ADD: 1, RouteAction.REPLACE: 2, RouteAction.DELETE: 3}


class Plan:
    """The writes of one batch, grouped so that each group is one run of equal messages."""

    def __init__(self) -> None:
        self._groups: dict[tuple[RouteAction, int, int], PlannedWrite] = {}
        self._arrivals: dict[
            tuple[int, int, tuple[str, ...]], tuple[Installed, list[bytes], PlannedWrite]
        ] = {}

    def __bool__(self) -> bool:
        return any(write.nlris for write in self._groups.values())

    def group(self, action: RouteAction, target: Target, entry: Installed) -> PlannedWrite:
        """The write that prefixes of this action and entry are appended to."""
        key = (action, id(target), id(entry))
        write = self._groups.get(key)
        if write is None:
            write = self._groups[key] = PlannedWrite(action, target, entry)
        return write

    def arrivals(
        self, target: Target, hop: NextHop, rules: tuple[str, ...]
    ) -> tuple[Installed, list[bytes], PlannedWrite]:
        """Where prefixes go that get this next hop: their entry, the adds, the replacements."""
        key = (id(target), id(hop), rules)
        found = self._arrivals.get(key)
        if found is None:
            entry = Installed(hop, hop.legs or (), rules)
            adds = self.group(RouteAction.ADD, target, entry).nlris
            replacement = self.group(RouteAction.REPLACE, target, entry)
            found = self._arrivals[key] = (entry, adds, replacement)
        return found

    def writes(self) -> list[PlannedWrite]:
        """New routes first and removals last, so that a moved route leaves no gap."""
        filled = [write for write in self._groups.values() if write.nlris]
        filled.sort(key=lambda write: _ORDER[write.action])
        return filled

    def nlris(self) -> set[tuple[Family, bytes]]:
        """Everything the plan writes."""
        return {
            (write.target.family, nlri) for write in self._groups.values() for nlri in write.nlris
        }
