"""Planning: which writes a change of best paths, next hops or rules asks for."""

import errno
import math

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.config.schema import ExportRule
from gobgp_trio.fib.drift import Drift, on_dump, on_missing, on_route_event
from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.fib.outcome import Settled, settle, settle_doubts
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Resolver
from gobgp_trio.fib.rules import RuleSet
from gobgp_trio.fib.target import Plan, State, Target
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.rtnl.route import Leg
from gobgp_trio.rtnl.route_batch import RouteFailure
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind
from gobgp_trio.types.prefix import parse_prefix
from tests.fib.view_builder import (
    STATIC,
    make_link,
    make_route,
    make_view,
    on_link,
    packed,
    via,
)

V4 = Family.IPV4_UNICAST
PEER = Source(SourceKind.PEER, "10.0.0.9")
PROTOCOL = 186
ETH0, ETH1 = 2, 3
C100, C200 = 65000 << 16 | 100, 65000 << 16 | 200
A = parse_prefix("192.0.2.0/24")[1]
B = parse_prefix("198.51.100.0/24")[1]

# What a test compares: action, table, metric, prefixes and legs of a write.
Written = tuple[str, int, int, tuple[bytes, ...], tuple[Leg, ...]]


def make_kernel() -> KernelView:
    return make_view(
        [make_link(ETH0, "eth0"), make_link(ETH1, "eth1")],
        [],
        [make_route("10.0.0.0/24", on_link(ETH0)), make_route("10.0.1.0/24", on_link(ETH1))],
    )


def make_planner(*rules: ExportRule, view: KernelView | None = None) -> Planner:
    resolver = Resolver(view or make_kernel(), via_default=False)
    return Planner(RuleSet(rules or [ExportRule("all")]), resolver)


def make_path(hop: str = "10.0.0.9", *communities: int) -> Path:
    attributes = make_attributes(origin=0, next_hop=packed(hop), communities=communities)
    return Path(PEER, attributes, 0.0)


def written(plan: Plan) -> list[Written]:
    return [
        (
            write.action.value,
            write.target.key.table_id,
            write.target.key.metric,
            tuple(write.nlris),
            write.entry.legs,
        )
        for write in plan.writes()
    ]


def plan(planner: Planner, **changes: Path | None) -> list[Written]:
    """Plan and let the kernel consent to everything."""
    names = {"a": A, "b": B}
    made = planner.plan(V4, [(names[name], path) for name, path in changes.items()])
    settle(planner, made.writes(), [], 0.0, 1000.0)
    return written(made)


def only_target(planner: Planner) -> Target:
    (target,) = planner.targets.values()
    return target


VIA0, VIA1 = via("10.0.0.9", ETH0), via("10.0.1.9", ETH1)


def test_a_new_route_is_added_and_an_unchanged_one_is_left_alone() -> None:
    planner = make_planner()
    assert plan(planner, a=make_path(), b=make_path()) == [("add", 254, 20, (A, B), (VIA0,))]
    assert only_target(planner).installed[A].exported_at_s == 1000.0
    assert plan(planner, a=make_path()) == []
    assert only_target(planner).installed[A].exported_at_s == 1000.0


def test_a_changed_next_hop_replaces_in_place() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    assert plan(planner, a=make_path("10.0.1.9")) == [("replace", 254, 20, (A,), (VIA1,))]


def test_a_withdrawn_route_is_deleted_with_the_legs_it_had() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    assert plan(planner, a=None) == [("delete", 254, 20, (A,), (VIA0,))]
    assert plan(planner, a=None) == []


def test_a_lost_community_takes_the_route_out_of_that_rule_s_table() -> None:
    planner = make_planner(
        ExportRule("one", communities=(C100,), table_id=100),
        ExportRule("two", communities=(C200,), table_id=200),
    )
    assert plan(planner, a=make_path("10.0.0.9", C100, C200)) == [
        ("add", 100, 20, (A,), (VIA0,)),
        ("add", 200, 20, (A,), (VIA0,)),
    ]
    assert plan(planner, a=make_path("10.0.0.9", C200)) == [("delete", 100, 20, (A,), (VIA0,))]
    assert plan(planner, a=make_path("10.0.0.9")) == [("delete", 200, 20, (A,), (VIA0,))]


def test_a_changed_metric_adds_before_it_deletes() -> None:
    planner = make_planner(ExportRule("r", metric=20))
    path = make_path()
    plan(planner, a=path)
    planner.rules = RuleSet([ExportRule("r", metric=30)])
    assert plan(planner, a=path) == [
        ("add", 254, 30, (A,), (VIA0,)),
        ("delete", 254, 20, (A,), (VIA0,)),
    ]


