"""Attributes as the columns of a table show them."""

import pytest

from gobgp_trio.api.pb.api import (
    AggregatorAttribute,
    AigpAttribute,
    AigpAttributeTlv,
    AigpTlvigpMetric,
    AigpTlvUnknown,
    As4PathAttribute,
    AsPathAttribute,
    AsSegment,
    AsSegmentType,
    AtomicAggregateAttribute,
    ClusterListAttribute,
    ColorExtended,
    ExtendedCommunitiesAttribute,
    ExtendedCommunity,
    Ip6ExtendedCommunitiesAttribute,
    Ip6ExtendedCommunitiesAttributeCommunity,
    IPv6AddressSpecificExtended,
    LargeCommunitiesAttribute,
    LargeCommunity,
    LsAttribute,
    MpReachNlriAttribute,
    NextHopAttribute,
    OriginatorIdAttribute,
    OriginAttribute,
    UnknownAttribute,
    UnknownExtended,
)
from gobgp_trio.api.route_reader import ReadAttribute
from gobgp_trio.cli.attribute_text import describe_attributes

LARGE = [LargeCommunity(1, 2, 3), LargeCommunity(4, 5, 6)]
EXTENDED = [
    ExtendedCommunity(color=ColorExtended(color=7)),
    ExtendedCommunity(unknown=UnknownExtended(type=0x80, value=b"\x06\x01")),
]

IPV6_EXTENDED = [
    Ip6ExtendedCommunitiesAttributeCommunity(
        ipv6_address_specific=IPv6AddressSpecificExtended(True, 2, "2001:db8::1", 100)
    )
]


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        (("origin", OriginAttribute(origin=0)), "{Origin: i}"),
        (("origin", OriginAttribute(origin=1)), "{Origin: e}"),
        (("atomic_aggregate", AtomicAggregateAttribute()), "{AtomicAggregate}"),
        (
            ("aggregator", AggregatorAttribute(asn=65001, address="10.0.0.1")),
            "{Aggregate: {AS: 65001, Address: 10.0.0.1}}",
        ),
        (
            ("originator_id", OriginatorIdAttribute(id="10.0.0.1")),
            "{Originator: 10.0.0.1}",
        ),
        (
            ("cluster_list", ClusterListAttribute(ids=["10.0.0.1", "10.0.0.2"])),
            "{ClusterList: [10.0.0.1 10.0.0.2]}",
        ),
        (
            ("large_communities", LargeCommunitiesAttribute(communities=LARGE)),
            "{LargeCommunity: [ 1:2:3, 4:5:6]}",
        ),
        (
            ("extended_communities", ExtendedCommunitiesAttribute(communities=EXTENDED)),
            "{Extcomms: [color], [0x80:0601]}",
        ),
        (
            ("unknown", UnknownAttribute(flags=192, type=99, value=b"\x01\x02")),
            "{Flags: 192, Type: 99, Value: [1 2]}",
        ),
        (
            (
                "aigp",
                AigpAttribute(
                    tlvs=[
                        AigpAttributeTlv(igp_metric=AigpTlvigpMetric(metric=100)),
                        AigpAttributeTlv(unknown=AigpTlvUnknown(type=2, value=b"\x01\x02")),
                    ]
                ),
            ),
            "{Aigp: [{Metric: 100} {Type: 2, Value: [1 2]}]}",
        ),
        (
            (
                "ip6_extended_communities",
                Ip6ExtendedCommunitiesAttribute(communities=IPV6_EXTENDED),
            ),
            "{Extcomms: [2001:db8::1:100]}",
        ),
        (("ls", LsAttribute()), "{ls}"),
    ],
)
def test_each_attribute_has_its_text(attribute: ReadAttribute, text: str) -> None:
    assert describe_attributes([attribute]).attributes == f"[{text}]"


def test_next_hop_and_as_paths_have_columns_of_their_own() -> None:
    segments = [
        AsSegment(type=AsSegmentType(AsSegmentType.TYPE_AS_CONFED_SEQUENCE), numbers=[1, 2]),
        AsSegment(type=AsSegmentType(AsSegmentType.TYPE_AS_CONFED_SET), numbers=[3, 4]),
        AsSegment(type=AsSegmentType(AsSegmentType.TYPE_AS_SEQUENCE), numbers=[65010, 65020]),
        AsSegment(type=AsSegmentType(AsSegmentType.TYPE_AS_SET), numbers=[5, 6]),
    ]
    found = describe_attributes(
        [
            ("as_path", AsPathAttribute(segments=segments)),
            ("next_hop", NextHopAttribute(next_hop="10.0.0.9")),
            ("as4_path", As4PathAttribute(segments=segments)),
        ]
    )
    assert found.next_hop == "10.0.0.9"
    assert found.as_path == "(1 2) [3,4] 65010 65020 {5,6}"
    assert found.attributes == "[]"


def test_of_two_next_hops_the_global_one_is_shown() -> None:
    reach = MpReachNlriAttribute(next_hops=["2001:db8::1", "fe80::1"])
    assert describe_attributes([("mp_reach", reach)]).next_hop == "2001:db8::1"


def test_a_path_without_next_hop_says_fictitious() -> None:
    assert describe_attributes([]).next_hop == "fictitious"
