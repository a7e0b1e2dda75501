"""Sessions of every kind come up and stay up, and nobody has a reason to complain."""

import time

import pytest

from harness.peers.base import HOLD_TIME_S
from harness.wait import wait_until
from interop import matrix
from interop.matrix import PEERS, fills
from interop.scene import SPOTS, Place, Scene, Spot

HOLD_TIMES_COUNT = 3


@pytest.mark.parametrize(
    ("kind", "place", "version"),
    [
        pytest.param(kind, place, version, marks=fills(row), id=f"{kind} {place.name} IPv{version}")
        for place, version, row in (
            (Place.EXTERNAL, 4, matrix.EXTERNAL_V4),
            (Place.EXTERNAL, 6, matrix.EXTERNAL_V6),
            (Place.INTERNAL, 4, matrix.INTERNAL),
        )
        for kind in PEERS
    ],
)
def test_a_session_is_established(scene: Scene, spot: Spot, version: int) -> None:
    (link,) = [link for link in spot.links() if link.version == version]
    peer = scene.peers[spot]
    wait_until(lambda: peer.is_established(link), "the peer says Established", poll_s=0.2)
    assert scene.daemon.neighbor_state(link.local) == "Establ"


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        pytest.param(spot.kind, spot.place, marks=fills(matrix.ENDURANCE), id=spot.name)
        for spot in SPOTS
    ],
)
def test_a_session_outlives_its_hold_time_in_peace(scene: Scene, spot: Spot) -> None:
    peer = scene.peers[spot]
    end_s = scene.complete_since_s + HOLD_TIMES_COUNT * HOLD_TIME_S
    wait_until(lambda: time.monotonic() > end_s, "three hold times are over", timeout_s=60)
    assert [peer.is_established(link) for link in spot.links()] == [True] * len(spot.links())
    assert peer.notifications() == (0, 0)
    assert peer.complaints() == []
