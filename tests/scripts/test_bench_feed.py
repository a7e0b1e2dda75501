"""The bench's table, read with the project's own decoders; and its counter, with our encoders."""

from collections import Counter

import pytest

from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.message import read_open, split_messages, write_notification
from gobgp_trio.bgp.update import Update, UpdateDecoder, write_end_of_rib, write_unreach
from gobgp_trio.types.family import Family
from scripts.bench_lib.counting import PeerEnded, StreamCounter
from scripts.bench_lib.feed import Feed, FeedOptions, encode_open, make_feed

ROUTES = 2000
FAMILIES = {4: Family.IPV4_UNICAST, 6: Family.IPV6_UNICAST}
NEXT_HOPS = {4: "10.200.1.2", 6: "fd00:200:1::2"}


def make(family: int, **options: int) -> Feed:
    return make_feed(FeedOptions(ROUTES, family, 65001, NEXT_HOPS[family], **options))


def context_of(family: int) -> CodecContext:
    return CodecContext(
        four_octet_as=True, is_ebgp=True, local_as=65000, families=frozenset({FAMILIES[family]})
    )


def decode(octets: bytes, family: int) -> list[Update]:
    buffer = bytearray(octets)
    messages: list[tuple[int, bytes]] = []
    while found := split_messages(buffer, 4096):
        messages += found
    assert not buffer
    decoder = UpdateDecoder(context_of(family), AttributeTable())
    return [decoder.read(body) for _, body in messages]


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_announced_is_withdrawn_and_nothing_else(family: int) -> None:
    feed = make(family)
    announced = decode(feed.announce, family)
    withdrawn = decode(feed.withdraw, family)
    assert not any(update.faults for update in [*announced, *withdrawn])
    reach = [nlri for update in announced for _, _, nlris in update.reach for nlri in nlris]
    unreach = [nlri for update in withdrawn for _, nlris in update.unreach for nlri in nlris]
    assert len(reach) == len(set(reach)) == ROUTES
    assert reach == unreach
    assert {found for update in announced for found, _, _ in update.reach} == {FAMILIES[family]}
    assert feed.updates == len(announced)


def test_ipv4_prefixes_are_public_and_like_those_of_the_internet() -> None:
    reach = [
        nlri
        for update in decode(make(4).announce, 4)
        for _, _, nlris in update.reach
        for nlri in nlris
    ]
    lengths = Counter(nlri[0] for nlri in reach)
    assert 0.48 < lengths[24] / ROUTES < 0.58
    assert not {nlri[1] for nlri in reach} & {0, 10, 127, 169, 172, 192}
    assert max(nlri[1] for nlri in reach) < 224


@pytest.mark.parametrize("family", [4, 6])
def test_attributes_are_shared_by_about_four_routes(family: int) -> None:
    updates = decode(make(family).announce, family)
    assert 3.5 < ROUTES / len(updates) < 4.6
    attributes = [found for update in updates for _, found, _ in update.reach]
    assert {found.neighbor_as for found in attributes} == {65001}
    hop = {4: "0ac80102", 6: "fd000200000100000000000000000002"}[family]
    assert {found.next_hop.hex() for found in attributes} == {hop}
    assert any(found.communities for found in attributes)
    assert any(found.large_communities for found in attributes)
    assert any(found.med is not None for found in attributes)


def test_the_same_seed_makes_the_same_table() -> None:
    assert make(4).announce == make(4).announce
    assert make(4).announce != make(4, seed=2).announce


def test_the_open_message_is_understood() -> None:
    ((kind, body),) = split_messages(bytearray(encode_open(70000, 3, "10.200.1.2", 6)), 4096)
    found = read_open(body)
    assert kind == 1
    assert (found.version, found.real_as, found.hold_time_s) == (4, 70000, 3)
    assert found.as_ == 23456
    assert found.router_id == bytes((10, 200, 1, 2))
    assert Family.IPV6_UNICAST in found.capabilities.families


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("piece_octets", [1, 7, 4096, 1 << 20])
def test_the_counter_sees_every_prefix_in_pieces_of_any_size(
    family: int, piece_octets: int
) -> None:
    feed = make(family)
    counter = StreamCounter(keeps_nlri=True)
    stream = feed.announce + feed.withdraw + feed.end_of_rib + feed.announce[:50]
    for at in range(0, len(stream), piece_octets):
        counter.feed(stream[at : at + piece_octets])
    assert (counter.announced, counter.withdrawn) == (ROUTES, ROUTES)
    assert counter.count_different() == ROUTES
    counter.feed(feed.announce[50:])
    assert (counter.announced, counter.count_different()) == (2 * ROUTES, ROUTES)


@pytest.mark.parametrize("family", [4, 6])
def test_the_counter_reads_what_our_encoders_write(family: int) -> None:
    nlris = [bytes((24, 20, n >> 8, n & 255)) for n in range(3000)]
    counter = StreamCounter()
    for message in write_unreach(context_of(family), FAMILIES[family], nlris):
        counter.feed(message)
    counter.feed(write_end_of_rib(FAMILIES[family]))
    assert (counter.announced, counter.withdrawn) == (0, 3000)


def test_a_notification_ends_the_count() -> None:
    with pytest.raises(PeerEnded, match="NOTIFICATION 6/2"):
        StreamCounter().feed(write_notification(6, 2))
