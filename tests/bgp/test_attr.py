"""Path attributes off the wire: the verdict on each, and what a set becomes."""

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.bgp.as_path import count_as_path, first_as, read_as_path, write_as_path
from gobgp_trio.bgp.attr import (
    ATTRIBUTE_TABLE,
    Action,
    AttrFault,
    attribute_name,
    build_attributes,
    find_missing,
    make_attributes,
    read_values,
    write_attribute,
)
from gobgp_trio.bgp.attribute_table import (
    PLAIN_HEADS_EXTERNAL,
    PLAIN_HEADS_INTERNAL,
    AttributeTable,
    InternedAttributes,
    read_plain,
)
from gobgp_trio.bgp.multiprotocol import walk_attributes
from gobgp_trio.bgp.wire import PeerFault, Reader, Shortage
from gobgp_trio.types.attributes import PathAttributes
from tests.bgp.update_strategies import (
    attribute_blocks,
    find_fields,
    make_context,
    read_update,
    usual_blocks,
    write_update,
)
from tests.bgp.vector_file import Vector, read_vectors, vector_name

VECTORS = read_vectors("attributes.hex")

BASE = {
    1: bytes.fromhex("40010100"),
    2: bytes.fromhex("40020602010000fde9"),
    3: bytes.fromhex("400304c0000201"),
}
NARROW_PATH = bytes.fromhex("4002040201fde9")


def judge(vector: Vector) -> str:
    """The verdict on one attribute, by sending it in an UPDATE that is right otherwise."""
    code = vector.octets[1]
    base = BASE | {2: NARROW_PATH} if "as2" in vector.flags else BASE
    pieces = sorted({**base, code: vector.octets}.items())
    body = write_update(attributes=b"".join(octets for _, octets in pieces), nlri=b"\x08\x0a")
    context = make_context(
        is_ebgp=vector.decoder == "external", four_octet_as="as2" not in vector.flags
    )
    update = read_update(body, context)
    if isinstance(update, PeerFault):
        assert (update.code, update.data) == (3, vector.octets)
        return f"reset {update.subcode}"
    if update.faults:
        # A mandatory attribute that is refused is missing as well.
        fault, *others = update.faults
        assert fault.octets == vector.octets
        assert [(other.code, other.subcode) for other in others] == [(code, 3)] * len(others)
        is_withdrawn = bool(update.unreach)
        assert is_withdrawn is (fault.action is Action.WITHDRAW)
        assert bool(update.reach) is not is_withdrawn
        if update.reach:
            assert update.reach[0][1].find(code) is None
        return f"{fault.action.name.lower()} {fault.subcode}"
    ((_, attributes, nlris),) = update.reach
    assert nlris == [b"\x08\x0a"]
    kept = [write_attribute(*item) for item in attributes.walk() if item[1] == code]
    return f"kept {kept[0].hex(' ')}" if kept else "dropped"


@pytest.mark.parametrize("vector", VECTORS, ids=vector_name)
def test_vector(vector: Vector) -> None:
    assert [judge(vector)] == vector.expected


def test_every_attribute_has_vectors_right_and_wrong() -> None:
    wrong = {v.octets[1] for v in VECTORS if v.expected[0].split()[0] not in ("kept", "dropped")}
    right = {v.octets[1] for v in VECTORS if v.expected[0].startswith(("kept", "dropped"))}
    elsewhere = {14, 15, 18}  # MP_REACH_NLRI, MP_UNREACH_NLRI: updates.hex
    assert set(ATTRIBUTE_TABLE) - wrong == elsewhere - {18}
    assert set(ATTRIBUTE_TABLE) - right == elsewhere - {18}
    assert len(ATTRIBUTE_TABLE) == 18


# --- two ways of reading -----------------------------------------------------------------------


