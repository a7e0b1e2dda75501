"""Sessions that are told everything alike, and what was worked out for one of them.

Peers of one kind (``Audience.kind``) walk over the same changes at about the same time, so what one
of them is told of a path is kept for the others, for a while: a peer that is far behind works it
out again.  Who is told at all is not decided here, and next hops that are a peer's own address are
no affair of the others.
"""

from collections.abc import Hashable
from weakref import WeakValueDictionary

from gobgp_trio.rib.advertise import Announcement, Audience, announce
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path

# Paths kept; those of some ten batches (``adj_out.BATCH_ROUTES``).
MAX_KEPT = 4000


class UpdateGroup:
    """What sessions of one kind are told of the paths they have looked at last."""

    __slots__ = ("__weakref__", "_told")

    def __init__(self) -> None:
        self._told: dict[Path, Announcement] = {}

    def announce(self, path: Path, family: Family, audience: Audience) -> Announcement:
        """``advertise.announce``, worked out once for all; the path is one of this family."""
        told = self._told.get(path)
        if told is None:
            told = announce(path, family, audience)
            if path.attributes.next_hop != audience.peer_address:
                if len(self._told) >= MAX_KEPT:
                    self._told.clear()
                self._told[path] = told
        elif path.attributes.next_hop == audience.peer_address:
            return announce(path, family, audience)
        return told


class UpdateGroups:
    """The groups of all sessions; one goes with the last session that uses it."""

    def __init__(self) -> None:
        self._groups: WeakValueDictionary[Hashable, UpdateGroup] = WeakValueDictionary()

    def find(self, audience: Audience) -> UpdateGroup:
        """The group that a session belongs to."""
        group = self._groups.get(audience.kind)
        if group is None:
            group = self._groups[audience.kind] = UpdateGroup()
        return group

    def __len__(self) -> int:
        return len(self._groups)
