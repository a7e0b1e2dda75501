"""Route reflection (RFC 4456) and third-party next hops (RFC 4271 section 5.1.3)."""

import pytest

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.rib.adj_in import (
    REJECTED_CLUSTER_LOOP,
    REJECTED_ORIGINATOR_LOOP,
    LoopCheck,
)
from gobgp_trio.rib.advertise import (
    Audience,
    Reflection,
    SelfNextHops,
    announce,
    attributes_as_sent,
    choose_next_hop,
    may_tell,
)
from gobgp_trio.types.attributes import AS_SEQUENCE, CLUSTER_LIST, FLAG_OPTIONAL, ORIGINATOR_ID
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind
from gobgp_trio.types.prefix import parse_address

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
LOCAL_AS = 64500
ROUTER_ID = bytes((10, 0, 0, 1))
OURS = SelfNextHops(ROUTER_ID, parse_address("2001:db8::1"), parse_address("fe80::1"))
FAR = bytes((192, 0, 2, 9))
REFLECTED = (
    (FLAG_OPTIONAL, ORIGINATOR_ID, bytes((4, 4, 4, 4))),
    (FLAG_OPTIONAL, CLUSTER_LIST, bytes((5, 5, 5, 5))),
)


def make_audience(
    *,
    is_ebgp: bool = False,
    is_client: bool = False,
    cluster_id: bytes = ROUTER_ID,
    peer: str = "10.0.0.2",
    networks: tuple[str, ...] = (),
) -> Audience:
    context = CodecContext(True, is_ebgp, LOCAL_AS, frozenset((IPV4, IPV6)))
    return Audience(
        context,
        peer,
        parse_address(peer),
        OURS,
        networks=tuple(bytes.fromhex(network) for network in networks),
        reflection=Reflection(is_client, cluster_id),
    )


def make_source(*, is_client: bool = False, is_ebgp: bool = False, cluster_id: str = "") -> Source:
    return Source(
        SourceKind.PEER,
        "10.0.0.3",
        is_ebgp=is_ebgp,
        router_id=bytes((3, 3, 3, 3)),
        is_reflector_client=is_client,
        cluster_id=parse_address(cluster_id) if cluster_id else b"",
    )


def make_path(source: Source, next_hop: bytes = FAR, *, is_reflected: bool = False) -> Path:
    attributes = make_attributes(
        origin=0,
        next_hop=next_hop,
        as_path=((AS_SEQUENCE, (64501,)),),
        local_pref=100,
        others=REFLECTED if is_reflected else (),
    )
    return Path(source, attributes, 1.0)


@pytest.mark.parametrize(
    ("from_client", "from_external", "to_client", "to_external", "is_told"),
    [
        (False, False, False, False, False),
        (False, False, True, False, True),
        (True, False, False, False, True),
        (True, False, True, False, True),
        (False, True, False, False, True),
        (False, True, True, False, True),
        (True, False, False, True, True),
        (False, False, False, True, True),
    ],
)
def test_who_is_told_of_an_internal_path(
    from_client: bool, from_external: bool, to_client: bool, to_external: bool, is_told: bool
) -> None:
    path = make_path(make_source(is_client=from_client, is_ebgp=from_external))

    assert may_tell(path, make_audience(is_ebgp=to_external, is_client=to_client)) is is_told


def test_a_client_is_not_told_its_own_path() -> None:
    assert not may_tell(
        make_path(make_source(is_client=True)), make_audience(is_client=True, peer="10.0.0.3")
    )


def test_a_reflected_path_does_not_go_to_its_next_hop() -> None:
    path = make_path(make_source(is_client=True), bytes((10, 0, 0, 2)))

    assert not may_tell(path, make_audience(is_client=True))
    assert may_tell(path, make_audience(is_client=True, peer="10.0.0.4"))


# ORIGIN IGP; AS_PATH 64501; LOCAL_PREF 100
COMMON = "40010100 400206 0201 0000fbf5 400504 00000064"


@pytest.mark.parametrize(
    ("source_cluster", "is_reflected", "added"),
    [
        # ORIGINATOR_ID of the client, CLUSTER_LIST with the cluster alone
        ("", False, "800904 03030303 800a04 0a000001"),
        ("7.7.7.7", False, "800904 03030303 800a04 07070707"),
        # ORIGINATOR_ID stays, the cluster goes in front
        ("", True, "800904 04040404 800a08 0a000001 05050505"),
    ],
)
def test_what_reflection_adds(source_cluster: str, is_reflected: bool, added: str) -> None:
    source = make_source(is_client=True, cluster_id=source_cluster)
    told = announce(make_path(source, is_reflected=is_reflected), IPV4, make_audience())

    assert told.octets == bytes.fromhex(COMMON + added)
    assert told.next_hop == FAR


