"""UPDATE messages: what each says, what each fault leads to, and what we write."""

from ipaddress import ip_address
from itertools import starmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.bgp.attr import attribute_name, build_attributes, make_attributes
from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.message import UPDATE, split_messages
from gobgp_trio.bgp.nlri import (
    NLRI_TABLE,
    MalformedNlri,
    read_prefix,
    split_labelled,
    split_unicast,
    write_labelled,
)
from gobgp_trio.bgp.outgoing import Outgoing, write_outgoing
from gobgp_trio.bgp.update import (
    Update,
    UpdateDecoder,
    write_end_of_rib,
    write_reach,
    write_unreach,
)
from gobgp_trio.bgp.wire import PeerFault, Reader, Shortage
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_prefix, parse_prefix
from gobgp_trio.types.vpn import format_route
from tests.bgp.update_strategies import (
    V4,
    V6,
    attribute_blocks,
    find_fields,
    labelled_lists,
    make_context,
    nlri_lists,
    read_update,
    usual_blocks,
    write_update,
)
from tests.bgp.vector_file import Vector, read_vectors, vector_name

VECTORS = read_vectors("updates.hex")
VPN_VECTORS = read_vectors("vpn.hex")
V4_VPN, V6_VPN = Family.IPV4_VPN, Family.IPV6_VPN
NEXT_HOPS = {V4: b"\xc0\0\2\1", V6: bytes.fromhex("20010db8" + "00" * 11 + "01")}


def make_vector_context(vector: Vector) -> CodecContext:
    flags = vector.flags
    families = {"v4only": frozenset((V4,)), "v6only": frozenset((V6,))}
    chosen = [families[flag] for flag in flags if flag in families]
    return make_context(
        is_ebgp=vector.decoder == "external",
        four_octet_as="as2" not in flags,
        families=chosen[0] if chosen else frozenset((V4, V6, V4_VPN, V6_VPN)),
        extended_next_hop=frozenset((V4, V4_VPN)) if "hop6" in flags else frozenset(),
    )


def show_update(update: Update, *, with_path: bool) -> list[str]:
    """The lines that ``updates.hex`` expects."""
    lines = []
    for family, nlris in update.unreach:
        prefixes = [format_route(family, nlri) for nlri in nlris]
        lines.append(" ".join(["unreach", family.name, *prefixes]))
    for family, attributes, nlris in update.reach:
        hops = [attributes.next_hop, attributes.link_local]
        words = [str(ip_address(hop)) for hop in hops if hop]
        words += ["labels", attributes.labels.hex()] if attributes.labels else []
        words += [format_route(family, nlri) for nlri in nlris]
        lines.append(" ".join(["reach", family.name, "via", *words]))
        if with_path:
            lines += show_path(attributes)
    if update.end_of_rib is not None:
        lines.append(f"end-of-rib {update.end_of_rib.name}")
    for fault in update.faults:
        lines.append(f"{attribute_name(fault.code)} {fault.action.name.lower()} {fault.subcode}")
    return lines or ["nothing"]


def show_path(attributes: PathAttributes) -> list[str]:
    segments = [f"{kind}:{','.join(map(str, numbers))}" for kind, numbers in attributes.as_path]
    aggregator = attributes.find(7)
    shown = [] if aggregator is None else [f"aggregator {aggregator.hex()}"]
    return [" ".join(["path", *segments]), *shown]


@pytest.mark.parametrize("vector", VECTORS + VPN_VECTORS, ids=vector_name)
def test_vector(vector: Vector) -> None:
    context = make_vector_context(vector)
    update = read_update(vector.octets, context)
    if isinstance(update, PeerFault):
        wanted = ["".join(line.split(" ")[2:]) for line in vector.expected]
        assert [f"{update.code}/{update.subcode}"] == [vector.expected[0].split(" ")[1]]
        assert [update.data.hex()] == wanted
        assert update.text
        return
    with_path = any(line.startswith("path") for line in vector.expected)
    assert show_update(update, with_path=with_path) == vector.expected
    if "written" in vector.flags:
        ((family, attributes, nlris),) = update.reach
        outgoing = write_outgoing(attributes, Outgoing(context))
        hops = attributes.next_hop, attributes.link_local
        (message,) = write_reach(context, family, outgoing, *hops, nlris, attributes.labels)
        assert message[19:] == vector.octets


