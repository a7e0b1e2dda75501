"""Routes with every attribute, both ways, between us and each peer.

Each story is told once for all peers side by side (a fixture); the tests judge what each of them
had at each stage.  Where the attributes of the two families differ at all, it is in the next hop.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from harness.peers.base import ROUTE_TIMEOUT_S, Attributes
from harness.wait import WaitedInVain, wait_until
from interop import matrix
from interop.matrix import PEERS, fills
from interop.scene import SPOTS, Place, Scene, Spot, side_by_side

OUR_PREFIX = {4: "20.0.0.0/24", 6: "2001:db8:20::/48"}
FIRST = Attributes(
    origin="egp",
    as_path="65100 65101",
    med=50,
    local_pref=150,
    communities="65001:100 65001:200",
    extended="rt:65001:100 rt:192.0.2.9:7",
    large="65001:1:100 65001:2:100",
    aggregator="65100 192.0.2.9",
)
SECOND = Attributes(
    origin="incomplete",
    as_path="4200000001",
    med=60,
    communities="65001:300",
    large="4200000001:3:300",
)
AT_EXTERNAL = [
    Attributes(
        origin="egp",
        as_path="65001 65100 65101",
        med=50,
        communities="65001:100 65001:200",
        extended="rt:65001:100 rt:192.0.2.9:7",
        large="65001:1:100 65001:2:100",
        aggregator="65100 192.0.2.9",
    ),
    Attributes(
        origin="incomplete",
        as_path="65001 4200000001",
        med=60,
        communities="65001:300",
        large="4200000001:3:300",
    ),
    None,
]
AT_INTERNAL = [
    Attributes(
        origin="egp",
        as_path="65100 65101",
        med=50,
        local_pref=150,
        communities="65001:100 65001:200",
        extended="rt:65001:100 rt:192.0.2.9:7",
        large="65001:1:100 65001:2:100",
        aggregator="65100 192.0.2.9",
    ),
    Attributes(
        origin="incomplete",
        as_path="4200000001",
        med=60,
        local_pref=100,
        communities="65001:300",
        large="4200000001:3:300",
    ),
    None,
]
THEIR_FIRST = Attributes(
    origin="egp",
    as_path="65200 65201",
    med=70,
    local_pref=170,
    communities="65200:100 65200:200",
    extended="rt:65200:100 rt:192.0.2.8:7",
    large="65200:1:100 65200:2:100",
    aggregator="65200 192.0.2.8",
    atomic=True,
    unknown="200:01020304",
)
THEIR_SECOND = Attributes(
    origin="incomplete",
    as_path="4200000002",
    med=80,
    local_pref=180,
    communities="65200:300",
    large="4200000002:3:300",
)
Seen = list[Attributes | None]  # a stage each: announced, changed, withdrawn
Told = dict[tuple[Spot, int], Seen]

CORE = (Place.EXTERNAL, Place.INTERNAL)
SIDES = [(spot, version) for spot in SPOTS for link in spot.links() for version in link.families]


def cases(*rows: str, places: Collection[Place] = tuple(Place)) -> list[Any]:
    """Every peer in these places with each family: its row is the first, second ... of ``rows``."""
    found = []
    for spot, version in SIDES:
        if spot.place in places:
            row = rows[2 * list(places).index(spot.place) + (version == 6)]
            name = f"{spot.name} IPv{version}"
            found.append(pytest.param(spot.kind, spot.place, version, marks=fills(row), id=name))
    return found


@pytest.fixture(scope="module")
def told_by_us(scene: Scene) -> Told:
    """We announce a route to everybody, change it and withdraw it: what each peer had."""
    told: Told = {side: [] for side in SIDES}
    for stage, attributes in enumerate((FIRST, SECOND, None)):
        for prefix in OUR_PREFIX.values():
            if attributes is None:
                scene.withdraw(prefix)
            else:
                scene.originate(prefix, attributes)

        def look(side: tuple[Spot, int], stage: int = stage) -> Attributes | None:
            spot, version = side
            expected = expected_of_us(spot, version)[stage]
            return scene.peers[spot].observe(OUR_PREFIX[version], expected)

        for side, seen in zip(SIDES, side_by_side(look, SIDES), strict=True):
            told[side].append(seen)
    return told


def families(spot: Spot) -> list[int]:
    return [version for link in spot.links() for version in link.families]


def expected_of_us(spot: Spot, version: int) -> Seen:
    """The peer's view of our route at each stage; we are the next hop."""
    stages = AT_INTERNAL if spot.place is Place.INTERNAL else AT_EXTERNAL
    next_hop = spot.ours(6 if spot.place is Place.SPECIAL else version)
    return [attributes and replace(attributes, next_hop=next_hop) for attributes in stages]


