"""Sessions in both directions, of both kinds, over both families, with several peers at once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.kernel import KernelRoute, list_prefixes, wait_routes
from harness.namespace import Lab, Namespace
from harness.pair import (
    GLOBAL,
    OURS_V6,
    THEIRS_V6,
    Pair,
    bird_session,
    bird_static,
    exports,
    imports,
    neighbor,
)
from harness.wait import wait_until


@dataclass(frozen=True)
class Remote:
    """One BIRD of the test: ``number`` is in its cable's networks and in what it announces."""

    number: int
    version: int
    as_number: int
    dials: bool

    @property
    def ends(self) -> tuple[str, str]:
        if self.version == 4:
            return f"10.0.{self.number}.1", f"10.0.{self.number}.2"
        return f"2001:db8:{self.number}::1", f"2001:db8:{self.number}::2"

    @property
    def prefix(self) -> str:
        return (
            f"20.0.{self.number}.0/24" if self.version == 4 else f"2001:db8:20:{self.number}::/64"
        )


def start_remote(lab: Lab, router: Namespace, remote: Remote, folder: Path) -> Bird:
    space = lab.namespace(f"bird{remote.number}")
    length = 24 if remote.version == 4 else 64
    cable = (f"{remote.ends[0]}/{length}", f"{remote.ends[1]}/{length}")
    lab.connect((router, f"eth{remote.number}"), (space, "eth0"), [cable])
    session = bird_session(
        local=remote.ends[1],
        local_as=remote.as_number,
        remote=remote.ends[0],
        dials=remote.dials,
        families=(remote.version,),
        own_v6=remote.ends[1],
    )
    text = f"router id 10.0.{remote.number}.2;\n{session}{bird_static({remote.prefix: ''})}"
    return Bird(space, folder, text, name=f"bird{remote.number}")


def wait_learnt(bird: Bird, expected: list[str]) -> None:
    wait_until(lambda: bird.prefixes("gobgpd") == expected, f"{bird.log.stem} has {expected}")


FIRST = (
    Remote(1, version=4, as_number=65101, dials=False),
    Remote(2, version=6, as_number=65001, dials=False),
    Remote(3, version=4, as_number=65001, dials=True),
    Remote(4, version=6, as_number=65104, dials=True),
)
SECOND = (
    Remote(1, version=4, as_number=65101, dials=True),
    Remote(2, version=6, as_number=65001, dials=True),
    Remote(3, version=4, as_number=65001, dials=False),
    Remote(4, version=6, as_number=65104, dials=False),
)


@pytest.mark.parametrize("remotes", [FIRST, SECOND], ids=["we dial 1 2", "we dial 3 4"])
def test_several_peers_of_all_kinds(lab: Lab, tmp_path: Path, remotes: tuple[Remote, ...]) -> None:
    router = lab.namespace("router")
    router.ip("link add net0 type veth peer name net1")
    router.ip("link set net1 up")
    router.ip("link set net0 up")
    router.ip("address add 10.9.0.1/24 dev net0")
    router.ip("address add 2001:db8:9::1/64 dev net0 nodad")
    birds = [start_remote(lab, router, remote, tmp_path) for remote in remotes]
    neighbors = [
        neighbor(
            remote.ends[1],
            remote.as_number,
            passive=remote.dials,
            families=(remote.version,),
        )
        for remote in remotes
    ]
    daemon = Gobgpd(router, tmp_path, GLOBAL + "".join(neighbors) + imports("net0") + exports())
    for bird in birds:
        bird.wait_established("gobgpd")
    wait_routes(
        router,
        [
            KernelRoute("20.0.1.0/24", via="10.0.1.2", dev="eth1", metric=20),
            KernelRoute("20.0.3.0/24", via="10.0.3.2", dev="eth3", metric=20),
        ],
    )
    wait_routes(
        router,
        [
            KernelRoute("2001:db8:20:2::/64", via="2001:db8:2::2", dev="eth2", metric=20),
            KernelRoute("2001:db8:20:4::/64", via="2001:db8:4::2", dev="eth4", metric=20),
        ],
        version=6,
    )
    learnt = [
        ["10.9.0.0/24", "20.0.3.0/24"],
        ["2001:db8:20:4::/64", "2001:db8:9::/64"],
        ["10.9.0.0/24", "20.0.1.0/24"],
        ["2001:db8:20:2::/64", "2001:db8:9::/64"],
    ]
    for bird, expected in zip(birds, learnt, strict=True):
        wait_learnt(bird, expected)
    assert "BGP.as_path: 65001\n" in birds[0].route("10.9.0.0/24")
    assert "BGP.next_hop: 10.0.1.1\n" in birds[0].route("10.9.0.0/24")
    assert "BGP.local_pref: 100\n" in birds[2].route("20.0.1.0/24")
    assert "BGP.as_path: 65001\n" in birds[0].route("20.0.3.0/24")
    daemon.stop()


