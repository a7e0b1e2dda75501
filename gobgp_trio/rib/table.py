"""Loc-RIB of one family: every accepted path of every prefix, the best one first.

This is the path that every route takes, so it is written for the loop over an UPDATE's prefixes:
flat, no call and no object per route.  A prefix with one path holds the ``Path`` itself; one with
several holds a tuple, best first.  The prefixes of an UPDATE share one ``Path`` and mostly meet the
same state in the table too, so the answer for one prefix (who is best now, did that change) is kept
while the next prefix has the identical state; the tuples come to be shared in the same way.

Rules:
    Each call is atomic: when it returns, table and Adj-RIB-In agree.
    ``BestChanges`` gets a prefix only when its best path is another object now.  A path that came
    again with the identical attributes object is no change and keeps its age.
    What touches a whole table is a generator of slices; anything may happen between two of them.
"""

from collections.abc import Iterator

from gobgp_trio.rib.adj_in import AdjIn
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.shards import PART_OF, Shards
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path, Source

Held = Path | tuple[Path, ...]


class Table:
    """The routing table of one family.

    Attributes:
        routes: NLRI key -> its only path, or all its paths best first.  Read it freely, change it
            through the methods alone.
        path_count: paths in ``routes``, all prefixes together.
    """

    __slots__ = ("_decision", "family", "path_count", "routes")

    def __init__(self, family: Family, decision: Decision) -> None:
        self.family = family
        self.routes: Shards[Held] = Shards()
        self.path_count = 0
        self._decision = decision

    def announce(
        self,
        adj_in: AdjIn,
        attributes: PathAttributes,
        nlris: list[bytes],
        now_s: float,
        changes: BestChanges,
    ) -> bool:
        """Put one source's path under each prefix, in place of what it offered there before.

        Returns whether it takes part; what was there before is gone either way.
        """
        source = adj_in.source
        if adj_in.loop_check is not None:
            reason = adj_in.loop_check.reason_to_reject(attributes)
            if reason:
                self.withdraw(adj_in, nlris, changes)
                adj_in.has_rejected = True
                rejected = Path(source, attributes, now_s, reason)
                for nlri in nlris:
                    adj_in.rejected[nlri] = rejected
                return False
        if adj_in.has_rejected:
            _drop(adj_in.rejected, nlris)
        path = Path(source, attributes, now_s)
        routes = self.routes.parts
        accepted = adj_in.accepted.parts
        new_count = 0
        seen: Held | None = None
        merged: Held = path
        best: Path | None = path
        is_new = True
        for nlri in nlris:
            at = PART_OF[nlri[-1]]
            part = routes[at]
            held = part.get(nlri)
            if held is not seen:
                seen = held
                merged, best, is_new = self._merge(held, path)
            if merged is not held:
                part[nlri] = merged
                accepted[at][nlri] = path
                new_count += is_new
                if best is not None:
                    changes[nlri] = best
        self.path_count += new_count
        return True

    def withdraw(self, adj_in: AdjIn, nlris: list[bytes], changes: BestChanges) -> None:
        """Take one source's path away from each prefix; where it has none, nothing happens."""
        accepted = adj_in.accepted.parts
        ours = [nlri for nlri in nlris if accepted[PART_OF[nlri[-1]]].pop(nlri, None) is not None]
        if adj_in.has_rejected:
            _drop(adj_in.rejected, nlris)
        self._remove(adj_in.source, ours, changes)

    def withdraw_all(self, adj_in: AdjIn) -> Iterator[tuple[list[bytes], BestChanges]]:
        """Take everything away that a source offers, slice by slice: (what, what that changed).

        The source must not announce any more; everything else may change between slices.
        """
        while adj_in.rejected.pop_slice():
            yield [], {}
        while nlris := adj_in.accepted.pop_slice():
            changes: BestChanges = {}
            self._remove(adj_in.source, nlris, changes)
            yield nlris, changes

    def decide_anew(self, decision: Decision) -> Iterator[BestChanges]:
        """Decide by other rules: from now on for what changes, slice by slice for what is there."""
        self._decision = decision
        return self._decide_anew()

    def _decide_anew(self) -> Iterator[BestChanges]:
        decision = self._decision
        for entries in self.routes.slices():
            changes: BestChanges = {}
            ranked_again: dict[tuple[Path, ...], tuple[Path, ...]] = {}
            for nlri, held in entries:
                if not isinstance(held, tuple):
                    continue
                ranked = ranked_again.get(held)
                if ranked is None:
                    ranked = ranked_again[held] = decision.rank(held)
                if ranked != held:
                    self.routes[nlri] = ranked
                    if ranked[0] is not held[0]:
                        changes[nlri] = ranked[0]
            yield changes

    def review(self, adj_in: AdjIn) -> Iterator[list[tuple[PathAttributes, list[bytes], float]]]:
        """What a source offers that would be judged otherwise now (a soft reset inbound).

        Slice by slice, as arguments of ``announce``.  What is accepted as before stays as it is,
        its age too.
        """
        check = adj_in.loop_check
        for paths in (adj_in.accepted, adj_in.rejected):
            for entries in paths.slices():
                moved: dict[PathAttributes, tuple[float, list[bytes]]] = {}
                for nlri, path in entries:
                    reason = check.reason_to_reject(path.attributes) if check is not None else ""
                    if reason != path.rejected:
                        moved.setdefault(path.attributes, (path.received_s, []))[1].append(nlri)
                yield [(attributes, nlris, at_s) for attributes, (at_s, nlris) in moved.items()]

    def find(self, nlri: bytes) -> tuple[Path, ...]:
        """All accepted paths of a prefix, the best one first."""
        held = self.routes.get(nlri)
        if held is None:
            return ()
        return held if isinstance(held, tuple) else (held,)

    def find_best(self, nlri: bytes) -> Path | None:
        held = self.routes.get(nlri)
        return held[0] if isinstance(held, tuple) else held

    def _remove(self, source: Source, nlris: list[bytes], changes: BestChanges) -> None:
        """Take a source's paths out of the table; it has one under each of these prefixes."""
        routes = self.routes.parts
        seen: Held | None = None
        left: Held | None = None
        best: Path | None = None
        best_changed = True
        for nlri in nlris:
            part = routes[PART_OF[nlri[-1]]]
            held = part[nlri]
            if held is not seen:
                seen = held
                left, best, best_changed = self._without(held, source)
            if left is None:
                del part[nlri]
            else:
                part[nlri] = left
            if best_changed:
                changes[nlri] = best
        self.path_count -= len(nlris)

    def _merge(self, held: Held | None, path: Path) -> tuple[Held, Path | None, bool]:
        """What a prefix holds once it has ``path``: that, its best path if that is another one now,
        and whether it has a path more.

        Gives ``held`` itself back when the path is no news.
        """
        if held is None:
            return path, path, True
        before = held if isinstance(held, tuple) else (held,)
        others = []
        for known in before:
            if known.source is not path.source:
                others.append(known)
            elif known.attributes is path.attributes:
                return held, None, False
        if not others:
            return path, path, False
        ranked = self._decision.rank((*others, path))
        best = ranked[0] if ranked[0] is not before[0] else None
        return ranked, best, len(ranked) > len(before)

    def _without(self, held: Held, source: Source) -> tuple[Held | None, Path | None, bool]:
        """What a prefix holds without a source's path: that, its best path, if that is news."""
        if isinstance(held, Path):
            return None, None, True
        # MED makes the order of the rest depend on who left, so it is worked out afresh.
        ranked = self._decision.rank([path for path in held if path.source is not source])
        return (ranked if len(ranked) > 1 else ranked[0]), ranked[0], ranked[0] is not held[0]


def _drop(rejected: Shards[Path], nlris: list[bytes]) -> None:
    for nlri in nlris:
        rejected.pop(nlri)
