"""A BGP peer made of the test's own octets, for what no real router can be told to send.

It waits for us to dial, and proposes hold time 0, so that nobody has to send keepalives.
"""

import socket
import struct

from harness.namespace import Namespace
from harness.wait import WaitedInVain

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
PORT = 179
TIMEOUT_S = 10.0

IPV4_UNICAST = bytes.fromhex("010400010001")
IPV6_UNICAST = bytes.fromhex("010400020001")
REFRESH = bytes.fromhex("0200")
EXTENDED_MESSAGE = bytes.fromhex("0600")
ENHANCED_REFRESH = bytes.fromhex("4600")


def four_octet_as(number: int) -> bytes:
    """The capability of RFC 6793."""
    return struct.pack("!BBI", 65, 4, number)


def open_body(as_number: int, router_id: str, parameters: bytes) -> bytes:
    """An OPEN's body; ``parameters`` with its length in front."""
    return struct.pack("!BHH", 4, as_number, 0) + socket.inet_aton(router_id) + parameters


def usual_parameters(*capabilities: bytes) -> bytes:
    """All capabilities in one optional parameter."""
    joined = b"".join(capabilities)
    return struct.pack("!BBB", len(joined) + 2, 2, len(joined)) + joined


class RawPeer:
    """One session at a time, accepted at an address of a namespace.

    Attributes:
        their_open: the body of the OPEN that came.
        updates: bodies of the UPDATEs that came, in order.
    """

    def __init__(self, space: Namespace, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = space.open_socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, PORT))
        self._listener.listen()
        self._listener.settimeout(TIMEOUT_S)
        self._connection: socket.socket | None = None
        self._buffer = b""
        self.their_open = b""
        self.updates: list[bytes] = []
        space.at_end(self.close)

    def establish(self, body: bytes) -> None:
        """Take the next connection and bring the session up with this OPEN."""
        if self._connection is not None:
            self._connection.close()
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(TIMEOUT_S)
        self._buffer = b""
        self.updates = []
        self.send(OPEN, body)
        self.their_open = self.wait_message(OPEN)
        self.send(KEEPALIVE)
        self.wait_message(KEEPALIVE)

    def send(self, kind: int, body: bytes = b"") -> None:
        assert self._connection is not None
        head = MARKER + struct.pack("!HB", 19 + len(body), kind)
        self._connection.sendall(head + body)

    def receive(self) -> tuple[int, bytes]:
        """The next message.

        Raises:
            TimeoutError: none came.
            ConnectionError: the session is over.
        """
        head = self._take(19)
        assert head[:16] == MARKER
        length, kind = struct.unpack("!HB", head[16:])
        return kind, self._take(length - 19)

    def wait_message(self, kind: int) -> bytes:
        """The body of the next message of a type; UPDATEs before it are kept in ``updates``."""
        while True:
            try:
                found, body = self.receive()
            except TimeoutError as error:
                raise WaitedInVain(f"message of type {kind} did not come") from error
            if found == UPDATE:
                self.updates.append(body)
            if found == kind:
                return body
            assert found in (UPDATE, KEEPALIVE), f"type {found}: {body.hex()}"

    def wait_update(self, octets: bytes) -> bytes:
        """The first UPDATE, of those before and to come, whose body has these octets in it."""
        for body in self.updates:
            if octets in body:
                return body
        while octets not in (body := self.wait_message(UPDATE)):
            pass
        return body

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._listener.close()

    def _take(self, count: int) -> bytes:
        assert self._connection is not None
        while len(self._buffer) < count:
            octets = self._connection.recv(65536)
            if not octets:
                raise ConnectionError("the session is over")
            self._buffer += octets
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken
