"""The best path of a prefix worked out once more, in the plainest way, and two answers compared.

Nothing of the project's own decision process is used.  All paths are external and fresh, so the
steps are those of RFC 4271 section 9.1.2.2 that can tell such paths apart; MED counts among paths
of one neighbor AS only, whatever the order of arrival.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from scripts.bench_lib.mrt_feed import walk_attributes

AS_SET, AS_SEQUENCE = 1, 2
ORIGIN, AS_PATH, MED = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a path's attributes counts."""

    as_path_length: int
    origin: int
    med: int
    neighbor_as: int
    as_numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One path of a prefix; identifier and address are the peer's, as numbers."""

    peer_index: int
    facts: Facts
    router_id: int
    address: int


@cache
def read_facts(octets: bytes) -> Facts:
    """From the octets of attributes; a set counts as one AS."""
    values = {code: value for _, code, value in walk_attributes(octets)}
    length, numbers, neighbor_as = 0, set[int](), 0
    path = values.get(AS_PATH, b"")
    at = 0
    while at < len(path):
        kind, count = path[at], path[at + 1]
        found = [
            int.from_bytes(path[place : place + 4], "big")
            for place in range(at + 2, at + 2 + 4 * count, 4)
        ]
        if at == 0 and kind == AS_SEQUENCE:
            neighbor_as = found[0]
        length += {AS_SET: 1, AS_SEQUENCE: count}.get(kind, 0)
        numbers.update(found)
        at += 2 + 4 * count
    med = int.from_bytes(values.get(MED, b"\0"), "big")
    return Facts(length, values[ORIGIN][0], med, neighbor_as, frozenset(numbers))


Step = tuple[str, Callable[[Candidate], int]]
BEFORE_MED: tuple[Step, ...] = (
    ("AS_PATH length", lambda one: one.facts.as_path_length),
    ("ORIGIN", lambda one: one.facts.origin),
)
AFTER_MED: tuple[Step, ...] = (
    ("router ID", lambda one: one.router_id),
    ("neighbor address", lambda one: one.address),
)


def choose_best(candidates: Sequence[Candidate]) -> Candidate:
    """Step by step, those that are not least in it are out."""
    left = list(candidates)
    for _, number in BEFORE_MED:
        left = _least(left, number)
    left = [
        one
        for one in left
        if all(
            other.facts.neighbor_as != one.facts.neighbor_as or other.facts.med >= one.facts.med
            for other in left
        )
    ]
    for _, number in AFTER_MED:
        left = _least(left, number)
    return left[0]


def _least(left: list[Candidate], number: Callable[[Candidate], int]) -> list[Candidate]:
    least = min(map(number, left))
    return [one for one in left if number(one) == least]


def separating_step(one: Candidate, other: Candidate) -> str:
    """The name of the first step in which two paths differ."""
    for name, number in BEFORE_MED:
        if number(one) != number(other):
            return name
    is_same_as = one.facts.neighbor_as == other.facts.neighbor_as
    if is_same_as and one.facts.med != other.facts.med:
        return "MED"
    for name, number in AFTER_MED:
        if number(one) != number(other):
            return name
    return "none"


@dataclass(slots=True)
class Comparison:
    """Best paths of two daemons, prefix by prefix.

    Attributes:
        same: prefixes for which both have the same path, or both none.
        differences: (step that separates the two paths, who is right by the plain computation).
        wrong: daemon -> prefixes for which it differs from the plain computation.
        decided: step that set the best path apart from each loser -> how many paths lost in it.
        examples: a few differing prefixes.
    """

    same: int = 0
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[bytes, int | None, int | None, int | None]] = field(default_factory=list)


EXAMPLES_MAX = 5


def compare_best(
    prefixes: Mapping[bytes, Sequence[Candidate]],
    wanted: Mapping[bytes, int],
    best: Mapping[str, Mapping[bytes, int]],
) -> Comparison:
    """Compare what two daemons told.

    Args:
        prefixes: the paths of each prefix.
        wanted: NLRI -> index of the peer whose path must be told; prefixes without are not there.
        best: of each of the two daemons the same, as it was told.
    """
    result = Comparison()
    (first, ours), (second, others) = best.items()
    for nlri, candidates in prefixes.items():
        right = wanted.get(nlri)
        found = (ours.get(nlri), others.get(nlri))
        for name, index in zip((first, second), found, strict=True):
            if index != right:
                result.wrong[name] += 1
        chosen = choose_best(candidates)
        losers = (one for one in candidates if one is not chosen)
        result.decided.update(separating_step(chosen, one) for one in losers)
        if found[0] == found[1]:
            result.same += 1
            continue
        step = _step_between(candidates, found)
        is_right = [name for name, index in zip(best, found, strict=True) if index == right]
        result.differences[step, is_right[0] if is_right else "neither"] += 1
        if len(result.examples) < EXAMPLES_MAX:
            result.examples.append((nlri, *found, right))
    return result


def _step_between(candidates: Iterable[Candidate], indexes: Sequence[int | None]) -> str:
    by_index = {one.peer_index: one for one in candidates}
    chosen = [by_index[index] for index in indexes if index in by_index]
    return separating_step(*chosen) if len(chosen) == 2 else "told by one only"
