"""Routes as Linux 6.18 dumped them, annotated, and what a decoder must refuse."""

import pytest

from gobgp_trio.rtnl.nlmsg import MalformedNetlink, read_messages
from gobgp_trio.rtnl.route import (
    KernelRoute,
    Leg,
    read_multipath,
    read_route,
    route_protocol_of,
    write_route_dump,
)
from gobgp_trio.types.family import Family

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST

# ip route add 10.9.0.0/16 via 10.0.0.2 dev 3 onlink metric 20 proto 186 table 1000
ONLINK = bytes.fromhex(
    "02 10 00 00 fc ba 00 01 04000000"  # rtm_table is RT_TABLE_COMPAT; RTNH_F_ONLINK
    "0800 0f00 e8030000"  # RTA_TABLE 1000
    "0800 0100 0a090000"  # RTA_DST
    "0800 0600 14000000"  # RTA_PRIORITY 20
    "0800 0500 0a000002"  # RTA_GATEWAY
    "0800 0400 03000000"  # RTA_OIF
)
# ... 10.10.0.0/16 metric 0 nexthop via 10.0.0.2 weight 3 nexthop via inet6 fd00::2
MULTIPATH = bytes.fromhex(
    "02 10 00 00 fe ba 00 01 00000000"
    "0800 0f00 fe000000"
    "0800 0100 0a0a0000"
    "3400 0900"  # RTA_MULTIPATH
    "1000 00 02 03000000 0800 0500 0a000002"  # 16 octets, weight 3, dev 3, RTA_GATEWAY
    "2000 00 00 03000000 1600 1200 0a00 fd000000000000000000000000000002 0000"  # RTA_VIA
)
# ip -6 route add 2001:db8::/32 via fd00::2 metric 20 proto 186
IPV6 = bytes.fromhex(
    "0a 20 00 00 fe ba 00 01 00000000"
    "0800 0f00 fe000000"
    "1400 0100 20010db8000000000000000000000000"
    "0800 0600 14000000"
    "1400 0500 fd000000000000000000000000000002"
    "0800 0400 03000000"
    "2400 0c00 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
    "0500 1400 00000000"  # RTA_CACHEINFO, RTA_PREF
)
# the same over a nexthop group
NEXTHOP_GROUP = bytes.fromhex(
    "02 10 00 00 fe 03 00 01 00000000 0800 0f00 fe000000 0800 0100 0a0b0000"
    "0800 1e00 09000000"  # RTA_NH_ID 9
    "2400 0900 1000 00 00 03000000 0800 0500 0a000007 1000 00 02 03000000 0800 0500 0a000008"
)
# the connected network of 10.0.0.1/24, cable pulled
CONNECTED = bytes.fromhex(
    "02 18 00 00 fe 02 fd 01 10000000"  # scope link, RTNH_F_LINKDOWN
    "0800 0f00 fe000000 0800 0100 0a000000 0800 0700 0a000001 0800 0400 03000000"
)
# ip route add blackhole default
BLACKHOLE = bytes.fromhex("02 00 00 00 fe 04 00 06 00000000 0800 0f00 fe000000")
GATEWAY6 = b"\xfd" + bytes(14) + b"\2"


def test_a_route_with_one_next_hop() -> None:
    route = read_route(ONLINK)
    assert route == KernelRoute(
        family=V4,
        nlri=b"\x10\x0a\x09",
        table_id=1000,
        protocol=186,
        metric=20,
        gateway=b"\x0a\0\0\2",
        oif=3,
        flags=4,
    )
    assert route.legs == (Leg(b"\x0a\0\0\2", 3, onlink=True),)


def test_a_multipath_route_has_its_hops_as_legs() -> None:
    route = read_route(MULTIPATH)
    assert route is not None
    assert (route.gateway, route.oif) == (None, None)
    assert route.metric is None
    assert route.nexthops == (Leg(b"\x0a\0\0\2", 3, weight=3), Leg(GATEWAY6, 3))
    assert route.legs == route.nexthops


def test_an_ipv6_route() -> None:
    assert read_route(IPV6) == KernelRoute(
        family=V6,
        nlri=b"\x20\x20\x01\x0d\xb8",
        table_id=254,
        protocol=186,
        metric=20,
        gateway=GATEWAY6,
        oif=3,
    )


def test_a_route_over_a_nexthop_group() -> None:
    route = read_route(NEXTHOP_GROUP)
    assert route is not None
    assert route.nh_id == 9
    assert route.legs == (Leg(b"\x0a\0\0\7", 3), Leg(b"\x0a\0\0\x08", 3, weight=3))


def test_a_connected_route_says_that_the_cable_is_pulled() -> None:
    route = read_route(CONNECTED)
    assert route is not None
    assert (route.scope, route.prefsrc, route.flags) == (253, b"\x0a\0\0\1", 0x10)
    assert [(leg.gateway, leg.flags) for leg in route.legs] == [(b"", 0x10)]


def test_a_blackhole_has_no_legs_and_the_default_route_no_octets() -> None:
    route = read_route(BLACKHOLE)
    assert route is not None
    assert (route.nlri, route.route_type, route.legs) == (b"\0", 6, ())


def test_flags_say_how_a_leg_is_doing_not_which_it_is() -> None:
    assert Leg(b"", 3, flags=0x11) == Leg(b"", 3)
    assert Leg(b"", 3, onlink=True) != Leg(b"", 3)


def test_the_protocol_stands_at_a_fixed_place() -> None:
    assert route_protocol_of(ONLINK) == 186
    assert route_protocol_of(ONLINK[:11]) is None


def test_other_families_are_none_of_our_business() -> None:
    assert read_route(b"\x1c" + ONLINK[1:]) is None  # AF_MPLS


@pytest.mark.parametrize(
    "octets",
    [
        ONLINK[:11],
        b"\2\x21" + ONLINK[2:],
        ONLINK[:12] + bytes.fromhex("0600 0100 0a09 0000"),
        ONLINK[:12] + bytes.fromhex("0600 0500 0a00 0000"),
        ONLINK[:12] + bytes.fromhex("0600 0f00 e803 0000"),
        ONLINK[:12] + bytes.fromhex("0600 1200 0a00 0000"),
        ONLINK + b"\1",
    ],
    ids=["cut", "33 bits", "dst of 2", "gateway of 2", "table of 2", "empty via", "stray octet"],
)
def test_malformed_routes(octets: bytes) -> None:
    with pytest.raises(MalformedNetlink):
        read_route(octets)


@pytest.mark.parametrize(
    "octets", ["1000 00 02 0300", "0700 00 00 03000000", "1000 00 00 03000000"]
)
def test_malformed_hops(octets: str) -> None:
    with pytest.raises(MalformedNetlink):
        read_multipath(bytes.fromhex(octets))


def test_a_dump_asks_for_table_and_protocol() -> None:
    assert write_route_dump(9, V6, 1000, 186) == bytes.fromhex(
        "24000000 1a00 0103 09000000 00000000"  # RTM_GETROUTE, REQUEST | DUMP
        "0a 00 00 00 00 ba 00 00 00000000 0800 0f00 e8030000"
    )
    (message,) = read_messages(write_route_dump(1, V4))
    assert message.body == bytes.fromhex("02") + bytes(11)
