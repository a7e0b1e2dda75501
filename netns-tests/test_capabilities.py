"""What sessions announce and agree on, and what follows from it, with BIRD and by octets."""

import re

import pytest

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.kernel import KernelRoute, list_prefixes, wait_routes
from harness.namespace import Lab, Namespace
from harness.pair import (
    GLOBAL,
    OURS,
    OURS_V6,
    THEIR_AS,
    THEIRS,
    THEIRS_V6,
    Pair,
    bird_session,
    bird_static,
    exports,
    imports,
    neighbor,
)
from harness.raw_peer import (
    ENHANCED_REFRESH,
    EXTENDED_MESSAGE,
    IPV4_UNICAST,
    REFRESH,
    ROUTE_REFRESH,
    UPDATE,
    RawPeer,
    four_octet_as,
    open_body,
    usual_parameters,
)
from harness.wait import stays, wait_until

BEGIN_V4, END_V4 = bytes.fromhex("00010101"), bytes.fromhex("00010201")
# ORIGIN IGP; AS_PATH 65002; NEXT_HOP 192.0.2.2
USUAL = bytes.fromhex("40010100 400206 0201 0000fdea 400304 c0000202")


def capability_lines(text: str) -> str:
    """The part of ``gobgp neighbor ADDRESS`` between these two headlines."""
    return text.partition("Neighbor capabilities:\n")[2].partition("  Message statistics:")[0]


def host_name(space: Namespace) -> str:
    return space.run("uname", "-n").strip()


def update_body(attributes: bytes, *prefixes: str) -> bytes:
    """An UPDATE that announces /24s, given as their three octets in hex."""
    nlri = b"".join(b"\x18" + bytes.fromhex(prefix) for prefix in prefixes)
    return b"\0\0" + len(attributes).to_bytes(2, "big") + attributes + nlri


class Octets:
    """Our daemon and a peer made of octets, on the usual cable.

    Attributes:
        capabilities: what the peer announces by default.
    """

    def __init__(self, lab: Lab, *blocks: str) -> None:
        self.pair = Pair(lab)
        self.peer = RawPeer(self.pair.peer, THEIRS)
        self.pair.start_daemon(neighbor(families=(4,)), *blocks)
        self.daemon = self.pair.daemon
        self.capabilities = [IPV4_UNICAST, REFRESH, four_octet_as(THEIR_AS)]

    def establish(self, *more: bytes) -> None:
        parameters = usual_parameters(*self.capabilities, *more)
        self.peer.establish(open_body(THEIR_AS, THEIRS, parameters))


def test_what_both_sides_announce_is_shown_by_both(lab: Lab) -> None:
    pair = Pair(lab)
    session = bird_session(families=(4,)).replace("ipv4 {", "ipv4 { extended next hop;")
    session = session.replace(
        "  direct;", "  direct; enable extended messages; advertise hostname;"
    )
    pair.start_bird(session=session)
    pair.start_daemon()
    pair.bird.wait_established("gobgpd")
    name = host_name(pair.router)
    assert capability_lines(pair.daemon.command(f"neighbor {THEIRS}")) == (
        "    multiprotocol:\n"
        "        ipv4-unicast:\tadvertised and received\n"
        "        ipv6-unicast:\tadvertised\n"
        "    route-refresh:\tadvertised and received\n"
        "    extended-nexthop:\tadvertised and received\n"
        "        Local:\n"
        "            nlri: ipv4-unicast, nexthop: ipv6\n"
        "        Remote:\n"
        "            nlri: ipv4-unicast, nexthop: ipv6\n"
        "    extended-message:\tadvertised and received\n"
        "    graceful-restart:\treceived\n"
        "        Remote: restart time 120 sec\n"
        "    4-octet-as:\tadvertised and received\n"
        "    enhanced-route-refresh:\tadvertised and received\n"
        "    long-lived-graceful-restart:\treceived\n"
        "    fqdn:\tadvertised and received\n"
        "      Local:\n"
        f"         name: {name}, domain: \n"
        "      Remote:\n"
        f"         name: {name}, domain: \n"
    )
    seen = pair.bird.command("show protocols all gobgpd")
    announced = seen.partition("Neighbor capabilities")[2].partition("Session:")[0]
    for words in (
        r"Multiprotocol\s+AF announced: ipv4 ipv6",
        r"Route refresh\n",
        r"Extended next hop\s+IPv6 nexthop: ipv4",
        r"Extended message\n",
        r"4-octet AS numbers\n",
        r"Enhanced refresh\n",
        rf"Hostname: {re.escape(name)}\n",
    ):
        assert re.search(words, announced), announced


