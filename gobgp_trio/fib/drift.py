"""The kernel is the truth: events about our keys, and dumps held against what we remember.

An event tells what somebody else did: our own writes are filtered out before they get here.  A
dump tells what is there; an absence is believed only when a second dump agrees, because a dump of
a table that changes can miss routes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gobgp_trio.config.schema import MAIN_TABLE
from gobgp_trio.fib.outcome import FIRST_REPAIR_S
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Legs, NextHop
from gobgp_trio.fib.rules import GLOBAL_SOURCE, TargetKey
from gobgp_trio.fib.target import Installed, Plan, State, Target, Waiting
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.rtnl.route import KernelRoute
from gobgp_trio.types.family import Family


@dataclass(slots=True)
class Drift:
    """What somebody else's doing means for us.

    Attributes:
        plan: writes to carry out at once.
        repairs_count: routes of ours that were removed or altered.
        conflicts: (target, prefix, protocol) newly taken over by foreign routes.
        doubtful: prefixes at whose keys foreign routes appeared; the kernel may have ours as well.
        is_complete: nothing was left out, as a dump that fails midway would.
    """

    plan: Plan = field(default_factory=Plan)
    repairs_count: int = 0
    conflicts: list[tuple[Target, bytes, int]] = field(default_factory=list)
    doubtful: dict[Target, list[bytes]] = field(default_factory=dict)
    is_complete: bool = True


def on_route_event(
    planner: Planner, event: RouteEvent, protocol: int, drift: Drift, now_s: float
) -> None:
    """Take in one route event that concerns a key of ours, if it does."""
    route = event.route
    for target in planner.targets_at(route.table_id, route.metric or 0, route.family):
        ours = route.protocol == protocol
        if ours and event.new:
            _on_altered(planner, target, route, drift)
        elif ours:
            _on_removed(planner, target, route, drift, now_s)
        elif event.new and not event.appended:
            _on_taken(planner, target, route, drift, replaced=event.replaced)
        elif not event.new:
            _on_freed(planner, target, route, drift)


def same_legs(ours: Legs, kernels: Legs) -> bool:
    """Whether the kernel's legs are what we asked for; device 0 was the kernel's to choose."""
    if len(ours) != len(kernels):
        return False
    if len(ours) == 1:
        mine, found = ours[0], kernels[0]
        return mine.gateway == found.gateway and (
            mine.interface_index in (0, found.interface_index)
        )
    return {(leg.gateway, leg.interface_index) for leg in ours} == {
        (leg.gateway, leg.interface_index) for leg in kernels
    }


def on_missing(planner: Planner, target: Target, nlris: Iterable[bytes], drift: Drift) -> None:
    """Two dumps agree that these are gone: put them back."""
    again: dict[tuple[NextHop, tuple[str, ...]], list[bytes]] = {}
    for nlri in nlris:
        entry = target.installed.pop(nlri, None)
        if entry is not None and entry.hop is not None:
            again.setdefault((entry.hop, entry.rules), []).append(nlri)
    for (hop, rules), batch in again.items():
        drift.repairs_count += len(batch)
        planner.bring(drift.plan, target, hop, rules, batch)


def on_dump(
    planner: Planner, target: Target, found: dict[bytes, Legs], drift: Drift, wall_s: float
) -> int:
    """Compare some of what is there with what we remember.

    Returns how many of these the target has installed now; absences are the caller's to find.
    """
    installed = target.installed
    same: dict[tuple[int, int], bool] = {}  # few entries, few legs, very many routes
    count = 0
    for nlri, legs in found.items():
        entry = installed.get(nlri)
        if entry is None:
            _on_unknown(planner, target, nlri, legs, drift, wall_s)
            count += nlri in installed
            continue
        count += 1
        pair = (id(entry), id(legs))
        is_same = same.get(pair)
        if is_same is None:
            is_same = same[pair] = same_legs(entry.legs, legs)
        if not is_same:
            _restore(planner, target, nlri, legs, drift)
    return count


def _on_unknown(
    planner: Planner, target: Target, nlri: bytes, legs: Legs, drift: Drift, wall_s: float
) -> None:
    waiting = target.waiting.get(nlri)
    if waiting is None or waiting.state is State.UNREACHABLE:
        _remove_leftover(planner, target, nlri, legs, drift)
        return
    del target.waiting[nlri]
    target.installed[nlri] = Installed(waiting.hop, legs, waiting.rules, wall_s)
    planner.bring(drift.plan, target, waiting.hop, waiting.rules, [nlri])


def leftover_target(planner: Planner, key: tuple[int, int, Family]) -> Target:
    """The target that stands for routes of ours in a table and metric no rule names."""
    table_id, metric, family = key
    targets = planner.targets_at(table_id, metric, family)
    if targets:
        return targets[0]
    return planner.target(TargetKey(GLOBAL_SOURCE, table_id or MAIN_TABLE, metric), family)


def _remove_leftover(
    planner: Planner, target: Target, nlri: bytes, legs: Legs, drift: Drift
) -> None:
    waiting = target.waiting.pop(nlri, None)
    target.installed[nlri] = Installed(None, legs, ())
    planner.clear(drift.plan, target, [nlri])
    if waiting is not None:
        target.waiting[nlri] = waiting


def _restore(planner: Planner, target: Target, nlri: bytes, legs: Legs, drift: Drift) -> None:
    """The kernel has other legs than we gave it: remember those, and bring ours back."""
    entry = target.installed[nlri]
    target.installed[nlri] = Installed(entry.hop, legs, entry.rules, entry.exported_at_s)
    if entry.hop is None:
        return
    drift.repairs_count += 1
    planner.bring(drift.plan, target, entry.hop, entry.rules, [nlri])


def _on_altered(planner: Planner, target: Target, route: KernelRoute, drift: Drift) -> None:
    entry = target.installed.get(route.nlri)
    if entry is not None and not same_legs(entry.legs, route.legs):
        _restore(planner, target, route.nlri, route.legs, drift)


def _on_removed(
    planner: Planner, target: Target, route: KernelRoute, drift: Drift, now_s: float
) -> None:
    entry = target.installed.get(route.nlri)
    if entry is None or not same_legs(entry.legs, route.legs):
        return
    del target.installed[route.nlri]
    if entry.hop is None:
        return
    drift.repairs_count += 1
    target.waiting[route.nlri] = Waiting(
        State.LOST, entry.hop, entry.rules, "another program removed it"
    )
    pause_s = target.back_off_s(route.nlri, FIRST_REPAIR_S, now_s)
    planner.retry_at(target, route.nlri, now_s + pause_s)


def _on_taken(
    planner: Planner, target: Target, route: KernelRoute, drift: Drift, *, replaced: bool
) -> None:
    """A foreign route came to our key: in our place, in that of another one, or beside ours.

    An IPv4 route that was not appended stands before ours, where our next replace would hit it:
    ours gives way.
    """
    entry = target.installed.get(route.nlri)
    if entry is not None and entry.hop is not None and not replaced and _is_ipv4(target):
        planner.clear(drift.plan, target, [route.nlri])
        replaced = True
    target.installed.pop(route.nlri, None)
    if entry is None or entry.hop is None:
        return
    detail = f"a route of protocol {route.protocol} took its place"
    state = State.CONFLICT if replaced else State.LOST
    target.waiting[route.nlri] = Waiting(state, entry.hop, entry.rules, detail)
    drift.doubtful.setdefault(target, []).append(route.nlri)
    if replaced:
        drift.conflicts.append((target, route.nlri, route.protocol))


def _is_ipv4(target: Target) -> bool:
    return target.family is Family.IPV4_UNICAST


def _on_freed(planner: Planner, target: Target, route: KernelRoute, drift: Drift) -> None:
    waiting = target.waiting.get(route.nlri)
    if waiting is None or waiting.state is not State.CONFLICT:
        return
    del target.waiting[route.nlri]
    planner.bring(drift.plan, target, waiting.hop, waiting.rules, [route.nlri])
