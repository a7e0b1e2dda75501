"""Typed routes as messages of the API, compared in GoBGP's JSON form of attributes."""

from gobgp_trio.cli.oneof import chosen_member
from gobgp_trio.cli.rib_json import attribute_json
from gobgp_trio.cli.route_message import path_message
from gobgp_trio.cli.route_words import parse_route


def attributes_of(words: str) -> list[dict[str, object]]:
    path = path_message(parse_route(words.split(), None))
    return [attribute_json(chosen_member(attribute, "attr"), "P") for attribute in path.pattrs]


def test_an_ipv4_route_carries_a_next_hop_attribute() -> None:
    path = path_message(parse_route(["10.1.0.0/24"], None))
    assert (int(path.family.afi), int(path.family.safi)) == (1, 1)
    assert (path.nlri.prefix.prefix, path.nlri.prefix.prefix_len) == ("10.1.0.0", 24)
    assert attributes_of("10.1.0.0/24") == [
        {"type": 1, "value": 2},
        {"type": 3, "nexthop": "0.0.0.0"},
    ]


def test_an_ipv6_route_carries_its_next_hop_in_mp_reach() -> None:
    path = path_message(parse_route(["2001:db8:1::/48", "nexthop", "2001:db8::9"], None))
    assert (int(path.family.afi), int(path.family.safi)) == (2, 1)
    _, reach = path.pattrs
    assert reach.mp_reach is not None
    assert [nlri.prefix.prefix for nlri in reach.mp_reach.nlris] == ["2001:db8:1::"]
    assert attributes_of("2001:db8:1::/48 nexthop 2001:db8::9") == [
        {"type": 1, "value": 2},
        {
            "type": 14,
            "nexthop": "2001:db8::9",
            "afi": 2,
            "safi": 1,
            "value": [{"NLRI": {"prefix": "P"}, "ID": 0}],
        },
    ]


def test_an_ipv4_route_with_an_ipv6_next_hop_uses_mp_reach() -> None:
    kinds = [one["type"] for one in attributes_of("10.0.0.0/8 nexthop 2001:db8::9")]
    assert kinds == [1, 14]


def test_attributes_stand_in_the_order_of_their_codes() -> None:
    words = (
        "10.0.0.0/8 large-community 1:2:3 rt 65001:5 70000:6 192.0.2.1:7 community 65001:100 "
        "aggregator 65001:10.0.0.1 local-pref 200 med 100 nexthop 10.0.0.9 aspath 10,{20} "
        "origin egp"
    )
    assert attributes_of(words) == [
        {"type": 1, "value": 1},
        {
            "type": 2,
            "as_paths": [
                {"segment_type": 2, "num": 1, "asns": [10]},
                {"segment_type": 1, "num": 1, "asns": [20]},
            ],
        },
        {"type": 3, "nexthop": "10.0.0.9"},
        {"type": 4, "metric": 100},
        {"type": 5, "value": 200},
        {"type": 7, "as": 65001, "address": "10.0.0.1"},
        {"type": 8, "communities": [4259905636]},
        {
            "type": 16,
            "value": [
                {"type": 0, "subtype": 2, "value": "65001:5"},
                {"type": 2, "subtype": 2, "value": "1.4464:6"},
                {"type": 1, "subtype": 2, "value": "192.0.2.1:7"},
            ],
        },
        {"type": 32, "value": [{"ASN": 1, "LocalData1": 2, "LocalData2": 3}]},
    ]
