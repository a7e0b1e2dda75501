"""What a run leaves behind, what the next one does with it, and who may run beside whom."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.gobgpd import GOBGPD, Gobgpd
from harness.kernel import KernelRoute, RouteMonitor, list_prefixes, list_routes, wait_routes
from harness.namespace import Lab, Namespace
from harness.pair import GLOBAL, Pair, exports, rule
from harness.wait import wait_until

V4, V6 = "198.51.100.0/24", "2001:db8:51::/48"
BOTH = {V4: "", V6: ""}
OFF = "\n[netlink.export]\n  enabled = false\n"


def ours(prefix: str, *, table: int = 254, metric: int = 20) -> KernelRoute:
    via = "2001:db8::2" if ":" in prefix else "192.0.2.2"
    return KernelRoute(prefix, via=via, dev="eth0", table=table, metric=metric)


def wait_both(pair: Pair) -> None:
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [ours(V6)], version=6)


def add_leftovers(space: Namespace) -> None:
    """Routes as an earlier run with other rules may have left them."""
    space.ip("route add 20.1.0.0/24 via 192.0.2.2 metric 20 proto 186")
    space.ip("route add 20.2.0.0/24 via 192.0.2.2 metric 7 table 100 proto 186")
    space.ip("route add 20.3.0.0/24 via 192.0.2.2 metric 7 table 70000 proto 186")
    space.ip("route add blackhole 20.4.0.0/24 table 100 proto 186")
    space.ip("route add 2001:db8:f1::/48 via 2001:db8::2 table 100 proto 186")
    space.ip("route add 2001:db8:f2::/48 proto 186 nexthop via 2001:db8::2 nexthop via 2001:db8::3")
    space.ip("route add 20.8.0.0/24 via 192.0.2.2 metric 20 proto 4")


def test_a_graceful_end_keeps_the_kernel_s_routes(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(BOTH, exports())
    wait_both(pair)
    monitor = RouteMonitor(pair.router)
    pair.daemon.stop()  # within 5 s, status 0, nothing on stderr
    wait_until(lambda: pair.bird.state("gobgpd") != "Established", "BIRD knows")
    assert list_routes(pair.router) == [ours(V4)]
    assert list_routes(pair.router, version=6) == [ours(V6)]
    assert monitor.events() == []


def test_a_killed_daemon_finds_its_routes_again(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(BOTH | {"203.0.113.0/24": ""}, exports())
    wait_routes(pair.router, [ours(V4), ours("203.0.113.0/24")])
    wait_routes(pair.router, [ours(V6)], version=6)
    pair.daemon.kill()
    assert list_prefixes(pair.router) == [V4, "203.0.113.0/24"]
    pair.announce(BOTH)
    pair.daemon.start()
    wait_both(pair)
    removed = pair.daemon.messages("removed routes of an earlier run")
    assert [(event["table"], event["count"]) for event in removed] == [(254, 3)]


def test_the_start_removes_what_an_earlier_run_left_in_any_table(lab: Lab) -> None:
    pair = Pair(lab)
    add_leftovers(pair.router)
    pair.start(BOTH, exports())
    wait_both(pair)
    assert list_routes(pair.router, table="all") == [ours(V4)]
    assert list_routes(pair.router, version=6, table="all") == [ours(V6)]
    assert list_prefixes(pair.router, protocol=4) == ["20.8.0.0/24"]
    removed = pair.daemon.messages("removed routes of an earlier run")
    assert [(event["table"], event["count"]) for event in removed] == [
        (100, 3),
        (254, 2),
        (70000, 1),
    ]


@pytest.mark.parametrize("by", ["start", "reload"])
def test_export_that_is_switched_off_removes_our_routes(lab: Lab, by: str) -> None:
    pair = Pair(lab)
    pair.router.ip("route add default via 192.0.2.2 metric 20 proto 186")
    if by == "start":
        add_leftovers(pair.router)
        pair.start(BOTH, OFF)
    else:
        pair.start(BOTH, exports())
        wait_until(lambda: V4 in list_prefixes(pair.router), "installed")
        pair.reload(OFF)
    wait_routes(pair.router, [], table="all")
    wait_routes(pair.router, [], version=6, table="all")


@pytest.mark.parametrize("by", ["start", "reload"])
def test_an_absent_block_touches_nothing(lab: Lab, by: str) -> None:
    pair = Pair(lab)
    if by == "start":
        add_leftovers(pair.router)
        before = list_routes(pair.router, table="all")
        pair.start(BOTH)
    else:
        pair.start(BOTH, exports())
        wait_both(pair)
        before = list_routes(pair.router, table="all")
        pair.reload()
        wait_until(lambda: pair.daemon.messages("config changed"), "reloaded")
        pair.announce({})
        wait_until(lambda: V4 not in pair.bird.command("show route"), "withdrawn")
    monitor = RouteMonitor(pair.router)
    pair.daemon.stop()
    assert list_routes(pair.router, table="all") == before
    assert monitor.events() == []


def test_a_default_route_stays_until_it_is_learnt_again(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"0.0.0.0/0": "", "::/0": "", V4: ""}, exports())
    wait_routes(pair.router, [ours("0.0.0.0/0"), ours(V4)])
    wait_routes(pair.router, [ours("::/0")], version=6)
    pair.daemon.kill()  # first: it must not see the peer go
    pair.bird.kill()
    monitor = RouteMonitor(pair.router)
    pair.daemon.start()
    wait_routes(pair.router, [ours("0.0.0.0/0")])
    assert list_routes(pair.router, version=6) == [ours("::/0")]
    pair.bird.start()
    wait_routes(pair.router, [ours("0.0.0.0/0"), ours(V4)])
    assert [event for event in monitor.events() if event.prefix in {"0.0.0.0/0", "::/0"}] == []
    pair.announce({V4: ""})
    wait_routes(pair.router, [ours(V4)])
    wait_routes(pair.router, [], version=6)


def refused_start(space: Namespace, folder: Path, toml: str) -> str:
    """The daemon must end by itself; what it says on stderr, one line."""
    file = folder / "refused.toml"
    file.write_text(toml)
    command = (GOBGPD, "-f", file, "--api-hosts", "127.0.0.1:50099")
    done = space.try_run(*command, timeout_s=20)
    assert done.returncode == 5, done
    (line,) = done.stderr.splitlines()
    return line


def test_a_second_instance_with_the_same_protocol_is_refused(lab: Lab, tmp_path: Path) -> None:
    space, elsewhere = lab.namespace("one"), lab.namespace("elsewhere")
    first = Gobgpd(space, tmp_path, exports())
    space.ip("link add net0 type veth peer name net1")
    space.ip("link set net0 up")
    space.ip("route add 20.1.0.0/24 dev net0 proto 186")
    line = refused_start(space, tmp_path, exports())
    assert "another gobgpd" in line
    assert "186" in line
    assert list_prefixes(space) == ["20.1.0.0/24"]  # not cleaned up by the one refused
    other = ("--api-hosts", "127.0.0.1:50098")
    second = Gobgpd(space, tmp_path, exports(route_protocol=200), name="two", options=other)
    beside = Gobgpd(elsewhere, tmp_path, exports(), name="beside")
    second.stop()
    beside.stop()
    first.stop()
    again = Gobgpd(space, tmp_path, exports(), name="again")
    again.stop()


def start_named(space: Namespace, folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A process that only its name makes a routing daemon."""
    program = folder / name
    shutil.copy("/bin/sleep", program)
    process = space.popen(program, "600")
    wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == f"{name}\n", "it runs")
    return process


