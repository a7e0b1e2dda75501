"""What peers are told of VPN routes, and customers in a VRF of what comes from outside."""

import pytest

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.rib.adj_out import AdjOut
from gobgp_trio.rib.advertise import (
    Announcement,
    Audience,
    SelfNextHops,
    announce,
    attributes_as_sent,
    may_tell,
)
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.attributes import AS_SEQUENCE, PathAttributes
from gobgp_trio.types.communities import parse_route_target
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind
from gobgp_trio.types.prefix import parse_prefix
from gobgp_trio.types.vpn import parse_rd

V4, V6, VPN4, VPN6 = (
    Family.IPV4_UNICAST,
    Family.IPV6_UNICAST,
    Family.IPV4_VPN,
    Family.IPV6_VPN,
)
OURS_4, OURS_6 = bytes((192, 0, 2, 1)), bytes.fromhex("20010db8000000000000000000000001")
OURS_LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000001")
PEER_4, PEER_6 = bytes((192, 0, 2, 9)), bytes.fromhex("20010db8000000000000000000000009")
PE_HOP, CE_HOP = bytes((192, 0, 2, 77)), bytes((10, 0, 0, 2))
TARGET = parse_route_target("65000:1")
SITE = bytes.fromhex("0003fde800000001")
LABEL_100, IMPLICIT_NULL = bytes.fromhex("000641"), bytes.fromhex("000031")

PE = Source(SourceKind.PEER, "192.0.2.77", router_id=b"\x07" * 4)
PE_CLIENT = Source(SourceKind.PEER, "192.0.2.78", is_reflector_client=True, router_id=b"\x08" * 4)
PE_EXTERNAL = Source(SourceKind.PEER, "192.0.2.79", is_ebgp=True, peer_as=65009)
CE_EXTERNAL = Source(SourceKind.PEER, "10.0.0.2", is_ebgp=True, peer_as=65100, vrf="red")
CE_INTERNAL = Source(SourceKind.PEER, "10.0.0.3", peer_as=65000, vrf="red")
INTERFACE = Source(SourceKind.NETLINK, "eth2", vrf="red")
API = Source(SourceKind.LOCAL, "local")


def make_audience(*, is_ebgp: bool = False, peer: bytes = PEER_4, vrf: str = "") -> Audience:
    context = CodecContext(True, is_ebgp, 65000, frozenset((V4, V6, VPN4, VPN6)))
    ours = SelfNextHops(OURS_4, OURS_6, OURS_LINK_LOCAL)
    return Audience(context, "192.0.2.9", peer, ours, peer_as=65009, vrf=vrf)


def make_path(source: Source, next_hop: bytes, labels: bytes = b"") -> Path:
    made = make_attributes(
        origin=0,
        next_hop=next_hop,
        as_path=((AS_SEQUENCE, (65100,)),) if source.is_ebgp else (),
        local_pref=None if source.is_ebgp else 200,
        extended_communities=(SITE, TARGET),
    )
    attributes = PathAttributes(made.wire, next_hop, b"", 0, made.local_pref, None, 0, 0, labels)
    return Path(source, attributes, 1.0)


def under_rd(source: Source) -> Source:
    return source.under_rd(parse_rd("65009:1"))


@pytest.mark.parametrize(
    ("source", "to_pe", "to_external", "to_customer", "to_internal_customer"),
    [
        (PE, False, True, True, True),
        (PE_CLIENT, True, True, True, True),
        (PE_EXTERNAL, True, True, True, True),
        (CE_EXTERNAL, True, True, True, True),
        (CE_INTERNAL, True, True, True, False),
        (INTERFACE, True, True, True, True),
    ],
)
def test_who_is_told(
    source: Source, to_pe: bool, to_external: bool, to_customer: bool, to_internal_customer: bool
) -> None:
    path = make_path(source, CE_HOP)
    assert may_tell(path, make_audience()) is to_pe
    assert may_tell(path, make_audience(is_ebgp=True)) is to_external
    inside = Path(under_rd(source), path.attributes, 1.0)
    assert may_tell(inside, make_audience(is_ebgp=True, vrf="red")) is to_customer
    assert may_tell(inside, make_audience(vrf="red")) is to_internal_customer


