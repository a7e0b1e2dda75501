"""Keys that no other test here changes by SIGHUP, each with what is seen of it outside."""

import shutil

from harness.kernel import KernelRoute, list_prefixes, wait_routes
from harness.namespace import Lab
from harness.packets import Capture
from harness.pair import (
    GLOBAL,
    OURS,
    THEIRS,
    Pair,
    bird_session,
    exports,
    neighbor,
    rule,
)
from harness.wait import stays, wait_until

V4, OTHER = "198.51.100.0/24", "203.0.113.0/24"
LARGE = "bgp_large_community.add((65000,1,1));"
KEEPALIVE_OCTETS = 19


def ours(prefix: str, via: str = THEIRS) -> KernelRoute:
    return KernelRoute(prefix, via=via, dev="eth0", metric=20)


def with_keys(block: str, *lines: str) -> str:
    """A ``[[neighbors]]`` block with more keys, which stand before its families."""
    head, families, rest = block.partition("  [[neighbors.afi-safis]]")
    return head + "".join(f"  {line}\n" for line in lines) + families + rest


def test_what_needs_a_restart_is_named_and_seen_after_it(lab: Lab) -> None:
    pair = Pair(lab)
    session = bird_session().replace(f"neighbor {OURS} as 65001", f"neighbor {OURS} external")
    pair.start_bird({V4: ""}, session)
    pair.start_daemon(exports())
    pair.bird.wait_established("gobgpd")
    assert "Neighbor AS:      65001" in pair.bird.command("show protocols all gobgpd")
    assert f"Neighbor ID:      {OURS}" in pair.bird.command("show protocols all gobgpd")
    changed = GLOBAL.replace("65001", "65011").replace(OURS, "192.0.2.111")
    toml = changed + '  bind-to-device = "lo"\n' + neighbor(passive=True) + exports()
    pair.daemon.reload(toml)
    wait_until(lambda: pair.daemon.messages("restart gobgpd for these"), "the reload is done")
    (said,) = pair.daemon.messages("restart gobgpd for these")
    assert said["keys"] == [
        "global.config.as",
        "global.config.router-id",
        "global.config.bind-to-device",
    ]
    pair.daemon.stop()
    pair.daemon.configuration.write_text(
        toml.replace("passive-mode = true", "passive-mode = false")
    )
    pair.daemon.start()
    pair.bird.wait_established("gobgpd")
    assert "Neighbor AS:      65011" in pair.bird.command("show protocols all gobgpd")
    assert "Neighbor ID:      192.0.2.111" in pair.bird.command("show protocols all gobgpd")
    assert "%lo:179" in pair.router.run("ss", "-tlnH")


def test_port_of_the_peer_type_of_service_and_who_dials(lab: Lab) -> None:
    pair = Pair(lab)
    session = bird_session().replace(f"local {THEIRS}", f"local {THEIRS} port 4179")
    pair.start_bird({}, session)
    capture = Capture(pair.peer)
    pair.start_daemon(with_keys(neighbor(), "transport.config.ip-tos = 32"))
    wait_until(lambda: "Connection refused" in pair.daemon.log(), "nobody listens on port 179")
    elsewhere = "transport.config.remote-port = 4179"
    pair.reload(with_keys(neighbor(), elsewhere, "transport.config.ip-tos = 32"))
    pair.bird.wait_established("gobgpd")

    def last_tos() -> int:
        return capture.sent_by(OURS, lambda s: s.payload_octets > 0)[-1].tos

    assert last_tos() == 32
    pair.reload(with_keys(neighbor(), elsewhere, "transport.config.ip-tos = 192"))
    wait_until(lambda: last_tos() == 192, "the new one is on the wire")
    pair.reload(with_keys(neighbor(passive=True), elsewhere))
    wait_until(lambda: pair.bird.state("gobgpd") != "Established", "the session has ended")
    stays(lambda: pair.bird.state("gobgpd") != "Established", "nobody dials", for_s=3.0)
    pair.reload(with_keys(neighbor(), elsewhere))
    pair.bird.wait_established("gobgpd")


