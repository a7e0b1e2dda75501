"""One call to the daemon's API, and what went wrong with it as one line of text.

Errors keep the shape that scripts know, ``rpc error: code = NAME desc = TEXT``.  When nobody
answers, the text says where we tried and which flags change that.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

import betterproto
from grpclib.client import Channel
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from gobgp_trio.api.bridge.client import CONNECT_TIMEOUT_S, NotReached, run_call
from gobgp_trio.api.pb.api import GoBgpServiceStub
from gobgp_trio.api.wire import MalformedMessage
from gobgp_trio.cli.errors import CommandError
from gobgp_trio.cli.settings import Settings

T = TypeVar("T")


def call(settings: Settings, work: Callable[[GoBgpServiceStub], Awaitable[T]]) -> T:
    """Connect, let ``work`` use the API, disconnect; the result is that of ``work``.

    Raises:
        CommandError: nobody answered, or the daemon refused.
    """
    make_channel, where = _find_daemon(settings)
    try:
        return run_call(make_channel, lambda opened: work(GoBgpServiceStub(opened)))
    except NotReached as error:
        raise unavailable(where, _reason(error.cause)) from None
    except GRPCError as error:
        raise CommandError(rpc_error_text(error.status, error.message or "")) from None
    except MalformedMessage as error:
        raise CommandError(f"the daemon's answer makes no sense: {error}") from None
    except (StreamTerminatedError, ProtocolError, OSError) as error:
        raise unavailable(where, f"the connection broke: {error}") from None


class _Answer:
    """Stands in for a message class: keeps an answer as the octets that came."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    @classmethod
    def FromString(cls, octets: bytes) -> "_Answer":  # noqa: N802 - the name grpclib calls
        return cls(octets)

    def SerializeToString(self) -> bytes:  # noqa: N802 - the name grpclib calls
        return self.octets


async def stream_octets(
    api: GoBgpServiceStub, path: str, request: betterproto.Message
) -> AsyncIterator[bytes]:
    """The answers of a streaming call, each as octets."""
    async with api.channel.request(
        path, Cardinality.UNARY_STREAM, type(request), _Answer
    ) as stream:
        await stream.send_message(request, end=True)
        async for answer in stream:
            yield answer.octets


def rpc_error_text(status: Status, message: str) -> str:
    """``rpc error: code = Unknown desc = ...`` with the code as gRPC writes it."""
    words = "".join(word.capitalize() for word in status.name.split("_"))
    return f"rpc error: code = {words} desc = {message}"


def unavailable(where: str, why: str) -> CommandError:
    """The error for a daemon that cannot be reached."""
    advice = "is gobgpd running there? (see --host, --port and --target)"
    return CommandError(
        rpc_error_text(Status.UNAVAILABLE, f"connection error: {where}: {why}; {advice}")
    )


def _reason(error: OSError | None) -> str:
    """What the system says, without the address that asyncio adds to it."""
    if error is None:
        return f"no answer in {CONNECT_TIMEOUT_S:.0f} s"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _find_daemon(settings: Settings) -> tuple[Callable[[], Channel], str]:
    """What makes a channel to the daemon, and where it leads as text.

    ``unix:///run/gobgpd.sock`` and ``unix:run/gobgpd.sock`` are sockets, the second relative to
    the working directory; any other target is ``host:port``.
    """
    target = settings.target
    if target.startswith("unix:"):
        path = target.removeprefix("unix://" if target.startswith("unix://") else "unix:")
        return partial(Channel, path=path), f"socket {path}"
    host, port = settings.host, settings.port
    if target:
        name, _, number = target.rpartition(":")
        if not name or not number.isdecimal() or int(number) > 65535:
            raise CommandError(f"wanted a target like unix:///path or host:port, found {target!r}")
        host, port = name.strip("[]"), int(number)
    shown = f"[{host}]" if ":" in host else host
    return partial(Channel, host, port), f"{shown}:{port}"
