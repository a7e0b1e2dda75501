"""One configured neighbour: its session, its connections, its timers.

The state machine (``bgp.session``) decides, the tasks here do.  Per neighbour there is a task for
the timers, one for an attempt to connect, and two for each connection (``peer_connection``); all
of them run in one nursery, and everything between two of their checkpoints is atomic.

Rules:

- Timers have a task of their own, so neither a busy table, nor a blocked writer, nor a blocked
  reader delays a keepalive.  Before the hold timer fires the connection is asked whether octets of
  the peer wait to be read; then the peer is alive and we were slow, so the timer gets another
  second, in which the reader takes them in (``Session.on_octets_waiting``).
- A session's routes are withdrawn before the next session of the same peer gets its link; until
  then its UPDATEs wait in the socket, while its keepalives flow.
- This is the one guarded place of the daemon: a bug that a peer's octets set off ends in
  ``_on_crash``.  It is logged with its traceback, counted, and keeps this peer down for a while
  that doubles; no other peer notices.
"""

import random
import socket
from collections.abc import Awaitable, Callable
from math import inf
from time import time
from typing import NoReturn

import structlog
import trio

from gobgp_trio.bgp.attr import AttrFault
from gobgp_trio.bgp.error_codes import ADMINISTRATIVE_SHUTDOWN, CEASE, MAX_PREFIXES_REACHED
from gobgp_trio.bgp.session.machine import Session
from gobgp_trio.bgp.session.negotiate import Negotiated, SessionSettings
from gobgp_trio.bgp.session.outputs import (
    AbortConnect,
    CloseConnection,
    Connect,
    Down,
    DownCause,
    Established,
    Output,
    Refresh,
    RefreshBegun,
    RefreshEnded,
    Send,
    State,
)
from gobgp_trio.bgp.update import UpdateDecoder
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.peer_connection import PeerConnection
from gobgp_trio.daemon.peer_link import PeerLink, Speaker
from gobgp_trio.daemon.peer_stats import PeerStats
from gobgp_trio.daemon.transport import Transport, format_os_error
from gobgp_trio.types.family import find_family
from gobgp_trio.types.prefix import format_address
from gobgp_trio.version import VERSION

FIRST_CRASH_HOLD_S = 30.0
MAX_CRASH_HOLD_S = 600.0
MAX_TOLD_COUNT = 20

Dial = Callable[[Neighbor], Awaitable[Transport]]

log = structlog.get_logger()


def draw_jitter() -> float:
    """A factor for waits (RFC 4271 section 10)."""
    return random.uniform(0.75, 1.0)  # not for secrets


def make_settings(neighbor: Neighbor, router_id: bytes) -> SessionSettings:
    """What a session needs to know of the configuration."""
    return SessionSettings(
        local_as=neighbor.local_as,
        peer_as=neighbor.peer_as,
        router_id=router_id,
        families=neighbor.families,
        hold_time_s=neighbor.hold_time_s,
        keepalive_s=neighbor.keepalive_s,
        connect_retry_s=neighbor.connect_retry_s,
        idle_hold_after_reset_s=neighbor.idle_hold_after_reset_s,
        is_passive=neighbor.passive,
        host_name=socket.gethostname(),
        software_version=f"gobgp-trio/{VERSION}" if neighbor.announces_version else "",
    )


