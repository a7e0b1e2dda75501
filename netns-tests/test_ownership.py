"""Whose route is it: foreign routes are never touched, ours are kept as they should be.

"Foreign" is every route with another protocol number, however it got there.
"""

from harness.kernel import (
    KernelRoute,
    RouteMonitor,
    list_prefixes,
    list_routes,
    wait_routes,
)
from harness.namespace import Lab
from harness.pair import Pair, exports, rule
from harness.wait import stays, wait_until

V4, V6 = "198.51.100.0/24", "2001:db8:51::/48"
BOTH = {V4: "", V6: ""}
FENCE = "20.9.9.0/24"
STATIC = 4


def ours(prefix: str, *, table: int = 254, metric: int = 20) -> KernelRoute:
    via = "2001:db8::2" if ":" in prefix else "192.0.2.2"
    return KernelRoute(prefix, via=via, dev="eth0", table=table, metric=metric)


def foreign(prefix: str, via: str) -> KernelRoute:
    return KernelRoute(prefix, via=via, dev="eth0", metric=20, protocol=STATIC)


FOREIGN_V4, FOREIGN_V6 = foreign(V4, "192.0.2.77"), foreign(V6, "2001:db8::77")


def add_foreign(pair: Pair, verb: str = "add") -> None:
    pair.router.ip(f"route {verb} {V4} via 192.0.2.77 metric 20 proto {STATIC}")
    pair.router.ip(f"route {verb} {V6} via 2001:db8::77 metric 20 proto {STATIC}")


def wait_both(pair: Pair, *, timeout_s: float = 10.0) -> None:
    wait_routes(pair.router, [ours(V4)], timeout_s=timeout_s)
    wait_routes(pair.router, [ours(V6)], version=6, timeout_s=timeout_s)


def wait_foreign_only(pair: Pair) -> None:
    wait_routes(pair.router, [], table="all")
    wait_routes(pair.router, [], version=6, table="all")
    assert list_routes(pair.router, protocol=STATIC) == [FOREIGN_V4]
    assert list_routes(pair.router, version=6, protocol=STATIC) == [FOREIGN_V6]


def fence(pair: Pair, routes: dict[str, str]) -> None:
    """Have a route written, and removed, after everything that came before."""
    pair.announce(routes | {FENCE: ""})
    wait_until(lambda: FENCE in list_prefixes(pair.router), "the fence is in")
    pair.announce(routes)
    wait_until(lambda: FENCE not in list_prefixes(pair.router), "the fence is out")


def test_a_foreign_route_at_our_key_stays_and_ours_waits_until_it_is_gone(lab: Lab) -> None:
    pair = Pair(lab)
    add_foreign(pair)
    pair.start(BOTH, exports())
    fence(pair, BOTH)
    wait_foreign_only(pair)
    conflicts = pair.daemon.messages("foreign routes have our keys")
    assert sorted(event["first"] for event in conflicts) == [V4, V6]
    pair.router.ip(f"route del {V4} metric 20 proto {STATIC}")
    pair.router.ip(f"route del {V6} metric 20 proto {STATIC}")
    wait_both(pair)
    assert len(pair.daemon.messages("foreign routes have our keys")) == 2


def test_a_withdrawn_route_in_conflict_never_takes_the_foreign_one_along(lab: Lab) -> None:
    pair = Pair(lab)
    add_foreign(pair)
    pair.start(BOTH, exports())
    fence(pair, BOTH)
    fence(pair, {})
    wait_foreign_only(pair)
    pair.router.ip(f"route del {V4} metric 20 proto {STATIC}")
    pair.router.ip(f"route del {V6} metric 20 proto {STATIC}")
    fence(pair, {})
    assert list_prefixes(pair.router) == []
    assert list_prefixes(pair.router, version=6) == []


def test_a_changed_path_of_a_route_in_conflict_waits_too(lab: Lab) -> None:
    pair = Pair(lab)
    pair.peer.ip("address add 192.0.2.22/24 dev eth0")
    add_foreign(pair)
    pair.start({V4: ""}, exports())
    fence(pair, {V4: "bgp_next_hop = 192.0.2.22;"})
    wait_foreign_only(pair)
    pair.router.ip(f"route del {V4} metric 20 proto {STATIC}")
    wait_routes(pair.router, [KernelRoute(V4, via="192.0.2.22", dev="eth0", metric=20)])


