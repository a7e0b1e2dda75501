"""The RIB: one table per family, those of the VRFs, the sources that fill them, the consumers.

A call changes the tables first and then tells every consumer what is best now, all in one turn:
nothing can see a change before it is in the table, and no consumer can hold up a source.  A
consumer must only note what it is told and return (the peers keep the dictionary as it is).

Sources in a VRF fill the tables of the VPN families (``rib.vrf``), by keys and attributes of
those; whoever looks at a VRF's routes reads the VRF's own tables.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from gobgp_trio.rib.adj_in import AdjIn, LoopCheck
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.table import Table
from gobgp_trio.rib.vrf import Vrf, VrfSettings, VrfTables
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path, Source
from gobgp_trio.types.vpn import UNICAST_OF

# Called with the family and its changes after the table has them; the dictionary is shared by all
# consumers: keep it or copy from it, never change it.
OnChanges = Callable[[Family, BestChanges], None]
# The same for all tables that have unicast routes: the first is the VRF's name, "" without one.
OnUnicastChanges = Callable[[str, Family, BestChanges], None]

GLOBAL = ""


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
        vrfs: the VRFs by name, likewise.
        decision: how best paths are chosen.
    """

    def __init__(self, families: Iterable[Family], decision: Decision | None = None) -> None:
        self.decision = decision or Decision()
        self.tables = {family: Table(family, self.decision) for family in families}
        self._vrf_tables = VrfTables()
        self.vrfs: dict[str, Vrf] = self._vrf_tables.vrfs
        self._adj_ins: dict[Source, dict[Family, AdjIn]] = {}
        self._consumers: dict[str, list[OnChanges]] = {GLOBAL: []}
        self._unicast_consumers: list[OnUnicastChanges] = []

    # --- consumers ---------------------------------------------------------------------------

    def subscribe(self, on_changes: OnChanges, vrf: str = GLOBAL) -> None:
        """Tell a consumer of every change from now on, after those that came before it.

        Of the global tables, or of a VRF's.
        """
        self._consumers.setdefault(vrf, []).append(on_changes)

    def unsubscribe(self, on_changes: OnChanges, vrf: str = GLOBAL) -> None:
        self._consumers[vrf].remove(on_changes)

    def subscribe_unicast(self, on_changes: OnUnicastChanges) -> None:
        """Likewise of every change of unicast routes, globally and in all VRFs."""
        self._unicast_consumers.append(on_changes)

    def unsubscribe_unicast(self, on_changes: OnUnicastChanges) -> None:
        self._unicast_consumers.remove(on_changes)

    # --- VRFs --------------------------------------------------------------------------------

    def add_vrf(self, settings: VrfSettings) -> Iterator[None]:
        """Make a VRF at once, and import what is there for it, one slice per step."""
        vrf = self._vrf_tables.add(settings, self.decision)
        return self._fill(vrf)

    def _fill(self, vrf: Vrf) -> Iterator[None]:
        for _ in self._vrf_tables.fill(vrf, self.tables):
            self._publish_vrfs()
            yield
            if self.vrfs.get(vrf.name) is not vrf:
                return

    def remove_vrf(self, name: str) -> Iterator[None]:
        """Withdraw what a VRF's own sources offer, then empty its tables, one slice per step.

        Raises:
            KeyError: there is no such VRF.
        """
        if name not in self.vrfs:
            raise KeyError(name)
        return self._empty(name)

    def _empty(self, name: str) -> Iterator[None]:
        for source in [source for source in self._adj_ins if source.vrf == name]:
            yield from self.remove_source(source)
        for _ in self._vrf_tables.remove(name):
            self._publish_vrfs()
            yield

    # --- sources -----------------------------------------------------------------------------

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
        return self._withdraw_all(source, adj_ins)

    def adj_in(self, source: Source, family: Family) -> AdjIn:
        """What a source offers.

        Raises:
            KeyError: the source is not known (any more), or there is no table of this family.
        """
        return self._adj_ins[source][family]

    def table(self, family: Family, vrf: str = GLOBAL) -> Table:
        """The Loc-RIB of a family, globally or in a VRF.

        Raises:
            KeyError: there is no such VRF or table.
        """
        return self.vrfs[vrf].tables[family] if vrf else self.tables[family]

    def iterate_best(self, family: Family, vrf: str = GLOBAL) -> Iterator[list[tuple[bytes, Path]]]:
        """The best path of every prefix in slices, while the table changes (``Shards.slices``)."""
        for entries in self.table(family, vrf).routes.slices():
            yield [(nlri, held[0] if isinstance(held, tuple) else held) for nlri, held in entries]

    def apply(self, source: Source, updates: Iterable[RouteUpdate], now_s: float) -> None:
        """Take in a buffer's worth of UPDATEs from one source.

        Withdrawn prefixes of an UPDATE go before its announced ones (RFC 4271 section 4.3: a
        prefix in both is announced).  ``now_s`` is in seconds since the epoch.
        """
        adj_ins = self._adj_ins[source]
        changed: dict[Family, BestChanges] = {family: {} for family in self.tables}
        for update in updates:
            for family, nlris in update.unreach:
                self._withdraw(adj_ins[family], family, nlris, changed[family])
            for family, attributes, nlris in update.reach:
                self._announce(adj_ins[family], family, attributes, nlris, now_s, changed[family])
        for family, changes in changed.items():
            self._publish(family, changes)
        self._publish_vrfs()

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
        self._announce(self._adj_ins[source][family], family, attributes, nlris, now_s, changes)
        self._publish(family, changes)
        self._publish_vrfs()

    def withdraw(self, source: Source, family: Family, nlris: list[bytes]) -> None:
        """Take back what ``announce`` put in; prefixes the source does not have are no error."""
        changes: BestChanges = {}
        self._withdraw(self._adj_ins[source][family], family, nlris, changes)
        self._publish(family, changes)
        self._publish_vrfs()

    def decide_anew(self, decision: Decision) -> Iterator[None]:
        """Decide by other rules from now on, one slice of what is there per step."""
        self.decision = decision
        walks = [(GLOBAL, table.decide_anew(decision)) for table in self.tables.values()]
        families = list(self.tables)
        for vrf in self.vrfs.values():
            walks += [(vrf.name, table.decide_anew(decision)) for table in vrf.tables.values()]
            families += vrf.tables
        return self._publish_walks(list(zip(walks, families, strict=True)))

    def _publish_walks(
        self, walks: list[tuple[tuple[str, Iterator[BestChanges]], Family]]
    ) -> Iterator[None]:
        for (vrf, walk), family in walks:
            for changes in walk:
                self._publish(family, changes, vrf)
                yield

    def review(self, source: Source) -> Iterator[None]:
        """Judge all that a source offers once more, by what is known now, one slice per step.

        Ends when the source is removed meanwhile.
        """
        for family, adj_in in self._adj_ins[source].items():
            for moved in self.tables[family].review(adj_in):
                changes: BestChanges = {}
                for attributes, nlris, received_s in moved:
                    self._announce(adj_in, family, attributes, nlris, received_s, changes)
                self._publish(family, changes)
                self._publish_vrfs()
                yield
                if source not in self._adj_ins:
                    return

    # --- how changes get where they belong ---------------------------------------------------

    def _announce(
        self,
        adj_in: AdjIn,
        family: Family,
        attributes: PathAttributes,
        nlris: list[bytes],
        now_s: float,
        changes: BestChanges,
    ) -> None:
        is_accepted = self.tables[family].announce(adj_in, attributes, nlris, now_s, changes)
        if family in UNICAST_OF:
            if is_accepted:
                self._vrf_tables.on_announced(family, adj_in.source, attributes, nlris, now_s)
            else:
                self._vrf_tables.on_withdrawn(family, adj_in.source, nlris)

    def _withdraw(
        self, adj_in: AdjIn, family: Family, nlris: list[bytes], changes: BestChanges
    ) -> None:
        self.tables[family].withdraw(adj_in, nlris, changes)
        if family in UNICAST_OF:
            self._vrf_tables.on_withdrawn(family, adj_in.source, nlris)

    def _withdraw_all(self, source: Source, adj_ins: dict[Family, AdjIn]) -> Iterator[None]:
        for family, adj_in in adj_ins.items():
            for nlris, changes in self.tables[family].withdraw_all(adj_in):
                self._publish(family, changes)
                if family in UNICAST_OF:
                    self._vrf_tables.on_withdrawn(family, source, nlris)
                    self._publish_vrfs()
                yield
        self._vrf_tables.forget(source)

    def _publish(self, family: Family, changes: BestChanges, vrf: str = GLOBAL) -> None:
        if changes:
            for on_changes in self._consumers.get(vrf, ()):
                on_changes(family, changes)
            if family not in UNICAST_OF:
                for on_unicast_changes in self._unicast_consumers:
                    on_unicast_changes(vrf, family, changes)

    def _publish_vrfs(self) -> None:
        if self._vrf_tables.changes:
            for (vrf, family), changes in self._vrf_tables.take_changes().items():
                self._publish(family, changes, vrf)
