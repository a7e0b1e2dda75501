"""pyroute2, another implementation, reads what we write and writes what we read."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from gobgp_trio.rtnl.address import Address, read_address
from gobgp_trio.rtnl.link import Link, read_link
from gobgp_trio.rtnl.route import Leg, read_route
from gobgp_trio.rtnl.route_batch import RouteAction, RouteTemplate
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import parse_address, parse_prefix


def decode(kind: Any, octets: bytes) -> Any:
    message = kind(octets)
    message.decode()
    return message


@pytest.mark.parametrize(
    ("prefix", "legs"),
    [
        ("10.9.0.0/16", [Leg(parse_address("10.0.0.2"), 3)]),
        ("10.9.1.1/32", [Leg(parse_address("fd00::2"), 3)]),
        ("0.0.0.0/0", [Leg(parse_address("10.0.0.2"), 3), Leg(parse_address("10.1.0.2"), 4, 7)]),
        ("2001:db8::/33", [Leg(parse_address("fd00::2"), 3)]),
        ("2001:db8::1/128", [Leg(parse_address("fd00::2"), 3), Leg(parse_address("fd01::2"), 4)]),
        ("10.9.0.0/16", [Leg(b"", 3)]),
    ],
)
@pytest.mark.parametrize("action", RouteAction)
def test_pyroute2_reads_our_routes(prefix: str, legs: Sequence[Leg], action: RouteAction) -> None:
    family, nlri = parse_prefix(prefix)
    template = RouteTemplate(family, 1000, 20, 186, tuple(legs))
    message = decode(rtmsg, template.encode(action, [nlri], 42))
    address, _, bits = prefix.partition("/")
    assert message["header"]["sequence_number"] == 42
    assert message["header"]["type"] == (25 if action is RouteAction.DELETE else 24)
    assert message["dst_len"] == int(bits)
    assert message["proto"] == 186
    assert message.get_attr("RTA_DST") == address
    assert message.get_attr("RTA_TABLE") == 1000
    assert message.get_attr("RTA_PRIORITY") == 20
    if action is RouteAction.DELETE and family is Family.IPV4_UNICAST:
        assert message["scope"] == 255
        return
    assert hops_of(message) == [
        (socket.inet_ntop(_af(leg.gateway), leg.gateway) if leg.gateway else None,
         leg.interface_index, leg.weight)
        for leg in legs
    ]  # fmt: skip


def _af(address: bytes) -> socket.AddressFamily:
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6


def hops_of(message: Any) -> list[tuple[str | None, int, int]]:
    """(gateway, interface, weight) as pyroute2 sees them."""
    hops = message.get_attr("RTA_MULTIPATH")
    if hops:
        return [(hop.get_attr("RTA_GATEWAY"), hop["oif"], hop["hops"] + 1) for hop in hops]
    via = message.get_attr("RTA_VIA")
    gateway = via["addr"] if via else message.get_attr("RTA_GATEWAY")
    return [(gateway, message.get_attr("RTA_OIF"), 1)]


def encode(message: Any) -> bytes:
    """The body of what pyroute2 writes."""
    message.encode()
    return bytes(message.data)[16:]


def test_we_read_pyroute2s_route() -> None:
    message = rtmsg()
    message["family"] = socket.AF_INET
    message["dst_len"] = 16
    message["table"] = 252
    message["proto"] = 4
    message["type"] = 1
    message["attrs"] = [
        ("RTA_DST", "10.9.0.0"),
        ("RTA_TABLE", 1000),
        ("RTA_PRIORITY", 0),
        ("RTA_PREFSRC", "10.0.0.1"),
        ("RTA_GATEWAY", "10.0.0.2"),
        ("RTA_OIF", 3),
    ]
    route = read_route(encode(message))
    assert route is not None
    assert (route.nlri, route.table_id, route.metric) == (b"\x10\x0a\x09", 1000, 0)
    assert route.prefsrc == b"\x0a\0\0\1"
    assert route.legs == (Leg(b"\x0a\0\0\2", 3),)


def test_we_read_pyroute2s_address() -> None:
    message = ifaddrmsg()
    message["family"] = socket.AF_INET6
    message["prefixlen"] = 64
    message["index"] = 3
    message["attrs"] = [("IFA_ADDRESS", "fd00::1"), ("IFA_FLAGS", 0x280)]
    expected = Address(3, Family.IPV6_UNICAST, parse_address("fd00::1"), 64, flags=0x280)
    assert read_address(encode(message)) == expected


def test_we_read_pyroute2s_link() -> None:
    message = ifinfmsg()
    message["index"] = 5
    message["flags"] = 0x41
    message["attrs"] = [
        ("IFLA_IFNAME", "red"),
        (
            "IFLA_LINKINFO",
            {"attrs": [("IFLA_INFO_KIND", "vrf"),
                       ("IFLA_INFO_DATA", {"attrs": [("IFLA_VRF_TABLE", 1000)]})]},
        ),
    ]  # fmt: skip
    assert read_link(encode(message)) == Link(5, "red", 0x41, kind="vrf", vrf_table_id=1000)