def read_by_table(block: bytes, *, is_ebgp: bool) -> PathAttributes | None:
    """What the tables make of a block for an IPv4 route; None when anything is wrong with it."""
    items, faults = walk_attributes(block)
    values, more = read_values(items, make_context(is_ebgp=is_ebgp))
    if faults or more or find_missing(values, needs_next_hop=True):
        return None
    return build_attributes(values, values[3][1])


@given(usual_blocks | attribute_blocks, st.booleans())
def test_the_short_way_agrees_with_the_tables(block: bytes, is_ebgp: bool) -> None:
    plain = read_plain(block, PLAIN_HEADS_EXTERNAL if is_ebgp else PLAIN_HEADS_INTERNAL)
    if plain is not None:
        by_table = read_by_table(block, is_ebgp=is_ebgp)
        assert by_table is not None
        assert find_fields(plain) == find_fields(by_table)


@given(usual_blocks, st.data())
def test_a_damaged_block_never_passes_the_short_way_alone(
    block: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(block) - 1))
    damaged = block[:at] + bytes((data.draw(st.integers(0, 255)),)) + block[at + 1 :]
    damaged = damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))]
    plain = read_plain(damaged, PLAIN_HEADS_EXTERNAL)
    if plain is not None:
        by_table = read_by_table(damaged, is_ebgp=True)
        assert by_table is not None
        assert find_fields(plain) == find_fields(by_table)


def test_the_short_way_serves_the_usual_shape() -> None:
    block = bytes.fromhex(
        "4001010240020a02020000fde9000186a0400304c000020180040400000007c00804fde90064"
    )
    plain = read_plain(block, PLAIN_HEADS_EXTERNAL)
    assert plain is not None
    assert plain.wire is block
    assert find_fields(plain) == (block, b"\xc0\0\2\1", b"", 2, None, 7, 2, 65001)
    long_path = bytes.fromhex("400101025002000a02020000fde9000186a0") + block[17:]
    same = read_plain(long_path, PLAIN_HEADS_EXTERNAL)
    assert same is not None
    assert find_fields(same) == find_fields(plain)


@pytest.mark.parametrize(
    "more",
    [
        "80040400000007" + "80040400000008",  # MULTI_EXIT_DISC twice
        "c00804fde90064" + "80040400000007",  # not in order
        "400303c00002",  # NEXT_HOP again, and too short
        "c06300",  # unknown
        "c02018" + ("00" * 11 + "01") * 2,  # a large community twice
        "400500",  # LOCAL_PREF from an external peer
    ],
)
def test_other_shapes_take_the_long_way(more: str) -> None:
    usual = BASE[1] + BASE[2] + BASE[3]
    assert read_plain(usual, PLAIN_HEADS_EXTERNAL) is not None
    assert read_plain(usual + bytes.fromhex(more), PLAIN_HEADS_EXTERNAL) is None


@given(attribute_blocks, st.booleans(), st.booleans())
def test_the_tables_read_what_they_wrote(block: bytes, is_ebgp: bool, is_wide: bool) -> None:
    items, _ = walk_attributes(block)
    values, faults = read_values(items, make_context(is_ebgp=is_ebgp, four_octet_as=is_wide))
    assert all(map(str, faults))
    canonical = [(flags, code, value) for code, (flags, value) in values.items()]
    again = read_values(canonical, make_context(is_ebgp=is_ebgp))
    assert again == (values, [])


# --- AS_PATH -----------------------------------------------------------------------------------


@given(st.binary(max_size=30), st.sampled_from((2, 4)))
def test_any_octets_are_an_as_path_or_a_fault(value: bytes, as_octets: int) -> None:
    block = write_attribute(0x40, 2, value)
    values, faults = read_values(
        walk_attributes(block)[0], make_context(is_ebgp=False, four_octet_as=as_octets == 4)
    )
    assert bool(values) is not bool(faults)
    if values:
        segments = read_as_path(value, as_octets)
        assert write_as_path(segments, as_octets) == value
        assert values[2][1] == write_as_path(segments)


