"""A hundred thousand routes: the kernel has exactly what BGP says, and the log stays short."""

from harness.kernel import KernelRoute, list_routes
from harness.namespace import Lab
from harness.pair import Pair, exports
from harness.wait import wait_until

ROUTES_COUNT = 100_000  # the last fifth of them are IPv6
IPV4_COUNT = 80_000


def prefix_of(number: int) -> str:
    if number >= IPV4_COUNT:
        return f"2001:db8:{number - IPV4_COUNT + 0x1000:x}::/48"
    return f"{20 + number // 65536}.{number // 256 % 256}.{number % 256}.0/24"


def test_the_kernel_equals_the_table_after_100000_routes(lab: Lab) -> None:
    pair = Pair(lab)
    pair.peer.ip("address add 192.0.2.22/24 dev eth0")
    pair.peer.ip("address add 2001:db8::22/64 dev eth0")
    all_routes = {prefix_of(number): "" for number in range(ROUTES_COUNT)}
    pair.start(all_routes, exports(dampening_interval=100))
    expected = {prefix: hop_of(prefix, "2") for prefix in all_routes}
    wait_for(pair, expected, "all are in")

    changed = dict(all_routes)
    for number in range(0, ROUTES_COUNT, 2):  # half of them: other gateway, gone, or another path
        prefix = prefix_of(number)
        if number % 3 == 0:
            del changed[prefix], expected[prefix]
        elif number % 3 == 1:
            expected[prefix] = hop_of(prefix, "22")
            changed[prefix] = f"bgp_next_hop = {expected[prefix]};"
        else:
            changed[prefix] = "bgp_med = 7;"
    pair.announce(changed)
    wait_for(pair, expected, "half of them have changed")

    pair.announce({})
    wait_for(pair, {}, "all are out")
    assert pair.bird.state("gobgpd") == "Established"
    assert len(pair.daemon.messages("session established")) == 1
    lines = pair.daemon.log().splitlines()
    assert len(lines) < 10, lines
    pair.daemon.stop()


def hop_of(prefix: str, last: str) -> str:
    return f"2001:db8::{last}" if ":" in prefix else f"192.0.2.{last}"


def wait_for(pair: Pair, expected: dict[str, str], what: str) -> None:
    for version in (4, 6):
        of_family = {
            prefix: via for prefix, via in expected.items() if (":" in prefix) == (version == 6)
        }
        wait_for_family(pair, version, of_family, what)


def wait_for_family(pair: Pair, version: int, expected: dict[str, str], what: str) -> None:
    """Count first: reading all of it as JSON takes longer than writing it took the daemon."""
    count = len(expected)
    words = f"ip -{version} -N route show proto 186 | grep -c . | grep -qx {count}"
    wait_until(
        lambda: pair.router.try_run("sh", "-c", words).returncode == 0,
        f"{what}, {count} routes",
        timeout_s=60,
        poll_s=0.2,
    )
    wanted = sorted(
        KernelRoute(prefix, via=via, dev="eth0", metric=20) for prefix, via in expected.items()
    )
    wait_until(
        lambda: list_routes(pair.router, version=version) == wanted, what, timeout_s=30, poll_s=1.0
    )