def test_vectors_hold_each_verdict() -> None:
    verdicts = {vector.expected[0].split(" ")[0] for vector in VECTORS}
    assert verdicts >= {"fault", "reach", "unreach", "end-of-rib", "nothing"}
    faults = {v.expected[0].split(" ")[1] for v in VECTORS if v.expected[0].startswith("fault")}
    assert faults == {"3/1", "3/2", "3/5", "3/6", "3/9", "3/10"}


# --- NLRI --------------------------------------------------------------------------------------


def read_prefixes(octets: bytes, address_bits: int) -> list[bytes] | None:
    """The oracle of ``split_unicast``: one prefix after the other."""
    reader = Reader(octets)
    nlris = []
    try:
        while reader.left:
            nlris.append(read_prefix(reader, address_bits))
    except (MalformedNlri, Shortage):
        return None
    return nlris


@given(
    st.binary(max_size=60) | nlri_lists(32).map(b"".join) | nlri_lists(128).map(b"".join),
    st.sampled_from((32, 128)),
    st.binary(max_size=5),
    st.binary(max_size=5),
)
def test_splitting_agrees_with_reading_one_by_one(
    octets: bytes, address_bits: int, before: bytes, behind: bytes
) -> None:
    wanted = read_prefixes(octets, address_bits)
    buffer = before + octets + behind
    at, end = len(before), len(before) + len(octets)
    if wanted is None:
        with pytest.raises(MalformedNlri):
            split_unicast(buffer, at, end, address_bits)
    else:
        assert split_unicast(buffer, at, end, address_bits) == wanted


def test_every_family_has_a_row() -> None:
    assert set(NLRI_TABLE) == set(Family)


@given(st.data())
def test_keys_are_what_prefixes_parse_to(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from((V4, V6)))
    for nlri in data.draw(nlri_lists(family.address_bits)):
        assert parse_prefix(format_prefix(family, nlri)) == (family, nlri)
        assert NLRI_TABLE[family].split(nlri, 0, len(nlri)) == [nlri]


@given(st.data())
def test_labelled_routes_are_read_as_they_were_written(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from((V4_VPN, V6_VPN)))
    routes = data.draw(labelled_lists(family.address_bits))
    octets = b"".join(starmap(write_labelled, routes))
    assert split_labelled(octets, 0, len(octets), family.address_bits) == routes
    assert NLRI_TABLE[family].split(octets, 0, len(octets)) == [key for _, key in routes]


@given(st.binary(max_size=40), st.sampled_from((32, 128)))
def test_any_octets_are_labelled_routes_or_malformed(octets: bytes, address_bits: int) -> None:
    try:
        routes = split_labelled(octets, 0, len(octets), address_bits)
    except MalformedNlri:
        return
    again = b"".join(starmap(write_labelled, routes))
    assert split_labelled(again, 0, len(again), address_bits) == routes


# --- any octets --------------------------------------------------------------------------------

mp_values = st.builds(
    lambda head, hop, nlris: bytes.fromhex(head) + bytes((len(hop),)) + hop + b"\0" + nlris,
    st.sampled_from(("000201", "000101", "000204", "400447", "000180", "000280")),
    st.sampled_from(
        (
            NEXT_HOPS[V6],
            NEXT_HOPS[V6] + b"\xfe\x80" + bytes(14),
            NEXT_HOPS[V4],
            b"",
            bytes(8) + NEXT_HOPS[V4],
            bytes(8) + NEXT_HOPS[V6],
        )
    ),
    nlri_lists(128).map(b"".join)
    | nlri_lists(32).map(b"".join)
    | labelled_lists(32).map(lambda routes: b"".join(starmap(write_labelled, routes)))
    | st.binary(max_size=4),
)
mp_blocks = st.builds(
    lambda before, flags, code, value, behind: (
        before + bytes((flags, code, len(value))) + value + behind
    ),
    st.just(b"") | usual_blocks,
    st.sampled_from((0x80, 0x80, 0xC0)),
    st.sampled_from((14, 14, 15)),
    mp_values,
    st.just(b"") | attribute_blocks | usual_blocks,
)
bodies = st.builds(
    lambda withdrawn, attributes, nlri: write_update(
        withdrawn=withdrawn, attributes=attributes, nlri=nlri
    ),
    st.just(b"") | nlri_lists(32).map(b"".join),
    usual_blocks | attribute_blocks | mp_blocks | st.just(b""),
    st.just(b"") | nlri_lists(32).map(b"".join),
)
contexts = st.builds(
    make_context,
    is_ebgp=st.booleans(),
    four_octet_as=st.sampled_from((True, True, False)),
    families=st.sets(st.sampled_from((V4, V6))).map(frozenset),
)


