"""How long a session waits before it tries again: short at first, doubling with each failure.

Two counts: attempts to connect that failed (up to the configured connect-retry), and sessions
that ended by a fault or did not last (DampPeerOscillations of RFC 4271 section 8.1.1).
"""

DIAL_LIMIT_S = 15.0  # an attempt nobody answers is started again, never later than connect-retry
FIRST_RETRY_S = 2.0
FIRST_IDLE_HOLD_S = 1.0
MAX_IDLE_HOLD_S = 60.0
STABLE_S = 60.0  # a session that lasted this long was no flap
MIN_WAIT_S = 1.0

_MAX_DOUBLINGS_COUNT = 16


class Waits:
    """The two counts of one session and the waits that follow from them, before jitter.

    Attributes:
        connect_retry_s: the longest wait between two attempts to connect.
    """

    def __init__(self, connect_retry_s: float) -> None:
        self.connect_retry_s = connect_retry_s
        self._failed_dials_count = 0
        self._flaps_count = 0

    def forget(self) -> None:
        """The operator started the session: no bad memories."""
        self._failed_dials_count = 0
        self._flaps_count = 0

    def on_established(self) -> None:
        """Dialling worked."""
        self._failed_dials_count = 0

    @property
    def dial_limit_s(self) -> float:
        """How long one attempt to connect may take."""
        return max(MIN_WAIT_S, min(DIAL_LIMIT_S, self.connect_retry_s))

    def after_failed_dial_s(self) -> float:
        """How long to wait now that one more attempt failed."""
        doublings = min(self._failed_dials_count, _MAX_DOUBLINGS_COUNT)
        self._failed_dials_count += 1
        return max(MIN_WAIT_S, min(FIRST_RETRY_S * 2.0**doublings, self.connect_retry_s))

    def after_fault_s(self, lasted_s: float) -> float:
        """How long to rest after a session of ``lasted_s`` (less than 0 for none) ended."""
        if lasted_s >= STABLE_S:
            self._flaps_count = 0
        doublings = min(self._flaps_count, _MAX_DOUBLINGS_COUNT)
        self._flaps_count += 1
        return min(FIRST_IDLE_HOLD_S * 2.0**doublings, MAX_IDLE_HOLD_S)