def test_as_path_length_counts_a_set_once_and_confederations_not_at_all() -> None:
    segments = ((3, (1, 2)), (2, (3, 4)), (1, (5, 6, 7)), (4, (8,)))
    assert count_as_path(segments) == 3
    assert first_as(segments) == 3
    assert first_as(((1, (5,)),)) == 0


def test_a_segment_of_more_than_255_is_written_as_two() -> None:
    octets = write_as_path(((2, tuple(range(1, 301))),))
    assert [(kind, len(numbers)) for kind, numbers in read_as_path(octets, 4)] == [
        (2, 255),
        (2, 45),
    ]


# --- building and interning --------------------------------------------------------------------


def test_make_attributes_sorts_and_keeps_everything() -> None:
    attributes = make_attributes(
        origin=2,
        next_hop=b"\xc0\0\2\1",
        as_path=[(2, (65001, 200000))],
        med=0,
        local_pref=200,
        communities=[0xFDE90064],
        large_communities=[(1, 2, 3)],
        extended_communities=[bytes.fromhex("0002fde900000064")],
        others=[(0x40, 6, b""), (0xD0, 99, bytes(300))],
    )
    assert attributes.wire.hex() == (
        "40010102"
        "40020a02020000fde900030d40"
        "400304c0000201"
        "80040400000000"
        "400504000000c8"
        "400600"
        "c00804fde90064"
        "c010080002fde900000064"
        "c0200c000000010000000200000003"
        "d063012c" + "00" * 300
    )
    assert (attributes.med, attributes.local_pref, attributes.origin) == (0, 200, 2)
    assert (attributes.as_path_length, attributes.neighbor_as) == (2, 65001)
    assert attributes.as_path == ((2, (65001, 200000)),)
    assert attributes.large_communities == ((1, 2, 3),)


def test_make_attributes_without_anything_optional() -> None:
    link_local = bytes.fromhex("fe80" + "00" * 13 + "02")
    attributes = make_attributes(origin=0, next_hop=bytes(16), link_local=link_local)
    assert attributes.wire.hex() == "40010100400200"
    assert (attributes.next_hop, attributes.link_local) == (bytes(16), link_local)
    assert (attributes.med, attributes.local_pref) == (None, None)
    assert (attributes.as_path_length, attributes.neighbor_as) == (0, 0)


def test_interned_sets_go_with_their_last_user() -> None:
    interned = InternedAttributes()
    first = make_attributes(origin=0, next_hop=bytes(4))
    second = make_attributes(origin=1, next_hop=bytes(4))
    interned.put(b"key", first)
    assert interned.get(b"key") is first
    interned.put(b"key", second)
    del first
    gc.collect()
    assert interned.get(b"key") is second
    del second
    gc.collect()
    assert interned.get(b"key") is None
    assert interned.count == 0


def test_kinds_of_peers_are_kept_apart() -> None:
    table = AttributeTable()
    attributes = make_attributes(origin=0, next_hop=bytes(4))
    table.kind(four_octet_as=True, is_ebgp=True).put(b"key", attributes)
    assert table.kind(four_octet_as=True, is_ebgp=False).get(b"key") is None
    assert table.kind(four_octet_as=False, is_ebgp=True).get(b"key") is None
    assert table.count == 1


def test_names_for_people() -> None:
    assert attribute_name(5) == "LOCAL_PREF"
    assert attribute_name(99) == "attribute 99"
    assert str(AttrFault(Action.DISCARD, 5, 9, "no")) == "LOCAL_PREF: no (discard)"


def test_a_reader_never_passes_its_end() -> None:
    reader = Reader(b"\1\2\3\4\5\6\7\x08")
    assert (reader.u8("a"), reader.u16("b")) == (1, 0x0203)
    part = reader.part(4, "part")
    assert (part.u32("c"), part.left) == (0x04050607, 0)
    with pytest.raises(Shortage, match="wanted 1 octets of d, found 0"):
        part.u8("d")
    assert reader.take_rest() == b"\x08"
