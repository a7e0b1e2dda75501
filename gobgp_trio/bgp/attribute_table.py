"""Interned path attributes: equal octets from equal peers give one object, read once.

UPDATEs repeat attribute sets, so an UPDATE with known octets costs one look-up.  Objects are held
weakly: a set goes when its last path goes.  One table serves all sessions; look-ups are apart for
internal and external peers, which read the same octets differently, and for peers with 2-octet AS
numbers.

A key is the attributes' octets; in front of them, for MP_REACH_NLRI, the length octet and the
octets of its next hop, and of labels likewise with 0x80 added to their length.  The kinds cannot
meet: a next hop's length is below 0x40, and the first attribute, ORIGIN, has flags below 0x80.
"""

import weakref

from gobgp_trio.bgp.attr import is_host_address
from gobgp_trio.types.attributes import (
    AGGREGATOR,
    AS_PATH,
    AS_SEQUENCE,
    ATOMIC_AGGREGATE,
    CLUSTER_LIST,
    COMMUNITIES,
    EXTENDED_COMMUNITIES,
    LARGE_COMMUNITY,
    LOCAL_PREF,
    MULTI_EXIT_DISC,
    NEXT_HOP,
    ORIGIN,
    ORIGIN_INCOMPLETE,
    ORIGINATOR_ID,
    PathAttributes,
)


class _Entry(weakref.ref[PathAttributes]):
    """A weak reference that knows its key."""

    __slots__ = ("key",)
    key: bytes


class InternedAttributes:
    """Attribute sets by key, for one kind of peer.

    Does what ``weakref.WeakValueDictionary`` does at a third of its cost per entry; it is never
    iterated, so that entries may go at any time.
    """

    __slots__ = ("__weakref__", "_entries")

    def __init__(self) -> None:
        self._entries: dict[bytes, weakref.ref[PathAttributes]] = {}

    @property
    def count(self) -> int:
        """Sets that are alive."""
        return len(self._entries)

    def get(self, key: bytes) -> PathAttributes | None:
        """The set with this key, None when there is none or it is gone."""
        entry = self._entries.get(key)
        return None if entry is None else entry()

    def put(self, key: bytes, attributes: PathAttributes) -> None:
        """Remember a set for as long as somebody else holds it."""
        entry = _Entry(attributes, self._forget)
        entry.key = key
        self._entries[key] = entry

    def _forget(self, entry: weakref.ref[PathAttributes]) -> None:
        # An entry that was replaced is gone itself, and its callback with it.
        assert isinstance(entry, _Entry)
        del self._entries[entry.key]