def test_a_customer_is_not_told_its_own_routes_but_one_of_the_same_address_elsewhere_is() -> None:
    path = make_path(Source(SourceKind.PEER, "192.0.2.9", is_ebgp=True, vrf="red"), CE_HOP)
    assert not may_tell(path, make_audience(is_ebgp=True, vrf="red"))
    assert may_tell(path, make_audience(is_ebgp=True, vrf="blue"))
    assert may_tell(path, make_audience(is_ebgp=True))


def told(path: Path, family: Family, audience: Audience) -> Announcement:
    return announce(path, family, audience)


def test_another_routers_vpn_route_keeps_next_hop_and_labels() -> None:
    path = make_path(PE_CLIENT, PE_HOP, LABEL_100)
    for audience in (make_audience(), make_audience(is_ebgp=True)):
        assert told(path, VPN4, audience)[1:] == (PE_HOP, b"", LABEL_100)


@pytest.mark.parametrize("source", [CE_EXTERNAL, CE_INTERNAL, INTERFACE])
def test_a_vrfs_own_route_leads_to_us_without_a_label(source: Source) -> None:
    path = make_path(source, CE_HOP)
    for audience in (make_audience(), make_audience(is_ebgp=True)):
        assert told(path, VPN4, audience)[1:] == (OURS_4, b"", IMPLICIT_NULL)
    assert told(path, VPN6, make_audience())[1:] == (OURS_4, b"", IMPLICIT_NULL)
    assert told(path, VPN6, make_audience(peer=PEER_6))[1:] == (OURS_6, b"", IMPLICIT_NULL)


def test_an_api_route_keeps_the_next_hop_that_it_was_given() -> None:
    assert told(make_path(API, PE_HOP), VPN4, make_audience())[1:] == (
        PE_HOP,
        b"",
        IMPLICIT_NULL,
    )
    assert told(make_path(API, bytes(4)), VPN4, make_audience())[1] == OURS_4


def test_what_comes_into_a_vrf_leads_to_us_and_has_no_targets() -> None:
    path = Path(under_rd(PE), make_path(PE, PE_HOP, LABEL_100).attributes, 1.0)
    octets, *rest = told(path, V4, make_audience(is_ebgp=True, vrf="red"))
    assert rest == [OURS_4, b"", b""]
    assert octets == bytes.fromhex("400101 00 400206 0201 0000fde8 c01008") + SITE
    octets, *rest = told(path, V4, make_audience(vrf="red"))
    assert rest == [OURS_4, b"", b""]
    assert octets == bytes.fromhex("400101 00 400200 400504 000000c8 c01008") + SITE


def test_inside_a_vrf_the_usual_rules_hold() -> None:
    path = Path(under_rd(CE_EXTERNAL), make_path(CE_EXTERNAL, CE_HOP).attributes, 1.0)
    assert told(path, V4, make_audience(vrf="red"))[1:] == (CE_HOP, b"", b"")
    assert told(path, V4, make_audience(is_ebgp=True, vrf="red"))[1:] == (OURS_4, b"", b"")


def test_what_a_peer_has_is_shown_with_its_labels() -> None:
    sent = attributes_as_sent(make_path(PE_CLIENT, PE_HOP, LABEL_100), VPN4, make_audience())
    assert (sent.next_hop, sent.labels) == (PE_HOP, LABEL_100)
    sent = attributes_as_sent(make_path(INTERFACE, bytes(4)), VPN4, make_audience())
    assert (sent.next_hop, sent.labels) == (OURS_4, IMPLICIT_NULL)


def test_updates_of_a_vpn_family_are_written_with_distinguisher_and_label() -> None:
    rib = Rib((V4, V6, VPN4, VPN6))
    rib.add_source(PE_CLIENT)
    key = parse_rd("65009:1") + parse_prefix("203.0.113.0/24")[1]
    rib.announce(PE_CLIENT, VPN4, make_path(PE_CLIENT, PE_HOP, LABEL_100).attributes, [key], 1.0)
    out = AdjOut(make_audience(), rib.tables, [VPN4], lambda: None)
    rib.subscribe(out.on_changes)
    messages = []
    while out.has_work:
        messages += out.take(65536)
    route = bytes.fromhex("70 000641 0000fdf100000001 cb0071")
    assert [route in message for message in messages] == [True, False]
    assert messages[1][19:] == bytes.fromhex("0000 0006 800f03 000180")
    rib.withdraw(PE_CLIENT, VPN4, [key])
    (withdrawal,) = out.take(65536)
    assert withdrawal[19:] == bytes.fromhex(
        "0000 0015 800f12 000180 70 800000 0000fdf100000001 cb0071"
    )
