"""Addresses as Linux 6.18 sent them."""

import pytest

from gobgp_trio.rtnl.address import (
    IFA_F_DADFAILED,
    IFA_F_DEPRECATED,
    IFA_F_TENTATIVE,
    Address,
    read_address,
    write_address_dump,
)
from gobgp_trio.rtnl.nlmsg import MalformedNetlink
from gobgp_trio.types.family import Family

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
# 10.0.1.1 peer 10.0.1.2/32 dev 3
WITH_PEER = bytes.fromhex(
    "02 20 80 00 03000000"
    "0800 0100 0a000102"  # IFA_ADDRESS: the peer's
    "0800 0200 0a000101"  # IFA_LOCAL
    "0700 0300 763000 00 0800 0800 80000000"  # IFA_LABEL, IFA_FLAGS permanent
)
PLAIN = bytes.fromhex(
    "02 18 80 00 03000000 0800 0100 0a000001 0800 0200 0a000001 0800 0800 80000000"
)
# fe80::.../64, tentative
IPV6 = bytes.fromhex(
    "0a 40 c0 fd 02000000 1400 0100 fe800000000000006c0df5fffe6b0013 0800 0800 c0000000"
)


def test_the_own_address_and_the_peers() -> None:
    address = read_address(WITH_PEER)
    assert address == Address(3, V4, b"\x0a\0\1\1", 32, peer=b"\x0a\0\1\2", flags=0x80)
    assert address.network_address == b"\x0a\0\1\2"


def test_an_address_without_a_peer() -> None:
    address = read_address(PLAIN)
    assert address == Address(3, V4, b"\x0a\0\0\1", 24, flags=0x80)
    assert address.network_address == b"\x0a\0\0\1"


def test_ipv6_leaves_out_ifa_local() -> None:
    address = read_address(IPV6)
    assert address is not None
    assert address.address == bytes.fromhex("fe800000000000006c0df5fffe6b0013")
    assert (address.family, address.prefix_bits, address.scope) == (V6, 64, 253)
    assert not address.is_usable


@pytest.mark.parametrize(
    ("flags", "usable"),
    [(0x80, True), (IFA_F_DEPRECATED, True), (IFA_F_TENTATIVE, False), (IFA_F_DADFAILED, False)],
)
def test_usable(flags: int, usable: bool) -> None:
    assert Address(3, V6, bytes(16), 64, flags=flags).is_usable is usable


def test_ifa_flags_wins_over_the_eight_bits_in_the_header() -> None:
    wide = read_address(PLAIN[:-4] + bytes.fromhex("80020000"))
    assert wide is not None
    assert wide.flags == 0x280
    narrow = read_address(PLAIN[:-8])
    assert narrow is not None
    assert narrow.flags == 0x80


def test_other_families_are_left_out() -> None:
    assert read_address(b"\x1c" + PLAIN[1:]) is None


@pytest.mark.parametrize(
    "octets",
    [
        PLAIN[:7],
        PLAIN[:8],
        b"\x0a" + PLAIN[1:],
        b"\2\x21" + PLAIN[2:],
        WITH_PEER[:8] + bytes.fromhex("0600 0100 0a00 0000 0800 0200 0a000101"),
    ],
    ids=["cut", "no address", "4 octets of IPv6", "33 bits", "short peer"],
)
def test_malformed(octets: bytes) -> None:
    with pytest.raises(MalformedNetlink):
        read_address(octets)


def test_the_dump_request() -> None:
    assert write_address_dump(3) == bytes.fromhex("18000000 1600 0103 03000000 00000000") + bytes(8)
