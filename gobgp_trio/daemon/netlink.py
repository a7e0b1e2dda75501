"""The kernel's routing tables for the tasks of the daemon: dump, write, listen.

Why it exists: importer, resolver and exporter code against ``Kernel``.  ``NetlinkKernel`` is the
one implementation; unit tests run it on a fake kernel's sockets instead of real ones.
"""

from collections.abc import Sequence
from typing import Protocol

from gobgp_trio.rtnl.address import Address
from gobgp_trio.rtnl.event import KernelEvent
from gobgp_trio.rtnl.link import Link
from gobgp_trio.rtnl.route import KernelRoute
from gobgp_trio.rtnl.route_batch import RouteFailure, RouteWrite
from gobgp_trio.types.family import Family


class OutcomeUnknown(Exception):
    """Replies were lost or never came: what the kernel holds is known again after a dump."""


class EventsLost(Exception):
    """The kernel dropped events (ENOBUFS): dump, and compare with what is known."""


class Kernel(Protocol):
    """What the daemon asks of the kernel.

    Every method but ``receive_events`` may raise ``KernelRefused`` (no permission, and the like)
    and ``OutcomeUnknown`` (a reply was lost, or none came within 30 s).
    """

    async def dump_links(self) -> list[Link]:
        """All interfaces."""

    async def dump_addresses(self) -> list[Address]:
        """All IPv4 and IPv6 addresses of all interfaces."""

    async def dump_routes(
        self,
        family: Family,
        *,
        table_id: int | None = None,
        protocol: int | None = None,
        skip_protocol: int | None = None,
    ) -> list[KernelRoute]:
        """Routes of a unicast family: of one table or all, of one protocol or all, or all but one.

        A table that does not exist is empty.  Routes that change while the dump runs may be
        missing or out of date: listen first, and apply the events received meanwhile.
        """

    async def write(self, writes: Sequence[RouteWrite]) -> list[RouteFailure]:
        """Carry out the writes in order; the routes that the kernel refused come back.

        Raises:
            OutcomeUnknown: some may be done and some not.  Cancelled, the same holds.
        """

    async def receive_events(self) -> list[KernelEvent]:
        """Wait for events; echoes of ``write`` are not among them.

        Raises:
            EventsLost: some did not fit the buffer.
        """
