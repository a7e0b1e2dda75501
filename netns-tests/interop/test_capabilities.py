"""What peers agree on beyond routes: refreshes and long messages."""

import socket
from functools import partial

import pytest

from harness.peers.base import Attributes, Feature, Link
from harness.wait import wait_until
from interop import matrix
from interop.matrix import PEERS, fills
from interop.scene import SPOTS, Place, Scene, Spot

PLAIN = ("20.0.1.0/24", "2001:db8:21:1::/64")
LONG = "20.0.2.0/24"
LONG_V6 = "2001:db8:21:2::/64"
THEIR_LONG = "2001:db8:21:3::/64"
LONG_COUNT = 400  # of 12 octets each
LARGE = " ".join(f"1:1:{number}" for number in range(1, LONG_COUNT + 1))


@pytest.fixture(scope="module")
def plain_routes(scene: Scene) -> None:
    """Something to be sent again."""
    for prefix in PLAIN:
        scene.originate(prefix, Attributes())


@pytest.fixture(scope="module")
def long_routes(scene: Scene) -> None:
    """Of ours, more octets of attributes than an ordinary message takes."""
    for prefix in (LONG, LONG_V6):
        scene.originate(prefix, Attributes(large=LARGE))


def places_of(row: str, place: Place) -> list[object]:
    return [
        pytest.param(kind, place, marks=fills(row), id=kind)
        for kind in matrix.kinds(row)
        if Spot(kind, place) in SPOTS
    ]


def prefixes_of(link: Link) -> list[str]:
    return [PLAIN[version == 6] for version in link.families]


def wait_routes(scene: Scene, spot: Spot, link: Link) -> None:
    peer = scene.peers[spot]
    wait_until(
        lambda: all(peer.route(prefix) for prefix in prefixes_of(link)),
        "it has the plain routes",
        poll_s=0.2,
    )


@pytest.mark.parametrize(("kind", "place"), places_of(matrix.HOST_NAME, Place.INTERNAL))
def test_our_host_name_at_the_peer(scene: Scene, spot: Spot) -> None:
    (link,) = spot.links()
    peer = scene.peers[spot]
    wait_until(lambda: peer.host_name(link), "it shows a name", poll_s=0.2)
    assert peer.host_name(link) == socket.gethostname()


@pytest.mark.usefixtures("plain_routes")
@pytest.mark.parametrize(("kind", "place"), places_of(matrix.REFRESH, Place.INTERNAL))
def test_a_peer_asks_for_a_refresh(scene: Scene, spot: Spot) -> None:
    (link,) = spot.links()
    peer = scene.peers[spot]
    wait_routes(scene, spot, link)
    before = peer.updates_received(link)
    peer.ask_refresh(link)
    wanted = before + len(link.families)
    wait_until(lambda: peer.updates_received(link) >= wanted, "all come again", poll_s=0.2)
    wait_routes(scene, spot, link)
    assert peer.is_established(link)


@pytest.mark.usefixtures("plain_routes")
@pytest.mark.parametrize(("kind", "place"), places_of(matrix.ENHANCED_REFRESH, Place.SPECIAL))
def test_a_refresh_is_marked(scene: Scene, spot: Spot) -> None:
    (link,) = spot.links()
    peer = scene.peers[spot]
    wait_routes(scene, spot, link)
    before = peer.refresh_marks(link)
    peer.ask_refresh(link)
    wanted = before + 2 * len(link.families)
    wait_until(lambda: peer.refresh_marks(link) >= wanted, "the marks come", poll_s=0.2)
    assert peer.refresh_marks(link) == wanted
    wait_routes(scene, spot, link)
    assert peer.is_established(link)


@pytest.mark.usefixtures("long_routes")
@pytest.mark.parametrize(("kind", "place"), places_of(matrix.LONG_MESSAGES, Place.SPECIAL))
def test_long_messages_both_ways(scene: Scene, spot: Spot) -> None:
    peer = scene.peers[spot]
    for prefix in (LONG, LONG_V6):
        wait_until(partial(peer.has_large, prefix, LARGE), f"it has {prefix}", poll_s=0.2)
    peer.announce(THEIR_LONG, Attributes(large=LARGE))

    def arrived() -> bool:
        found = scene.learnt().get(THEIR_LONG)
        return found is not None and found.large == LARGE

    wait_until(arrived, "our table has the peer's", poll_s=0.2)
    peer.withdraw(THEIR_LONG)
    wait_until(lambda: THEIR_LONG not in scene.learnt(), "and has it no longer", poll_s=0.2)
    (link,) = spot.links()
    assert peer.is_established(link)


@pytest.mark.usefixtures("plain_routes", "long_routes")
@pytest.mark.parametrize(("kind", "place"), places_of(matrix.TOO_LONG, Place.INTERNAL))
def test_a_route_that_is_too_long(scene: Scene, spot: Spot) -> None:
    peer = scene.peers[spot]
    (link,) = spot.links()
    assert Feature.EXTENDED_MESSAGES not in PEERS[spot.kind].features
    wait_routes(scene, spot, link)
    scene.originate(PLAIN[0], Attributes(med=5))  # comes after the long ones
    wait_until(lambda: (peer.route(PLAIN[0]) or Attributes()).med == 5, "a later one comes")
    assert peer.route(LONG) is None
    assert peer.route(LONG_V6) is None
    scene.originate(PLAIN[0], Attributes())
    assert peer.is_established(link)