def test_the_clients_own_cluster_is_named_when_a_path_comes_from_outside_it() -> None:
    audience = make_audience(is_client=True, cluster_id=bytes((8, 8, 8, 8)))
    shown = attributes_as_sent(make_path(make_source()), IPV4, audience)

    assert shown.originator_id == bytes((3, 3, 3, 3))
    assert shown.cluster_list == (bytes((8, 8, 8, 8)),)


def test_reflection_adds_nothing_to_other_paths() -> None:
    to_client, to_external = make_audience(is_client=True), make_audience(is_ebgp=True)
    external = announce(make_path(make_source(is_ebgp=True)), IPV4, to_client)
    leaving = announce(make_path(make_source(is_client=True)), IPV4, to_external)

    assert external.octets == bytes.fromhex(COMMON)
    assert leaving.octets == bytes.fromhex("40010100 40020a 0202 0000fbf4 0000fbf5")


@pytest.mark.parametrize(
    ("router_id", "cluster_ids", "reason"),
    [
        ("4.4.4.4", (), REJECTED_ORIGINATOR_LOOP),
        ("5.5.5.5", (), ""),  # a cluster's number is no router's
        ("9.9.9.9", ("5.5.5.5",), REJECTED_CLUSTER_LOOP),
        ("9.9.9.9", ("9.9.9.9", "5.5.5.5"), REJECTED_CLUSTER_LOOP),
        ("9.9.9.9", ("9.9.9.9", "4.4.4.4"), ""),
    ],
)
def test_a_path_that_was_here_is_rejected(
    router_id: str, cluster_ids: tuple[str, ...], reason: str
) -> None:
    check = LoopCheck(
        LOCAL_AS, parse_address(router_id), {parse_address(text) for text in cluster_ids}
    )

    assert check.reason_to_reject(make_path(make_source(), is_reflected=True).attributes) == reason


@pytest.mark.parametrize(
    ("next_hop", "networks", "sent"),
    [
        ("10.0.0.77", ("18 0a0000",), "10.0.0.77"),
        ("10.0.1.77", ("18 0a0000",), "10.0.0.1"),
        ("10.0.1.77", ("18 0a0000", "18 0a0001"), "10.0.1.77"),
        ("10.0.0.77", (), "10.0.0.1"),
        ("10.0.0.2", ("18 0a0000",), "10.0.0.1"),  # the peer itself
        ("10.0.0.5", ("1e 0a000004",), "10.0.0.5"),
        ("10.0.0.9", ("1e 0a000004",), "10.0.0.1"),
    ],
)
def test_a_third_partys_next_hop_stays_in_the_network_shared_with_an_external_peer(
    next_hop: str, networks: tuple[str, ...], sent: str
) -> None:
    audience = make_audience(is_ebgp=True, networks=networks)

    for is_ebgp in (True, False):
        path = make_path(make_source(is_ebgp=is_ebgp), parse_address(next_hop))
        assert choose_next_hop(path, IPV4, audience) == (parse_address(sent), b"")


def test_a_third_partys_ipv6_next_hop() -> None:
    audience = make_audience(is_ebgp=True, peer="2001:db8::2", networks=("40 20010db800000000",))
    near, far = parse_address("2001:db8::77"), parse_address("2001:db8:1::77")

    assert choose_next_hop(make_path(make_source(), near), IPV6, audience) == (near, b"")
    assert choose_next_hop(make_path(make_source(), far), IPV6, audience) == (
        OURS.ipv6,
        OURS.ipv6_link_local,
    )


def test_networks_are_nothing_to_an_internal_peer() -> None:
    assert make_audience(networks=("18 0a0000",)).networks == ()


def test_sessions_of_one_kind() -> None:
    client = make_audience(is_client=True)

    assert client.kind == make_audience(is_client=True, peer="10.0.0.9").kind
    assert client.kind != make_audience().kind
    assert client.kind != make_audience(is_client=True, cluster_id=FAR).kind
    assert client.kind != make_audience(is_client=True, is_ebgp=True).kind
    assert client.kind != make_audience(is_client=True, peer="2001:db8::2").kind
    external = make_audience(is_ebgp=True)
    assert external.kind != make_audience(is_ebgp=True, networks=("18 0a0000",)).kind