@pytest.mark.parametrize(
    ("kind", "place", "version"),
    cases(
        matrix.TO_EXTERNAL_V4,
        matrix.TO_EXTERNAL_V6,
        matrix.TO_INTERNAL_V4,
        matrix.TO_INTERNAL_V6,
        matrix.EXTENDED_NEXT_HOP,
        matrix.PROTECTED,
        matrix.TWO_OCTET_AS,
    ),
)
def test_our_route_at_the_peer(scene: Scene, told_by_us: Told, spot: Spot, version: int) -> None:
    peer = scene.peers[spot]
    expected = [peer.as_shown(one) for one in expected_of_us(spot, version)]
    assert told_by_us[spot, version] == expected


@pytest.fixture(scope="module")
def told_by_them(scene: Scene) -> tuple[Told, Told, Told]:
    """Every peer announces, changes and withdraws a route of its own.

    What our table showed of each, and what every peer had of a third one's when all was announced.
    """
    told: Told = {side: [] for side in SIDES}
    passed_on: Told = {}
    reflected: Told = {}
    for attributes in (THEIR_FIRST, THEIR_SECOND, None):

        def say(spot: Spot, attributes: Attributes | None = attributes) -> None:
            peer = scene.peers[spot]
            for version in families(spot):
                if attributes is None:
                    peer.withdraw(spot.prefix(version))
                else:
                    given = attributes.without(peer.cannot_set)
                    peer.announce(spot.prefix(version), given)

        side_by_side(say, SPOTS)
        wanted = {side: expected_of_them(*side, attributes) for side in SIDES}
        table: dict[str, Attributes] = {}

        def all_there(wanted: dict[tuple[Spot, int], Attributes | None] = wanted) -> bool:
            nonlocal table
            table = scene.learnt()
            return all(
                table.get(spot.prefix(version)) == expected
                for (spot, version), expected in wanted.items()
            )

        with suppress(WaitedInVain):
            wait_until(all_there, "our table has all", timeout_s=ROUTE_TIMEOUT_S, poll_s=0.2)
        for spot, version in SIDES:
            told[spot, version].append(table.get(spot.prefix(version)))
        if attributes is THEIR_FIRST:
            passed_on = look_at_transit(scene)
            reflected = look_at_reflection(scene)
    return told, passed_on, reflected


def expected_of_them(spot: Spot, version: int, attributes: Attributes | None) -> Attributes | None:
    """Our view of a peer's route; the peer is the next hop."""
    if attributes is None:
        return None
    seen = attributes.without(PEERS[spot.kind].cannot_set)
    if seen.unknown:
        seen = replace(seen, partial=True)
    if spot.place is not Place.INTERNAL:
        path = f"{spot.as_number} {seen.as_path}".strip()
        seen = replace(seen, as_path=path, local_pref=None)
    return replace(seen, next_hop=spot.own(6 if spot.place is Place.SPECIAL else version))


@pytest.mark.parametrize(
    ("kind", "place", "version"),
    cases(
        matrix.FROM_EXTERNAL_V4,
        matrix.FROM_EXTERNAL_V6,
        matrix.FROM_INTERNAL_V4,
        matrix.FROM_INTERNAL_V6,
        matrix.EXTENDED_NEXT_HOP,
        matrix.PROTECTED,
        matrix.TWO_OCTET_AS,
    ),
)
def test_a_peers_route_in_our_table(
    told_by_them: tuple[Told, Told, Told], spot: Spot, version: int
) -> None:
    stages = (THEIR_FIRST, THEIR_SECOND, None)
    told, _, _ = told_by_them
    assert told[spot, version] == [expected_of_them(spot, version, one) for one in stages]


def third_router(spot: Spot) -> Spot:
    """Whose route a peer gets through us: one that can set every attribute."""
    same = spot == Spot("ExaBGP", Place.EXTERNAL)
    return Spot("ExaBGP", Place.INTERNAL if same else Place.EXTERNAL)


def expected_in_transit(spot: Spot, version: int) -> Attributes:
    source = third_router(spot)
    path = "65015 65200 65201" if source.place is Place.EXTERNAL else "65200 65201"
    seen = Attributes(
        origin="egp",
        as_path=path,
        next_hop=source.own(version),
        med=70,
        local_pref=100,
        communities="65200:100 65200:200",
        extended="rt:65200:100 rt:192.0.2.8:7",
        large="65200:1:100 65200:2:100",
        aggregator="65200 192.0.2.8",
        atomic=True,
        unknown="200:01020304",
        partial=True,
    )
    if spot.place is Place.INTERNAL:
        return seen
    return replace(
        seen,
        as_path=f"65001 {path}",
        next_hop=spot.ours(version),
        med=None,
        local_pref=None,
    )


