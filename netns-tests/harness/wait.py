"""Waiting for a state of the world, instead of sleeping and hoping.

Rule: a test says what it waits for and how long that may take; it goes on the moment it is true.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.02
_never = threading.Event()


class WaitedInVain(AssertionError):
    """What was waited for did not come; the text says what, how long, and what was seen last."""


def pause(duration_s: float) -> None:
    """Let other processes run for a moment; only loops that look at something call this."""
    _never.wait(duration_s)


def wait_until(
    look: Callable[[], T], what: str, *, timeout_s: float = 10.0, poll_s: float = POLL_S
) -> T:
    """Look again and again until the answer is true, and hand it back.

    Raises:
        WaitedInVain: after ``timeout_s``; an AssertionError of the last look is its cause.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        trouble: AssertionError | None = None
        answer: T | None = None
        try:
            answer = look()
        except AssertionError as error:
            trouble = error
        if trouble is None and answer:
            return answer
        if time.monotonic() >= deadline_s:
            text = f"waited {timeout_s} s in vain for: {what}; last seen: {trouble or answer!r}"
            raise WaitedInVain(text) from trouble
        pause(poll_s)


def stays(look: Callable[[], object], what: str, *, for_s: float, poll_s: float = POLL_S) -> None:
    """Look again and again; it must be true each time until ``for_s`` are over.

    For "does not happen": the time is part of the promise under test, not a guess.
    """
    deadline_s = time.monotonic() + for_s
    while time.monotonic() < deadline_s:
        answer = look()
        assert answer, f"did not stay: {what}; seen: {answer!r}"
        pause(poll_s)
