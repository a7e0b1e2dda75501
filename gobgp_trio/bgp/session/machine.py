"""The session of one neighbour (RFC 4271 section 8): inputs are methods, outputs are values.

A ``Session`` does nothing itself.  Its shell calls a method for whatever happened, carries out the
returned outputs in order, and calls ``on_time`` when ``next_deadline_s`` has come.  A session may
have two connections until one is chosen (see ``connection``); each is in OpenSent, OpenConfirm or
Established, while the session as a whole dials (Connect), listens (Active) or rests (Idle).

Which message means what in which state is the table at the end of ``Session``; a pair that is
not in it is an FSM error (RFC 4271 section 6.6, subcodes of RFC 6608).

Deviations from RFC 4271, on purpose:

- Waits between attempts start short and double up to the configured ConnectRetryTime; after a
  fault the session rests in Idle likewise (DampPeerOscillations, section 8.1.1).  A session that
  held for a minute starts the count again.  A reset by the peer's operator is no fault: the rest
  is short and not counted.
- DelayOpen is not offered.  UPDATEs we send do not put off our next KEEPALIVE.
- The send hold timer of RFC 9687 is always on, except where the hold time is 0.
- A connection that is not wanted (Idle, or a session exists) is closed without a NOTIFICATION.
"""

from collections.abc import Callable
from math import inf
from typing import ClassVar

from gobgp_trio.bgp.error_codes import (
    ADMINISTRATIVE_RESET,
    ADMINISTRATIVE_SHUTDOWN,
    BAD_PEER_AS,
    CEASE,
    CONNECTION_COLLISION,
    FSM_ERROR,
    HOLD_TIMER_EXPIRED,
    OPEN_ERROR,
    PEER_DECONFIGURED,
    SEND_HOLD_TIMER_EXPIRED,
    UNEXPECTED_IN_ESTABLISHED,
    UNEXPECTED_IN_OPEN_CONFIRM,
    UNEXPECTED_IN_OPEN_SENT,
    format_error,
)
from gobgp_trio.bgp.message import (
    KEEPALIVE,
    KEEPALIVE_MESSAGE,
    NOTIFICATION,
    OPEN,
    REFRESH_BEGIN,
    REFRESH_END,
    REFRESH_REQUEST,
    ROUTE_REFRESH,
    UPDATE,
    read_notification,
    read_open,
    read_route_refresh,
    write_notification,
    write_open,
    write_shutdown_message,
)
from gobgp_trio.bgp.session.connection import OPEN_HOLD_S, Connection, find_collision_loser
from gobgp_trio.bgp.session.negotiate import (
    Endpoints,
    Negotiated,
    SessionSettings,
    make_open,
    negotiate,
)
from gobgp_trio.bgp.session.outputs import (
    AbortConnect,
    CloseConnection,
    Connect,
    Down,
    DownCause,
    DownReason,
    Established,
    Output,
    Refresh,
    RefreshBegun,
    RefreshEnded,
    Send,
    State,
)
from gobgp_trio.bgp.session.waits import FIRST_IDLE_HOLD_S, Waits
from gobgp_trio.bgp.wire import PeerFault

HOLD_GRACE_S = 1.0


