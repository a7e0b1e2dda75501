"""Adj-RIB-Out: the UPDATEs that come out, decoded, against what each peer must know."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.update import Update, UpdateDecoder
from gobgp_trio.rib.adj_out import AdjOut
from gobgp_trio.rib.advertise import Audience, SelfNextHops
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rib.shards import Shards
from gobgp_trio.types.attributes import AS_SEQUENCE, PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

IPV4 = Family.IPV4_UNICAST
IPV6 = Family.IPV6_UNICAST
FAMILIES = (IPV4, IPV6)
NET_A = bytes.fromhex("18 0a0101")
NET_B = bytes.fromhex("18 0a0102")
NET_C = bytes.fromhex("08 0b")
NET_6 = bytes.fromhex("20 20010db8")
OURS_4 = bytes((10, 0, 0, 254))
OURS_6 = bytes.fromhex("20010db8000000000000000000000001")
LOCAL_AS = 64500
NO_ADVERTISE, NO_EXPORT = 0xFFFFFF02, 0xFFFFFF01


def keys(shards: Shards[Path]) -> set[bytes]:
    return {nlri for entries in shards.slices() for nlri, _ in entries}


def make_path_attributes(
    peer_as: int = 64501,
    *,
    next_hop: bytes = b"\x0a\0\0\1",
    local_pref: int | None = None,
    med: int | None = None,
    communities: tuple[int, ...] = (),
) -> PathAttributes:
    return make_attributes(
        origin=0,
        next_hop=next_hop,
        as_path=((AS_SEQUENCE, (peer_as,)),),
        local_pref=local_pref,
        med=med,
        communities=communities,
    )


@dataclass
class Peer:
    """One neighbour: the source of its paths, our Adj-RIB-Out and what it made of our UPDATEs."""

    number: int
    is_ebgp: bool
    rib: Rib
    families: tuple[Family, ...] = FAMILIES
    next_hops: SelfNextHops = field(default_factory=lambda: SelfNextHops(OURS_4, OURS_6))
    rings: int = 0
    knows: dict[tuple[Family, bytes], PathAttributes] = field(default_factory=dict)
    ended: list[Family] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = f"10.0.0.{self.number}"
        address = bytes((10, 0, 0, self.number))
        self.as_ = 64500 + self.number if self.is_ebgp else LOCAL_AS
        self.source = Source(
            SourceKind.PEER,
            self.name,
            is_ebgp=self.is_ebgp,
            peer_as=self.as_,
            router_id=address,
            address=address,
        )
        self.rib.add_source(self.source)
        context = CodecContext(True, self.is_ebgp, LOCAL_AS, frozenset(self.families))
        audience = Audience(context, self.name, address, self.next_hops)
        self.adj_out = AdjOut(audience, self.rib.tables, self.families, self.ring)
        self.rib.subscribe(self.adj_out.on_changes)
        theirs = CodecContext(True, self.is_ebgp, self.as_, frozenset(self.families))
        self.decoder = UpdateDecoder(theirs, AttributeTable())

    def ring(self) -> None:
        self.rings += 1

    def announce(
        self, attributes: PathAttributes, nlris: list[bytes], now_s: float, family: Family = IPV4
    ) -> None:
        self.rib.announce(self.source, family, attributes, nlris, now_s)

    def withdraw(self, nlris: list[bytes], family: Family = IPV4) -> None:
        self.rib.withdraw(self.source, family, nlris)

    def leave(self) -> None:
        self.rib.unsubscribe(self.adj_out.on_changes)
        for _ in self.rib.remove_source(self.source):
            pass

    def hear(self, max_octets: int = 65536) -> list[Update]:
        """Take one batch of messages and believe them; what was never told cannot be withdrawn."""
        updates = [self.decoder.read(message[19:]) for message in self.adj_out.take(max_octets)]
        for update in updates:
            assert not update.faults
            for family, nlris in update.unreach:
                for nlri in nlris:
                    del self.knows[family, nlri]
            for family, attributes, nlris in update.reach:
                for nlri in nlris:
                    self.knows[family, nlri] = attributes
            if update.end_of_rib is not None:
                self.ended.append(update.end_of_rib)
        return updates

    def hear_all(self, max_octets: int = 65536) -> list[Update]:
        updates = []
        while self.adj_out.has_work:
            updates += self.hear(max_octets)
        return updates

    def seen(self) -> dict[tuple[Family, bytes], tuple[bytes, tuple[int, ...], int | None]]:
        """Per prefix: next hop, AS numbers of the path, LOCAL_PREF."""
        return {
            key: (
                attributes.next_hop,
                tuple(as_ for _, numbers in attributes.as_path for as_ in numbers),
                attributes.local_pref,
            )
            for key, attributes in self.knows.items()
        }


@pytest.fixture
def rib() -> Rib:
    return Rib(FAMILIES)


@pytest.fixture
def feeder(rib: Rib) -> Peer:
    return Peer(1, True, rib)


@pytest.fixture
def external(rib: Rib) -> Peer:
    return Peer(2, True, rib)


@pytest.fixture
def internal(rib: Rib) -> Peer:
    return Peer(3, False, rib)


def test_a_new_session_on_an_empty_table_hears_end_of_rib_per_family_once(external: Peer) -> None:
    assert external.adj_out.has_work
    external.hear_all()

    assert external.ended == [IPV4, IPV6]
    assert external.knows == {}
    assert external.adj_out.take(65536) == []
    assert not external.adj_out.has_work


def test_routes_reach_external_and_internal_peers_and_not_their_source(
    feeder: Peer, external: Peer, internal: Peer
) -> None:
    feeder.announce(make_path_attributes(med=7), [NET_A, NET_B], 1.0)
    for peer in (feeder, external, internal):
        peer.hear_all()

    assert feeder.knows == {}
    assert external.seen() == {
        (IPV4, NET_A): (OURS_4, (64500, 64501), None),
        (IPV4, NET_B): (OURS_4, (64500, 64501), None),
    }
    assert internal.seen() == {
        (IPV4, NET_A): (b"\x0a\0\0\1", (64501,), 100),
        (IPV4, NET_B): (b"\x0a\0\0\1", (64501,), 100),
    }
    assert external.knows[IPV4, NET_A].med is None
    assert internal.knows[IPV4, NET_A].med == 7


def test_a_later_session_hears_the_table_and_then_end_of_rib(rib: Rib, feeder: Peer) -> None:
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    hop = OURS_6[:-1] + b"\x77"
    feeder.announce(make_path_attributes(next_hop=hop), [NET_6], 1.0, IPV6)
    late = Peer(2, True, rib)
    updates = late.hear_all()

    assert set(late.knows) == {(IPV4, NET_A), (IPV6, NET_6)}
    assert late.knows[IPV6, NET_6].next_hop == OURS_6
    assert [update.end_of_rib for update in updates] == [None, None, IPV4, IPV6]


def test_a_path_of_an_internal_peer_does_not_go_to_another_internal_peer(
    rib: Rib, feeder: Peer, internal: Peer
) -> None:
    other = Peer(4, False, rib)
    other.announce(make_path_attributes(local_pref=50), [NET_A], 1.0)
    internal.hear_all()
    feeder.hear_all()

    assert internal.knows == {}
    assert set(feeder.knows) == {(IPV4, NET_A)}


def test_a_best_path_that_may_not_be_told_withdraws_the_one_before(
    feeder: Peer, external: Peer
) -> None:
    feeder.announce(make_path_attributes(), [NET_A, NET_B], 1.0)
    external.hear_all()
    feeder.announce(make_path_attributes(communities=(NO_ADVERTISE,)), [NET_A], 2.0)
    (update,) = external.hear_all()

    assert update.unreach == [(IPV4, [NET_A])]
    assert update.reach == []
    assert keys(external.adj_out.advertised(IPV4)) == {NET_B}


def test_what_was_never_told_is_not_withdrawn(feeder: Peer, external: Peer) -> None:
    external.hear_all()
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    feeder.withdraw([NET_A])

    assert external.rings == 2
    assert external.hear_all() == []


def test_changes_are_coalesced_and_the_last_one_counts(feeder: Peer, external: Peer) -> None:
    external.hear_all()
    for med in range(5):
        feeder.announce(make_path_attributes(64510 + med), [NET_A], float(med))
    (update,) = external.hear_all()

    assert len(update.reach) == 1
    assert external.seen()[IPV4, NET_A][1] == (64500, 64514)


def test_a_path_that_the_peer_has_is_not_told_again(feeder: Peer, external: Peer) -> None:
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    external.hear_all()
    external.adj_out.on_changes(IPV4, {NET_A: external.adj_out.advertised(IPV4).get(NET_A)})

    assert external.adj_out.has_work
    assert external.hear_all() == []


def test_withdrawals_go_before_announcements(feeder: Peer, external: Peer) -> None:
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    external.hear_all()
    feeder.announce(make_path_attributes(), [NET_B], 2.0)
    feeder.withdraw([NET_A])
    updates = external.hear_all()

    assert [bool(update.unreach) for update in updates] == [True, False]
    assert [bool(update.reach) for update in updates] == [False, True]


def test_paths_that_look_the_same_outside_share_an_update(rib: Rib, internal: Peer) -> None:
    internal.hear_all()
    first, second = Peer(1, True, rib), Peer(2, True, rib)
    first.announce(make_path_attributes(), [NET_A], 1.0)
    second.announce(make_path_attributes(), [NET_B], 1.0)
    (update,) = internal.hear_all()

    assert [nlris for _, _, nlris in update.reach] == [[NET_A, NET_B]]


def test_refresh_tells_everything_again_and_ends_nothing(feeder: Peer, external: Peer) -> None:
    feeder.announce(make_path_attributes(), [NET_A, NET_B], 1.0)
    external.hear_all()
    external.ended.clear()
    external.adj_out.refresh(IPV4)
    (update,) = external.hear_all()

    assert update.reach[0][2] == [NET_A, NET_B]
    assert external.ended == []
    assert external.hear_all() == []


def test_refresh_in_the_middle_of_the_first_walk_still_ends_it(rib: Rib, feeder: Peer) -> None:
    nets = [b"\x18" + number.to_bytes(3, "big") for number in range(3000)]
    feeder.announce(make_path_attributes(), nets, 1.0)
    late = Peer(2, True, rib, families=(IPV4,))
    late.hear()
    assert late.ended == []
    late.adj_out.refresh(IPV4)
    updates = late.hear_all()

    assert sum(len(nlris) for update in updates for _, _, nlris in update.reach) == 3000
    assert late.ended == [IPV4]
    assert len(late.knows) == 3000


def show(messages: list[bytes]) -> list[str]:
    """ROUTE-REFRESH as its body, UPDATE as what it is."""
    names = {bytes.fromhex("00000000"): "end"}
    return [
        message[19:].hex() if message[18] == 5 else names.get(message[19:], "update")
        for message in messages
    ]


def make_marked(rib: Rib, families: tuple[Family, ...] = (IPV4,)) -> AdjOut:
    context = CodecContext(True, True, LOCAL_AS, frozenset(families))
    audience = Audience(context, "10.0.0.9", b"\x0a\0\0\x09", SelfNextHops(OURS_4, OURS_6))
    return AdjOut(audience, rib.tables, families, lambda: None, has_refresh_marks=True)


def take_all(adj_out: AdjOut) -> list[bytes]:
    messages = []
    while adj_out.has_work:
        messages += adj_out.take(65536)
    return messages


def test_a_refresh_stands_between_its_marks(rib: Rib, feeder: Peer) -> None:
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    marked = make_marked(rib)
    assert show(take_all(marked)) == ["update", "end"]
    marked.refresh(IPV4)
    assert show(take_all(marked)) == ["00010101", "update", "00010201"]
    marked.refresh(IPV4)
    assert show(take_all(marked)) == ["00010101", "update", "00010201"]


def test_an_empty_table_is_refreshed_with_marks_too(rib: Rib) -> None:
    marked = make_marked(rib, (IPV4, IPV6))
    take_all(marked)
    marked.refresh(IPV6)
    assert show(take_all(marked)) == ["00020101", "00020201"]


def test_a_refresh_before_end_of_rib_has_no_marks(rib: Rib, feeder: Peer) -> None:
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    marked = make_marked(rib)
    marked.refresh(IPV4)
    assert show(take_all(marked)) == ["update", "end"]


def test_a_second_refresh_begins_again_and_ends_once(rib: Rib, feeder: Peer) -> None:
    nets = [b"\x18" + number.to_bytes(3, "big") for number in range(3000)]
    feeder.announce(make_path_attributes(), nets, 1.0)
    marked = make_marked(rib)
    take_all(marked)
    marked.refresh(IPV4)
    begun = show(marked.take(65536) + marked.take(65536) + marked.take(65536))
    assert begun[0] == "00010101"
    assert "00010201" not in begun
    marked.refresh(IPV4)
    again = show(take_all(marked))
    assert (again[0], again[-1]) == ("00010101", "00010201")
    assert [text for text in again if text != "update"] == ["00010101", "00010201"]


def test_families_that_were_not_negotiated_are_left_alone(rib: Rib, feeder: Peer) -> None:
    only_ipv6 = Peer(2, True, rib, families=(IPV6,))
    only_ipv6.hear_all()
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    only_ipv6.adj_out.refresh(IPV4)

    assert (only_ipv6.rings, only_ipv6.ended) == (0, [IPV6])
    assert not only_ipv6.adj_out.has_work
    assert len(only_ipv6.adj_out.advertised(IPV4)) == 0


def test_without_an_address_of_ours_a_family_is_noted_and_not_told(rib: Rib, feeder: Peer) -> None:
    nameless = Peer(2, True, rib, next_hops=SelfNextHops(ipv6=OURS_6))
    feeder.announce(make_path_attributes(), [NET_A], 1.0)
    nameless.hear_all()

    assert nameless.knows == {}
    assert nameless.adj_out.without_next_hop == {IPV4}


def test_a_batch_is_bounded_by_its_octets_and_its_routes(feeder: Peer, external: Peer) -> None:
    external.hear_all()
    nets = [b"\x18" + number.to_bytes(3, "big") for number in range(2500)]
    feeder.announce(make_path_attributes(), nets, 1.0)

    counts = []
    for max_octets in (1, 1600, 1 << 30, 1 << 30, 1 << 30):
        before = len(external.knows)
        external.hear(max_octets)
        counts.append(len(external.knows) - before)
    assert counts == [1, 100, 1000, 1000, 399]


def test_a_change_during_the_first_walk_does_not_wait_for_its_end(rib: Rib, feeder: Peer) -> None:
    nets = [b"\x18" + number.to_bytes(3, "big") for number in range(3000)]
    feeder.announce(make_path_attributes(), nets, 1.0)
    late = Peer(2, True, rib)
    late.hear()
    feeder.announce(make_path_attributes(64599), [NET_C], 2.0)
    feeder.withdraw(nets[:10] + nets[-10:])
    late.hear()
    assert (IPV4, NET_C) in late.knows
    assert (IPV4, nets[0]) not in late.knows
    late.hear_all()

    assert len(late.knows) == 3000 - 20 + 1


# --- against a naive model of what every peer must know ---

KINDS = (True, True, False, False)  # external or not, by peer
NETS = [NET_A, NET_B, NET_C]


@dataclass(frozen=True)
class Offer:
    """The few things that a path differs in here."""

    local_pref: int
    med: int
    communities: tuple[int, ...]


OFFERS = [
    Offer(local_pref, med, communities)
    for local_pref in (100, 200)
    for med in (0, 5)
    for communities in ((), (NO_EXPORT,), (NO_ADVERTISE,))
]

Event = tuple[str, int, Offer, list[bytes], int]
events: st.SearchStrategy[Event] = st.tuples(
    st.sampled_from(["announce", "announce", "announce", "withdraw", "restart", "refresh", "hear"]),
    st.integers(0, len(KINDS) - 1),
    st.sampled_from(OFFERS),
    st.lists(st.sampled_from(NETS), min_size=1, max_size=3),
    st.sampled_from([1, 40, 65536]),
)


class Model:
    """Every offer there is; the best and what peers know of it by trying everything."""

    def __init__(self) -> None:
        self.offers: dict[tuple[int, bytes], tuple[Offer, float]] = {}

    def best(self, nlri: bytes) -> tuple[int, Offer] | None:
        """All are one AS long and come through one AS: LOCAL_PREF, MED, external, age, number."""
        candidates = [
            (
                -offer.local_pref,
                offer.med,
                not KINDS[peer],
                since if KINDS[peer] else 0.0,
                peer,
                offer,
            )
            for (peer, key), (offer, since) in self.offers.items()
            if key == nlri
        ]
        if not candidates:
            return None
        best = min(candidates, key=lambda candidate: candidate[:5])
        return best[4], best[5]

    def knows(self, peer: int) -> dict[tuple[Family, bytes], tuple[int, int | None, int | None]]:
        """What a peer must know: last octet of the next hop, LOCAL_PREF and MED."""
        known: dict[tuple[Family, bytes], tuple[int, int | None, int | None]] = {}
        for nlri in NETS:
            best = self.best(nlri)
            if best is None:
                continue
            source, offer = best
            if source == peer or (not KINDS[source] and not KINDS[peer]):
                continue
            if NO_ADVERTISE in offer.communities:
                continue
            if not KINDS[peer]:
                known[IPV4, nlri] = (source + 1, offer.local_pref, offer.med)
            elif NO_EXPORT not in offer.communities:
                known[IPV4, nlri] = (254, None, None)
        return known


def attributes_of(peer: Peer, offer: Offer) -> PathAttributes:
    return make_path_attributes(
        64999,
        next_hop=bytes((10, 0, 0, peer.number)),
        local_pref=offer.local_pref,
        med=offer.med,
        communities=offer.communities,
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=30))
def test_peers_know_what_a_naive_model_says(happenings: list[Event]) -> None:
    rib = Rib(FAMILIES)
    model = Model()
    peers = [Peer(number + 1, is_ebgp, rib) for number, is_ebgp in enumerate(KINDS)]
    for at, (event, number, offer, nets, max_octets) in enumerate(happenings):
        peer = peers[number]
        if event == "announce":
            peer.announce(attributes_of(peer, offer), nets, float(at))
            model.offers.update({(number, nlri): (offer, float(at)) for nlri in nets})
        elif event == "withdraw":
            peer.withdraw(nets)
            for nlri in nets:
                model.offers.pop((number, nlri), None)
        elif event == "restart":
            peer.leave()
            peers[number] = Peer(number + 1, KINDS[number], rib)
            for nlri in NETS:
                model.offers.pop((number, nlri), None)
        elif event == "refresh":
            peer.adj_out.refresh(IPV4)
        else:
            peer.hear(max_octets)
    for number, peer in enumerate(peers):
        peer.hear_all(1)
        told = {
            key: (attributes.next_hop[3], attributes.local_pref, attributes.med)
            for key, attributes in peer.knows.items()
        }
        assert told == model.knows(number)
        assert {(IPV4, nlri) for nlri in keys(peer.adj_out.advertised(IPV4))} == set(told)
        assert sorted(peer.ended) == [IPV4, IPV6]
        assert peer.adj_out.take(65536) == []


def test_a_route_too_long_for_a_message_is_withdrawn_if_told_and_never_else(
    feeder: Peer, external: Peer
) -> None:
    fits = make_path_attributes()
    too_long = make_path_attributes(communities=tuple(range(1100)))
    feeder.announce(fits, [NET_A], 1.0)
    feeder.announce(too_long, [NET_B], 1.0)
    feeder.announce(
        make_path_attributes(communities=tuple(range(1100)), next_hop=OURS_6), [NET_6], 1.0, IPV6
    )
    external.hear_all()
    assert set(external.knows) == {(IPV4, NET_A)}
    assert keys(external.adj_out.advertised(IPV4)) == {NET_A}
    assert external.adj_out.too_long == {IPV4, IPV6}

    feeder.announce(too_long, [NET_A], 2.0)
    external.hear_all()
    assert external.knows == {}

    feeder.withdraw([NET_A, NET_B])
    assert external.hear_all() == []

    feeder.announce(fits, [NET_B], 3.0)
    external.hear_all()
    assert set(external.knows) == {(IPV4, NET_B)}


@pytest.mark.parametrize(("count", "is_told"), [(1010, True), (1011, False)])
def test_attributes_may_fill_a_message_up_to_the_last_route(
    feeder: Peer, external: Peer, count: int, is_told: bool
) -> None:
    """19 header, 4 lengths, 4 ORIGIN, 13 AS_PATH, 7 NEXT_HOP, 4 + 4n COMMUNITIES, 5 NLRI: 4096."""
    feeder.announce(make_path_attributes(communities=tuple(range(count))), [NET_A], 1.0)
    external.hear_all()
    assert ((IPV4, NET_A) in external.knows) == is_told
