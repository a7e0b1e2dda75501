"""The BGP speaker that measures: sends a table at once, counts what comes back, keeps the session.

One thread reads; whoever measures sends from its own.  Between two messages of the daemon the
largest gap is kept: with the hold time asked for here it should send a KEEPALIVE every second, so
what is above that is how long it was deaf.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from harness.namespace import Namespace
from harness.wait import pause
from scripts.bench_lib.counting import PeerEnded, StreamCounter
from scripts.bench_lib.feed import HEADER_OCTETS, KEEPALIVE, OPEN, encode_message, encode_open

HOLD_TIME_S = 3
KEEPALIVE_INTERVAL_S = HOLD_TIME_S / 3
SOCKET_BUFFER_OCTETS = 4 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
READ_OCTETS = 1 << 20
BGP_PORT = 179
CONNECT_TIMEOUT_S = 15.0


class Session:
    """An established session on a connected socket.

    Raises:
        PeerEnded: (when made) the daemon refused the session.
        TimeoutError: (when made) it did not answer in time.
    """

    def __init__(
        self,
        connection: socket.socket,
        asn: int,
        router_id: str,
        family: int,
        timeout_s: float,
        hold_time_s: int = HOLD_TIME_S,
    ) -> None:
        self.counter = StreamCounter()
        self.ended = ""
        self.largest_gap_s = 0.0
        self._socket = connection
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._changed_s = 0.0
        self._last_message_s = time.monotonic()
        self._is_closing = False
        connection.settimeout(timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
            try:
                connection.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_OCTETS)
            except PermissionError:  # not root: the default size must do
                break
        connection.sendall(encode_open(asn, hold_time_s, router_id, family))
        rest = self._await(OPEN, b"")
        connection.sendall(encode_message(KEEPALIVE))
        rest = self._await(KEEPALIVE, rest)
        connection.settimeout(None)
        self._thread = threading.Thread(target=self._run_reader, args=(rest,), daemon=True)
        self._thread.start()

    def _await(self, kind: int, rest: bytes) -> bytes:
        """Read until a message of this kind has come; returns the octets behind it."""
        while True:
            length = int.from_bytes(rest[16:18], "big")
            if len(rest) >= HEADER_OCTETS and len(rest) >= length:
                found, rest = rest[:length], rest[length:]
                if found[18] == kind:
                    return rest
                StreamCounter().feed(found)  # raises for a NOTIFICATION
                continue
            octets = self._socket.recv(READ_OCTETS)
            if not octets:
                raise PeerEnded("closed before the session came up")
            rest += octets

    def send(self, octets: bytes) -> float:
        """Send whole messages; returns when the first octet went (monotonic clock, seconds)."""
        with self._sending:
            start_s = time.monotonic()
            self._socket.sendall(octets)
        return start_s

    def start_counting(self, counter: StreamCounter | None = None) -> None:
        """Count from zero, with a counter of one's own perhaps, and measure gaps from now."""
        with self._changed:
            self.counter = counter or StreamCounter()
            self.largest_gap_s = 0.0
            self._last_message_s = time.monotonic()

    def wait_until(self, is_done: Callable[[StreamCounter], bool], timeout_s: float) -> float:
        """Wait for a count; returns when it was reached (monotonic clock, seconds).

        Raises:
            TimeoutError: it was not reached in time.
            PeerEnded: the session is down.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not is_done(self.counter):
                if self.ended:
                    raise PeerEnded(self.ended)
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    counter = self.counter
                    counts = f"{counter.announced} announced, {counter.withdrawn} withdrawn"
                    raise TimeoutError(f"after {timeout_s:.0f} s only {counts}")
                self._changed.wait(left_s)
            return self._changed_s

    def wait_ended(self, timeout_s: float) -> None:
        """Wait until the daemon has ended the session.

        Raises:
            TimeoutError: it has not in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.ended, timeout_s):
                raise TimeoutError(f"the session is still up after {timeout_s:.0f} s")

    def close(self) -> None:
        """End the session without a word."""
        self._is_closing = True
        with suppress(OSError):  # the daemon was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def reset(self) -> None:
        """End the connection with a RST."""
        self._is_closing = True
        self._thread.join(5)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _run_reader(self, octets: bytes) -> None:
        try:
            self._count(octets)
            sent_s = time.monotonic()
            while not self._is_closing:
                if select.select([self._socket], [], [], 0.1)[0]:
                    octets = self._socket.recv(READ_OCTETS)
                    if not octets:
                        raise PeerEnded("closed by the daemon")
                    self._count(octets)
                if time.monotonic() - sent_s >= KEEPALIVE_INTERVAL_S / 2:
                    sent_s = self._keep_alive(sent_s)
        except (PeerEnded, OSError) as error:
            with self._changed:
                self.ended = "" if self._is_closing else str(error)
                self._changed.notify_all()

    def _count(self, octets: bytes) -> None:
        now_s = time.monotonic()
        with self._changed:
            self.largest_gap_s = max(self.largest_gap_s, now_s - self._last_message_s)
            self._last_message_s = now_s
            self.counter.feed(octets)
            self._changed_s = now_s
            self._changed.notify_all()

    def _keep_alive(self, sent_s: float) -> float:
        """Send a KEEPALIVE unless a table is being sent, which serves as well."""
        if not self._sending.acquire(blocking=False):
            return sent_s
        try:
            self._socket.sendall(encode_message(KEEPALIVE))
        finally:
            self._sending.release()
        return time.monotonic()


def connect(
    space: Namespace,
    ends: tuple[str, str],
    asn: int,
    router_id: str,
    family: int,
    hold_time_s: int = HOLD_TIME_S,
) -> Session:
    """A session between two addresses, ours first, tried until the daemon takes it.

    Raises:
        OSError, PeerEnded: it did not in time.
    """
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        connection = space.open_socket(kind, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.bind((ends[0], 0))
            connection.connect((ends[1], BGP_PORT))
            return Session(connection, asn, router_id, family, CONNECT_TIMEOUT_S, hold_time_s)
        except (OSError, PeerEnded):
            connection.close()
            if time.monotonic() > deadline_s:
                raise
        pause(0.1)