def test_a_renamed_rule_writes_nothing() -> None:
    planner = make_planner(ExportRule("old"))
    path = make_path()
    plan(planner, a=path)
    planner.rules = RuleSet([ExportRule("new")])
    assert plan(planner, a=path) == []
    entry = only_target(planner).installed[A]
    assert (entry.rules, entry.exported_at_s) == (("new",), 1000.0)


def test_an_unreachable_next_hop_waits_and_is_counted() -> None:
    planner = make_planner()
    assert plan(planner, a=make_path("172.16.0.1"), b=make_path("10.0.0.9")) == [
        ("add", 254, 20, (B,), (VIA0,))
    ]
    waiting = only_target(planner).waiting[A]
    assert (waiting.state, waiting.detail) == (State.UNREACHABLE, "no route to 172.16.0.1")
    assert (planner.attempts_count, planner.failures_count) == (2, 1)
    assert planner.last_failure == "no route to 172.16.0.1"


def test_a_best_path_over_an_unreachable_next_hop_takes_the_old_route_out() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    assert plan(planner, a=make_path("172.16.0.1")) == [("delete", 254, 20, (A,), (VIA0,))]


def test_validation_is_not_counted_where_it_is_off() -> None:
    planner = make_planner(ExportRule("r", validate_nexthop=False))
    assert plan(planner, a=make_path("172.16.0.1")) == [
        ("add", 254, 20, (A,), (Leg(packed("172.16.0.1"), 0),))
    ]
    assert planner.attempts_count == 0


def change_view(planner: Planner, *, link: int, flags: int) -> list[Written]:
    changes = ViewChanges()
    planner.resolver.view.on_link(make_link(link, f"eth{link - 2}", flags), changes)
    hops = set(planner.resolver.refresh(changes))
    found = []
    for made in planner.replan_hops(hops):
        settle(planner, made.writes(), [], 0.0, 1000.0)
        found += written(made)
    return found


def test_routes_follow_their_next_hop_out_and_in() -> None:
    planner = make_planner()
    plan(planner, a=make_path(), b=make_path("10.0.1.9"))
    running = planner.resolver.view.links[ETH0].flags
    assert change_view(planner, link=ETH0, flags=1) == [("delete", 254, 20, (A,), (VIA0,))]
    assert only_target(planner).waiting[A].state is State.UNREACHABLE
    assert change_view(planner, link=ETH0, flags=running) == [("add", 254, 20, (A,), (VIA0,))]
    assert only_target(planner).waiting == {}


def refuse(planner: Planner, code: int, **changes: Path | None) -> Settled:
    """Plan, and let the kernel refuse every write."""
    names = {"a": A, "b": B}
    writes = planner.plan(V4, [(names[name], path) for name, path in changes.items()]).writes()
    failures = [
        RouteFailure(index, nlri, code, "No")
        for index, write in enumerate(writes)
        for nlri in write.nlris
    ]
    return settle(planner, writes, failures, 50.0, 1000.0)


def test_a_taken_key_is_a_doubt_then_a_conflict_and_never_overwritten() -> None:
    planner = make_planner()
    settled = refuse(planner, errno.EEXIST, a=make_path())
    target = only_target(planner)
    assert settled.doubtful == {target: [A]}
    assert written(settle_doubts(planner, target, [A], {}, 50.0, 1000.0)) == []
    assert target.waiting[A].state is State.CONFLICT
    assert plan(planner, a=make_path("10.0.1.9")) == []
    assert target.waiting[A].hop.address == packed("10.0.1.9")
    assert target.installed == {}


def test_a_taken_key_that_is_ours_after_all_is_taken_into_account() -> None:
    planner = make_planner()
    refuse(planner, errno.EEXIST, a=make_path())
    target = only_target(planner)
    follow = settle_doubts(planner, target, [A], {A: (VIA1,)}, 50.0, 1000.0)
    assert written(follow) == [("replace", 254, 20, (A,), (VIA0,))]
    assert target.waiting == {}


def freed_event(**fields: bool) -> RouteEvent:
    route = make_route("192.0.2.0/24", via("10.0.0.7", ETH0), metric=20)
    return RouteEvent(route=route, **fields)


def test_a_freed_key_is_used_at_once() -> None:
    planner = make_planner()
    refuse(planner, errno.EEXIST, a=make_path())
    settle_doubts(planner, only_target(planner), [A], {}, 50.0, 1000.0)
    drift = Drift()
    on_route_event(planner, freed_event(new=False), PROTOCOL, drift, 51.0)
    assert written(drift.plan) == [("add", 254, 20, (A,), (VIA0,))]


def test_a_foreign_replacement_makes_ours_wait() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    drift = Drift()
    on_route_event(planner, freed_event(new=True, replaced=True), PROTOCOL, drift, 51.0)
    target = only_target(planner)
    assert drift.conflicts == [(target, A, STATIC)]
    assert plan(planner, a=None) == []  # what stands there is not ours to delete


