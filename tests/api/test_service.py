"""The RPCs through gRPC, asked by grpcio's client: BGP itself and its neighbors."""

from dataclasses import replace
from typing import Any

from gobgp_trio.api.service.methods import make_methods
from gobgp_trio.api.service.view import DaemonView
from gobgp_trio.bgp.message import KEEPALIVE, OPEN, UPDATE
from gobgp_trio.bgp.session.outputs import DownCause, DownReason
from gobgp_trio.config.schema import PrefixLimit, SelectionOptions
from gobgp_trio.daemon.daemon import Daemon
from gobgp_trio.types.family import Family
from gobgp_trio.types.sending import PrivateAs, SendCommunity
from tests.api.conftest import Api
from tests.api.fake_daemon import FakeDaemon
from tests.api.requests import GLOBAL, IPV4, path_request


def check_view(daemon: Daemon) -> DaemonView:
    """For the type checker: the daemon is what the service asks for."""
    return daemon


async def test_before_bgp_is_started(serve_api: Any) -> None:
    async with serve_api(make_methods(FakeDaemon(is_started=False))) as api:
        answer = await api.call("GetBgp")
        assert (getattr(answer, "global").asn, getattr(answer, "global").router_id) == (
            0,
            "invalid IP",
        )
        assert await api.call("ListPeer") == []
        assert (await api.call("GetNetlink")).import_enabled is False
        not_started = ("UNKNOWN", "bgp server hasn't started yet")
        for rpc in ("ListPath", "GetTable"):
            assert await api.refusal(rpc, table_type=GLOBAL, family=IPV4) == not_started
        assert await api.refusal("AddPath", **path_request("10.0.0.0/8")) == not_started
        assert await api.refusal("DeletePath", table_type=GLOBAL) == not_started


async def test_get_bgp(api: Api) -> None:
    found = getattr(await api.call("GetBgp"), "global")
    assert (found.asn, found.router_id, found.listen_port) == (65001, "10.0.0.1", 179)
    assert list(found.listen_addresses) == ["0.0.0.0", "::"]
    assert not found.HasField("route_selection_options")


async def test_get_bgp_says_which_selection_options_are_in_force(
    api: Api, daemon: FakeDaemon
) -> None:
    assert daemon.config.global_ is not None
    options = SelectionOptions(ignore_as_path_length=True)
    daemon.config = replace(
        daemon.config, global_=replace(daemon.config.global_, selection=options)
    )
    found = getattr(await api.call("GetBgp"), "global").route_selection_options
    assert (
        found.always_compare_med,
        found.ignore_as_path_length,
        found.external_compare_router_id,
    ) == (False, True, False)


