"""What the bridge knows of an RPC: how it is called, and how it refuses.

A method is a plain function of the request.  Most answer at once; a few wait (they are Trio
functions), and the streams yield pieces of octets, each some framed messages, so that the bridge
can let others run between two pieces.
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

import betterproto
from grpclib.const import Status

# Framed messages, some at a time.
Pieces = Generator[bytes, None, None]

NOT_STARTED = "bgp server hasn't started yet"


class RpcError(Exception):
    """The caller's request cannot be served; the text goes to the caller.

    Status UNKNOWN stands for every plain refusal, as clients of this API expect.
    """

    def __init__(self, message: str, status: Status = Status.UNKNOWN) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Unary:
    """Answers at once."""

    call: Callable[[Any], betterproto.Message]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Answers when something was waited for (a Trio function)."""

    call: Callable[[Any], Awaitable[betterproto.Message]]


@dataclass(frozen=True, slots=True)
class Streaming:
    """Answers with many messages, in pieces that cost a few ms each; a piece may be empty."""

    call: Callable[[Any], Pieces]


Method = Unary | Waiting | Streaming
