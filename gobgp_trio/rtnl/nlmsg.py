"""Netlink messages as octets: headers, attributes, errors with their extended acknowledgement.

Why it exists: the kernel's tables are read and written as ``nlmsghdr`` messages (RFC 3549,
``linux/netlink.h``), and everything else in this package is a layout on top of these few shapes.

Rules: host byte order, 4-octet alignment, and every length is checked before it is used.  What
the kernel could not have sent raises ``MalformedNetlink``, never ``struct.error``.  An absent
attribute is absent from the dictionary; zero is a value.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from errno import errorcode
from typing import NamedTuple

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSG_OVERRUN = 4
NLMSG_MIN_TYPE = 0x10

NLM_F_REQUEST = 0x01
NLM_F_MULTI = 0x02
NLM_F_ACK = 0x04
NLM_F_ECHO = 0x08
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP_FILTERED = 0x20
# The modifiers overlap: one set for GET requests, one for NEW, one for acknowledgements.
NLM_F_ROOT = 0x100
NLM_F_MATCH = 0x200
NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSGERR_ATTR_MSG = 1
NLMSGERR_ATTR_OFFS = 2

MAX_ERRNO = 4095  # linux/err.h

HEADER_OCTETS = 16
ATTRIBUTE_HEADER_OCTETS = 4
NLA_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")
_S32 = struct.Struct("=i")


class MalformedNetlink(Exception):
    """Octets that are no netlink message; the text says what was wanted and what was found."""


@dataclass(frozen=True, slots=True)
class ExtendedAck:
    """What the kernel says about a refusal beyond its errno (``NLMSGERR_ATTR_*``).

    ``offset_octets`` points at the offending attribute, counted from the request's header.
    """

    text: str = ""
    offset_octets: int | None = None


class KernelRefused(Exception):
    """The kernel answered a request with an errno; ``request`` says which request that was."""

    def __init__(self, errno: int, request: str, ext_ack: ExtendedAck) -> None:
        self.errno = errno
        self.request = request
        self.ext_ack = ext_ack
        detail = f" ({ext_ack.text})" if ext_ack.text else ""
        super().__init__(f"{request}: {errorcode.get(errno, errno)}{detail}")


class Message(NamedTuple):
    """One netlink message: the header's fields without the length, and what follows it."""

    type: int
    flags: int
    seq: int
    port_id: int
    body: bytes


def nlmsg_align(octets_count: int) -> int:
    """The next multiple of four (``NLMSG_ALIGN``; ``NLA_ALIGN`` is the same sum)."""
    return (octets_count + 3) & ~3