def test_another_metric_is_another_key(lab: Lab) -> None:
    pair = Pair(lab)
    pair.router.ip(f"route add {V4} via 192.0.2.77 metric 19 proto {STATIC}")
    pair.router.ip(f"route add {V6} via 2001:db8::77 metric 21 proto {STATIC}")
    pair.start(BOTH, exports())
    wait_both(pair)
    pair.announce({})
    wait_routes(pair.router, [])
    wait_routes(pair.router, [], version=6)
    assert list_prefixes(pair.router, protocol=STATIC) == [V4]
    assert list_prefixes(pair.router, version=6, protocol=STATIC) == [V6]


def test_what_somebody_deletes_is_put_back(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(BOTH, exports())
    wait_both(pair)
    for _ in range(2):
        pair.router.ip(f"route del {V4} metric 20")
        pair.router.ip(f"route del {V6} metric 20")
        wait_both(pair, timeout_s=1.5)  # within 1 s, and what our looking takes
    pair.announce({})
    wait_routes(pair.router, [])
    wait_routes(pair.router, [], version=6)


def test_who_deletes_without_end_meets_growing_pauses(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    monitor = RouteMonitor(pair.router)

    def delete_what_is_there() -> bool:
        pair.router.try_run("ip", "route", "del", V4, "metric", "20", "proto", "186")
        return True

    stays(delete_what_is_there, "we delete", for_s=2.0)
    put_back_count = sum(event.is_new for event in monitor.events(V4))
    assert 2 <= put_back_count <= 6, put_back_count
    wait_routes(pair.router, [ours(V4)])


def test_a_flush_of_thousands_by_somebody_is_repaired(lab: Lab) -> None:
    pair = Pair(lab)
    routes = {f"20.{high}.{low}.0/24": "" for high in range(12) for low in range(250)}
    pair.start(routes | {V6: ""}, exports(rule(), rule("copy", table_id=100)))
    for table in ("main", 100):
        wait_until(lambda: len(list_prefixes(pair.router, table="all")) == 6000, "all in")
        wait_routes(
            pair.router, [ours(V6, table=100 if table == 100 else 254)], version=6, table=table
        )
    pair.router.ip("route flush table all proto 186")
    pair.router.ip("-6 route flush table all proto 186")
    wait_until(lambda: list_prefixes(pair.router) == sorted_prefixes(routes), "main is whole again")
    wait_until(
        lambda: list_prefixes(pair.router, table=100) == sorted_prefixes(routes),
        "table 100 is whole again",
    )
    wait_until(lambda: list_prefixes(pair.router, version=6) == [V6], "IPv6 too")
    assert len(pair.daemon.log().splitlines()) < 20


def sorted_prefixes(routes: dict[str, str]) -> list[str]:
    return sorted(routes)


def test_what_somebody_alters_under_our_number_is_restored(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(BOTH, exports())
    wait_both(pair)
    pair.router.ip(f"route replace {V4} via 192.0.2.77 metric 20 proto 186")
    pair.router.ip(f"route replace {V6} via 2001:db8::77 metric 20 proto 186")
    wait_both(pair)
    pair.router.ip(f"route append {V6} via 2001:db8::78 metric 20 proto 186")  # a leg more
    wait_both(pair)


def test_a_route_replaced_by_somebody_is_theirs_from_then_on(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(BOTH, exports())
    wait_both(pair)
    add_foreign(pair, "replace")
    wait_until(lambda: pair.daemon.messages("foreign routes have our keys"), "noticed")
    fence(pair, BOTH)
    wait_foreign_only(pair)
    fence(pair, {V4: "bgp_med = 5;", V6: "bgp_med = 5;"})
    wait_foreign_only(pair)
    fence(pair, {})
    wait_foreign_only(pair)
    pair.announce(BOTH)
    fence(pair, BOTH)
    wait_foreign_only(pair)
    pair.router.ip(f"route del {V4} metric 20 proto {STATIC}")
    pair.router.ip(f"route del {V6} metric 20 proto {STATIC}")
    wait_both(pair)


def test_foreign_routes_survive_all_we_do_to_ours(lab: Lab) -> None:
    """A peer that goes, our end, and a start that cleans up, in a table that we share."""
    pair = Pair(lab)
    for number in range(3):
        pair.router.ip(f"route add 10.{number}.0.0/16 via 192.0.2.77 table 100 proto {STATIC}")
        pair.router.ip(f"route add 2001:db8:f{number}::/48 via 2001:db8::77 table 100 proto 3")
    their_v4 = list_routes(pair.router, table=100, protocol=None)
    their_v6 = list_routes(pair.router, version=6, table=100, protocol=None)
    pair.start(BOTH, exports(rule(table_id=100)))
    wait_routes(pair.router, [ours(V4, table=100)], table=100)
    wait_routes(pair.router, [ours(V6, table=100)], version=6, table=100)
    pair.bird.stop()
    wait_routes(pair.router, their_v4, table=100, protocol=None)
    wait_routes(pair.router, their_v6, version=6, table=100, protocol=None)
    pair.bird.start()
    wait_routes(pair.router, [ours(V4, table=100)], table=100)
    wait_routes(pair.router, [ours(V6, table=100)], version=6, table=100)
    pair.bird.stop()
    pair.daemon.kill()
    pair.daemon.start()
    wait_routes(pair.router, their_v4, table=100, protocol=None)
    wait_routes(pair.router, their_v6, version=6, table=100, protocol=None)
    pair.daemon.stop()
    assert list_routes(pair.router, table=100, protocol=None) == their_v4
    assert list_routes(pair.router, version=6, table=100, protocol=None) == their_v6


def test_a_foreign_route_that_shares_an_ipv6_key_as_a_further_leg_stays(lab: Lab) -> None:
    """The kernel lets anybody append a gateway to an IPv6 route; taking ours out keeps theirs."""
    pair = Pair(lab)
    pair.start({V6: ""}, exports())
    wait_routes(pair.router, [ours(V6)], version=6)
    pair.router.ip(f"route append {V6} via 2001:db8::77 metric 20 proto {STATIC}")
    fence(pair, {V6: ""})
    pair.announce({})
    fence(pair, {})
    left = list_routes(pair.router, version=6, protocol=None)
    assert any("2001:db8::77" in {route.via, *(hop[0] for hop in route.hops)} for route in left)
    assert not any("2001:db8::2" in {route.via, *(hop[0] for hop in route.hops)} for route in left)


def test_a_foreign_ipv4_route_behind_ours_stays_behind(lab: Lab) -> None:
    """IPv4 keeps several routes of one key in a list."""
    pair = Pair(lab)
    pair.peer.ip("address add 192.0.2.22/24 dev eth0")
    pair.start({V4: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    pair.router.ip(f"route append {V4} via 192.0.2.77 metric 20 proto {STATIC}")
    pair.announce({V4: "bgp_next_hop = 192.0.2.22;"})
    wait_routes(pair.router, [KernelRoute(V4, via="192.0.2.22", dev="eth0", metric=20)])
    assert list_routes(pair.router, protocol=STATIC) == [FOREIGN_V4]
    pair.announce({})
    wait_routes(pair.router, [])
    assert list_routes(pair.router, protocol=STATIC) == [FOREIGN_V4]


def test_a_foreign_ipv4_route_put_before_ours_is_not_overwritten(lab: Lab) -> None:
    """The kernel replaces the first route of a key, whoever owns it."""
    pair = Pair(lab)
    pair.peer.ip("address add 192.0.2.22/24 dev eth0")
    pair.start({V4: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    pair.router.ip(f"route prepend {V4} via 192.0.2.77 metric 20 proto {STATIC}")
    fence(pair, {V4: ""})
    fence(pair, {V4: "bgp_next_hop = 192.0.2.22;"})
    assert list_routes(pair.router, protocol=STATIC) == [FOREIGN_V4]
    fence(pair, {})
    assert list_routes(pair.router, protocol=STATIC) == [FOREIGN_V4]
    assert list_prefixes(pair.router) == []
