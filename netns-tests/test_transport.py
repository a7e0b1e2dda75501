"""What a neighbor's sockets are set to, as BIRD and the wire see it."""

import re

import pytest

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.kernel import KernelRoute, list_prefixes, wait_routes
from harness.namespace import Lab
from harness.packets import ACK, RST, SYN, Capture
from harness.pair import (
    GLOBAL,
    OURS,
    OURS_V6,
    THEIRS,
    THEIRS_V6,
    Pair,
    bird_session,
    bird_static,
    exports,
    neighbor,
)
from harness.wait import stays, wait_until

PREFIX = "198.51.100.0/24"


def with_keys(block: str, *lines: str) -> str:
    """A ``[[neighbors]]`` block with more keys, which stand before its families."""
    head, families, rest = block.partition("  [[neighbors.afi-safis]]")
    return head + "".join(f"  {line}\n" for line in lines) + families + rest


def with_password(password: str, address: str = THEIRS, *, passive: bool = False) -> str:
    block = neighbor(address, passive=passive)
    return block.replace("peer-as", f'auth-password = "{password}", peer-as')


def bird_with(statement: str, **keywords: object) -> str:
    """BIRD's session with one more statement."""
    return bird_session(**keywords).replace("  direct;", f"  {statement} direct;")  # type: ignore[arg-type] # handed on


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_password_signs_every_segment(lab: Lab, version: int, dials: bool) -> None:
    pair = Pair(lab)
    capture = Capture(pair.router)
    ours, theirs = (OURS, THEIRS) if version == 4 else (OURS_V6, THEIRS_V6)
    pair.start_bird(
        {PREFIX: ""}, bird_with('password "s3cret";', local=theirs, remote=ours, dials=dials)
    )
    pair.start_daemon(with_password("s3cret", theirs, passive=dials))
    pair.bird.wait_established("gobgpd")
    wait_until(lambda: pair.daemon.rib_prefixes() == [PREFIX], "the route has come")
    refusing = [s for s in capture.segments if s.flags & RST]  # before we listened
    assert [s for s in capture.segments if not s.is_signed and s not in refusing] == []
    first = [s for s in capture.segments if s.flags & (SYN | ACK) == SYN]
    assert {s.source for s in first} == {theirs if dials else ours}


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
def test_a_wrong_password_and_its_change_by_reload(lab: Lab, dials: bool) -> None:
    pair = Pair(lab)
    pair.start_bird({PREFIX: ""}, bird_with('password "s3cret";', dials=dials))
    pair.start_daemon(with_password("another", passive=dials))
    stays(lambda: pair.bird.state("gobgpd") != "Established", "there is no session", for_s=2.5)
    if not dials:
        wait_until(
            lambda: "no answer; the password may be another one" in pair.daemon.log(),
            "we say what may be wrong",
        )
    pair.reload(with_password("s3cret", passive=dials))
    pair.bird.wait_established("gobgpd")
    pair.reload(neighbor(passive=dials))
    wait_until(lambda: pair.bird.state("gobgpd") != "Established", "the session is closed")
    stays(lambda: pair.bird.state("gobgpd") != "Established", "none without password", for_s=2.5)
    assert "Received: Other configuration change" in pair.bird.log.read_text()
    pair.reload(with_password("s3cret", passive=dials))
    pair.bird.wait_established("gobgpd")


