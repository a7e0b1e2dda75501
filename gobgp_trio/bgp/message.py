"""BGP messages other than UPDATE: framing, OPEN, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH.

Rules: framing yields bodies as ``bytes`` and judges the header alone; ``read_open`` judges what an
OPEN says about itself.  Whether its AS number and identifier fit the configured neighbour is for
the session to decide.  RFC 4271 section 4 and 6, RFC 2918, RFC 7313, RFC 8654, RFC 9003, RFC 9072.
"""

from dataclasses import dataclass

from gobgp_trio.bgp.capability import Capabilities, read_capabilities, write_capabilities
from gobgp_trio.bgp.context import MAX_MESSAGE_OCTETS
from gobgp_trio.bgp.error_codes import (
    ADMINISTRATIVE_RESET,
    ADMINISTRATIVE_SHUTDOWN,
    BAD_BGP_IDENTIFIER,
    BAD_MESSAGE_LENGTH,
    BAD_MESSAGE_TYPE,
    BAD_PEER_AS,
    CEASE,
    CONNECTION_NOT_SYNCHRONIZED,
    INVALID_REFRESH_LENGTH,
    MESSAGE_HEADER_ERROR,
    OPEN_ERROR,
    ROUTE_REFRESH_ERROR,
    UNACCEPTABLE_HOLD_TIME,
    UNSPECIFIC,
    UNSUPPORTED_OPTIONAL_PARAMETER,
    UNSUPPORTED_VERSION,
    format_error,
)
from gobgp_trio.bgp.wire import MAX_U16, PeerFault, Reader, Shortage, u16
from gobgp_trio.types.family import Family, find_family

OPEN = 1
UPDATE = 2
NOTIFICATION = 3
KEEPALIVE = 4
ROUTE_REFRESH = 5

MARKER = b"\xff" * 16
HEADER_OCTETS = 19
VERSION = 4
AS_TRANS = 23456  # stands in two octets for a larger AS number (RFC 6793 section 9)

# Shortest and longest whole message per type; None: what the session negotiated (RFC 8654
# section 4 keeps OPEN and KEEPALIVE short).
_LENGTH_BOUNDS: dict[int, tuple[int, int | None]] = {
    OPEN: (29, MAX_MESSAGE_OCTETS),
    UPDATE: (23, None),
    NOTIFICATION: (21, None),
    KEEPALIVE: (19, 19),
    ROUTE_REFRESH: (23, None),
}

_CAPABILITIES_PARAMETER = 2
_EXTENDED_LENGTH_PARAMETER = 255


def write_message(kind: int, body: bytes) -> bytes:
    """A whole message. Wire: marker (16 octets), length (2), type (1), body."""
    return MARKER + u16(HEADER_OCTETS + len(body)) + bytes((kind,)) + body


KEEPALIVE_MESSAGE = write_message(KEEPALIVE, b"")


def split_messages(buffer: bytearray, max_octets: int) -> list[tuple[int, bytes]]:
    """Take every whole message off the front of ``buffer``.

    Messages in front of a bad header are returned; the next call raises its fault.  So call until
    the list is empty, then wait for more octets.

    Args:
        buffer: received octets; what is taken is deleted from it.
        max_octets: longest message the session allows, header included.

    Returns:
        (type, body) in order.

    Raises:
        PeerFault: 1/1, 1/2 or 1/3 (RFC 4271 section 6.1); the buffer keeps the bad header.
    """
    octets = bytes(buffer)
    end = len(octets)
    messages: list[tuple[int, bytes]] = []
    at = 0
    while end - at >= HEADER_OCTETS:
        length = octets[at + 16] << 8 | octets[at + 17]
        kind = octets[at + 18]
        shortest, longest = _LENGTH_BOUNDS.get(kind, (MAX_U16 + 1, None))
        bad = length < shortest or length > (longest or max_octets)
        if bad or octets[at : at + 16] != MARKER:
            if not messages:
                raise _header_fault(octets[at : at + HEADER_OCTETS], max_octets)
            break
        if end - at < length:
            break
        messages.append((kind, octets[at + HEADER_OCTETS : at + length]))
        at += length
    del buffer[:at]
    return messages


