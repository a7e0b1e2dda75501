"""TCP as a peer uses it: dialling, and one small interface that tests can stand in for.

What sockets get set is in ``socket_options``, how an unnumbered peer is found in
``link_neighbors``.
"""

import ipaddress
import os
import select
import socket
from typing import Protocol

import trio

from gobgp_trio.bgp.session.negotiate import Endpoints
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.link_neighbors import find_link_neighbor
from gobgp_trio.daemon.socket_options import read_syn_ttl, set_options, set_password
from gobgp_trio.types.prefix import is_link_local


class Transport(Protocol):
    """One connection.  Every method that fails raises ``OSError``."""

    @property
    def ends(self) -> Endpoints:
        """Both addresses, and the interface of a link-local peer."""

    async def receive(self, max_octets: int) -> bytes:
        """What came in, at least one octet; ``b""`` when the peer has ended its side."""

    async def send_some(self, octets: memoryview) -> int:
        """Send what fits now, at least one octet, and say how many."""

    def has_octets_waiting(self) -> bool:
        """Whether ``receive`` would return at once."""

    def end_sending(self) -> None:
        """Tell the peer that nothing more comes."""

    def configure(self, neighbor: Neighbor) -> None:
        """Set what the configuration says of an accepted connection, or refuse it."""

    def close(self) -> None:
        """Close at once; harmless when closed."""


class TcpTransport:
    """A connected TCP socket."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        local, remote = sock.getsockname(), sock.getpeername()
        self._ends = Endpoints(_octets(local), _octets(remote), _scope(remote))

    @property
    def ends(self) -> Endpoints:
        return self._ends

    async def receive(self, max_octets: int) -> bytes:
        return await self._socket.recv(max_octets)

    async def send_some(self, octets: memoryview) -> int:
        return await self._socket.send(octets)

    def has_octets_waiting(self) -> bool:
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def end_sending(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def configure(self, neighbor: Neighbor) -> None:
        set_options(self._socket, neighbor)
        ttl_min = neighbor.sockets.ttl_min
        ttl = read_syn_ttl(self._socket) if ttl_min is not None else None
        if ttl_min is not None and ttl is not None and ttl < ttl_min:
            raise OSError(f"wanted a connection with TTL {ttl_min} or more, found TTL {ttl}")

    def close(self) -> None:
        self._socket.close()


async def dial_tcp(neighbor: Neighbor) -> Transport:
    """Connect to a neighbour from its configured local address.

    Raises:
        OSError: refused, unreachable, no such local address or interface ...
    """
    remote = neighbor.address
    if neighbor.unnumbered_interface:
        remote = await find_link_neighbor(neighbor.unnumbered_interface)
    family, address = find_sockaddr(remote, neighbor.remote_port)
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        set_options(sock, neighbor)
        if neighbor.sockets.password:
            set_password(sock, remote, neighbor.sockets.password)
        if neighbor.local_address or neighbor.sockets.local_port:
            await _bind(sock, neighbor, remote)
        await sock.connect(address)
        return TcpTransport(sock)
    except BaseException:
        sock.close()
        raise


async def _bind(sock: trio.socket.SocketType, neighbor: Neighbor, remote: str) -> None:
    local = neighbor.local_address or ("::" if sock.family == socket.AF_INET6 else "0.0.0.0")
    if ":" in local and "%" not in local and ipaddress.ip_address(local).is_link_local:
        local += "%" + remote.partition("%")[2]
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the last session's port
    await sock.bind(find_sockaddr(local, neighbor.sockets.local_port)[1])


def find_sockaddr(address: str, port: int) -> tuple[socket.AddressFamily, tuple[str | int, ...]]:
    """The socket family and address of ``"192.0.2.1"``, ``"2001:db8::1"`` or ``"fe80::1%eth0"``.

    Raises:
        OSError: the text is no address, or its interface does not exist.
    """
    text, _, interface = address.partition("%")
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise OSError(f"wanted an IP address, found {address!r}") from None
    if parsed.version == 4:
        return socket.AF_INET, (text, port)
    scope = socket.if_nametoindex(interface) if interface else 0
    return socket.AF_INET6, (text, port, 0, scope)


def name_of_address(address: str) -> str:
    """An address as peers are looked up by: canonical text, with the scope of a link-local one.

    Raises:
        ValueError: the text is no address.
    """
    text, _, interface = address.partition("%")
    if interface and not text:  # whoever is at the other end of the interface
        return address
    parsed = ipaddress.ip_address(text)
    return f"{parsed}%{interface}" if interface else str(parsed)


def name_of_remote(ends: Endpoints) -> str:
    """The far end of a connection as peers are looked up by (see ``name_of_address``)."""
    text = str(ipaddress.ip_address(ends.remote_address))
    if ends.interface_index == 0:
        return text
    try:
        return f"{text}%{socket.if_indextoname(ends.interface_index)}"
    except OSError:  # the interface went away meanwhile: nobody is configured behind it
        return text


def format_os_error(error: OSError) -> str:
    """What went wrong, without the addresses that Trio and the system put around it."""
    return os.strerror(error.errno) if error.errno else str(error)


def _octets(address: tuple[str, int]) -> bytes:
    return ipaddress.ip_address(address[0].partition("%")[0]).packed


def _scope(address: tuple[str, int] | tuple[str, int, int, int]) -> int:
    """The interface of a link-local address, 0 for any other."""
    if len(address) == 4 and is_link_local(_octets(address[:2])):
        return address[3]
    return 0
