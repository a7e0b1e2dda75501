"""Tables of routes as JSON, against outputs recorded from GoBGP."""

from gobgp_trio.api.pb.api import (
    AigpAttribute,
    AigpAttributeTlv,
    AigpTlvigpMetric,
    AigpTlvUnknown,
    AtomicAggregateAttribute,
    ClusterListAttribute,
    Ip6ExtendedCommunitiesAttribute,
    Ip6ExtendedCommunitiesAttributeCommunity,
    IPv6AddressSpecificExtended,
    LsAttribute,
    OriginatorIdAttribute,
    UnknownAttribute,
)
from gobgp_trio.api.route_reader import ReadAttribute
from gobgp_trio.cli.go_json import dump
from gobgp_trio.cli.rib_json import attribute_json, path_json, paths_json
from tests.cli.paths import make_answer, make_path, make_views


def test_paths_of_a_peer_and_of_our_own() -> None:
    views = make_views(
        make_answer(
            make_path(
                "10.2.0.0/24 origin igp med 100 local-pref 200 community 65001:100,no-export "
                "nexthop 10.99.0.9"
            )
        ),
        make_answer(
            make_path("10.1.0.0/24"),
            make_path(
                "10.1.0.0/24 nexthop 10.99.0.2 aspath 65002 med 5",
                best=False,
                age_s=1795332959,
                source_id="10.0.0.2",
                neighbor_ip="10.99.0.2",
            ),
        ),
    )
    assert dump(paths_json(views)) == (
        '{"10.1.0.0/24":[{"Family":0,"nlri":{"prefix":"10.1.0.0/24"},"age":1795332934,"best":true,'
        '"attrs":[{"type":1,"value":2},{"type":3,"nexthop":"0.0.0.0"}],"stale":false,"RemoteID":0,'
        '"LocalID":0},{"Family":0,"nlri":{"prefix":"10.1.0.0/24"},"age":1795332959,"best":false,'
        '"attrs":[{"type":1,"value":2},{"type":2,"as_paths":[{"segment_type":2,"num":1,'
        '"asns":[65002]}]},{"type":3,"nexthop":"10.99.0.2"},{"type":4,"metric":5}],"stale":false,'
        '"peer-id":"10.0.0.2","peer-address":"10.99.0.2","RemoteID":0,"LocalID":0}],'
        '"10.2.0.0/24":[{"Family":0,"nlri":{"prefix":"10.2.0.0/24"},"age":1795332934,"best":true,'
        '"attrs":[{"type":1,"value":0},{"type":3,"nexthop":"10.99.0.9"},{"type":4,"metric":100},'
        '{"type":5,"value":200},{"type":8,"communities":[4259905636,4294967041]}],"stale":false,'
        '"RemoteID":0,"LocalID":0}]}'
    )


def test_what_decided_is_there_when_the_daemon_says_it() -> None:
    (said,) = make_views(make_answer(make_path("10.1.0.0/16", decision="5 MED")))
    (unsaid,) = make_views(make_answer(make_path("10.1.0.0/16")))

    assert path_json(said)["decision"] == "5 MED"
    assert "decision" not in path_json(unsaid)


def test_mp_reach_names_the_prefix_of_its_own_path() -> None:
    views = make_views(
        make_answer(make_path("2001:db8:1::/48 nexthop 2001:db8::9")),
        make_answer(make_path("2001:db8:2::/48 nexthop 2001:db8::9")),
    )
    table = paths_json(views)
    assert dump(table["2001:db8:2::/48"]) == (
        '[{"Family":0,"nlri":{"prefix":"2001:db8:2::/48"},"age":1795332934,"best":true,'
        '"attrs":[{"type":1,"value":2},{"type":14,"nexthop":"2001:db8::9","afi":2,"safi":1,'
        '"value":[{"NLRI":{"prefix":"2001:db8:2::/48"},"ID":0}]}],"stale":false,"RemoteID":0,'
        '"LocalID":0}]'
    )


def test_marks_that_most_paths_do_not_have() -> None:
    views = make_views(
        make_answer(make_path("10.1.0.0/24", interface="eth0", send_max_filtered=True))
    )
    ((path,),) = paths_json(views).values()
    assert path["netlink"] == {"is_netlink": True, "if_name": "eth0"}
    assert path["send-max-filtered"] is True


def test_attributes_with_other_fields() -> None:
    attributes: list[ReadAttribute] = [
        ("atomic_aggregate", AtomicAggregateAttribute()),
        ("originator_id", OriginatorIdAttribute(id="10.0.0.1")),
        ("cluster_list", ClusterListAttribute(ids=["10.0.0.1"])),
        ("unknown", UnknownAttribute(flags=192, type=99, value=b"\x01\x02")),
        (
            "aigp",
            AigpAttribute(
                tlvs=[
                    AigpAttributeTlv(igp_metric=AigpTlvigpMetric(metric=100)),
                    AigpAttributeTlv(unknown=AigpTlvUnknown(type=2, value=b"\x01\x02")),
                ]
            ),
        ),
        (
            "ip6_extended_communities",
            Ip6ExtendedCommunitiesAttribute(
                communities=[
                    Ip6ExtendedCommunitiesAttributeCommunity(
                        ipv6_address_specific=IPv6AddressSpecificExtended(
                            is_transitive, 2, "2001:db8::1", 100
                        )
                    )
                    for is_transitive in (True, False)
                ]
            ),
        ),
        ("ls", LsAttribute()),
    ]
    assert [attribute_json(attribute, "P") for attribute in attributes] == [
        {"type": 6},
        {"type": 9, "value": "10.0.0.1"},
        {"type": 10, "value": ["10.0.0.1"]},
        {"flags": 192, "type": 99, "value": "AQI="},
        {"type": 26, "value": [{"type": 1, "metric": 100}, {"type": 2, "value": [1, 2]}]},
        {
            "type": 25,
            "value": [
                {"type": 0, "subtype": 2, "value": "2001:db8::1:100"},
                {"type": 64, "subtype": 2, "value": "2001:db8::1:100"},
            ],
        },
        {"name": "ls"},
    ]
