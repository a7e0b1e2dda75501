"""What a peer is told about a path: the rules one by one."""

import pytest

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.rib.advertise import (
    Audience,
    SelfNextHops,
    announce,
    attributes_as_sent,
    choose_next_hop,
    may_tell,
)
from gobgp_trio.types.attributes import AS_SEQUENCE, PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
PEER_4 = bytes((10, 0, 0, 2))
OURS_4 = bytes((10, 0, 0, 1))
OURS_6 = bytes.fromhex("20010db8000000000000000000000001")
OURS_LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000001")
THIRD_4 = bytes((192, 0, 2, 9))
THIRD_6 = bytes.fromhex("20010db8000000000000000000000099")


def make_audience(
    *,
    is_ebgp: bool = True,
    four_octet_as: bool = True,
    next_hops: SelfNextHops | None = None,
) -> Audience:
    context = CodecContext(four_octet_as, is_ebgp, 64500, frozenset((IPV4, IPV6)))
    ours = SelfNextHops(OURS_4, OURS_6, OURS_LINK_LOCAL) if next_hops is None else next_hops
    return Audience(context, "10.0.0.2", PEER_4, ours)


EXTERNAL = Source(SourceKind.PEER, "10.0.0.3", is_ebgp=True, peer_as=64503)
INTERNAL = Source(SourceKind.PEER, "10.0.0.4", peer_as=64500)
THE_PEER = Source(SourceKind.PEER, "10.0.0.2", is_ebgp=True, peer_as=64502)
LOCAL = Source(SourceKind.LOCAL, "local")
INTERFACE = Source(SourceKind.NETLINK, "10.0.0.2")  # an interface may be called anything
NO_EXPORT, NO_ADVERTISE, NO_EXPORT_SUBCONFED = 0xFFFFFF01, 0xFFFFFF02, 0xFFFFFF03


def make_path(
    source: Source, next_hop: bytes = THIRD_4, *, communities: tuple[int, ...] = ()
) -> Path:
    attributes = make_attributes(
        origin=0,
        next_hop=next_hop,
        as_path=((AS_SEQUENCE, (64503, 70000)),) if source.kind is SourceKind.PEER else (),
        med=30,
        local_pref=None if source.is_ebgp else 200,
        communities=communities,
    )
    return Path(source, attributes, 1.0)


@pytest.mark.parametrize(
    ("source", "communities", "to_external", "to_internal"),
    [
        (EXTERNAL, (), True, True),
        (INTERNAL, (), True, False),
        (THE_PEER, (), False, False),
        (LOCAL, (), True, True),
        (INTERFACE, (), True, True),
        (EXTERNAL, (NO_EXPORT,), False, True),
        (EXTERNAL, (64500 << 16 | 1, NO_EXPORT_SUBCONFED), False, True),
        (EXTERNAL, (NO_ADVERTISE,), False, False),
        (EXTERNAL, (NO_EXPORT, NO_ADVERTISE), False, False),
        (LOCAL, (NO_EXPORT,), False, True),
        (EXTERNAL, (0xFFFFFF04, 0xFFFF0000), True, True),
        # The mark stands across two communities, neither of which is well known.
        (EXTERNAL, (0x0001FFFF, 0xFF010000), True, True),
    ],
)
def test_who_is_told(
    source: Source, communities: tuple[int, ...], to_external: bool, to_internal: bool
) -> None:
    path = make_path(source, communities=communities)

    assert may_tell(path, make_audience(is_ebgp=True)) is to_external
    assert may_tell(path, make_audience(is_ebgp=False)) is to_internal


@pytest.mark.parametrize(
    ("source", "next_hop", "to_external", "to_internal"),
    [
        (EXTERNAL, THIRD_4, OURS_4, THIRD_4),
        (INTERNAL, THIRD_4, OURS_4, THIRD_4),
        (LOCAL, THIRD_4, THIRD_4, THIRD_4),
        (LOCAL, bytes(4), OURS_4, OURS_4),
        (INTERFACE, bytes(4), OURS_4, OURS_4),
        (EXTERNAL, PEER_4, OURS_4, OURS_4),
        (LOCAL, PEER_4, OURS_4, OURS_4),
        (EXTERNAL, THIRD_6, OURS_4, OURS_4),
    ],
)
def test_next_hop_of_ipv4_routes(
    source: Source, next_hop: bytes, to_external: bytes, to_internal: bytes
) -> None:
    path = make_path(source, next_hop)

    assert choose_next_hop(path, IPV4, make_audience(is_ebgp=True)) == (to_external, b"")
    assert choose_next_hop(path, IPV4, make_audience(is_ebgp=False)) == (to_internal, b"")