def test_ipv4_routes_between_routers_that_have_ipv6_alone(lab: Lab) -> None:
    router, peer = lab.namespace("router"), lab.namespace("peer")
    lab.connect((router, "eth0"), (peer, "eth0"), [(f"{OURS_V6}/64", f"{THEIRS_V6}/64")])
    router.ip("link add net0 type veth peer name net1")
    router.ip("link set net1 up")
    router.ip("link set net0 up")
    router.ip("address add 10.9.0.1/24 dev net0")
    session = bird_session(local=THEIRS_V6, remote=OURS_V6, families=(4,)).replace(
        "ipv4 {", f"ipv4 {{ extended next hop; next hop address {THEIRS_V6};"
    )
    routes = bird_static({"198.51.100.0/24": ""})
    bird = Bird(peer, lab.folder, f"router id {THEIRS};\n{session}{routes}")
    toml = GLOBAL + neighbor(THEIRS_V6, families=(4,)) + imports("net0") + exports()
    daemon = Gobgpd(router, lab.folder, toml)
    wait_routes(router, [KernelRoute("198.51.100.0/24", via=THEIRS_V6, dev="eth0", metric=20)])
    wait_until(lambda: bird.prefixes("gobgpd") == ["10.9.0.0/24"], "BIRD has our network")
    link_local = re.search(r"inet6 (fe80:\S+)/64", router.ip("-6 address show dev eth0"))
    assert link_local is not None
    assert f"BGP.next_hop: {OURS_V6} {link_local[1]}\n" in bird.route("10.9.0.0/24")
    (path,) = daemon.json("global rib")["198.51.100.0/24"]
    hops = {one["type"]: one["nexthop"] for one in path["attrs"] if "nexthop" in one}
    assert hops == {14: THEIRS_V6}
    bird.configure(f"router id {THEIRS};\n{session}")
    wait_routes(router, [])
    daemon.stop()


def test_ipv4_routes_between_link_local_addresses_alone(lab: Lab) -> None:
    router, peer = lab.namespace("router"), lab.namespace("peer")
    lab.connect((router, "eth0"), (peer, "eth0"), [("fe80::1/64", "fe80::2/64")])
    router.ip("link add net0 type veth peer name net1")
    router.ip("link set net1 up")
    router.ip("link set net0 up")
    router.ip("address add 10.9.0.1/24 dev net0")
    session = bird_session(local="fe80::2%eth0", remote="fe80::1%eth0", families=(4,)).replace(
        "ipv4 {", "ipv4 { extended next hop; next hop address fe80::2;"
    )
    routes = bird_static({"198.51.100.0/24": ""})
    bird = Bird(peer, lab.folder, f"router id {THEIRS};\n{session}{routes}")
    toml = GLOBAL + neighbor("fe80::2%eth0", families=(4,)) + imports("net0") + exports()
    Gobgpd(router, lab.folder, toml)
    wait_routes(router, [KernelRoute("198.51.100.0/24", via="fe80::2", dev="eth0", metric=20)])
    wait_until(lambda: bird.prefixes("gobgpd") == ["10.9.0.0/24"], "BIRD has our network")
    assert re.search(r"via fe80::\S+ on eth0", bird.route("10.9.0.0/24"))


def test_without_the_capability_ipv4_routes_keep_ipv4_next_hops(lab: Lab) -> None:
    pair = Pair(lab)
    session = bird_session(local=THEIRS_V6, remote=OURS_V6, families=(4,))
    session = session.replace("ipv4 {", f"ipv4 {{ next hop address {THEIRS};")
    pair.start_bird({"198.51.100.0/24": ""}, session)
    pair.start_daemon(neighbor(THEIRS_V6, families=(4,)), imports("eth0"), exports())
    wait_routes(pair.router, [KernelRoute("198.51.100.0/24", via=THEIRS, dev="eth0", metric=20)])
    wait_until(lambda: pair.bird.prefixes("gobgpd") == ["192.0.2.0/24"], "BIRD has our network")
    assert f"BGP.next_hop: {OURS}\n" in pair.bird.route("192.0.2.0/24")
    assert "extended-nexthop:\tadvertised\n" in pair.daemon.command(f"neighbor {THEIRS_V6}")


# --- messages above 4096 octets (RFC 8654) -------------------------------------------------------


