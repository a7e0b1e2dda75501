"""Route writes as sends: packing before, matching of errors after; no Trio in here.

Why it exists: a quarter of a million routes a second needs hundreds of messages a send and one
acknowledgement for them all.  The kernel works through a send before ``send`` returns and stops at
no error, so afterwards the receive buffer holds one NLMSG_ERROR per refused route and, last, the
acknowledgement of the end marker.  If that is missing, replies were lost.

How many errors fit decides how long a send may be.  Measured with every message of it refused:
with the 4 MiB we ask for (SO_RCVBUFFORCE) 10,082 errors survive, with the 208 KiB that a process
without CAP_NET_ADMIN gets by default 512; so 256 fit either way.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import strerror

from gobgp_trio.daemon.netlink_port import NetlinkPort
from gobgp_trio.rtnl.nlmsg import (
    NLMSG_ERROR,
    ExtendedAck,
    read_error,
    read_messages,
)
from gobgp_trio.rtnl.route_batch import RouteAction, RouteFailure, RouteWrite, write_end_marker
from gobgp_trio.types.family import Family

MESSAGES_PER_SEND = 256
# A send must fit the socket's send buffer; multipath routes with many legs get there first.
SEND_OCTETS = 128 << 10
FIRST_SEQ = 1
STRIDE = 64
STRIDES_FROM_COUNT = 4096


class OutcomeUnknown(Exception):
    """Replies were lost or never came: what the kernel holds is known again after a dump."""


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive messages of a send: these routes of one write."""

    first_seq: int
    write_index: int
    nlris: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Send:
    """A buffer for one ``send``, and whose sequence number is whose."""

    octets: bytes
    end_seq: int
    spans: list[Span]

    def find_route(self, seq: int) -> tuple[int, bytes]:
        """The write's index and the NLRI that a sequence number of this send stands for."""
        span = self.spans[bisect_right(self.spans, seq, key=lambda s: s.first_seq) - 1]
        return span.write_index, span.nlris[seq - span.first_seq]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply: which message of which send, and why."""

    send: Send
    seq: int
    errno: int
    ext_ack: ExtendedAck


class _Packing:
    """The send that is being filled."""

    def __init__(self, first_seq: int) -> None:
        self.seq = first_seq
        self._first_seq = first_seq
        self._parts: list[bytes] = []
        self._spans: list[Span] = []
        self._octets_count = 0

    def room(self, message_octets: int) -> int:
        """How many more messages of this length it takes; at least one when it is empty."""
        room = min(
            MESSAGES_PER_SEND - (self.seq - self._first_seq),
            (SEND_OCTETS - self._octets_count) // message_octets,
        )
        return room if self._parts else max(room, 1)

    def take(self, write: RouteWrite, write_index: int, nlris: Sequence[bytes]) -> None:
        octets = write.template.encode(write.action, nlris, self.seq)
        self._parts.append(octets)
        self._spans.append(Span(self.seq, write_index, nlris))
        self._octets_count += len(octets)
        self.seq += len(nlris)

    def finish(self) -> Send:
        marker = write_end_marker(self.seq)
        return Send(b"".join(self._parts) + marker, self.seq, self._spans)

    @property
    def is_empty(self) -> bool:
        return not self._parts


def pack_sends(writes: Sequence[RouteWrite]) -> Iterator[Send]:
    """The writes in order, as sends that are as long as they may be.

    Sequence numbers start over with each call: all replies to one call are read before the next.
    """
    packing = _Packing(FIRST_SEQ)
    for index, write in enumerate(writes):
        nlris = _order(write)
        start, left_count = 0, len(nlris)
        while left_count:
            count = min(left_count, packing.room(write.template.message_octets_limit))
            if count <= 0:
                yield packing.finish()
                packing = _Packing(packing.seq + 1)
                continue
            packing.take(write, index, nlris[start : start + count])
            start += count
            left_count -= count
    if not packing.is_empty:
        yield packing.finish()


def _order(write: RouteWrite) -> Sequence[bytes]:
    """The routes of a write in the order that the kernel does fastest.

    Removing neighbours one after the other makes the kernel's IPv4 trie shrink and rebuild the
    same nodes again and again; in strides it takes half the time, measured with 200,000 routes.
    Neither creating them nor anything IPv6 gains by it.
    """
    if (
        write.action is not RouteAction.DELETE
        or write.template.family is not Family.IPV4_UNICAST
        or len(write.nlris) < STRIDES_FROM_COUNT
    ):
        return write.nlris
    return [nlri for first in range(STRIDE) for nlri in write.nlris[first::STRIDE]]


def run_sends(port: NetlinkPort, sends: Sequence[Send]) -> list[Refusal]:
    """Carry out sends one after the other; what the kernel refused comes back.

    Blocks while the kernel works, so it is for a worker thread.

    Raises:
        OutcomeUnknown: the kernel took no more, or replies are missing.
    """
    refusals: list[Refusal] = []
    try:
        for send in sends:
            port.send(send.octets)
            _collect_replies(port, send, refusals)
    except OSError as loss:
        # BlockingIOError: the end marker's reply is not there, so it was dropped; ENOBUFS says so.
        _drain(port)
        raise OutcomeUnknown(f"write of routes: {loss.strerror}") from None
    return refusals


def _collect_replies(port: NetlinkPort, send: Send, refusals: list[Refusal]) -> None:
    """Read replies up to the end marker's."""
    while True:
        for message in read_messages(port.receive_nowait()):
            if message.type != NLMSG_ERROR:
                continue
            errno, ext_ack = read_error(message)
            if message.seq == send.end_seq:
                return
            refusals.append(Refusal(send, message.seq, errno, ext_ack))


def _drain(port: NetlinkPort) -> None:
    """Throw away what is left of a failed conversation, so that the next starts clean."""
    while True:
        try:
            port.receive_nowait()
        except BlockingIOError:
            return
        except OSError:
            continue  # ENOBUFS is reported once per loss; the datagrams before it are still there


def read_failures(refusals: Sequence[Refusal]) -> list[RouteFailure]:
    """Which routes the refusals are about."""
    failures = []
    for refusal in refusals:
        write_index, nlri = refusal.send.find_route(refusal.seq)
        text = refusal.ext_ack.text or strerror(refusal.errno)
        failures.append(RouteFailure(write_index, nlri, refusal.errno, text))
    return failures
