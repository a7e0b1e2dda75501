"""A dictionary of NLRI keys in parts, because one of a million entries stops everything.

When a dictionary is full it moves to a larger one in one go: 60 ms at 700,000 entries, and table
and Adj-RIB-In are full at the same route.  In parts such a stop is a few ms long, and each part is
a little larger than the one before, so that no two of them are full at the same time.  The parts
also bound what has to be copied to walk over a table that changes meanwhile.

``PART_OF[key[-1]]`` is a key's part: the last prefix octet spreads the /24, /48 and host routes
that tables mostly consist of; shorter prefixes gather in the first part, some 20 % of a full table.
Loops over routes use ``parts`` and this rule directly.
"""

from collections.abc import Iterator
from itertools import chain, islice
from math import log2
from typing import Generic, TypeVar

PART_COUNT = 12
# Dictionaries double; from the first part to the last the share of the 256 octets doubles, too.
PART_OF = bytes(int(PART_COUNT * log2(1 + octet / 256)) for octet in range(256))

# Routes in one slice of work on a whole table: about 2 ms.
SLICE_ROUTES = 2000

_Value = TypeVar("_Value")


class Shards(Generic[_Value]):
    """NLRI key -> value.  The methods are for everything but the loops over many routes."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: tuple[dict[bytes, _Value], ...] = tuple({} for _ in range(PART_COUNT))

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __contains__(self, nlri: bytes) -> bool:
        return nlri in self.parts[PART_OF[nlri[-1]]]

    def __setitem__(self, nlri: bytes, value: _Value) -> None:
        self.parts[PART_OF[nlri[-1]]][nlri] = value

    def get(self, nlri: bytes) -> _Value | None:
        return self.parts[PART_OF[nlri[-1]]].get(nlri)

    def pop(self, nlri: bytes) -> _Value | None:
        """Remove an entry that may be there."""
        return self.parts[PART_OF[nlri[-1]]].pop(nlri, None)

    def pop_slice(self, count: int = SLICE_ROUTES) -> list[bytes]:
        """Remove any entries, up to this many; their keys."""
        taken: list[bytes] = []
        for part in self.parts:
            while part and len(taken) < count:
                taken.append(part.popitem()[0])
        return taken

    def slices(self, count: int = SLICE_ROUTES) -> Iterator[list[tuple[bytes, _Value]]]:
        """The entries in slices, while others change them.

        An entry comes with the value it has when its slice is made, or not at all when it is gone
        by then; one that is added meanwhile may be missed.
        """
        parts = self.parts
        keys = chain.from_iterable(map(list, parts))  # each part is copied when it is reached
        while batch := list(islice(keys, count)):
            yield [
                (key, value)
                for key in batch
                if (value := parts[PART_OF[key[-1]]].get(key)) is not None
            ]