def test_next_hop_of_ipv6_routes_has_both_addresses_when_it_is_ours() -> None:
    path = make_path(EXTERNAL, THIRD_6)
    imported = make_path(INTERFACE, bytes(16))

    assert choose_next_hop(path, IPV6, make_audience()) == (OURS_6, OURS_LINK_LOCAL)
    assert choose_next_hop(path, IPV6, make_audience(is_ebgp=False)) == (THIRD_6, b"")
    assert choose_next_hop(imported, IPV6, make_audience(is_ebgp=False)) == (
        OURS_6,
        OURS_LINK_LOCAL,
    )
    no_link_local = make_audience(next_hops=SelfNextHops(b"", OURS_6))
    assert choose_next_hop(path, IPV6, no_link_local) == (OURS_6, b"")


def test_next_hop_is_empty_when_no_address_of_ours_is_known() -> None:
    audience = make_audience(next_hops=SelfNextHops(ipv6=OURS_6))

    assert choose_next_hop(make_path(EXTERNAL), IPV4, audience) == (b"", b"")


# ORIGIN IGP; AS_PATH 64500 64503 70000
TO_EXTERNAL = "40010100 40020e 0203 0000fbf4 0000fbf7 00011170"
# ORIGIN IGP; AS_PATH 64503 70000; MED 30; LOCAL_PREF 100
TO_INTERNAL = "40010100 40020a 0202 0000fbf7 00011170 800404 0000001e 400504 00000064"
# ORIGIN IGP; AS_PATH 64500; MED 30
LOCAL_TO_EXTERNAL = "40010100 400206 0201 0000fbf4 800404 0000001e"
# ORIGIN IGP; empty AS_PATH; MED 30; LOCAL_PREF 200
LOCAL_TO_INTERNAL = "40010100 400200 800404 0000001e 400504 000000c8"


@pytest.mark.parametrize(
    ("source", "is_ebgp", "octets"),
    [
        (EXTERNAL, True, TO_EXTERNAL),
        (EXTERNAL, False, TO_INTERNAL),
        (INTERNAL, True, TO_EXTERNAL),
        (LOCAL, True, LOCAL_TO_EXTERNAL),
        (LOCAL, False, LOCAL_TO_INTERNAL),
        (INTERFACE, True, LOCAL_TO_EXTERNAL),
    ],
)
def test_attributes_sent(source: Source, is_ebgp: bool, octets: str) -> None:
    told = announce(make_path(source), IPV4, make_audience(is_ebgp=is_ebgp))

    assert told.octets == bytes.fromhex(octets)


def check_shown(shown: PathAttributes) -> None:
    assert shown.as_path == ((AS_SEQUENCE, (64500, 64503, 70000)),)
    assert (shown.origin, shown.med, shown.local_pref) == (0, None, None)
    assert (shown.as_path_length, shown.neighbor_as) == (3, 64500)
    assert shown.communities == (7,)


@pytest.mark.parametrize("four_octet_as", [True, False])
def test_attributes_as_sent_show_what_the_peer_has(four_octet_as: bool) -> None:
    audience = make_audience(four_octet_as=four_octet_as)
    shown = attributes_as_sent(make_path(EXTERNAL, communities=(7,)), IPV4, audience)

    check_shown(shown)
    assert shown.next_hop == shown.find(3) == OURS_4


def test_attributes_as_sent_of_an_ipv6_route() -> None:
    path = make_path(EXTERNAL, THIRD_6, communities=(7,))
    shown = attributes_as_sent(path, IPV6, make_audience())

    check_shown(shown)
    assert (shown.next_hop, shown.link_local, shown.find(3)) == (OURS_6, OURS_LINK_LOCAL, None)
