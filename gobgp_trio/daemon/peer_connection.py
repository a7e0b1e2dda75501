"""One TCP connection of a peer: a task that reads and a task that writes.

Rules:

- One task owns sending, so that messages never interleave.  Between two sends of UPDATEs whatever
  the session wants sent (KEEPALIVE, NOTIFICATION ...) goes first; UPDATEs are taken from the tables
  only when they can be sent, so a slow peer costs no memory.
- The reader hands UPDATEs to the tables in slices that are sized by the time the last one took,
  and lets other tasks run after each: no buffer, however large, holds the loop for long.
- While the reader has octets it has not looked at, or the socket has, the peer is not dead, it is
  us who are slow (``has_octets_waiting``): the hold timer asks before it fires.
- After a NOTIFICATION the connection ends politely: end of stream, then what the peer still sends
  is read and dropped for a moment.  A close with unread octets would reset the connection, and the
  peer might never see the NOTIFICATION.
"""

from collections import deque
from time import perf_counter
from typing import Protocol

import trio

from gobgp_trio.bgp.attr import AttrFault
from gobgp_trio.bgp.context import MAX_MESSAGE_OCTETS
from gobgp_trio.bgp.message import HEADER_OCTETS, KEEPALIVE_MESSAGE, UPDATE, split_messages
from gobgp_trio.bgp.session.outputs import DownCause
from gobgp_trio.bgp.update import Update, UpdateDecoder
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.daemon.peer_link import PeerLink
from gobgp_trio.daemon.peer_stats import PeerStats
from gobgp_trio.daemon.transport import Transport, format_os_error

RECEIVE_OCTETS = 65536
SEND_OCTETS = 65536
SLICE_S = 0.003
MIN_SLICE_OCTETS = 4096
FIRST_SLICE_OCTETS = 8192
MAX_SLICE_OCTETS = 65536
FAREWELL_S = 1.0
LINGER_S = 0.5


class ConnectionEvents(Protocol):
    """What a connection tells its peer; none of these waits."""

    def on_message(self, number: int, kind: int, body: bytes) -> None:
        """A message came in; for UPDATEs one call (with no body) stands for several."""

    def on_fault(self, number: int, fault: PeerFault) -> None:
        """The peer broke the protocol."""

    def on_attribute_fault(self, number: int, fault: AttrFault) -> None:
        """An UPDATE had an error that did not end the session (RFC 7606)."""

    def on_closed(self, number: int, text: str, cause: DownCause) -> None:
        """The connection is gone."""

    def on_sent(self, number: int) -> None:
        """The peer took some octets."""


