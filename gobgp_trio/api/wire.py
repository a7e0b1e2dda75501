"""Protobuf octets without message objects, for the streams that carry whole tables.

A message object of betterproto costs 0.5 to 1.2 ms per path; these few functions let a stream be
put together from octets, most of which are the same for thousands of routes.  Only what those
streams need is here: varints, length-delimited fields, floats and gRPC's message frames.

Rules:
    A field with its default value is left out, as proto3 says; members of a oneof never are
    (``field_octets`` writes what it is given).
    Fields are written in the order of their numbers, like betterproto, so that the octets of both
    can be compared.
"""

import struct
from collections.abc import Iterable, Iterator

WIRE_VARINT = 0
WIRE_FIXED64 = 1
WIRE_LEN = 2
WIRE_FIXED32 = 5

# One value of a field: a number for varints, octets for everything else.
FieldValue = int | bytes


class MalformedMessage(Exception):
    """Octets that are no protobuf message."""


def _long_varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


# Nearly every length is below 2^14.
_SHORT_VARINTS = tuple(_long_varint(value) for value in range(1 << 14))


def write_varint(value: int) -> bytes:
    """A number from 0 to 2^64-1: 7 bits an octet, least significant first, high bit: more."""
    return _SHORT_VARINTS[value] if value < 1 << 14 else _long_varint(value)


def field_octets(number: int, octets: bytes) -> bytes:
    """A string, bytes or message field, even an empty one."""
    return write_varint(number << 3 | WIRE_LEN) + write_varint(len(octets)) + octets


def field_text(number: int, text: str) -> bytes:
    """A string field; nothing for ``""``."""
    return field_octets(number, text.encode()) if text else b""


def field_number(number: int, value: int) -> bytes:
    """An unsigned, bool or enum field; nothing for 0."""
    return write_varint(number << 3 | WIRE_VARINT) + write_varint(value) if value else b""


def field_int64(number: int, value: int) -> bytes:
    """An int32 or int64 field; negative numbers take ten octets."""
    return field_number(number, value & 0xFFFF_FFFF_FFFF_FFFF)


def field_float(number: int, value: float) -> bytes:
    """A float field: 4 octets, little endian; nothing for 0."""
    tag = write_varint(number << 3 | WIRE_FIXED32)
    return tag + struct.pack("<f", value) if value else b""


def field_packed(number: int, values: Iterable[int]) -> bytes:
    """A repeated unsigned or enum field in packed form; nothing for an empty list."""
    octets = b"".join([write_varint(value) for value in values])
    return field_octets(number, octets) if octets else b""


def frame_message(message: bytes) -> bytes:
    """A gRPC message as it stands in DATA frames: 1 octet 0 (plain), 4 octets length, message."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def read_varint(octets: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and where the next thing starts.

    Raises:
        MalformedMessage: it does not end within the octets, or has more than ten octets.
    """
    value = shift = 0
    for octet in octets[at : at + 10]:
        value |= (octet & 0x7F) << shift
        shift += 7
        at += 1
        if octet < 0x80:
            return value, at
    raise MalformedMessage(f"wanted a varint that ends, found {octets[at - 10 : at].hex()!r}")


def walk_fields(octets: bytes) -> Iterator[tuple[int, FieldValue]]:
    """Each field as (number, value), in the order they stand.

    Raises:
        MalformedMessage: a field does not fit into the octets, or has a wire type unknown here.
    """
    at, end = 0, len(octets)
    while at < end:
        tag = octets[at]
        at += 1
        if tag > 0x7F:
            tag, at = read_varint(octets, at - 1)
        kind = tag & 7
        if kind == WIRE_VARINT:
            value, at = read_varint(octets, at)
            yield tag >> 3, value
            continue
        if kind == WIRE_LEN:
            if at < end and octets[at] < 0x80:
                size = octets[at]
                at += 1
            else:
                size, at = read_varint(octets, at)
        elif kind == WIRE_FIXED32:
            size = 4
        elif kind == WIRE_FIXED64:
            size = 8
        else:
            raise MalformedMessage(f"wanted wire type 0, 1, 2 or 5, found {kind}")
        if at + size > end:
            raise MalformedMessage(f"wanted {size} octets of field {tag >> 3}, found {end - at}")
        yield tag >> 3, octets[at : at + size]
        at += size


def as_number(value: FieldValue) -> int:
    """A varint field's value.

    Raises:
        MalformedMessage: the field was sent as octets.
    """
    if isinstance(value, bytes):
        raise MalformedMessage(f"wanted a number, found {len(value)} octets")
    return value


def as_octets(value: FieldValue) -> bytes:
    """A length-delimited field's octets.

    Raises:
        MalformedMessage: the field was sent as a number.
    """
    if isinstance(value, int):
        raise MalformedMessage(f"wanted octets, found the number {value}")
    return value


def as_text(value: FieldValue) -> str:
    """A string field's text.

    Raises:
        MalformedMessage: the field was sent as a number, or is not UTF-8.
    """
    try:
        return as_octets(value).decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"wanted UTF-8, found {error.object!r}") from None


def unpack_numbers(value: FieldValue) -> tuple[int, ...]:
    """Values of one occurrence of a repeated number field, packed or single.

    Raises:
        MalformedMessage: the packed numbers do not end with the octets.
    """
    if isinstance(value, int):
        return (value,)
    numbers = []
    at = 0
    while at < len(value):
        number, at = read_varint(value, at)
        numbers.append(number)
    return tuple(numbers)
