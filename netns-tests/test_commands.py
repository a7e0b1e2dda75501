"""``gobgp`` beside the kernel and BIRD: what it shows is what they have, what it does they see."""

import re

from harness.kernel import KernelRoute, RouteMonitor, list_prefixes, list_routes, wait_routes
from harness.namespace import Lab
from harness.pair import Pair, exports, imports, rule
from harness.wait import wait_until

V4, V6, OTHER = "198.51.100.0/24", "2001:db8:51::/48", "203.0.113.0/24"
WITH_100 = "bgp_community.add((65000,100));"


def ours(prefix: str, *, table: int = 254) -> KernelRoute:
    via = "2001:db8::2" if ":" in prefix else "192.0.2.2"
    return KernelRoute(prefix, via=via, dev="eth0", table=table, metric=20)


def without_times(text: str) -> str:
    dates = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", text)
    ages = re.sub(r"\b\d\d:\d\d:\d\d\b", "AGE", dates)
    return "".join(f"{line.rstrip()}\n" for line in ages.splitlines())


def test_what_is_exported_is_shown_with_rule_table_and_next_hop(lab: Lab) -> None:
    pair = Pair(lab)
    pair.router.ip("route add 10.10.0.0/16 via 192.0.2.77")
    pair.start(
        {V4: WITH_100, OTHER: "bgp_next_hop = 10.10.0.1;", V6: ""},
        exports(rule("mesh", community_list=["65000:100"]), rule("copy", table_id=100)),
    )
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [ours(V6, table=100)], version=6, table=100)
    resolved = KernelRoute(OTHER, via="192.0.2.77", dev="eth0", table=100, metric=20)
    wait_routes(pair.router, [ours(V4, table=100), resolved], table=100)
    shown = [line.split() for line in pair.daemon.command("netlink export").splitlines()]
    assert shown[0] == (
        ["Prefix", "Nexthop", "VRF", "Table", "ID", "Metric", "Rule", "Exported", "At"]
    )
    assert sorted(row[:6] for row in shown[2:]) == [
        [V4, "192.0.2.2", "global", "100", "20", "copy"],
        [V4, "192.0.2.2", "global", "254", "20", "mesh"],
        [V6, "2001:db8::2", "global", "100", "20", "copy"],
        [OTHER, "10.10.0.1", "global", "100", "20", "copy"],
    ]
    assert without_times(pair.daemon.command("netlink export stats")) == (
        "Export Statistics:\n"
        "  Total Exported:              4\n"
        "  Total Withdrawn:             0\n"
        "  Total Errors:                0\n"
        "  Nexthop Validation Attempts: 4\n"
        "  Nexthop Validation Failures: 0\n"
        "  Dampened Updates:            0\n"
        "  Last Export:                 WHEN\n"
    )
    assert pair.daemon.command("netlink export rules") == (
        "Rule: mesh\n"
        "  VRF:              global\n"
        "  Table ID:         254\n"
        "  Metric:           20\n"
        "  Validate Nexthop: true\n"
        "  Communities:      65000:100\n"
        "\n"
        "Rule: copy\n"
        "  VRF:              global\n"
        "  Table ID:         100\n"
        "  Metric:           20\n"
        "  Validate Nexthop: true\n"
        "  Communities:      (match all routes)\n"
    )


def test_flush_removes_ours_until_the_table_brings_a_prefix_again(lab: Lab) -> None:
    pair = Pair(lab)
    pair.router.ip("route add 10.9.0.0/16 via 192.0.2.77 metric 20 proto 4")
    pair.start({V4: "", OTHER: "", V6: ""}, exports(rule(), rule("copy", table_id=100)))
    for table, main in ((100, "100"), (254, "main")):
        wait_routes(pair.router, [ours(V4, table=table), ours(OTHER, table=table)], table=main)
        wait_routes(pair.router, [ours(V6, table=table)], version=6, table=main)
    monitor = RouteMonitor(pair.router)
    assert pair.daemon.command("netlink export flush") == (
        "All exported routes flushed successfully\n"
    )
    assert list_routes(pair.router, table="all") == []
    assert list_routes(pair.router, version=6, table="all") == []
    assert list_prefixes(pair.router, protocol=4) == ["10.9.0.0/16"]
    assert len(pair.daemon.command("netlink export").splitlines()) == 2  # the head
    assert len(monitor.events()) == 6
    pair.router.ip("link set eth0 mtu 1400")
    pair.router.ip("route add 10.8.0.0/16 via 192.0.2.77")
    pair.announce({V4: "bgp_med = 7;", OTHER: "", V6: ""})
    wait_routes(pair.router, [ours(V4)])
    assert list_prefixes(pair.router, version=6, table="all") == []
    stats = pair.daemon.json("netlink export stats")
    assert (stats["exported"], stats["withdrawn"]) == (8, 6)


