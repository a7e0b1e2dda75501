"""Functions that are imported when they are called, so that ``gobgp --help`` and typing errors need
neither gRPC nor the API's generated messages (half a second of importing).
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

# Every name handed out; the tests check that each is there.
DEFERRED: list[tuple[str, str]] = []


def deferred(module: str, function: str) -> Callable[..., Any]:
    """A stand-in for ``function`` of ``gobgp_trio.cli.<module>``."""
    DEFERRED.append((module, function))

    def call(*arguments: object) -> object:
        return getattr(import_module(f"gobgp_trio.cli.{module}"), function)(*arguments)

    return call