class Peer:
    """A neighbour and all that runs for it.

    Attributes:
        neighbor: its configuration.
        stats: counters, and what happened last.
        is_admin_down: the operator does not want the session.
        is_dynamic: there is no entry for this peer, it came from a network that has one.
        link: the tables' side of the established session, None while there is none.
    """

    def __init__(
        self,
        neighbor: Neighbor,
        router_id: bytes,
        speaker: Speaker,
        dial: Dial,
        *,
        jitter: Callable[[], float] = draw_jitter,
        is_dynamic: bool = False,
    ) -> None:
        self.neighbor = neighbor
        self.stats = PeerStats()
        self.is_admin_down = neighbor.admin_down
        self.is_dynamic = is_dynamic
        self.link: PeerLink | None = None
        self._router_id = router_id
        self._settings = make_settings(neighbor, router_id)
        self._speaker = speaker
        self._dial = dial
        self._jitter = jitter
        self._session = Session(self._settings)
        self._nursery: trio.Nursery | None = None  # None: not running, or resting after a crash
        self._connections: dict[int, PeerConnection] = {}
        self._accepting_count = 0
        self._last_number = 0
        self._established_number = 0
        self._has_exceeded = False
        self._last_state = State.IDLE
        self._dial_scope = trio.CancelScope()
        self._timer_scope = trio.CancelScope()
        self._closing_links: list[PeerLink] = []
        self._has_changed = trio.Event()  # set and replaced when connections or links end
        self._told: set[str] = set()
        self._log = log.bind(peer=neighbor.address)

    # --- what can be seen ----------------------------------------------------

    @property
    def state(self) -> State:
        """The session's state; IDLE while the peer rests after a crash."""
        return self._session.state

    @property
    def negotiated(self) -> Negotiated | None:
        """The terms of the established session, None while there is none."""
        return self._session.negotiated

    @property
    def is_over_limit(self) -> bool:
        """The session is down because the peer announced more prefixes than it may."""
        return self._has_exceeded and self.state is State.IDLE

    async def wait_gone(self) -> None:
        """Wait until nothing is left of connections, and there is nothing to be remembered.

        A rest after a crash or a limit exceeded is, or another connection would undo it; and that
        the operator does not want the session.
        """
        while (
            self._connections
            or self._accepting_count
            or self._closing_links
            or self.state > State.ACTIVE  # without connections: a crash is under way
            or self._nursery is None
            or self.is_over_limit
            or self.is_admin_down
        ):
            await self._has_changed.wait()

    async def wait_running(self) -> None:
        """Wait until connections can be accepted."""
        while self._nursery is None:
            await self._has_changed.wait()

    async def wait_disconnected(self) -> None:
        """Wait until no connection is left."""
        while self._connections:
            await self._has_changed.wait()

    async def wait_withdrawn(self) -> None:
        """Wait until the routes of ended sessions are out of the tables."""
        while self._closing_links:
            await self._has_changed.wait()

    # --- the operator --------------------------------------------------------

    def enable(self) -> None:
        """Administratively up; also when it was down for a limit exceeded."""
        self.is_admin_down = False
        self._soon(self._start_again if self.is_over_limit else self._start)

    def disable(self, message: str = "", subcode: int = ADMINISTRATIVE_SHUTDOWN) -> None:
        """Administratively down; the Cease says ``subcode`` and, where it may, ``message``."""
        self.is_admin_down = True
        self._soon(lambda: self._session.on_stop(subcode, message))

    def reset(self, message: str = "") -> None:
        """End the session and begin again after the configured rest."""
        self._soon(lambda: self._session.on_reset(trio.current_time(), message))

    def reconfigure(self, neighbor: Neighbor) -> None:
        """Take over settings that the session need not end for."""
        has_new_limits = neighbor.prefix_limits != self.neighbor.prefix_limits
        self.neighbor = neighbor
        self._settings = make_settings(neighbor, self._router_id)
        self._session.change_settings(self._settings, trio.current_time())
        self._soon(list)  # for the timers
        if self.link is not None:
            self.link.neighbor = neighbor
        if has_new_limits:
            self._soon(self._start_again if self.is_over_limit else self._check_limits)

    def _start(self) -> list[Output]:
        return self._session.on_start(trio.current_time())

    def _start_again(self) -> list[Output]:
        self._has_exceeded = False
        return [*self._session.on_stop(), *self._start()]

    def _check_limits(self) -> list[Output]:
        try:
            if self.link is not None:
                self.link.check_limits()
        except PeerFault as fault:
            return self._exceed(self._established_number, fault)
        return []

    def _exceed(self, number: int, fault: PeerFault) -> list[Output]:
        """End the session for the limit that the fault tells of."""
        self._has_exceeded = True
        family = find_family(int.from_bytes(fault.data[:2], "big"), fault.data[2])
        limits = self.neighbor.prefix_limits
        rest_s = next((limit.restart_s for limit in limits if limit.family is family), 0)
        return self._session.on_limit(number, fault, trio.current_time(), rest_s or inf)

    def accept(self, transport: Transport) -> None:
        """The neighbour connected to us."""
        if self._nursery is None:
            transport.close()
            return
        self._accepting_count += 1
        self._nursery.start_soon(self._accept, transport)

    def _soon(self, feed: Callable[[], list[Output]]) -> None:
        """Run an input inside the guarded place, so that a bug in it is this peer's alone."""

        async def run_input() -> None:
            self._feed(feed())
            await trio.lowlevel.checkpoint()

        if self._nursery is not None:
            self._nursery.start_soon(run_input)

    # --- tasks ---------------------------------------------------------------

    async def run(self) -> NoReturn:
        """Be this peer until cancelled, whatever happens."""
        while True:
            try:
                await self._run_guarded()
            except* Exception as failures:  # noqa: BLE001 - the guarded place, see the module
                self._on_crash(failures)
            self._session = Session(self._settings)  # seen as Idle meanwhile
            await self._close_links()
            wait_s = FIRST_CRASH_HOLD_S * 2.0 ** min(self.stats.crashes - 1, 10)
            await trio.sleep(min(wait_s, MAX_CRASH_HOLD_S))

    async def _run_guarded(self) -> None:
        self._session = Session(self._settings, jitter=self._jitter())
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                if not self.is_admin_down:
                    self._feed(self._session.on_start(trio.current_time()))
                await self._run_timers()
        finally:
            self._nursery = None
            self._retire_link()

    def _on_crash(self, failures: BaseExceptionGroup[Exception]) -> None:
        self.stats.crashes += 1
        self.stats.last_error = f"internal error: {_first_leaf(failures)!r}"
        self._log.error("handling this peer failed, it rests", exc_info=failures)

    async def _close_links(self) -> None:
        """Withdraw what a crashed session left behind; a second failure ends there."""
        for link in list(self._closing_links):
            try:
                await link.close()
            except Exception as failure:  # noqa: BLE001 - part of the guarded place, see the module
                self._log.error("withdrawing this peer's routes failed", exc_info=failure)
            self._closing_links.remove(link)
        self._tell_change()

    async def _run_timers(self) -> NoReturn:
        while True:
            deadline_s = self._session.next_deadline_s()
            with trio.CancelScope(deadline=deadline_s) as self._timer_scope:
                await trio.sleep_forever()
            now_s = trio.current_time()
            for number in self._session.list_hold_due(now_s):
                if self._connections[number].has_octets_waiting():
                    self._session.on_octets_waiting(number, now_s)
            self._feed(self._session.on_time(now_s))

    async def _run_dial(self, scope: trio.CancelScope) -> None:
        with scope:
            try:
                transport = await self._dial(self.neighbor)
            except OSError as error:
                self._tell("cannot connect", format_os_error(error))
                if not scope.cancel_called:
                    self._feed(self._session.on_connect_failed(trio.current_time()))
                return
            if scope.cancel_called:
                transport.close()
            else:
                self._adopt(transport, self._session.on_connected)

    async def _accept(self, transport: Transport) -> None:
        self._accepting_count -= 1  # from here to the first checkpoint it becomes a connection
        self._tell_change()
        try:
            transport.configure(self.neighbor)
        except OSError as error:
            transport.close()
            self._tell("cannot accept", format_os_error(error))
            return
        self._adopt(transport, self._session.on_accepted)
        await trio.lowlevel.checkpoint()

    def _adopt(self, transport: Transport, tell_session: Callable[..., list[Output]]) -> None:
        self._last_number += 1
        number = self._last_number
        connection = PeerConnection(number, transport, self, self.stats)
        self._connections[number] = connection
        self._running.start_soon(self._run_connection, connection)
        self._feed(tell_session(number, transport.ends, trio.current_time()))

    @property
    def _running(self) -> trio.Nursery:
        if self._nursery is None:
            raise AssertionError("outputs are carried out while the peer runs")
        return self._nursery

    async def _run_connection(self, connection: PeerConnection) -> None:
        try:
            await connection.run()
        finally:
            del self._connections[connection.number]
            self._tell_change()

    async def _close_link(self, link: PeerLink) -> None:
        await link.close()
        self._closing_links.remove(link)
        self._tell_change()

    async def _attach_later(self, connection: PeerConnection, negotiated: Negotiated) -> None:
        """Wait until the last session's routes are gone."""
        await self.wait_withdrawn()
        if not connection.is_closing:
            self._attach(connection, negotiated)

    # --- what connections tell -----------------------------------------------

    def on_message(self, number: int, kind: int, body: bytes) -> None:
        self._feed(self._session.on_message(number, kind, body, trio.current_time()))

    def on_fault(self, number: int, fault: PeerFault) -> None:
        if (fault.code, fault.subcode) == (CEASE, MAX_PREFIXES_REACHED):
            self._feed(self._exceed(number, fault))
            return
        self._feed(self._session.on_fault(number, fault, trio.current_time()))

    def on_attribute_fault(self, _number: int, fault: AttrFault) -> None:
        self.stats.attribute_faults += 1
        self._tell("attribute error in an update", str(fault))

    def on_closed(self, number: int, text: str, cause: DownCause) -> None:
        self._feed(self._session.on_closed(number, trio.current_time(), text, cause))

    def on_sent(self, number: int) -> None:
        self._session.on_sent(number, trio.current_time())

    # --- what the session wants done -----------------------------------------

    def _feed(self, outputs: list[Output]) -> None:
        """Carry outputs out in order, then wait for the new deadline."""
        for output in outputs:
            match output:
                case Send(number, octets):
                    self._connections[number].send(octets)
                case CloseConnection(number):
                    self._connections[number].close()
                case Connect():
                    self._dial_scope = trio.CancelScope()
                    self._running.start_soon(self._run_dial, self._dial_scope)
                case AbortConnect(is_unanswered):
                    self._dial_scope.cancel()
                    if is_unanswered:
                        self._tell("cannot connect", self._explain_silence())
                case Established(number, negotiated):
                    self._on_established(self._connections[number], negotiated)
                case Refresh(family):
                    if self.link is not None:  # without it everything will be sent anyway
                        self.link.refresh(family)
                case RefreshBegun(family):
                    task = None if self.link is None else self.link.begin_renewal(family)
                    if task is not None:
                        self._running.start_soon(task)
                case RefreshEnded(family):
                    if self.link is not None:
                        self.link.end_renewal(family)
                case Down():
                    self._on_down(output)
        self._timer_scope.deadline = self._session.next_deadline_s()
        self._tell_state()

    def _tell_state(self) -> None:
        """Log a change of state, for an operator who wants to see each."""
        old, self._last_state = self._last_state, self.state
        if old is self._last_state:
            return
        self._tell_change()
        if self.neighbor.log_state_changes:
            self._log.info("state changed", old=old.name, new=self._last_state.name)

    def _on_established(self, connection: PeerConnection, negotiated: Negotiated) -> None:
        self.stats.established_at_s = time()
        self._established_number = connection.number
        self._has_exceeded = False
        self._told.clear()
        self._log.info(
            "session established",
            peer_as=negotiated.peer_as,
            router_id=format_address(negotiated.peer_router_id),
            families=[family.config_name for family in negotiated.families],
        )
        decoder = UpdateDecoder(
            negotiated.context,
            self._speaker.attribute_table,
            treats_as_withdraw=self.neighbor.treat_as_withdraw,
        )
        connection.expect_updates(decoder, negotiated.context.max_message_octets)
        if self._closing_links:
            self._running.start_soon(self._attach_later, connection, negotiated)
        else:
            self._attach(connection, negotiated)

    def _attach(self, connection: PeerConnection, negotiated: Negotiated) -> None:
        self.link = self._speaker.peer_up(self.neighbor, negotiated)
        connection.attach(self.link)

    def _on_down(self, down: Down) -> None:
        reason = down.reason
        self._session.jitter = self._jitter()
        if not down.was_established:
            if reason.cause not in (DownCause.ADMIN_DOWN, DownCause.DECONFIGURED):
                self.stats.down_reason = reason
                self._tell("session did not come up", reason.text)
            return
        self.stats.flops += 1
        self.stats.down_at_s = time()
        self.stats.down_reason = reason
        self.stats.last_error = reason.text
        self._log.info("session down", reason=reason.text)
        link = self._retire_link()
        if link is not None:
            self._running.start_soon(self._close_link, link)

    def _retire_link(self) -> PeerLink | None:
        """Take the link from the session that ended; it is not gone before it is closed."""
        link, self.link = self.link, None
        if link is not None:
            self._closing_links.append(link)
        return link

    def _explain_silence(self) -> str:
        """Why nobody may have answered: kernels drop what is not as configured, in silence."""
        sockets = self.neighbor.sockets
        if sockets.password:
            return "no answer; the password may be another one there, or none"
        if sockets.ttl_min is not None:
            return f"no answer; it may send with a TTL below {sockets.ttl_min}"
        return "no answer"

    def _tell(self, event: str, error: str) -> None:
        """Log a failure that may come again and again: once, until there is a session."""
        self.stats.last_error = error
        key = f"{event}: {error}"
        if key in self._told or len(self._told) >= MAX_TOLD_COUNT:
            self._log.debug(event, error=error)
            return
        self._told.add(key)
        self._log.info(event, error=error)

    def _tell_change(self) -> None:
        self._has_changed.set()
        self._has_changed = trio.Event()


def _first_leaf(failures: BaseExceptionGroup[Exception]) -> BaseException:
    """One of the exceptions that a group is about."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
