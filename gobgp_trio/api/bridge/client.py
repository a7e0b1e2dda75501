"""A call of the API from a program without an event loop of its own: what ``gobgp`` is.

Nothing here knows Trio, so that the command line starts without it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from grpclib.client import Channel

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0


class NotReached(Exception):
    """No connection came about; ``cause`` is the system's reason, None when time ran out."""

    def __init__(self, cause: OSError | None) -> None:
        super().__init__(str(cause))
        self.cause = cause


def run_call(make_channel: Callable[[], Channel], work: Callable[[Channel], Awaitable[T]]) -> T:
    """Connect, let ``work`` use the channel, disconnect; the result is that of ``work``.

    Args:
        make_channel: called inside the event loop, to which a channel belongs.

    Raises:
        NotReached: nobody answered.
    """
    return asyncio.run(_run_call(make_channel, work))


async def _run_call(
    make_channel: Callable[[], Channel], work: Callable[[Channel], Awaitable[T]]
) -> T:
    channel = make_channel()
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await channel.__connect__()
        except TimeoutError:
            raise NotReached(None) from None
        except OSError as error:
            raise NotReached(error) from None
        return await work(channel)
    finally:
        channel.close()