def test_interface_of_an_unnumbered_neighbor(lab: Lab) -> None:
    pair = Pair(lab)
    for space, address in ((pair.router, "fe80::1"), (pair.peer, "fe80::2")):
        space.ip("address flush dev eth0 scope link")
        space.ip(f"address add {address}/64 dev eth0 nodad")
    session = bird_session(local="fe80::2%eth0", remote="fe80::1%eth0", families=(6,))
    pair.start_bird({}, session.replace("next hop address 2001:db8::2;", ""))

    def at(interface: str) -> str:
        by_address, by_interface = f'neighbor-address = "{THEIRS}"', f'"{interface}"'
        return neighbor(families=(6,)).replace(by_address, f"neighbor-interface = {by_interface}")

    pair.start_daemon(at("lo"))
    stays(lambda: pair.bird.state("gobgpd") != "Established", "nobody there", for_s=2.0)
    pair.reload(at("eth0"))
    pair.bird.wait_established("gobgpd")
    assert pair.daemon.neighbor_state("lo") == ""


def test_pace_of_keepalives_and_label(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({})
    sessions = len(pair.daemon.messages("session established"))
    block = neighbor().replace("peer-as", 'description = "upstream", peer-as')
    pair.reload(block.replace("hold-time = 9", "hold-time = 9, keepalive-interval = 1"))
    wait_until(
        lambda: '"upstream"' in pair.daemon.command("-j neighbor"),
        "the label is shown",
    )
    assert len(pair.daemon.messages("session established")) == sessions
    pair.bird.command("restart gobgpd")
    wait_until(
        lambda: len(pair.daemon.messages("session established")) > sessions, "the next session"
    )
    capture = Capture(pair.peer)
    wait_until(
        lambda: len(capture.sent_by(OURS, lambda s: s.payload_octets == KEEPALIVE_OCTETS)) >= 4,
        "four keepalives within the time for two",
        timeout_s=6.0,
    )


def test_large_communities_validation_and_dampening(lab: Lab) -> None:
    pair = Pair(lab)
    unreachable = "bgp_next_hop = 10.99.0.1;"
    pair.start({V4: LARGE, OTHER: unreachable}, exports(rule(large_community_list=["65000:1:2"])))
    stays(lambda: list_prefixes(pair.router) == [], "nothing matches", for_s=1.0)
    pair.reload(exports(rule(large_community_list=["65000:1:1"])))
    wait_routes(pair.router, [ours(V4)])
    pair.reload(exports())
    wait_until(lambda: pair.daemon.rib_prefixes() == [V4, OTHER], "both are known")
    stays(lambda: list_prefixes(pair.router) == [V4], "one has no next hop", for_s=1.0)
    assert pair.daemon.messages("kernel refused") == []
    pair.reload(exports(rule(validate_nexthop=False)))
    wait_until(lambda: len(pair.daemon.messages("kernel refused")) == 1, "the kernel was asked")
    pair.reload(exports(rule(validate_nexthop=True), dampening_interval=60_000))
    pair.announce({V4: LARGE, "192.0.3.0/24": ""})
    wait_until(lambda: "192.0.3.0/24" in pair.daemon.rib_prefixes(), "a new one is known")
    stays(lambda: list_prefixes(pair.router) == [V4], "and waits to be quiet", for_s=1.5)
    pair.reload(exports())
    wait_until(lambda: "192.0.3.0/24" in list_prefixes(pair.router), "it does not wait any more")
    pair.announce({V4: LARGE, OTHER: unreachable})
    wait_until(lambda: list_prefixes(pair.router) == [V4], "as in the beginning")
    before = pair.daemon.command("netlink export stats")
    pair.reload(exports(rule(skip_nexthop_validation=True)))
    wait_until(
        lambda: pair.daemon.command("netlink export stats") != before, "the kernel was asked again"
    )


def test_a_protocol_number_that_another_daemon_uses(lab: Lab) -> None:
    pair = Pair(lab)
    zebra = lab.folder / "zebra"
    shutil.copy("/bin/sleep", zebra)
    pair.router.popen(zebra, "600")
    pair.start({V4: ""}, exports(route_protocol=200))
    other = KernelRoute(V4, via=THEIRS, dev="eth0", metric=20, protocol=200)
    wait_routes(pair.router, [other], protocol=200)
    pair.reload(exports())
    wait_until(lambda: pair.daemon.messages("config not changed"), "refused")
    assert "zebra" in pair.daemon.messages("config not changed")[0]["problem"]
    wait_routes(pair.router, [other], protocol=200)
    pair.reload(exports(allow_shared_protocol=True))
    wait_routes(pair.router, [ours(V4)])