def test_a_password_stays_out_of_the_log_and_the_command_line(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird({}, bird_with('password "s3cret";'))
    pair.start_daemon(with_password("s3cret"))
    pair.bird.wait_established("gobgpd")
    pair.reload(with_password("other-s3cret"))
    wait_until(lambda: "config changed" in pair.daemon.log(), "reloaded")
    shown = pair.daemon.command(f"neighbor {THEIRS}") + pair.daemon.command("-j neighbor")
    assert "s3cret" not in shown + pair.daemon.log()


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
@pytest.mark.parametrize("version", [4, 6])
def test_ttl_security_both_ways(lab: Lab, version: int, dials: bool) -> None:
    pair = Pair(lab)
    capture = Capture(pair.peer)
    ours, theirs = (OURS, THEIRS) if version == 4 else (OURS_V6, THEIRS_V6)
    session = bird_with("ttl security on;", local=theirs, remote=ours, dials=dials)
    pair.start_bird({PREFIX: ""}, session)
    block = neighbor(theirs, passive=dials)
    pair.start_daemon(with_keys(block, "ttl-security.config.enabled = true"))
    pair.bird.wait_established("gobgpd")
    wait_until(lambda: pair.daemon.rib_prefixes() == [PREFIX], "the route has come")
    # The resets are of the time before we listened.
    assert {s.ttl for s in capture.wait_sent_by(ours, lambda s: not s.flags & RST)} == {255}


def test_ttl_security_keeps_a_peer_out_that_sends_with_less(lab: Lab) -> None:
    """BIRD's packets have TTL 1, as those of an external peer; ours demand 255, later 1."""
    pair = Pair(lab)
    pair.start_bird({PREFIX: ""}, bird_session(dials=True))
    secure = "ttl-security.config = { enabled = true }"
    pair.start_daemon(with_keys(neighbor(passive=True), secure))
    wait_until(
        lambda: "wanted a connection with TTL 255 or more, found TTL 1" in pair.daemon.log(),
        "we say what is wrong",
    )
    assert pair.bird.state("gobgpd") != "Established"
    lenient = "ttl-security.config = { enabled = true, ttl-min = 1 }"
    pair.reload(with_keys(neighbor(passive=True), lenient))
    pair.bird.wait_established("gobgpd")


def test_multihop_over_a_router(lab: Lab) -> None:
    router, middle, far = (lab.namespace(name) for name in ("router", "middle", "far"))
    lab.connect((router, "eth0"), (middle, "left"), [("192.0.2.1/24", "192.0.2.254/24")])
    lab.connect((middle, "right"), (far, "eth0"), [("203.0.113.254/24", "203.0.113.2/24")])
    middle.set_sysctl("net.ipv4.ip_forward", 1)
    router.ip("route add 203.0.113.0/24 via 192.0.2.254")
    far.ip("route add 192.0.2.0/24 via 203.0.113.254")
    session = bird_session(local="203.0.113.2", families=(4,)).replace("direct; passive", "passive")
    session = session.replace("  passive;", "  multihop 2; passive;").replace("gateway direct;", "")
    text = f"router id 203.0.113.2;\n{session}{bird_static({PREFIX: ''})}"
    bird = Bird(far, lab.folder, text)
    block = neighbor("203.0.113.2", families=(4,))
    daemon = Gobgpd(router, lab.folder, GLOBAL + block + exports())
    stays(lambda: bird.state("gobgpd") != "Established", "TTL 1 does not get there", for_s=2.5)
    capture = Capture(router)
    two = with_keys(block, "ebgp-multihop.config = { enabled = true, multihop-ttl = 2 }")
    daemon.reload(GLOBAL + two + exports())
    bird.wait_established("gobgpd")
    wait_routes(router, [KernelRoute(PREFIX, via="192.0.2.254", dev="eth0", metric=20)])
    sent = capture.wait_sent_by("192.0.2.1", lambda s: s.payload_octets > 0)
    assert {s.ttl for s in sent if s.destination == "203.0.113.2"} >= {2}
    assert {s.ttl for s in sent} <= {1, 2}  # 1: the first attempts, still under way


def test_ttl_min_lets_a_peer_be_a_router_away(lab: Lab) -> None:
    router, middle, far = (lab.namespace(name) for name in ("router", "middle", "far"))
    lab.connect((router, "eth0"), (middle, "left"), [("192.0.2.1/24", "192.0.2.254/24")])
    lab.connect((middle, "right"), (far, "eth0"), [("203.0.113.254/24", "203.0.113.2/24")])
    middle.set_sysctl("net.ipv4.ip_forward", 1)
    router.ip("route add 203.0.113.0/24 via 192.0.2.254")
    far.ip("route add 192.0.2.0/24 via 203.0.113.254")
    session = bird_session(local="203.0.113.2", families=(4,)).replace(
        "  direct; passive;", "  multihop 2; ttl security on; passive;"
    )
    text = f"router id 203.0.113.2;\n{session.replace('gateway direct;', '')}"
    bird = Bird(far, lab.folder, text)
    block = neighbor("203.0.113.2", families=(4,))
    strict = with_keys(block, "ttl-security.config = { enabled = true }")
    daemon = Gobgpd(router, lab.folder, GLOBAL + strict)
    stays(lambda: bird.state("gobgpd") != "Established", "255 is too much", for_s=2.5)
    one_off = with_keys(block, "ttl-security.config = { enabled = true, ttl-min = 254 }")
    daemon.reload(GLOBAL + one_off)
    bird.wait_established("gobgpd")


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
@pytest.mark.parametrize("version", [4, 6])
def test_segments_are_as_short_as_configured(lab: Lab, version: int, dials: bool) -> None:
    pair = Pair(lab)
    capture = Capture(pair.router)
    ours, theirs = (OURS, THEIRS) if version == 4 else (OURS_V6, THEIRS_V6)
    pair.start_bird({}, bird_session(local=theirs, remote=ours, dials=dials))
    block = neighbor(theirs, passive=dials)
    pair.start_daemon(with_keys(block, "transport.config.tcp-mss = 600"))
    pair.bird.wait_established("gobgpd")
    assert capture.wait_sent_by(ours, lambda s: bool(s.flags & SYN))[-1].mss == 600
    (line,) = re.findall(r"\bmss:(\d+)", pair.router.run("ss", "-tniH", "state", "established"))
    assert int(line) <= 600
    pair.reload(with_keys(block, "transport.config.tcp-mss = 0"))
    wait_until(
        lambda: capture.sent_by(ours, lambda s: bool(s.flags & SYN))[-1].mss in (1440, 1460),
        "the kernel's own again",
    )


def test_our_port_is_the_configured_one(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird({})
    pair.start_daemon(with_keys(neighbor(), "transport.config.local-port = 4179"))
    pair.bird.wait_established("gobgpd")
    assert f"{OURS}:4179" in pair.router.run("ss", "-tnH", "state", "established", "dport", "179")
    pair.reload(with_keys(neighbor(), "transport.config.local-port = 4180"))
    wait_until(
        lambda: "192.0.2.1:4180" in pair.router.run("ss", "-tnH", "state", "established"),
        "the other port is used",
    )
    pair.bird.wait_established("gobgpd")


def test_the_peers_port_is_the_configured_one(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird({}, bird_session().replace("local 192.0.2.2", "local 192.0.2.2 port 4179"))
    pair.start_daemon(with_keys(neighbor(), "transport.config.remote-port = 4179"))
    pair.bird.wait_established("gobgpd")
    assert f"{THEIRS}:4179" in pair.router.run("ss", "-tnH", "state", "established")


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
@pytest.mark.parametrize("version", [4, 6])
def test_packets_carry_the_configured_tos(lab: Lab, version: int, dials: bool) -> None:
    pair = Pair(lab)
    capture = Capture(pair.peer)
    ours, theirs = (OURS, THEIRS) if version == 4 else (OURS_V6, THEIRS_V6)
    pair.start_bird({}, bird_session(local=theirs, remote=ours, dials=dials))
    block = neighbor(theirs, passive=dials)
    pair.start_daemon(with_keys(block, "transport.config.ip-tos = 192"))
    pair.bird.wait_established("gobgpd")
    assert {s.tos for s in capture.wait_sent_by(ours, lambda s: s.payload_octets > 0)} == {192}


def test_the_source_address_is_the_configured_one(lab: Lab) -> None:
    pair = Pair(lab)
    pair.router.ip("address add 192.0.2.9/24 dev eth0")
    pair.start_bird({}, bird_session(remote="192.0.2.9"))
    pair.start_daemon(with_keys(neighbor(), 'transport.config.local-address = "192.0.2.9"'))
    pair.bird.wait_established("gobgpd")
    pair.reload(with_keys(neighbor(), 'transport.config.local-address = "192.0.2.8"'))
    wait_until(lambda: "Cannot assign requested address" in pair.daemon.log(), "we have none such")


def bound_to(block: str, interface: str) -> str:
    return with_keys(block, f'transport.config.bind-interface = "{interface}"')


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
def test_a_session_is_bound_to_its_interface(lab: Lab, dials: bool) -> None:
    """The peer's address is reached by two cables; the route says the first, the key the second."""
    router, peer = lab.namespace("router"), lab.namespace("peer")
    for number in (0, 1):
        lab.connect((router, f"eth{number}"), (peer, f"eth{number}"))
        for space in (router, peer):
            space.set_sysctl(f"net.ipv4.conf.eth{number}.rp_filter", 0)
        router.ip(f"address add 10.0.{number}.1/24 dev eth{number}")
        peer.ip(f"address add 10.0.{number}.2/24 dev eth{number}")
    peer.ip(f"address add {THEIRS}/32 dev lo")
    router.ip(f"address add {OURS}/32 dev lo")
    router.ip(f"route add {THEIRS}/32 via 10.0.0.2 dev eth0 metric 1")
    router.ip(f"route add {THEIRS}/32 via 10.0.1.2 dev eth1 metric 2")
    peer.ip(f"route add {OURS}/32 via 10.0.1.1 dev eth1")
    session = bird_session(families=(4,), dials=dials).replace("  direct;", "  multihop 2;")
    bird = Bird(peer, lab.folder, f"router id {THEIRS};\n{session.replace('gateway direct;', '')}")
    block = with_keys(
        neighbor(families=(4,), passive=dials),
        "ebgp-multihop.config.enabled = true",
        f'transport.config.local-address = "{OURS}"',
    )
    first, second = Capture(router, "eth0"), Capture(router, "eth1")
    daemon = Gobgpd(router, lab.folder, GLOBAL + bound_to(block, "eth1"))
    bird.wait_established("gobgpd")
    assert first.sent_by(OURS, lambda s: s.payload_octets > 0) == []
    assert second.wait_sent_by(OURS, lambda s: s.payload_octets > 0) != []
    assert f"{OURS}%eth1:" in router.run("ss", "-tnH", "state", "established")
    daemon.reload(GLOBAL + block)
    wait_until(lambda: first.sent_by(OURS, lambda s: s.payload_octets > 0) != [], "by the route")
    daemon.reload(GLOBAL + bound_to(block, "eth9"))
    if not dials:
        wait_until(lambda: "No such device" in daemon.log(), "there is no such interface")


def test_listening_on_one_interface_alone(lab: Lab) -> None:
    router, near, other = (lab.namespace(name) for name in ("router", "near", "other"))
    lab.connect((router, "eth0"), (near, "eth0"), [("192.0.2.1/24", "192.0.2.2/24")])
    lab.connect((router, "eth1"), (other, "eth0"), [("203.0.113.1/24", "203.0.113.2/24")])
    toml = GLOBAL + '  bind-to-device = "eth0"\n'
    toml += neighbor(passive=True) + neighbor("203.0.113.2", passive=True)
    text = "router id 192.0.2.2;\n"
    bird = Bird(near, lab.folder, text + bird_session(dials=True))
    session = bird_session(local="203.0.113.2", remote="203.0.113.1", dials=True)
    stranger = Bird(other, lab.folder, text + session, name="other")
    Gobgpd(router, lab.folder, toml)
    bird.wait_established("gobgpd")
    wait_until(lambda: "Connection refused" in stranger.command("show protocols"), "refused")


def add_link_local(pair: Pair) -> None:
    pair.router.ip("address add fe80::1/64 dev eth0 nodad")
    pair.peer.ip("address add fe80::2/64 dev eth0 nodad")


@pytest.mark.parametrize("dials", [False, True], ids=["we dial", "BIRD dials"])
@pytest.mark.parametrize("address", ["fe80::2%eth0", ""], ids=["numbered", "unnumbered"])
def test_link_local_sessions_both_ways(lab: Lab, address: str, dials: bool) -> None:
    pair = Pair(lab)
    for space in (pair.router, pair.peer):
        space.ip("address flush dev eth0 scope link")
    add_link_local(pair)
    session = bird_session(
        local="fe80::2%eth0", remote="fe80::1%eth0", families=(6,), dials=dials
    ).replace("next hop address 2001:db8::2;", "next hop address fe80::2;")
    pair.start_bird({"2001:db8:51::/48": ""}, session)
    block = neighbor(address or THEIRS, families=(6,), passive=dials)
    if not address:
        block = block.replace(f'neighbor-address = "{THEIRS}"', 'neighbor-interface = "eth0"')
    pair.start_daemon(block, exports())
    pair.bird.wait_established("gobgpd")
    wait_routes(
        pair.router,
        [KernelRoute("2001:db8:51::/48", via="fe80::2", dev="eth0", metric=20)],
        version=6,
    )
    name = address or "eth0"
    shown = pair.daemon.command(f"neighbor {name}")
    assert shown.startswith(f"BGP neighbor is {name}, remote AS 65002\n")
    assert pair.daemon.neighbor_state(name) == "Establ"
    pair.bird.stop()
    wait_until(lambda: list_prefixes(pair.router, version=6) == [], "withdrawn")
    pair.daemon.stop()


def test_an_unnumbered_peer_changes_its_address(lab: Lab) -> None:
    pair = Pair(lab)
    for space in (pair.router, pair.peer):
        space.ip("address flush dev eth0 scope link")
    add_link_local(pair)
    session = bird_session(local="fe80::2%eth0", remote="fe80::1%eth0", families=(6,))
    session = session.replace("next hop address 2001:db8::2;", "")
    pair.start_bird({}, session)
    block = neighbor(families=(6,), hold_time_s=3).replace(
        f'neighbor-address = "{THEIRS}"', 'neighbor-interface = "eth0"'
    )
    pair.start_daemon(block)
    pair.bird.wait_established("gobgpd")
    pair.bird.stop()
    pair.peer.ip("address del fe80::2/64 dev eth0")
    pair.peer.ip("address add fe80::3/64 dev eth0 nodad")
    moved = session.replace("fe80::2", "fe80::3").replace(" passive;", "")
    pair.bird.write(f"router id {THEIRS};\n{moved}")
    pair.bird.start()
    pair.bird.wait_established("gobgpd")


def wait_said(pair: Pair, text: str) -> None:
    wait_until(lambda: text in pair.bird.log.read_text(), f"BIRD logs {text}")


def wait_ends(pair: Pair, count: int) -> None:
    wait_until(
        lambda: len(pair.daemon.messages("session down")) == count, "we saw the session's end"
    )


def test_resets_and_shutdowns_by_command(lab: Lab) -> None:
    """The operator's words reach BIRD; repeated resets do not slow the peer."""
    pair = Pair(lab)
    quick = neighbor().replace("hold-time = 9", "hold-time = 9, idle-hold-time-after-reset = 1")
    pair.start_bird({PREFIX: ""})
    pair.start_daemon(quick)
    for number in range(4):
        pair.bird.wait_established("gobgpd", timeout_s=6)
        assert pair.daemon.command(f"neighbor {THEIRS} reset --reason again-{number}") == ""
        wait_said(pair, f'Administrative reset: "again-{number}"')
    pair.bird.wait_established("gobgpd")
    pair.daemon.command(f"neighbor {THEIRS} disable --reason maintenance")
    wait_said(pair, 'Administrative shutdown: "maintenance"')
    wait_until(lambda: pair.daemon.neighbor_state(THEIRS) == "Idle(Admin)", "it is down")
    pair.reload(quick)
    stays(lambda: pair.daemon.neighbor_state(THEIRS) == "Idle(Admin)", "still", for_s=1.5)
    pair.daemon.command(f"neighbor {THEIRS} enable")
    pair.bird.wait_established("gobgpd")
    assert pair.daemon.rib_prefixes() == [PREFIX]


def test_resets_by_the_peer_do_not_slow_it(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({PREFIX: ""})
    pair.daemon.wait_established(THEIRS)
    for ends in range(1, 6):
        pair.bird.command('restart gobgpd "again"')
        wait_ends(pair, ends)
        pair.bird.wait_established("gobgpd", timeout_s=5)
    reasons = {event["reason"] for event in pair.daemon.messages("session down")}
    assert reasons == {"received notification cease: administrative reset: again"}


def test_where_we_listen(lab: Lab) -> None:
    """One of two addresses, on another port."""
    pair = Pair(lab)
    pair.router.ip("address add 192.0.2.9/24 dev eth0")
    listen = GLOBAL + '  port = 1179\n  local-address-list = ["192.0.2.9"]\n'
    pair.daemon = Gobgpd(pair.router, pair.folder, listen + neighbor(passive=True))
    session = bird_session(remote="192.0.2.1 port 1179", dials=True)
    pair.start_bird({}, session)
    wait_until(
        lambda: "Connection refused" in pair.bird.command("show protocols"), "nobody listens there"
    )
    pair.bird.configure(f"router id {THEIRS};\n{session.replace('192.0.2.1', '192.0.2.9')}")
    pair.bird.wait_established("gobgpd")
    pair.reload(neighbor(passive=True))
    wait_until(lambda: pair.daemon.messages("restart gobgpd for these") != [], "it says so")
    (said,) = pair.daemon.messages("restart gobgpd for these")
    assert said["keys"] == ["global.config.port", "global.config.local-address-list"]


def test_a_network_of_dynamic_neighbors_has_one_password(lab: Lab) -> None:
    pair = Pair(lab)
    group = """
[[peer-groups]]
  config = { peer-group-name = "leaves", peer-as = 65002, auth-password = "%s" }
[[dynamic-neighbors]]
  config = { prefix = "192.0.2.0/25", peer-group = "leaves" }
"""
    pair.start_bird({}, bird_with('password "s3cret";', dials=True))
    pair.daemon = Gobgpd(pair.router, pair.folder, GLOBAL + group % "another")
    stays(lambda: pair.bird.state("gobgpd") != "Established", "no session", for_s=2.5)
    pair.daemon.reload(GLOBAL + group % "s3cret")
    pair.bird.wait_established("gobgpd")
    pair.daemon.reload(GLOBAL + group % "third")
    wait_until(lambda: pair.bird.state("gobgpd") != "Established", "the session is closed")
    stays(lambda: pair.bird.state("gobgpd") != "Established", "no session", for_s=2.5)
