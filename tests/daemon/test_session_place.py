"""Our own addresses on a session's interface."""

from dataclasses import replace

import pytest

from gobgp_trio.bgp.session.negotiate import Endpoints, SessionSettings, make_open, negotiate
from gobgp_trio.daemon.session_place import SessionPlace, find_place, find_place_by_session
from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rib.advertise import SelfNextHops
from gobgp_trio.rtnl.address import IFA_F_TENTATIVE, Address
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import parse_address

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
SCOPE_LINK, SCOPE_HOST = 253, 254

# (interface index, address, prefix length, scope)
ADDRESSES = [
    (1, "127.0.0.1", 8, SCOPE_HOST),
    (1, "198.51.100.1", 32, 0),
    (1, "2001:db8:ffff::1", 128, 0),
    (2, "169.254.7.7", 16, 0),
    (2, "10.0.0.1", 24, 0),
    (2, "10.0.1.1", 24, 0),
    (2, "fe80::2", 64, SCOPE_LINK),
    (2, "2001:db8:2::1", 64, 0),
    (3, "fe80::3", 64, SCOPE_LINK),
]


def make_view(addresses: list[tuple[int, str, int, int]], flags: int = 0) -> KernelView:
    view = KernelView([254])
    changes = ViewChanges()
    for index, text, bits, scope in addresses:
        octets = parse_address(text)
        family = IPV4 if len(octets) == 4 else IPV6
        view.on_address(Address(index, family, octets, bits, scope=scope, flags=flags), changes)
    return view


def place_of(view: KernelView | None, local: str, peer: str, index: int = 0) -> SessionPlace:
    settings = SessionSettings(64501, 64502, b"\1\1\1\1", (IPV4, IPV6))
    theirs = SessionSettings(64502, 64501, b"\2\2\2\2", (IPV4, IPV6))
    ends = Endpoints(parse_address(local), parse_address(peer))
    negotiated = negotiate(settings, ends, make_open(theirs), is_outbound=True)
    negotiated = replace(negotiated, interface_index=index)
    return find_place_by_session(negotiated) if view is None else find_place(view, negotiated)


@pytest.mark.parametrize(
    ("local", "peer", "index", "found_index", "ipv4", "ipv6", "link_local"),
    [
        ("10.0.1.1", "10.0.1.2", 0, 2, "10.0.1.1", "2001:db8:2::1", "fe80::2"),
        ("2001:db8:2::1", "2001:db8:2::2", 0, 2, "10.0.0.1", "2001:db8:2::1", "fe80::2"),
        ("fe80::2", "fe80::99", 2, 2, "10.0.0.1", "2001:db8:2::1", "fe80::2"),
        ("fe80::3", "fe80::99", 3, 3, "", "fe80::3", ""),
        # The peer is somewhere else: what it could do with a link-local address?
        ("10.0.0.1", "192.0.2.7", 0, 2, "10.0.0.1", "2001:db8:2::1", ""),
        ("198.51.100.1", "198.51.100.2", 0, 1, "198.51.100.1", "2001:db8:ffff::1", ""),
        ("2001:db8:ffff::1", "2001:db8:ffff::2", 0, 1, "198.51.100.1", "2001:db8:ffff::1", ""),
        # An address the kernel did not tell us of.
        ("203.0.113.1", "203.0.113.2", 0, 0, "203.0.113.1", "", ""),
    ],
)
def test_next_hops_by_the_kernels_addresses(
    local: str, peer: str, index: int, found_index: int, ipv4: str, ipv6: str, link_local: str
) -> None:
    wanted = [parse_address(text) if text else b"" for text in (ipv4, ipv6, link_local)]

    place = place_of(make_view(ADDRESSES), local, peer, index)

    assert (place.interface_index, place.next_hops) == (found_index, SelfNextHops(*wanted))


@pytest.mark.parametrize(
    ("local", "peer", "index", "networks"),
    [
        ("10.0.1.1", "10.0.1.2", 0, ("18 0a0001",)),
        ("2001:db8:2::1", "2001:db8:2::2", 0, ("40 20010db800020000",)),
        ("10.0.0.1", "192.0.2.7", 0, ()),
        ("10.0.0.1", "10.0.1.7", 0, ("18 0a0001",)),  # by another address of the same interface
        ("fe80::2", "fe80::99", 2, ()),
        ("203.0.113.1", "203.0.113.2", 0, ()),
    ],
)
def test_networks_shared_with_the_peer(
    local: str, peer: str, index: int, networks: tuple[str, ...]
) -> None:
    place = place_of(make_view(ADDRESSES), local, peer, index)

    assert place.networks == tuple(bytes.fromhex(network) for network in networks)


def test_an_address_still_under_test_is_not_used() -> None:
    view = make_view(ADDRESSES, flags=IFA_F_TENTATIVE)

    assert place_of(view, "10.0.0.1", "10.0.0.2").next_hops == SelfNextHops(
        parse_address("10.0.0.1"), b"", b""
    )


@pytest.mark.parametrize(
    ("local", "next_hops"),
    [
        ("10.0.0.1", SelfNextHops(ipv4=parse_address("10.0.0.1"))),
        ("2001:db8::1", SelfNextHops(ipv6=parse_address("2001:db8::1"))),
    ],
)
def test_next_hops_by_the_session_alone(local: str, next_hops: SelfNextHops) -> None:
    assert place_of(None, local, local, 4) == SessionPlace(4, next_hops)
