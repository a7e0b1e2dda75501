"""Dampening: a prefix is written once it has been quiet for the interval.

The first write waits too, each further change within the interval restarts the wait, and a prefix
that never gets quiet is written ``cap_s`` after its first change all the same.  A withdrawal waits
for nothing and cancels what waits.  Changes of about the same moment share one bucket, so that a
batch costs a few dictionary operations in C and the cost of a change does not grow with what
waits (one timer, not one per prefix).
"""

import heapq
import math

from gobgp_trio.types.path import BestChanges, Path

TICK_S = 0.01
ROUNDING = 1e-6  # ticks; binary fractions must not push a due time into the next tick
LEAST_CAP_S = 2.0


class _Bucket:
    __slots__ = ("changes", "first_s")

    def __init__(self, first_s: float) -> None:
        self.first_s = (
            first_s  # earliest first change of what is in here without an entry of its own
        )
        self.changes: dict[bytes, Path] = {}


class Dampener:
    """Waiting changes of one family.  Pure: the caller brings the time and waits.

    Attributes:
        restarts_count: how often a running delay was restarted (``dampened_updates``).
    """

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.restarts_count = 0
        self._buckets: dict[int, _Bucket] = {}  # by due tick
        self._due_ticks: list[int] = []  # heap of the keys of _buckets
        self._where: dict[bytes, _Bucket] = {}
        self._first_s: dict[bytes, float] = {}  # only of prefixes that were restarted

    def __len__(self) -> int:
        return len(self._where)

    def add(self, changes: BestChanges, now_s: float) -> BestChanges:
        """Take changes in; what need not wait comes back at once (withdrawals, interval 0)."""
        if self.interval_s == 0:
            return changes
        gone: BestChanges = {nlri: None for nlri, path in changes.items() if path is None}
        if gone:
            for nlri in gone.keys() & self._where.keys():
                self._forget(nlri)
            waiting = {nlri: path for nlri, path in changes.items() if path is not None}
        else:
            waiting = changes  # type: ignore[assignment]  # no None in it
        again = waiting.keys() & self._where.keys()
        if again:
            waiting = dict(waiting)
            for nlri in again:
                self._restart(nlri, waiting.pop(nlri), now_s)
        if waiting:
            bucket = self._bucket(now_s + self.interval_s, now_s)
            bucket.changes.update(waiting)
            self._where.update(dict.fromkeys(waiting, bucket))
        return gone

    def next_due_s(self) -> float:
        """When ``pop_due`` has something next; infinity while nothing waits."""
        return self._due_ticks[0] * TICK_S if self._due_ticks else math.inf

    def pop_due(self, now_s: float) -> dict[bytes, Path]:
        """Everything whose wait is over."""
        due: dict[bytes, Path] = {}
        now_ticks = now_s / TICK_S + ROUNDING
        while self._due_ticks and self._due_ticks[0] <= now_ticks:
            bucket = self._buckets.pop(heapq.heappop(self._due_ticks))
            for nlri in bucket.changes:
                del self._where[nlri]
            if self._first_s:
                for nlri in self._first_s.keys() & bucket.changes.keys():
                    del self._first_s[nlri]
            due.update(bucket.changes)
        return due

    def cancel_all(self) -> None:
        """Forget what waits."""
        self._buckets.clear()
        self._due_ticks.clear()
        self._where.clear()
        self._first_s.clear()

    def _bucket(self, due_s: float, first_s: float) -> _Bucket:
        tick = math.ceil(due_s / TICK_S - ROUNDING)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = _Bucket(first_s)
            heapq.heappush(self._due_ticks, tick)
        return bucket

    def _forget(self, nlri: bytes) -> None:
        del self._where.pop(nlri).changes[nlri]
        self._first_s.pop(nlri, None)

    def _restart(self, nlri: bytes, path: Path, now_s: float) -> None:
        bucket = self._where[nlri]
        first_s = self._first_s.get(nlri, bucket.first_s)
        del bucket.changes[nlri]
        cap_s = max(LEAST_CAP_S, 2 * self.interval_s)
        bucket = self._bucket(min(now_s + self.interval_s, first_s + cap_s), now_s)
        bucket.changes[nlri] = path
        self._where[nlri] = bucket
        self._first_s[nlri] = first_s
        self.restarts_count += 1
