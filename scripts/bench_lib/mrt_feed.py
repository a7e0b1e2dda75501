"""Paths of a table dump as UPDATEs, and what an internal peer must be told of them.

``Attributes`` is what two sides are compared by: code -> (flags, value), the flags without the one
for the length and the unused ones, MP_REACH_NLRI reduced to its global next hop.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from scripts.bench_lib.counting import NLRI_OCTETS, StreamCounter
from scripts.bench_lib.feed import (
    HEADER_OCTETS,
    MESSAGE_OCTETS_MAX,
    UPDATE,
    encode_message,
)

NEXT_HOP, LOCAL_PREF, COMMUNITIES, MP_REACH_NLRI, MP_UNREACH_NLRI = 3, 5, 8, 14, 15
NO_ADVERTISE = b"\xff\xff\xff\x02"
EXTENDED_LENGTH, PARTIAL, TRANSITIVE, OPTIONAL = 0x10, 0x20, 0x40, 0x80
# ORIGIN to COMMUNITIES, the internal ones, MP_*, extended communities and large communities.
KNOWN_CODES = frozenset((*range(1, 11), MP_REACH_NLRI, MP_UNREACH_NLRI, 16, 25, 32))
# LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST of an external peer are not believed (RFC 4271 section
# 5.1.5, RFC 7606 section 7.9), AS4_PATH, AS4_AGGREGATOR of a 4-octet one neither (RFC 6793), nor
# AIGP (RFC 7311 section 3.3).
NOT_BELIEVED = frozenset((LOCAL_PREF, 9, 10, 17, 18, 26))
DEFAULT_LOCAL_PREF = struct.pack("!I", 100)

Attributes = Mapping[int, tuple[int, bytes]]


def walk_attributes(octets: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(flags, code, value) of each attribute."""
    at = 0
    while at < len(octets):
        flags, code = octets[at], octets[at + 1]
        if flags & EXTENDED_LENGTH:
            start = at + 4
            at = start + (octets[at + 2] << 8 | octets[at + 3])
        else:
            start = at + 3
            at = start + octets[at + 2]
        yield flags, code, octets[start:at]


def mp_next_hop(value: bytes) -> bytes:
    """The next hops in an MP_REACH_NLRI.

    A dump has their length and themselves only (RFC 6396 section 4.3.4) or, from some collectors,
    all of the attribute; then the first octet, of the family, is 0.
    """
    length_at = 3 if value[0] == 0 else 0
    start = length_at + 1
    return value[start : start + value[length_at]]


@cache
def sent_attributes(octets: bytes, family: int) -> bytes:
    """A dump's attributes as they go into an UPDATE, but for IPv6's MP_REACH_NLRI.

    That one comes first in the answer, as one octet of length and the next hop; for IPv4 the octet
    is 0.
    """
    if family == 4:
        return b"\0" + octets
    hop, kept = b"", b""
    for flags, code, value in walk_attributes(octets):
        if code == MP_REACH_NLRI:
            hop = mp_next_hop(value)
        else:
            kept += _encode(flags, code, value)
    return bytes((len(hop),)) + hop + kept


def _encode(flags: int, code: int, value: bytes) -> bytes:
    if len(value) > 255:
        return struct.pack("!BBH", flags | EXTENDED_LENGTH, code, len(value)) + value
    return struct.pack("!BBB", flags & ~EXTENDED_LENGTH, code, len(value)) + value


def encode_table(table: Mapping[bytes, bytes], family: int) -> bytes:
    """UPDATEs for all routes of one peer, as many prefixes in each as share their attributes."""
    groups: dict[bytes, list[bytes]] = {}
    for nlri, octets in table.items():
        groups.setdefault(sent_attributes(octets, family), []).append(nlri)
    return b"".join(
        message for key, nlris in groups.items() for message in _encode_group(key, nlris, family)
    )


def _encode_group(key: bytes, nlris: list[bytes], family: int) -> Iterator[bytes]:
    hop, attributes = key[1 : 1 + key[0]], key[1 + key[0] :]
    room = MESSAGE_OCTETS_MAX - HEADER_OCTETS - 4 - len(attributes) - len(hop) - 9
    start = used = 0
    for at, nlri in enumerate(nlris):
        if used + len(nlri) > room:
            yield _encode_update(hop, attributes, b"".join(nlris[start:at]), family)
            start, used = at, 0
        used += len(nlri)
    yield _encode_update(hop, attributes, b"".join(nlris[start:]), family)


def _encode_update(hop: bytes, attributes: bytes, nlri: bytes, family: int) -> bytes:
    if family == 6:
        value = struct.pack("!HBB", 2, 1, len(hop)) + hop + b"\0" + nlri
        attributes = _encode(OPTIONAL, MP_REACH_NLRI, value) + attributes  # first, RFC 7606 5.1
        nlri = b""
    lengths = struct.pack("!HH", 0, len(attributes))
    return encode_message(UPDATE, lengths + attributes + nlri)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a path on its way through the daemon to an internal peer.

    Attributes:
        reason: why the internal peer must not be told of it, or "".
        attributes: what it is told, where it is.
    """

    reason: str
    attributes: Attributes


@cache
def expected_inside(octets: bytes, family: int) -> Fate:
    """The fate of an external peer's path with these attributes."""
    found: dict[int, tuple[int, bytes]] = {LOCAL_PREF: (TRANSITIVE, DEFAULT_LOCAL_PREF)}
    reason = ""
    for flags, code, value in walk_attributes(octets):
        if code in NOT_BELIEVED or (family == 6 and code == NEXT_HOP):
            continue
        if code == COMMUNITIES and NO_ADVERTISE in _words(value):
            reason = "NO_ADVERTISE"
        if code not in KNOWN_CODES:
            if not flags & TRANSITIVE:
                continue
            flags |= PARTIAL
        found[code] = (flags & 0xE0, mp_next_hop(value)[:16] if code == MP_REACH_NLRI else value)
    return Fate(reason, found)


def _words(value: bytes) -> list[bytes]:
    return [value[at : at + 4] for at in range(0, len(value), 4)]


class ToldKeeper(StreamCounter):
    """Keeps what stands after all UPDATEs so far.

    Attributes:
        told: NLRI -> attributes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[bytes, Attributes] = {}

    def take_update(self, data: bytes, at: int, stop: int) -> None:
        """Apply one UPDATE, whose body stands in ``data[at:stop]``."""
        self.updates += 1
        attributes_at = at + 4 + (data[at] << 8 | data[at + 1])
        nlri_at = attributes_at + (data[attributes_at - 2] << 8 | data[attributes_at - 1])
        gone = split_nlris(data[at + 2 : attributes_at - 2])
        offered = split_nlris(data[nlri_at:stop])
        found: dict[int, tuple[int, bytes]] = {}
        for flags, code, value in walk_attributes(data[attributes_at:nlri_at]):
            if code == MP_UNREACH_NLRI:
                gone += split_nlris(value[3:])
            elif code == MP_REACH_NLRI:
                offered += split_nlris(value[5 + value[3] :])
                found[code] = (flags & 0xE0, value[4 : 4 + value[3]][:16])
            else:
                found[code] = (flags & 0xE0, value)
        for nlri in gone:
            self.told.pop(nlri, None)
        for nlri in offered:
            self.told[nlri] = found


def split_nlris(octets: bytes) -> list[bytes]:
    """Each NLRI of a field of them."""
    found = []
    at = 0
    while at < len(octets):
        end = at + NLRI_OCTETS[octets[at]]
        found.append(octets[at:end])
        at = end
    return found