@given(st.binary(max_size=80) | bodies, contexts)
def test_any_octets_are_an_update_or_a_fault(body: bytes, context: CodecContext) -> None:
    update = read_update(body, context)
    if isinstance(update, PeerFault):
        assert update.code == 3
        assert update.text
        return
    for family, nlris in update.unreach:
        assert family in context.families
        assert all(map(len, nlris))
    for family, attributes, nlris in update.reach:
        assert family in context.families
        check_written_back(family, attributes, nlris)


def check_written_back(family: Family, attributes: PathAttributes, nlris: list[bytes]) -> None:
    """An accepted attribute set, written for a peer that gets all of it, reads as itself."""
    context = make_context(is_ebgp=False, extended_next_hop=frozenset((V4,)))
    outgoing = write_outgoing(attributes, Outgoing(context))
    messages = write_reach(
        context, family, outgoing, attributes.next_hop, attributes.link_local, nlris
    )
    for _, body in split_messages(bytearray(b"".join(messages)), 4096):
        update = read_update(body, context)
        assert isinstance(update, Update)
        assert update.faults == []
        ((same_family, same, same_nlris),) = update.reach
        assert (same_family, same_nlris) == (family, nlris)
        without_default = {
            code: (flags & ~0x10, value)
            for flags, code, value in same.walk()
            if code != 5 or attributes.local_pref is not None
        }
        same = build_attributes(without_default, same.next_hop, same.link_local)
        assert find_fields(same) == find_fields(attributes)


@given(bodies, contexts, st.data())
def test_a_known_update_reads_like_a_new_one(
    body: bytes, context: CodecContext, data: st.DataObject
) -> None:
    table = AttributeTable()
    first = read_update(body, context, table)
    for other in data.draw(st.lists(bodies, max_size=2)):
        read_update(other, context, table)
    again = read_update(body, context, table)
    if isinstance(first, PeerFault):
        assert isinstance(again, PeerFault)
        assert first.args == again.args
        return
    assert isinstance(again, Update)
    assert (first.unreach, first.faults) == (again.unreach, again.faults)
    assert first.end_of_rib == again.end_of_rib
    assert [(family, nlris) for family, _, nlris in first.reach] == [
        (family, nlris) for family, _, nlris in again.reach
    ]
    for (_, attributes, _), (_, same, _) in zip(first.reach, again.reach, strict=True):
        assert same is attributes


def test_an_error_is_told_each_time_it_comes() -> None:
    table = AttributeTable()
    block = bytes.fromhex("4001010040020602010000fde9400304c000020140050400000064")
    body = write_update(attributes=block, nlri=b"\x08\x0a")
    updates = [read_update(body, make_context(), table) for _ in range(2)]
    lines = ["reach IPV4_UNICAST via 192.0.2.1 10.0.0.0/8", "LOCAL_PREF discard 9"]
    for update in updates:
        assert isinstance(update, Update)
        assert show_update(update, with_path=False) == lines
    assert len({id(update.reach[0][1]) for update in updates if isinstance(update, Update)}) == 1


# An AS_PATH that both kinds of peers could send: (65538, 33619971) in four octets, (1, 2) and (3)
# in two.
AMBIGUOUS_PATH = bytes.fromhex("40020a" + "020200010002" + "02010003")
MP_DEFAULT_ROUTE = bytes.fromhex("800e16000201" + "10") + NEXT_HOPS[V6] + b"\0\0"


