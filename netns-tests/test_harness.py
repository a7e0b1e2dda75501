"""The harness itself on the real kernel: a test that leans on it must be able to trust it."""

import subprocess
from pathlib import Path

import pytest

from harness.bird import Bird
from harness.kernel import KernelRoute, RouteEvent, RouteMonitor, list_prefixes, list_routes
from harness.namespace import CommandFailed, Lab, Namespace
from harness.traffic import passes
from harness.wait import WaitedInVain, stays, wait_until


def test_a_cable_carries_packets_between_two_namespaces(lab: Lab) -> None:
    left, right = lab.namespace("left"), lab.namespace("right")
    lab.connect(
        (left, "eth0"),
        (right, "eth0"),
        [("192.0.2.1/30", "192.0.2.2/30"), ("2001:db8::1/64", "2001:db8::2/64")],
    )
    wait_until(lambda: passes((left, "192.0.2.1"), (right, "192.0.2.2")), "IPv4 passes")
    wait_until(lambda: passes((left, "2001:db8::1"), (right, "2001:db8::2")), "IPv6 passes")
    right.ip("address del 192.0.2.2/30 dev eth0")
    assert not passes((left, "192.0.2.1"), (right, "192.0.2.2"))
    left.ip("link set eth0 down")
    assert not passes((left, "2001:db8::1"), (right, "2001:db8::2"))


def test_everything_of_a_lab_ends_with_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as made:
        space = made.namespace("brief")
        sleeper = space.popen("sleep", "600")
        assert space.path.exists()
    assert sleeper.returncode == -15
    assert not space.path.exists()


def test_a_failed_test_leaves_nothing_either(tmp_path: Path) -> None:
    spaces: list[Namespace] = []

    def fail_in_a_lab() -> None:
        with Lab(tmp_path) as made:
            spaces.append(made.namespace("brief"))
            spaces[0].popen("sleep", "600")
            spaces[0].ip("link set nothing up")

    with pytest.raises(CommandFailed, match="nothing"):
        fail_in_a_lab()
    assert not spaces[0].path.exists()


def test_commands_run_inside_and_their_failures_speak(lab: Lab) -> None:
    space = lab.namespace("one")
    assert space.run("ip", "-br", "link").split()[0] == "lo"
    with pytest.raises(CommandFailed, match=r"status 1: Cannot find device|does not exist"):
        space.ip("link set nothing up")


def test_routes_are_listed_as_the_kernel_has_them(lab: Lab) -> None:
    space, other = lab.namespace("one"), lab.namespace("two")
    lab.connect((space, "eth0"), (other, "eth0"), [("192.0.2.1/24", "192.0.2.2/24")])
    space.ip("route add 198.51.100.0/24 via 192.0.2.2 metric 20 proto 186")
    space.ip("route add 198.51.100.7/32 via 192.0.2.2 table 100 proto 186")
    space.ip("route add 203.0.113.0/24 via 192.0.2.2 proto 4")
    assert list_routes(space) == [
        KernelRoute("198.51.100.0/24", via="192.0.2.2", dev="eth0", metric=20)
    ]
    assert list_routes(space, table=100) == [
        KernelRoute("198.51.100.7/32", via="192.0.2.2", dev="eth0", table=100)
    ]
    assert list_routes(space, table=4711) == []
    assert list_prefixes(space, table="all") == ["198.51.100.0/24", "198.51.100.7/32"]


def test_the_monitor_counts_every_notification(lab: Lab) -> None:
    space, other = lab.namespace("one"), lab.namespace("two")
    lab.connect((space, "eth0"), (other, "eth0"), [("2001:db8::1/64", "2001:db8::2/64")])
    monitor = RouteMonitor(space)
    space.ip("route add 2001:db8:7::/48 via 2001:db8::2 metric 30 table 300 proto 186")
    space.ip("route del 2001:db8:7::/48 via 2001:db8::2 metric 30 table 300 proto 186")
    assert monitor.events("2001:db8:7::/48") == [
        RouteEvent(is_new=True, prefix="2001:db8:7::/48", table=300, metric=30, protocol=186),
        RouteEvent(is_new=False, prefix="2001:db8:7::/48", table=300, metric=30, protocol=186),
    ]
    assert monitor.events("2001:db8:8::/48") == []
    monitor.close()


def test_waiting_ends_at_once_or_says_what_did_not_come() -> None:
    assert wait_until(lambda: 7, "seven", timeout_s=0) == 7
    with pytest.raises(WaitedInVain, match="in vain for: the impossible; last seen: None"):
        wait_until(lambda: None, "the impossible", timeout_s=0.05)
    with pytest.raises(AssertionError, match="did not stay: empty"):
        stays(list, "empty", for_s=1.0)


def test_bird_speaks_bgp_with_bird(lab: Lab, tmp_path: Path) -> None:
    left, right = lab.namespace("left"), lab.namespace("right")
    lab.connect((left, "eth0"), (right, "eth0"), [("192.0.2.1/30", "192.0.2.2/30")])
    static = "protocol static { ipv4; route 198.51.100.0/24 blackhole; }"
    ends = [(left, 1, 2, static), (right, 2, 1, "")]
    birds = [
        Bird(
            space,
            tmp_path,
            f"router id 192.0.2.{own};\n{extra}\nprotocol bgp peer {{ local as 6500{own};"
            f" neighbor 192.0.2.{peer} as 6500{peer}; connect delay time 1;"
            " ipv4 { import all; export all; }; }",
            name=f"bird{own}",
        )
        for space, own, peer, extra in ends
    ]
    birds[1].wait_established("peer")
    wait_until(lambda: birds[1].prefixes("peer") == ["198.51.100.0/24"], "the route arrives")
    assert "BGP.as_path: 65001" in birds[1].route("198.51.100.0/24")
    assert birds[1].route("203.0.113.0/24") == ""
    birds[0].kill()
    birds[0].start()
    birds[1].wait_established("peer")


def test_a_process_of_a_namespace_is_the_one_we_signal(lab: Lab) -> None:
    sleeper = lab.namespace("one").popen("sleep", "600")
    command = Path(f"/proc/{sleeper.pid}/comm")
    wait_until(lambda: command.read_text() == "sleep\n", "nsenter has become sleep")
    sleeper.kill()
    assert sleeper.wait(5) == -9
    assert isinstance(sleeper, subprocess.Popen)
