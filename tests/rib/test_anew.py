"""Tables looked at once more: by other options, and a source's paths by what is known now."""

import pytest

from gobgp_trio.config.schema import SelectionOptions
from gobgp_trio.rib.adj_in import REJECTED_CLUSTER_LOOP, LoopCheck
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Source, SourceKind

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
NET_A = bytes.fromhex("18 0a0101")
NET_B = bytes.fromhex("18 0a0102")
ROUTER_ID = bytes((10, 0, 0, 1))
CLUSTER = bytes((5, 6, 7, 8))
IN_CLUSTER = bytes.fromhex("800a04 05060708")


def make_attributes(*, med: int = 0, length: int = 1, wire: bytes = b"") -> PathAttributes:
    return PathAttributes(wire, b"\x0a\0\0\1", b"", 0, 100, med, length, 64501)


def make_source(number: int) -> Source:
    return Source(SourceKind.PEER, f"10.0.0.{number}", router_id=bytes(4), address=bytes((number,)))


class Scene:
    """A RIB with two sources; what its consumers are told."""

    def __init__(self) -> None:
        self.rib = Rib([IPV4, IPV6])
        self.clusters = {ROUTER_ID}
        self.first, self.second = make_source(1), make_source(2)
        for source in (self.first, self.second):
            self.rib.add_source(source, LoopCheck(64500, ROUTER_ID, self.clusters))
        self.told: BestChanges = {}
        self.rib.subscribe(lambda _, changes: self.told.update(changes))

    def announce(self, source: Source, attributes: PathAttributes, *nlris: bytes) -> None:
        self.rib.announce(source, IPV4, attributes, list(nlris), 1.0)
        self.told.clear()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_other_options_change_the_best_path_where_they_matter(scene: Scene) -> None:
    short, long_ = make_attributes(med=9, length=1), make_attributes(med=3, length=2)
    for nlri in (NET_A, NET_B):
        scene.announce(scene.first, short, nlri)
    scene.announce(scene.second, long_, NET_A)

    for _ in scene.rib.decide_anew(Decision(SelectionOptions(ignore_as_path_length=True))):
        pass

    table = scene.rib.tables[IPV4]
    assert [path.source for path in table.find(NET_A)] == [scene.second, scene.first]
    assert scene.told == {NET_A: table.find_best(NET_A)}
    # What comes later is decided alike.
    scene.announce(scene.second, long_, NET_B)
    assert [path.source for path in table.find(NET_B)] == [scene.second, scene.first]
    assert scene.rib.decision.explain_all(table.find(NET_B)) == ("5 MED", "5 MED")

    for _ in scene.rib.decide_anew(Decision()):
        pass
    assert [path.source for path in table.find(NET_A)] == [scene.first, scene.second]
    assert set(scene.told) == {NET_A, NET_B}


def test_other_options_are_in_force_before_the_first_slice(scene: Scene) -> None:
    scene.announce(scene.first, make_attributes(med=9, length=1), NET_A)
    scene.rib.decide_anew(Decision(SelectionOptions(ignore_as_path_length=True)))
    scene.announce(scene.second, make_attributes(med=3, length=2), NET_A)

    best = scene.rib.tables[IPV4].find_best(NET_A)
    assert best is not None
    assert best.source is scene.second


def test_a_source_is_judged_by_what_is_known_now(scene: Scene) -> None:
    plain, in_cluster = make_attributes(), make_attributes(wire=IN_CLUSTER)
    scene.announce(scene.first, plain, NET_A)
    scene.announce(scene.first, in_cluster, NET_B)
    scene.announce(scene.second, in_cluster, NET_B)
    adj_in = scene.rib.adj_in(scene.first, IPV4)
    kept = adj_in.find(NET_A)

    scene.clusters.add(CLUSTER)
    for _ in scene.rib.review(scene.first):
        pass

    rejected = adj_in.rejected.get(NET_B)
    assert rejected is not None
    assert rejected.rejected == REJECTED_CLUSTER_LOOP
    assert (rejected.received_s, NET_B in adj_in.accepted) == (1.0, False)
    best = scene.rib.tables[IPV4].find_best(NET_B)
    assert best is not None
    assert best.source is scene.second
    assert scene.told == {NET_B: best}
    assert adj_in.find(NET_A) is kept

    scene.clusters.remove(CLUSTER)
    for _ in scene.rib.review(scene.first):
        pass
    assert len(adj_in.rejected) == 0
    assert [path.source for path in scene.rib.tables[IPV4].find(NET_B)] == [
        scene.first,
        scene.second,
    ]


def test_a_source_that_goes_while_it_is_judged_is_judged_no_further(scene: Scene) -> None:
    nlris = [bytes((24, 10, number >> 8, number & 255)) for number in range(5000)]
    scene.announce(scene.first, make_attributes(wire=IN_CLUSTER), *nlris)
    adj_in = scene.rib.adj_in(scene.first, IPV4)
    scene.clusters.add(CLUSTER)
    steps = scene.rib.review(scene.first)
    next(steps)
    judged_count = len(adj_in.rejected)
    removal = scene.rib.remove_source(scene.first)
    assert list(steps) == []

    assert 0 < judged_count < 5000
    assert len(adj_in.rejected) == judged_count
    for _ in removal:
        pass
    assert len(scene.rib.tables[IPV4].routes) == 0
    assert scene.rib.tables[IPV4].path_count == 0