async def test_a_neighbor_that_is_not_up(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer(is_up=False)
    daemon.peers.peers["192.0.2.2"].is_admin_down = True
    (answer,) = await api.call("ListPeer")
    peer = answer.peer
    assert (peer.conf.neighbor_address, peer.conf.peer_asn, peer.conf.local_asn) == (
        "192.0.2.2",
        65002,
        65001,
    )
    assert (peer.conf.type, peer.conf.description) == (2, "peer two")
    assert (peer.state.session_state, peer.state.admin_state) == (3, 2)
    assert peer.state.router_id == "invalid IP"
    assert [cap.WhichOneof("cap") for cap in peer.state.local_cap] == [
        "multi_protocol",
        "multi_protocol",
        "route_refresh",
        "extended_nexthop",
        "extended_message",
        "four_octet_asn",
        "enhanced_route_refresh",
        "fqdn",
    ]
    assert list(peer.state.remote_cap) == []
    assert peer.timers.config.hold_time == 90
    assert not peer.timers.state.HasField("uptime")
    assert peer.transport.local_address == "0.0.0.0"
    assert [(one.state.family.afi, one.state.enabled) for one in peer.afi_safis] == [
        (1, True),
        (2, True),
    ]


async def test_what_is_configured_of_a_neighbor(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer(is_up=False)
    peer = daemon.peers.peers["192.0.2.2"]
    (answer,) = await api.call("ListPeer")
    conf = answer.peer.conf
    assert (conf.peer_group, conf.remove_private, conf.send_community) == ("", 0, 2)
    assert (conf.allow_own_asn, conf.replace_peer_asn) == (0, False)
    assert answer.peer.route_reflector.route_reflector_cluster_id == "invalid IP"
    peer.neighbor = replace(
        peer.neighbor,
        peer_group="leaves",
        remove_private_as=PrivateAs.REPLACE,
        send_community=SendCommunity.NONE,
        allow_own_as=3,
        replace_peer_as=True,
        allow_loop_local=True,
        is_reflector_client=True,
        cluster_id=bytes((1, 2, 3, 4)),
        prefix_limits=(PrefixLimit(Family.IPV6_UNICAST, 100, 80),),
    )
    peer.is_over_limit = True
    (answer,) = await api.call("ListPeer")
    conf = answer.peer.conf
    assert (conf.peer_group, conf.remove_private, conf.send_community) == ("leaves", 2, 3)
    assert (conf.allow_own_asn, conf.replace_peer_asn) == (3, True)
    assert conf.allow_aspath_loop_local
    reflector = answer.peer.route_reflector
    assert reflector.route_reflector_client
    assert reflector.route_reflector_cluster_id == "1.2.3.4"
    limits = [one.prefix_limits for one in answer.peer.afi_safis]
    assert [(one.max_prefixes, one.shutdown_threshold_pct) for one in limits] == [(0, 0), (100, 80)]
    assert answer.peer.state.admin_state == 3
    assert answer.peer.state.peer_group == "leaves"


async def test_an_established_neighbor(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16", "10.2.0.0/16")
    daemon.receive(link, "10.3.0.0/16", as_numbers=(65001,))
    daemon.import_network("172.16.0.0/24", "eth0")
    while link.adj_out.has_work:
        link.take_outgoing(4096)
    stats = daemon.peers.peers["192.0.2.2"].stats
    stats.received = {OPEN: 1, UPDATE: 3, KEEPALIVE: 2}
    stats.sent = {OPEN: 1, KEEPALIVE: 4}
    stats.flops = 2
    stats.established_at_s = 1_795_332_937.5
    stats.down_at_s = 1_795_332_000.0
    stats.down_reason = DownReason(DownCause.HOLD_TIMER_EXPIRED, "hold timer expired")

    (answer,) = await api.call("ListPeer", address="192.0.2.2", enable_advertised=True)

    state, timers = answer.peer.state, answer.peer.timers.state
    assert (state.session_state, state.admin_state, state.router_id) == (6, 1, "10.0.0.2")
    received, sent = state.messages.received, state.messages.sent
    assert (received.open, received.update, received.keepalive, received.total) == (1, 3, 2, 6)
    assert (sent.open, sent.keepalive, sent.total) == (1, 4, 5)
    assert state.flops == 2
    assert [cap.WhichOneof("cap") for cap in state.remote_cap] == [
        "multi_protocol",
        "multi_protocol",
        "route_refresh",
        "extended_nexthop",
        "extended_message",
        "four_octet_asn",
        "enhanced_route_refresh",
    ]
    assert state.remote_cap[-2].four_octet_asn.asn == 65002
    assert (state.disconnect_reason, state.disconnect_message) == (2, "hold timer expired")
    assert (state.ipv4_nexthop, state.ipv6_nexthop) == ("192.0.2.1", "")
    assert (timers.negotiated_hold_time, timers.keepalive_interval) == (90, 30)
    assert (timers.uptime.seconds, timers.downtime.seconds) == (1_795_332_937, 1_795_332_000)
    assert answer.peer.transport.local_address == "192.0.2.1"
    ipv4 = answer.peer.afi_safis[0].state
    assert (ipv4.received, ipv4.accepted, ipv4.advertised) == (3, 2, 1)
    (plain,) = await api.call("ListPeer")
    assert plain.peer.afi_safis[0].state.advertised == 0


async def test_a_neighbor_that_does_not_exist(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer()
    assert await api.call("ListPeer", address="192.0.2.77") == []
    assert await api.call("ListPeer", address="eth0") == []