class AttributeTable:
    """All interned attribute sets of the daemon."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[tuple[bool, bool], InternedAttributes] = {
            (four_octet_as, is_ebgp): InternedAttributes()
            for four_octet_as in (True, False)
            for is_ebgp in (True, False)
        }

    @property
    def count(self) -> int:
        """Entries of all kinds; a set has two when it did not arrive as we would send it."""
        return sum(kind.count for kind in self._kinds.values())

    def kind(self, *, four_octet_as: bool, is_ebgp: bool) -> InternedAttributes:
        """The sets as one kind of peer writes them.

        With ``four_octet_as`` these are also the sets by their canonical octets, which such a peer
        could have sent.
        """
        return self._kinds[four_octet_as, is_ebgp]


# --- the short way for the usual shape ---------------------------------------------------------

# Flags, type code and length, as they stand on the wire, to the type code.  An attribute whose head
# is not here goes the long way.
PlainHeads = dict[bytes, int]


def _heads(flags: int, code: int, lengths: range) -> PlainHeads:
    return {bytes((flags, code, length)): code for length in lengths}


PLAIN_HEADS_EXTERNAL: PlainHeads = {
    **_heads(0x80, MULTI_EXIT_DISC, range(4, 5)),
    **_heads(0x40, ATOMIC_AGGREGATE, range(1)),
    **_heads(0xC0, AGGREGATOR, range(8, 9)),
    **_heads(0xC0, COMMUNITIES, range(4, 256, 4)),
    **_heads(0xE0, COMMUNITIES, range(4, 256, 4)),
    **_heads(0xC0, EXTENDED_COMMUNITIES, range(8, 256, 8)),
    **_heads(0xE0, EXTENDED_COMMUNITIES, range(8, 256, 8)),
    **_heads(0xC0, LARGE_COMMUNITY, range(12, 256, 12)),
    **_heads(0xE0, LARGE_COMMUNITY, range(12, 256, 12)),
}
PLAIN_HEADS_INTERNAL: PlainHeads = {
    **PLAIN_HEADS_EXTERNAL,
    **_heads(0x40, LOCAL_PREF, range(4, 5)),
    **_heads(0x80, ORIGINATOR_ID, range(4, 5)),
    **_heads(0x80, CLUSTER_LIST, range(4, 256, 4)),
}

_ORIGINS = {bytes((0x40, ORIGIN, 1, origin)): origin for origin in range(ORIGIN_INCOMPLETE + 1)}
_AS_PATH_HEAD = bytes((0x40, AS_PATH))
_LONG_AS_PATH_HEAD = bytes((0x50, AS_PATH, 0))
_NEXT_HOP_HEAD = bytes((0x40, NEXT_HOP, 4))
_AS_0 = bytes(4)
# Whose value has more to it than its length.
_JUDGED = frozenset((AGGREGATOR, LARGE_COMMUNITY))


def read_plain(
    block: bytes, heads: PlainHeads, next_hop: bytes = b"", link_local: bytes = b""
) -> PathAttributes | None:
    """Read an attribute block that is canonical as it stands, which nearly all are.

    That is: 4-octet AS numbers, ascending types, usual flags, AS_PATH of one AS_SEQUENCE or none
    (its length in one octet or two), no attribute above 255 octets, nothing unknown or wrong.
    What it returns equals what ``bgp.attr`` makes of the same octets; written flat because every
    new attribute set of a full table comes through here.

    Args:
        heads: PLAIN_HEADS_INTERNAL or PLAIN_HEADS_EXTERNAL.
        next_hop: of MP_REACH_NLRI, checked already; empty for a block that must have NEXT_HOP.

    Returns:
        None when the block is not of that shape, right or wrong.
    """
    origin = _ORIGINS.get(block[:4])
    if block[4:7] == _LONG_AS_PATH_HEAD:  # some speakers always give AS_PATH a long length
        block = block[:4] + _AS_PATH_HEAD + block[7:]
    end = len(block)
    if origin is None or end < 7 or block[4:6] != _AS_PATH_HEAD:
        return None
    size = block[6]
    at = 7 + size
    count = neighbor_as = 0
    if size:
        if at > end or size < 6 or block[7] != AS_SEQUENCE:
            return None
        count = block[8]
        if size != 2 + 4 * count or block.find(_AS_0, 9, at) >= 0:
            return None
        neighbor_as = int.from_bytes(block[9:13], "big")
    if not next_hop:
        next_hop = block[at + 3 : at + 7]
        if block[at : at + 3] != _NEXT_HOP_HEAD or len(next_hop) < 4:
            return None
        if not is_host_address(next_hop):
            return None
        at += 7
    med = local_pref = None
    last = NEXT_HOP
    while at < end:
        code = heads.get(block[at : at + 3])
        if code is None or code <= last:
            return None
        if code == MULTI_EXIT_DISC:
            med = int.from_bytes(block[at + 3 : at + 7], "big")
        elif code == LOCAL_PREF:
            local_pref = int.from_bytes(block[at + 3 : at + 7], "big")
        elif code in _JUDGED and _is_odd(code, block[at + 3 : at + 3 + block[at + 2]]):
            return None
        last = code
        at += 3 + block[at + 2]
    if at != end:
        return None
    return PathAttributes(block, next_hop, link_local, origin, local_pref, med, count, neighbor_as)


def _is_odd(code: int, value: bytes) -> bool:
    """Whether AGGREGATOR has AS 0, or a large community (12 octets) stands there twice."""
    if code == AGGREGATOR:
        return value[:4] == _AS_0
    count = len(value) // 12
    return count > 1 and len({value[at : at + 12] for at in range(0, 12 * count, 12)}) < count
