"""AS_PATH values: reading, 2-octet and 4-octet forms, merging, prepending.

Within the daemon an AS_PATH value always has 4-octet AS numbers (as ``PathAttributes.wire`` keeps
it); the 2-octet form exists only towards peers without that capability (RFC 6793).
"""

from collections.abc import Sequence

from gobgp_trio.bgp.message import AS_TRANS
from gobgp_trio.bgp.wire import MAX_U16, Reader, Shortage, u32
from gobgp_trio.types.attributes import (
    AS_CONFED_SEQUENCE,
    AS_CONFED_SET,
    AS_SEQUENCE,
    AS_SET,
    AsSegment,
)

MAX_SEGMENT_COUNT = 255

_CONFEDERATION = (AS_CONFED_SEQUENCE, AS_CONFED_SET)


class MalformedAsPath(Exception):
    """The octets are no AS path (RFC 7606 section 7.2, RFC 7607)."""


def read_as_path(value: bytes, as_octets: int) -> tuple[AsSegment, ...]:
    """Read an AS_PATH or AS4_PATH value.

    Wire: segments of type (1 octet), count (1), AS numbers (``as_octets`` each).

    Raises:
        MalformedAsPath: unknown segment type, empty or cut-off segment, AS number 0.
    """
    reader = Reader(value)
    segments: list[AsSegment] = []
    while reader.left:
        try:
            kind, count = reader.u8("segment type"), reader.u8("segment length")
            octets = reader.take(count * as_octets, "AS path segment")
        except Shortage as shortage:
            raise MalformedAsPath(str(shortage)) from None
        if not AS_SET <= kind <= AS_CONFED_SET:
            raise MalformedAsPath(f"segment type {kind} is unknown")
        if count == 0:
            raise MalformedAsPath("segment is empty")
        numbers = tuple(
            int.from_bytes(octets[at : at + as_octets], "big")
            for at in range(0, len(octets), as_octets)
        )
        if 0 in numbers:
            raise MalformedAsPath("AS number 0")
        segments.append((kind, numbers))
    return tuple(segments)


def write_as_path(segments: Sequence[AsSegment], as_octets: int = 4) -> bytes:
    """Write what ``read_as_path`` reads; AS_TRANS where a number does not fit in two octets.

    A segment of more than 255 AS numbers is written as several.
    """
    largest = (1 << 8 * as_octets) - 1
    pieces = []
    for kind, numbers in segments:
        for at in range(0, len(numbers), MAX_SEGMENT_COUNT):
            part = numbers[at : at + MAX_SEGMENT_COUNT]
            pieces.append(bytes((kind, len(part))))
            pieces += [
                (number if number <= largest else AS_TRANS).to_bytes(as_octets, "big")
                for number in part
            ]
    return b"".join(pieces)


def count_as_path(segments: Sequence[AsSegment]) -> int:
    """The length the decision uses: AS_SET counts 1, confederation segments 0."""
    return sum(_segment_count(kind, numbers) for kind, numbers in segments)


def _segment_count(kind: int, numbers: tuple[int, ...]) -> int:
    if kind == AS_SEQUENCE:
        return len(numbers)
    return 1 if kind == AS_SET else 0


def first_as(segments: Sequence[AsSegment]) -> int:
    """First AS number of the first AS_SEQUENCE, 0 when there is none."""
    return next((numbers[0] for kind, numbers in segments if kind == AS_SEQUENCE), 0)


def has_confederation(segments: Sequence[AsSegment]) -> bool:
    """Whether a segment belongs to a confederation (RFC 5065)."""
    return any(kind in _CONFEDERATION for kind, _ in segments)


def without_confederation(segments: Sequence[AsSegment]) -> tuple[AsSegment, ...]:
    """The path as it leaves a confederation (RFC 5065 section 4)."""
    return tuple(segment for segment in segments if segment[0] not in _CONFEDERATION)


def merge_as4_path(
    path: tuple[AsSegment, ...], as4_path: tuple[AsSegment, ...]
) -> tuple[AsSegment, ...]:
    """The real path behind AS_PATH and AS4_PATH of a 2-octet peer (RFC 6793 section 4.2.3).

    What AS_PATH is longer by was put in front by routers that know nothing of AS4_PATH, so that
    many leading AS numbers of it are kept, with confederation segments among them.  An AS4_PATH
    longer than AS_PATH is ignored.
    """
    kept_count = count_as_path(path) - count_as_path(as4_path)
    if kept_count < 0:
        return path
    merged: list[AsSegment] = []
    for kind, numbers in path:
        count = _segment_count(kind, numbers)
        if count > kept_count:
            if kept_count:  # only an AS_SEQUENCE counts more than 1
                merged.append((kind, numbers[:kept_count]))
            break
        merged.append((kind, numbers))
        kept_count -= count
    if merged and as4_path and merged[-1][0] == as4_path[0][0] == AS_SEQUENCE:
        merged[-1] = (AS_SEQUENCE, merged[-1][1] + as4_path[0][1])
        as4_path = as4_path[1:]
    return (*merged, *as4_path)


def prepend_as(value: bytes, as_: int) -> bytes:
    """An AS_PATH value (4-octet) with one AS number more in front.

    It joins a leading AS_SEQUENCE that has room, else it gets a segment of its own (RFC 4271
    section 5.1.2).
    """
    if value and value[0] == AS_SEQUENCE and value[1] < MAX_SEGMENT_COUNT:
        return bytes((AS_SEQUENCE, value[1] + 1)) + u32(as_) + value[2:]
    return bytes((AS_SEQUENCE, 1)) + u32(as_) + value


def narrow_as_path(value: bytes) -> tuple[bytes, bytes]:
    """An AS_PATH value (4-octet) for a 2-octet peer: its AS_PATH and AS4_PATH values.

    AS4_PATH is ``b""`` when every AS number fits in two octets (RFC 6793 section 4.2.2).
    """
    segments = read_as_path(value, 4)
    narrow = write_as_path(segments, 2)
    if all(number <= MAX_U16 for _, numbers in segments for number in numbers):
        return narrow, b""
    return narrow, write_as_path(without_confederation(segments))
