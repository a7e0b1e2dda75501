"""What a ``Session`` wants done: plain values that the shell carries out in order.

A connection is named by the number its shell gave it in ``on_connected`` or ``on_accepted``.
"""

from dataclasses import dataclass
from enum import IntEnum

from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.types.family import Family


class State(IntEnum):
    """Session states in the order of RFC 4271 section 8.2.2, numbered as the API shows them."""

    IDLE = 1
    CONNECT = 2
    ACTIVE = 3
    OPEN_SENT = 4
    OPEN_CONFIRM = 5
    ESTABLISHED = 6


class DownCause(IntEnum):
    """Why a session or an attempt ended, numbered as the API shows it."""

    UNSPECIFIED = 0
    ADMIN_DOWN = 1
    HOLD_TIMER_EXPIRED = 2
    NOTIFICATION_SENT = 3
    NOTIFICATION_RECEIVED = 4
    READ_FAILED = 5
    WRITE_FAILED = 6
    DECONFIGURED = 12
    BAD_PEER_AS = 13


@dataclass(frozen=True, slots=True)
class DownReason:
    """Why a session or an attempt ended.

    Attributes:
        text: for people; what the peer's operator said is part of it.
        code, subcode: of the NOTIFICATION sent or received, 0 where there was none.
    """

    cause: DownCause
    text: str
    code: int = 0
    subcode: int = 0


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection; report with ``on_connected`` or ``on_connect_failed``."""


@dataclass(frozen=True, slots=True)
class AbortConnect:
    """Give up the attempt that ``Connect`` started; nothing is to be reported of it.

    ``is_unanswered``: because nobody has answered for too long.
    """

    is_unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Send whole messages, before any UPDATE that waits."""

    connection: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close once everything handed to ``Send`` is out; nothing is to be reported of it."""

    connection: int


@dataclass(frozen=True, slots=True)
class Established:
    """UPDATEs may flow on this connection."""

    connection: int
    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class Refresh:
    """The peer asks for everything of a family again (RFC 2918)."""

    family: Family


@dataclass(frozen=True, slots=True)
class RefreshBegun:
    """The peer begins to send everything of a family again (RFC 7313, BoRR)."""

    family: Family


@dataclass(frozen=True, slots=True)
class RefreshEnded:
    """The peer has done so (RFC 7313, EoRR): what did not come again is gone."""

    family: Family


@dataclass(frozen=True, slots=True)
class Down:
    """The session ended, or an attempt that had a connection did not become one."""

    reason: DownReason
    was_established: bool


Output = (
    Connect
    | AbortConnect
    | Send
    | CloseConnection
    | Established
    | Refresh
    | RefreshBegun
    | RefreshEnded
    | Down
)
