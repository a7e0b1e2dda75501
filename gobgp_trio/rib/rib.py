"""The RIB: one table per family, the sources that fill them, the consumers of what changes.

A call changes the tables first and then tells every consumer what is best now, all in one turn:
nothing can see a change before it is in the table, and no consumer can hold up a source.  A
consumer must only note what it is told and return (the peers keep the dictionary as it is).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from gobgp_trio.rib.adj_in import AdjIn, LoopCheck
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.table import Table
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path, Source

# Called with the family and its changes after the table has them; the dictionary is shared by all
# consumers: keep it or copy from it, never change it.
OnChanges = Callable[[Family, BestChanges], None]


class RouteUpdate(Protocol):
    """What the RIB reads of an UPDATE (``bgp.update.Update`` is one)."""

    @property
    def unreach(self) -> list[tuple[Family, list[bytes]]]: ...

    @property
    def reach(self) -> list[tuple[Family, PathAttributes, list[bytes]]]: ...


class Rib:
    """All tables, sources and consumers.

    Attributes:
        tables: the Loc-RIB of each family; to be read by everyone, changed through the RIB alone.
        decision: how best paths are chosen.
    """

    def __init__(self, families: Iterable[Family], decision: Decision | None = None) -> None:
        self.decision = decision or Decision()
        self.tables = {family: Table(family, self.decision) for family in families}
        self._adj_ins: dict[Source, dict[Family, AdjIn]] = {}
        self._consumers: list[OnChanges] = []

    def subscribe(self, on_changes: OnChanges) -> None:
        """Tell a consumer of every change from now on, after those that came before it."""
        self._consumers.append(on_changes)

    def unsubscribe(self, on_changes: OnChanges) -> None:
        self._consumers.remove(on_changes)

    def add_source(self, source: Source, loop_check: LoopCheck | None = None) -> None:
        """Make room for a source's paths, in every family.  Needed once before its first path."""
        self._adj_ins[source] = {family: AdjIn(source, loop_check) for family in self.tables}

    def remove_source(self, source: Source) -> Iterator[None]:
        """Forget a source and withdraw its paths, one slice (about 2 ms) per step.

        The source is gone at once as far as ``adj_in`` is concerned, its paths leave as the
        iterator is driven, which must be to its end.  A new source for the same peer may come and
        announce meanwhile.
        """
        adj_ins = self._adj_ins.pop(source)
        return self._withdraw_all(adj_ins)

    def adj_in(self, source: Source, family: Family) -> AdjIn:
        """What a source offers.

        Raises:
            KeyError: the source is not known (any more), or there is no table of this family.
        """
        return self._adj_ins[source][family]

    def iterate_best(self, family: Family) -> Iterator[list[tuple[bytes, Path]]]:
        """The best path of every prefix in slices, while the table changes (``Shards.slices``)."""
        for entries in self.tables[family].routes.slices():
            yield [(nlri, held[0] if isinstance(held, tuple) else held) for nlri, held in entries]

    def apply(self, source: Source, updates: Iterable[RouteUpdate], now_s: float) -> None:
        """Take in a buffer's worth of UPDATEs from one source.

        Withdrawn prefixes of an UPDATE go before its announced ones (RFC 4271 section 4.3: a
        prefix in both is announced).  ``now_s`` is in seconds since the epoch.
        """
        adj_ins = self._adj_ins[source]
        tables = self.tables
        changed: dict[Family, BestChanges] = {family: {} for family in tables}
        for update in updates:
            for family, nlris in update.unreach:
                tables[family].withdraw(adj_ins[family], nlris, changed[family])
            for family, attributes, nlris in update.reach:
                tables[family].announce(adj_ins[family], attributes, nlris, now_s, changed[family])
        for family, changes in changed.items():
            self._publish(family, changes)

    def announce(
        self,
        source: Source,
        family: Family,
        attributes: PathAttributes,
        nlris: list[bytes],
        now_s: float,
    ) -> None:
        """Take in paths that come without an UPDATE: local ones, imported networks."""
        changes: BestChanges = {}
        self.tables[family].announce(
            self._adj_ins[source][family], attributes, nlris, now_s, changes
        )
        self._publish(family, changes)

    def withdraw(self, source: Source, family: Family, nlris: list[bytes]) -> None:
        """Take back what ``announce`` put in; prefixes the source does not have are no error."""
        changes: BestChanges = {}
        self.tables[family].withdraw(self._adj_ins[source][family], nlris, changes)
        self._publish(family, changes)

    def decide_anew(self, decision: Decision) -> Iterator[None]:
        """Decide by other rules from now on, one slice of what is there per step."""
        self.decision = decision
        walks = [(family, table.decide_anew(decision)) for family, table in self.tables.items()]
        return self._publish_walks(walks)

    def review(self, source: Source) -> Iterator[None]:
        """Judge all that a source offers once more, by what is known now, one slice per step.

        Ends when the source is removed meanwhile.
        """
        adj_ins = self._adj_ins[source]
        walks = [(family, self.tables[family].review(adj_in)) for family, adj_in in adj_ins.items()]
        for _ in self._publish_walks(walks):
            yield
            if source not in self._adj_ins:
                return

    def _publish_walks(self, walks: list[tuple[Family, Iterator[BestChanges]]]) -> Iterator[None]:
        for family, walk in walks:
            for changes in walk:
                self._publish(family, changes)
                yield

    def _withdraw_all(self, adj_ins: dict[Family, AdjIn]) -> Iterator[None]:
        for family, adj_in in adj_ins.items():
            for changes in self.tables[family].withdraw_all(adj_in):
                self._publish(family, changes)
                yield

    def _publish(self, family: Family, changes: BestChanges) -> None:
        if changes:
            for on_changes in self._consumers:
                on_changes(family, changes)