def test_ours_gives_way_to_a_foreign_route_before_it() -> None:
    """A replace would hit the first route of the key, which is not ours any more."""
    planner = make_planner()
    plan(planner, a=make_path())
    target = only_target(planner)
    drift = Drift()
    on_route_event(planner, freed_event(new=True), PROTOCOL, drift, 51.0)
    assert written(drift.plan) == [("delete", 254, 20, (A,), (VIA0,))]
    assert drift.doubtful == {target: [A]}
    assert drift.conflicts == [(target, A, STATIC)]
    assert written(settle_doubts(planner, target, [A], {}, 51.0, 1051.0)) == []
    assert target.installed == {}
    assert target.waiting[A].state is State.CONFLICT


def our_event(*legs: Leg, new: bool) -> RouteEvent:
    route = make_route("192.0.2.0/24", *legs, metric=20, protocol=PROTOCOL)
    return RouteEvent(new, route)


def test_a_route_somebody_removed_is_put_back_with_growing_pauses() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    pauses = []
    now_s = 100.0
    for _ in range(4):
        drift = Drift()
        on_route_event(planner, our_event(VIA0, new=False), PROTOCOL, drift, now_s)
        assert drift.repairs_count == 1
        pauses.append(round(planner.next_retry_s() - now_s, 3))
        now_s = planner.next_retry_s()
        ((target, nlris),) = planner.pop_retries(now_s).items()
        again = planner.retry(target, nlris)
        assert written(again) == [("add", 254, 20, (A,), (VIA0,))]
        settle(planner, again.writes(), [], now_s, 1000.0)
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert planner.next_retry_s() == math.inf


def test_an_altered_route_of_ours_is_restored() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    drift = Drift()
    on_route_event(planner, our_event(VIA1, new=True), PROTOCOL, drift, 51.0)
    assert written(drift.plan) == [("replace", 254, 20, (A,), (VIA0,))]
    assert drift.repairs_count == 1


def test_a_refused_route_waits_with_the_kernel_s_words_and_is_tried_again() -> None:
    planner = make_planner()
    settled = refuse(planner, errno.ENETUNREACH, a=make_path())
    target = only_target(planner)
    assert settled.refusals == [(target, A, "No")]
    assert (target.waiting[A].state, target.waiting[A].detail) == (State.REFUSED, "No")
    assert planner.next_retry_s() == 51.0


def test_a_refused_replacement_takes_the_old_route_out() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    settled = refuse(planner, errno.EINVAL, a=make_path("10.0.1.9"))
    assert written(settled.follow_up) == [("delete", 254, 20, (A,), (VIA0,))]
    assert only_target(planner).waiting[A].state is State.REFUSED


def test_an_absent_route_counts_as_deleted_but_not_as_withdrawn() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    settled = refuse(planner, errno.ESRCH, a=None)
    assert (settled.withdrawn_count, settled.refusals) == (0, [])
    assert not only_target(planner)


def test_a_route_that_cannot_be_deleted_is_tried_again() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    refuse(planner, errno.EBUSY, a=None)
    ((target, nlris),) = planner.pop_retries(planner.next_retry_s()).items()
    assert written(planner.retry(target, nlris)) == [("delete", 254, 20, (A,), (VIA0,))]


def test_a_route_wanted_again_while_its_deletion_is_refused_stays() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    refuse(planner, errno.EBUSY, a=None)
    assert plan(planner, a=make_path()) == []
    ((target, nlris),) = planner.pop_retries(math.inf).items()
    assert written(planner.retry(target, nlris)) == []


def test_flush_removes_everything_and_holds() -> None:
    planner = make_planner()
    path = make_path()
    plan(planner, a=path, b=make_path("172.16.0.1"))
    assert [write for made in planner.flush() for write in written(made)] == [
        ("delete", 254, 20, (A,), (VIA0,))
    ]
    assert not only_target(planner)
    assert plan(planner, a=path) == [("add", 254, 20, (A,), (VIA0,))]


def test_a_dump_restores_removes_and_adopts() -> None:
    planner = make_planner()
    plan(planner, a=make_path())
    target = only_target(planner)
    drift = Drift()
    on_dump(planner, target, {A: (VIA1,), B: (VIA0,)}, drift, 1000.0)
    assert written(drift.plan) == [
        ("replace", 254, 20, (A,), (VIA0,)),
        ("delete", 254, 20, (B,), (VIA0,)),
    ]
    drift = Drift()
    on_missing(planner, target, [A], drift)
    assert written(drift.plan) == [("add", 254, 20, (A,), (VIA0,))]
