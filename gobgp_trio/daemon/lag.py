"""How long the event loop was held up: measured always, told on SIGUSR1 and when it is bad.

Everything of the daemon runs in one loop, so a turn that takes long delays keepalives and answers.
The meter wakes up at fixed times; how late it does is the lag.
"""

from typing import NoReturn

import structlog
import trio

PERIOD_S = 0.02
WARN_S = 0.5
WARN_AGAIN_S = 60.0

log = structlog.get_logger()


class LagMeter:
    """Measures while ``run`` runs.

    Attributes:
        largest_s: the largest lag since ``tell`` was last called.
    """

    def __init__(self) -> None:
        self.largest_s = 0.0
        self._warn_at_s = 0.0

    async def run(self) -> NoReturn:
        """Measure until cancelled."""
        while True:
            wake_at_s = trio.current_time() + PERIOD_S
            await trio.sleep_until(wake_at_s)
            now_s = trio.current_time()
            self._note(now_s - wake_at_s, now_s)

    def tell(self) -> None:
        """Log the largest lag, and how many tasks there are, and start anew."""
        tasks = trio.lowlevel.current_statistics().tasks_living
        log.info("event loop", largest_lag_ms=round(self.largest_s * 1000, 1), tasks=tasks)
        self.largest_s = 0.0

    def _note(self, lag_s: float, now_s: float) -> None:
        self.largest_s = max(self.largest_s, lag_s)
        if lag_s > WARN_S and now_s >= self._warn_at_s:
            self._warn_at_s = now_s + WARN_AGAIN_S
            log.warning("the event loop was held up", lag_ms=round(lag_s * 1000))
