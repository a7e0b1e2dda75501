"""VRFs: what of the VPN tables each of them imports, and what their own routes look like there.

Everything flows one way, so nothing can chase its own tail.  All routes of a VRF (of neighbors
there, imported networks, local paths) enter the table of the VPN family, under the VRF's route
distinguisher and with its export targets; the tables of a VRF hold what it imports from there: its
own routes, and every path with a route target on its import list, whatever the distinguisher.  So
local VRFs leak into each other exactly as remote ones do, and the best path of a VRF is chosen
among all distinguishers.

Rules:
    A path of the VPN table is in a VRF's table if and only if it is accepted and imported there.
    Two distinguishers may bring paths of one peer for one prefix: in a VRF each (source,
    distinguisher) is a source of its own.
    Route targets that come from a neighbor in a VRF are not believed; the configured ones are set.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gobgp_trio.bgp.attr import OPTIONAL_TRANSITIVE, build_attributes
from gobgp_trio.bgp.attribute_table import InternedAttributes
from gobgp_trio.bgp.update import Update
from gobgp_trio.rib.adj_in import AdjIn
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.table import Table
from gobgp_trio.types.attributes import EXTENDED_COMMUNITIES, PathAttributes
from gobgp_trio.types.communities import is_route_target
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Source
from gobgp_trio.types.vpn import RD_OCTETS, UNICAST_OF, VPN_OF

# Lists of extended communities of which it is known who imports them.
MAX_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class VrfSettings:
    """What makes a VRF.

    Attributes:
        name: its name, unique.
        rd: route distinguisher, 8 octets, unique.
        import_rts, export_rts: route targets, 8 octets each.
        id: its number, 0 for none.
    """

    name: str
    rd: bytes
    import_rts: tuple[bytes, ...] = ()
    export_rts: tuple[bytes, ...] = ()
    id: int = 0


class Vrf:
    """One VRF.

    Attributes:
        settings: as configured.
        tables: its Loc-RIB of each unicast family.
    """

    __slots__ = ("_import_rts", "_interned", "settings", "tables")

    def __init__(self, settings: VrfSettings, decision: Decision) -> None:
        self.settings = settings
        self.tables = {family: Table(family, decision) for family in VPN_OF}
        self._import_rts = frozenset(settings.import_rts)
        self._interned = InternedAttributes()

    @property
    def name(self) -> str:
        return self.settings.name

    def imports(self, extended_communities: Iterable[bytes]) -> bool:
        """Whether routes with these extended communities belong here."""
        return not self._import_rts.isdisjoint(extended_communities)

    def to_vpn(self, update: Update) -> Update:
        """The UPDATE of a neighbor in this VRF as one of the VPN families."""
        found = Update()
        found.unreach = [(VPN_OF[family], self.to_keys(nlris)) for family, nlris in update.unreach]
        found.reach = [
            (VPN_OF[family], self.export(attributes), self.to_keys(nlris))
            for family, attributes, nlris in update.reach
        ]
        if update.end_of_rib is not None:
            found.end_of_rib = VPN_OF[update.end_of_rib]
        found.faults = update.faults
        return found

    def to_keys(self, nlris: Iterable[bytes]) -> list[bytes]:
        """Keys of the VPN tables of unicast ones of this VRF."""
        rd = self.settings.rd
        return [rd + nlri for nlri in nlris]

    def export(self, attributes: PathAttributes) -> PathAttributes:
        """The same with our route targets and no others; equal ones give one object."""
        values = {code: (flags, value) for flags, code, value in attributes.walk()}
        others = (one for one in attributes.extended_communities if not is_route_target(one))
        targets = b"".join((*others, *self.settings.export_rts))
        values.pop(EXTENDED_COMMUNITIES, None)
        if targets:
            values[EXTENDED_COMMUNITIES] = (OPTIONAL_TRANSITIVE, targets)
        exported = build_attributes(values, attributes.next_hop, attributes.link_local)
        key = exported.next_hop + exported.link_local + exported.wire
        known = self._interned.get(key)
        if known is not None:
            return known
        self._interned.put(key, exported)
        return exported


class VrfTables:
    """All VRFs, fed by what happens in the VPN tables.

    Attributes:
        vrfs: by name.
        changes: what changed in their tables since it was last taken: (name, unicast family).
    """

    def __init__(self) -> None:
        self.vrfs: dict[str, Vrf] = {}
        self.changes: dict[tuple[str, Family], BestChanges] = {}
        # What each source offers under one distinguisher, in each VRF that has something of it.
        self._offers: dict[tuple[Source, bytes, Family], dict[Vrf, AdjIn]] = {}
        self._sources: dict[Source, dict[bytes, Source]] = {}
        self._importers: dict[bytes, tuple[Vrf, ...]] = {}

    def add(self, settings: VrfSettings, decision: Decision) -> Vrf:
        """A new VRF, empty until ``fill`` was driven to its end."""
        vrf = self.vrfs[settings.name] = Vrf(settings, decision)
        self._importers.clear()
        return vrf

    def fill(self, vrf: Vrf, tables: dict[Family, Table]) -> Iterator[None]:
        """Import what stands in the VPN tables, slice by slice."""
        for family in UNICAST_OF:
            for entries in tables[family].routes.slices():
                groups: dict[tuple[Source, PathAttributes, float], list[bytes]] = {}
                for nlri, held in entries:
                    for path in held if isinstance(held, tuple) else (held,):
                        key = (path.source, path.attributes, path.received_s)
                        groups.setdefault(key, []).append(nlri)
                for (source, attributes, received_s), nlris in groups.items():
                    if vrf in self._find_importers(source, attributes):
                        for rd, unicast in _split_by_rd(nlris):
                            self._offer(vrf, family, source, rd, attributes, unicast, received_s)
                yield

    def remove(self, name: str) -> Iterator[None]:
        """Empty a VRF's tables, slice by slice, after which it is gone."""
        vrf = self.vrfs.pop(name)
        self._importers.clear()
        for (_, _, family), offers in list(self._offers.items()):
            adj_in = offers.pop(vrf, None)
            if adj_in is not None:
                changes = self._changes_of(vrf, family)
                for _, gone in vrf.tables[family].withdraw_all(adj_in):
                    changes.update(gone)
                    yield
        self._offers = {key: offers for key, offers in self._offers.items() if offers}

    def on_announced(
        self,
        family: Family,
        source: Source,
        attributes: PathAttributes,
        nlris: list[bytes],
        now_s: float,
    ) -> None:
        """A source's path is in the VPN table under these keys, in place of what was there."""
        importers = self._find_importers(source, attributes)
        unicast_family = UNICAST_OF[family]
        for rd, unicast in _split_by_rd(nlris):
            offers = self._offers.get((source, rd, unicast_family), {})
            for vrf in [vrf for vrf in offers if vrf not in importers]:
                self._withdraw(vrf, unicast_family, offers[vrf], unicast)
            for vrf in importers:
                self._offer(vrf, family, source, rd, attributes, unicast, now_s)

    def on_withdrawn(self, family: Family, source: Source, nlris: list[bytes]) -> None:
        """A source's paths are not in the VPN table any more."""
        unicast_family = UNICAST_OF[family]
        for rd, unicast in _split_by_rd(nlris):
            for vrf, adj_in in self._offers.get((source, rd, unicast_family), {}).items():
                self._withdraw(vrf, unicast_family, adj_in, unicast)

    def forget(self, source: Source) -> None:
        """A source is gone, all of its paths were withdrawn."""
        for rd in self._sources.pop(source, {}):
            for family in VPN_OF:
                self._offers.pop((source, rd, family), None)

    def take_changes(self) -> dict[tuple[str, Family], BestChanges]:
        """What changed, once."""
        taken, self.changes = self.changes, {}
        return taken

    def _offer(
        self,
        vrf: Vrf,
        family: Family,
        source: Source,
        rd: bytes,
        attributes: PathAttributes,
        nlris: list[bytes],
        now_s: float,
    ) -> None:
        unicast_family = UNICAST_OF[family]
        offers = self._offers.setdefault((source, rd, unicast_family), {})
        adj_in = offers.get(vrf)
        if adj_in is None:
            adj_in = offers[vrf] = AdjIn(self._source_under(source, rd))
        changes = self._changes_of(vrf, unicast_family)
        vrf.tables[unicast_family].announce(adj_in, attributes, nlris, now_s, changes)

    def _withdraw(self, vrf: Vrf, family: Family, adj_in: AdjIn, nlris: list[bytes]) -> None:
        vrf.tables[family].withdraw(adj_in, nlris, self._changes_of(vrf, family))

    def _changes_of(self, vrf: Vrf, family: Family) -> BestChanges:
        return self.changes.setdefault((vrf.name, family), {})

    def _source_under(self, source: Source, rd: bytes) -> Source:
        by_rd = self._sources.setdefault(source, {})
        known = by_rd.get(rd)
        if known is None:
            known = by_rd[rd] = source.under_rd(rd)
        return known

    def _find_importers(self, source: Source, attributes: PathAttributes) -> tuple[Vrf, ...]:
        targets = attributes.find(EXTENDED_COMMUNITIES) or b""
        importers = self._importers.get(targets)
        if importers is None:
            if len(self._importers) >= MAX_KNOWN:
                self._importers.clear()
            split = [targets[at : at + 8] for at in range(0, len(targets), 8)]
            importers = tuple(vrf for vrf in self.vrfs.values() if vrf.imports(split))
            self._importers[targets] = importers
        home = self.vrfs.get(source.vrf)
        if home is not None and home not in importers:
            return (home, *importers)
        return importers


def _split_by_rd(nlris: list[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """VPN keys as (distinguisher, unicast keys)."""
    groups: dict[bytes, list[bytes]] = {}
    for nlri in nlris:
        groups.setdefault(nlri[:RD_OCTETS], []).append(nlri[RD_OCTETS:])
    yield from groups.items()