def _header_fault(header: bytes, max_octets: int) -> PeerFault:
    """What is wrong with a header that ``split_messages`` refused."""
    length_field, kind = header[16:18], header[18]
    length = int.from_bytes(length_field, "big")
    if header[:16] != MARKER:
        subcode, data, text = CONNECTION_NOT_SYNCHRONIZED, b"", "message marker is not all ones"
    elif HEADER_OCTETS <= length <= max_octets and kind not in _LENGTH_BOUNDS:
        subcode, data, text = BAD_MESSAGE_TYPE, header[18:], f"message type {kind} is unknown"
    else:
        subcode, data = BAD_MESSAGE_LENGTH, length_field
        text = f"message of type {kind} cannot have {length} octets"
    return PeerFault(MESSAGE_HEADER_ERROR, subcode, data, text)


@dataclass(frozen=True, slots=True)
class Open:
    """An OPEN message (RFC 4271 section 4.2).

    Attributes:
        as_: the 2-octet field; AS_TRANS when the number needs four (see ``real_as``).
        hold_time_s: proposed hold time, 0 for none.
        router_id: BGP identifier, 4 octets.
    """

    version: int
    as_: int
    hold_time_s: int
    router_id: bytes
    capabilities: Capabilities

    @property
    def real_as(self) -> int:
        """The sender's AS number, from the 4-octet AS capability where there is one."""
        wide = self.capabilities.four_octet_as
        return self.as_ if wide is None else wide


def read_open(body: bytes) -> Open:
    """Read and judge an OPEN message's body.

    Wire: version (1 octet), AS (2), hold time in seconds (2), identifier (4), length of optional
    parameters (1), optional parameters.  A length other than 0 followed by parameter type 255
    means that 2-octet lengths follow (RFC 9072 section 2).

    Raises:
        PeerFault: 2/x as RFC 4271 section 6.2 says; 2/2 for AS 0 (RFC 7607).
    """
    reader = Reader(body)
    try:
        version = reader.u8("version")
        if version != VERSION:
            wanted = f"wanted BGP version {VERSION}, found {version}"
            raise PeerFault(OPEN_ERROR, UNSUPPORTED_VERSION, u16(VERSION), wanted)
        as_ = reader.u16("AS")
        hold_time_s = reader.u16("hold time")
        router_id = reader.take(4, "BGP identifier")
        capabilities = read_capabilities(_read_parameters(reader))
    except Shortage as shortage:
        raise PeerFault(OPEN_ERROR, UNSPECIFIC, text=str(shortage)) from None
    message = Open(version, as_, hold_time_s, router_id, capabilities)
    if message.real_as == 0:
        raise PeerFault(OPEN_ERROR, BAD_PEER_AS, text="AS number is 0")
    if hold_time_s in (1, 2):
        text = f"wanted a hold time of 0 or at least 3 s, found {hold_time_s}"
        raise PeerFault(OPEN_ERROR, UNACCEPTABLE_HOLD_TIME, text=text)
    if router_id == bytes(4):
        raise PeerFault(OPEN_ERROR, BAD_BGP_IDENTIFIER, text="BGP identifier is 0.0.0.0")
    return message


def _read_parameters(reader: Reader) -> bytes:
    """The capabilities of all optional parameters, concatenated."""
    total = reader.u8("optional parameters length")
    is_extended = bool(total and reader.left) and (
        reader.octets[reader.at] == _EXTENDED_LENGTH_PARAMETER
    )
    if is_extended:
        reader.u8("extended length marker")
        total = reader.u16("extended optional parameters length")
    parameters = reader.part(total, "optional parameters")
    if reader.left:
        raise Shortage(f"{reader.left} octets follow the optional parameters")
    capabilities = []
    while parameters.left:
        kind = parameters.u8("parameter type")
        if kind != _CAPABILITIES_PARAMETER:
            text = f"optional parameter {kind} is unknown"
            raise PeerFault(OPEN_ERROR, UNSUPPORTED_OPTIONAL_PARAMETER, text=text)
        read_length = parameters.u16 if is_extended else parameters.u8
        capabilities.append(parameters.take(read_length("parameter length"), "capabilities"))
    return b"".join(capabilities)


