"""What a peer has not announced again by the end of a route refresh (RFC 7313 section 4).

The peer marks the beginning; from then on its announcements are noted here, by prefix.  At the end
mark whatever it offers that was not noted is stale and goes.  Nothing is kept per route outside a
refresh, and a path that comes again unchanged needs no mark of its own.
"""

from collections.abc import Iterator

from gobgp_trio.rib.adj_in import AdjIn
from gobgp_trio.rib.shards import PART_OF, Shards


class Renewal:
    """One refresh of one family by one peer.

    Attributes:
        adj_in: what the peer offers.
    """

    __slots__ = ("_renewed", "adj_in")

    def __init__(self, adj_in: AdjIn) -> None:
        self.adj_in = adj_in
        self._renewed: Shards[bool] = Shards()

    def note(self, nlris: list[bytes]) -> None:
        """The peer announced these."""
        parts = self._renewed.parts
        for nlri in nlris:
            parts[PART_OF[nlri[-1]]][nlri] = True

    def stale_slices(self) -> Iterator[list[bytes]]:
        """What was not noted, in slices; ``note`` must go on until the last one is dealt with."""
        renewed = self._renewed
        for paths in (self.adj_in.accepted, self.adj_in.rejected):
            for entries in paths.slices():
                yield [nlri for nlri, _ in entries if nlri not in renewed]
