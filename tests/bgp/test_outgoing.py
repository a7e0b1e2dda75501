"""Attributes on their way out: what each kind of peer gets of a set."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.bgp.attr import RawAttribute, make_attributes, read_values
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.multiprotocol import walk_attributes
from gobgp_trio.bgp.outgoing import Outgoing, write_outgoing, write_outgoing_long
from gobgp_trio.types.attributes import AsSegment
from gobgp_trio.types.sending import PrivateAs, SendCommunity, SendingRules
from tests.bgp.update_strategies import make_context

EXTERNAL = make_context(is_ebgp=True)
INTERNAL = make_context(is_ebgp=False)
OLD_EXTERNAL = make_context(is_ebgp=True, four_octet_as=False)
OLD_INTERNAL = make_context(is_ebgp=False, four_octet_as=False)

ORIGIN_IGP = "40010100"
LOCAL_PREF_100 = "40050400000064"


def send(
    edits: Outgoing,
    *,
    as_path: tuple[AsSegment, ...] = (),
    med: int | None = None,
    local_pref: int | None = None,
    extended_communities: tuple[str, ...] = (),
    others: tuple[RawAttribute, ...] = (),
) -> str:
    attributes = make_attributes(
        origin=0,
        next_hop=b"\xc0\0\2\1",
        as_path=as_path,
        med=med,
        local_pref=local_pref,
        extended_communities=[bytes.fromhex(text) for text in extended_communities],
        others=others,
    )
    return write_outgoing(attributes, edits).hex()


def test_our_as_starts_an_empty_path() -> None:
    sent = send(Outgoing(EXTERNAL, prepend_as=65000))
    assert sent == ORIGIN_IGP + "400206" + "0201" + "0000fde8"


def test_our_as_joins_a_leading_sequence() -> None:
    sent = send(Outgoing(EXTERNAL, prepend_as=65000), as_path=((2, (65001,)), (1, (7,))))
    path = "0202" + "0000fde8" + "0000fde9" + "0101" + "00000007"
    assert sent == ORIGIN_IGP + "400210" + path


def test_our_as_stands_before_a_leading_set() -> None:
    sent = send(Outgoing(EXTERNAL, prepend_as=65000), as_path=((1, (7, 8)),))
    assert sent == ORIGIN_IGP + "400210" + "0201" + "0000fde8" + "0102" + "00000007" + "00000008"


def test_a_full_sequence_gets_no_more() -> None:
    sent = send(Outgoing(EXTERNAL, prepend_as=65000), as_path=((2, (7,) * 255),))
    length = 6 + 2 + 4 * 255
    assert (
        sent == ORIGIN_IGP + f"5002{length:04x}" + "0201" + "0000fde8" + "02ff" + "00000007" * 255
    )


def test_confederation_segments_stay_inside() -> None:
    path = ((3, (65101,)), (2, (65001,)), (4, (65102,)))
    sent = send(Outgoing(EXTERNAL, prepend_as=65000), as_path=path)
    assert sent == ORIGIN_IGP + "40020a" + "0202" + "0000fde8" + "0000fde9"
    inside = send(Outgoing(INTERNAL), as_path=path)
    assert "40021203010000fe4d02010000fde904010000fe4e" in inside


def test_internal_peers_always_get_local_pref() -> None:
    assert send(Outgoing(INTERNAL)) == ORIGIN_IGP + "400200" + LOCAL_PREF_100
    assert send(Outgoing(INTERNAL, local_pref=7)) == ORIGIN_IGP + "400200" + "40050400000007"
    kept = send(Outgoing(INTERNAL, local_pref=7), local_pref=300)
    assert kept == ORIGIN_IGP + "400200" + "4005040000012c"


def test_external_peers_never_get_local_pref() -> None:
    assert send(Outgoing(EXTERNAL, local_pref=7), local_pref=300) == ORIGIN_IGP + "400200"


def test_med_goes_out_when_asked_for() -> None:
    med = "80040400000009"
    assert med not in send(Outgoing(EXTERNAL), med=9)
    assert send(Outgoing(EXTERNAL, keep_med=True), med=9) == ORIGIN_IGP + "400200" + med
    assert send(Outgoing(INTERNAL), med=9) == ORIGIN_IGP + "400200" + med + LOCAL_PREF_100


@pytest.mark.parametrize(
    ("attribute", "reaches_external"),
    [
        ((0x40, 6, b""), True),  # ATOMIC_AGGREGATE
        ((0xC0, 8, b"\xfd\xe9\0\1"), True),  # COMMUNITIES
        ((0x80, 9, b"\1\1\1\1"), False),  # ORIGINATOR_ID
        ((0x80, 10, b"\1\1\1\1"), False),  # CLUSTER_LIST
        ((0x80, 26, b"\1\0\x0b" + bytes(8)), False),  # AIGP
        ((0xC0, 32, bytes(12)), True),  # LARGE_COMMUNITY
        ((0xE0, 99, b"x"), True),  # unknown, passed on
        ((0xE0, 99, bytes(300)), True),
    ],
)
def test_what_leaves_the_as(attribute: RawAttribute, *, reaches_external: bool) -> None:
    flags, code, value = attribute
    sent = send(Outgoing(EXTERNAL), others=(attribute,))
    items, faults = walk_attributes(bytes.fromhex(sent))
    found = [item for item in items if item[1] == code]
    wanted = [(flags | 0x10 if len(value) > 255 else flags, code, value)]
    assert (found, faults) == (wanted if reaches_external else [], [])
    inside, _ = walk_attributes(bytes.fromhex(send(Outgoing(INTERNAL), others=(attribute,))))
    assert [item for item in inside if item[1] == code] == wanted


def test_non_transitive_extended_communities_stay_inside() -> None:
    target, bandwidth = "0002fde900000064", "4004fde900000001"
    both = (target, bandwidth)
    head = ORIGIN_IGP + "400200"
    assert send(Outgoing(EXTERNAL), extended_communities=both) == head + "c01008" + target
    assert send(Outgoing(EXTERNAL), extended_communities=(bandwidth,)) == head
    sent = send(Outgoing(INTERNAL), extended_communities=both)
    assert sent == head + LOCAL_PREF_100 + "c01010" + target + bandwidth


@pytest.mark.parametrize("prepend_as", [None, 65000])
def test_non_transitive_ipv6_communities_stay_inside(prepend_as: int | None) -> None:
    address = "20010db8000000000000000000000001"
    target, other = f"0002{address}0064", f"4003{address}0065"
    both: RawAttribute = (0xC0, 25, bytes.fromhex(target + other))
    assert send(Outgoing(EXTERNAL, prepend_as), others=(both,)).endswith("c01914" + target)
    assert send(Outgoing(INTERNAL), others=(both,)).endswith("c01928" + target + other)
    alone: RawAttribute = (0xC0, 25, bytes.fromhex(other))
    assert "c019" not in send(Outgoing(EXTERNAL, prepend_as), others=(alone,))


def test_the_accumulated_metric_stays_inside() -> None:
    aigp: RawAttribute = (0x80, 26, bytes.fromhex("01000b0000000000000064"))
    assert send(Outgoing(EXTERNAL, prepend_as=65000), others=(aigp,)) == (
        ORIGIN_IGP + "400206" + "0201" + "0000fde8"
    )
    assert send(Outgoing(INTERNAL), others=(aigp,)).endswith("801a0b01000b0000000000000064")


def test_reflected_paths_name_originator_and_cluster() -> None:
    edits = Outgoing(INTERNAL, originator_id=b"\x0a\0\0\1", cluster_id=b"\x0a\0\0\2")
    head = ORIGIN_IGP + "400200" + LOCAL_PREF_100
    assert send(edits) == head + "8009040a000001" + "800a040a000002"
    travelled = ((0x80, 9, b"\x0a\0\0\7"), (0x80, 10, b"\x0a\0\0\x08"))
    assert send(edits, others=travelled) == head + "8009040a000007" + "800a080a0000020a000008"


def test_old_peers_get_two_octets_and_the_rest_beside() -> None:
    sent = send(Outgoing(OLD_EXTERNAL, prepend_as=65000), as_path=((2, (200000, 7)),))
    as4_path = "c0110e" + "0203" + "0000fde8" + "00030d40" + "00000007"
    assert sent == ORIGIN_IGP + "400208" + "0203" + "fde8" + "5ba0" + "0007" + as4_path
    small = send(Outgoing(OLD_EXTERNAL, prepend_as=65000), as_path=((2, (7,)),))
    assert small == ORIGIN_IGP + "400206" + "0202" + "fde8" + "0007"


def test_old_peers_get_the_aggregator_in_two_forms() -> None:
    head = ORIGIN_IGP + "400200" + LOCAL_PREF_100
    small = send(Outgoing(OLD_INTERNAL), others=((0xC0, 7, bytes.fromhex("0000fde9c0000209")),))
    assert small == head + "c00706" + "fde9c0000209"
    large = send(Outgoing(OLD_INTERNAL), others=((0xE0, 7, bytes.fromhex("00030d40c0000209")),))
    assert large == head + "e00706" + "5ba0c0000209" + "c01208" + "00030d40c0000209"
    wide = send(Outgoing(INTERNAL), others=((0xC0, 7, bytes.fromhex("00030d40c0000209")),))
    assert wide == head + "c00708" + "00030d40c0000209"


segments = st.tuples(
    st.sampled_from((1, 2)),
    st.lists(st.integers(1, 2**32 - 1) | st.integers(1, 70000), min_size=1, max_size=5).map(tuple),
)


@given(st.lists(segments, max_size=4).map(tuple), st.booleans())
def test_an_old_peer_between_loses_no_as_number(
    path: tuple[AsSegment, ...], is_prepending: bool
) -> None:
    """What we write for a 2-octet peer reads, on such a session, as what we meant."""
    prepend_as = 400000 if is_prepending else None
    sent = send(Outgoing(OLD_INTERNAL, prepend_as=prepend_as), as_path=path)
    items, _ = walk_attributes(bytes.fromhex(sent))
    values, faults = read_values(items, OLD_INTERNAL)
    wide, _ = walk_attributes(
        bytes.fromhex(send(Outgoing(INTERNAL, prepend_as=prepend_as), as_path=path))
    )
    assert faults == []
    assert [(0x40, 2, values[2][1])] == [item for item in wide if item[1] == 2]


OUR_AS = "0000fa00"
PRIVATE_PATH = ((2, (64511, 64512, 65534, 65535, 4199999999)), (1, (4200000000, 4294967294)))


@pytest.mark.parametrize(
    ("private_as", "expected"),
    [
        # our AS joins what is left of the sequence; nothing is left of the set
        (PrivateAs.REMOVE, "0204" + OUR_AS + "0000fbff" + "0000ffff" + "fa56e9ff"),
        (
            PrivateAs.REPLACE,
            ("0206" + OUR_AS + "0000fbff" + 2 * OUR_AS + "0000ffff" + "fa56e9ff")
            + ("0102" + 2 * OUR_AS),
        ),
    ],
)
def test_private_as_numbers_are_taken_out_or_replaced(private_as: PrivateAs, expected: str) -> None:
    context = replace(EXTERNAL, local_as=64000)
    edits = Outgoing(context, prepend_as=64000, rules=SendingRules(private_as))
    assert (
        send(edits, as_path=PRIVATE_PATH) == ORIGIN_IGP + f"4002{len(expected) // 2:02x}" + expected
    )


def test_a_path_of_private_as_numbers_alone_becomes_ours_alone() -> None:
    edits = Outgoing(EXTERNAL, prepend_as=65000, rules=SendingRules(PrivateAs.REMOVE))
    assert send(edits, as_path=((2, (65001, 65002)),)) == ORIGIN_IGP + "400206" + "02010000fde8"


def test_the_peers_as_is_replaced_by_ours() -> None:
    edits = Outgoing(EXTERNAL, prepend_as=65000, rules=SendingRules(replaced_as=7))
    sent = send(edits, as_path=((2, (8, 7, 7)), (1, (7, 9))))
    path = "0204" + "0000fde8" + "00000008" + "0000fde8" * 2 + "0102" + "0000fde8" + "00000009"
    assert sent == ORIGIN_IGP + "40021c" + path


STANDARD = (0xC0, 8, b"\xfd\xe9\0\1")
LARGE = (0xC0, 32, bytes(11) + b"\1")
TARGET = "0002fde900000064"


@pytest.mark.parametrize(
    ("kinds", "codes"),
    [
        (SendCommunity.NONE, []),
        (SendCommunity.STANDARD, [8, 32]),
        (SendCommunity.EXTENDED, [16]),
        (SendCommunity.BOTH, [8, 16, 32]),
    ],
)
@pytest.mark.parametrize("context", [EXTERNAL, INTERNAL])
def test_kinds_of_communities_that_go_out(
    kinds: SendCommunity, codes: list[int], context: CodecContext
) -> None:
    edits = Outgoing(context, rules=SendingRules(communities=kinds))
    sent = send(edits, extended_communities=(TARGET,), others=(STANDARD, LARGE))
    items, _ = walk_attributes(bytes.fromhex(sent))
    assert [code for _, code, _ in items if code in {8, 16, 32}] == codes


any_segments = st.tuples(
    st.integers(1, 4), st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=70).map(tuple)
)
extras: st.SearchStrategy[RawAttribute] = st.tuples(
    st.sampled_from([0x80, 0xC0, 0xE0]), st.integers(19, 255), st.binary(max_size=300)
)


@given(
    st.lists(any_segments, max_size=3).map(tuple),
    st.none() | st.just(7),
    st.none() | st.just(200),
    st.lists(st.integers(0, 2**32 - 1), max_size=70),
    st.sampled_from([(), (bytes.fromhex("0002fde800000001"), bytes.fromhex("4002fde800000001"))]),
    st.lists(extras, max_size=3, unique_by=lambda item: item[1]).map(tuple),
    st.booleans(),
)
def test_the_short_way_gives_what_the_long_way_gives(
    as_path: tuple[AsSegment, ...],
    med: int | None,
    local_pref: int | None,
    communities: list[int],
    extended_communities: tuple[bytes, ...],
    others: tuple[RawAttribute, ...],
    keep_med: bool,
) -> None:
    for next_hop in (b"\xc0\0\2\1", bytes(15) + b"\1"):
        attributes = make_attributes(
            origin=0,
            next_hop=next_hop,
            as_path=as_path,
            med=med,
            local_pref=local_pref,
            communities=communities,
            extended_communities=extended_communities,
            others=others,
        )
        edits = Outgoing(EXTERNAL, prepend_as=65000, keep_med=keep_med)

        assert edits.plain_as
        assert write_outgoing(attributes, edits) == write_outgoing_long(attributes, edits)


@pytest.mark.parametrize("count", [0, 1, 61, 62, 63, 64, 254, 255])
@pytest.mark.parametrize("kind", [1, 2])
def test_the_short_way_ends_where_a_path_gets_too_long_for_it(count: int, kind: int) -> None:
    as_path: tuple[AsSegment, ...] = ((kind, tuple(range(1, count + 1))),) if count else ()
    attributes = make_attributes(origin=0, next_hop=b"\xc0\0\2\1", as_path=as_path)
    edits = Outgoing(EXTERNAL, prepend_as=65000)

    assert write_outgoing(attributes, edits) == write_outgoing_long(attributes, edits)


def test_who_takes_the_short_way() -> None:
    assert Outgoing(EXTERNAL, prepend_as=65000).plain_as
    assert not Outgoing(EXTERNAL).plain_as
    assert not Outgoing(INTERNAL, prepend_as=65000).plain_as
    assert not Outgoing(OLD_EXTERNAL, prepend_as=65000).plain_as
    rules = SendingRules(communities=SendCommunity.NONE)
    assert not replace(Outgoing(EXTERNAL, prepend_as=65000), rules=rules).plain_as
