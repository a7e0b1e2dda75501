"""Best paths into kernel routes: waits, writes, listens and repairs; ``fib`` decides.

Two tasks.  The planner task takes what the RIB, the kernel, the clock and the operator bring, one
kind at a time, and plans writes slice by slice; the writer task hands them to the kernel and takes
the answers in, so that one slice is planned while the kernel works on the one before.  Whatever
depends on knowing what the kernel holds (events, retries, changed next hops, new rules, prefixes
of a slice that is being written) waits until nothing is under way: see ``_settle_down``.
"""

import errno
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NoReturn, TypeVar

import structlog
import trio

from gobgp_trio.config.schema import NetlinkExport
from gobgp_trio.daemon.export_audit import Auditor
from gobgp_trio.daemon.export_stats import ExportStats
from gobgp_trio.daemon.netlink import Kernel
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown
from gobgp_trio.fib.dampen import Dampener
from gobgp_trio.fib.drift import Drift, on_route_event
from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.fib.outcome import Settled, settle
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Legs, NextHop, Resolver
from gobgp_trio.fib.rules import RuleSet
from gobgp_trio.fib.target import Plan, PlannedWrite, State, Target
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.rtnl.route_batch import RouteAction, RouteFailure, RouteTemplate, RouteWrite
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path
from gobgp_trio.types.prefix import format_prefix

ROUTES_PER_SLICE = 2048
TEMPLATES_KEPT = 4096
LEAST_HOPS_PRUNED = 4096
LEFTOVER_DEFAULT_S = 360.0
UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)

log = structlog.get_logger()

# All best paths of a family in slices, for when every route must be judged again.
IterateBest = Callable[[Family], Iterator[list[tuple[bytes, Path]]]]

_Item = TypeVar("_Item")


