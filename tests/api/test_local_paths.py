"""AddPath and DeletePath through gRPC, into real tables."""

from typing import Any

import pytest

from gobgp_trio.types.family import Family
from tests.api.conftest import Api
from tests.api.fake_daemon import FakeDaemon
from tests.api.requests import GLOBAL, IPV4, IPV6, VRF, list_prefixes, path_request

EVERY_ATTRIBUTE: list[dict[str, Any]] = [
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
        "ip6_extended_communities": {
            "communities": [
                {
                    "ipv6_address_specific": {
                        "is_transitive": True,
                        "sub_type": 2,
                        "address": "2001:db8::1",
                        "local_admin": 100,
                    }
                },
                {"ipv6_address_specific": {"sub_type": 3, "address": "2001:db8::2"}},
            ]
        }
    },
    {
        "aigp": {
            "tlvs": [
                {"igp_metric": {"metric": 2**64 - 1}},
                {"unknown": {"type": 9, "value": b"abc"}},
                {"unknown": {"type": 8}},
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


async def test_a_path_is_added_shown_and_deleted_by_identity(api: Api) -> None:
    added = await api.call("AddPath", **path_request("10.5.0.0/16", pattrs=EVERY_ATTRIBUTE))
    assert len(added.uuid) == 16
    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4)
    (path,) = answer.destination.paths
    given = api.client.message("Path")(pattrs=EVERY_ATTRIBUTE)
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


@pytest.mark.parametrize(
    "attributes",
    [
        {"pattrs": [{"origin": {}}, {"mp_reach": {"next_hops": ["2001:db8::9", "fe80::9"]}}]},
        {
            "pattrs_binary": [
                bytes.fromhex("40010100"),
                bytes.fromhex(
                    "800e25 0001 01 20 20010db8000000000000000000000009"
                    "fe800000000000000000000000000009 00"
                ),
            ]
        },
    ],
    ids=["fields", "octets"],
)
async def test_an_ipv4_path_with_an_ipv6_next_hop(api: Api, attributes: dict[str, Any]) -> None:
    await api.call("AddPath", **path_request("10.1.0.0/16", **({"pattrs": []} | attributes)))
    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4)
    (path,) = answer.destination.paths
    assert [one.WhichOneof("attr") for one in path.pattrs] == ["origin", "mp_reach"]
    reach = path.pattrs[1].mp_reach
    assert (reach.family.afi, list(reach.next_hops)) == (1, ["2001:db8::9", "fe80::9"])


async def test_an_ipv4_mapped_next_hop_of_an_ipv4_path_has_four_octets(api: Api) -> None:
    attributes = [{"origin": {}}, {"next_hop": {"next_hop": "::ffff:192.0.2.9"}}]
    await api.call("AddPath", **path_request("10.1.0.0/16", pattrs=attributes))
    (answer,) = await api.call("ListPath", table_type=GLOBAL, family=IPV4)
    (path,) = answer.destination.paths
    assert path.pattrs[1].next_hop.next_hop == "192.0.2.9"


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
        ({"pattrs": [ORIGIN, NEXT_HOP, {"ls": {}}]}, "attribute ls not supported"),
        ({"pattrs": [ORIGIN, NEXT_HOP, {"aigp": {}}]}, "AIGP: has no TLV"),
        (
            {"pattrs": [ORIGIN, NEXT_HOP, {"aigp": {"tlvs": [{}]}}]},
            "attribute aigp: wanted a metric or an unknown TLV",
        ),
        (
            {"pattrs": [ORIGIN, NEXT_HOP, {"ip6_extended_communities": {"communities": [{}]}}]},
            "attribute ip6_extended_communities: extended community without a value not supported",
        ),
        (
            {
                "pattrs": [
                    ORIGIN,
                    NEXT_HOP,
                    {
                        "ip6_extended_communities": {
                            "communities": [{"ipv6_address_specific": {"address": "10.0.0.1"}}]
                        }
                    },
                ]
            },
            "attribute ip6_extended_communities: wanted an IPv6 address, found '10.0.0.1'",
        ),
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
            {"pattrs": [ORIGIN, {"mp_reach": {"next_hops": ["2001:db8::1", "2001:db8::2"]}}]},
            "next hop 2001:db8::2 is not link-local",
        ),
        (
            {"pattrs": [ORIGIN, {"mp_reach": {"next_hops": ["192.0.2.1", "fe80::1"]}}]},
            "next hop fe80::1 is not link-local",
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