def test_repairs_and_refusals_are_counted(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: ""}, exports())
    wait_routes(pair.router, [ours(V4)])
    pair.router.ip(f"route del {V4} metric 20")
    wait_routes(pair.router, [ours(V4)])
    pair.announce({V4: "", OTHER: "bgp_next_hop = 10.99.0.1;"})
    wait_until(
        lambda: pair.daemon.json("netlink export stats").get("nexthop_validation_failures") == 1,
        "the failure is counted",
    )
    stats = pair.daemon.json("netlink export stats")
    assert stats["last_error_msg"] == "no route to 10.99.0.1"
    assert stats["exported"] == 2


def test_imported_networks_are_shown_with_their_interface(lab: Lab) -> None:
    """A network of two interfaces has the name of the first in configured order."""
    pair = Pair(lab)
    for number in (1, 2):
        pair.router.ip(f"link add net{number} type veth peer name far{number}")
        pair.router.ip(f"link set far{number} up")
        pair.router.ip(f"link set net{number} up")
        pair.router.ip(f"address add 10.1.0.{number}/24 dev net{number}")
    pair.start({}, imports("net2", "net1"))

    def shown() -> list[str]:
        lines = pair.daemon.command("global rib").splitlines()[1:]
        return [" ".join(line.split()[1:3]) for line in lines]

    wait_until(lambda: shown() == ["10.1.0.0/24 net2"], "the first in order")
    assert pair.daemon.command("netlink import").startswith(
        "Netlink Import Configuration:\n  VRF:        global\n  Interfaces: [net2 net1]\n"
    )
    pair.router.ip("address del 10.1.0.2/24 dev net2")
    wait_until(lambda: shown() == ["10.1.0.0/24 net1"], "the other one")
    assert pair.bird.prefixes("gobgpd") == ["10.1.0.0/24"]
    pair.router.ip("address del 10.1.0.1/24 dev net1")
    wait_until(lambda: shown() == [], "none")
    counted = without_times(pair.daemon.command("netlink import stats"))
    assert "  Total Errors:    0\n" in counted
    assert "  Last Withdraw:   WHEN\n" in counted


def test_a_path_of_our_own_reaches_the_kernel_and_the_peer(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({}, exports(rule(community_list=["65000:100"])))
    pair.daemon.command(f"global rib add {V4} nexthop 192.0.2.77 community 65000:100")
    pair.daemon.command(f"global rib add -a ipv6 {V6} nexthop 2001:db8::77 community 65000:100")
    pair.daemon.command(f"global rib add {OTHER} nexthop 192.0.2.77")
    wait_until(lambda: pair.bird.prefixes("gobgpd") == [V4, V6, OTHER], "BIRD has all")
    assert "BGP.community: (65000,100)\n" in pair.bird.route(V4)
    wait_routes(pair.router, [KernelRoute(V4, via="192.0.2.77", dev="eth0", metric=20)])
    wait_routes(
        pair.router, [KernelRoute(V6, via="2001:db8::77", dev="eth0", metric=20)], version=6
    )
    pair.daemon.command(f"global rib del {V4}")
    pair.daemon.command(f"global rib del -a ipv6 {V6}")
    wait_routes(pair.router, [])
    wait_routes(pair.router, [], version=6)
    wait_until(lambda: pair.bird.prefixes("gobgpd") == [OTHER], "BIRD has the rest")


def test_a_neighbor_s_tables(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({V4: WITH_100, V6: ""}, imports("eth0"))
    wait_until(lambda: len(pair.bird.prefixes("gobgpd")) == 2, "BIRD has ours")
    pair.daemon.wait_established("192.0.2.2")
    assert without_times(pair.daemon.command("neighbor 192.0.2.2 adj-in")) == (
        "   ID  Network              Next Hop             AS_PATH              Age        Attrs\n"
        "   0   198.51.100.0/24      192.0.2.2            65002                AGE   "
        "[{Origin: i} {Communities: 65000:100}]\n"
    )
    out = pair.daemon.command("neighbor 192.0.2.2 adj-out -a ipv6").splitlines()
    assert [line.split()[1:4] for line in out[1:]] == [["2001:db8::/64", "2001:db8::1", "65001"]]
    assert pair.daemon.rib_prefixes() == ["192.0.2.0/24", V4]
    assert pair.daemon.rib_prefixes(6) == ["2001:db8:51::/48", "2001:db8::/64"]
    pair.bird.stop()
    wait_until(lambda: pair.daemon.rib_prefixes() == ["192.0.2.0/24"], "gone with the peer")
    assert not pair.daemon.neighbor_state("192.0.2.2").startswith("Establ")