def test_beside_a_daemon_that_uses_the_number_we_do_not_start(lab: Lab, tmp_path: Path) -> None:
    space, elsewhere = lab.namespace("one"), lab.namespace("elsewhere")
    zebra = start_named(space, tmp_path, "zebra")
    line = refused_start(space, tmp_path, exports())
    assert "zebra runs in this network namespace" in line
    assert "allow-shared-protocol" in line
    Gobgpd(space, tmp_path, exports(route_protocol=200), name="number").stop()
    Gobgpd(space, tmp_path, exports(allow_shared_protocol=True), name="allowed").stop()
    Gobgpd(elsewhere, tmp_path, exports(), name="elsewhere").stop()
    zebra.kill()
    zebra.wait()
    start_named(space, tmp_path, "bgpd")
    assert "bgpd runs" in refused_start(space, tmp_path, exports())


def test_routes_of_a_table_no_rule_names_any_more_go_at_the_next_start(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start(BOTH, exports(rule(table_id=100)))
    wait_routes(pair.router, [ours(V4, table=100)], table=100)
    pair.daemon.kill()
    pair.daemon.configuration.write_text(pair.toml(exports(rule(table_id=200))))
    pair.daemon.start()
    wait_routes(pair.router, [ours(V4, table=200)], table="all")
    wait_routes(pair.router, [ours(V6, table=200)], version=6, table="all")


def test_the_process_is_found_by_its_name_and_ends_when_asked(lab: Lab, tmp_path: Path) -> None:
    space = lab.namespace("one")
    daemon = Gobgpd(space, tmp_path, GLOBAL)
    found = space.run("pidof", "gobgpd").split()
    assert str(daemon.process.pid) in found
    assert space.run("ps", "-o", "comm=", "-p", str(daemon.process.pid)) == "gobgpd\n"
    assert space.run("ps", "-o", "args=", "-p", str(daemon.process.pid)).startswith("gobgpd -f ")
    daemon.stop()
    assert [event["msg"] for event in daemon.events()] == ["gobgpd started", "gobgpd stops"]


def test_a_configuration_that_is_wrong_ends_the_start(lab: Lab, tmp_path: Path) -> None:
    space = lab.namespace("one")
    file = tmp_path / "wrong.toml"
    file.write_text(GLOBAL + exports(rule(community_list=["65000:mesh:1"])))
    done = space.try_run(GOBGPD, "-f", file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"gobgpd: {file}:12: netlink.export.rules[].community-list: ")
