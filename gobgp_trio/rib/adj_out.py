"""Adj-RIB-Out of one session: what the peer was told, and the UPDATEs that bring it up to date.

The RIB only leaves the names of prefixes here that have changed; what is told about them is read
from the table when the UPDATEs are made.  So changes that come faster than the peer reads cost
nothing but the last of them, and a table under change needs no copy: a new session and a route
refresh are the same walk over all prefixes, in batches.

Rules:
    A withdrawal is sent for what was announced only; a path that the peer was told already is told
    again for a route refresh only.
    In a batch withdrawals go before announcements; paths with equal attributes share UPDATEs.
    End-of-RIB follows each family's first walk (RFC 4724 section 2: it may be sent whether or not
    graceful restart was negotiated).
    A route refresh stands between its marks (RFC 7313) when both sides announced them, but not
    while End-of-RIB is still owed.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from gobgp_trio.bgp.message import REFRESH_BEGIN, REFRESH_END, write_route_refresh
from gobgp_trio.bgp.update import has_room, write_end_of_rib, write_reach, write_unreach
from gobgp_trio.rib.advertise import Announcement, Audience, may_tell
from gobgp_trio.rib.shards import PART_OF, Shards
from gobgp_trio.rib.table import Held, Table
from gobgp_trio.rib.update_group import UpdateGroup
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path

# Prefixes looked at in one batch: 3 ms when an attribute set has four of them.
BATCH_ROUTES = 1000
# Changes that may wait before they are looked through for prefixes that changed twice.
JOIN_CHANGES = 20_000
# What one route takes in an UPDATE, by experience: its NLRI and its share of the attributes.
TYPICAL_ROUTE_OCTETS = 16


class _Walk:
    """All prefixes of a table, those with the same attributes one after the other.

    A table has them in no order that helps, and what stands together shares UPDATEs.  So the first
    calls sort, for 0.3 us and 45 octets per route until it is walked over.
    """

    __slots__ = ("_groups", "_rest", "_slices")

    def __init__(self, table: Table) -> None:
        self._slices = table.routes.slices()
        self._groups: dict[PathAttributes, list[bytes]] = {}
        self._rest: list[bytes] = []

    def next_batch(self, count: int) -> list[bytes] | None:
        """Up to ``count`` prefixes, none of them while they are being sorted; None at the end."""
        groups = self._groups
        for entries in self._slices:
            for nlri, held in entries:
                path = held[0] if isinstance(held, tuple) else held
                groups.setdefault(path.attributes, []).append(nlri)
            return []
        while groups and len(self._rest) < count:
            self._rest += groups.popitem()[1]
        batch = self._rest[-count:]
        del self._rest[-count:]
        return batch or None


class _FamilyOut:
    """One family of an Adj-RIB-Out.

    Attributes:
        advertised: NLRI key -> the path that the peer was told of.
        changed: prefixes to look at, as the RIB told of them (the values do not matter).
        changed_count: of these, a prefix that was told of twice among them counting twice.
        taken: those of an earlier ``changed`` that are being looked at now.
        walk: over all prefixes, for a new session or a route refresh.
        is_refresh: the walk tells the peer what it was told before, too.
        owes_begin, owes_end: marks of the refresh that are to be sent, at its beginning and end.
    """

    __slots__ = (
        "_join_at_count",
        "advertised",
        "changed",
        "changed_count",
        "is_refresh",
        "owes_begin",
        "owes_end",
        "owes_end_of_rib",
        "table",
        "taken",
        "walk",
    )

    def __init__(self, table: Table) -> None:
        self.table = table
        self.advertised: Shards[Path] = Shards()
        self.changed: list[BestChanges] = []
        self.changed_count = 0
        self._join_at_count = JOIN_CHANGES
        self.taken: Iterator[bytes] | None = None
        self.walk: _Walk | None = None
        self.is_refresh = False
        self.owes_begin = False
        self.owes_end = False
        self.owes_end_of_rib = True
        self.start_walk(is_refresh=False)

    def start_walk(self, *, is_refresh: bool) -> None:
        self.walk = _Walk(self.table)
        self.is_refresh = is_refresh

    def note(self, changes: BestChanges) -> None:
        """Remember what changed; costs nothing per prefix but once in a while.

        The RIB's own dictionaries are kept, which all peers share.  When they have grown to twice
        what they came to the last time they are joined, so that they stay as few as the prefixes
        that a table has.
        """
        self.changed.append(changes)
        self.changed_count += len(changes)
        if self.changed_count >= self._join_at_count:
            joined: BestChanges = {}
            for noted in self.changed:
                joined.update(noted)
            self.changed, self.changed_count = [joined], len(joined)
            self._join_at_count = max(JOIN_CHANGES, 2 * len(joined))

    @property
    def has_work(self) -> bool:
        return bool(self.changed) or self.taken is not None or self.walk is not None

    def next_batches(self, count: int) -> Iterator[tuple[list[bytes], bool]]:
        """Prefixes to look at: of the changes and of the walk, with whether to repeat ourselves.

        Both get their turn, so neither a long walk nor many changes keep the other waiting.
        """
        if self.taken is None and self.changed:
            self.taken = chain.from_iterable(self.changed)
            self.changed, self.changed_count = [], 0
        if self.taken is not None:
            nlris = list(islice(self.taken, count))
            if len(nlris) < count:
                self.taken = None
            yield nlris, False
        if self.walk is not None:
            batch = self.walk.next_batch(count)
            if batch is None:
                self.walk = None
            else:
                yield batch, self.is_refresh


def _ring_nobody() -> None:
    """What an Adj-RIB-Out rings once its session is over."""


class AdjOut:
    """What one peer was told and has to be told.

    Attributes:
        audience: the session as the export rules see it.
        without_next_hop: families of which paths were left out because we know no address of ours
            that could be their next hop.
        too_long: families of which paths were left out because their attributes leave no room for
            a route in a message as long as the session allows (RFC 8654 section 4).
    """

    def __init__(
        self,
        audience: Audience,
        tables: dict[Family, Table],
        families: Iterable[Family],
        ring: Callable[[], None],
        *,
        has_refresh_marks: bool = False,
        group: UpdateGroup | None = None,
    ) -> None:
        """``ring`` is called, often, whenever there is something for ``take``.

        ``group`` is that of the audience's kind; without one the session is a group of its own.
        """
        self._group = group or UpdateGroup()
        self._has_refresh_marks = has_refresh_marks
        self.audience = audience
        self.without_next_hop: set[Family] = set()
        self.too_long: set[Family] = set()
        self._ring = ring
        self._outs = {family: _FamilyOut(tables[family]) for family in families}

    def on_changes(self, family: Family, changes: BestChanges) -> None:
        """Note what the RIB changed (``rib.OnChanges``)."""
        out = self._outs.get(family)
        if out is not None:
            out.note(changes)
            self._ring()

    def end(self) -> None:
        """The session is over: forget everything, and whom to ring."""
        self._outs = {}
        self._ring = _ring_nobody
        self._group = UpdateGroup()

    def refresh(self, family: Family) -> None:
        """Tell the peer everything again (RFC 2918); a family it does not have is ignored."""
        out = self._outs.get(family)
        if out is not None:
            out.start_walk(is_refresh=True)
            out.owes_begin = self._has_refresh_marks and not out.owes_end_of_rib
            self._ring()

    @property
    def families(self) -> list[Family]:
        """What the peer is told of."""
        return list(self._outs)

    @property
    def has_work(self) -> bool:
        """Whether ``take`` has something to look at; it may come to nothing."""
        return any(out.has_work for out in self._outs.values())

    @property
    def waiting_count(self) -> int:
        """Changes noted and not looked at yet; more than the prefixes that changed, but bounded."""
        return sum(out.changed_count for out in self._outs.values())

    def advertised(self, family: Family) -> Shards[Path]:
        """NLRI key -> the path that the peer was told of; empty for a family it does not have.

        To be read only; ``advertise.attributes_as_sent`` says what became of a path.
        """
        out = self._outs.get(family)
        return out.advertised if out is not None else Shards()

    def take(self, max_octets: int) -> list[bytes]:
        """UPDATE messages of about ``max_octets`` in all, from a few ms of work.

        ``[]`` does not mean that there is no more work.
        """
        count = max(1, min(BATCH_ROUTES, max_octets // TYPICAL_ROUTE_OCTETS))
        messages: list[bytes] = []
        for family, out in self._outs.items():
            if out.owes_begin:
                out.owes_begin, out.owes_end = False, True
                messages.append(write_route_refresh(family, REFRESH_BEGIN))
            for nlris, is_refresh in out.next_batches(count):
                messages += self._write_batch(family, out, nlris, is_refresh)
            if out.owes_end_of_rib and out.walk is None:
                out.owes_end_of_rib = False
                messages.append(write_end_of_rib(family))
            if out.owes_end and out.walk is None:
                out.owes_end = False
                messages.append(write_route_refresh(family, REFRESH_END))
        return messages

    def _write_batch(
        self, family: Family, out: _FamilyOut, nlris: list[bytes], is_refresh: bool
    ) -> list[bytes]:
        """UPDATEs that bring these prefixes up to date."""
        routes = out.table.routes.parts
        advertised = out.advertised.parts
        gone: list[bytes] = []
        batches: dict[Announcement, list[bytes]] = {}
        # Where a path's prefixes go; None for those that the peer is not told of.  One path serves
        # many prefixes, and those of an UPDATE come one after the other, holding the same object.
        places: dict[Path, list[bytes] | None] = {}
        seen: Held | None = None
        path: Path | None = None
        place: list[bytes] | None = None
        for nlri in nlris:
            at = PART_OF[nlri[-1]]
            held = routes[at].get(nlri)
            if held is not seen:
                seen = held
                path = held[0] if isinstance(held, tuple) else held
                place = None
                if path is not None:
                    if path not in places:
                        places[path] = self._find_place(family, path, batches)
                    place = places[path]
            told_before = advertised[at]
            if path is None or place is None:
                if told_before.pop(nlri, None) is not None:
                    gone.append(nlri)
            elif is_refresh or told_before.get(nlri) is not path:
                told_before[nlri] = path
                place.append(nlri)
        context = self.audience.context
        messages = write_unreach(context, family, gone) if gone else []
        for told, announced in batches.items():
            if announced:
                octets, next_hop, link_local, labels = told
                messages += write_reach(
                    context, family, octets, next_hop, link_local, announced, labels
                )
        return messages

    def _find_place(
        self, family: Family, path: Path, batches: dict[Announcement, list[bytes]]
    ) -> list[bytes] | None:
        """The list for a path's prefixes, shared with all paths that look the same outside."""
        if not may_tell(path, self.audience):
            return None
        told = self._group.announce(path, family, self.audience)
        if not told.next_hop:
            self.without_next_hop.add(family)
            return None
        if not has_room(self.audience.context, family, *told):
            self.too_long.add(family)
            return None
        return batches.setdefault(told, [])
