"""Routing tables as collectors keep them: MRT files of type TABLE_DUMP_V2 (RFC 6396 section 4.3).

A file may end in the middle, compressed or not: what came before counts, and ``Dump.is_cut`` says
so.  Attributes stay the octets that they are in the file.
"""

import bz2
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

HEADER_OCTETS = 12
TABLE_DUMP_V2 = 13
PEER_INDEX_TABLE, RIB_IPV4_UNICAST, RIB_IPV6_UNICAST = 1, 2, 4
_FAMILIES = {RIB_IPV4_UNICAST: 4, RIB_IPV6_UNICAST: 6}
_CHUNK_OCTETS = 1 << 20


class NotMrt(Exception):
    """The file is no table dump; the text says what was found."""


@dataclass(frozen=True, slots=True)
class MrtPeer:
    """A peer of the collector, as the index table has it."""

    router_id: str
    address: str
    asn: int


@dataclass(slots=True)
class Dump:
    """What was read.

    Attributes:
        routes: family (4 or 6) -> index of the peer -> NLRI -> octets of the path attributes.
        is_cut: the file ends in the middle of a record.
        ignored: records of other kinds.
    """

    peers: list[MrtPeer] = field(default_factory=list)
    routes: dict[int, dict[int, dict[bytes, bytes]]] = field(default_factory=dict)
    is_cut: bool = False
    ignored: int = 0

    def count_paths(self, family: int) -> int:
        return sum(len(table) for table in self.routes[family].values())

    def count_prefixes(self, family: int) -> int:
        return len({nlri for table in self.routes[family].values() for nlri in table})


def read_dump(path: Path) -> Dump:
    """Read a file, plain or compressed by gzip or bzip2.

    Raises:
        NotMrt: it holds no index of peers, or a record contradicts itself.
    """
    return parse_dump(decompress(path.read_bytes()))


def decompress(octets: bytes) -> bytes:
    """As much as can be had, streams one after another taken as one."""
    pieces: list[bytes] = []
    while octets:
        stream: bz2.BZ2Decompressor | zlib._Decompress
        if octets.startswith(b"BZh"):
            stream = bz2.BZ2Decompressor()
        elif octets.startswith(b"\x1f\x8b"):
            stream = zlib.decompressobj(wbits=31)
        else:
            return b"".join(pieces) if pieces else octets
        for at in range(0, len(octets), _CHUNK_OCTETS):
            try:
                pieces.append(stream.decompress(octets[at : at + _CHUNK_OCTETS]))
            except (OSError, zlib.error) as error:
                raise NotMrt(f"cannot be decompressed: {error}") from error
            if stream.eof:
                break
        rest = octets[at + _CHUNK_OCTETS :]
        octets = stream.unused_data + rest if stream.eof else b""
    return b"".join(pieces)


def parse_dump(octets: bytes) -> Dump:
    """Records one after another.

    Wire: time (4), type (2), subtype (2), length (4), then as many octets.

    Raises:
        NotMrt: see ``read_dump``.
    """
    dump = Dump()
    at, end = 0, len(octets)
    while at < end:
        if end - at < HEADER_OCTETS:
            dump.is_cut = True
            break
        _, kind, subtype, length = struct.unpack_from("!IHHI", octets, at)
        start = at + HEADER_OCTETS
        at = start + length
        if at > end:
            dump.is_cut = True
            break
        try:
            _add_record(dump, kind, subtype, octets[start:at])
        except (IndexError, struct.error) as error:
            raise NotMrt(f"the record at octet {start} is shorter than it says") from error
    if not dump.peers:
        raise NotMrt("wanted TABLE_DUMP_V2 with an index of peers, found none")
    return dump


def _add_record(dump: Dump, kind: int, subtype: int, body: bytes) -> None:
    if kind == TABLE_DUMP_V2 and subtype == PEER_INDEX_TABLE:
        dump.peers.extend(_read_peers(body))
    elif kind == TABLE_DUMP_V2 and subtype in _FAMILIES:
        tables = dump.routes.setdefault(_FAMILIES[subtype], {})
        for peer_index, nlri, attributes in _read_entries(body):
            tables.setdefault(peer_index, {})[nlri] = attributes
    else:
        dump.ignored += 1


def _read_peers(body: bytes) -> Iterator[MrtPeer]:
    """The index of peers.

    Wire: collector (4), length of the view's name (2), the name, count (2); for each peer its type
    (1: bit 0 IPv6 address, bit 1 4-octet AS number), BGP identifier (4), address (4 or 16), AS
    number (2 or 4).
    """
    at = 6 + struct.unpack_from("!H", body, 4)[0]
    (count,) = struct.unpack_from("!H", body, at)
    at += 2
    for _ in range(count):
        kind = body[at]
        address_at = at + 5
        as_at = address_at + (16 if kind & 1 else 4)
        at_end = as_at + (4 if kind & 2 else 2)
        if at_end > len(body):
            raise IndexError
        router_id, address = body[at + 1 : address_at], body[address_at:as_at]
        asn = int.from_bytes(body[as_at:at_end], "big")
        yield MrtPeer(str(ip_address(router_id)), str(ip_address(address)), asn)
        at = at_end


def _read_entries(body: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Paths of one prefix: (index of the peer, NLRI, attributes).

    Wire: sequence (4), NLRI (1 octet length in bits, then the octets), count (2); for each path
    the peer's index (2), time (4), length of the attributes (2), the attributes.
    """
    at = 5 + (body[4] + 7) // 8
    nlri = body[4:at]
    (count,) = struct.unpack_from("!H", body, at)
    at += 2
    for _ in range(count):
        peer_index, _, length = struct.unpack_from("!HIH", body, at)
        at += 8
        if at + length > len(body):
            raise IndexError
        yield peer_index, nlri, body[at : at + length]
        at += length