def middle_of_three(lab: Lab, *, is_long: bool) -> tuple[Gobgpd, Bird, Bird]:
    """A BIRD that speaks long messages, we, and another BIRD that does or does not."""
    left, router, right = lab.namespace("left"), lab.namespace("router"), lab.namespace("right")
    lab.connect((router, "eth1"), (left, "eth0"), [("10.0.1.1/24", "10.0.1.2/24")])
    lab.connect((router, "eth2"), (right, "eth0"), [("10.0.2.1/24", "10.0.2.2/24")])
    birds = []
    for number, space, long_words in (
        (1, left, "enable extended messages"),
        (2, right, "enable extended messages" if is_long else ""),
    ):
        session = bird_session(
            local=f"10.0.{number}.2",
            local_as=65100 + number,
            remote=f"10.0.{number}.1",
            families=(4,),
        ).replace("  direct;", f"  direct; {long_words};")
        text = f"router id 10.0.{number}.2;\n{session}"
        birds.append(Bird(space, lab.folder, text, name=f"bird{number}"))
    toml = GLOBAL + "".join(
        neighbor(f"10.0.{number}.2", 65100 + number, families=(4,)) for number in (1, 2)
    )
    daemon = Gobgpd(router, lab.folder, toml)
    for bird in birds:
        bird.wait_established("gobgpd")
    return daemon, birds[0], birds[1]


def announce(bird: Bird, routes: dict[str, str]) -> None:
    """These static routes beside the session that the BIRD has."""
    text = bird.configuration.read_text().partition("protocol static")[0]
    text = text.partition("protocol device {}\n")[2]
    bird.configure(text + bird_static(routes))


# 1100 communities: 4400 octets of one attribute.
LONG = "".join(f"bgp_community.add((65101,{number}));" for number in range(1100))


@pytest.mark.parametrize("is_long", [True, False], ids=["to a long one", "to a short one"])
def test_attributes_of_more_than_a_usual_message(lab: Lab, is_long: bool) -> None:
    daemon, left, right = middle_of_three(lab, is_long=is_long)
    announce(left, {"20.1.0.0/24": "", "20.2.0.0/24": LONG})
    wait_until(lambda: daemon.rib_prefixes() == ["20.1.0.0/24", "20.2.0.0/24"], "both arrive")
    expected = ["20.1.0.0/24", "20.2.0.0/24"] if is_long else ["20.1.0.0/24"]
    wait_until(lambda: right.prefixes("gobgpd") == expected, f"the other BIRD has {expected}")
    if is_long:
        assert right.route("20.2.0.0/24").count("(65101,") == 1100
    else:  # a route that grows out of the peer's reach is withdrawn from it
        announce(left, {"20.1.0.0/24": LONG, "20.2.0.0/24": ""})
        wait_until(lambda: right.prefixes("gobgpd") == ["20.2.0.0/24"], "they change places")
    assert daemon.neighbor_state("10.0.1.2") == daemon.neighbor_state("10.0.2.2") == "Establ"


@pytest.mark.parametrize("is_long", [True, False], ids=["long", "short"])
def test_messages_are_as_long_as_both_sides_take(lab: Lab, is_long: bool) -> None:
    octets = Octets(lab, neighbor("192.0.2.3", 65003, families=(4,)))
    octets.pair.peer.ip("address add 192.0.2.3/24 dev eth0")
    feeder = RawPeer(octets.pair.peer, "192.0.2.3")
    feeder.establish(open_body(65003, "192.0.2.3", usual_parameters(IPV4_UNICAST)))
    path = bytes.fromhex("40010100 400204 0201 fdeb 400304 c0000203")
    hosts = [b"\x20\x14" + number.to_bytes(3) for number in range(3000)]
    for at in range(0, 3000, 500):
        head = b"\0\0" + len(path).to_bytes(2) + path
        feeder.send(UPDATE, head + b"".join(hosts[at : at + 500]))
    wait_until(lambda: len(octets.daemon.rib_prefixes()) == 3000, "all arrive")
    octets.establish(*([EXTENDED_MESSAGE] if is_long else []))
    octets.peer.wait_update(bytes(4))  # End-of-RIB, or a lucky hit before it
    updates = octets.peer.updates
    while updates[-1] != bytes(4):
        octets.peer.wait_message(UPDATE)
    told = b"".join(updates)
    assert [host for host in hosts if host not in told] == []
    assert (max(19 + len(body) for body in updates) > 4096) is is_long


# --- route refresh (RFC 2918, RFC 7313) ----------------------------------------------------------


