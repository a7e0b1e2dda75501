"""SIGHUP: each change takes effect, without a gap where there need be none, or not at all."""

import itertools

from harness.kernel import KernelRoute, RouteMonitor, list_prefixes, list_routes, wait_routes
from harness.namespace import Lab
from harness.pair import GLOBAL, Pair, exports, imports, neighbor, rule
from harness.wait import wait_until

V4, V6, OTHER = "198.51.100.0/24", "2001:db8:51::/48", "203.0.113.0/24"
WITH_100 = "bgp_community.add((65000,100));"
WITH_200 = "bgp_community.add((65000,200));"


def ours(prefix: str, *, table: int = 254, metric: int = 20, protocol: int = 186) -> KernelRoute:
    via = "2001:db8::2" if ":" in prefix else "192.0.2.2"
    return KernelRoute(prefix, via=via, dev="eth0", table=table, metric=metric, protocol=protocol)


def reload_and_wait(pair: Pair, *blocks: str) -> None:
    before = len(pair.daemon.messages("config changed"))
    pair.reload(*blocks)
    wait_said_again(pair, "config changed", before)


def wait_said_again(pair: Pair, text: str, count: int) -> None:
    wait_until(lambda: len(pair.daemon.messages(text)) > count, f"again said: {text}")


def assert_no_gap(monitor: RouteMonitor, prefix: str) -> None:
    """At no time was there no route: a new one always comes before the old one goes."""
    present = 1
    for event in monitor.events(prefix):
        present += 1 if event.is_new else -1
        assert present >= 1, monitor.events(prefix)
    assert present == 1, monitor.events(prefix)


def test_metric_and_table_change_without_a_gap(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: "", V6: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [ours(V6)], version=6)
    monitor = RouteMonitor(pair.router)
    pair.reload(exports(rule(metric=10)))
    wait_routes(pair.router, [ours(V4, metric=10)])
    wait_routes(pair.router, [ours(V6, metric=10)], version=6)
    pair.reload(exports(rule(metric=30)))
    wait_routes(pair.router, [ours(V4, metric=30)])
    wait_routes(pair.router, [ours(V6, metric=30)], version=6)
    pair.reload(exports(rule(table_id=100)))
    wait_routes(pair.router, [ours(V4, table=100)], table="all")
    wait_routes(pair.router, [ours(V6, table=100)], version=6, table="all")
    pair.reload(exports(rule(table_id=0)))
    wait_routes(pair.router, [ours(V4)], table="all")
    wait_routes(pair.router, [ours(V6)], version=6, table="all")
    assert_no_gap(monitor, V4)
    assert_no_gap(monitor, V6)
    assert len(monitor.events()) == 16


def test_the_metric_of_thousands_changes_without_a_gap(lab: Lab) -> None:
    pair = Pair(lab)
    routes = {f"20.{high}.{low}.0/24": "" for high in range(10) for low in range(250)}
    pair.start(routes, exports())
    wait_until(lambda: len(list_prefixes(pair.router)) == 2500, "all in")
    monitor = RouteMonitor(pair.router)
    pair.reload(exports(rule(metric=10)))
    expected = sorted(ours(prefix, metric=10) for prefix in routes)
    wait_until(lambda: list_routes(pair.router) == expected, "all moved")
    assert len(monitor.events()) == 5000
    present = dict.fromkeys(routes, 1)
    for event in monitor.events():
        present[event.prefix] += 1 if event.is_new else -1
        assert present[event.prefix] >= 1, event


def test_rules_come_and_go(lab: Lab) -> None:
    pair = Pair(lab)
    one = rule("one", community_list=["65000:100"])
    two = rule("two", community_list=["65000:200"], table_id=100)
    pair.start({V4: WITH_100, OTHER: WITH_100 + WITH_200}, exports(one))
    both = [ours(V4), ours(OTHER)]
    wait_routes(pair.router, both, table="all")
    monitor = RouteMonitor(pair.router)
    pair.reload(exports(one, two))
    wait_routes(pair.router, [ours(OTHER, table=100)], table=100)
    pair.reload(exports(two))
    wait_routes(pair.router, [ours(OTHER, table=100)], table="all")
    pair.reload(exports(rule("two", community_list=["65000:100"], table_id=100)))
    wait_routes(pair.router, [ours(V4, table=100), ours(OTHER, table=100)], table="all")
    pair.reload(exports(rule("renamed", community_list=["65000:100"], table_id=100)))
    wait_until(lambda: "renamed" in pair.daemon.log(), "renamed")
    assert [(event.is_new, event.prefix, event.table) for event in monitor.events()[:1]] == [
        (True, OTHER, 100)
    ]
    assert len(monitor.events()) == 4  # one in, two out, one in; OTHER's in 100 was never touched


