"""What the tables offer to peers: the seam between ``daemon.peer`` and ``daemon.speaker``."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.bgp.update import Update
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.types.family import Family


class PeerLink(Protocol):
    """The tables' side of one established session.  A new session gets a new link.

    Attributes:
        neighbor: its configuration; may be replaced where the session need not end for that.
    """

    neighbor: Neighbor

    def apply(self, updates: list[Update]) -> None:
        """Take in a buffer's worth of UPDATEs, atomically and without waiting.

        Raises:
            PeerFault: 6/1, the peer has announced more prefixes than it may.
        """

    def check_limits(self) -> None:
        """Hold the numbers of prefixes against the limits.

        Raises:
            PeerFault: 6/1 likewise.
        """

    async def close(self) -> None:
        """Withdraw all that the session brought, in slices.  Nothing else is called after it.

        Called again when it was cancelled or failed half way; then it goes on with what is left.
        """

    async def wait_outgoing(self) -> None:
        """Wait until ``take_outgoing`` may have something; cancelled freely, loses nothing."""

    def take_outgoing(self, max_octets: int) -> list[bytes]:
        """Whole UPDATE messages, about ``max_octets`` in all; ``[]`` when nothing waits.

        ``wait_outgoing`` must not return at once again after ``[]`` unless something is new.
        """

    def refresh(self, family: Family) -> None:
        """The peer asks for everything of a family again."""

    def begin_renewal(self, family: Family) -> Callable[[], Awaitable[None]] | None:
        """The peer begins to send everything of a family again; a task to run, if any."""

    def end_renewal(self, family: Family) -> None:
        """The peer has done so; what did not come again goes."""


class Speaker(Protocol):
    """The tables' side of all sessions."""

    @property
    def attribute_table(self) -> AttributeTable:
        """Where the attribute sets of all peers are interned."""

    def peer_up(self, neighbor: Neighbor, negotiated: Negotiated) -> PeerLink:
        """A session is established; the link that was there before has been closed."""