class Session:
    """One neighbour's state machine.

    Attributes:
        settings: what is configured.
        jitter: 0.75 to 1.0, what waits and keepalive intervals are multiplied by (RFC 4271
            section 10); the shell hands it in and may change it at any time.
    """

    def __init__(self, settings: SessionSettings, *, jitter: float = 1.0) -> None:
        self.settings = settings
        self.jitter = jitter
        self._is_started = False
        self._stage = State.IDLE  # IDLE, CONNECT or ACTIVE: what happens beside the connections
        self._stage_at_s = inf
        self._connections: dict[int, Connection] = {}
        self._waits = Waits(settings.connect_retry_s)

    # --- what can be seen ----------------------------------------------------

    @property
    def state(self) -> State:
        """The furthest state of the session and its connections."""
        return max([self._stage, *(c.state for c in self._connections.values())])

    @property
    def is_started(self) -> bool:
        """Administratively up."""
        return self._is_started

    @property
    def negotiated(self) -> Negotiated | None:
        """The terms of the established session, None while there is none."""
        for connection in self._connections.values():
            if connection.state is State.ESTABLISHED:
                return connection.negotiated
        return None

    def next_deadline_s(self) -> float:
        """When ``on_time`` is to be called next; inf while nothing is timed."""
        deadlines = [c.next_deadline_s for c in self._connections.values()]
        return min([self._stage_at_s, *deadlines])

    def list_hold_due(self, now_s: float) -> list[int]:
        """Connections that ``on_time`` would declare dead at ``now_s``."""
        return [c.number for c in self._connections.values() if c.hold_at_s <= now_s]

    # --- the operator --------------------------------------------------------

    def on_start(self, now_s: float) -> list[Output]:
        """Events 1 and 4: administratively up."""
        if self._is_started:
            return []
        self._is_started = True
        self._waits.forget()
        return self._begin(now_s)

    def on_stop(self, subcode: int = ADMINISTRATIVE_SHUTDOWN, message: str = "") -> list[Output]:
        """Event 2: administratively down, until ``on_start``.

        Args:
            subcode: of the Cease NOTIFICATION (``bgp.error_codes``).
            message: for the peer's operator (RFC 9003), sent with shutdown and reset.
        """
        if not self._is_started:
            return []
        self._is_started = False
        cause = DownCause.DECONFIGURED if subcode == PEER_DECONFIGURED else DownCause.ADMIN_DOWN
        outputs = self._cease(subcode, message, cause)
        self._rest(inf)
        return outputs

    def on_reset(self, now_s: float, message: str = "") -> list[Output]:
        """End the session and begin again after the configured rest."""
        if not self._is_started:
            return []
        outputs = self._cease(ADMINISTRATIVE_RESET, message, DownCause.ADMIN_DOWN)
        self._rest(now_s + self.settings.idle_hold_after_reset_s)
        return outputs

    def change_settings(self, settings: SessionSettings, now_s: float) -> None:
        """Waits are by the new settings at once, what OPEN messages agree on when they do next."""
        self.settings = settings
        self._waits.connect_retry_s = settings.connect_retry_s
        if self._stage is State.ACTIVE and self._stage_at_s < inf:
            self._stage_at_s = min(self._stage_at_s, now_s + settings.connect_retry_s)

    # --- TCP -----------------------------------------------------------------

    def on_connected(self, number: int, ends: Endpoints, now_s: float) -> list[Output]:
        """Event 16: the attempt that ``Connect`` asked for succeeded."""
        if self._stage is not State.CONNECT:
            return [CloseConnection(number)]
        self._listen(inf)
        return self._open(Connection(number, ends, True, now_s + OPEN_HOLD_S))

    def on_connect_failed(self, now_s: float) -> list[Output]:
        """Event 18: it failed."""
        if self._stage is State.CONNECT:
            self._listen(self._next_dial_s(now_s))
        return []

    def on_accepted(self, number: int, ends: Endpoints, now_s: float) -> list[Output]:
        """Event 17: the peer connected to us.

        An earlier connection from the peer that is not established is given up: a peer has one
        at a time, so the earlier one is dead and we have not noticed.
        """
        if self.state in (State.IDLE, State.ESTABLISHED):
            return [CloseConnection(number)]
        stale = [c for c in self._connections.values() if not c.is_outbound]
        outputs: list[Output] = [self._forget(connection) for connection in stale]
        return outputs + self._open(Connection(number, ends, False, now_s + OPEN_HOLD_S))

    def on_closed(
        self, number: int, now_s: float, text: str, cause: DownCause = DownCause.READ_FAILED
    ) -> list[Output]:
        """Event 18: the connection is gone, ``text`` says how."""
        connection = self._connections.get(number)
        if connection is None:
            return []
        return self._lose(connection, DownReason(cause, text), now_s)

    def on_sent(self, number: int, now_s: float) -> None:
        """The peer took some of our octets."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.restart_send_hold(now_s)

    # --- messages ------------------------------------------------------------

    def on_message(self, number: int, kind: int, body: bytes, now_s: float) -> list[Output]:
        """Events 19 to 27: a message came in.

        UPDATE bodies are not looked at; one call may stand for several of them.
        """
        connection = self._connections.get(number)
        if connection is None:
            return []
        handle = self._ON_MESSAGE.get((connection.state, kind))
        try:
            if handle is None:
                raise _unexpected(connection.state, kind)
            return handle(self, connection, body, now_s)
        except PeerFault as fault:
            return self.on_fault(number, fault, now_s)

    def on_fault(self, number: int, fault: PeerFault, now_s: float) -> list[Output]:
        """Events 21, 22 and 28: what the peer sent is wrong."""
        connection = self._connections.get(number)
        if connection is None:
            return []
        is_bad_as = (fault.code, fault.subcode) == (OPEN_ERROR, BAD_PEER_AS)
        cause = DownCause.BAD_PEER_AS if is_bad_as else DownCause.NOTIFICATION_SENT
        text = f"sent notification {format_error(fault.code, fault.subcode)}"
        if fault.text:
            text += f": {fault.text}"
        reason = DownReason(cause, text, fault.code, fault.subcode)
        farewell = write_notification(fault.code, fault.subcode, fault.data)
        return self._lose(connection, reason, now_s, farewell)

    def on_limit(self, number: int, fault: PeerFault, now_s: float, rest_s: float) -> list[Output]:
        """The peer sent more than it may: begin again after a rest, inf for not by ourselves."""
        outputs = self.on_fault(number, fault, now_s)
        if outputs:
            self._rest(now_s + rest_s)
        return outputs

    def _on_open(self, connection: Connection, body: bytes, now_s: float) -> list[Output]:
        """Event 19: OpenSent to OpenConfirm, unless the OPEN or a collision forbids it."""
        negotiated = negotiate(
            self.settings, connection.ends, read_open(body), is_outbound=connection.is_outbound
        )
        others = [c for c in self._connections.values() if c is not connection]
        loser = find_collision_loser(connection, negotiated, others)
        outputs = self._drop_collided(loser) if loser is not None else []
        if loser is connection:
            return outputs
        connection.negotiated = negotiated
        connection.state = State.OPEN_CONFIRM
        connection.hold_at_s = inf
        connection.restart_hold(now_s)
        connection.restart_send_hold(now_s)
        connection.restart_keepalive(now_s, self.jitter)
        outputs += self._stop_dialling()
        return [*outputs, Send(connection.number, KEEPALIVE_MESSAGE)]

    def _on_confirm(self, connection: Connection, _body: bytes, now_s: float) -> list[Output]:
        """Event 26 in OpenConfirm: the session is established."""
        if connection.negotiated is None:
            raise AssertionError("a connection in OpenConfirm has negotiated")
        outputs: list[Output] = []
        for other in list(self._connections.values()):
            if other is not connection:
                outputs += self._drop_collided(other)
        outputs += self._stop_dialling()
        connection.state = State.ESTABLISHED
        connection.established_at_s = now_s
        connection.restart_hold(now_s)
        self._waits.on_established()
        return [*outputs, Established(connection.number, connection.negotiated)]

    def _on_alive(self, connection: Connection, _body: bytes, now_s: float) -> list[Output]:
        """Events 26 and 27 in Established."""
        connection.restart_hold(now_s)
        return []

    def _on_refresh(self, connection: Connection, body: bytes, now_s: float) -> list[Output]:
        """RFC 2918; a family that is not of this session is ignored (section 4).

        Begin and end marks likewise unless both sides announced them, and what is no subtype of
        RFC 7313 (section 5).
        """
        connection.restart_hold(now_s)
        message = read_route_refresh(body)
        negotiated, family = connection.negotiated, message.family
        if negotiated is None or family is None or family not in negotiated.families:
            return []
        make_output = _REFRESH_OUTPUTS.get(message.subtype)
        is_mark = make_output is not Refresh
        if make_output is None or (is_mark and not negotiated.enhanced_route_refresh):
            return []
        return [make_output(family)]

    def _on_notification(self, connection: Connection, body: bytes, now_s: float) -> list[Output]:
        """Events 24 and 25: the peer ends it."""
        message = read_notification(body)
        text = f"received notification {message.text}"
        cause = DownCause.NOTIFICATION_RECEIVED
        reason = DownReason(cause, text, message.code, message.subcode)
        return self._lose(connection, reason, now_s)

    # --- time ----------------------------------------------------------------

    def on_octets_waiting(self, number: int, now_s: float) -> None:
        """The hold timer is up, but octets of the peer wait to be read: not yet.

        We were slow, so what waits may be the KEEPALIVE that was due; it gets a moment to be read.
        """
        connection = self._connections.get(number)
        if connection is not None and connection.hold_at_s <= now_s:
            connection.hold_at_s = now_s + HOLD_GRACE_S

    def on_time(self, now_s: float) -> list[Output]:
        """Events 9 to 13: carry out whatever is due; harmless when nothing is."""
        outputs: list[Output] = []
        if self._stage_at_s <= now_s:
            outputs += self._on_stage_time(now_s)
        for connection in list(self._connections.values()):
            if connection.hold_at_s <= now_s:
                outputs += self._on_dead(connection, now_s, HOLD_TIMER_EXPIRED)
            elif connection.send_hold_at_s <= now_s:
                outputs += self._on_dead(connection, now_s, SEND_HOLD_TIMER_EXPIRED)
            elif connection.keepalive_at_s <= now_s:
                connection.restart_keepalive(now_s, self.jitter)
                outputs.append(Send(connection.number, KEEPALIVE_MESSAGE))
        return outputs

    def _on_stage_time(self, now_s: float) -> list[Output]:
        if self._stage is State.IDLE:
            return self._begin(now_s)
        if self._stage is State.ACTIVE:
            return self._dial(now_s)
        return [AbortConnect(is_unanswered=True), *self._dial(now_s)]

    def _on_dead(self, connection: Connection, now_s: float, code: int) -> list[Output]:
        if code == HOLD_TIMER_EXPIRED:
            text = "hold timer expired: the peer was silent too long"
            cause = DownCause.HOLD_TIMER_EXPIRED
        else:
            text = "send hold timer expired: the peer took nothing from us for too long"
            cause = DownCause.WRITE_FAILED
        reason = DownReason(cause, text, code)
        return self._lose(connection, reason, now_s, write_notification(code, 0))

    # --- stages --------------------------------------------------------------

    def _begin(self, now_s: float) -> list[Output]:
        if self.settings.is_passive:
            self._listen(inf)
            return []
        return self._dial(now_s)

    def _dial(self, now_s: float) -> list[Output]:
        self._stage = State.CONNECT
        self._stage_at_s = now_s + self._waits.dial_limit_s * self.jitter
        return [Connect()]

    def _listen(self, next_dial_s: float) -> None:
        self._stage = State.ACTIVE
        self._stage_at_s = next_dial_s

    def _rest(self, until_s: float) -> None:
        self._stage = State.IDLE
        self._stage_at_s = until_s

    def _stop_dialling(self) -> list[Output]:
        was_dialling = self._stage is State.CONNECT
        self._listen(inf)
        return [AbortConnect()] if was_dialling else []

    def _next_dial_s(self, now_s: float) -> float:
        """When to dial again after one more failure; the wait doubles with each."""
        if self.settings.is_passive:
            return inf
        return now_s + self._waits.after_failed_dial_s() * self.jitter

    # --- ends of connections -------------------------------------------------

    def _open(self, connection: Connection) -> list[Output]:
        self._connections[connection.number] = connection
        return [Send(connection.number, write_open(make_open(self.settings)))]

    def _forget(self, connection: Connection) -> CloseConnection:
        del self._connections[connection.number]
        return CloseConnection(connection.number)

    def _drop_collided(self, connection: Connection) -> list[Output]:
        farewell = write_notification(CEASE, CONNECTION_COLLISION)
        return [Send(connection.number, farewell), self._forget(connection)]

    def _lose(
        self, connection: Connection, reason: DownReason, now_s: float, farewell: bytes = b""
    ) -> list[Output]:
        """One connection ended.  While another lives nobody but the dialling hears of it."""
        outputs: list[Output] = [Send(connection.number, farewell)] if farewell else []
        outputs.append(self._forget(connection))
        if self._connections:
            is_open_sent = self.state is State.OPEN_SENT
            if is_open_sent and self._stage is State.ACTIVE and self._stage_at_s == inf:
                self._listen(self._next_dial_s(now_s))
            return outputs
        was_established = connection.state is State.ESTABLISHED
        is_collision = (reason.code, reason.subcode) == (CEASE, CONNECTION_COLLISION)
        if not was_established and (reason.code == 0 or is_collision):
            outputs += self._after_hang_up(now_s)
        elif (reason.code, reason.subcode) == (CEASE, ADMINISTRATIVE_RESET):
            outputs += self._after_fault(now_s, FIRST_IDLE_HOLD_S)
        else:
            lasted_s = now_s - connection.established_at_s
            outputs += self._after_fault(now_s, self._waits.after_fault_s(lasted_s))
        return [*outputs, Down(reason, was_established)]

    def _after_hang_up(self, now_s: float) -> list[Output]:
        """OpenSent or OpenConfirm to Active (event 18): go on listening, dial again later.

        So too when the peer closed for a collision: the connection it keeps may be one that we
        have not accepted yet.
        """
        if self._stage is State.ACTIVE and self._stage_at_s == inf:
            self._listen(self._next_dial_s(now_s))
        return []

    def _after_fault(self, now_s: float, rest_s: float) -> list[Output]:
        """To Idle for a while."""
        outputs = self._stop_dialling()
        self._rest(now_s + rest_s * self.jitter)
        return outputs

    def _cease(self, subcode: int, message: str, cause: DownCause) -> list[Output]:
        """End everything for the operator."""
        outputs = self._stop_dialling()
        says = subcode in (ADMINISTRATIVE_SHUTDOWN, ADMINISTRATIVE_RESET)
        data = write_shutdown_message(message) if says else b""
        was_established = self.state is State.ESTABLISHED
        for connection in list(self._connections.values()):
            farewell = write_notification(CEASE, subcode, data)
            outputs += [Send(connection.number, farewell), self._forget(connection)]
        text = f"{format_error(CEASE, subcode)}: {message}" if message else ""
        reason = DownReason(cause, text or format_error(CEASE, subcode), CEASE, subcode)
        return [*outputs, Down(reason, was_established)]

    _ON_MESSAGE: ClassVar[
        dict[tuple[State, int], Callable[["Session", Connection, bytes, float], list[Output]]]
    ] = {
        (State.OPEN_SENT, OPEN): _on_open,
        (State.OPEN_SENT, NOTIFICATION): _on_notification,
        (State.OPEN_CONFIRM, KEEPALIVE): _on_confirm,
        (State.OPEN_CONFIRM, NOTIFICATION): _on_notification,
        (State.ESTABLISHED, UPDATE): _on_alive,
        (State.ESTABLISHED, KEEPALIVE): _on_alive,
        (State.ESTABLISHED, ROUTE_REFRESH): _on_refresh,
        (State.ESTABLISHED, NOTIFICATION): _on_notification,
    }


_REFRESH_OUTPUTS: dict[int, type[Refresh] | type[RefreshBegun] | type[RefreshEnded]] = {
    REFRESH_REQUEST: Refresh,
    REFRESH_BEGIN: RefreshBegun,
    REFRESH_END: RefreshEnded,
}


def _unexpected(state: State, kind: int) -> PeerFault:
    """FSM error, with the message's type as data (RFC 6608 section 3)."""
    text = f"message type {kind} has no place in {state.name}"
    return PeerFault(FSM_ERROR, _UNEXPECTED_SUBCODES[state], bytes((kind & 0xFF,)), text)


_UNEXPECTED_SUBCODES = {
    State.OPEN_SENT: UNEXPECTED_IN_OPEN_SENT,
    State.OPEN_CONFIRM: UNEXPECTED_IN_OPEN_CONFIRM,
    State.ESTABLISHED: UNEXPECTED_IN_ESTABLISHED,
}
