"""A session's route refreshes with begin and end marks, and when they are over (RFC 7313).

A refresh that the peer does not end within ``MAX_STALE_S`` is ended here, so that nothing stale
stays for ever (section 4).  A begin mark in the middle of a refresh starts it afresh; an end mark
without a beginning means nothing.
"""

from collections.abc import Awaitable, Callable

import structlog
import trio

from gobgp_trio.bgp.update import Update
from gobgp_trio.rib.renewal import Renewal
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Source

MAX_STALE_S = 360.0

log = structlog.get_logger()


class _Running:
    """A refresh that is not over."""

    def __init__(self, renewal: Renewal) -> None:
        self.renewal = renewal
        self.has_ended = trio.Event()
        self.scope = trio.CancelScope()


class Renewals:
    """All refreshes of one session."""

    def __init__(self, rib: Rib, source: Source) -> None:
        self._rib = rib
        self._source = source
        self._running: dict[Family, _Running] = {}

    def note(self, updates: list[Update]) -> None:
        """These UPDATEs were applied."""
        if self._running:
            for update in updates:
                for family, _, nlris in update.reach:
                    running = self._running.get(family)
                    if running is not None:
                        running.renewal.note(nlris)

    def begin(self, family: Family) -> Callable[[], Awaitable[None]]:
        """The peer begins; the returned task sees it through and must be run."""
        before = self._running.get(family)
        if before is not None:
            before.scope.cancel()
        running = _Running(Renewal(self._rib.adj_in(self._source, family)))
        self._running[family] = running

        async def run() -> None:
            with running.scope:
                await self._see_through(family, running)

        return run

    def end(self, family: Family) -> None:
        """The peer is done."""
        running = self._running.get(family)
        if running is not None:
            running.has_ended.set()

    def cancel(self) -> None:
        """The session is over; all of its paths go another way."""
        for running in self._running.values():
            running.scope.cancel()
        self._running.clear()

    async def _see_through(self, family: Family, running: _Running) -> None:
        with trio.move_on_after(MAX_STALE_S):
            await running.has_ended.wait()
        stale_count = 0
        for stale in running.renewal.stale_slices():
            if self._running.get(family) is not running:
                return
            if stale:
                self._rib.withdraw(self._source, family, stale)
                stale_count += len(stale)
            await trio.lowlevel.checkpoint()
        if self._running.get(family) is not running:
            return
        del self._running[family]
        log.info(
            "route refresh finished",
            peer=self._source.name,
            family=family.config_name,
            withdrawn=stale_count,
            was_ended_by_peer=running.has_ended.is_set(),
        )
