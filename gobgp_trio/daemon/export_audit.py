"""Reading the kernel back: clean-up at start, ownership of taken keys, and the audit.

Used when what the kernel holds under our protocol number is not known: at start, after lost
events or replies, after a link was down, and when a key we wanted is taken.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import islice

import structlog
import trio

from gobgp_trio.daemon.netlink import Kernel
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown
from gobgp_trio.fib.drift import Drift, leftover_target, on_dump, on_missing
from gobgp_trio.fib.outcome import settle_doubts
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Legs
from gobgp_trio.fib.rules import GLOBAL_SOURCE, TargetKey
from gobgp_trio.fib.target import Installed, Plan, Target
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.rtnl.route_batch import RouteAction, RouteTemplate, RouteWrite
from gobgp_trio.rtnl.route_scan import ScannedRoutes
from gobgp_trio.types.family import Family

ABSENCES_PER_TURN = 2000
Doomed = dict[tuple[int, int, Legs], list[bytes]]
UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)

log = structlog.get_logger()


class Auditor:
    """Dumps what is ours and holds it against the planner's memory."""

    def __init__(
        self, kernel: Kernel, planner: Planner, wall_clock_s: Callable[[], float] = time.time
    ) -> None:
        self._kernel = kernel
        self._planner = planner
        self._wall_clock_s = wall_clock_s

    async def clean_up(self, protocol: int, *, keep_default: bool = True) -> bool:
        """Remove what an earlier run left in any table; whether default routes were kept.

        A default route is kept until BGP brings it again or some minutes have passed: the
        sessions themselves may need it to come up.

        Raises:
            KernelRefused, OutcomeUnknown: the kernel could not be read or changed.
        """
        removed: dict[int, int] = {}
        for family in UNICAST:
            doomed: Doomed = {}
            take = partial(self._doom, doomed, keep_default=keep_default)
            await self._kernel.scan_routes(family, take, protocol=protocol)
            for (table_id, metric, legs), nlris in doomed.items():
                template = RouteTemplate(family, table_id, metric, protocol, legs)
                failures = await self._kernel.write(
                    [RouteWrite(RouteAction.DELETE, template, nlris)]
                )
                removed[table_id] = removed.get(table_id, 0) + len(nlris) - len(failures)
        for table_id, count in sorted(removed.items()):
            log.info(
                "netlink export: removed routes of an earlier run", table=table_id, count=count
            )
        return any(target.installed for target in self._planner.targets.values())

    def _doom(self, doomed: Doomed, found: ScannedRoutes, *, keep_default: bool) -> None:
        for (table_id, metric, family), routes in found.items():
            for nlri, legs in routes.items():
                if keep_default and nlri[0] == 0:
                    key = TargetKey(GLOBAL_SOURCE, table_id, metric)
                    target = self._planner.target(key, family)
                    target.installed[nlri] = Installed(None, legs, ())
                else:
                    doomed.setdefault((table_id, metric, legs), []).append(nlri)

    def leftover_plan(self) -> Plan:
        """Removal of the default routes of an earlier run that BGP did not bring again."""
        plan = Plan()
        for target in self._planner.targets.values():
            stale = [nlri for nlri, entry in target.installed.items() if entry.hop is None]
            self._planner.clear(plan, target, stale)
        return plan

    async def look_at(
        self, doubtful: dict[Target, list[bytes]], protocol: int, now_s: float
    ) -> list[Plan]:
        """Find out whose routes have the keys we were refused, and plan accordingly."""
        plans = []
        ours: dict[Target, dict[bytes, Legs]] = {target: {} for target in doubtful}
        for place in {(target.key.table_id, target.family) for target in doubtful}:
            wanted = {
                _report_key(target): (target, set(nlris))
                for target, nlris in doubtful.items()
                if (target.key.table_id, target.family) == place
            }
            await self._scan(*place, protocol, partial(_pick, wanted, ours))
        for target, nlris in doubtful.items():
            plans.append(
                settle_doubts(
                    self._planner, target, nlris, ours[target], now_s, self._wall_clock_s()
                )
            )
        return plans

    async def audit(self, protocol: int) -> Drift:
        """Compare every route of ours with the kernel, as far as it can be read."""
        drift = Drift()
        counts: dict[Target, int] = {}

        def take(found: ScannedRoutes) -> None:
            for key, routes in found.items():
                target = leftover_target(self._planner, key)
                known = on_dump(self._planner, target, routes, drift, self._wall_clock_s())
                counts[target] = counts.get(target, 0) + known

        for family in UNICAST:
            if not await self._scan(None, family, protocol, take):
                drift.is_complete = False
                return drift
        for target in list(self._planner.targets.values()):
            # Fewer than we remember.  The kernel would have to tell one of them twice to hide one
            # that is gone; the event of its removal has not been seen then, or is still to come.
            if counts.get(target, 0) < len(target.installed):
                await self._restore_missing(target, protocol, drift)
        return drift

    async def _restore_missing(self, target: Target, protocol: int, drift: Drift) -> None:
        """Absences are believed when two more dumps agree: a table that changes may hide routes."""
        missing = set(target.installed)
        for _ in range(2):

            def take(found: ScannedRoutes) -> None:
                missing.difference_update(found.get(_report_key(target), ()))

            place = (target.key.table_id, target.family)
            if not missing or not await self._scan(*place, protocol, take):
                return
        gone = iter(missing)
        while batch := list(islice(gone, ABSENCES_PER_TURN)):
            on_missing(self._planner, target, batch, drift)
            await trio.lowlevel.checkpoint()

    async def _scan(
        self,
        table_id: int | None,
        family: Family,
        protocol: int,
        take: Callable[[ScannedRoutes], None],
    ) -> bool:
        try:
            await self._kernel.scan_routes(family, take, table_id=table_id, protocol=protocol)
        except (KernelRefused, OutcomeUnknown) as why:
            log.warning("netlink export: reading our routes back failed", error=str(why))
            return False
        return True


def _report_key(target: Target) -> tuple[int, int, Family]:
    """What the kernel says of routes in this target."""
    return target.key.table_id, target.kernel_metric, target.family


def _pick(
    wanted: dict[tuple[int, int, Family], tuple[Target, set[bytes]]],
    ours: dict[Target, dict[bytes, Legs]],
    found: ScannedRoutes,
) -> None:
    for key, routes in found.items():
        if key in wanted:
            target, nlris = wanted[key]
            ours[target] |= {nlri: routes[nlri] for nlri in nlris & routes.keys()}
