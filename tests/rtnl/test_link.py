"""Links: a veth port of a bridge as Linux sent it (cut to what is read), and a VRF."""

import pytest

from gobgp_trio.rtnl.link import Link, read_link, write_link_dump
from gobgp_trio.rtnl.nlmsg import MalformedNetlink, write_attribute, write_u32_attribute

PORT = bytes.fromhex(
    "00 00 0100 02000000 43100100 00000000"  # AF_UNSPEC, ethernet, index 2, flags
    "0700 0300 763100 00"  # IFLA_IFNAME v1
    "0500 1000 06 000000"  # IFLA_OPERSTATE up
    "0800 0a00 04000000"  # IFLA_MASTER 4
    "0500 2100 01 000000"  # IFLA_CARRIER
    "1000 1280 0900 0100 7665746800 000000"  # IFLA_LINKINFO, IFLA_INFO_KIND veth
)


def test_a_port_of_a_bridge() -> None:
    link = read_link(PORT)
    assert link == Link(
        index=2, name="v1", flags=0x11043, kind="veth", master=4, operstate=6, carrier=True
    )
    assert link.is_up


def test_a_vrf_has_a_table() -> None:
    data = write_attribute(2, write_u32_attribute(1, 1000))
    octets = PORT[:16] + write_attribute(18, write_attribute(1, b"vrf\0") + data)
    link = read_link(octets)
    assert link is not None
    assert (link.kind, link.vrf_table_id) == ("vrf", 1000)
    bare = read_link(PORT[:16] + write_attribute(18, write_attribute(1, b"vrf\0")))
    assert bare is not None
    assert bare.vrf_table_id is None


@pytest.mark.parametrize(("flags", "up"), [(0x41, True), (0x1, False), (0x40, False), (0, False)])
def test_up_needs_the_switch_and_the_carrier(flags: int, up: bool) -> None:
    assert Link(1, "eth0", flags).is_up is up


def test_a_bridge_speaking_of_its_port_is_left_out() -> None:
    assert read_link(b"\7" + PORT[1:]) is None


def test_what_is_absent_is_none() -> None:
    assert read_link(PORT[:16]) == Link(index=2, name="", flags=0x11043)


@pytest.mark.parametrize("octets", [PORT[:15], PORT[:16] + bytes.fromhex("0600 0a00 0400 0000")])
def test_malformed(octets: bytes) -> None:
    with pytest.raises(MalformedNetlink):
        read_link(octets)


def test_the_dump_request() -> None:
    assert write_link_dump(3) == bytes.fromhex("20000000 1200 0103 03000000 00000000") + bytes(16)
