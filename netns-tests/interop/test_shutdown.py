"""Sessions that an operator ends, on either side: what is said, and that they can come back."""

import pytest

from harness.gobgpd import GOBGP
from harness.wait import wait_until
from interop import matrix
from interop.matrix import fills
from interop.scene import Place, Scene, Spot

MESSAGE = "back at noon, call Ada"


def places_of(row: str) -> list[object]:
    return [
        pytest.param(kind, Place.EXTERNAL, marks=fills(row), id=kind) for kind in matrix.kinds(row)
    ]


@pytest.mark.parametrize(("kind", "place"), places_of(matrix.SHUT_BY_US))
def test_we_shut_a_session(scene: Scene, spot: Spot) -> None:
    link = spot.links()[0]
    peer = scene.peers[spot]
    assert MESSAGE not in peer.heard()
    scene.router.run(GOBGP, "neighbor", link.local, "disable", "--reason", MESSAGE)
    wait_until(lambda: MESSAGE in peer.heard(), "the peer shows our message", poll_s=0.2)
    wait_until(lambda: not peer.is_established(link), "the session is down", poll_s=0.2)
    scene.router.run(GOBGP, "neighbor", link.local, "enable")
    peer.wait_established(link)


@pytest.mark.parametrize(("kind", "place"), places_of(matrix.SHUT_BY_THEM))
def test_the_peer_shuts_a_session(scene: Scene, spot: Spot) -> None:
    link = spot.links()[1]
    peer = scene.peers[spot]
    peer.wait_established(link)
    said = f"{spot.kind}: {MESSAGE}"
    peer.shut(link, said)
    wait_until(lambda: said in scene.daemon.log(), "our log has its message", poll_s=0.2)
    peer.reopen(link)
    peer.wait_established(link)