def test_bird_asks_for_a_refresh_and_gets_it_between_marks(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird(
        session=bird_session(families=(4,)).replace("  direct;", "  direct; debug all;")
    )
    pair.start_daemon(neighbor(families=(4,)), imports("eth0"))
    wait_until(lambda: pair.bird.prefixes("gobgpd") == ["192.0.2.0/24"], "BIRD has our network")
    pair.bird.command("reload in gobgpd")
    wait_until(lambda: "Got END-OF-RR" in pair.bird.log.read_text(), "the refresh ends")
    log = pair.bird.log.read_text()
    assert log.index("Sending ROUTE-REFRESH") < log.index("Got BEGIN-OF-RR")
    assert pair.bird.prefixes("gobgpd") == ["192.0.2.0/24"]
    assert re.search(r"Route Refresh: +2 +1\n", pair.daemon.command(f"neighbor {THEIRS}")), (
        pair.daemon.command(f"neighbor {THEIRS}")
    )


def test_bird_sends_everything_again_and_nothing_is_lost(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"198.51.100.0/24": "", "203.0.113.0/24": ""}, exports())
    both = ["198.51.100.0/24", "203.0.113.0/24"]
    wait_until(lambda: list_prefixes(pair.router) == both, "installed")
    pair.bird.command("reload out gobgpd")
    ended = wait_until(lambda: pair.daemon.messages("route refresh finished"), "both marks came")
    assert (ended[0]["withdrawn"], ended[0]["was_ended_by_peer"]) == (0, True)
    assert list_prefixes(pair.router) == both


def test_what_does_not_come_again_in_a_refresh_leaves_the_kernel(lab: Lab) -> None:
    octets = Octets(lab, exports())
    octets.establish(ENHANCED_REFRESH)
    router = octets.pair.router
    octets.peer.send(UPDATE, update_body(USUAL, "140101", "140102", "140103"))
    all_three = ["20.1.1.0/24", "20.1.2.0/24", "20.1.3.0/24"]
    wait_until(lambda: list_prefixes(router) == all_three, "installed")
    octets.peer.send(ROUTE_REFRESH, BEGIN_V4)
    octets.peer.send(UPDATE, update_body(USUAL, "140101", "140104"))
    wait_until(lambda: "20.1.4.0/24" in list_prefixes(router), "the new one is installed")
    assert len(list_prefixes(router)) == 4
    octets.peer.send(ROUTE_REFRESH, END_V4)
    left = ["20.1.1.0/24", "20.1.4.0/24"]
    wait_until(lambda: list_prefixes(router) == left, "the stale ones are gone")


def test_marks_that_were_not_negotiated_mean_nothing(lab: Lab) -> None:
    octets = Octets(lab, exports())
    octets.establish()
    octets.peer.send(UPDATE, update_body(USUAL, "140101"))
    octets.peer.send(ROUTE_REFRESH, BEGIN_V4)
    octets.peer.send(ROUTE_REFRESH, END_V4)
    octets.peer.send(UPDATE, update_body(USUAL, "140102"))
    router = octets.pair.router
    both = ["20.1.1.0/24", "20.1.2.0/24"]
    wait_until(lambda: list_prefixes(router) == both, "both are installed")
    stays(lambda: list_prefixes(router) == both, "they stay", for_s=0.5)


# --- OPEN messages -------------------------------------------------------------------------------


def test_an_open_with_extended_parameters_and_unknown_capabilities(lab: Lab) -> None:
    octets = Octets(lab)
    capabilities = b"".join(octets.capabilities) + bytes.fromhex("0901 03  c802 beef")
    capabilities += b"\xc9\xff" + bytes(255)
    parameter = b"\x02" + len(capabilities).to_bytes(2) + capabilities
    extended = b"\xff\xff" + len(parameter).to_bytes(2) + parameter
    octets.peer.establish(open_body(THEIR_AS, THEIRS, extended))
    octets.daemon.wait_established(THEIRS)
    shown = capability_lines(octets.daemon.command(f"neighbor {THEIRS}"))
    assert (
        "    bgp-role:\treceived\n      Remote:\n         03\n"
        "    unknown-200:\treceived\n      Remote:\n         be ef\n"
        "    unknown-201:\treceived\n      Remote:\n         00 00"
    ) in shown
    remote = octets.daemon.json(f"neighbor {THEIRS}")["state"]["remote_cap"]
    assert {"Cap": {"Unknown": {"code": 200, "value": "vu8="}}} in remote


