"""What is counted about one peer, for people: ``gobgp neighbor`` and the API show it."""

from dataclasses import dataclass, field

from gobgp_trio.bgp.session.outputs import DownReason


@dataclass(slots=True)
class PeerStats:
    """Counters since the peer was configured.

    Attributes:
        received, sent: messages by type (``bgp.message``); an update counts when it is handed on.
        flops: sessions that were established and ended.
        crashes: times that our own handling of this peer failed.
        attribute_faults: attribute errors that did not end a session (RFC 7606).
        established_at_s, down_at_s: seconds since the epoch, of the last time each; None for never.
        down_reason: why the last session or attempt ended.
        last_error: the last thing that went wrong, also what never became a connection.
    """

    received: dict[int, int] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)
    flops: int = 0
    crashes: int = 0
    attribute_faults: int = 0
    established_at_s: float | None = None
    down_at_s: float | None = None
    down_reason: DownReason | None = None
    last_error: str = ""

    def count_received(self, kind: int) -> None:
        self.received[kind] = self.received.get(kind, 0) + 1

    def count_sent(self, kind: int) -> None:
        self.sent[kind] = self.sent.get(kind, 0) + 1
