"""grpclib's server inside our Trio program: the one module of the daemon that knows asyncio.

An asyncio loop runs in one Trio task (``trio_asyncio``) and serves HTTP/2 on the API's sockets.  A
call is handled in that loop; what it does is a ``Method`` (``service``), a plain function, or a
Trio function that is awaited across the border.

Rules:
    A bug in a method ends that call with INTERNAL and is reported once; nothing else notices.
    An RPC without a method is refused by name.
    A stream lets the rest of the daemon run after every piece.  Its pieces are framed messages, so
    that a DATA frame is filled however small the messages are; grpclib sends one by one.
    A client that goes away ends its calls; their generators are closed.
"""

import asyncio
import errno
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakSet

import trio
import trio_asyncio
from grpclib.const import Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream

from gobgp_trio.api.codec import ApiCodec
from gobgp_trio.api.pb.api import GoBgpServiceBase
from gobgp_trio.api.service.method import Method, RpcError, Streaming, Unary
from gobgp_trio.api.wire import MalformedMessage

DEFAULT_PORT = 50051
BACKLOG = 128

# Told of a bug: the RPC's name, or where else it happened, and the exception.
OnCrash = Callable[[str, BaseException], None]


class ApiAddressError(Exception):
    """The API cannot listen where it was told to; the text says where and why, in one line."""


# --- sockets -------------------------------------------------------------------------------------


def open_listeners(targets: Sequence[str]) -> list[socket.socket]:
    """Listening sockets for ``host:port``, ``[address]:port``, ``:port`` and ``unix:///path``.

    ``:port`` listens on every address.  A unix socket that nobody listens on any more is replaced.

    Raises:
        ApiAddressError: a target makes no sense, is taken, or may not be used; nothing is open.
    """
    listeners: list[socket.socket] = []
    try:
        for target in targets:
            if target.startswith("unix:"):
                listeners.append(_open_unix(target))
            else:
                listeners += _open_tcp(target)
    except BaseException:
        close_listeners(listeners)
        raise
    return listeners


def close_listeners(listeners: Sequence[socket.socket]) -> None:
    """Close the sockets, which must be open, and remove those that are files."""
    _close(listeners, _socket_files(listeners))


def _socket_files(listeners: Sequence[socket.socket]) -> list[Path]:
    return [
        Path(listener.getsockname()) for listener in listeners if listener.family == socket.AF_UNIX
    ]


def _close(listeners: Sequence[socket.socket], files: Sequence[Path]) -> None:
    for listener in listeners:
        listener.close()
    for file in files:
        file.unlink(missing_ok=True)


