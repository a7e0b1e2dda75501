"""Annotated hex vectors: octets with a comment per field, and what a decoder must make of them.

A file in ``tests/vectors`` is a row of blocks:

    == name of the vector
    @ decoder word word          (how to read it; words are flags of that decoder)
    0a 00  # octets, any number of lines; white space and what follows ``#`` mean nothing
    -> expected line             (one or more)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gobgp_trio.bgp.wire import PeerFault

VECTORS = Path(__file__).parent.parent / "vectors"

_Value = TypeVar("_Value")


@dataclass
class Vector:
    """One block."""

    name: str
    decoder: str = ""
    flags: frozenset[str] = frozenset()
    octets: bytes = b""
    expected: list[str] = field(default_factory=list)


def read_vectors(file_name: str) -> list[Vector]:
    """All vectors of a file; a line that fits nowhere is an error."""
    vectors: list[Vector] = []
    for line in (VECTORS / file_name).read_text().splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "==":
            vectors.append(Vector(rest.strip()))
        elif mark == "@":
            vectors[-1].decoder, *flags = rest.split()
            vectors[-1].flags = frozenset(flags)
        elif mark == "->":
            vectors[-1].expected.append(rest.strip())
        else:
            octets = bytes.fromhex(line.partition("#")[0])
            if octets:
                vectors[-1].octets += octets
    names = [vector.name for vector in vectors]
    assert len(names) == len(set(names)), "two vectors of one name"
    assert all(vector.decoder and vector.expected for vector in vectors), "incomplete vector"
    return vectors


def vector_name(vector: Vector) -> str:
    """The name pytest shows."""
    return vector.name.replace(" ", "-")


def value_or_fault(read: Callable[[bytes], _Value], octets: bytes) -> _Value | PeerFault:
    """What a decoder makes of octets; any other exception is a bug and flies."""
    try:
        return read(octets)
    except PeerFault as fault:
        return fault
