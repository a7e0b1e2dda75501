"""Next hops of another family than the route's (RFC 8950), and link-local ones."""

import pytest

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.rib.advertise import Audience, SelfNextHops, attributes_as_sent, choose_next_hop
from gobgp_trio.types.attributes import AS_SEQUENCE
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

IPV4, IPV6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
PEER_4, OURS_4, THIRD_4 = bytes((10, 0, 0, 2)), bytes((10, 0, 0, 1)), bytes((192, 0, 2, 9))
PEER_6 = bytes.fromhex("20010db8000000000000000000000002")
OURS_6 = bytes.fromhex("20010db8000000000000000000000001")
THIRD_6 = bytes.fromhex("20010db8000000000000000000000099")
OURS_LINK = bytes.fromhex("fe800000000000000000000000000001")
THIRD_LINK = bytes.fromhex("fe800000000000000000000000000099")
BOTH = SelfNextHops(OURS_4, OURS_6, OURS_LINK)
ONLY_6 = SelfNextHops(b"", OURS_6, OURS_LINK)
ONLY_LINK = SelfNextHops(b"", OURS_LINK)
ONLY_4 = SelfNextHops(OURS_4)
EXTERNAL = Source(SourceKind.PEER, "10.0.0.3", is_ebgp=True, peer_as=64503)
LOCAL = Source(SourceKind.LOCAL, "local")


def make_path(next_hop: bytes, link_local: bytes = b"", source: Source = EXTERNAL) -> Path:
    attributes = make_attributes(
        origin=0,
        next_hop=next_hop,
        link_local=link_local,
        as_path=((AS_SEQUENCE, (64503,)),),
    )
    return Path(source, attributes, 1.0)


def make_audience(
    peer: bytes, ours: SelfNextHops, *, is_extended: bool = True, is_ebgp: bool = True
) -> Audience:
    context = CodecContext(
        True,
        is_ebgp,
        64500,
        frozenset((IPV4, IPV6)),
        extended_next_hop=frozenset((IPV4,) if is_extended else ()),
    )
    return Audience(context, "peer", peer, ours)


@pytest.mark.parametrize(
    ("peer", "ours", "is_extended", "expected"),
    [
        # Over an IPv4 session our IPv4 address is good enough.
        (PEER_4, BOTH, True, (OURS_4, b"")),
        (PEER_4, BOTH, False, (OURS_4, b"")),
        (PEER_6, BOTH, True, (OURS_6, OURS_LINK)),
        (PEER_6, BOTH, False, (OURS_4, b"")),
        (PEER_6, ONLY_6, True, (OURS_6, OURS_LINK)),
        (PEER_6, ONLY_6, False, (b"", b"")),
        (THIRD_LINK, ONLY_LINK, True, (OURS_LINK, b"")),
        (PEER_6, ONLY_4, True, (OURS_4, b"")),
        (PEER_4, SelfNextHops(), True, (b"", b"")),
    ],
)
def test_ourselves_as_next_hop_of_ipv4_routes(
    peer: bytes, ours: SelfNextHops, is_extended: bool, expected: tuple[bytes, bytes]
) -> None:
    audience = make_audience(peer, ours, is_extended=is_extended)
    assert choose_next_hop(make_path(THIRD_4), IPV4, audience) == expected
    assert choose_next_hop(make_path(bytes(4), source=LOCAL), IPV4, audience) == expected


@pytest.mark.parametrize(
    ("own", "is_extended", "expected"),
    [
        (THIRD_4, True, (THIRD_4, b"")),
        (THIRD_6, True, (THIRD_6, b"")),
        (THIRD_6, False, (OURS_4, b"")),
        (THIRD_LINK, True, (OURS_4, b"")),
        (PEER_6, True, (PEER_6, b"")),
    ],
)
def test_next_hop_that_an_internal_peer_gets_for_ipv4_routes(
    own: bytes, is_extended: bool, expected: tuple[bytes, bytes]
) -> None:
    audience = make_audience(PEER_4, BOTH, is_extended=is_extended, is_ebgp=False)
    assert choose_next_hop(make_path(own), IPV4, audience) == expected


def test_a_link_local_next_hop_is_never_passed_on() -> None:
    for is_ebgp in (True, False):
        audience = make_audience(PEER_6, BOTH, is_ebgp=is_ebgp)
        path = make_path(THIRD_LINK, THIRD_LINK)
        assert choose_next_hop(path, IPV6, audience) == (OURS_6, OURS_LINK)
    internal = make_audience(PEER_6, BOTH, is_ebgp=False)
    assert choose_next_hop(make_path(THIRD_6, THIRD_LINK), IPV6, internal) == (THIRD_6, b"")


def test_an_ipv6_route_never_gets_an_ipv4_next_hop() -> None:
    internal = make_audience(PEER_4, BOTH, is_ebgp=False)
    assert choose_next_hop(make_path(THIRD_4), IPV6, internal) == (OURS_6, OURS_LINK)


def test_what_the_peer_has_of_an_ipv4_route_by_ipv6() -> None:
    shown = attributes_as_sent(make_path(THIRD_4), IPV4, make_audience(PEER_6, BOTH))
    assert (shown.next_hop, shown.link_local, shown.find(3)) == (OURS_6, OURS_LINK, None)