def look_at_transit(scene: Scene) -> Told:
    def look(side: tuple[Spot, int]) -> Attributes | None:
        spot, version = side
        prefix = third_router(spot).prefix(version)
        return scene.peers[spot].observe(prefix, expected_in_transit(spot, version))

    sides = [(spot, version) for spot, version in SIDES if spot.place in CORE]
    found = side_by_side(look, sides)
    return {side: [seen] for side, seen in zip(sides, found, strict=True)}


@pytest.mark.parametrize(
    ("kind", "place", "version"),
    cases(
        matrix.TRANSIT_EXTERNAL,
        matrix.TRANSIT_EXTERNAL,
        matrix.TRANSIT_INTERNAL,
        matrix.TRANSIT_INTERNAL,
        places=CORE,
    ),
)
def test_a_third_routers_route_at_the_peer(
    scene: Scene, told_by_them: tuple[Told, Told, Told], spot: Spot, version: int
) -> None:
    _, passed_on, _ = told_by_them
    expected = scene.peers[spot].as_shown(expected_in_transit(spot, version))
    assert passed_on[spot, version] == [expected]


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        pytest.param(kind, place, marks=fills(matrix.UNKNOWN), id=f"{kind} {place.name}")
        for kind in matrix.kinds(matrix.UNKNOWN)
        for place in CORE
    ],
)
def test_an_unknown_attribute_at_the_peer(
    scene: Scene, told_by_them: tuple[Told, Told, Told], spot: Spot
) -> None:
    _, passed_on, _ = told_by_them
    (seen,) = passed_on[spot, 4]
    assert seen is not None
    assert seen.unknown == "200:01020304"
    assert seen.partial is (None if "partial" in scene.peers[spot].hides else True)


def mirrored(spot: Spot) -> Spot:
    """Whose route an internal peer gets by reflection."""
    return Spot("FRR" if spot.kind == "ExaBGP" else "ExaBGP", Place.INTERNAL)


def expected_reflection(spot: Spot, version: int) -> Attributes:
    source = mirrored(spot)
    seen = replace(
        THEIR_FIRST,
        partial=True,
        next_hop=source.own(version),
        originator=source.own(4),
        cluster_list="10.255.0.1",
    )
    return seen if source.kind == "ExaBGP" else seen.without({"unknown", "partial"})


def look_at_reflection(scene: Scene) -> Told:
    def look(side: tuple[Spot, int]) -> Attributes | None:
        spot, version = side
        prefix = mirrored(spot).prefix(version)
        return scene.peers[spot].observe(prefix, expected_reflection(spot, version))

    sides = [(spot, version) for spot, version in SIDES if spot.place is Place.INTERNAL]
    found = side_by_side(look, sides)
    return {side: [seen] for side, seen in zip(sides, found, strict=True)}


@pytest.mark.parametrize(
    ("kind", "place", "version"),
    cases(matrix.REFLECTED, matrix.REFLECTED, places=(Place.INTERNAL,)),
)
def test_a_reflected_route_at_the_peer(
    scene: Scene, told_by_them: tuple[Told, Told, Told], spot: Spot, version: int
) -> None:
    _, _, reflected = told_by_them
    expected = scene.peers[spot].as_shown(expected_reflection(spot, version))
    assert reflected[spot, version] == [expected]


CLUSTERS = "20.200.0.0/24"


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        pytest.param(kind, Place.INTERNAL, marks=fills(matrix.REFLECTED), id=kind)
        for kind in PEERS
        if kind != "ExaBGP"  # it is the one who tells
    ],
)
def test_a_route_that_was_reflected_before(scene: Scene, spot: Spot) -> None:
    """Its ORIGINATOR_ID stays, and its CLUSTER_LIST grows."""
    source = Spot("ExaBGP", Place.INTERNAL)
    told = Attributes(
        as_path="65200", originator="192.0.2.77", cluster_list="192.0.2.78 192.0.2.79"
    )
    scene.peers[source].announce(CLUSTERS, told)
    expected = Attributes(
        origin="igp",
        as_path="65200",
        next_hop="10.0.15.2",
        local_pref=100,
        originator="192.0.2.77",
        cluster_list="10.255.0.1 192.0.2.78 192.0.2.79",
    )
    assert scene.peers[spot].observe(CLUSTERS, expected) == expected
