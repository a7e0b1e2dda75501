"""The route syntax of ``global rib add``."""

import pytest

from gobgp_trio.cli.route_words import (
    Route,
    RouteError,
    parse_as_number,
    parse_as_path,
    parse_route,
)
from gobgp_trio.types.attributes import AS_SEQUENCE, AS_SET
from gobgp_trio.types.family import Family


def test_a_prefix_alone_has_no_next_hop_and_an_incomplete_origin() -> None:
    assert parse_route(["10.1.0.0/24"], None) == Route(
        family=Family.IPV4_UNICAST, prefix="10.1.0.0/24", next_hop="0.0.0.0", origin=2
    )
    assert parse_route(["2001:db8:2::/64"], None) == Route(
        family=Family.IPV6_UNICAST, prefix="2001:db8:2::/64", next_hop="::", origin=2
    )


def test_every_keyword_is_read() -> None:
    words = (
        "10.2.0.9/24 nexthop 10.99.0.9 origin igp med 100 local-pref 200 aspath 65010,65020 "
        "community 65001:100,no-export large-community 65001:1:2,1:2:3 aggregator 65001:10.0.0.1 "
        "rt 65001:5 192.0.2.1:6"
    )
    assert parse_route(words.split(), Family.IPV4_UNICAST) == Route(
        family=Family.IPV4_UNICAST,
        prefix="10.2.0.0/24",
        next_hop="10.99.0.9",
        origin=0,
        as_path=((AS_SEQUENCE, (65010, 65020)),),
        med=100,
        local_pref=200,
        communities=(4259905636, 4294967041),
        large_communities=((65001, 1, 2), (1, 2, 3)),
        aggregator=(65001, "10.0.0.1"),
        route_targets=(bytes.fromhex("0002fde900000005"), bytes.fromhex("0102c00002010006")),
    )


def test_route_targets_end_at_the_next_keyword() -> None:
    route = parse_route(["10.0.0.0/8", "rt", "1:1", "2:2", "med", "7"], None)
    assert len(route.route_targets) == 2
    assert route.med == 7


def test_an_ipv4_route_may_have_an_ipv6_next_hop() -> None:
    assert parse_route(["10.0.0.0/8", "nexthop", "2001:DB8::1"], None).next_hop == "2001:db8::1"


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("10 20", ((AS_SEQUENCE, (10, 20)),)),
        ("10,20", ((AS_SEQUENCE, (10, 20)),)),
        ("1.10", ((AS_SEQUENCE, (65546,)),)),
        ("{30,40}", ((AS_SET, (30, 40)),)),
        ("10 20 {30,40}", ((AS_SEQUENCE, (10, 20)), (AS_SET, (30, 40)))),
        ("10,{30},20", ((AS_SEQUENCE, (10,)), (AS_SET, (30,)), (AS_SEQUENCE, (20,)))),
    ],
)
def test_as_paths(text: str, segments: tuple[tuple[int, tuple[int, ...]], ...]) -> None:
    assert parse_as_path(text) == segments


@pytest.mark.parametrize(
    "text", ["", " ", "{}", "{10", "10}", "ten", "10 -1", "4294967296", "1.65536"]
)
def test_what_is_no_as_path_is_refused(text: str) -> None:
    with pytest.raises(RouteError):
        parse_as_path(text)


def test_an_as_path_segment_holds_at_most_255_numbers() -> None:
    parse_as_path(",".join(["1"] * 255))
    with pytest.raises(RouteError, match="at most 255"):
        parse_as_path(",".join(["1"] * 256))


def test_as_numbers_have_32_bits() -> None:
    assert parse_as_number("4294967295") == 4294967295
    assert parse_as_number("65535.65535") == 4294967295


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "a prefix is missing"),
        ("nonsense", "wanted a prefix like"),
        ("10.0.0.0/33", "wanted a prefix like"),
        ("10.0.0.1", "with its length"),
        ("10.0.0.0/8 frobnicate 1", "unknown word 'frobnicate'"),
        ("10.0.0.0/8 med", "a value is missing behind 'med'"),
        ("10.0.0.0/8 rt", "a value is missing behind 'rt'"),
        ("10.0.0.0/8 med 1 med 2", "'med' stands there twice"),
        ("10.0.0.0/8 med -1", "from 0 to 4294967295"),
        ("10.0.0.0/8 local-pref 4294967296", "from 0 to 4294967295"),
        ("10.0.0.0/8 origin bgp", "wanted origin igp, egp or incomplete"),
        ("10.0.0.0/8 nexthop nonsense", "wanted an IP address"),
        ("2001:db8::/32 nexthop 10.0.0.1", "needs an IPv6 next hop"),
        ("10.0.0.0/8 community 65000:mesh:1", "wanted a community"),
        ("10.0.0.0/8 large-community 1:2", "wanted a large community"),
        ("10.0.0.0/8 aggregator 10.0.0.1", "wanted an aggregator"),
        ("10.0.0.0/8 rt 65000", "wanted a route target"),
        ("10.0.0.0/8 identifier 5", "add-path"),
        ("10.0.0.0/8 aigp 5", "wanted aigp metric N, found aigp 5"),
        ("10.0.0.0/8 aigp metric", "wanted aigp metric N, found aigp metric"),
        ("10.0.0.0/8 aigp weight 5", "wanted aigp metric N, found aigp weight 5"),
        ("10.0.0.0/8 aigp metric 18446744073709551616", "from 0 to 18446744073709551615"),
        ("10.0.0.0/8 aigp metric -1", "from 0 to 18446744073709551615"),
        ("10.0.0.0/8 pmsi 1", "PMSI"),
    ],
)
def test_errors_say_what_was_wanted(words: str, message: str) -> None:
    with pytest.raises(RouteError, match=message):
        parse_route(words.split(), None)


def test_an_accumulated_metric_has_two_words() -> None:
    words = ["10.0.0.0/8", "aigp", "metric", "18446744073709551615", "med", "1"]
    route = parse_route(words, None)
    assert (route.aigp_metric, route.med) == (18446744073709551615, 1)


def test_a_prefix_of_the_other_family_is_refused() -> None:
    with pytest.raises(RouteError, match="not an ipv6 prefix"):
        parse_route(["10.0.0.0/24"], Family.IPV6_UNICAST)
    with pytest.raises(RouteError, match="not an ipv4 prefix"):
        parse_route(["2001:db8::/32"], Family.IPV4_UNICAST)
