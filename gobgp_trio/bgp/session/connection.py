"""One connection of a session, and which of two connections stays (RFC 4271 section 6.8).

Both sides may dial at once and find themselves with two connections.  Rules, chosen so that both
ends drop the same one whatever order the messages arrive in:

1. The connection opened by the dominant router stays: the one with the higher BGP identifier,
   or with the higher AS number where identifiers are equal (RFC 6286 section 2.3).
2. It is decided when an OPEN arrives while the other connection is in OpenConfirm, and also while
   it is in OpenSent: RFC 4271 allows that when the identifier is known "by means outside of the
   protocol", and the OPEN on this connection is such means.  Waiting longer would let the two ends
   establish different connections.  The exception: the dominated router does not give up its own
   connection for one on which the dominant router has said nothing yet (it may be dropping it).
3. A connection that reached OpenConfirm ends our own dialling: a dial that succeeds later is
   dropped before it sends an OPEN.  So the dominant router never offers a second connection
   after it has said KEEPALIVE on the first.
4. An established connection stays.
"""

from dataclasses import dataclass
from math import inf

from gobgp_trio.bgp.session.negotiate import Endpoints, Negotiated
from gobgp_trio.bgp.session.outputs import State

OPEN_HOLD_S = 240.0  # "a large value", RFC 4271 section 8.2.2
MIN_SEND_HOLD_S = 480.0  # RFC 9687 section 4: eight minutes or twice the hold time


@dataclass(slots=True)
class Connection:
    """What the session knows of one TCP connection.

    Attributes:
        hold_at_s, keepalive_at_s, send_hold_at_s: when each timer is up; inf when it is stopped.
        established_at_s: when it became the session, for telling a flap from an end.
    """

    number: int
    ends: Endpoints
    is_outbound: bool
    hold_at_s: float
    keepalive_at_s: float = inf
    send_hold_at_s: float = inf
    established_at_s: float = inf
    state: State = State.OPEN_SENT
    negotiated: Negotiated | None = None

    @property
    def next_deadline_s(self) -> float:
        return min(self.hold_at_s, self.keepalive_at_s, self.send_hold_at_s)

    def restart_hold(self, now_s: float) -> None:
        """The peer spoke (RFC 4271 section 8.2.2, events 26 and 27)."""
        if self.negotiated is not None and self.negotiated.hold_time_s:
            self.hold_at_s = now_s + self.negotiated.hold_time_s

    def restart_send_hold(self, now_s: float) -> None:
        """The peer took octets from us (RFC 9687)."""
        if self.negotiated is not None and self.negotiated.hold_time_s:
            wait_s = max(MIN_SEND_HOLD_S, 2.0 * self.negotiated.hold_time_s)
            self.send_hold_at_s = now_s + wait_s

    def restart_keepalive(self, now_s: float, jitter: float) -> None:
        """Set the next keepalive one interval after the last was due, so that the pace is even."""
        if self.negotiated is None or not self.negotiated.keepalive_s:
            return
        interval_s = max(1.0, self.negotiated.keepalive_s * jitter)
        planned_s = self.keepalive_at_s + interval_s
        self.keepalive_at_s = planned_s if now_s < planned_s < inf else now_s + interval_s


def is_peer_dominant(negotiated: Negotiated) -> bool:
    """Whether connections that the peer opened win over ours (rule 1)."""
    ours = (negotiated.local_router_id, negotiated.local_as)
    theirs = (negotiated.peer_router_id, negotiated.peer_as)
    return theirs > ours


def find_collision_loser(
    opened: Connection, negotiated: Negotiated, others: list[Connection]
) -> Connection | None:
    """Which connection must go now that ``opened`` received its OPEN, None for neither (yet).

    Args:
        opened: a connection in OpenSent whose peer announced itself.
        others: the session's further connections.
    """
    for other in others:
        if other.state is State.ESTABLISHED:
            return opened
        if other.is_outbound == opened.is_outbound:
            continue
        if opened.is_outbound is not is_peer_dominant(negotiated):
            return other
        is_uncertain = other.state is State.OPEN_SENT and not other.is_outbound
        return None if is_uncertain else opened
    return None
