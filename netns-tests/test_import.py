"""Connected networks of listed interfaces become routes that the peer learns, and stop being so.

The peer's table is the oracle: what BIRD learnt from us.  Cables that are not the session's are
veth pairs with both ends in the router; ``net0`` is the end that is imported.
"""

from harness.kernel import list_prefixes
from harness.namespace import Lab, Namespace
from harness.pair import Pair, exports, imports
from harness.wait import stays, wait_until


def add_cable(space: Namespace, name: str) -> None:
    """A link ``NAME0``, up and running, whose other end ``NAME1`` is here too."""
    space.ip(f"link add {name}0 type veth peer name {name}1")
    for end in ("0", "1"):
        space.set_sysctl(f"net.ipv6.conf.{name}{end}.accept_dad", 0)
        space.ip(f"link set {name}{end} up")


def started(lab: Lab, *interfaces: str) -> Pair:
    pair = Pair(lab)
    add_cable(pair.router, "net")
    pair.start({}, imports(*interfaces))
    return pair


def wait_learnt(pair: Pair, *expected: str, timeout_s: float = 10.0) -> None:
    def agrees() -> bool:
        seen = pair.bird.prefixes("gobgpd")
        assert seen == list(expected), seen
        return True

    wait_until(agrees, f"BIRD has learnt {expected}", timeout_s=timeout_s)


def test_addresses_come_and_go_in_both_families(lab: Lab) -> None:
    pair = started(lab, "net0")
    pair.router.ip("address add 10.1.0.1/24 dev net0")
    pair.router.ip("address add 2001:db8:1::1/64 dev net0")
    wait_learnt(pair, "10.1.0.0/24", "2001:db8:1::/64")
    assert "BGP.origin: IGP\n" in pair.bird.route("10.1.0.0/24")
    assert "BGP.as_path: 65001\n" in pair.bird.route("10.1.0.0/24")
    assert "BGP.next_hop: 192.0.2.1\n" in pair.bird.route("10.1.0.0/24")
    assert "BGP.next_hop: 2001:db8::1" in pair.bird.route("2001:db8:1::/64")
    pair.router.ip("address del 10.1.0.1/24 dev net0")
    wait_learnt(pair, "2001:db8:1::/64")
    pair.router.ip("address del 2001:db8:1::1/64 dev net0")
    wait_learnt(pair)


def test_the_peer_hears_of_an_address_long_before_the_rescan(lab: Lab) -> None:
    pair = started(lab, "net0")
    for number in range(8):  # all within the time of one rescan
        pair.router.ip(f"address add 10.1.{number}.1/24 dev net0")
        wait_learnt(pair, *(f"10.1.{count}.0/24" for count in range(number + 1)), timeout_s=1.0)


def test_a_link_that_goes_down_takes_its_networks_along(lab: Lab) -> None:
    pair = started(lab, "net0")
    pair.router.ip("address add 10.1.0.1/24 dev net0")
    wait_learnt(pair, "10.1.0.0/24")
    pair.router.ip("link set net0 down")
    wait_learnt(pair)
    pair.router.ip("link set net0 up")
    wait_learnt(pair, "10.1.0.0/24")
    pair.router.ip("link set net1 down")  # up, but without carrier
    wait_learnt(pair)
    pair.router.ip("link set net1 up")
    wait_learnt(pair, "10.1.0.0/24")
    pair.router.ip("link del net0")
    wait_learnt(pair)


def test_networks_there_before_the_start_are_announced(lab: Lab) -> None:
    pair = Pair(lab)
    add_cable(pair.router, "net")
    pair.router.ip("address add 10.1.0.1/24 dev net0")
    pair.router.ip("address add 2001:db8:1::1/64 dev net0")
    pair.start({}, imports("eth0", "net0"))
    wait_learnt(pair, "10.1.0.0/24", "192.0.2.0/24", "2001:db8:1::/64", "2001:db8::/64")


KINDS = [
    ("10.1.0.1/24 noprefixroute", "10.1.0.0/24"),
    ("2001:db8:1::1/64 noprefixroute", "2001:db8:1::/64"),
    ("10.1.0.1/32", "10.1.0.1/32"),
    ("2001:db8:1::1/128", "2001:db8:1::1/128"),
    ("10.1.0.1 peer 10.1.9.0/24", "10.1.9.0/24"),
    ("2001:db8:1::1 peer 2001:db8:9::/64", "2001:db8:9::/64"),
    ("10.1.0.1/31", "10.1.0.0/31"),
    ("2001:db8:1::1/64 preferred_lft 0", "2001:db8:1::/64"),
    ("fd00:1::1/64", "fd00:1::/64"),
]


def test_kinds_of_addresses(lab: Lab) -> None:
    pair = started(lab, "net0")
    for address, network in KINDS:
        pair.router.ip(f"address add {address} dev net0")
        wait_learnt(pair, network)
        pair.router.ip("address flush dev net0 scope global")
        wait_learnt(pair)


def test_what_is_never_announced(lab: Lab) -> None:
    pair = started(lab, "net0", "lo")
    pair.router.ip("address add 169.254.7.1/16 dev net0 scope link")
    pair.router.ip("address add fe80::77/64 dev net0")
    pair.router.ip("address add 127.9.0.1/24 dev lo")
    pair.router.set_sysctl("net.ipv6.conf.net0.accept_dad", 1)
    pair.router.set_sysctl("net.ipv6.conf.net0.dad_transmits", 60)
    pair.router.ip("address add 2001:db8:7::1/64 dev net0")  # tentative for a minute
    assert "tentative" in pair.router.ip("address show dev net0")
    pair.router.ip("address add 10.1.0.1/24 dev net0")  # comes after all of them
    pair.router.ip("address add 10.2.0.1/32 dev lo")
    wait_learnt(pair, "10.1.0.0/24", "10.2.0.1/32")