def walk_headers(datagram: bytes) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Each message of one datagram (``NLMSG_NEXT``) as (start, end, type, flags, seq, port id).

    Wire, per message: length (4, the header of 16 included), type (2), flags (2), sequence (4),
    port id (4), body, padding to four octets.

    Raises:
        MalformedNetlink: a header is cut short, or its length does not fit the datagram.
    """
    at, end = 0, len(datagram)
    unpack = _HEADER.unpack_from
    while at < end:
        if at + HEADER_OCTETS > end:
            raise MalformedNetlink(f"wanted a header of 16 octets at {at}, found {end - at}")
        length, kind, flags, seq, port_id = unpack(datagram, at)
        if length < HEADER_OCTETS or at + length > end:
            raise MalformedNetlink(f"wanted a length of 16 to {end - at} at {at}, found {length}")
        yield at, at + length, kind, flags, seq, port_id
        at += (length + 3) & ~3


def read_messages(datagram: bytes, *, skip_route_protocol: int | None = None) -> Iterator[Message]:
    """The messages of one datagram.

    Args:
        datagram: what one receive returned.
        skip_route_protocol: leave out RTM_NEWROUTE messages of this ``rtm_protocol``, without
            the cost of cutting them out: the kernel filters dumps for a protocol, not against it.

    Raises:
        MalformedNetlink: see ``walk_headers``.
    """
    # RTM_NEWROUTE is 24; rtm_protocol is the sixth octet of struct rtmsg.
    protocol_at = HEADER_OCTETS + 5
    for at, stop, kind, flags, seq, port_id in walk_headers(datagram):
        if (
            skip_route_protocol is None
            or kind != 24
            or stop - at <= protocol_at
            or datagram[at + protocol_at] != skip_route_protocol
        ):
            yield Message(kind, flags, seq, port_id, datagram[at + HEADER_OCTETS : stop])


def read_attributes(octets: bytes, at: int = 0) -> dict[int, bytes]:
    """The attributes from ``at`` to the end, payload by type (``NLA_NEXT``); the last one wins.

    Wire, per attribute: length (2, these four octets included), type (2, the upper two bits are
    flags and dropped), payload, padding to four octets.

    Raises:
        MalformedNetlink: a header is cut short, or its length does not fit.
    """
    attributes = {}
    end = len(octets)
    unpack = _ATTRIBUTE.unpack_from
    while at < end:
        if at + ATTRIBUTE_HEADER_OCTETS > end:
            raise MalformedNetlink(f"wanted an attribute at {at}, found {end - at} octets")
        length, kind = unpack(octets, at)
        if length < ATTRIBUTE_HEADER_OCTETS or at + length > end:
            raise MalformedNetlink(
                f"wanted an attribute length of 4 to {end - at} at {at}, found {length}"
            )
        attributes[kind & NLA_TYPE_MASK] = octets[at + ATTRIBUTE_HEADER_OCTETS : at + length]
        at += (length + 3) & ~3
    return attributes


def read_u32(payload: bytes, name: str) -> int:
    """An attribute's payload of four octets in host order.

    Raises:
        MalformedNetlink: it has another length.
    """
    if len(payload) != 4:
        raise MalformedNetlink(f"wanted 4 octets of {name}, found {len(payload)}")
    value: int = _U32.unpack(payload)[0]
    return value


def read_string(payload: bytes) -> str:
    """Text that ends at its first NUL; octets that are no UTF-8 are shown, not refused."""
    return payload.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def write_message(kind: int, flags: int, seq: int, body: bytes, port_id: int = 0) -> bytes:
    """One message, padded to four octets, so that the results can be joined into one send."""
    length = HEADER_OCTETS + len(body)
    padding = bytes(nlmsg_align(length) - length)
    return _HEADER.pack(length, kind, flags, seq, port_id) + body + padding


def write_attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    length = ATTRIBUTE_HEADER_OCTETS + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(nlmsg_align(length) - length)


def write_u32_attribute(kind: int, value: int) -> bytes:
    """One attribute of four octets in host order."""
    return _ATTRIBUTE.pack(8, kind) + _U32.pack(value)


def read_error(message: Message) -> tuple[int, ExtendedAck]:
    """The positive errno and extended acknowledgement of NLMSG_ERROR; errno 0 is "done".

    Wire: negative errno (4), the request's header (16), the request's body unless
    ``NLM_F_CAPPED``, attributes when ``NLM_F_ACK_TLVS``.

    Raises:
        MalformedNetlink: a part is cut short, or that is no errno.
    """
    body = message.body
    if len(body) < 4 + HEADER_OCTETS:
        raise MalformedNetlink(f"wanted 20 octets of NLMSG_ERROR, found {len(body)}")
    attributes_at = 4 + HEADER_OCTETS
    if not message.flags & NLM_F_CAPPED:
        attributes_at = 4 + nlmsg_align(max(_U32.unpack_from(body, 4)[0], HEADER_OCTETS))
    return _read_errno(body), _read_extended_ack(message, attributes_at)


def read_done(message: Message) -> tuple[int, ExtendedAck]:
    """The positive errno and extended acknowledgement that end a dump in NLMSG_DONE.

    Wire: negative errno (4) or nothing, attributes when ``NLM_F_ACK_TLVS``.

    Raises:
        MalformedNetlink: a part is cut short.
    """
    if not message.body:
        return 0, ExtendedAck()
    if len(message.body) < 4:
        raise MalformedNetlink(f"wanted 4 octets of NLMSG_DONE, found {len(message.body)}")
    return _read_errno(message.body), _read_extended_ack(message, 4)


def _read_errno(body: bytes) -> int:
    errno: int = -_S32.unpack_from(body)[0]
    if errno > MAX_ERRNO:
        raise MalformedNetlink(f"wanted an errno up to {MAX_ERRNO}, found {errno}")
    # NLMSG_DONE may carry a positive count; no dump that we ask for does.
    return max(errno, 0)


def _read_extended_ack(message: Message, at: int) -> ExtendedAck:
    if not message.flags & NLM_F_ACK_TLVS or at >= len(message.body):
        return ExtendedAck()
    attributes = read_attributes(message.body, at)
    offset = attributes.get(NLMSGERR_ATTR_OFFS)
    return ExtendedAck(
        text=read_string(attributes.get(NLMSGERR_ATTR_MSG, b"")),
        offset_octets=None if offset is None else read_u32(offset, "NLMSGERR_ATTR_OFFS"),
    )


def write_error(
    errno: int, request: bytes, seq: int, port_id: int, ext_ack: ExtendedAck | None = None
) -> bytes:
    """NLMSG_ERROR as the kernel writes it with ``NETLINK_CAP_ACK``; the other side of tests.

    ``request`` is the message that is answered: its header is quoted.
    """
    flags, attributes = NLM_F_CAPPED, b""
    if ext_ack is not None and (ext_ack.text or ext_ack.offset_octets is not None):
        flags |= NLM_F_ACK_TLVS
        if ext_ack.text:
            attributes += write_attribute(NLMSGERR_ATTR_MSG, ext_ack.text.encode() + b"\0")
        if ext_ack.offset_octets is not None:
            attributes += write_u32_attribute(NLMSGERR_ATTR_OFFS, ext_ack.offset_octets)
    body = _S32.pack(-errno) + request[:HEADER_OCTETS] + attributes
    return write_message(NLMSG_ERROR, flags, seq, body, port_id)


def write_done(errno: int, seq: int, port_id: int, flags: int = NLM_F_MULTI) -> bytes:
    """NLMSG_DONE as the kernel ends a dump."""
    return write_message(NLMSG_DONE, flags, seq, _S32.pack(-errno), port_id)
