"""The sockets peers connect to.

Rules: one socket per configured address, IPv6 ones for IPv6 alone, so that ``0.0.0.0`` and ``::``
live side by side.  A host without IPv6 does without the ``::`` socket; any other address or port
that cannot be had is an error for the operator, in one line.
"""

import errno
import socket
from collections.abc import Callable, Sequence
from typing import NoReturn

import structlog
import trio

from gobgp_trio.daemon.socket_options import bind_to_interface
from gobgp_trio.daemon.transport import TcpTransport, Transport, find_sockaddr, format_os_error

BACKLOG_COUNT = 128
ACCEPT_PAUSE_S = 0.1

# Accepting failed because of this one connection, which is gone (accept(2)).
_LOST_CONNECTION = frozenset(
    {
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENONET,
        errno.ENOPROTOOPT,
        errno.EPERM,
        errno.EPROTO,
    }
)

_REMEDIES = {
    errno.EADDRINUSE: "stop the other BGP daemon, or set another global.config.port",
    errno.EADDRNOTAVAIL: "give the host this address, or change global.config.local-address-list",
    errno.ENODEV: "set another global.config.bind-to-device",
    errno.EACCES: "run as root or with CAP_NET_BIND_SERVICE, or set global.config.port above 1023",
}

log = structlog.get_logger()


class ListenRefused(Exception):
    """A listening socket cannot be had; the text is for the operator, on one line."""


def open_listeners(
    addresses: Sequence[str], port: int, interface: str = ""
) -> list[trio.SocketListener]:
    """Listen on each address (of one interface if named); on none when ``port`` is negative.

    Raises:
        ListenRefused: says what was wanted, what was found, and what to do; nothing stays open.
    """
    listeners: list[trio.SocketListener] = []
    if port < 0:
        return listeners
    try:
        for address in addresses:
            listener = _open_listener(address, port, interface)
            if listener is not None:
                listeners.append(listener)
    except ListenRefused:
        for opened in listeners:
            opened.socket.close()
        raise
    return listeners


def _open_listener(address: str, port: int, interface: str) -> trio.SocketListener | None:
    """One listening socket, None for ``::`` on a host without IPv6."""
    is_any_ipv6 = address == "::"
    sock = None
    try:
        family, sockaddr = find_sockaddr(address, port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if interface:
            bind_to_interface(sock, interface)
        sock.bind(sockaddr)
        sock.listen(BACKLOG_COUNT)
        sock.setblocking(False)
        return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except OSError as error:
        if sock is not None:
            sock.close()
        if is_any_ipv6 and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            log.info("not listening on ::, this host has no IPv6")
            return None
        raise ListenRefused(_explain(error, address, port, interface)) from error


def _explain(error: OSError, address: str, port: int, interface: str) -> str:
    found = format_os_error(error).lower()
    if interface:
        address = f"interface {interface}, {address}"
    remedy = _REMEDIES.get(error.errno or 0, "check global.config.local-address-list")
    return f"wanted to listen on {address} port {port}, found: {found}; {remedy}"


async def run_listener(
    listener: trio.SocketListener, accept: Callable[[Transport], None]
) -> NoReturn:
    """Hand every connection to ``accept`` until cancelled, then close the socket."""
    async with listener:
        while True:
            try:
                sock, _ = await listener.socket.accept()
            except OSError as error:
                if error.errno not in _LOST_CONNECTION:  # out of descriptors or memory
                    log.warning("cannot accept connections for now", error=format_os_error(error))
                    await trio.sleep(ACCEPT_PAUSE_S)
                continue
            try:
                transport = TcpTransport(sock)
            except OSError:  # reset already: it has no far end any more
                sock.close()
                continue
            accept(transport)
