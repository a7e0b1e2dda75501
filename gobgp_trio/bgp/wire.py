"""What every BGP decoder stands on: the fault a peer is told about, and a Reader that checks.

Rules of the codec: the length is checked before every read, every loop turn consumes octets, and
what a decoder accepts its writer can write back.  Whatever the octets are, a decoder returns a
value or raises ``PeerFault`` (or, for one path attribute, ``bgp.attr.AttrFault``); an
``IndexError`` or ``ValueError`` that leaves the codec is a bug of ours, not of the peer.
"""

MAX_U16 = 0xFFFF
MAX_U32 = 0xFFFFFFFF


class PeerFault(Exception):
    """The peer broke the protocol: the session ends with this NOTIFICATION (RFC 4271 section 6).

    Attributes:
        code: error code (``bgp.error_codes``).
        subcode: error subcode, 0 when there is none.
        data: the octets for the NOTIFICATION's data field.
        text: what was wanted and what was found, for the log.
    """

    def __init__(self, code: int, subcode: int, data: bytes = b"", text: str = "") -> None:
        super().__init__(code, subcode, data, text)
        self.code = code
        self.subcode = subcode
        self.data = data
        self.text = text

    def __str__(self) -> str:
        return f"{self.text} (notification {self.code}/{self.subcode})"


class Shortage(Exception):
    """Octets are missing.  Decoders turn it into the fault that fits; it never leaves the codec."""


class Reader:
    """A cursor over octets that never reads past its end.

    Args:
        octets: what is read, from ``at`` up to ``end``.
    """

    __slots__ = ("at", "end", "octets")

    def __init__(self, octets: bytes, at: int = 0, end: int | None = None) -> None:
        self.octets = octets
        self.at = at
        self.end = len(octets) if end is None else end

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return self.end - self.at

    def take(self, count: int, what: str) -> bytes:
        """The next ``count`` octets.

        Raises:
            Shortage: fewer are left; its text names ``what`` they were for.
        """
        start = self.at
        if count > self.end - start:
            raise Shortage(f"wanted {count} octets of {what}, found {self.end - start}")
        self.at = start + count
        return self.octets[start : start + count]

    def take_rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left, "rest")

    def u8(self, what: str) -> int:
        """One octet as a number."""
        return self.take(1, what)[0]

    def u16(self, what: str) -> int:
        """Two octets as a number, network order."""
        return int.from_bytes(self.take(2, what), "big")

    def u32(self, what: str) -> int:
        """Four octets as a number, network order."""
        return int.from_bytes(self.take(4, what), "big")

    def part(self, count: int, what: str) -> "Reader":
        """A Reader over the next ``count`` octets, which this one steps over."""
        start = self.at
        self.take(count, what)
        return Reader(self.octets, start, start + count)


def u16(number: int) -> bytes:
    """Two octets, network order."""
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    """Four octets, network order."""
    return number.to_bytes(4, "big")