def test_an_address_is_announced_once_detection_is_over(lab: Lab) -> None:
    pair = started(lab, "net0")
    pair.router.set_sysctl("net.ipv6.conf.net0.accept_dad", 1)
    pair.router.ip("address add 2001:db8:7::1/64 dev net0")
    wait_learnt(pair, "2001:db8:7::/64")
    assert "tentative" not in pair.router.ip("address show dev net0")


def test_an_address_that_somebody_else_has_is_not_announced(lab: Lab) -> None:
    pair = started(lab, "net0")
    pair.router.ip("address add 2001:db8:7::1/64 dev net1")
    pair.router.set_sysctl("net.ipv6.conf.net0.accept_dad", 1)
    pair.router.ip("address add 2001:db8:7::1/64 dev net0")
    wait_until(
        lambda: "dadfailed" in pair.router.ip("address show dev net0"), "detection has failed"
    )
    pair.router.ip("address add 10.1.0.1/24 dev net0")
    wait_learnt(pair, "10.1.0.0/24")


def test_global_addresses_on_a_listed_loopback_are_announced(lab: Lab) -> None:
    pair = started(lab, "lo")
    pair.router.ip("address add 10.2.0.1/32 dev lo")
    pair.router.ip("address add 2001:db8:2::1/128 dev lo")
    wait_learnt(pair, "10.2.0.1/32", "2001:db8:2::1/128")


def test_a_network_on_two_interfaces_stays_until_the_last_goes(lab: Lab) -> None:
    pair = started(lab, "net0", "other0")
    add_cable(pair.router, "other")
    for name in ("net0", "other0"):
        pair.router.ip(f"address add 10.1.0.1/24 dev {name}")
    pair.router.ip("address add 10.9.0.1/24 dev net0")
    wait_learnt(pair, "10.1.0.0/24", "10.9.0.0/24")
    log_before = pair.bird.log.read_text()
    pair.router.ip("address del 10.1.0.1/24 dev net0")
    pair.router.ip("address del 10.9.0.1/24 dev net0")  # the fence
    wait_learnt(pair, "10.1.0.0/24")
    assert pair.bird.log.read_text() == log_before
    pair.router.ip("address del 10.1.0.1/24 dev other0")
    wait_learnt(pair)


def test_a_pattern_takes_interfaces_made_later(lab: Lab) -> None:
    pair = started(lab, "net0", "vlan[0-9]0")
    add_cable(pair.router, "vlan7")
    add_cable(pair.router, "vlanx")
    pair.router.ip("address add 10.8.0.1/24 dev vlanx0")
    pair.router.ip("address add 10.7.0.1/24 dev vlan70")
    wait_learnt(pair, "10.7.0.0/24")
    pair.router.ip("link set vlan70 down")
    pair.router.ip("link set vlan70 name away0")
    pair.router.ip("link set away0 up")
    wait_learnt(pair)
    pair.router.ip("link set away0 down")
    pair.router.ip("link set away0 name vlan10")
    pair.router.ip("link set vlan10 up")
    wait_learnt(pair, "10.7.0.0/24")


def test_secondary_addresses_share_one_network(lab: Lab) -> None:
    pair = started(lab, "net0")
    for host in (1, 2, 3):
        pair.router.ip(f"address add 10.1.0.{host}/24 dev net0")
    wait_learnt(pair, "10.1.0.0/24")
    pair.router.ip("address del 10.1.0.2/24 dev net0")
    pair.router.ip("address add 10.2.0.1/24 dev net0")
    wait_learnt(pair, "10.1.0.0/24", "10.2.0.0/24")
    pair.router.set_sysctl("net.ipv4.conf.net0.promote_secondaries", 0)
    pair.router.set_sysctl("net.ipv4.conf.all.promote_secondaries", 0)
    pair.router.ip("address del 10.1.0.1/24 dev net0")  # takes the secondary along
    assert "10.1.0.3" not in pair.router.ip("address show dev net0")
    wait_learnt(pair, "10.2.0.0/24")


def test_imported_networks_are_never_written_into_the_kernel(lab: Lab) -> None:
    pair = Pair(lab)
    add_cable(pair.router, "net")
    pair.start({"198.51.100.0/24": ""}, imports("net0", "lo"), exports())
    pair.router.ip("address add 10.1.0.1/24 dev net0 noprefixroute")
    pair.router.ip("address add 10.2.0.1/32 dev lo")
    wait_learnt(pair, "10.1.0.0/24", "10.2.0.1/32")
    pair.announce({"203.0.113.0/24": ""})
    wait_until(lambda: list_prefixes(pair.router, table="all") == ["203.0.113.0/24"], "the fence")


def test_a_steady_kernel_brings_no_updates(lab: Lab) -> None:
    """A rescan, and changes that do not matter, without one UPDATE or line in the log."""
    pair = started(lab, "net0")
    pair.router.ip("address add 10.1.0.1/24 dev net0")
    wait_learnt(pair, "10.1.0.0/24")
    counters = pair.bird.command("show protocols all gobgpd")
    (updates,) = [line for line in counters.splitlines() if "Import updates:" in line][:1]
    log_before = pair.daemon.log()
    pair.router.ip("link set net0 mtu 1400")
    pair.router.ip("address add 10.1.0.2/24 dev net0")
    pair.router.ip("route add 10.5.0.0/24 dev net0")
    stays(
        lambda: updates in pair.bird.command("show protocols all gobgpd"),
        "no update",
        for_s=5.5,
        poll_s=0.5,
    )
    assert pair.daemon.log() == log_before
