"""What the kernel says against what we remember: kept defaults, leftovers, waiting routes."""

from gobgp_trio.fib.drift import (
    Drift,
    leftover_target,
    on_dump,
    on_missing,
    on_route_event,
    same_legs,
)
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Legs, Resolver
from gobgp_trio.fib.rules import GLOBAL_SOURCE, RuleSet, TargetKey
from gobgp_trio.fib.target import Installed, State, Target, Waiting
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import parse_prefix
from tests.fib.view_builder import make_link, make_route, make_view, on_link, packed, via

PROTOCOL = 186
ETH0, ETH1 = 2, 3
V4 = Family.IPV4_UNICAST
NET = parse_prefix("192.0.2.0/24")[1]
HERE, THERE = via("10.0.0.9", ETH0), via("10.0.1.9", ETH1)


def make_planner() -> tuple[Planner, Target]:
    view = make_view(
        [make_link(ETH0, "eth0"), make_link(ETH1, "eth1")],
        [],
        [make_route("10.0.0.0/24", on_link(ETH0))],
    )
    planner = Planner(RuleSet(()), Resolver(view, via_default=False))
    return planner, planner.target(TargetKey(GLOBAL_SOURCE, 254, 20), V4)


def wait(planner: Planner, target: Target, state: State) -> None:
    hop = planner.resolver.track(254, packed("10.0.0.9"), 0, validate=True)
    target.waiting[NET] = Waiting(state, hop, ("rule",), "")


def actions(drift: Drift) -> list[tuple[str, list[bytes]]]:
    return [(write.action.value, write.nlris) for write in drift.plan.writes()]


def test_a_kept_route_that_is_removed_or_altered_is_remembered_as_it_is() -> None:
    planner, target = make_planner()
    for new, legs, remembered in ((True, (THERE,), (THERE,)), (False, (THERE,), None)):
        target.installed.setdefault(NET, Installed(None, (HERE,), ()))
        drift = Drift()
        route = make_route("192.0.2.0/24", *legs, metric=20, protocol=PROTOCOL)
        on_route_event(planner, RouteEvent(new, route), PROTOCOL, drift, 1.0)
        entry = target.installed.get(NET)
        assert (None if entry is None else entry.legs) == remembered
        assert actions(drift) == []
        assert drift.repairs_count == 0
    assert target.waiting == {}


def test_a_dump_corrects_what_is_remembered_of_a_kept_route() -> None:
    planner, target = make_planner()
    target.installed[NET] = Installed(None, (HERE,), ())
    drift = Drift()
    on_dump(planner, target, {NET: (THERE,)}, drift, 0.0)
    assert target.installed[NET].legs == (THERE,)
    on_missing(planner, target, [NET], drift)
    assert target.installed == {}
    assert actions(drift) == []


def test_a_leftover_is_removed_and_what_waits_for_a_next_hop_goes_on_waiting() -> None:
    planner, target = make_planner()
    wait(planner, target, State.UNREACHABLE)
    drift = Drift()
    on_dump(planner, target, {NET: (THERE,)}, drift, 0.0)
    assert actions(drift) == [("delete", [NET])]
    assert target.waiting[NET].state is State.UNREACHABLE


def test_a_route_found_under_a_waiting_one_is_taken_into_account() -> None:
    planner, target = make_planner()
    wait(planner, target, State.LOST)
    drift = Drift()
    on_dump(planner, target, {NET: (THERE,)}, drift, 0.0)
    assert actions(drift) == [("replace", [NET])]
    assert target.installed[NET].legs == (HERE,)
    assert target.waiting == {}


def test_legs_are_the_same_in_any_order_and_where_the_kernel_chose_the_device() -> None:
    assert same_legs((HERE, THERE), (THERE, HERE))
    assert not same_legs((HERE,), (HERE, THERE))
    assert same_legs((via("10.0.0.9", 0),), (HERE,))
    assert not same_legs((HERE,), (via("10.0.0.9", ETH1),))


def test_routes_in_a_place_no_rule_names_get_a_target_of_their_own() -> None:
    planner, target = make_planner()
    assert leftover_target(planner, (99, 7, V4)).key == TargetKey(GLOBAL_SOURCE, 99, 7)
    assert leftover_target(planner, (254, 20, V4)) is target


def test_a_foreign_route_behind_ours_is_no_concern() -> None:
    planner, target = make_planner()
    target.installed[NET] = Installed(None, (HERE,), ())
    drift = Drift()
    behind = RouteEvent(True, make_route("192.0.2.0/24", THERE, metric=20), appended=True)
    on_route_event(planner, behind, PROTOCOL, drift, 1.0)
    assert (drift.doubtful, target.installed[NET].legs) == ({}, (HERE,))


def test_a_dump_tells_how_many_routes_are_as_remembered() -> None:
    planner, target = make_planner()
    other = parse_prefix("198.51.100.0/24")[1]
    wait(planner, target, State.LOST)
    target.installed[other] = Installed(None, (HERE,), ())
    stray = parse_prefix("203.0.113.0/24")[1]
    drift = Drift()
    found: dict[bytes, Legs] = {NET: (HERE,), other: (HERE,), stray: (HERE,)}
    assert on_dump(planner, target, found, drift, 5.0) == 2
    assert set(target.installed) == {NET, other}
    assert actions(drift) == [("delete", [stray])]