def write_open(message: Open) -> bytes:
    """The whole OPEN message; capabilities beyond 253 octets use the form of RFC 9072."""
    capabilities = write_capabilities(message.capabilities)
    parameters = b""
    if len(capabilities) > 253:
        tail = bytes((_CAPABILITIES_PARAMETER,)) + u16(len(capabilities)) + capabilities
        parameters = bytes((255, _EXTENDED_LENGTH_PARAMETER)) + u16(len(tail)) + tail
    elif capabilities:
        count = len(capabilities)
        parameters = bytes((count + 2, _CAPABILITIES_PARAMETER, count)) + capabilities
    else:
        parameters = b"\0"
    fixed = bytes((message.version,)) + u16(message.as_) + u16(message.hold_time_s)
    return write_message(OPEN, fixed + message.router_id + parameters)


@dataclass(frozen=True, slots=True)
class Notification:
    """A NOTIFICATION message (RFC 4271 section 4.5)."""

    code: int
    subcode: int
    data: bytes = b""

    @property
    def text(self) -> str:
        """The error for people, with the shutdown communication if there is one."""
        said = self.shutdown_message
        name = format_error(self.code, self.subcode)
        return f"{name}: {said}" if said else name

    @property
    def shutdown_message(self) -> str:
        """What the other side's operator had to say (RFC 9003), or ``""``."""
        if self.code == CEASE and self.subcode in (ADMINISTRATIVE_SHUTDOWN, ADMINISTRATIVE_RESET):
            return read_shutdown_message(self.data)
        return ""


def read_notification(body: bytes) -> Notification:
    """Read a NOTIFICATION's body. Wire: code (1 octet), subcode (1), data.

    Raises:
        PeerFault: 1/2, the codes are missing.
    """
    if len(body) < 2:
        data = u16(HEADER_OCTETS + len(body))
        text = f"wanted 2 octets of error codes, found {len(body)}"
        raise PeerFault(MESSAGE_HEADER_ERROR, BAD_MESSAGE_LENGTH, data, text)
    return Notification(body[0], body[1], body[2:])


def write_notification(code: int, subcode: int, data: bytes = b"") -> bytes:
    """The whole NOTIFICATION message; data that would make it too long is cut."""
    fits = MAX_MESSAGE_OCTETS - HEADER_OCTETS - 2
    return write_message(NOTIFICATION, bytes((code, subcode)) + data[:fits])


def read_shutdown_message(data: bytes) -> str:
    """A shutdown communication's text; ``""`` when absent or malformed.

    Wire: length (1 octet), UTF-8 text (RFC 9003 section 2).
    """
    if not data or data[0] > len(data) - 1:
        return ""
    return data[1 : 1 + data[0]].decode(errors="replace")


def write_shutdown_message(text: str) -> bytes:
    """A shutdown communication as NOTIFICATION data, cut to 255 octets between characters."""
    octets = text.encode()[:255].decode(errors="ignore").encode()
    return bytes((len(octets),)) + octets if octets else b""


# Route refresh subtypes (RFC 7313 section 3.2).
REFRESH_REQUEST = 0
REFRESH_BEGIN = 1
REFRESH_END = 2


@dataclass(frozen=True, slots=True)
class RouteRefresh:
    """A ROUTE-REFRESH message (RFC 2918, RFC 7313)."""

    afi: int
    safi: int
    subtype: int = REFRESH_REQUEST

    @property
    def family(self) -> Family | None:
        """The family, None when we do not speak it."""
        return find_family(self.afi, self.safi)


def read_route_refresh(body: bytes) -> RouteRefresh:
    """Read a ROUTE-REFRESH's body. Wire: AFI (2 octets), subtype (1), SAFI (1).

    Raises:
        PeerFault: 7/1 with the whole message, the body is not 4 octets (RFC 7313 section 5).
    """
    if len(body) != 4:
        data = write_message(ROUTE_REFRESH, body)
        text = f"wanted 4 octets of ROUTE-REFRESH, found {len(body)}"
        raise PeerFault(ROUTE_REFRESH_ERROR, INVALID_REFRESH_LENGTH, data, text)
    return RouteRefresh(body[0] << 8 | body[1], body[3], body[2])


def write_route_refresh(family: Family, subtype: int = REFRESH_REQUEST) -> bytes:
    """The whole ROUTE-REFRESH message."""
    return write_message(ROUTE_REFRESH, u16(family.afi) + bytes((subtype, family.safi)))