def test_both_families_over_one_ipv4_session(lab: Lab) -> None:
    pair = Pair(lab)
    routes = {"198.51.100.0/24": "", "2001:db8:51::/48": ""}
    pair.start(routes, imports("eth0"), exports())
    wait_routes(
        pair.router, [KernelRoute("198.51.100.0/24", via="192.0.2.2", dev="eth0", metric=20)]
    )
    wait_routes(
        pair.router,
        [KernelRoute("2001:db8:51::/48", via="2001:db8::2", dev="eth0", metric=20)],
        version=6,
    )
    assert pair.bird.prefixes("gobgpd") == ["192.0.2.0/24", "2001:db8::/64"]
    seen = pair.bird.route("2001:db8::/64")
    assert "BGP.next_hop: 2001:db8::1" in seen, seen


def test_both_families_over_one_ipv6_session(lab: Lab) -> None:
    pair = Pair(lab)
    session = bird_session(local=THEIRS_V6, remote=OURS_V6).replace(
        "ipv4 { ", "ipv4 { next hop address 192.0.2.2; "
    )
    pair.start_bird({"198.51.100.0/24": "", "2001:db8:51::/48": ""}, session)
    pair.start_daemon(neighbor(THEIRS_V6), imports("eth0"), exports())
    pair.bird.wait_established("gobgpd")
    wait_routes(
        pair.router, [KernelRoute("198.51.100.0/24", via="192.0.2.2", dev="eth0", metric=20)]
    )
    wait_routes(
        pair.router,
        [KernelRoute("2001:db8:51::/48", via="2001:db8::2", dev="eth0", metric=20)],
        version=6,
    )
    wait_until(
        lambda: pair.bird.prefixes("gobgpd") == ["192.0.2.0/24", "2001:db8::/64"], "BIRD has both"
    )
    assert "BGP.next_hop: 192.0.2.1\n" in pair.bird.route("192.0.2.0/24")


def test_a_session_between_link_local_addresses(lab: Lab) -> None:
    pair = Pair(lab)
    pair.router.ip("address add fe80::1/64 dev eth0 nodad")
    pair.peer.ip("address add fe80::2/64 dev eth0 nodad")
    session = bird_session(local="fe80::2%eth0", remote="fe80::1%eth0", families=(6,)).replace(
        "next hop address 2001:db8::2;", "next hop address fe80::2;"
    )
    pair.start_bird({"2001:db8:51::/48": ""}, session)
    pair.start_daemon(neighbor("fe80::2%eth0", families=(6,)), exports())
    pair.bird.wait_established("gobgpd")
    wait_routes(
        pair.router,
        [KernelRoute("2001:db8:51::/48", via="fe80::2", dev="eth0", metric=20)],
        version=6,
    )


def test_a_peer_that_goes_takes_its_routes_and_may_come_back(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"198.51.100.0/24": "", "2001:db8:51::/48": ""}, exports())
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed")
    pair.bird.stop()
    wait_until(lambda: list_prefixes(pair.router) == [], "IPv4 gone with the peer")
    wait_until(lambda: list_prefixes(pair.router, version=6) == [], "IPv6 gone with the peer")
    pair.bird.start()
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed again")
    wait_until(lambda: list_prefixes(pair.router, version=6) == ["2001:db8:51::/48"], "IPv6 too")


def test_a_peer_that_falls_silent_is_down_after_the_hold_time(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird({"198.51.100.0/24": ""}, bird_session(hold_time_s=3))
    pair.start_daemon(exports(), neighbor(hold_time_s=3))
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed")
    pair.bird.pause()
    wait_until(lambda: list_prefixes(pair.router) == [], "the hold time has run out", timeout_s=6)
    pair.bird.resume()
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed again")
    assert "hold timer expired" in pair.daemon.log().lower()