class Exporter:
    """Owner of every kernel route under our protocol number."""

    def __init__(
        self,
        kernel: Kernel,
        view: KernelView,
        settings: NetlinkExport,
        iterate_best: IterateBest,
        wall_clock_s: Callable[[], float] = time.time,
        on_protocol_moved: Callable[[int], None] | None = None,
    ) -> None:
        self.settings = settings
        self._on_protocol_moved = on_protocol_moved
        self.stats = ExportStats()
        resolver = Resolver(view, via_default=settings.resolve_via_default)
        self.planner = Planner(RuleSet(settings.rules), resolver)
        self._kernel = kernel
        self._iterate_best = iterate_best
        self._wall_clock_s = wall_clock_s
        self._auditor = Auditor(kernel, self.planner, wall_clock_s)
        self._dampeners = {family: Dampener(settings.dampening_s) for family in UNICAST}
        self._ready: dict[Family, BestChanges] = {family: {} for family in UNICAST}
        self._templates: dict[tuple[Target, Legs], RouteTemplate] = {}
        self._doorbell = trio.Event()
        self._idle = trio.Event()
        self._idle.set()
        self._in_flight: list[set[bytes]] = []
        self._plans: list[Plan] = []
        self._doubtful: dict[Target, list[bytes]] = {}
        self._view_changes: list[ViewChanges] = []
        self._route_events: list[RouteEvent] = []
        self._new_settings: NetlinkExport | None = None
        self._flush_wanted: list[trio.Event] = []
        self._audit_wanted = False
        self._permitted = True
        self._prune_hops_at = LEAST_HOPS_PRUNED
        self._leftovers_until_s = math.inf
        channel = trio.open_memory_channel[list[PlannedWrite]](0)
        self._to_writer, self._from_planner = channel

    @property
    def dampened_count(self) -> int:
        """How often a change restarted a running delay."""
        return sum(dampener.restarts_count for dampener in self._dampeners.values())

    # What others call.  All of it only notes, and rings the doorbell.

    def on_changes(self, family: Family, changes: BestChanges) -> None:
        """The RIB has new best paths."""
        dampener = self._dampeners.get(family)
        if dampener is None or not self._permitted:
            return
        at_once = dampener.add(changes, trio.current_time())
        if at_once:
            self._ready[family].update(at_once)
        self._doorbell.set()

    def on_kernel(self, changes: ViewChanges, routes: list[RouteEvent]) -> None:
        """Links, addresses or routes of others changed, or somebody touched ours."""
        if not self._permitted:
            return
        if changes:
            self._view_changes.append(changes)
        tables = {key.table_id for key, _ in self.planner.targets}
        self._route_events += [event for event in routes if event.route.table_id in tables]
        self._doorbell.set()

    def apply_settings(self, settings: NetlinkExport) -> None:
        """Export by these settings from now on: every route is judged again."""
        if self._permitted:
            self._new_settings = settings
            self._doorbell.set()
        else:
            self.settings = settings

    async def flush(self) -> None:
        """Remove every route of ours and hold until the RIB brings a prefix again."""
        done = trio.Event()
        self._flush_wanted.append(done)
        self._doorbell.set()
        await done.wait()

    # The tasks.

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Export until cancelled; started when routes of an earlier run are cleaned up."""
        self._permitted = await self._may_write()
        if self._permitted and await self._auditor.clean_up(self.settings.route_protocol):
            self._leftovers_until_s = trio.current_time() + LEFTOVER_DEFAULT_S
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_writer)
            await self._run_planner()
        raise AssertionError("unreachable")

    async def _run_planner(self) -> NoReturn:
        while True:
            with trio.move_on_at(self._next_due_s()):
                await self._doorbell.wait()
            self._doorbell = trio.Event()
            await self._do_all()

    async def _do_all(self) -> None:
        """Everything that is due, most urgent first, until nothing is."""
        while True:
            if self._new_settings is not None:
                await self._change_settings(self._new_settings)
            if self._flush_wanted:
                await self._flush()
            if self._view_changes or self._route_events:
                await self._follow_kernel()
            await self._follow_up()
            self._take_due(trio.current_time())
            family = next((family for family in UNICAST if self._ready[family]), None)
            if family is None:
                await self._forget_unused_hops()
                return
            await self._plan_slice(family)

    async def _run_writer(self) -> NoReturn:
        async for writes in self._from_planner:
            failures = await self._write(writes)
            now_s = trio.current_time()
            settled = settle(self.planner, writes, failures, now_s, self._wall_clock_s())
            self._on_settled(settled)
            del self._in_flight[0]
            if not self._in_flight:
                self._idle.set()
        raise AssertionError("the planner's channel never closes")

    async def _write(self, writes: list[PlannedWrite]) -> list[RouteFailure]:
        try:
            return await self._kernel.write(
                [RouteWrite(write.action, self._template(write), write.nlris) for write in writes]
            )
        except OutcomeUnknown as why:
            log.warning("netlink export: outcome of a write unknown, reading back", error=str(why))
            self._audit_wanted = True
            self._doorbell.set()
            return []
        except KernelRefused as why:
            return [
                RouteFailure(index, nlri, why.errno, str(why))
                for index, write in enumerate(writes)
                for nlri in write.nlris
            ]

    def _template(self, write: PlannedWrite) -> RouteTemplate:
        key = (write.target, write.entry.legs)
        template = self._templates.get(key)
        if template is None:
            if len(self._templates) >= TEMPLATES_KEPT:
                self._templates.clear()
            target = write.target
            template = self._templates[key] = RouteTemplate(
                target.family,
                target.key.table_id,
                target.kernel_metric,
                self.settings.route_protocol,
                write.entry.legs,
            )
        return template

    # Planning.

    def _next_due_s(self) -> float:
        return min(
            self.planner.next_retry_s(),
            self._leftovers_until_s,
            *(dampener.next_due_s() for dampener in self._dampeners.values()),
        )

    def _take_due(self, now_s: float) -> None:
        for family, dampener in self._dampeners.items():
            if dampener.next_due_s() <= now_s:
                self._ready[family].update(dampener.pop_due(now_s))

    async def _plan_slice(self, family: Family) -> None:
        ready = self._ready[family]
        count = min(len(ready), ROUTES_PER_SLICE)
        changes = dict(ready.popitem() for _ in range(count))
        if not all(under_way.isdisjoint(changes) for under_way in self._in_flight):
            await self._settle_down()
        failures_count = self.planner.failures_count
        plan = self.planner.plan(family, changes.items())
        if self.planner.failures_count != failures_count:
            self.stats.on_invalid_nexthop(self.planner.last_failure, int(self._wall_clock_s()))
        await self._submit(plan)

    async def _submit(self, plan: Plan) -> None:
        writes = plan.writes()
        if not writes:
            await trio.lowlevel.checkpoint()
            return
        for piece in _split(writes):
            self._in_flight.append(set().union(*(write.nlris for write in piece)))
            self._idle = trio.Event()
            await self._to_writer.send(piece)

    async def _settle_down(self) -> None:
        """Wait until every write is answered and what the answers ask for is done."""
        while self._in_flight or self._plans:
            while self._in_flight:
                await self._idle.wait()
            for plan in _take(self._plans):
                await self._submit(plan)

    async def _follow_up(self) -> None:
        """Do what answers of the kernel, and the clock, made necessary."""
        now_s = trio.current_time()
        if self._leftovers_until_s <= now_s:
            self._leftovers_until_s = math.inf
            await self._settle_down()
            self._plans.append(self._auditor.leftover_plan())
        if self.planner.next_retry_s() <= now_s:
            await self._settle_down()
            for target, nlris in self.planner.pop_retries(now_s).items():
                self._plans.append(self.planner.retry(target, nlris))
                target.forget_old_troubles(now_s)
        while self._plans or self._doubtful or self._audit_wanted:
            await self._settle_down()
            if self._doubtful:
                doubtful, self._doubtful = self._doubtful, {}
                untold = {target: _not_in_conflict(target, of) for target, of in doubtful.items()}
                self._plans += await self._auditor.look_at(
                    doubtful, self.settings.route_protocol, now_s
                )
                self._note_conflicts(untold)
            elif self._audit_wanted:
                self._audit_wanted = False
                await self._audit()

    async def _audit(self) -> None:
        drift = await self._auditor.audit(self.settings.route_protocol)
        self.stats.repairs_count += drift.repairs_count
        self._plans.append(drift.plan)
        if not drift.is_complete:
            self._audit_wanted = True
            await trio.sleep(1)

    async def _follow_kernel(self) -> None:
        """Give up keys that others took, bring routes to changed next hops, see to our own.

        In this order: a replace asks nobody, so none may be written where a foreign route is
        known to be, or, after lost events, may be.
        """
        await self._settle_down()
        protocol = self.settings.route_protocol
        arrivals: list[RouteEvent] = []
        others: list[RouteEvent] = []
        for event in _take(self._route_events):
            is_arrival = event.new and event.route.protocol != protocol
            (arrivals if is_arrival else others).append(event)
        await self._on_route_events(arrivals)
        for changes in _take(self._view_changes):
            hops = await self._refresh_hops(changes)
            if changes.everything:
                await self._audit()
                await self._settle_down()
            elif changes.downed:
                self._audit_wanted = True
            if hops:
                for plan in self.planner.replan_hops(hops):
                    await self._submit(plan)
            await self._settle_down()
            await self._retry_blocked(conflicts=bool(changes.everything or changes.downed))
            await self._settle_down()
        await self._on_route_events(others)

    async def _on_route_events(self, events: list[RouteEvent]) -> None:
        drift = Drift()
        now_s = trio.current_time()
        for event in events:
            on_route_event(self.planner, event, self.settings.route_protocol, drift, now_s)
        self.stats.repairs_count += drift.repairs_count
        for target, nlris in drift.doubtful.items():
            self._doubtful.setdefault(target, []).extend(nlris)
        if drift.conflicts:
            target, nlri, protocol = drift.conflicts[0]
            self._log_conflict(target, nlri, len(drift.conflicts), protocol)
        await self._submit(drift.plan)

    async def _refresh_hops(self, changes: ViewChanges) -> set[NextHop]:
        hops: set[NextHop] = set()
        began_s = time.perf_counter()
        for hop in self.planner.resolver.refresh(changes):
            hops.add(hop)
            if time.perf_counter() - began_s > 0.005:
                await trio.lowlevel.checkpoint()
                began_s = time.perf_counter()
        return hops

    async def _forget_unused_hops(self) -> None:
        """Now and then, so that next hops that come and go do not pile up."""
        resolver = self.planner.resolver
        if len(resolver) < self._prune_hops_at:
            return
        await self._settle_down()
        used: set[NextHop | None] = set()
        for target in self.planner.targets.values():
            used.update(entry.hop for entry in target.installed.values())
            used.update(waiting.hop for waiting in target.waiting.values())
        resolver.forget_all_but(used)
        self._prune_hops_at = max(LEAST_HOPS_PRUNED, 2 * len(resolver))

    async def _retry_blocked(self, *, conflicts: bool) -> None:
        """A change may have made acceptable what the kernel refused; few of them, so try all.

        ``conflicts``: foreign routes may have gone without a word, too.
        """
        blocked = {State.REFUSED, State.CONFLICT} if conflicts else {State.REFUSED}
        for target in list(self.planner.targets.values()):
            if not target.troubles:
                continue
            again = [nlri for nlri, waiting in target.waiting.items() if waiting.state in blocked]
            if again:
                await self._submit(self.planner.retry(target, again))

    async def _flush(self) -> None:
        await self._settle_down()
        await self._follow_up()  # a taken key may be ours, and then it has to be emptied too
        self._drop_pending()
        for plan in self.planner.flush():
            await self._submit(plan)
        await self._settle_down()
        for done in _take(self._flush_wanted):
            done.set()

    def _drop_pending(self) -> None:
        for family in UNICAST:
            self._dampeners[family].cancel_all()
            self._ready[family].clear()
        self._plans.clear()
        self._doubtful.clear()

    async def _change_settings(self, settings: NetlinkExport) -> None:
        await self._settle_down()
        await self._follow_up()
        self._new_settings = None
        old, self.settings = self.settings, settings
        if settings.route_protocol != old.route_protocol:
            await self._move_protocol(old.route_protocol)
        for dampener in self._dampeners.values():
            dampener.interval_s = settings.dampening_s
        self.planner.resolver.via_default = settings.resolve_via_default
        self._view_changes.append(ViewChanges(addresses=True))  # every next hop once more
        self.planner.rules = RuleSet(settings.rules)
        for family in UNICAST:
            self._ready[family].update(self._dampeners[family].pop_due(math.inf))
            for best in self._iterate_best(family):
                await self._settle_down()
                await self._submit(self.planner.plan(family, best))
        log.info("netlink export: rules in force", rules=[rule.name for rule in settings.rules])

    async def _move_protocol(self, old_protocol: int) -> None:
        """Another protocol number: our routes go under the old one and come back by the plan."""
        new = self.settings
        self._templates.clear()
        self.settings = replace(new, route_protocol=old_protocol)
        for plan in self.planner.flush():
            await self._submit(plan)
        await self._settle_down()
        self._templates.clear()
        self.settings = new
        if self._on_protocol_moved is not None:
            self._on_protocol_moved(new.route_protocol)

    # What the kernel said.

    def _on_settled(self, settled: Settled) -> None:
        wall_s = int(self._wall_clock_s())
        self.stats.on_written(settled.exported_count, settled.withdrawn_count, wall_s)
        for target, nlris in settled.doubtful.items():
            self._doubtful.setdefault(target, []).extend(nlris)
        if settled.refusals:
            self.stats.on_refused(len(settled.refusals), settled.refusals[-1][2], wall_s)
            self._log_refusals(settled)
        if settled.follow_up:
            self._plans.append(settled.follow_up)
        if settled.doubtful or settled.follow_up or settled.refusals:
            self._doorbell.set()  # the planner sleeps until what was due before this answer

    def _log_refusals(self, settled: Settled) -> None:
        """Once, not at every further attempt."""
        fresh = [
            (target, text)
            for target, nlri, text in settled.refusals
            if target.troubles.get(nlri, (1, 0.0))[0] == 1
        ]
        if fresh:
            target, text = fresh[-1]
            log.warning(
                "netlink export: the kernel refused routes",
                count=len(fresh),
                table=target.key.table_id,
                error=text,
            )

    def _note_conflicts(self, looked_at: dict[Target, list[bytes]]) -> None:
        for target, nlris in looked_at.items():
            fresh = [
                nlri
                for nlri in nlris
                if nlri in target.waiting
                and target.waiting[nlri].state is State.CONFLICT
                and target.troubles.get(nlri, (0, 0.0))[0] == 1
            ]
            if fresh:
                self._log_conflict(target, fresh[0], len(fresh), None)

    def _log_conflict(self, target: Target, nlri: bytes, count: int, protocol: int | None) -> None:
        log.warning(
            "netlink export: foreign routes have our keys; ours wait until they are free",
            count=count,
            first=format_prefix(target.family, nlri),
            table=target.key.table_id,
            metric=target.key.metric,
            protocol=protocol,
        )

    async def _may_write(self) -> bool:
        """Ask for something harmless that needs CAP_NET_ADMIN: removing what cannot be there."""
        template = RouteTemplate(
            Family.IPV4_UNICAST, 254, 0xFFFFFFFE, self.settings.route_protocol, ()
        )
        try:
            failures = await self._kernel.write(
                [RouteWrite(RouteAction.DELETE, template, [b"\x20\xff\xff\xff\xff"])]
            )
        except KernelRefused as why:
            failures = [RouteFailure(0, b"", why.errno, str(why))]
        if any(failure.errno == errno.EPERM for failure in failures):
            text = "no permission to change kernel routes: run gobgpd with CAP_NET_ADMIN"
            self.stats.on_refused(1, f"Permission denied: {text}", int(self._wall_clock_s()))
            log.error("netlink export: nothing is exported; BGP runs", error=text)
            return False
        return True


def _take(items: list[_Item]) -> list[_Item]:
    taken = list(items)
    items.clear()
    return taken


def _not_in_conflict(target: Target, nlris: list[bytes]) -> list[bytes]:
    waiting = ((nlri, target.waiting.get(nlri)) for nlri in nlris)
    return [nlri for nlri, entry in waiting if entry and entry.state is not State.CONFLICT]


def _split(writes: Iterable[PlannedWrite]) -> Iterator[list[PlannedWrite]]:
    """Pieces of a plan that hold the loop for a few milliseconds each; order is kept."""
    piece: list[PlannedWrite] = []
    count = 0
    for write in writes:
        for start in range(0, len(write.nlris), ROUTES_PER_SLICE):
            stop = start + ROUTES_PER_SLICE
            part = write
            if len(write.nlris) > ROUTES_PER_SLICE:
                part = PlannedWrite(
                    write.action,
                    write.target,
                    write.entry,
                    write.nlris[start:stop],
                    write.before[start:stop],
                )
            piece.append(part)
            count += len(part.nlris)
            if count >= ROUTES_PER_SLICE:
                yield piece
                piece, count = [], 0
    if piece:
        yield piece
