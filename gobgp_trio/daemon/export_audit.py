"""Reading the kernel back: clean-up at start, ownership of taken keys, and the audit.

Used when what the kernel holds under our protocol number is not known: at start, after lost
events or replies, after a link was down, and when a key we wanted is taken.
"""

import time
from collections.abc import Callable

import structlog

from gobgp_trio.daemon.netlink import Kernel
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown
from gobgp_trio.fib.drift import (
    Drift,
    by_target_key,
    leftover_target,
    missing_routes,
    on_dump,
    on_missing,
)
from gobgp_trio.fib.outcome import settle_doubts
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Legs
from gobgp_trio.fib.rules import GLOBAL_SOURCE, TargetKey
from gobgp_trio.fib.target import Installed, Plan, Target
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.rtnl.route import KernelRoute
from gobgp_trio.rtnl.route_batch import RouteAction, RouteTemplate, RouteWrite
from gobgp_trio.types.family import Family

UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)

log = structlog.get_logger()

OurRoutes = dict[tuple[int, int, Family], dict[bytes, Legs]]


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
        kept = False
        removed: dict[int, int] = {}
        for family in UNICAST:
            doomed: dict[tuple[int, int, Legs], list[bytes]] = {}
            for route in await self._kernel.dump_routes(family, protocol=protocol):
                metric = route.metric or 0
                if keep_default and route.nlri[0] == 0:
                    key = TargetKey(GLOBAL_SOURCE, route.table_id, metric)
                    target = self._planner.target(key, family)
                    target.installed[route.nlri] = Installed(None, route.legs, ())
                    kept = True
                else:
                    doomed.setdefault((route.table_id, metric, route.legs), []).append(route.nlri)
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
        return kept

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
        found: OurRoutes = {}
        read: set[tuple[int, Family]] = set()
        for target, nlris in doubtful.items():
            place = (target.key.table_id, target.family)
            if place not in read:
                read.add(place)
                found |= by_target_key(await self._dump(*place, protocol) or [])
            ours = found.get((target.key.table_id, target.kernel_metric, target.family), {})
            plans.append(
                settle_doubts(self._planner, target, nlris, ours, now_s, self._wall_clock_s())
            )
        return plans

    async def audit(self, protocol: int) -> Drift | None:
        """Compare every route of ours with the kernel; None when it could not be read."""
        drift = Drift()
        found: OurRoutes = {}
        for family in UNICAST:
            routes = await self._dump(None, family, protocol)
            if routes is None:
                return None
            found |= by_target_key(routes)
        for key, routes_found in found.items():
            target = leftover_target(self._planner, key)
            on_dump(self._planner, target, routes_found, drift, self._wall_clock_s())
        await self._audit_absences(found, protocol, drift)
        return drift

    async def _audit_absences(self, found: OurRoutes, protocol: int, drift: Drift) -> None:
        for (key, family), target in list(self._planner.targets.items()):
            place = (key.table_id, target.kernel_metric, family)
            missing = missing_routes(target, found.get(place, {}))
            if not missing:
                continue
            again = await self._dump(key.table_id, family, protocol)
            if again is not None:
                present = by_target_key(again).get(place, {})
                gone = [nlri for nlri in missing if nlri not in present]
                on_missing(self._planner, target, gone, drift)

    async def _dump(
        self, table_id: int | None, family: Family, protocol: int
    ) -> list[KernelRoute] | None:
        try:
            return await self._kernel.dump_routes(family, table_id=table_id, protocol=protocol)
        except (KernelRefused, OutcomeUnknown) as why:
            log.warning("netlink export: reading our routes back failed", error=str(why))
            return None