@pytest.mark.parametrize("family", [V4, V6])
def test_two_octets_are_never_taken_for_four(family: Family) -> None:
    def make_body(as_path: bytes, as4_path: bytes) -> bytes:
        origin, hop = bytes.fromhex("40010100"), bytes.fromhex("400304c0000201")
        if family is V6:
            block = MP_DEFAULT_ROUTE + origin + as_path + as4_path
            return write_update(attributes=block)
        return write_update(attributes=origin + as_path + hop + as4_path, nlri=b"\0")

    def read_path(body: bytes, table: AttributeTable) -> object:
        update = read_update(body, make_context(four_octet_as=False), table)
        assert isinstance(update, Update)
        kept.append(update)
        return update.reach[0][1].as_path

    kept: list[Update] = []
    table = AttributeTable()
    ambiguous = make_body(AMBIGUOUS_PATH, b"")
    assert read_path(ambiguous, AttributeTable()) == ((2, (1, 2)), (2, (3,)))
    as4_path = bytes.fromhex("c0110a" + "020200010002" + "02010003")
    wide = make_body(bytes.fromhex("400206" + "02025ba05ba0"), as4_path)
    assert read_path(wide, table) == ((2, (65538, 33619971)),)
    assert read_path(ambiguous, table) == ((2, (1, 2)), (2, (3,)))


@given(bodies)
def test_sessions_of_other_terms_do_not_see_each_others_sets(body: bytes) -> None:
    table = AttributeTable()
    kept = []
    for is_ebgp in (False, True):
        for four_octet_as in (False, True):
            context = make_context(is_ebgp=is_ebgp, four_octet_as=four_octet_as)
            alone = read_update(body, context)
            shared = read_update(body, context, table)
            kept.append(shared)
            if isinstance(alone, PeerFault):
                assert isinstance(shared, PeerFault)
                continue
            assert isinstance(shared, Update)
            assert show_update(shared, with_path=True) == show_update(alone, with_path=True)


def test_attribute_sets_go_with_their_routes() -> None:
    table = AttributeTable()
    vector = next(vector for vector in VECTORS if vector.name == "routes of IPv6")
    context = make_context(is_ebgp=False)
    update = read_update(vector.octets, context, table)
    assert table.count == 1
    del update
    assert table.count == 0


# --- writing -----------------------------------------------------------------------------------


def read_all(messages: list[bytes], context: CodecContext) -> list[Update]:
    """The UPDATEs of whole messages."""
    decoder = UpdateDecoder(context, AttributeTable())
    limit = context.max_message_octets
    assert all(len(message) <= limit for message in messages)
    split = split_messages(bytearray(b"".join(messages)), limit)
    assert len(split) == len(messages)
    assert {kind for kind, _ in split} <= {UPDATE}
    return [decoder.read(body) for _, body in split]


def write_all(
    family: Family, nlris: list[bytes], context: CodecContext, others: bytes = b""
) -> list[bytes]:
    attributes = make_attributes(
        origin=0,
        next_hop=NEXT_HOPS[family],
        as_path=[(2, (65001,))],
        others=[(0xC0, 99, others)] if others else [],
    )
    outgoing = write_outgoing(attributes, Outgoing(context, prepend_as=65000))
    return write_reach(context, family, outgoing, attributes.next_hop, b"", nlris)


@given(st.data(), st.integers(100, 200))
def test_routes_are_packed_in_order_and_to_size(data: st.DataObject, limit: int) -> None:
    family = data.draw(st.sampled_from((V4, V6)))
    nlris = data.draw(nlri_lists(family.address_bits)) * data.draw(st.integers(1, 20))
    context = make_context(max_message_octets=limit)
    updates = read_all(write_all(family, nlris, context), context)
    assert [nlri for update in updates for _, _, group in update.reach for nlri in group] == nlris
    updates = read_all(write_unreach(context, family, nlris), context)
    assert [nlri for update in updates for _, group in update.unreach for nlri in group] == nlris


