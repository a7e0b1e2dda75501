"""What neighbours need of the listening sockets: their passwords, and the segment size.

A connection has these from its first packet on, before anybody has accepted it, so they are set
where it arrives.  Rules:

- A password is for the neighbour's address on every listening socket of its family.  Where it
  cannot be set, no connection of that neighbour is accepted: it would be unprotected.
- The kernel has one segment size for all connections of a listening socket: the smallest that a
  neighbour of the family is configured with.
- Connections leave with TTL 255 until they are accepted; TTL security on the far side asks for it.
"""

from collections.abc import Iterable, Sequence

import structlog
import trio

from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.socket_options import (
    GTSM_TTL,
    OptionSocket,
    keep_syn,
    set_mss,
    set_password,
    set_ttl,
)
from gobgp_trio.daemon.transport import format_os_error

log = structlog.get_logger()


class Listening:
    """All listening sockets, as neighbours come and go."""

    def __init__(self, sockets: Sequence[OptionSocket]) -> None:
        self._sockets = sockets
        self._neighbors: dict[str, Neighbor] = {}
        self._unprotected: set[str] = set()
        for sock in sockets:
            keep_syn(sock)
            set_ttl(sock, GTSM_TTL)

    def admit(self, name: str, neighbor: Neighbor, network: str = "") -> None:
        """A neighbour, or all that a network may hold, may connect from now on.

        Args:
            name: for ``dismiss``; its address, or its network.
            network: ``192.0.2.0/24`` where ``neighbor`` is what several are like.
        """
        self._neighbors[name] = neighbor
        if neighbor.sockets.password:
            self._set_password(name, network or neighbor.address, neighbor.sockets.password)
        self._limit_segments()

    def dismiss(self, name: str) -> None:
        """The neighbour is gone; connections that it still has stay as they are."""
        neighbor = self._neighbors.pop(name, None)
        if neighbor is None:
            return
        self._unprotected.discard(name)
        others = {_bare(other) for other, kept in self._neighbors.items() if kept.sockets.password}
        if neighbor.sockets.password and _bare(name) not in others:
            self._set_password(name, _bare(name), "")
            self._unprotected.discard(name)
        self._limit_segments()

    def is_protected(self, name: str) -> bool:
        """Whether this neighbour's connections are held against its password, if it has one."""
        return name not in self._unprotected

    def _set_password(self, name: str, network: str, password: str) -> None:
        try:
            for sock in self._of_family(network):
                set_password(sock, network, password)
        except OSError as error:
            self._unprotected.add(name)
            log.error(
                "cannot set the password of a neighbor, its connections are not accepted",
                peer=name,
                error=format_os_error(error),
            )

    def _limit_segments(self) -> None:
        for sock in self._sockets:
            sizes = [
                neighbor.sockets.mss_octets
                for name, neighbor in self._neighbors.items()
                if neighbor.sockets.mss_octets and sock in self._of_family(name)
            ]
            set_mss(sock, min(sizes, default=0))

    def _of_family(self, name: str) -> Iterable[OptionSocket]:
        """The sockets that a neighbour's connections may arrive at."""
        is_ipv6 = ":" in name or name.startswith("%")
        family = trio.socket.AF_INET6 if is_ipv6 else trio.socket.AF_INET
        return [sock for sock in self._sockets if sock.family == family]


def _bare(name: str) -> str:
    """An address without its scope; the kernel keeps passwords without."""
    return name.partition("%")[0]