def test_software_version_is_announced_where_it_is_wanted(lab: Lab) -> None:
    octets = Octets(lab)
    octets.establish()
    quiet = neighbor(families=(4,))
    talking = quiet.replace("config = {", "config = { send-software-version = true,", 1)
    assert b"gobgp-trio/" not in octets.peer.their_open
    octets.pair.reload(talking)
    octets.establish()
    found = re.search(rb"\x4b(.)(.)(gobgp-trio/[0-9a-z.+]+)", octets.peer.their_open, re.DOTALL)
    assert found is not None
    assert found[2][0] == len(found[1]) * (found[1][0] - 1)
    octets.pair.reload(quiet)
    octets.establish()
    assert b"gobgp-trio/" not in octets.peer.their_open


# --- peers with 2-octet AS numbers (RFC 6793) ----------------------------------------------------

BIG_AS = 4200000002  # fa56ea02


def test_an_old_peer_gets_as_trans_and_the_real_numbers_beside_it(lab: Lab) -> None:
    octets = Octets(lab, neighbor("192.0.2.3", BIG_AS, families=(4,)))
    octets.pair.peer.ip("address add 192.0.2.3/24 dev eth0")
    feeder = RawPeer(octets.pair.peer, "192.0.2.3")
    capabilities = usual_parameters(IPV4_UNICAST, four_octet_as(BIG_AS))
    feeder.establish(open_body(23456, "192.0.2.3", capabilities))
    attributes = bytes.fromhex(
        "4001010040020a 0202 fa56ea02 0000fde9 400304 c0000203c00708 fa56ea02 c0000203"
    ).replace(bytes.fromhex("0000fde9"), bytes.fromhex("0000fdf3"))
    feeder.send(UPDATE, update_body(attributes, "140101"))
    octets.capabilities = [IPV4_UNICAST]
    octets.establish()
    told = octets.peer.wait_update(bytes.fromhex("18140101"))
    assert told == update_body(
        bytes.fromhex(
            "40010100"
            "400208 0203 fde9 5ba0 fdf3"  # AS_PATH 65001 AS_TRANS 65011
            "400304 c0000203"  # a third party on the same network
            "c00706 5ba0 c0000203"  # AGGREGATOR AS_TRANS
            "c0110e 0203 0000fde9 fa56ea02 0000fdf3"  # AS4_PATH
            "c01208 fa56ea02 c0000203"  # AS4_AGGREGATOR
        ),
        "140101",
    )


def test_an_old_bird_both_ways(lab: Lab) -> None:
    """BIRD puts AS_PATH and AS4_PATH together again, and sends us both."""
    left, router, right = lab.namespace("left"), lab.namespace("router"), lab.namespace("right")
    lab.connect((router, "eth1"), (left, "eth0"), [("10.0.1.1/24", "10.0.1.2/24")])
    lab.connect((router, "eth2"), (right, "eth0"), [("10.0.2.1/24", "10.0.2.2/24")])
    old = bird_session(local="10.0.1.2", local_as=65101, remote="10.0.1.1", families=(4,))
    old = old.replace("  direct;", "  direct; enable as4 off;")
    new = bird_session(local="10.0.2.2", local_as=BIG_AS, remote="10.0.2.1", families=(4,))
    far = bird_static({"20.1.0.0/24": "bgp_path.prepend(4200000009);"})
    near = bird_static({"20.2.0.0/24": "bgp_path.prepend(4200000008);"})
    birds = [
        Bird(left, lab.folder, f"router id 10.0.1.2;\n{old}{far}", name="old"),
        Bird(right, lab.folder, f"router id 10.0.2.2;\n{new}{near}", name="new"),
    ]
    neighbors = neighbor("10.0.1.2", 65101, families=(4,)) + neighbor(
        "10.0.2.2", BIG_AS, families=(4,)
    )
    daemon = Gobgpd(router, lab.folder, GLOBAL + neighbors)
    wait_until(lambda: daemon.rib_prefixes() == ["20.1.0.0/24", "20.2.0.0/24"], "both arrive")
    assert "65101 4200000009" in daemon.command("global rib")
    wait_until(lambda: birds[0].prefixes("gobgpd") == ["20.2.0.0/24"], "the old one has it")
    wait_until(lambda: birds[1].prefixes("gobgpd") == ["20.1.0.0/24"], "the new one has it")
    assert "BGP.as_path: 65001 4200000002 4200000008\n" in birds[0].route("20.2.0.0/24")
    assert "BGP.as_path: 65001 65101 4200000009\n" in birds[1].route("20.1.0.0/24")
    assert "4-octet-as:\tadvertised\n" in daemon.command("neighbor 10.0.1.2")