def test_the_protocol_number_moves_the_routes(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: "", V6: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [ours(V6)], version=6)
    pair.reload(exports(route_protocol=200))
    wait_routes(pair.router, [ours(V4, protocol=200)], protocol=200)
    wait_routes(pair.router, [ours(V6, protocol=200)], version=6, protocol=200)
    wait_routes(pair.router, [])
    wait_routes(pair.router, [], version=6)
    pair.router.ip(f"route del {V4} metric 20 proto 200")
    wait_routes(pair.router, [ours(V4, protocol=200)], protocol=200)
    pair.announce({})
    wait_routes(pair.router, [], protocol=200)
    wait_routes(pair.router, [], version=6, protocol=200)


def test_export_begins_with_what_the_table_holds(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: "", V6: ""})
    wait_until(lambda: pair.daemon.messages("session established"), "established")
    reload_and_wait(pair, exports())
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [ours(V6)], version=6)


def test_a_broken_file_changes_nothing(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    file = pair.daemon.configuration
    broken = [
        exports(rule(metric=10), rule(metric=11)),
        exports(rule(table_id=255)),
        exports(rule(community_list=["65000:mesh:1"])),
        exports(rule(metric=10)).replace("metric", "metrik"),
        "\n[netlink.export\n",
    ]
    for block in broken:
        before = len(pair.daemon.messages("config not changed"))
        pair.reload(block)
        wait_said_again(pair, "config not changed", before)
    problems = [event["problem"] for event in pair.daemon.messages("config not changed")]
    assert all(problem.startswith(f"{file}:") for problem in problems), problems
    assert problems[0].endswith('rules[].name: wanted a name of its own, found "all" again')
    assert problems[3].startswith(f"{file}:21: netlink.export.rules[].metrik: unknown key")
    assert pair.daemon.messages("config changed") == []
    pair.announce({V4: "", OTHER: ""})
    wait_routes(pair.router, [ours(V4), ours(OTHER)])
    reload_and_wait(pair, exports(rule(metric=10)))
    wait_routes(pair.router, [ours(V4, metric=10), ours(OTHER, metric=10)])


def test_neighbors_come_and_go_and_change(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird({V4: "", V6: ""})
    pair.start_daemon(neighbor("192.0.2.99", passive=True), exports())
    reload_and_wait(pair, neighbor("192.0.2.99", passive=True), neighbor(), exports())
    pair.bird.wait_established("gobgpd")
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [ours(V6)], version=6)
    reload_and_wait(pair, neighbor(families=(4,)), exports())
    wait_routes(pair.router, [], version=6)
    wait_routes(pair.router, [ours(V4)])
    reload_and_wait(pair, neighbor(peer_as=65009), exports())
    wait_routes(pair.router, [])
    reload_and_wait(pair, neighbor(), exports())
    wait_routes(pair.router, [ours(V6)], version=6)
    reload_and_wait(pair, neighbor("192.0.2.99", passive=True), exports())
    wait_routes(pair.router, [])
    wait_until(lambda: pair.bird.state("gobgpd") != "Established", "BIRD knows")


def test_a_reload_that_concerns_nothing_of_a_session_leaves_it_alone(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    monitor = RouteMonitor(pair.router)
    reload_and_wait(pair, neighbor(hold_time_s=30), exports(), imports("lo"))
    pair.daemon.reload(pair.toml(exports(), imports("lo")).replace(GLOBAL, GLOBAL + "\n# same\n"))
    wait_until(lambda: len(pair.daemon.messages("config changed")) == 2, "reloaded")
    pair.announce({V4: "", OTHER: ""})
    wait_routes(pair.router, [ours(V4), ours(OTHER)])
    assert pair.daemon.messages("session down") == []
    assert len(pair.daemon.messages("session established")) == 1
    assert [event.prefix for event in monitor.events()] == [OTHER]


def test_the_interface_list_changes_what_is_announced(lab: Lab) -> None:
    pair = Pair(lab)
    for number in (1, 2):
        pair.router.ip(f"link add net{number} type veth peer name far{number}")
        pair.router.ip(f"link set far{number} up")
        pair.router.ip(f"link set net{number} up")
        pair.router.ip(f"address add 10.{number}.0.1/24 dev net{number}")
        pair.router.ip(f"address add 2001:db8:f{number}::1/64 dev net{number} nodad")
    pair.start({}, imports("net1"))
    one = ["10.1.0.0/24", "2001:db8:f1::/64"]
    two = ["10.2.0.0/24", "2001:db8:f2::/64"]
    lists = [
        (imports("net1"), one),
        (imports("net2"), two),
        (imports("net*"), sorted(one + two)),
        (imports("net*").replace("enabled = true", "enabled = false"), []),
        (imports("net[12]"), sorted(one + two)),
        ("", []),
    ]
    for (block, expected), number in zip(lists, itertools.count()):
        if number:
            pair.reload(block)
        wait_learnt(pair, expected)


def wait_learnt(pair: Pair, expected: list[str]) -> None:
    wait_until(lambda: pair.bird.prefixes("gobgpd") == expected, f"BIRD has learnt {expected}")