def test_a_message_is_filled_to_its_last_octet() -> None:
    nlris = [bytes((32, 10, 0, n >> 8, n & 255)) for n in range(1000)]
    context = make_context()
    sizes = [len(message) for message in write_unreach(context, V4, nlris)]
    assert sizes == [23 + 5 * 814, 23 + 5 * 186]
    # 23 octets of framing, 4 ORIGIN, 13 AS_PATH of two, 7 NEXT_HOP.
    sizes = [len(message) for message in write_all(V4, nlris, context)]
    assert sizes == [47 + 5 * 809, 47 + 5 * 191]
    # 27 octets of framing, 21 + 4 of MP_REACH_NLRI, 4 ORIGIN, 13 AS_PATH of two.
    (message,) = write_all(V6, [bytes((8, 0x20))] * 10, context)
    assert len(message) == 23 + 4 + 21 + 17 + 20
    context = make_context(max_message_octets=65535)
    assert len(write_all(V4, nlris, context)) == 1


@pytest.mark.parametrize("family", [V4, V6])
def test_nothing_to_say_is_no_message(family: Family) -> None:
    context = make_context()
    assert write_all(family, [], context) == []
    assert write_unreach(context, family, []) == []


@pytest.mark.parametrize("family", [V4, V6])
def test_routes_whose_attributes_leave_no_room_are_withdrawn(family: Family) -> None:
    context = make_context()
    nlris = [b"\x08\x20", b"\x10\x20\x01"]
    messages = write_all(family, nlris, context, others=bytes(4090))
    assert messages == write_unreach(context, family, nlris)
    # Room for the shorter alone is no room: the group stays together.
    fixed = len(write_all(family, [b"\x08\x20"], context, others=bytes(300))[0]) - 2
    fits = make_context(max_message_octets=fixed + 3)
    (message,) = write_all(family, [b"\x10\x20\x01"], fits, others=bytes(300))
    assert len(message) == fixed + 3
    tight = make_context(max_message_octets=fixed + 2)
    messages = write_all(family, nlris, tight, others=bytes(300))
    assert messages == write_unreach(tight, family, nlris)


def test_next_hop_stands_behind_a_long_as_path() -> None:
    path = (2, tuple(range(1, 101)))
    attributes = make_attributes(origin=0, next_hop=NEXT_HOPS[V4], as_path=[path], med=1)
    context = make_context()
    outgoing = write_outgoing(attributes, Outgoing(context, keep_med=True))
    (message,) = write_reach(context, V4, outgoing, NEXT_HOPS[V4], b"", [b"\0"])
    block = message[23:-1]
    assert [block[at] for at in (1, 5, 8 + 402 + 1, 8 + 402 + 7 + 1)] == [1, 2, 3, 4]
    (update,) = read_all([message], context)
    assert update.faults == []
    assert update.reach[0][1].as_path == (path,)


def test_end_of_rib_octets() -> None:
    assert write_end_of_rib(V4).hex() == "ff" * 16 + "0017" + "02" + "00000000"
    assert write_end_of_rib(V6).hex() == "ff" * 16 + "001d" + "02" + "00000006" + "800f03000201"


def test_where_nothing_is_treated_as_withdrawn_such_an_error_ends_the_session() -> None:
    bad_origin = bytes.fromhex("400101 09" + "4002 06 0201 0000fde9" + "400304 c0000201")
    body = bytes(2) + len(bad_origin).to_bytes(2, "big") + bad_origin + bytes.fromhex("18 cb0071")
    lenient = UpdateDecoder(make_context(), AttributeTable())
    assert [nlris for _, nlris in lenient.read(body).unreach] == [[bytes.fromhex("18cb0071")]]
    strict = UpdateDecoder(make_context(), AttributeTable(), treats_as_withdraw=False)
    with pytest.raises(PeerFault) as caught:
        strict.read(body)
    assert (caught.value.code, caught.value.subcode) == (3, 6)
    assert caught.value.data == bytes.fromhex("40010109")
    # What is only left out ends no session either way: ATOMIC_AGGREGATE with a value.
    discarded = bytes.fromhex(
        "400101 00" + "4002 06 0201 0000fde9" + "400304 c0000201" + "40060109"
    )
    body = bytes(2) + len(discarded).to_bytes(2, "big") + discarded + bytes.fromhex("18 cb0071")
    assert [nlris for _, _, nlris in strict.read(body).reach] == [[bytes.fromhex("18cb0071")]]
