"""ListPath and GetTable through gRPC, answered from real tables."""

import time
from typing import Any

import pytest
import trio

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.types.family import Family
from tests.api.conftest import Api
from tests.api.fake_daemon import FakeDaemon
from tests.api.requests import (
    ADJ_IN,
    ADJ_OUT,
    EXACT,
    GLOBAL,
    IPV4,
    IPV6,
    LONGER,
    SHORTER,
    VRF,
    list_prefixes,
)


async def test_the_global_table(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16")
    daemon.import_network("10.1.0.0/16", "eth0")
    daemon.import_network("2001:db8::/64", "eth1")

    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4)

    assert answer.destination.prefix == "10.1.0.0/16"
    first, second = answer.destination.paths
    assert (first.decision, second.decision) == ("", "")  # nobody asked for this prefix
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


async def test_a_prefix_asked_for_shows_what_decided(api: Api, daemon: FakeDaemon) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16", "10.2.0.0/16")
    daemon.import_network("10.1.0.0/16", "eth0")

    for prefix, decided in (
        ("10.1.0.0/16", ["2 local origin", "2 local origin"]),
        ("10.2.0.0/16", [""]),
    ):
        asked = [{"prefix": prefix}]
        (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4, prefixes=asked)
        assert [path.decision for path in answer.destination.paths] == decided


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
