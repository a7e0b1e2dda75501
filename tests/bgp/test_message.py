"""Messages other than UPDATE, and capabilities: every shape right and wrong, both ways."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.bgp.capability import (
    CAPABILITY_TABLE,
    Capabilities,
    capability_name,
    read_capabilities,
    write_capabilities,
)
from gobgp_trio.bgp.context import MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS
from gobgp_trio.bgp.error_codes import format_error
from gobgp_trio.bgp.message import (
    KEEPALIVE_MESSAGE,
    NOTIFICATION,
    OPEN,
    UPDATE,
    Notification,
    Open,
    RouteRefresh,
    read_notification,
    read_open,
    read_route_refresh,
    read_shutdown_message,
    split_messages,
    write_message,
    write_notification,
    write_open,
    write_route_refresh,
    write_shutdown_message,
)
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.types.family import Family
from tests.bgp.vector_file import Vector, read_vectors, value_or_fault, vector_name

MESSAGE_VECTORS = read_vectors("messages.hex")
CAPABILITY_VECTORS = read_vectors("capabilities.hex")


def show_fault(fault: PeerFault) -> str:
    return f"fault {fault.code}/{fault.subcode} {fault.data.hex()}".rstrip()


def show_capabilities(capabilities: Capabilities) -> list[str]:
    """The fields that are not at their default."""
    lines = []
    for field in fields(Capabilities):
        value = getattr(capabilities, field.name)
        if value == field.default:
            continue
        match field.name, value:
            case "families", families:
                text = " ".join(family.name for family in families)
            case "unknown", unknown:
                text = " ".join(f"{code}:{octets.hex()}" for code, octets in unknown)
            case "extended_next_hop", triples:
                text = " ".join("/".join(map(str, triple)) for triple in triples)
            case "fqdn", names:
                text = " ".join(name or "-" for name in names)
            case "graceful_restart", octets:
                text = octets.hex()
            case _:
                text = str(value)
        lines.append(f"{field.name} {text}")
    return lines


def show_split(vector: Vector) -> list[str]:
    """What comes off a stream until nothing more does."""
    is_long = "long" in vector.flags
    limit = MAX_EXTENDED_MESSAGE_OCTETS if is_long else MAX_MESSAGE_OCTETS
    buffer = bytearray(vector.octets)
    lines = []
    try:
        while messages := split_messages(buffer, limit):
            lines += [f"type {kind} body {body.hex() or '-'}" for kind, body in messages]
    except PeerFault as fault:
        return [*lines, show_fault(fault)]
    return [*lines, f"left {len(buffer)}"]


def show_open(body: bytes) -> list[str]:
    message = read_open(body)
    head = f"as {message.real_as} hold {message.hold_time_s} id {message.router_id.hex()}"
    return [head, *show_capabilities(message.capabilities)]


def show_notification(body: bytes) -> list[str]:
    message = read_notification(body)
    data = message.data.hex() or "-"
    return [f"{message.code}/{message.subcode} data {data} text {message.text}"]


def show_refresh(body: bytes) -> list[str]:
    message = read_route_refresh(body)
    name = "None" if message.family is None else message.family.name
    return [f"{name} subtype {message.subtype}"]


def show_read_capabilities(octets: bytes) -> list[str]:
    return show_capabilities(read_capabilities(octets))


SHOW = {
    "open": show_open,
    "notification": show_notification,
    "refresh": show_refresh,
    "capabilities": show_read_capabilities,
}


def write_back(decoder: str, octets: bytes) -> bytes:
    """Read a body and write it again, without its header."""
    match decoder:
        case "open":
            return write_open(read_open(octets))[19:]
        case "notification":
            message = read_notification(octets)
            return write_notification(message.code, message.subcode, message.data)[19:]
        case "refresh":
            refresh = read_route_refresh(octets)
            assert refresh.family is not None
            return write_route_refresh(refresh.family, refresh.subtype)[19:]
        case _:
            return write_capabilities(read_capabilities(octets))


@pytest.mark.parametrize("vector", MESSAGE_VECTORS + CAPABILITY_VECTORS, ids=vector_name)
def test_vector(vector: Vector) -> None:
    if vector.decoder == "split":
        assert show_split(vector) == vector.expected
        return
    found = value_or_fault(SHOW[vector.decoder], vector.octets)
    if isinstance(found, PeerFault):
        assert [show_fault(found)] == vector.expected
        assert found.text
        return
    assert found == vector.expected
    if "rewritten" not in vector.flags:
        assert write_back(vector.decoder, vector.octets) == vector.octets


def test_every_decoder_has_vectors_right_and_wrong() -> None:
    right = {v.decoder for v in MESSAGE_VECTORS if not v.expected[-1].startswith("fault")}
    wrong = {v.decoder for v in MESSAGE_VECTORS if v.expected[-1].startswith("fault")}
    assert right == wrong == {"split", "open", "notification", "refresh"}
    by_code = {
        code: {v.expected[0].split()[0] for v in CAPABILITY_VECTORS if v.octets[0] == code}
        for code in CAPABILITY_TABLE
    }
    assert all(kinds & {"fault", "unknown"} for kinds in by_code.values())
    assert all(kinds - {"fault", "unknown"} for kinds in by_code.values())
    assert len(CAPABILITY_TABLE) == 9


# --- properties --------------------------------------------------------------------------------

octets_up_to = st.binary
texts = st.text(max_size=40).filter(lambda text: len(text.encode()) <= 60)
capabilities_values = st.builds(
    Capabilities,
    families=st.lists(st.sampled_from(Family), unique=True).map(tuple),
    four_octet_as=st.none() | st.integers(1, 2**32 - 1),
    route_refresh=st.booleans(),
    enhanced_route_refresh=st.booleans(),
    extended_message=st.booleans(),
    extended_next_hop=st.lists(
        st.tuples(*[st.integers(0, 2**16 - 1)] * 3), max_size=3, unique=True
    ).map(tuple),
    fqdn=st.none() | st.tuples(texts, texts),
    software_version=st.none() | texts,
    graceful_restart=st.none()
    | st.sampled_from((2, 6)).flatmap(lambda size: octets_up_to(min_size=size, max_size=size)),
    unknown=st.lists(st.tuples(st.integers(128, 255), octets_up_to(max_size=255)), max_size=3).map(
        tuple
    ),
)
opens = st.builds(
    Open,
    version=st.just(4),
    as_=st.integers(1, 65535),
    hold_time_s=st.just(0) | st.integers(3, 65535),
    router_id=octets_up_to(min_size=4, max_size=4).filter(any),
    capabilities=capabilities_values,
)


@given(opens)
def test_an_open_reads_as_it_was_written(message: Open) -> None:
    ((kind, body),) = split_messages(bytearray(write_open(message)), MAX_MESSAGE_OCTETS)
    assert kind == OPEN
    assert read_open(body) == message


@given(st.binary(max_size=60) | st.builds(lambda tail: b"\4\1\1\0\5\1\1\1\1" + tail, st.binary()))
def test_any_octets_are_an_open_or_its_fault(body: bytes) -> None:
    message = value_or_fault(read_open, body)
    if isinstance(message, PeerFault):
        assert message.code == 2
        return
    assert read_open(write_open(message)[19:]) == message


@given(st.binary(max_size=40))
def test_any_octets_are_capabilities_or_their_fault(octets: bytes) -> None:
    capabilities = value_or_fault(read_capabilities, octets)
    if isinstance(capabilities, PeerFault):
        assert (capabilities.code, capabilities.subcode) == (2, 0)
        return
    assert read_capabilities(write_capabilities(capabilities)) == capabilities


@given(st.binary(max_size=40))
def test_any_octets_are_a_notification_or_its_fault(body: bytes) -> None:
    message = value_or_fault(read_notification, body)
    if isinstance(message, PeerFault):
        assert len(body) < 2
        assert (message.code, message.subcode) == (1, 2)
        return
    assert write_notification(message.code, message.subcode, message.data)[19:] == body
    assert message.text


@given(st.binary(max_size=6))
def test_any_octets_are_a_route_refresh_or_its_fault(body: bytes) -> None:
    message = value_or_fault(read_route_refresh, body)
    if isinstance(message, PeerFault):
        assert len(body) != 4
        assert message.data == write_message(5, body)
        return
    if message.family is not None:
        assert write_route_refresh(message.family, message.subtype)[19:] == body


@given(st.lists(st.tuples(st.sampled_from((UPDATE, NOTIFICATION)), st.binary(min_size=4))))
def test_a_stream_split_anywhere_gives_the_same_messages(messages: list[tuple[int, bytes]]) -> None:
    stream = b"".join(write_message(kind, body) for kind, body in messages)
    for cut in range(len(stream) + 1):
        buffer = bytearray(stream[:cut])
        found = split_messages(buffer, MAX_MESSAGE_OCTETS)
        buffer += stream[cut:]
        found += split_messages(buffer, MAX_MESSAGE_OCTETS)
        assert found == messages
        assert not buffer


@given(st.binary(max_size=40), st.binary(max_size=19))
def test_a_bad_stream_split_anywhere_gives_the_same_fault(junk: bytes, tail: bytes) -> None:
    stream = KEEPALIVE_MESSAGE + junk + tail

    def read(*pieces: bytes) -> tuple[list[tuple[int, bytes]], str]:
        buffer = bytearray()
        messages = []
        for piece in pieces:
            buffer += piece
            try:
                while some := split_messages(buffer, MAX_MESSAGE_OCTETS):
                    messages += some
            except PeerFault as fault:
                return messages, show_fault(fault)
        return messages, "none"

    whole = read(stream)
    for cut in range(len(stream) + 1):
        assert read(stream[:cut], stream[cut:]) == whole


@given(st.binary(max_size=300))
def test_any_octets_are_a_shutdown_message_or_none(data: bytes) -> None:
    text = read_shutdown_message(data)
    assert len(text) <= 255
    assert bool(text) is (len(data) > 1 and 0 < data[0] < len(data))


@given(st.text())
def test_a_shutdown_message_is_cut_between_characters(text: str) -> None:
    data = write_shutdown_message(text)
    assert len(data) <= 256
    assert text.startswith(read_shutdown_message(data))
    if len(text.encode()) <= 255:
        assert read_shutdown_message(data) == text


# --- single cases ------------------------------------------------------------------------------


def test_capabilities_beyond_one_octet_of_length_use_extended_parameters() -> None:
    capabilities = Capabilities(unknown=((200, bytes(200)), (201, bytes(100))))
    message = Open(4, 65001, 90, b"\1\1\1\1", capabilities)
    octets = write_open(message)
    assert octets[28:35].hex() == "ffff" + "0133" + "02" + "0130"
    assert read_open(octets[19:]) == message


def test_a_side_without_families_speaks_ipv4() -> None:
    assert Capabilities().spoken_families == (Family.IPV4_UNICAST,)
    only_v6 = Capabilities(families=(Family.IPV6_UNICAST,))
    assert only_v6.spoken_families == (Family.IPV6_UNICAST,)
    assert Capabilities(unknown=((1, b"\0\x19\0\x46"),)).spoken_families == ()


def test_notification_data_is_cut_to_a_message() -> None:
    octets = write_notification(1, 2, bytes(5000))
    assert len(octets) == 4096
    assert octets[16:19].hex() == "100003"


def test_a_long_shutdown_message_loses_half_a_character() -> None:
    assert write_shutdown_message("é" * 200) == b"\xfe" + "é".encode() * 127
    assert write_shutdown_message("") == b""


def test_names_for_people() -> None:
    assert format_error(6, 2) == "cease: administrative shutdown"
    assert format_error(4, 0) == "hold timer expired"
    assert format_error(3, 99) == "update message error: subcode 99"
    assert capability_name(65) == "4-octet-as"
    assert capability_name(99) == "capability 99"
    assert Notification(6, 2).text == "cease: administrative shutdown"
    assert str(PeerFault(1, 1, b"", "bad marker")) == "bad marker (notification 1/1)"
    assert RouteRefresh(1, 1).family is Family.IPV4_UNICAST