class PeerConnection:
    """Carries messages between one socket, the session and the tables.

    Attributes:
        number: its name in the session.
        is_closing: ``close`` was called; nothing more is read.
    """

    def __init__(
        self, number: int, transport: Transport, events: ConnectionEvents, stats: PeerStats
    ) -> None:
        self.number = number
        self.is_closing = False
        self._transport = transport
        self._events = events
        self._stats = stats
        self._urgent: deque[bytes] = deque()
        self._decoder: UpdateDecoder | None = None
        self._max_message_octets = MAX_MESSAGE_OCTETS
        self._link: PeerLink | None = None
        self._has_link = trio.Event()
        self._is_reading_behind = False
        self._has_said_farewell = False
        self._slice_octets = FIRST_SLICE_OCTETS
        self._reader_scope = trio.CancelScope()
        self._writer_scope = trio.CancelScope()
        self._nap = trio.CancelScope()

    # --- called by the peer, none of them waits ------------------------------

    def send(self, octets: bytes) -> None:
        """Send a whole message before any UPDATE that waits.

        A KEEPALIVE behind another one that could not be sent yet would say nothing new.
        """
        if octets == KEEPALIVE_MESSAGE and octets in self._urgent:
            return
        self._urgent.append(octets)
        self._nap.cancel()

    def expect_updates(self, decoder: UpdateDecoder, max_message_octets: int) -> None:
        """The session is established; UPDATEs wait until there is a link."""
        self._decoder = decoder
        self._max_message_octets = max_message_octets

    def attach(self, link: PeerLink) -> None:
        """Exchange UPDATEs with the tables from now on."""
        self._link = link
        self._has_link.set()
        self._nap.cancel()

    def close(self) -> None:
        """Read nothing more, send what ``send`` was given, then close; within a second or two."""
        if self.is_closing:
            return
        self.is_closing = True
        self._has_said_farewell = bool(self._urgent)
        self._reader_scope.cancel()
        self._writer_scope.deadline = trio.current_time() + FAREWELL_S
        self._nap.cancel()

    def has_octets_waiting(self) -> bool:
        """Whether the peer has sent something that we have not looked at yet."""
        return self._is_reading_behind or self._transport.has_octets_waiting()

    # --- the two tasks -------------------------------------------------------

    async def run(self) -> None:
        """Read and write until ``close``."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_reader)
                nursery.start_soon(self._run_writer)
            if self._has_said_farewell and not self._writer_scope.cancelled_caught:
                await self._linger()
        finally:
            self._transport.close()

    async def _run_reader(self) -> None:
        buffer = bytearray()
        with self._reader_scope:
            while not self.is_closing:
                try:
                    octets = await self._transport.receive(RECEIVE_OCTETS)
                except OSError as error:
                    text = f"receiving failed: {format_os_error(error)}"
                    self._events.on_closed(self.number, text, DownCause.READ_FAILED)
                    return
                if not octets:
                    text = "the peer closed the connection"
                    self._events.on_closed(self.number, text, DownCause.READ_FAILED)
                    return
                buffer += octets
                self._is_reading_behind = True
                try:
                    await self._take_messages(buffer)
                except PeerFault as fault:
                    self._events.on_fault(self.number, fault)
                self._is_reading_behind = False

    async def _take_messages(self, buffer: bytearray) -> None:
        """Handle every whole message of the buffer.

        Raises:
            PeerFault: a header or an UPDATE is wrong beyond repair.
        """
        while messages := split_messages(buffer, self._max_message_octets):
            at = 0
            while at < len(messages):
                if self.is_closing:
                    return
                kind, body = messages[at]
                if kind == UPDATE and self._decoder is not None:
                    at = await self._take_updates(messages, at, self._decoder)
                    continue
                at += 1
                self._stats.count_received(kind)
                self._events.on_message(self.number, kind, body)

    async def _take_updates(
        self, messages: list[tuple[int, bytes]], at: int, decoder: UpdateDecoder
    ) -> int:
        """Hand a slice of consecutive UPDATEs to the tables; returns where the next one begins.

        Raises:
            PeerFault: an UPDATE is wrong beyond repair.
        """
        if not self._has_link.is_set():
            await self._has_link.wait()
        if self._link is None or self.is_closing:
            return len(messages)
        begun_s = perf_counter()
        taken_octets = 0
        updates: list[Update] = []
        while at < len(messages) and messages[at][0] == UPDATE:
            body = messages[at][1]
            at += 1
            self._stats.count_received(UPDATE)
            updates.append(decoder.read(body))
            taken_octets += HEADER_OCTETS + len(body)
            if taken_octets >= self._slice_octets:
                break
        for update in updates:
            for fault in update.faults:
                self._events.on_attribute_fault(self.number, fault)
        self._events.on_message(self.number, UPDATE, b"")
        self._link.apply(updates)
        self._size_slice(taken_octets, perf_counter() - begun_s)
        await trio.lowlevel.checkpoint()
        return at

    def _size_slice(self, taken_octets: int, took_s: float) -> None:
        """Aim the next slice at ``SLICE_S``, by what this one took."""
        fits_octets = int(taken_octets * SLICE_S / max(took_s, 1e-6))
        if taken_octets >= self._slice_octets or fits_octets < self._slice_octets:
            self._slice_octets = max(MIN_SLICE_OCTETS, min(fits_octets, MAX_SLICE_OCTETS))

    async def _run_writer(self) -> None:
        with self._writer_scope:
            while True:
                octets = self._take_octets()
                if octets:
                    try:
                        await self._send_all(octets)
                    except OSError as error:
                        text = f"sending failed: {format_os_error(error)}"
                        self._events.on_closed(self.number, text, DownCause.WRITE_FAILED)
                        return
                elif self.is_closing:
                    return
                else:
                    await self._wait_work()

    def _take_octets(self) -> bytes:
        """Whole messages to send next, ``b""`` when there is nothing."""
        if self._urgent:
            messages = list(self._urgent)
            self._urgent.clear()
            for message in messages:
                self._stats.count_sent(message[18])
            return b"".join(messages)
        if self.is_closing or self._link is None:
            return b""
        messages = self._link.take_outgoing(SEND_OCTETS)
        for message in messages:  # UPDATEs, and the marks of a route refresh
            self._stats.count_sent(message[18])
        return b"".join(messages)

    async def _send_all(self, octets: bytes) -> None:
        view = memoryview(octets)
        while view:
            view = view[await self._transport.send_some(view) :]
            self._events.on_sent(self.number)

    async def _wait_work(self) -> None:
        """Wait until ``send``, ``attach``, ``close`` or the tables bring something."""
        with trio.CancelScope() as self._nap:
            if self._link is None:
                await trio.sleep_forever()
            else:
                await self._link.wait_outgoing()

    async def _linger(self) -> None:
        """Give the peer a moment to read our last words."""
        with trio.move_on_after(LINGER_S):
            try:
                self._transport.end_sending()
                while await self._transport.receive(RECEIVE_OCTETS):
                    pass
            except OSError:  # it is over either way
                return
