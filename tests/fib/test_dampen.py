"""Dampening against the words of the specification, and against a naive timer per prefix."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.fib.dampen import TICK_S, Dampener
from gobgp_trio.types.path import Path, Source, SourceKind

SOURCE = Source(SourceKind.PEER, "192.0.2.1")
ATTRIBUTES = make_attributes(origin=0, next_hop=bytes((192, 0, 2, 1)))
A, B = b"\x08\x0a", b"\x08\x0b"


def make_path() -> Path:
    return Path(SOURCE, ATTRIBUTES, 0.0)


def test_the_first_write_waits_for_the_interval() -> None:
    dampener = Dampener(0.1)
    path = make_path()
    assert dampener.add({A: path}, now_s=10.0) == {}
    assert dampener.pop_due(10.05) == {}
    assert math.isclose(dampener.next_due_s(), 10.1, abs_tol=TICK_S)
    assert dampener.pop_due(10.11) == {A: path}
    assert dampener.next_due_s() == math.inf
    assert dampener.restarts_count == 0


def test_a_change_restarts_the_wait_and_the_newest_wins() -> None:
    dampener = Dampener(0.1)
    first, second, other = make_path(), make_path(), make_path()
    dampener.add({A: first, B: other}, now_s=0.0)
    dampener.add({A: second}, now_s=0.08)
    assert dampener.pop_due(0.11) == {B: other}
    assert dampener.pop_due(0.17) == {}
    assert dampener.pop_due(0.19) == {A: second}
    assert dampener.restarts_count == 1


def test_a_prefix_that_never_rests_is_written_after_two_seconds() -> None:
    dampener = Dampener(0.1)
    written_s = []
    for step in range(100):
        now_s = step * 0.05
        dampener.add({A: make_path()}, now_s)
        if dampener.pop_due(now_s):
            written_s.append(now_s)
    assert written_s == [2.0, 4.05]


def test_the_cap_grows_with_a_long_interval() -> None:
    dampener = Dampener(5.0)
    written_s = []
    for now_s in range(40):
        dampener.add({A: make_path()}, float(now_s))
        if dampener.pop_due(float(now_s)):
            written_s.append(now_s)
    assert written_s == [10, 21, 32]


def test_a_withdrawal_does_not_wait_and_cancels_what_waits() -> None:
    dampener = Dampener(0.1)
    dampener.add({A: make_path(), B: make_path()}, now_s=0.0)
    assert dampener.add({A: None}, now_s=0.05) == {A: None}
    assert set(dampener.pop_due(1.0)) == {B}
    assert len(dampener) == 0


def test_a_prefix_that_returns_after_a_withdrawal_starts_anew() -> None:
    dampener = Dampener(0.1)
    dampener.add({A: make_path()}, now_s=0.0)
    dampener.add({A: None}, now_s=0.05)
    again = make_path()
    dampener.add({A: again}, now_s=0.06)
    assert dampener.pop_due(0.12) == {}
    assert dampener.pop_due(0.17) == {A: again}
    assert dampener.restarts_count == 0


def test_interval_zero_hands_everything_on() -> None:
    dampener = Dampener(0)
    changes = {A: make_path(), B: None}
    assert dampener.add(changes, now_s=0.0) == changes
    assert dampener.next_due_s() == math.inf


def test_cancel_all_forgets() -> None:
    dampener = Dampener(0.1)
    dampener.add({A: make_path()}, now_s=0.0)
    dampener.cancel_all()
    assert dampener.pop_due(math.inf) == {}
    assert dampener.add({A: None}, now_s=0.01) == {A: None}


class NaiveDampener:
    """A timer per prefix, in ticks of a hundredth of a second."""

    def __init__(self, interval: int) -> None:
        self.interval, self.cap = interval, max(200, 2 * interval)
        self.waiting: dict[bytes, tuple[int, int, Path]] = {}  # due, first, path

    def change(self, nlri: bytes, path: Path | None, now: int) -> bool:
        """Whether it is to be written at once."""
        if path is None:
            self.waiting.pop(nlri, None)
            return True
        first = self.waiting[nlri][1] if nlri in self.waiting else now
        self.waiting[nlri] = (min(now + self.interval, first + self.cap), first, path)
        return False

    def due(self, now: int) -> dict[bytes, Path]:
        ready = {nlri: path for nlri, (due, _, path) in self.waiting.items() if due <= now}
        for nlri in ready:
            del self.waiting[nlri]
        return ready


STEPS = st.lists(
    st.tuples(
        st.integers(0, 30),  # ticks that pass before the step
        st.dictionaries(st.sampled_from([A, B, b"\x08\x0c"]), st.booleans(), max_size=3),
        st.booleans(),  # whether somebody looks for what is due
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([5, 10, 150]))
def test_it_agrees_with_a_timer_per_prefix(
    steps: list[tuple[int, dict[bytes, bool], bool]], interval: int
) -> None:
    dampener, naive = Dampener(interval * TICK_S), NaiveDampener(interval)
    now = 1000
    for passed, flags, looks in steps:
        now += passed
        changes = {nlri: make_path() if up else None for nlri, up in flags.items()}
        at_once = dampener.add(changes, now * TICK_S)
        expected = {nlri for nlri, path in changes.items() if naive.change(nlri, path, now)}
        assert set(at_once) == expected
        assert len(dampener) == len(naive.waiting)
        if looks:
            assert dampener.pop_due(now * TICK_S) == naive.due(now)
