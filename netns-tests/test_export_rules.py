"""Which routes get into which kernel tables: communities, rules, best paths, withdrawals."""

from harness.bird import Bird
from harness.kernel import KernelRoute, RouteMonitor, list_prefixes, list_routes, wait_routes
from harness.namespace import Lab
from harness.pair import (
    Pair,
    bird_session,
    bird_static,
    exports,
    neighbor,
    rule,
)
from harness.wait import wait_until

WITH_100 = "bgp_community.add((65000,100));"
WITH_200 = "bgp_community.add((65000,200));"


def route(prefix: str, *, table: int = 254, metric: int = 20) -> KernelRoute:
    via = "2001:db8::2" if ":" in prefix else "192.0.2.2"
    return KernelRoute(prefix, via=via, dev="eth0", table=table, metric=metric)


def test_only_routes_with_the_community_are_exported_until_they_lose_it(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(
        {"198.51.100.0/24": WITH_100, "203.0.113.0/24": WITH_200, "2001:db8:51::/48": WITH_100},
        exports(rule("mesh", community_list=["65000:100"])),
    )
    wait_routes(pair.router, [route("198.51.100.0/24")])
    wait_routes(pair.router, [route("2001:db8:51::/48")], version=6)
    pair.announce({"198.51.100.0/24": WITH_200, "203.0.113.0/24": WITH_100})
    wait_routes(pair.router, [route("203.0.113.0/24")])
    wait_routes(pair.router, [], version=6)


def test_any_community_of_either_kind_is_enough(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(
        {
            "20.0.1.0/24": "bgp_large_community.add((65000,1,2));",
            "20.0.2.0/24": "bgp_large_community.add((65000,1,3));",
            "20.0.3.0/24": WITH_200,
            "20.0.4.0/24": "bgp_community.add((65535,65281));",
            "20.0.5.0/24": "bgp_community.add((65535,666));",
            "20.0.6.0/24": "bgp_ext_community.add((rt,65000,100));",
            "20.0.7.0/24": "",
        },
        exports(
            rule(
                "some",
                community_list=["65000:100", "4259840200", "no-export"],
                large_community_list=["65000:1:2"],
            )
        ),
    )
    wait_routes(pair.router, [route("20.0.1.0/24"), route("20.0.3.0/24"), route("20.0.4.0/24")])


def test_two_rules_two_tables_two_metrics(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(
        {
            "198.51.100.0/24": WITH_100 + WITH_200,
            "203.0.113.0/24": WITH_200,
            "2001:db8:51::/48": WITH_100 + WITH_200,
        },
        exports(
            rule("one", community_list=["65000:100"], table_id=100, metric=7),
            rule("two", community_list=["65000:200"], table_id=70000, metric=0),
            rule("three", community_list=["65000:100"], table_id=254, metric=4294967295),
        ),
    )
    wait_routes(pair.router, [route("198.51.100.0/24", table=100, metric=7)], table=100)
    wait_routes(
        pair.router,
        [
            route("198.51.100.0/24", table=70000, metric=0),
            route("203.0.113.0/24", table=70000, metric=0),
        ],
        table=70000,
    )
    wait_routes(pair.router, [route("198.51.100.0/24", metric=4294967295)])
    wait_routes(pair.router, [route("2001:db8:51::/48", table=100, metric=7)], version=6, table=100)
    wait_routes(  # the kernel makes 1024 of an IPv6 metric of 0
        pair.router, [route("2001:db8:51::/48", table=70000, metric=1024)], version=6, table=70000
    )
    pair.announce({"198.51.100.0/24": WITH_200})
    wait_routes(pair.router, [route("198.51.100.0/24", table=70000, metric=0)], table="all")
    wait_routes(pair.router, [], version=6, table="all")


def test_a_metric_of_zero_for_ipv6_is_withdrawn_and_changed_like_any_other(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"2001:db8:51::/48": "", "2001:db8:52::/48": ""}, exports(rule(metric=0)))
    wait_routes(
        pair.router,
        [route("2001:db8:51::/48", metric=1024), route("2001:db8:52::/48", metric=1024)],
        version=6,
    )
    pair.router.ip("-6 address add 2001:db8::9/64 dev eth0 nodad")
    pair.peer.ip("-6 address add 2001:db8::22/64 dev eth0 nodad")
    pair.announce({"2001:db8:52::/48": "bgp_next_hop = 2001:db8::22;"})
    wait_routes(
        pair.router,
        [KernelRoute("2001:db8:52::/48", via="2001:db8::22", dev="eth0", metric=1024)],
        version=6,
    )
    pair.announce({})
    wait_routes(pair.router, [], version=6)


def test_two_rules_for_one_place_are_one_route(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(
        {"198.51.100.0/24": WITH_100 + WITH_200},
        exports(
            rule("one", community_list=["65000:100"]), rule("two", community_list=["65000:200"])
        ),
    )
    wait_routes(pair.router, [route("198.51.100.0/24")])
    monitor = RouteMonitor(pair.router)
    pair.announce({"198.51.100.0/24": WITH_200, "203.0.113.0/24": WITH_100})
    wait_routes(pair.router, [route("198.51.100.0/24"), route("203.0.113.0/24")])
    assert monitor.events("198.51.100.0/24") == []
    pair.announce({})
    wait_routes(pair.router, [])


def test_withdrawn_routes_leave_the_kernel_and_others_stay_untouched(lab: Lab) -> None:
    pair = Pair(lab)
    routes = {f"20.0.{number}.0/24": "" for number in range(20)}
    routes |= {f"2001:db8:20:{number}::/64": "" for number in range(20)}
    pair.start(routes, exports())
    wait_until(lambda: len(list_prefixes(pair.router)) == 20, "all IPv4 in")
    wait_until(lambda: len(list_prefixes(pair.router, version=6)) == 20, "all IPv6 in")
    monitor = RouteMonitor(pair.router)
    del routes["20.0.7.0/24"], routes["2001:db8:20:7::/64"]
    pair.announce(routes)
    wait_until(lambda: len(list_prefixes(pair.router)) == 19, "one IPv4 out")
    wait_until(lambda: len(list_prefixes(pair.router, version=6)) == 19, "one IPv6 out")
    assert {(event.prefix, event.is_new) for event in monitor.events()} == {
        ("20.0.7.0/24", False),
        ("2001:db8:20:7::/64", False),
    }
    assert len(monitor.events()) == 2


def test_a_changed_next_hop_is_replaced_in_place(lab: Lab) -> None:
    pair = Pair(lab)
    pair.peer.ip("address add 192.0.2.22/24 dev eth0")
    pair.peer.ip("address add 2001:db8::22/64 dev eth0 nodad")
    pair.start({"198.51.100.0/24": "", "2001:db8:51::/48": ""}, exports())
    wait_routes(pair.router, [route("198.51.100.0/24")])
    wait_routes(pair.router, [route("2001:db8:51::/48")], version=6)
    monitor = RouteMonitor(pair.router)
    pair.announce(
        {
            "198.51.100.0/24": "bgp_next_hop = 192.0.2.22;",
            "2001:db8:51::/48": "bgp_next_hop = 2001:db8::22;",
        }
    )
    wait_routes(
        pair.router, [KernelRoute("198.51.100.0/24", via="192.0.2.22", dev="eth0", metric=20)]
    )
    wait_routes(
        pair.router,
        [KernelRoute("2001:db8:51::/48", via="2001:db8::22", dev="eth0", metric=20)],
        version=6,
    )
    assert [event.is_new for event in monitor.events()] == [True, True]


def test_changes_that_do_not_matter_to_the_kernel_write_nothing(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"198.51.100.0/24": ""}, exports())
    wait_routes(pair.router, [route("198.51.100.0/24")])
    monitor = RouteMonitor(pair.router)
    pair.announce({"198.51.100.0/24": "bgp_med = 7;" + WITH_200, "203.0.113.0/24": ""})
    wait_routes(pair.router, [route("198.51.100.0/24"), route("203.0.113.0/24")])
    assert [event.prefix for event in monitor.events()] == ["203.0.113.0/24"]


class Triangle(Pair):
    """A second BIRD, 192.0.3.2 in AS 65003, on a cable of its own (eth1)."""

    second: Bird

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.other = lab.namespace("other")
        lab.connect((self.router, "eth1"), (self.other, "eth0"), [("192.0.3.1/24", "192.0.3.2/24")])

    def other_text(self, routes: dict[str, str]) -> str:
        session = bird_session(local="192.0.3.2", local_as=65003, remote="192.0.3.1", families=(4,))
        return f"router id 192.0.3.2;\n{session}{bird_static(routes)}"

    def start_all(self, routes: dict[str, str], others: dict[str, str], *blocks: str) -> None:
        self.second = Bird(self.other, self.folder, self.other_text(others), name="other")
        neighbors = neighbor() + neighbor("192.0.3.2", 65003, families=(4,))
        self.start(routes, neighbors, *blocks)
        self.second.wait_established("gobgpd")


LONGER = "bgp_path.prepend(65009);"


def test_the_kernel_follows_the_best_path(lab: Lab) -> None:
    pair = Triangle(lab)
    pair.start_all({"198.51.100.0/24": ""}, {"198.51.100.0/24": LONGER}, exports())
    wait_routes(pair.router, [route("198.51.100.0/24")])
    monitor = RouteMonitor(pair.router)
    pair.second.configure(pair.other_text({"203.0.113.0/24": ""}))  # the other path goes
    fence = KernelRoute("203.0.113.0/24", via="192.0.3.2", dev="eth1", metric=20)
    wait_routes(pair.router, [route("198.51.100.0/24"), fence])
    assert monitor.events("198.51.100.0/24") == []
    pair.second.configure(
        pair.other_text({"198.51.100.0/24": LONGER, "203.0.113.0/24": "", "20.0.0.0/24": ""})
    )
    wait_until(lambda: "20.0.0.0/24" in list_prefixes(pair.router), "the second path is back")
    pair.announce({})
    wait_until(
        lambda: (
            KernelRoute("198.51.100.0/24", via="192.0.3.2", dev="eth1", metric=20)
            in list_routes(pair.router)
        ),
        "the second path has taken over",
    )
    assert [event.is_new for event in monitor.events("198.51.100.0/24")] == [True]


def test_only_the_best_path_is_matched_against_the_rules(lab: Lab) -> None:
    pair = Triangle(lab)
    mesh = exports(rule("mesh", community_list=["65000:100"]))
    pair.start_all({"198.51.100.0/24": WITH_100}, {"198.51.100.0/24": LONGER}, mesh)
    wait_routes(pair.router, [route("198.51.100.0/24")])
    pair.announce({"198.51.100.0/24": WITH_100 + LONGER * 3})  # the one without is best now
    wait_routes(pair.router, [])
    pair.announce({"198.51.100.0/24": WITH_100})
    wait_routes(pair.router, [route("198.51.100.0/24")])
    pair.second.configure(pair.other_text({"198.51.100.0/24": WITH_100 + LONGER}))
    pair.bird.stop()
    wait_routes(
        pair.router, [KernelRoute("198.51.100.0/24", via="192.0.3.2", dev="eth1", metric=20)]
    )


def test_what_a_peer_announces_reaches_the_kernel_only_once_it_is_asked_for(lab: Lab) -> None:
    """Without an export block, and with one that is off, the kernel stays as it is."""
    pair = Pair(lab)
    pair.start({"198.51.100.0/24": ""})
    off = "\n[netlink.export]\nenabled = false\n"
    pair.reload(off)
    wait_until(lambda: pair.daemon.messages("config changed"), "reloaded")
    assert list_prefixes(pair.router, table="all") == []
    pair.reload(exports())
    wait_routes(pair.router, [route("198.51.100.0/24")])
