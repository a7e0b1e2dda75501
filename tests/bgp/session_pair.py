"""Two sessions joined in memory: every message, accept and end arrives when the test says so."""

from collections import deque
from dataclasses import dataclass, field

from gobgp_trio.bgp.message import HEADER_OCTETS
from gobgp_trio.bgp.session.machine import Session
from gobgp_trio.bgp.session.negotiate import Endpoints, SessionSettings
from gobgp_trio.bgp.session.outputs import (
    AbortConnect,
    CloseConnection,
    Connect,
    Down,
    Established,
    Output,
    Refresh,
    RefreshBegun,
    RefreshEnded,
    Send,
)
from gobgp_trio.types.family import Family

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
ADDRESSES = (bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))

# What may happen next: (kind, side, connection number).
Event = tuple[str, int, int]


def make_settings(
    local_as: int = 65001,
    peer_as: int = 65002,
    router_id: bytes = bytes((1, 1, 1, 1)),
    families: tuple[Family, ...] = (V4, V6),
    *,
    hold_time_s: int = 90,
    keepalive_s: float = 30.0,
    connect_retry_s: float = 120.0,
    idle_hold_after_reset_s: float = 30.0,
    is_passive: bool = False,
) -> SessionSettings:
    return SessionSettings(
        local_as,
        peer_as,
        router_id,
        families,
        hold_time_s=hold_time_s,
        keepalive_s=keepalive_s,
        connect_retry_s=connect_retry_s,
        idle_hold_after_reset_s=idle_hold_after_reset_s,
        is_passive=is_passive,
    )


def kind_of(message: bytes) -> int:
    return message[18]


@dataclass
class Wire:
    """One TCP connection: what is under way to each side, None marking the end."""

    dialled_by: int
    is_open: list[bool] = field(default_factory=lambda: [True, True])
    to_side: tuple[deque[bytes | None], deque[bytes | None]] = field(
        default_factory=lambda: (deque(), deque())
    )


class Pair:
    """Two sessions and the wires between them.

    Attributes:
        now_s: the time handed to both.
        logs: all outputs of each side, in order.
        is_reachable: whether dialling reaches the other side.
    """

    def __init__(self, left: SessionSettings, right: SessionSettings) -> None:
        self.sides = (Session(left), Session(right))
        self.now_s = 1000.0
        self.logs: tuple[list[Output], list[Output]] = ([], [])
        self.wires: dict[int, Wire] = {}
        self.pending: list[Event] = []  # "connected", "accept" and "refused" yet to be told
        self.is_reachable = True

    def start(self) -> None:
        for side in (0, 1):
            self.carry_out(side, self.sides[side].on_start(self.now_s))

    def carry_out(self, side: int, outputs: list[Output]) -> None:
        self.logs[side].extend(outputs)
        for output in outputs:
            match output:
                case Connect():
                    self._dial(side)
                case AbortConnect():
                    self._abort(side)
                case Send(number, octets):
                    self.wires[number].to_side[1 - side].append(octets)
                    self.sides[side].on_sent(number, self.now_s)
                case CloseConnection(number):
                    self._close(side, number)
                case Established() | Refresh() | RefreshBegun() | RefreshEnded() | Down():
                    pass

    def _dial(self, side: int) -> None:
        number = len(self.wires) + 1
        self.wires[number] = Wire(side)
        if self.is_reachable:
            self.pending += [("connected", side, number), ("accept", 1 - side, number)]
        else:
            self.pending.append(("refused", side, number))

    def _abort(self, side: int) -> None:
        for event in [e for e in self.pending if e[0] != "accept" and e[1] == side]:
            self.pending.remove(event)
            self._close(side, event[2])

    def _close(self, side: int, number: int) -> None:
        wire = self.wires[number]
        if wire.is_open[side]:
            wire.is_open[side] = False
            wire.to_side[side].clear()
            wire.to_side[1 - side].append(None)

    def list_events(self) -> list[Event]:
        """All that may happen next, in any order."""
        waiting = {(side, number) for kind, side, number in self.pending if kind != "refused"}
        return self.pending + [
            ("deliver", side, number)
            for number, wire in self.wires.items()
            for side in (0, 1)
            if wire.is_open[side] and wire.to_side[side] and (side, number) not in waiting
        ]

    def happen(self, event: Event) -> None:
        kind, side, number = event
        session = self.sides[side]
        ends = Endpoints(ADDRESSES[side], ADDRESSES[1 - side])
        if kind == "deliver":
            message = self.wires[number].to_side[side].popleft()
            if message is None:
                self.wires[number].is_open[side] = False
                self.carry_out(side, session.on_closed(number, self.now_s, "end of stream"))
            else:
                kind_, body = kind_of(message), message[HEADER_OCTETS:]
                self.carry_out(side, session.on_message(number, kind_, body, self.now_s))
            return
        self.pending.remove(event)
        if kind == "connected":
            self.carry_out(side, session.on_connected(number, ends, self.now_s))
        elif kind == "accept":
            self.carry_out(side, session.on_accepted(number, ends, self.now_s))
        else:
            self.carry_out(side, session.on_connect_failed(self.now_s))

    def settle(self) -> None:
        """Let everything happen, oldest first, until nothing is under way."""
        while events := self.list_events():
            self.happen(events[0])

    def advance(self, seconds: float) -> None:
        """Let time pass, deadline by deadline, with everything delivered in between."""
        end_s = self.now_s + seconds
        self.settle()
        while (due_s := min(session.next_deadline_s() for session in self.sides)) <= end_s:
            self.now_s = max(self.now_s, due_s)
            for side in (0, 1):
                self.carry_out(side, self.sides[side].on_time(self.now_s))
            self.settle()
        self.now_s = end_s

    def list_established(self, side: int) -> list[int]:
        """Connections that ever became a session at this side."""
        return [o.connection for o in self.logs[side] if isinstance(o, Established)]

    def list_downs(self, side: int) -> list[Down]:
        return [o for o in self.logs[side] if isinstance(o, Down)]

    def list_sent(self, side: int) -> list[bytes]:
        return [o.octets for o in self.logs[side] if isinstance(o, Send)]
