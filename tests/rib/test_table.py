"""Tables: what the best path is after anything that sources may do, and what counts as news."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gobgp_trio.rib.adj_in import LoopCheck
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rib.shards import Shards
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path, Source, SourceKind

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
NET_A = bytes.fromhex("18 0a0101")
NET_B = bytes.fromhex("18 0a0102")
NET_C = bytes.fromhex("08 0b")
CHECK = LoopCheck(64500, b"\1\2\3\4", {b"\5\6\7\x08"})


def contents(shards: Shards[Any]) -> dict[bytes, Any]:
    return {nlri: value for entries in shards.slices() for nlri, value in entries}


def make_attributes(
    local_pref: int = 100, *, med: int = 0, neighbor_as: int = 64501, wire: bytes = b""
) -> PathAttributes:
    return PathAttributes(wire, b"\x0a\0\0\1", b"", 0, local_pref, med, 1, neighbor_as)


def make_peer(number: int) -> Source:
    return Source(
        SourceKind.PEER,
        f"10.0.0.{number}",
        is_ebgp=True,
        peer_as=64500 + number,
        router_id=bytes((1, 1, 1, number)),
        address=bytes((10, 0, 0, number)),
    )


@dataclass
class Update:
    reach: list[tuple[Family, PathAttributes, list[bytes]]] = field(default_factory=list)
    unreach: list[tuple[Family, list[bytes]]] = field(default_factory=list)


class Listener:
    """A consumer that keeps a copy of each batch."""

    def __init__(self, rib: Rib) -> None:
        self.rib = rib
        self.batches: list[tuple[Family, BestChanges]] = []
        rib.subscribe(self.on_changes)

    def on_changes(self, family: Family, changes: BestChanges) -> None:
        for nlri, path in changes.items():  # never told before the table has it
            assert self.rib.tables[family].find_best(nlri) is path
        self.batches.append((family, dict(changes)))

    def take(self) -> list[tuple[Family, BestChanges]]:
        batches, self.batches = self.batches, []
        return batches


@pytest.fixture
def rib() -> Rib:
    return Rib([IPV4, IPV6])


@pytest.fixture
def peer(rib: Rib) -> Source:
    source = make_peer(1)
    rib.add_source(source, CHECK)
    return source


@pytest.fixture
def other(rib: Rib) -> Source:
    source = make_peer(2)
    rib.add_source(source, CHECK)
    return source


@pytest.fixture
def listener(rib: Rib) -> Listener:
    return Listener(rib)


def test_one_update_fills_two_prefixes_with_one_path(
    rib: Rib, peer: Source, listener: Listener
) -> None:
    attributes = make_attributes()
    rib.apply(peer, [Update([(IPV4, attributes, [NET_A, NET_B])])], now_s=5.0)

    ((family, changes),) = listener.take()
    path = changes[NET_A]
    assert family is IPV4
    assert changes == {NET_A: path, NET_B: path}
    assert path is not None
    assert (path.source, path.attributes, path.received_s) == (peer, attributes, 5.0)
    assert contents(rib.tables[IPV4].routes) == {NET_A: path, NET_B: path}
    assert rib.tables[IPV4].find(NET_A) == (path,)
    assert len(rib.tables[IPV6].routes) == 0
    assert contents(rib.adj_in(peer, IPV4).accepted) == {NET_A: path, NET_B: path}


def test_the_same_attributes_again_are_no_news_and_keep_their_age(
    rib: Rib, peer: Source, listener: Listener
) -> None:
    attributes = make_attributes()
    rib.announce(peer, IPV4, attributes, [NET_A], now_s=1.0)
    listener.take()

    rib.announce(peer, IPV4, attributes, [NET_A], now_s=2.0)
    rib.apply(peer, [Update([(IPV4, attributes, [NET_A, NET_A])])], now_s=3.0)

    assert listener.take() == []
    assert rib.tables[IPV4].find(NET_A)[0].received_s == 1.0


def test_new_attributes_of_the_same_source_replace_the_old(
    rib: Rib, peer: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(100), [NET_A], now_s=1.0)
    listener.take()
    worse = make_attributes(50)
    rib.announce(peer, IPV4, worse, [NET_A], now_s=2.0)

    ((_, changes),) = listener.take()
    path = changes[NET_A]
    assert path is not None
    assert path.attributes is worse
    assert rib.tables[IPV4].find(NET_A) == (path,)
    assert rib.tables[IPV4].path_count == 1


def test_a_prefix_that_comes_twice_in_one_update_is_one_route(
    rib: Rib, peer: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(), [NET_A, NET_A], now_s=1.0)

    assert [list(changes) for _, changes in listener.take()] == [[NET_A]]
    assert rib.tables[IPV4].path_count == 1


def test_a_prefix_in_both_lists_of_an_update_is_announced(
    rib: Rib, peer: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(), [NET_A], now_s=1.0)
    listener.take()
    rib.apply(peer, [Update([(IPV4, make_attributes(70), [NET_A])], [(IPV4, [NET_A])])], now_s=2.0)

    ((_, changes),) = listener.take()
    assert changes[NET_A] is rib.tables[IPV4].find_best(NET_A) is not None


def test_a_worse_path_of_another_source_is_kept_and_is_no_news(
    rib: Rib, peer: Source, other: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(100), [NET_A], now_s=1.0)
    listener.take()
    rib.announce(other, IPV4, make_attributes(90), [NET_A, NET_A], now_s=2.0)

    assert listener.take() == []
    assert [path.source for path in rib.tables[IPV4].find(NET_A)] == [peer, other]
    assert rib.tables[IPV4].path_count == 2

    rib.withdraw(other, IPV4, [NET_A])
    assert listener.take() == []
    assert [path.source for path in rib.tables[IPV4].find(NET_A)] == [peer]
    assert rib.tables[IPV4].path_count == 1


def test_the_next_best_takes_over_when_the_best_is_withdrawn(
    rib: Rib, peer: Source, other: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(100), [NET_A], now_s=1.0)
    rib.announce(other, IPV4, make_attributes(90), [NET_A], now_s=2.0)
    second = rib.tables[IPV4].find(NET_A)[1]
    listener.take()

    rib.withdraw(peer, IPV4, [NET_A])
    assert listener.take() == [(IPV4, {NET_A: second})]
    rib.withdraw(other, IPV4, [NET_A])
    assert listener.take() == [(IPV4, {NET_A: None})]
    assert len(rib.tables[IPV4].routes) == 0
    assert rib.tables[IPV4].path_count == 0


def test_a_withdrawal_of_what_is_not_there_is_nothing(
    rib: Rib, peer: Source, other: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(), [NET_A], now_s=1.0)
    listener.take()

    rib.withdraw(other, IPV4, [NET_A, NET_B])
    rib.withdraw(peer, IPV4, [NET_B])
    assert rib.tables[IPV4].find(NET_B) == ()

    assert listener.take() == []
    assert len(rib.tables[IPV4].find(NET_A)) == 1


def test_the_withdrawn_winner_gives_back_who_lost_to_it_on_med(
    rib: Rib, peer: Source, other: Source
) -> None:
    third = make_peer(3)
    rib.add_source(third)
    rib.announce(peer, IPV4, make_attributes(med=5, neighbor_as=1), [NET_A], now_s=1.0)
    rib.announce(third, IPV4, make_attributes(med=1, neighbor_as=1), [NET_A], now_s=3.0)
    rib.announce(other, IPV4, make_attributes(med=9, neighbor_as=2), [NET_A], now_s=2.0)
    assert [path.source for path in rib.tables[IPV4].find(NET_A)] == [other, third, peer]

    rib.withdraw(third, IPV4, [NET_A])
    assert [path.source for path in rib.tables[IPV4].find(NET_A)] == [peer, other]


AS_PATH_THROUGH_US = bytes.fromhex("40020e 0203 0000fbf5 0000fbf4 0000fbf6")
OUR_NUMBER_ELSEWHERE = bytes.fromhex("400206 0201 0000fbf5 c00804 0000fbf4")


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (AS_PATH_THROUGH_US, "AS loop"),
        (bytes.fromhex("800904 01020304"), "ORIGINATOR_ID loop"),
        (bytes.fromhex("800a08 09090909 05060708"), "CLUSTER_LIST loop"),
    ],
)
def test_a_loop_stays_in_adj_in_and_out_of_the_table(
    wire: bytes, reason: str, rib: Rib, peer: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(), [NET_A], now_s=1.0)
    listener.take()
    rib.announce(peer, IPV4, make_attributes(wire=wire), [NET_A, NET_B], now_s=2.0)

    adj_in = rib.adj_in(peer, IPV4)
    assert listener.take() == [(IPV4, {NET_A: None})]
    assert len(rib.tables[IPV4].routes) == 0
    assert (adj_in.received_count, len(adj_in.accepted)) == (2, 0)
    found = adj_in.find(NET_B)
    assert found is not None
    assert found.rejected == reason

    rib.announce(peer, IPV4, make_attributes(), [NET_A], now_s=3.0)
    rib.withdraw(peer, IPV4, [NET_B])
    assert (adj_in.received_count, len(adj_in.accepted)) == (1, 1)
    assert adj_in.find(NET_B) is None


@pytest.mark.parametrize(
    "wire",
    [
        OUR_NUMBER_ELSEWHERE,
        bytes.fromhex("400206 0201 01020304"),
        bytes.fromhex("400206 0201 05060708"),
    ],
)
def test_our_numbers_in_other_places_are_no_loop(
    wire: bytes, rib: Rib, peer: Source, listener: Listener
) -> None:
    rib.announce(peer, IPV4, make_attributes(wire=wire), [NET_A], now_s=2.0)

    assert len(listener.take()) == 1


def test_local_paths_are_not_checked_for_loops(rib: Rib, listener: Listener) -> None:
    local = Source(SourceKind.LOCAL, "local")
    rib.add_source(local)
    rib.announce(local, IPV4, make_attributes(wire=AS_PATH_THROUGH_US), [NET_A], now_s=2.0)

    assert len(listener.take()) == 1


def make_nets(count: int) -> list[bytes]:
    return [b"\x18" + number.to_bytes(3, "big") for number in range(count)]


def test_a_removed_source_leaves_in_slices_between_which_others_go_on(
    rib: Rib, peer: Source, other: Source, listener: Listener
) -> None:
    nets = make_nets(4500)
    rib.announce(peer, IPV4, make_attributes(), nets, now_s=1.0)
    rib.announce(peer, IPV4, make_attributes(wire=AS_PATH_THROUGH_US), [NET_A], now_s=1.0)
    rib.announce(peer, IPV6, make_attributes(), [NET_C], now_s=1.0)
    listener.take()

    leaving = rib.remove_source(peer)
    with pytest.raises(KeyError):
        rib.adj_in(peer, IPV4)
    next(leaving)
    next(leaving)
    again = make_peer(1)
    rib.add_source(again)
    rib.announce(again, IPV4, make_attributes(), nets[:10] + nets[-10:], now_s=2.0)
    rib.announce(other, IPV4, make_attributes(), nets[20:30], now_s=2.0)
    steps = 2 + sum(1 for _ in leaving)

    assert steps == 5  # one for the rejected path
    assert max(len(changes) for _, changes in listener.take()) == 2000
    assert sorted(contents(rib.tables[IPV4].routes)) == sorted(nets[:10] + nets[20:30] + nets[-10:])
    assert {path.source for nlri in nets for path in rib.tables[IPV4].find(nlri)} == {again, other}
    assert rib.tables[IPV4].path_count == 30
    assert len(rib.tables[IPV6].routes) == 0


def test_paths_of_one_group_that_meet_the_same_state_share_their_order(
    rib: Rib, peer: Source, other: Source
) -> None:
    rib.announce(peer, IPV4, make_attributes(), [NET_A, NET_B], now_s=1.0)
    rib.announce(other, IPV4, make_attributes(), [NET_A, NET_B], now_s=1.0)

    routes = rib.tables[IPV4].routes
    assert routes.get(NET_A) is routes.get(NET_B) is not None


def test_an_unsubscribed_consumer_hears_nothing(rib: Rib, peer: Source, listener: Listener) -> None:
    rib.unsubscribe(listener.on_changes)
    rib.announce(peer, IPV4, make_attributes(), [NET_A], now_s=1.0)

    assert listener.take() == []


def test_best_paths_in_slices(rib: Rib, peer: Source, other: Source) -> None:
    nets = make_nets(2001)
    rib.announce(peer, IPV4, make_attributes(), nets, now_s=1.0)
    rib.announce(other, IPV4, make_attributes(200), nets[:1], now_s=1.0)
    best = dict(entry for entries in rib.iterate_best(IPV4) for entry in entries)

    assert sorted(best) == nets
    assert best[nets[0]].source is other
    assert {best[nlri].source for nlri in nets[1:]} == {peer}


# --- against a naive model: every path there is, and the best by sorting them all ---

PEERS = 3
NETS = [NET_A, NET_B, NET_C]
ATTRIBUTES = [make_attributes(pref, med=med, neighbor_as=1) for pref in (1, 2) for med in (0, 5)]
LOOPING = make_attributes(999, wire=AS_PATH_THROUGH_US)

announcements = st.tuples(
    st.just("announce"),
    st.integers(0, PEERS - 1),
    st.sampled_from([*ATTRIBUTES, LOOPING]),
    st.lists(st.sampled_from(NETS), min_size=1, max_size=4),
)
withdrawals = st.tuples(
    st.just("withdraw"),
    st.integers(0, PEERS - 1),
    st.none(),
    st.lists(st.sampled_from(NETS), min_size=1, max_size=4),
)
Event = tuple[str, int, PathAttributes | None, list[bytes]]
restarts: st.SearchStrategy[Event] = st.tuples(
    st.just("restart"), st.integers(0, PEERS - 1), st.none(), st.just([])
)


def naive_best(
    offers: dict[tuple[int, bytes], tuple[PathAttributes, float]], nlri: bytes
) -> tuple[int, PathAttributes] | None:
    """All from one AS and external, so: LOCAL_PREF, MED, age, router ID."""
    candidates = [
        (-(attributes.local_pref or 0), attributes.med or 0, since, peer, attributes)
        for (peer, key), (attributes, since) in offers.items()
        if key == nlri and attributes is not LOOPING
    ]
    if not candidates:
        return None
    best = min(candidates, key=lambda candidate: candidate[:4])
    return best[3], best[4]


@settings(max_examples=300)
@given(st.lists(st.one_of(announcements, announcements, withdrawals, restarts), max_size=25))
def test_best_paths_agree_with_a_naive_recomputation(
    events: list[Event],
) -> None:
    rib = Rib([IPV4])
    listener = Listener(rib)
    sources = [make_peer(number + 1) for number in range(PEERS)]
    for source in sources:
        rib.add_source(source, CHECK)
    offers: dict[tuple[int, bytes], tuple[PathAttributes, float]] = {}
    told: dict[bytes, Path | None] = {}
    for at, (event, peer, attributes, nets) in enumerate(events):
        before = {nlri: naive_best(offers, nlri) for nlri in NETS}
        if event == "announce" and attributes is not None:
            rib.apply(sources[peer], [Update([(IPV4, attributes, nets)])], now_s=float(at))
            for nlri in nets:
                if (peer, nlri) not in offers or offers[peer, nlri][0] is not attributes:
                    offers[peer, nlri] = (attributes, float(at))
        elif event == "withdraw":
            rib.apply(sources[peer], [Update(unreach=[(IPV4, nets)])], now_s=float(at))
            for nlri in nets:
                offers.pop((peer, nlri), None)
        else:
            for _ in rib.remove_source(sources[peer]):
                pass
            sources[peer] = make_peer(peer + 1)
            rib.add_source(sources[peer], CHECK)
            offers = {key: value for key, value in offers.items() if key[0] != peer}
        after = {nlri: naive_best(offers, nlri) for nlri in NETS}
        changes = {nlri: path for _, batch in listener.take() for nlri, path in batch.items()}
        told.update(changes)
        assert set(changes) == {nlri for nlri in NETS if before[nlri] != after[nlri]}
        for nlri, wanted in after.items():
            found = rib.tables[IPV4].find_best(nlri)
            assert told.get(nlri) is found
            assert (found and (sources.index(found.source), found.attributes)) == wanted
        assert rib.tables[IPV4].path_count == sum(
            attributes is not LOOPING for attributes, _ in offers.values()
        )
        for number, source in enumerate(sources):
            assert rib.adj_in(source, IPV4).received_count == sum(k[0] == number for k in offers)
