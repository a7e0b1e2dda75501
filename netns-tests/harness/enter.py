"""Running in a namespace without another process: for tests of what opens its own sockets."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.namespace import CLONE_NEWNET, Namespace


@contextmanager
def entered(space: Namespace) -> Iterator[None]:
    """This thread in a network namespace, and back; sockets keep the one they were made in."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open("rb") as home, space.path.open("rb") as there:
        _set_namespace(libc, there.fileno())
        try:
            yield
        finally:
            _set_namespace(libc, home.fileno())


def _set_namespace(libc: ctypes.CDLL, handle: int) -> None:
    if libc.setns(handle, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
