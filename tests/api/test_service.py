"""The RPCs through gRPC, asked by grpcio's client, answered from real tables."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from gobgp_trio.api.service.methods import make_methods
from gobgp_trio.api.service.view import DaemonView
from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.message import KEEPALIVE, OPEN, UPDATE
from gobgp_trio.bgp.session.outputs import DownCause, DownReason
from gobgp_trio.config.schema import ExportRule, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.daemon import Daemon
from gobgp_trio.daemon.export_stats import ExportStats
from gobgp_trio.daemon.importer import ImportStats
from gobgp_trio.fib.resolve import NextHop
from gobgp_trio.fib.rules import TargetKey
from gobgp_trio.fib.target import Installed, Target
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import parse_prefix
from tests.api.conftest import Api
from tests.api.fake_daemon import FakeDaemon, FakeExporter, FakeImporter

IPV4 = {"afi": 1, "safi": 1}
IPV6 = {"afi": 2, "safi": 1}
GLOBAL, LOCAL, ADJ_IN, ADJ_OUT, VRF = 1, 2, 3, 4, 5
EXACT, LONGER, SHORTER = 1, 2, 3


def check_view(daemon: Daemon) -> DaemonView:
    """For the type checker: the daemon is what the service asks for."""
    return daemon


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@pytest.fixture
async def api(serve_api: Any, daemon: FakeDaemon) -> AsyncIterator[Api]:
    async with serve_api(make_methods(daemon)) as served:
        yield served
        assert served.crashes == []


def path_request(prefix: str, **more: Any) -> dict[str, Any]:
    """An AddPath request for an IPv4 route via 192.0.2.9."""
    address, _, bits = prefix.partition("/")
    path = {
        "nlri": {"prefix": {"prefix": address, "prefix_len": int(bits)}},
        "family": IPV4,
        "pattrs": [{"origin": {"origin": 0}}, {"next_hop": {"next_hop": "192.0.2.9"}}],
    }
    return {"table_type": GLOBAL, "path": path | more}


async def list_prefixes(api: Api, *prefixes: tuple[str, int], **more: Any) -> list[str]:
    lookups = [{"prefix": prefix, "type": kind} for prefix, kind in prefixes]
    request = {"table_type": GLOBAL, "family": IPV4, "prefixes": lookups} | more
    answers = await api.call("ListPath", **request)
    return [answer.destination.prefix for answer in answers]


# --- before BGP is started ---------------------------------------------------------------------


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


# --- neighbors ---------------------------------------------------------------------------------


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
        "four_octet_asn",
    ]
    assert list(peer.state.remote_cap) == []
    assert peer.timers.config.hold_time == 90
    assert not peer.timers.state.HasField("uptime")
    assert peer.transport.local_address == "0.0.0.0"
    assert [(one.state.family.afi, one.state.enabled) for one in peer.afi_safis] == [
        (1, True),
        (2, True),
    ]


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
    assert [cap.WhichOneof("cap") for cap in state.remote_cap][-1] == "four_octet_asn"
    assert state.remote_cap[-1].four_octet_asn.asn == 65002
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


# --- tables ------------------------------------------------------------------------------------


async def test_the_global_table(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16")
    daemon.import_network("10.1.0.0/16", "eth0")
    daemon.import_network("2001:db8::/64", "eth1")

    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4)

    assert answer.destination.prefix == "10.1.0.0/16"
    first, second = answer.destination.paths
    assert (first.best, second.best) == (True, False)
    assert (first.netlink.is_netlink, first.netlink.if_name) == (True, "eth0")
    assert (first.is_from_external, first.neighbor_ip, first.source_asn) == (True, "", 0)
    assert (second.neighbor_ip, second.source_asn, second.source_id) == (
        "192.0.2.2",
        65002,
        "10.0.0.2",
    )
    assert not second.HasField("netlink")
    assert [one.WhichOneof("attr") for one in second.pattrs] == [
        "origin",
        "as_path",
        "next_hop",
        "communities",
    ]
    assert (second.nlri.prefix.prefix, second.nlri.prefix.prefix_len) == ("10.1.0.0", 16)
    assert second.age.seconds == 1_795_332_934

    (ipv6,) = await api.call("ListPath", table_type=GLOBAL, family=IPV6)
    mp_reach = ipv6.destination.paths[0].pattrs[1].mp_reach
    assert (ipv6.destination.prefix, list(mp_reach.next_hops)) == ("2001:db8::/64", ["::"])


async def test_prefixes_asked_for(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    every = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.128.0/17",
        "10.1.2.0/24",
        "10.2.0.0/15",
    ]
    daemon.receive(link, *every)
    assert sorted(await list_prefixes(api)) == sorted(every)
    assert await list_prefixes(api, ("10.1.0.0/16", EXACT)) == ["10.1.0.0/16"]
    assert await list_prefixes(api, ("10.1.0.0/16", 0)) == ["10.1.0.0/16"]
    assert await list_prefixes(api, ("10.1.0.0/18", EXACT)) == []
    assert await list_prefixes(api, ("10.1.2.77", EXACT)) == ["10.1.2.0/24"]
    assert await list_prefixes(api, ("10.9.2.77", EXACT)) == ["10.0.0.0/8"]
    assert await list_prefixes(api, ("11.0.0.1", EXACT)) == ["0.0.0.0/0"]
    assert sorted(await list_prefixes(api, ("10.1.0.0/16", LONGER))) == [
        "10.1.0.0/16",
        "10.1.128.0/17",
        "10.1.2.0/24",
    ]
    assert await list_prefixes(api, ("10.2.0.0/15", LONGER)) == ["10.2.0.0/15"]
    assert await list_prefixes(api, ("10.1.128.0/17", LONGER)) == ["10.1.128.0/17"]
    assert await list_prefixes(api, ("10.1.2.0/25", SHORTER)) == [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
    ]
    both = await list_prefixes(api, ("10.1.2.0/24", EXACT), ("10.1.0.0/16", LONGER))
    assert sorted(both) == ["10.1.0.0/16", "10.1.128.0/17", "10.1.2.0/24"]


async def test_what_a_neighbor_sent_and_was_sent(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16")
    daemon.receive(link, "10.3.0.0/16", as_numbers=(65001,))
    daemon.import_network("172.16.0.0/24", "eth0")
    while link.adj_out.has_work:
        link.take_outgoing(4096)
    name = {"name": "192.0.2.2", "family": IPV4}

    received = await api.call("ListPath", table_type=ADJ_IN, enable_filtered=True, **name)
    assert [
        (one.destination.prefix, one.destination.paths[0].filtered, one.destination.paths[0].best)
        for one in received
    ] == [("10.1.0.0/16", False, False), ("10.3.0.0/16", True, False)]
    (exact,) = await api.call(
        "ListPath", table_type=ADJ_IN, prefixes=[{"prefix": "10.3.0.0/16"}], **name
    )
    assert exact.destination.paths[0].filtered is False, "it was not asked for"

    (sent,) = await api.call("ListPath", table_type=ADJ_OUT, **name)
    origin, as_path, next_hop = sent.destination.paths[0].pattrs
    assert sent.destination.prefix == "172.16.0.0/24"
    assert list(as_path.as_path.segments[0].numbers) == [65001]
    assert next_hop.next_hop.next_hop == "192.0.2.1"
    assert origin.WhichOneof("attr") == "origin"
    (found,) = await api.call(
        "ListPath", table_type=ADJ_OUT, prefixes=[{"prefix": "172.16.0.9"}], **name
    )
    assert found.destination == sent.destination

    for table_type, counts in ((ADJ_IN, (2, 2, 1)), (ADJ_OUT, (1, 1, 0))):
        answer = await api.call("GetTable", table_type=table_type, **name)
        assert (answer.num_destination, answer.num_path, answer.num_accepted) == counts


async def test_a_neighbor_without_a_session_has_empty_tables(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer(is_up=False)
    for table_type in (ADJ_IN, ADJ_OUT):
        request = {"table_type": table_type, "name": "192.0.2.2", "family": IPV4}
        assert await api.call("ListPath", **request) == []
        assert (await api.call("GetTable", **request)).num_path == 0


async def test_counts_of_the_global_table(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16", "10.2.0.0/16")
    daemon.import_network("10.1.0.0/16", "eth0")
    answer = await api.call("GetTable", table_type=GLOBAL, family=IPV4)
    assert (answer.num_destination, answer.num_path, answer.num_accepted) == (2, 3, 0)


async def test_wire_octets(api: Api, daemon: FakeDaemon) -> None:
    daemon.import_network("10.1.0.0/16", "eth0")
    request = {"table_type": GLOBAL, "family": IPV4, "enable_only_binary": True}
    (answer,) = await api.call("ListPath", **request)
    (path,) = answer.destination.paths
    assert path.nlri_binary == bytes((16, 10, 1))
    assert [octets.hex() for octets in path.pattrs_binary] == [
        "40010100",
        "400200",
        "40030400000000",
    ]
    assert not path.HasField("nlri")
    assert len(path.pattrs) == 0


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        ({"family": IPV4}, "UNKNOWN", "unspecified table type"),
        ({"table_type": GLOBAL}, "UNKNOWN", "address family: AFI 0 SAFI 0 not supported"),
        (
            {"table_type": GLOBAL, "family": {"afi": 1, "safi": 128}},
            "UNKNOWN",
            "address family: l3vpn-ipv4-unicast not supported",
        ),
        (
            {"table_type": ADJ_IN, "family": IPV4, "name": "192.0.2.77"},
            "UNKNOWN",
            "neighbor that has 192.0.2.77 doesn't exist",
        ),
        ({"table_type": VRF, "family": IPV4}, "UNIMPLEMENTED", "table type VRF not implemented"),
        ({"table_type": 99, "family": IPV4}, "UNIMPLEMENTED", "table type 99 not implemented"),
        (
            {"table_type": GLOBAL, "family": IPV4, "name": "x"},
            "UNKNOWN",
            "wanted no name for the global table, found 'x'",
        ),
        (
            {"table_type": GLOBAL, "family": IPV4, "prefixes": [{"prefix": "2001:db8::/32"}]},
            "UNKNOWN",
            "2001:db8::/32 is no prefix of ipv4-unicast",
        ),
        (
            {"table_type": GLOBAL, "family": IPV4, "prefixes": [{"prefix": "10.0.0.0/33"}]},
            "UNKNOWN",
            "wanted a prefix like 10.0.0.0/8, found '10.0.0.0/33'",
        ),
    ],
)
async def test_tables_that_cannot_be_listed(
    api: Api, request_: dict[str, Any], status: str, text: str
) -> None:
    assert await api.refusal("ListPath", **request_) == (status, text)


async def test_get_table_without_a_type(api: Api) -> None:
    assert await api.refusal("GetTable", family=IPV4) == (
        "INVALID_ARGUMENT",
        "unspecified table type",
    )


# --- local paths -------------------------------------------------------------------------------


async def test_a_path_is_added_shown_and_deleted_by_identity(api: Api) -> None:
    attributes = [
        {"origin": {"origin": 2}},
        {"as_path": {"segments": [{"type": 2, "numbers": [65010, 65020]}]}},
        {"next_hop": {"next_hop": "192.0.2.9"}},
        {"multi_exit_disc": {"med": 100}},
        {"local_pref": {"local_pref": 200}},
        {"atomic_aggregate": {}},
        {"aggregator": {"asn": 65010, "address": "192.0.2.10"}},
        {"communities": {"communities": [4259905636, 4294967041]}},
        {"originator_id": {"id": "192.0.2.11"}},
        {"cluster_list": {"ids": ["192.0.2.12", "192.0.2.13"]}},
        {
            "extended_communities": {
                "communities": [
                    {"two_octet_as_specific": {"is_transitive": True, "sub_type": 2, "asn": 65001}},
                    {"ipv4_address_specific": {"sub_type": 3, "address": "192.0.2.1"}},
                    {"four_octet_as_specific": {"is_transitive": True, "asn": 70000}},
                    {"link_bandwidth": {"asn": 65001, "bandwidth": 125000.0}},
                    {"validation": {"state": 1}},
                    {"color": {"color": 7}},
                    {"encap": {"tunnel_type": 8}},
                    {"default_gateway": {}},
                    {"opaque": {"is_transitive": True, "value": b"\x77123456"}},
                    {"unknown": {"type": 0x80, "value": b"1234567"}},
                ]
            }
        },
        {
            "large_communities": {
                "communities": [{"global_admin": 65001, "local_data1": 1, "local_data2": 2}]
            }
        },
        {"unknown": {"flags": 0xC0, "type": 99, "value": b"abc"}},
    ]
    added = await api.call("AddPath", **path_request("10.5.0.0/16", pattrs=attributes))
    assert len(added.uuid) == 16
    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4)
    (path,) = answer.destination.paths
    given = api.client.message("Path")(pattrs=attributes)
    given.pattrs[-1].unknown.flags = 0xE0  # partial: we do not know it
    assert list(path.pattrs) == list(given.pattrs)
    assert (path.uuid, path.source_asn, path.is_from_external) == (b"", 0, False)

    await api.call("DeletePath", table_type=GLOBAL, uuid=added.uuid)
    assert await api.call("ListPath", table_type=GLOBAL, family=IPV4) == []
    assert await api.refusal("DeletePath", table_type=GLOBAL, uuid=added.uuid) == (
        "UNKNOWN",
        "can't find a specified path",
    )


async def test_an_ipv6_path(api: Api) -> None:
    path = {
        "nlri": {"prefix": {"prefix": "2001:db8:1::", "prefix_len": 48}},
        "family": IPV6,
        "pattrs": [
            {"origin": {"origin": 0}},
            {"mp_reach": {"family": IPV6, "next_hops": ["2001:db8::9", "fe80::9"]}},
        ],
    }
    await api.call("AddPath", table_type=GLOBAL, path=path)
    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV6)
    _, mp_reach = answer.destination.paths[0].pattrs
    assert list(mp_reach.mp_reach.next_hops) == ["2001:db8::9", "fe80::9"]
    assert mp_reach.mp_reach.nlris[0].prefix.prefix == "2001:db8:1::"


async def test_a_path_in_wire_octets(api: Api) -> None:
    path = {
        "family": IPV6,
        "nlri_binary": bytes.fromhex("20 20010db8"),
        "pattrs_binary": [
            bytes.fromhex("40010102"),
            bytes.fromhex("400206 0201 0000fde9"),
            bytes.fromhex("900e001a 0002 01 10 20010db8000000000000000000000009 00 20 20010db8"),
        ],
    }
    await api.call("AddPath", table_type=GLOBAL, path=path)
    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV6)
    origin, as_path, mp_reach = answer.destination.paths[0].pattrs
    assert answer.destination.prefix == "2001:db8::/32"
    assert origin.origin.origin == 2
    assert list(as_path.as_path.segments[0].numbers) == [65001]
    assert list(mp_reach.mp_reach.next_hops) == ["2001:db8::9"]


async def test_paths_are_deleted_by_prefix_and_all_at_once(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.0.0.0/16")
    added = [await api.call("AddPath", **path_request(f"10.{n}.0.0/16")) for n in range(4)]
    assert len(daemon.speaker.rib.tables[Family.IPV4_UNICAST].find(bytes((16, 10, 0)))) == 2
    request = path_request("10.1.0.0/16")
    await api.call("DeletePath", **request, family=IPV4)
    await api.call("DeletePath", **request)  # again: no error
    assert sorted(await list_prefixes(api)) == ["10.0.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]

    await api.call("DeletePath", table_type=GLOBAL, family=IPV6)
    assert len(await list_prefixes(api)) == 3
    await api.call("DeletePath", table_type=GLOBAL, family=IPV4)
    assert await list_prefixes(api) == ["10.0.0.0/16"], "the neighbor's"
    assert await api.refusal("DeletePath", uuid=added[3].uuid) == (
        "UNKNOWN",
        "can't find a specified path",
    )


async def test_a_path_added_again_has_a_new_identity(api: Api) -> None:
    first = await api.call("AddPath", **path_request("10.1.0.0/16"))
    second = await api.call("AddPath", **path_request("10.1.0.0/16"))
    assert (await api.refusal("DeletePath", uuid=first.uuid))[0] == "UNKNOWN"
    await api.call("DeletePath", uuid=second.uuid)
    assert await list_prefixes(api) == []


async def test_add_path_with_a_withdrawal(api: Api) -> None:
    await api.call("AddPath", **path_request("10.1.0.0/16"))
    await api.call("AddPath", **path_request("10.1.0.0/16", is_withdraw=True))
    assert await list_prefixes(api) == []


async def test_equal_attributes_are_one_object(api: Api, daemon: FakeDaemon) -> None:
    for number in (1, 2):
        await api.call("AddPath", **path_request(f"10.{number}.0.0/16"))
    table = daemon.speaker.rib.tables[Family.IPV4_UNICAST]
    first, second = (table.find_best(bytes((16, 10, number))) for number in (1, 2))
    assert first is not None
    assert second is not None
    assert first.attributes is second.attributes


ORIGIN = {"origin": {"origin": 0}}
NEXT_HOP = {"next_hop": {"next_hop": "192.0.2.9"}}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pattrs": [NEXT_HOP]}, "ORIGIN is missing"),
        ({"pattrs": [ORIGIN]}, "next hop attribute is missing"),
        ({"pattrs": [ORIGIN, NEXT_HOP, ORIGIN]}, "ORIGIN: appears again"),
        ({"pattrs": [ORIGIN, NEXT_HOP, NEXT_HOP]}, "more than one next hop attribute"),
        ({"pattrs": [ORIGIN, NEXT_HOP, {"aigp": {}}]}, "attribute aigp not supported"),
        ({"pattrs": [ORIGIN, NEXT_HOP, {}]}, "attribute without a value not supported"),
        ({"pattrs": [{"origin": {"origin": 3}}, NEXT_HOP]}, "ORIGIN: origin 3 is undefined"),
        (
            {"pattrs": [ORIGIN, {"next_hop": {"next_hop": "nonsense"}}]},
            "next hop: wanted an IP address, found 'nonsense'",
        ),
        (
            {"pattrs": [ORIGIN, {"next_hop": {"next_hop": "224.0.0.1"}}]},
            "next hop 224.0.0.1 is no host's address",
        ),
        (
            {"pattrs": [ORIGIN, {"mp_reach": {"next_hops": ["2001:db8::1"]}}]},
            "next hop 2001:db8::1 is no address of ipv4-unicast",
        ),
        (
            {"pattrs": [ORIGIN, NEXT_HOP, {"originator_id": {"id": "::1"}}]},
            "attribute originator_id: wanted an IPv4 address, found '::1'",
        ),
        (
            {
                "pattrs": [
                    ORIGIN,
                    NEXT_HOP,
                    {"extended_communities": {"communities": [{"etree": {}}]}},
                ]
            },
            "attribute extended_communities: extended community etree not supported",
        ),
        ({"nlri": {}}, "nlri: wanted a prefix, found nothing"),
        (
            {"nlri": {"prefix": {"prefix": "10.0.0.0", "prefix_len": 33}}},
            "nlri: 10.0.0.0/33 is no prefix of ipv4-unicast",
        ),
        (
            {"nlri": {"prefix": {"prefix": "2001:db8::", "prefix_len": 32}}},
            "nlri: 2001:db8::/32 is no prefix of ipv4-unicast",
        ),
        ({"nlri_binary": b"\x08\x0a\x08\x0b"}, "nlri_binary: wanted one prefix, found 2"),
        ({"nlri_binary": b"\x21\1\1\1\1\1"}, "nlri_binary: prefix of length 33 at octet 0 of 6"),
        ({"pattrs_binary": [b"\x40\1"]}, "pattrs_binary: wanted an attribute, found 2 octets"),
        ({"pattrs_binary": [b"\x40\1\2\0"]}, "pattrs_binary: the length of ORIGIN is wrong"),
        (
            {"pattrs_binary": [b"\x80\x0e\x05\0\1\1\4\0"]},
            "pattrs_binary: MP_REACH_NLRI is cut off",
        ),
        ({"source_asn": 65001}, "source_asn without source_id"),
        ({"family": {"afi": 25, "safi": 70}}, "address family: AFI 25 SAFI 70 not supported"),
    ],
)
async def test_paths_that_are_refused(api: Api, changes: dict[str, Any], text: str) -> None:
    assert await api.refusal("AddPath", **path_request("10.1.0.0/16", **changes)) == (
        "UNKNOWN",
        text,
    )
    assert await list_prefixes(api) == []


async def test_no_path_at_all(api: Api) -> None:
    assert await api.refusal("AddPath", table_type=GLOBAL) == (
        "INVALID_ARGUMENT",
        "path is missing",
    )
    assert (await api.refusal("AddPath", table_type=VRF, vrf_id="red"))[0] == "UNIMPLEMENTED"


# --- netlink -----------------------------------------------------------------------------------


async def test_netlink_that_is_off(api: Api) -> None:
    status = await api.call("GetNetlink")
    assert (status.import_enabled, status.export_enabled, status.vrf) == (False, False, "")
    import_off = ("UNKNOWN", "netlink import is not enabled")
    export_off = ("UNKNOWN", "netlink export is not enabled")
    assert await api.refusal("GetNetlinkImportStats") == import_off
    for rpc in (
        "ListNetlinkExport",
        "ListNetlinkExportRules",
        "GetNetlinkExportStats",
        "FlushNetlinkExport",
    ):
        assert await api.refusal(rpc) == export_off


async def test_netlink_settings_and_counters(api: Api, daemon: FakeDaemon) -> None:
    rules = (
        ExportRule(
            "customer-a",
            (65000 << 16 | 100, 0xFFFFFF01),
            ((65000, 1, 100),),
            vrf="red",
            table_id=100,
            metric=30,
            validate_nexthop=False,
        ),
        ExportRule("all"),
    )
    netlink = daemon.netlink
    netlink.import_settings = NetlinkImport(enabled=True, interface_list=("eth0", "vlan*"))
    netlink.export_settings = NetlinkExport(enabled=True, dampening_s=0.25, rules=rules)
    netlink.importer = FakeImporter(ImportStats(42, 3, 1, 1700000000, 1700000100, 1700000200, "no"))
    netlink.exporter = FakeExporter(
        ExportStats(40, 5, 2, 0, 1700000000, 1700000100, 1700000200, "network is unreachable"),
        dampened_count=7,
    )
    netlink.exporter.planner.attempts_count = 44
    netlink.exporter.planner.failures_count = 4

    status = await api.call("GetNetlink")
    assert (status.import_enabled, status.export_enabled) == (True, True)
    assert list(status.interfaces) == ["eth0", "vlan*"]
    assert (status.dampening_interval, status.route_protocol) == (250, 186)

    imports = await api.call("GetNetlinkImportStats")
    assert (imports.imported, imports.withdrawn, imports.errors) == (42, 3, 1)
    assert (imports.last_import_time, imports.last_withdraw_time) == (1700000000, 1700000100)
    assert (imports.last_error_time, imports.last_error_msg) == (1700000200, "no")

    exports = await api.call("GetNetlinkExportStats")
    assert (exports.exported, exports.withdrawn, exports.errors) == (40, 5, 2)
    assert (exports.nexthop_validation_attempts, exports.nexthop_validation_failures) == (44, 4)
    assert exports.dampened_updates == 7
    assert (exports.last_export_time, exports.last_withdraw_time) == (1700000000, 1700000100)
    assert (exports.last_error_time, exports.last_error_msg) == (
        1700000200,
        "network is unreachable",
    )

    first, second = (await api.call("ListNetlinkExportRules")).rules
    assert (first.name, first.vrf, first.table_id, first.metric) == ("customer-a", "red", 100, 30)
    assert list(first.community_list) == ["65000:100", "65535:65281"]
    assert list(first.large_community_list) == ["65000:1:100"]
    assert (first.validate_nexthop, second.validate_nexthop) == (False, True)
    assert (second.table_id, second.metric, list(second.community_list)) == (254, 20, [])

    await api.call("FlushNetlinkExport")
    assert netlink.exporter.flushes == 1


async def test_exported_routes(api: Api, daemon: FakeDaemon) -> None:
    exporter = daemon.netlink.exporter = FakeExporter()

    def install(key: TargetKey, prefix: str, rules: tuple[str, ...], exported_at_s: float) -> None:
        family, nlri = parse_prefix(prefix)
        target = exporter.planner.targets.setdefault((key, family), Target(key, family))
        hop = NextHop(key.table_id, bytes((192, 0, 2, 9)), 0, validate=True)
        target.installed[nlri] = Installed(hop, (), rules, exported_at_s)

    main, red = TargetKey("", 254, 20), TargetKey("", 100, 30, "red")
    install(main, "10.1.0.0/16", ("all", "more"), 1700000000.7)
    install(main, "10.2.0.0/16", ("all",), 0.0)  # the kernel has not answered yet
    install(red, "10.3.0.0/16", ("customer-a",), 1700000100.0)
    install(TargetKey("", 254, 0), "2001:db8::/32", ("all",), 1700000200.0)

    def row(answer: Any) -> tuple[Any, ...]:
        route = answer.route
        assert list(route.nexthops) == [route.nexthop] == ["192.0.2.9"]
        return route.prefix, route.vrf, route.table_id, route.metric, route.rule_name

    answers = await api.call("ListNetlinkExport")
    assert [row(answer) for answer in answers] == [
        ("10.1.0.0/16", "", 254, 20, "all"),
        ("10.1.0.0/16", "", 254, 20, "more"),
        ("10.3.0.0/16", "red", 100, 30, "customer-a"),
        ("2001:db8::/32", "", 254, 1024, "all"),
    ]
    assert answers[0].route.exported_at == 1700000000
    only_red = await api.call("ListNetlinkExport", vrf="red")
    assert [answer.route.prefix for answer in only_red] == ["10.3.0.0/16"]
    assert await api.call("ListNetlinkExport", vrf="blue") == []


# --- much ----------------------------------------------------------------------------------------


async def test_a_large_table_while_others_run(
    api: Api, daemon: FakeDaemon, record_property: Any
) -> None:
    """20,000 routes; how long it takes and how long others waited is recorded, not judged."""
    speaker = daemon.speaker
    for group in range(200):
        attributes = make_attributes(
            origin=0, next_hop=bytes((192, 0, 2, 9)), as_path=[(2, (65002, group + 1))]
        )
        nlris = [bytes((24, 10, group, number)) for number in range(100)]
        speaker.rib.announce(speaker.local, Family.IPV4_UNICAST, attributes, nlris, 1.0)
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            before_s = time.perf_counter()
            await trio.lowlevel.checkpoint()
            longest_s = max(longest_s, time.perf_counter() - before_s)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        began_s = time.perf_counter()
        answers = await api.call("ListPath", table_type=GLOBAL, family=IPV4)
        record_property("seconds", time.perf_counter() - began_s)
        nursery.cancel_scope.cancel()
    record_property("longest_turn_s", longest_s)
    assert len({answer.destination.prefix for answer in answers}) == 20_000
