"""``route-selection-options``, seen in the kernel, and ``gobgp global rib PREFIX explain``."""

from harness.kernel import KernelRoute, wait_routes
from harness.lan import Lan, address, lan_neighbor
from harness.namespace import Lab
from harness.pair import exports
from harness.wait import wait_until

PREFIX = "198.51.100.0/24"
FIRST, SECOND = 2, 3
NEIGHBORS = lan_neighbor(FIRST, 65002) + lan_neighbor(SECOND, 65003) + exports()
LOW_MED, HIGH_MED = "bgp_med = 5;", "bgp_med = 50;"
LONGER = "bgp_path.prepend(64999);"


def option(name: str) -> str:
    return f"[global.route-selection-options.config]\n  {name} = true\n"


def start(lab: Lab, first: str, second: str, *blocks: str) -> Lan:
    """Two neighbors with the same route; the first one's is older."""
    lan = Lan(lab, 3)
    lan.start_bird(FIRST, 65002, {PREFIX: first})
    lan.start_bird(SECOND, 65003, {})
    lan.start_daemon(NEIGHBORS, *blocks)
    wait_best(lan, FIRST)
    lan.announce(SECOND, {PREFIX: second})
    return lan


def wait_best(lan: Lan, number: int) -> None:
    wait_routes(lan.hosts[1], [KernelRoute(PREFIX, via=address(number), dev="eth0", metric=20)])


def wait_explained(lan: Lan, *wanted: tuple[int, str]) -> None:
    """The paths in order, by their neighbor, with the step that decided."""

    def is_so() -> bool:
        paths = lan.daemon.json(f"global rib {PREFIX}").get(PREFIX, [])
        found = [(path["peer-address"], path.get("decision", "")) for path in paths]
        assert found == [(address(number), step) for number, step in wanted]
        return True

    wait_until(is_so, f"the order is {wanted}")


def test_med_is_compared_always_when_that_is_asked_for(lab: Lab) -> None:
    lan = start(lab, HIGH_MED, LOW_MED)
    wait_explained(lan, (FIRST, "7 oldest"), (SECOND, "7 oldest"))
    wait_best(lan, FIRST)
    lan.reload(NEIGHBORS, option("always-compare-med"))
    wait_best(lan, SECOND)
    wait_explained(lan, (SECOND, "5 MED"), (FIRST, "5 MED"))
    lan.reload(NEIGHBORS)
    wait_best(lan, FIRST)


def test_the_length_of_the_path_does_not_count_when_that_is_asked_for(lab: Lab) -> None:
    lan = start(lab, LONGER, "")
    wait_explained(lan, (SECOND, "3 AS_PATH length"), (FIRST, "3 AS_PATH length"))
    wait_best(lan, SECOND)
    lan.reload(NEIGHBORS, option("ignore-as-path-length"))
    wait_best(lan, FIRST)
    wait_explained(lan, (FIRST, "7 oldest"), (SECOND, "7 oldest"))


def test_the_router_id_counts_before_the_age_when_that_is_asked_for(lab: Lab) -> None:
    lan = start(lab, "", "")
    lan.announce(FIRST, {})
    wait_best(lan, SECOND)
    lan.announce(FIRST, {PREFIX: ""})
    wait_explained(lan, (SECOND, "7 oldest"), (FIRST, "7 oldest"))
    wait_best(lan, SECOND)
    lan.reload(NEIGHBORS, option("external-compare-router-id"))
    wait_best(lan, FIRST)
    wait_explained(lan, (FIRST, "8 router ID"), (SECOND, "8 router ID"))
    table = lan.daemon.command(f"global rib {PREFIX} explain").splitlines()
    assert [line.split()[:3] for line in table[1:]] == [
        ["*>", PREFIX, address(FIRST)],
        ["*", PREFIX, address(SECOND)],
    ]
    assert all("8 router ID" in line for line in table[1:])
