"""From best paths to kernel writes: what each target should hold against what we put there.

Rules of ownership, which every line here serves:

- A route enters the kernel by exclusive create only; what stands at its key and is not ours puts
  ours in state CONFLICT until the key is free.
- Replace and delete are planned only for what ``Target.installed`` says is ours.  The caller does
  not plan for a prefix while an earlier write of it is under way.
- New routes are written before old ones are removed, so that a changed metric or table leaves no
  gap.
"""

import heapq
import math
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from gobgp_trio.config.schema import MAIN_TABLE
from gobgp_trio.fib.resolve import NextHop, Resolver
from gobgp_trio.fib.rules import NOWHERE, RuleSet, TargetKey, Verdict
from gobgp_trio.fib.target import Installed, Plan, State, Target, Waiting
from gobgp_trio.rtnl.route_batch import RouteAction
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path

SLICE_ROUTES = 2048

_Value = TypeVar("_Value")
_ByHop = dict[tuple[NextHop, tuple[str, ...]], list[bytes]]


class Planner:
    """Plans writes and keeps what was written.  One owner; nothing here waits.

    Attributes:
        attempts_count, failures_count: next-hop validations of routes, and the negative ones.
        last_failure: text of the newest negative one.
    """

    def __init__(self, rules: RuleSet, resolver: Resolver) -> None:
        self.rules = rules
        self.resolver = resolver
        self.targets: dict[tuple[TargetKey, Family], Target] = {}
        self.attempts_count = 0
        self.failures_count = 0
        self.last_failure = ""
        self._retries: list[tuple[float, int, Target, bytes]] = []
        self._retry_number = 0
        self._retry_due_s: dict[tuple[Target, bytes], float] = {}

    def target(self, key: TargetKey, family: Family) -> Target:
        """The target of this key, made when it is new."""
        target = self.targets.get((key, family))
        if target is None:
            target = self.targets[key, family] = Target(key, family)
        return target

    def targets_at(self, table_id: int, metric: int, family: Family) -> list[Target]:
        """The targets that write routes the kernel reports with this table and metric."""
        return [
            target
            for target in self.targets.values()
            if target.family == family
            and target.key.table_id == table_id
            and target.kernel_metric == metric
        ]

    def plan(self, family: Family, changes: Iterable[tuple[bytes, Path | None]]) -> Plan:
        """The writes that bring these prefixes to their newest best path."""
        plan = Plan()
        gone: list[bytes] = []
        groups: dict[Path | None, list[bytes]] = {None: gone}
        last, nlris = None, gone
        for nlri, path in changes:
            if path is not last:
                last = path
                nlris = groups.setdefault(path, [])
            nlris.append(nlri)
        # Paths that go to the same targets over the same next hop are the same to the kernel.
        alike: dict[tuple[int, bytes, int], tuple[Path, Verdict, list[bytes]]] = {}
        del groups[None]
        for path, nlris in groups.items():
            assert path is not None
            verdict = self.rules.place(path)
            key = (id(verdict), path.attributes.next_hop, path.source.interface_index)
            known = alike.get(key)
            if known is None:
                alike[key] = (path, verdict, nlris)
            else:
                known[2].extend(nlris)
        for path, verdict, nlris in alike.values():
            self._place(plan, family, path, verdict, nlris)
        if gone:
            self._place(plan, family, None, NOWHERE, gone)
        return plan

    def replan_hops(self, hops: set[NextHop]) -> Iterator[Plan]:
        """The writes that follow from changed answers of the resolver, slice by slice.

        The caller may write, and the kernel's answers may come in, between two slices.
        """
        for target in list(self.targets.values()):
            # What waits comes first: a route of ``installed`` that the kernel refuses between two
            # slices waits from then on, and must not be tried before the old one is removed.
            for nlris in _slices(target.waiting):
                touched: _ByHop = {}
                for nlri in nlris:
                    held = target.waiting.get(nlri)
                    if held is not None and held.hop in hops and held.state is not State.CONFLICT:
                        touched.setdefault((held.hop, held.rules), []).append(nlri)
                if touched:
                    yield self._bring_all(target, touched)
            for nlris in _slices(target.installed):
                touched = {}
                for nlri in nlris:
                    entry = target.installed.get(nlri)
                    if entry is not None and entry.hop in hops:
                        touched.setdefault((entry.hop, entry.rules), []).append(nlri)
                if touched:
                    yield self._bring_all(target, touched)

    def _bring_all(self, target: Target, touched: _ByHop) -> Plan:
        plan = Plan()
        for (hop, rules), nlris in touched.items():
            self.bring(plan, target, hop, rules, nlris)
        return plan

    def retry(self, target: Target, nlris: Collection[bytes]) -> Plan:
        """Try waiting prefixes again, whatever they waited for."""
        plan = Plan()
        again: _ByHop = {}
        for nlri in nlris:
            waiting = target.waiting.pop(nlri, None)
            if waiting is not None:
                again.setdefault((waiting.hop, waiting.rules), []).append(nlri)
        for (hop, rules), batch in again.items():
            self.bring(plan, target, hop, rules, batch)
        stuck = target.unwanted.intersection(nlris)
        target.unwanted -= stuck
        self.clear(plan, target, stuck)
        return plan

    def flush(self) -> Iterator[Plan]:
        """Remove everything, slice by slice, and hold: nothing waits any more either."""
        self._retries.clear()
        self._retry_due_s.clear()
        for target in list(self.targets.values()):
            target.waiting.clear()
            target.unwanted.clear()
            for nlris in _slices(target.installed):
                plan = Plan()
                self.clear(plan, target, nlris)
                yield plan

    def retry_at(self, target: Target, nlri: bytes, at_s: float) -> None:
        """Have ``pop_retries`` name this prefix when the time has come."""
        self._retry_number += 1
        self._retry_due_s[target, nlri] = at_s
        heapq.heappush(self._retries, (at_s, self._retry_number, target, nlri))

    def next_retry_s(self) -> float:
        """When something is to be tried again; infinity when nothing is."""
        return self._retries[0][0] if self._retries else math.inf

    def pop_retries(self, now_s: float) -> dict[Target, list[bytes]]:
        """What is due to be tried again."""
        due: dict[Target, list[bytes]] = {}
        while self._retries and self._retries[0][0] <= now_s:
            at_s, _, target, nlri = heapq.heappop(self._retries)
            if self._retry_due_s.get((target, nlri)) == at_s:  # none was set since
                del self._retry_due_s[target, nlri]
                due.setdefault(target, []).append(nlri)
        return due

    def _place(
        self, plan: Plan, family: Family, path: Path | None, verdict: Verdict, nlris: list[bytes]
    ) -> None:
        """Bring prefixes of one path into the targets of its verdict and out of all others."""
        placed: set[TargetKey] = set()
        if path is not None:
            for placement in verdict:
                placed.add(placement.target)
                hop = self.resolver.track(
                    lookup_table(placement.target),
                    path.attributes.next_hop,
                    path.source.interface_index,
                    validate=placement.validate,
                )
                if placement.validate:
                    self._count_validation(hop, len(nlris))
                target = self.target(placement.target, family)
                self.bring(plan, target, hop, placement.rules, nlris)
        for target in self.targets.values():
            if target.family == family and target.key not in placed and target:
                self.clear(plan, target, nlris)

    def _count_validation(self, hop: NextHop, routes_count: int) -> None:
        self.attempts_count += routes_count
        if hop.legs is None:
            self.failures_count += routes_count
            self.last_failure = hop.reason

    def bring(
        self,
        plan: Plan,
        target: Target,
        hop: NextHop,
        rules: tuple[str, ...],
        nlris: Collection[bytes],
    ) -> None:
        """Bring prefixes of a target to a next hop's present answer."""
        legs = hop.legs
        waiting = target.waiting
        if legs is None:
            self.clear(plan, target, nlris)
            waiting.update(dict.fromkeys(nlris, Waiting(State.UNREACHABLE, hop, rules, hop.reason)))
            return
        if target.unwanted:
            target.unwanted.difference_update(nlris)
        installed = target.installed
        entry, adds, replacement = plan.arrivals(target, hop, rules)
        unchanged: dict[float, Installed] = {}
        for nlri in nlris:
            old = installed.get(nlri)
            if old is None:
                if waiting:
                    blocked = waiting.get(nlri)
                    if blocked is not None:
                        if blocked.state is State.CONFLICT:
                            waiting[nlri] = Waiting(State.CONFLICT, hop, rules, blocked.detail)
                            continue
                        del waiting[nlri]
                adds.append(nlri)
                installed[nlri] = entry
            elif old.legs != legs:
                replacement.nlris.append(nlri)
                replacement.before.append(old)
                installed[nlri] = entry
            elif old.hop is not hop or old.rules != rules:
                kept = unchanged.get(old.exported_at_s)
                if kept is None:
                    kept = Installed(hop, legs, rules, old.exported_at_s)
                    unchanged[old.exported_at_s] = kept
                installed[nlri] = kept

    def clear(self, plan: Plan, target: Target, nlris: Collection[bytes]) -> None:
        """These prefixes shall not be in the target."""
        if target.installed:
            pop = target.installed.pop
            last: Installed | None = None
            append = list[bytes]().append
            for nlri in nlris:
                old = pop(nlri, None)
                if old is not None:
                    if old is not last:
                        last = old
                        append = plan.group(RouteAction.DELETE, target, old).nlris.append
                    append(nlri)
        if target.waiting:
            for nlri in nlris:
                target.waiting.pop(nlri, None)


def _slices(entries: dict[bytes, _Value]) -> Iterator[list[bytes]]:
    """The keys of a table in slices of about a millisecond of work, while others change it."""
    keys = list(entries)
    for start in range(0, len(keys), SLICE_ROUTES):
        yield keys[start : start + SLICE_ROUTES]


def lookup_table(key: TargetKey) -> int:
    """The kernel table in which a target's next hops are looked up: main, without a VRF."""
    del key
    return MAIN_TABLE