def _open_tcp(target: str) -> list[socket.socket]:
    host, _, port_text = target.rpartition(":")
    if not port_text.isdecimal() or int(port_text) > 0xFFFF:
        raise ApiAddressError(f"wanted an API address like 127.0.0.1:50051, found {target!r}")
    try:
        found = socket.getaddrinfo(
            host.strip("[]") or None,
            int(port_text),
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except OSError as error:
        raise _refused(target, error) from None
    listeners: list[socket.socket] = []
    for family, kind, protocol, _, address in found:
        try:
            listener = socket.socket(family, kind, protocol)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT and len(found) > 1:
                continue
            raise _refused(target, error) from None
        listeners.append(listener)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            close_listeners(listeners)
            raise _refused(target, error) from None
    return listeners


def _open_unix(target: str) -> socket.socket:
    path = target.removeprefix("unix://" if target.startswith("unix://") else "unix:")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead_socket(path)
        listener.bind(path)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _refused(target, error) from None
    return listener


def _remove_dead_socket(path: str) -> None:
    """Remove what an earlier run left; a socket with a listener makes ``bind`` say so."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)


def _refused(target: str, error: OSError) -> ApiAddressError:
    return ApiAddressError(f"the API cannot listen on {target}: {error.strerror or error}")


# --- calls ---------------------------------------------------------------------------------------


class _Calls:
    """Every RPC of the service for grpclib, with our methods behind them."""

    def __init__(self, methods: Mapping[str, Method], on_crash: OnCrash) -> None:
        self._methods = methods
        self._on_crash = on_crash

    def __mapping__(self) -> dict[str, Handler]:
        published = GoBgpServiceBase().__mapping__()
        return {
            path: Handler(
                self._make_handler(path.rpartition("/")[2]),
                handler.cardinality,
                handler.request_type,
                bytes,
            )
            for path, handler in published.items()
        }

    def _make_handler(self, name: str) -> Callable[[Stream[Any, bytes]], Awaitable[None]]:
        method = self._methods.get(name)

        async def handle(stream: Stream[Any, bytes]) -> None:
            if method is None:
                raise GRPCError(Status.UNIMPLEMENTED, f"method {name} not implemented")
            try:
                await _handle(method, stream)
            except GRPCError:
                raise
            except RpcError as refusal:
                raise GRPCError(refusal.status, str(refusal)) from None
            except MalformedMessage as error:
                raise GRPCError(Status.INTERNAL, f"malformed request: {error}") from None
            except Exception as error:  # noqa: BLE001  # a bug ends this call, not the daemon
                self._on_crash(name, error)
                text = f"{name} failed inside gobgpd: {type(error).__name__}; its log has more"
                raise GRPCError(Status.INTERNAL, text) from None

        return handle


async def _handle(method: Method, stream: Stream[Any, bytes]) -> None:
    request = await stream.recv_message()
    if request is None:
        raise RpcError("nil request")
    if isinstance(method, Streaming):
        await _send_pieces(method, request, stream)
    elif isinstance(method, Unary):
        await stream.send_message(bytes(method.call(request)))
    else:
        await stream.send_message(bytes(await trio_asyncio.trio_as_aio(method.call)(request)))


async def _send_pieces(method: Streaming, request: Any, stream: Stream[Any, bytes]) -> None:
    with closing(method.call(request)) as pieces:
        await stream.send_initial_metadata()
        for piece in pieces:
            if piece:
                # send_message() frames one message; ours are framed already, many in a piece
                await stream._stream.send_data(piece)  # noqa: SLF001  # no public way to send more
            await asyncio.sleep(0)


# --- serving -------------------------------------------------------------------------------------


class _ApiServer(Server):
    """grpclib's server, able to end the connections that are open when it is closed."""

    def __init__(self, calls: _Calls) -> None:
        super().__init__([calls], codec=ApiCodec())
        self._protocols: WeakSet[H2Protocol] = WeakSet()

    def _protocol_factory(self) -> H2Protocol:
        protocol = super()._protocol_factory()
        self._protocols.add(protocol)
        return protocol

    def close_all(self) -> None:
        """Listen no more and end every connection, its calls included."""
        self.close()
        for protocol in self._protocols:
            processor = getattr(protocol, "processor", None)  # there once it is connected
            if processor is not None:
                processor.close("gobgpd ends")


class _LibraryLog(logging.Handler):
    """Hands on what grpclib and asyncio log as errors; they know no other way to tell."""

    def __init__(self, on_crash: OnCrash) -> None:
        super().__init__(logging.ERROR)
        self._on_crash = on_crash

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._on_crash(record.name, error or RuntimeError(record.getMessage()))


async def run_api(
    listeners: Sequence[socket.socket],
    methods: Mapping[str, Method],
    on_crash: OnCrash,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Serve the API until cancelled; started when calls are answered.

    Takes the sockets of ``open_listeners`` over and closes them.

    Args:
        methods: by the name of the RPC.
    """
    files = _socket_files(listeners)
    log_handler = _LibraryLog(on_crash)
    loggers = [logging.getLogger(name) for name in ("grpclib", "asyncio", "trio-asyncio")]
    for logger in loggers:
        logger.addHandler(log_handler)
    try:
        async with trio_asyncio.open_loop() as loop:
            loop.set_exception_handler(_make_exception_handler(on_crash))
            await trio_asyncio.aio_as_trio(_serve)(
                listeners, _Calls(methods, on_crash), task_status
            )
    finally:
        for logger in loggers:
            logger.removeHandler(log_handler)
        _close(listeners, files)
    raise AssertionError("the API is served until it is cancelled")


def _make_exception_handler(
    on_crash: OnCrash,
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        on_crash("API connection", context.get("exception") or RuntimeError(context["message"]))

    return handle


async def _serve(
    listeners: Sequence[socket.socket], calls: _Calls, task_status: trio.TaskStatus[None]
) -> None:
    servers: list[_ApiServer] = []
    try:
        for listener in listeners:
            server = _ApiServer(calls)
            await server.start(sock=listener)
            servers.append(server)
        task_status.started()
        await asyncio.get_running_loop().create_future()
    finally:
        for server in servers:
            server.close_all()
