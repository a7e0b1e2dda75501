"""Next hops: resolved to what is on the link, followed when the ground under them moves.

The router has a second cable, eth1 (192.0.3.1/24, 2001:db8:3::1/64), to a namespace that only
forwards; routes beside BGP's are set by ``ip route`` as an operator or another protocol would.
"""

from harness.kernel import KernelRoute, RouteMonitor, list_prefixes, wait_routes
from harness.namespace import Lab
from harness.pair import Pair, bird_session, exports, imports, neighbor, rule
from harness.wait import wait_until

PREFIX, PREFIX_V6 = "198.51.100.0/24", "2001:db8:51::/48"
FENCE = "20.9.9.0/24"


class Site(Pair):
    """The pair with the second cable; next hops in 10.10.0.0/16 are nowhere at first."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.gateway = lab.namespace("gateway")
        cable = [("192.0.3.1/24", "192.0.3.2/24"), ("2001:db8:3::1/64", "2001:db8:3::2/64")]
        lab.connect((self.router, "eth1"), (self.gateway, "eth0"), cable)

    def announce_and_fence(self, routes: dict[str, str]) -> None:
        """Announce, with a route that is certainly written after what came with it was judged."""
        self.announce(routes)
        self.announce(routes | {FENCE: ""})
        wait_until(lambda: FENCE in list_prefixes(self.router), "the fence is in")
        self.announce(routes)
        wait_until(lambda: FENCE not in list_prefixes(self.router), "the fence is out")


def via_eth0(prefix: str) -> KernelRoute:
    via = "2001:db8::2" if ":" in prefix else "192.0.2.2"
    return KernelRoute(prefix, via=via, dev="eth0", metric=20)


def via_eth1(prefix: str, last: str = "2") -> KernelRoute:
    via = "2001:db8:3::" if ":" in prefix else "192.0.3."
    return KernelRoute(prefix, via=via + last, dev="eth1", metric=20)


def far(address: str) -> str:
    return f"bgp_next_hop = {address};"


def test_a_route_waits_until_its_next_hop_is_reachable(lab: Lab) -> None:
    site = Site(lab)
    site.start({}, exports())
    site.announce_and_fence({PREFIX: far("10.10.0.1"), PREFIX_V6: far("2001:db8:aa::1")})
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.router.ip("route add 10.10.0.0/16 via 192.0.3.2")
    site.router.ip("route add 2001:db8:aa::/48 via 2001:db8:3::2")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    site.router.ip("route del 10.10.0.0/16")
    site.router.ip("route del 2001:db8:aa::/48")
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.router.ip("route add unreachable 10.10.0.1/32")
    site.router.ip("route add 10.10.0.0/16 via 192.0.3.2")
    site.router.ip("route add blackhole 2001:db8:aa::1/128")
    site.router.ip("route add 2001:db8:aa::/48 via 2001:db8:3::2")
    site.announce_and_fence({PREFIX: far("10.10.0.1"), PREFIX_V6: far("2001:db8:aa::1")})
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.router.ip("route del unreachable 10.10.0.1/32")
    site.router.ip("route del blackhole 2001:db8:aa::1/128")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)


def test_an_internal_next_hop_behind_a_static_route_that_moves(lab: Lab) -> None:
    site = Site(lab)
    site.start_bird(
        {PREFIX: far("10.10.0.1"), PREFIX_V6: far("2001:db8:aa::1")}, bird_session(local_as=65001)
    )
    site.router.ip("route add 10.10.0.0/16 via 192.0.3.2")
    site.router.ip("route add 2001:db8:aa::/48 via 2001:db8:3::2")
    site.start_daemon(neighbor(peer_as=65001), exports())
    site.bird.wait_established("gobgpd")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    monitor = RouteMonitor(site.router)
    site.router.ip("route replace 10.10.0.0/16 via 192.0.3.9")
    site.router.ip("route replace 2001:db8:aa::/48 via 2001:db8::2")
    wait_routes(site.router, [via_eth1(PREFIX, "9")])
    wait_routes(site.router, [via_eth0(PREFIX_V6)], version=6)
    site.router.ip("route replace 10.10.0.0/16 via 192.0.2.2")
    wait_routes(site.router, [via_eth0(PREFIX)])
    site.router.ip("route add 10.10.0.1/32 via 192.0.3.7")  # more specific
    wait_routes(site.router, [via_eth1(PREFIX, "7")])
    assert [event.is_new for event in monitor.events(PREFIX)] == [True, True, True]
    assert [event.is_new for event in monitor.events(PREFIX_V6)] == [True]


def test_a_gateway_that_is_on_the_link_only_by_declaration(lab: Lab) -> None:
    site = Site(lab)
    site.start({PREFIX: far("10.10.0.1"), PREFIX_V6: far("2001:db8:aa::1")}, exports())
    site.router.ip("route add 10.10.0.0/16 via 10.11.0.1 dev eth1 onlink")
    site.router.ip("route add 2001:db8:aa::/48 via 2001:db8:ab::1 dev eth1 onlink")
    wait_routes(site.router, [KernelRoute(PREFIX, via="10.11.0.1", dev="eth1", metric=20)])
    wait_routes(
        site.router,
        [KernelRoute(PREFIX_V6, via="2001:db8:ab::1", dev="eth1", metric=20)],
        version=6,
    )


def test_a_multipath_route_is_followed_leg_by_leg(lab: Lab) -> None:
    site = Site(lab)
    site.start({PREFIX: far("10.10.0.1"), PREFIX_V6: far("2001:db8:aa::1")}, exports())
    site.router.ip("route add 10.10.0.0/16 nexthop via 192.0.3.2 nexthop via 192.0.2.2")
    site.router.ip("route add 2001:db8:aa::/48 nexthop via 2001:db8:3::2 nexthop via 2001:db8::2")
    both = (("192.0.2.2", "eth0"), ("192.0.3.2", "eth1"))
    both_v6 = (("2001:db8::2", "eth0"), ("2001:db8:3::2", "eth1"))
    wait_routes(site.router, [KernelRoute(PREFIX, metric=20, hops=both)])
    wait_routes(site.router, [KernelRoute(PREFIX_V6, metric=20, hops=both_v6)], version=6)
    site.router.ip("route replace 10.10.0.0/16 via 192.0.3.2")
    site.router.ip("route del 2001:db8:aa::/48 via 2001:db8:3::2")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth0(PREFIX_V6)], version=6)
    site.announce({})
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)


def test_a_route_that_covers_its_own_next_hop_is_not_resolved_through_itself(lab: Lab) -> None:
    site = Site(lab)
    site.router.ip("route add 10.10.0.0/16 via 192.0.3.2")
    site.start({"10.10.0.0/24": far("10.10.0.1")}, exports())
    wait_routes(site.router, [via_eth1("10.10.0.0/24")])
    monitor = RouteMonitor(site.router)
    site.announce_and_fence({"10.10.0.0/24": far("10.10.0.1"), PREFIX: far("10.10.0.7")})
    wait_routes(site.router, [via_eth1("10.10.0.0/24"), via_eth1(PREFIX)])
    assert monitor.events("10.10.0.0/24") == []
    site.router.ip("route del 10.10.0.0/16")
    wait_routes(site.router, [])


def test_the_connected_network_announced_by_the_peer_changes_nothing(lab: Lab) -> None:
    """The peer announces the very network, and a longer part, its own next hop is in."""
    site = Site(lab)
    site.start({"192.0.2.0/24": "", "192.0.2.0/30": "", "192.0.2.2/32": ""}, exports())
    expected = [via_eth0("192.0.2.0/24"), via_eth0("192.0.2.0/30"), via_eth0("192.0.2.2/32")]
    wait_routes(site.router, expected)
    site.announce({PREFIX: ""})
    wait_routes(site.router, [via_eth0(PREFIX)])


def test_a_default_route_resolves_only_when_it_may(lab: Lab) -> None:
    site = Site(lab)
    site.start({}, exports())
    site.router.ip("route add default via 192.0.3.2")
    site.router.ip("-6 route add default via 2001:db8:3::2")
    routes = {PREFIX: far("10.10.0.1"), PREFIX_V6: far("2001:db8:aa::1")}
    site.announce_and_fence(routes)
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.reload(exports(resolve_via_default=True))
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    site.reload(exports())
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)


def test_our_own_address_is_no_next_hop(lab: Lab) -> None:
    site = Site(lab)
    site.start({}, exports())
    site.announce_and_fence({PREFIX: far("192.0.3.1"), PREFIX_V6: far("2001:db8:3::1")})
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.router.ip("address del 192.0.3.1/24 dev eth1")
    site.router.ip("address add 192.0.3.8/24 dev eth1")
    site.router.ip("address del 2001:db8:3::1/64 dev eth1")
    site.router.ip("address add 2001:db8:3::8/64 dev eth1")
    wait_routes(site.router, [via_eth1(PREFIX, "1")])
    wait_routes(site.router, [via_eth1(PREFIX_V6, "1")], version=6)


def test_a_plain_table_is_validated_in_main(lab: Lab) -> None:
    site = Site(lab)
    site.start({}, exports(rule(table_id=100)))
    site.router.ip("route add 10.10.0.0/16 via 192.0.3.2 table 100")
    site.announce({PREFIX: far("10.10.0.1"), FENCE: ""})
    fence = KernelRoute(FENCE, via="192.0.2.2", dev="eth0", table=100, metric=20)
    wait_routes(site.router, [fence], table=100)
    site.router.ip("route add 10.10.0.0/16 via 192.0.3.2")
    there = KernelRoute(PREFIX, via="192.0.3.2", dev="eth1", table=100, metric=20)
    wait_routes(site.router, sorted([fence, there]), table=100)


def test_without_validation_the_kernel_decides(lab: Lab) -> None:
    site = Site(lab)
    site.start({}, exports(rule(validate_nexthop=False)))
    site.announce_and_fence({PREFIX: far("10.10.0.1")})
    wait_routes(site.router, [])
    refusals = site.daemon.messages("kernel refused")
    assert [event["error"] for event in refusals] == ["Nexthop has invalid gateway"]
    site.announce({PREFIX: far("192.0.3.2")})
    wait_routes(site.router, [via_eth1(PREFIX)])


def test_a_link_that_goes_down_and_up_again_brings_its_routes_back(lab: Lab) -> None:
    site = Site(lab)
    site.start({PREFIX: far("192.0.3.2"), PREFIX_V6: far("2001:db8:3::2")}, exports())
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    site.router.ip("link set eth1 down")  # the kernel drops the routes, IPv4 ones in silence
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.router.ip("link set eth1 up")
    site.router.ip("address add 2001:db8:3::1/64 dev eth1")  # it lost this one
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    site.router.ip("link set eth1 down")
    site.router.ip("link set eth1 up")  # before anybody may have looked
    site.router.ip("address add 2001:db8:3::1/64 dev eth1")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)


def test_a_lost_carrier_takes_the_routes_and_its_return_brings_them_back(lab: Lab) -> None:
    site = Site(lab)
    site.start({PREFIX: far("192.0.3.2"), PREFIX_V6: far("2001:db8:3::2")}, exports())
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    site.gateway.ip("link set eth0 down")
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.gateway.ip("link set eth0 up")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)


def test_an_address_of_the_link_that_goes_takes_the_routes(lab: Lab) -> None:
    site = Site(lab)
    site.start({PREFIX: far("192.0.3.2"), PREFIX_V6: far("2001:db8:3::2")}, exports())
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
    site.router.ip("address del 192.0.3.1/24 dev eth1")
    site.router.ip("address del 2001:db8:3::1/64 dev eth1")
    wait_routes(site.router, [])
    wait_routes(site.router, [], version=6)
    site.router.ip("address add 192.0.3.1/24 dev eth1")
    site.router.ip("address add 2001:db8:3::1/64 dev eth1")
    wait_routes(site.router, [via_eth1(PREFIX)])
    wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)


def test_a_link_local_next_hop_uses_the_link_of_the_session(lab: Lab) -> None:
    site = Site(lab)
    site.peer.ip("address add fe80::2/64 dev eth0 nodad")
    session = bird_session(families=(6,), own_v6="fe80::2")
    site.start_bird({PREFIX_V6: ""}, session)
    site.start_daemon(exports(), imports("eth1"))
    site.bird.wait_established("gobgpd")
    wait_routes(
        site.router, [KernelRoute(PREFIX_V6, via="fe80::2", dev="eth0", metric=20)], version=6
    )


def test_a_flap_of_the_session_s_own_link_ends_with_the_routes_back(lab: Lab) -> None:
    """BIRD ends a session when it sees the carrier go, so this is a new session each time."""
    site = Site(lab)
    site.start({PREFIX: ""}, exports())
    wait_routes(site.router, [via_eth0(PREFIX)])
    for _ in range(3):
        site.router.ip("link set eth0 down")
        wait_routes(site.router, [])
        site.router.ip("link set eth0 up")
        wait_routes(site.router, [via_eth0(PREFIX)])


def test_a_link_that_is_removed_and_made_again(lab: Lab) -> None:
    site = Site(lab)
    site.start({PREFIX: far("192.0.3.2"), PREFIX_V6: far("2001:db8:3::2")}, exports())
    for _ in range(2):
        wait_routes(site.router, [via_eth1(PREFIX)])
        wait_routes(site.router, [via_eth1(PREFIX_V6)], version=6)
        site.router.ip("link del eth1")
        wait_routes(site.router, [])
        wait_routes(site.router, [], version=6)
        cable = [("192.0.3.1/24", "192.0.3.2/24"), ("2001:db8:3::1/64", "2001:db8:3::2/64")]
        lab.connect((site.router, "eth1"), (site.gateway, "eth0"), cable)


def test_a_storm_of_foreign_routes_loses_no_next_hop(lab: Lab) -> None:
    """So many events that some may be lost; what the kernel has in the end is what counts."""
    site = Site(lab)
    site.start({PREFIX: far("10.10.0.1"), "203.0.113.0/24": far("10.11.0.1")}, exports())
    site.router.ip("route add 10.11.0.0/16 via 192.0.3.2")
    wait_routes(site.router, [via_eth1("203.0.113.0/24")])
    prefixes = [f"30.{high}.{low}.0/24" for high in range(120) for low in range(250)]
    batch = lab.folder / "storm"
    lines = [f"route add {prefix} via 192.0.3.2 proto 4" for prefix in prefixes]
    lines += ["route del 10.11.0.0/16", "route add 10.10.0.0/16 via 192.0.3.2 proto 4"]
    lines += [f"route del {prefix}" for prefix in prefixes]
    batch.write_text("\n".join(lines))
    site.router.run("ip", "-batch", batch)
    wait_routes(site.router, [via_eth1(PREFIX)], timeout_s=30)
    assert site.bird.state("gobgpd") == "Established"
