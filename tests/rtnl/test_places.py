"""Neighbours, nexthop objects and rules as Linux 6.18 sent them."""

import pytest

from gobgp_trio.rtnl.neighbor import Neighbor, read_neighbor, write_neighbor_dump
from gobgp_trio.rtnl.nexthop import Nexthop, read_nexthop
from gobgp_trio.rtnl.nlmsg import MalformedNetlink
from gobgp_trio.rtnl.rule import Rule, read_rule

# 10.0.0.9 lladdr 02:00:00:00:00:09 dev 3 PERMANENT
NEIGHBOR = bytes.fromhex(
    "02 000000 03000000 8000 00 010800 0100 0a000009 0a00 0200 020000000009 0000 0800 0400 00000000"
)
# id 7 via 10.0.0.7 dev 3; id 9 group 7/8,3
NEXTHOP = bytes.fromhex(
    "02 fd 00 00 00000000 0800 0100 07000000 0800 0500 03000000 0800 0600 0a000007"
)
GROUP = bytes.fromhex(
    "00 00 00 00 00000000 0800 0100 09000000 0600 0300 0000 0000"
    "1400 0200 07000000 00 00 0000 08000000 02 00 0000 0800 0e00 00000080"
)
# 100: from 10.0.0.0/24 lookup 77; 0: from all lookup local
RULE = bytes.fromhex(
    "02 00 18 00 4d 0000 01 00000000 0800 0f00 4d000000 0800 0e00 ffffffff 0500 1500 00 000000"
    "0800 0600 64000000 0800 0200 0a000000"
)
FIRST_RULE = bytes.fromhex("02 00 00 00 ff 0000 01 00000000 0800 0f00 ff000000")


def test_a_neighbor() -> None:
    assert read_neighbor(NEIGHBOR) == Neighbor(3, b"\x0a\0\0\x09", 0x80, b"\2\0\0\0\0\x09")


def test_a_router_that_was_heard_of() -> None:
    octets = NEIGHBOR[:8] + bytes.fromhex("0400 80 01") + NEIGHBOR[12:]
    router = read_neighbor(octets)
    assert router == Neighbor(3, b"\x0a\0\0\x09", 0x04, b"\2\0\0\0\0\x09", is_router=True)
    assert router is not None
    assert (router.is_usable, router.is_confirmed) == (True, False)


def test_the_dump_of_one_interface() -> None:
    assert write_neighbor_dump(7, 3) == bytes.fromhex(
        "24000000 1e00 0103 07000000 00000000"  # RTM_GETNEIGH, request and dump
        "0a 000000 00000000 0000 00 00"  # AF_INET6
        "0800 0800 03000000"  # NDA_IFINDEX
    )


def test_a_bridge_entry_has_no_ip_address() -> None:
    assert read_neighbor(NEIGHBOR[:12]) is None


def test_a_nexthop() -> None:
    assert read_nexthop(NEXTHOP) == Nexthop(7, 0, gateway=b"\x0a\0\0\7", oif=3)


def test_a_blackhole_nexthop() -> None:
    octets = NEXTHOP[:16] + bytes.fromhex("0400 0400")
    assert read_nexthop(octets) == Nexthop(7, 0, blackhole=True)


def test_a_group() -> None:
    assert read_nexthop(GROUP) == Nexthop(9, 0, members=((7, 1), (8, 3)))


def test_rules() -> None:
    assert read_rule(RULE) == Rule(af=2, priority=100, action=1, table_id=77)
    assert read_rule(FIRST_RULE) == Rule(af=2, priority=0, action=1, table_id=255)


def test_the_rule_of_vrfs() -> None:
    octets = FIRST_RULE[:4] + b"\0" + FIRST_RULE[5:12] + bytes.fromhex("0500 1300 01 000000")
    assert read_rule(octets) == Rule(af=2, priority=0, action=1, table_id=0, l3mdev=True)


def test_malformed() -> None:
    with pytest.raises(MalformedNetlink):
        read_neighbor(NEIGHBOR[:11])
    with pytest.raises(MalformedNetlink):
        read_rule(RULE[:11])
    for octets in (NEXTHOP[:7], NEXTHOP[:8], GROUP[:24] + bytes.fromhex("0600 0200 0700 0000")):
        with pytest.raises(MalformedNetlink):
            read_nexthop(octets)
