"""Datagrams of a monitoring socket as events."""

import pytest

from gobgp_trio.rtnl.address import RTM_DELADDR, RTM_NEWADDR, Address
from gobgp_trio.rtnl.event import AddressEvent, LinkEvent, RouteEvent, read_events
from gobgp_trio.rtnl.link import RTM_DELLINK, RTM_NEWLINK, Link
from gobgp_trio.rtnl.nlmsg import NLM_F_APPEND, NLM_F_REPLACE, write_message
from gobgp_trio.rtnl.route import RTM_DELROUTE, RTM_NEWROUTE, KernelRoute
from gobgp_trio.types.family import Family

ROUTE = bytes.fromhex("02 08 00 00 fe 04 fd 01 00000000 0800 0100 0a000000 0800 0400 03000000")
CACHED = bytes.fromhex("02 08 00 00 fe 04 fd 01 00020000 0800 0100 0a000000")
ADDRESS = bytes.fromhex("02 18 80 00 03000000 0800 0100 0a000001")
LINK = bytes.fromhex("00 00 0100 02000000 43000000 00000000 0700 0300 763100 00")

READ_ROUTE = KernelRoute(Family.IPV4_UNICAST, b"\x08\x0a", 254, 4, None, scope=253, oif=3)
READ_ADDRESS = Address(3, Family.IPV4_UNICAST, b"\x0a\0\0\1", 24, flags=0x80)
READ_LINK = Link(2, "v1", 0x43)


@pytest.mark.parametrize(
    ("kind", "flags", "event"),
    [
        (RTM_NEWROUTE, 0, RouteEvent(True, READ_ROUTE)),
        (RTM_NEWROUTE, NLM_F_REPLACE, RouteEvent(True, READ_ROUTE, replaced=True)),
        (RTM_NEWROUTE, NLM_F_APPEND, RouteEvent(True, READ_ROUTE, appended=True)),
        (RTM_DELROUTE, 0, RouteEvent(False, READ_ROUTE)),
    ],
)
def test_routes(kind: int, flags: int, event: RouteEvent) -> None:
    assert read_events(write_message(kind, flags, 0, ROUTE)) == [event]


def test_links_and_addresses_in_one_datagram() -> None:
    datagram = b"".join(
        [
            write_message(RTM_NEWLINK, 0, 0, LINK),
            write_message(RTM_DELLINK, 0, 0, LINK),
            write_message(RTM_NEWADDR, 0, 0, ADDRESS),
            write_message(RTM_DELADDR, 0, 0, ADDRESS),
        ]
    )
    assert read_events(datagram) == [
        LinkEvent(True, READ_LINK),
        LinkEvent(False, READ_LINK),
        AddressEvent(True, READ_ADDRESS),
        AddressEvent(False, READ_ADDRESS),
    ]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (RTM_NEWROUTE, CACHED),
        (RTM_NEWROUTE, b"\x1c" + ROUTE[1:]),
        (RTM_NEWADDR, b"\x1c" + ADDRESS[1:]),
        (RTM_NEWLINK, b"\7" + LINK[1:]),
        (28, bytes(12)),
    ],
    ids=["cached clone", "MPLS route", "other address", "bridge port", "neighbour"],
)
def test_what_nobody_asked_for_is_left_out(kind: int, body: bytes) -> None:
    assert read_events(write_message(kind, 0, 0, body)) == []
