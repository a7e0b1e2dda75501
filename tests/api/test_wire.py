"""Protobuf primitives: octets by hand, and every input is a message or MalformedMessage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.api.route_reader import RouteReader
from gobgp_trio.api.wire import (
    MalformedMessage,
    as_number,
    as_octets,
    as_text,
    field_float,
    field_int64,
    field_number,
    field_octets,
    field_packed,
    field_text,
    frame_message,
    read_varint,
    unpack_numbers,
    walk_fields,
    write_varint,
)


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16383, "ff7f"),
        (16384, "808001"),
        (2**64 - 1, "ffffffffffffffffff01"),
    ],
)
def test_varints(value: int, octets: str) -> None:
    assert write_varint(value).hex() == octets
    assert read_varint(bytes.fromhex("ee" + octets + "ee"), 1) == (value, 1 + len(octets) // 2)


def test_fields() -> None:
    assert field_octets(1, b"") == b"\x0a\x00"
    assert field_text(2, "ab") == b"\x12\x02ab"
    assert field_text(2, "") == b""
    assert field_number(16, 1) == b"\x80\x01\x01"
    assert field_number(16, 0) == b""
    assert field_int64(7, -1).hex() == "38" + "ff" * 9 + "01"
    assert field_float(2, 1.0).hex() == "150000803f"
    assert field_float(2, 0.0) == b""
    assert field_packed(1, [1, 300]).hex() == "0a0301ac02"
    assert field_packed(1, []) == b""
    assert frame_message(b"abc") == b"\0\0\0\0\3abc"


def test_walk_knows_each_wire_type() -> None:
    octets = bytes.fromhex("08011202abcd1d01020304210102030405060708")
    assert list(walk_fields(octets)) == [
        (1, 1),
        (2, b"\xab\xcd"),
        (3, b"\1\2\3\4"),
        (4, b"\1\2\3\4\5\6\7\x08"),
    ]


@pytest.mark.parametrize("octets", ["08", "0880", "0a05ab", "1d0102", "0b", "08" + "80" * 11])
def test_malformed(octets: str) -> None:
    with pytest.raises(MalformedMessage):
        list(walk_fields(bytes.fromhex(octets)))


def test_wrong_kinds_of_values() -> None:
    with pytest.raises(MalformedMessage, match="wanted a number, found 1 octets"):
        as_number(b"x")
    with pytest.raises(MalformedMessage, match="wanted octets, found the number 3"):
        as_octets(3)
    with pytest.raises(MalformedMessage, match="wanted UTF-8"):
        as_text(b"\xff")


def test_repeated_numbers_packed_or_single() -> None:
    assert unpack_numbers(7) == (7,)
    assert unpack_numbers(bytes.fromhex("01ac02")) == (1, 300)


@given(st.binary(max_size=60))
def test_any_octets_are_fields_or_malformed(octets: bytes) -> None:
    try:
        fields = list(walk_fields(octets))
    except MalformedMessage:
        return
    assert all(number >= 0 for number, _ in fields)


@given(st.binary(max_size=80), st.integers(0, 3))
def test_any_octets_are_a_destination_or_malformed(octets: bytes, depth: int) -> None:
    """``depth`` wraps the octets so that inner levels are reached as well."""
    for number in (2, 2, 1)[3 - depth :]:
        octets = field_octets(number, octets)
    reader = RouteReader()
    try:
        destination = reader.read_destination(octets)
        for path in destination.paths:
            reader.read_attributes(path)
    except MalformedMessage:
        return
    assert isinstance(destination.prefix, str)
