"""What the kernel answered: confirmed routes, conflicts, refusals, and what to do about each.

A refusal concerns one route: it waits with the kernel's words and is tried again, with growing
pauses.  "File exists" is only a doubt: the kernel does not say whose route stands there, so the
caller looks (``Settled.doubtful``) and ``settle_doubts`` decides.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field

from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Legs
from gobgp_trio.fib.target import Installed, Plan, PlannedWrite, State, Target, Waiting
from gobgp_trio.rtnl.route_batch import RouteAction, RouteFailure

GONE_ERRNOS = frozenset({errno.ESRCH, errno.ENOENT})
FIRST_RETRY_S = 1.0
FIRST_REPAIR_S = 0.1
CONFLICT_RETRY_S = 10.0


@dataclass(slots=True)
class Settled:
    """What a batch of writes came to.

    Attributes:
        exported_count, withdrawn_count: routes the kernel took or removed.
        doubtful: prefixes whose key is taken, by whom is to be found out.
        refusals: (target, prefix, the kernel's words) of routes refused for another reason.
        follow_up: writes that the answers made necessary.
    """

    exported_count: int = 0
    withdrawn_count: int = 0
    doubtful: dict[Target, list[bytes]] = field(default_factory=dict)
    refusals: list[tuple[Target, bytes, str]] = field(default_factory=list)
    follow_up: Plan = field(default_factory=Plan)


def settle(
    planner: Planner,
    writes: Sequence[PlannedWrite],
    failures: Sequence[RouteFailure],
    now_s: float,
    wall_s: float,
) -> Settled:
    """Take in the kernel's answers to ``writes``; ``wall_s`` is the time people are shown."""
    settled = Settled()
    failed_count = [0] * len(writes)
    for failure in failures:
        failed_count[failure.write_index] += 1
        write = writes[failure.write_index]
        if write.action is RouteAction.DELETE:
            _on_delete_failed(planner, write, failure, settled, now_s)
        else:
            _on_write_failed(planner, write, failure, settled, now_s)
    for write, failed in zip(writes, failed_count, strict=True):
        done_count = len(write.nlris) - failed
        if write.action is RouteAction.DELETE:
            settled.withdrawn_count += done_count
        else:
            write.entry.exported_at_s = wall_s
            settled.exported_count += done_count
    return settled


def settle_doubts(
    planner: Planner,
    target: Target,
    nlris: Sequence[bytes],
    ours: dict[bytes, Legs],
    now_s: float,
    wall_s: float,
) -> Plan:
    """Decide about taken keys, given the routes of ours that the kernel has in the target.

    A route of ours is taken into account and brought up to date; any other makes a conflict.
    """
    plan = Plan()
    for nlri in dict.fromkeys(nlris):
        waiting = target.waiting.get(nlri)
        if waiting is None:
            continue
        legs = ours.get(nlri)
        if legs is None:
            target.waiting[nlri] = Waiting(
                State.CONFLICT, waiting.hop, waiting.rules, "a foreign route has this key"
            )
            pause_s = target.back_off_s(nlri, CONFLICT_RETRY_S, now_s)
            planner.retry_at(target, nlri, now_s + pause_s)
        else:
            target.installed[nlri] = Installed(waiting.hop, legs, waiting.rules, wall_s)
            del target.waiting[nlri]
            planner.bring(plan, target, waiting.hop, waiting.rules, [nlri])
    return plan


def _on_write_failed(
    planner: Planner, write: PlannedWrite, failure: RouteFailure, settled: Settled, now_s: float
) -> None:
    target, nlri, entry = write.target, failure.nlri, write.entry
    if target.installed.get(nlri) is not entry or entry.hop is None:
        return
    del target.installed[nlri]
    if failure.errno == errno.EEXIST:
        target.waiting[nlri] = Waiting(State.LOST, entry.hop, entry.rules, failure.text)
        settled.doubtful.setdefault(target, []).append(nlri)
        return
    if write.action is RouteAction.REPLACE:
        # The kernel still has what was there before, and that is wanted no more.
        old = write.before[write.nlris.index(nlri)]
        target.installed[nlri] = old
        planner.clear(settled.follow_up, target, [nlri])
    target.waiting[nlri] = Waiting(State.REFUSED, entry.hop, entry.rules, failure.text)
    planner.retry_at(target, nlri, now_s + target.back_off_s(nlri, FIRST_RETRY_S, now_s))
    settled.refusals.append((target, nlri, failure.text))


def _on_delete_failed(
    planner: Planner, write: PlannedWrite, failure: RouteFailure, settled: Settled, now_s: float
) -> None:
    if failure.errno in GONE_ERRNOS:
        return  # gone already: what was wanted
    target, nlri = write.target, failure.nlri
    if nlri not in target.installed:
        target.installed[nlri] = write.entry
        target.unwanted.add(nlri)
        planner.retry_at(target, nlri, now_s + target.back_off_s(nlri, FIRST_RETRY_S, now_s))
    settled.refusals.append((target, nlri, failure.text))
