"""Counts what a daemon sends: prefixes announced and withdrawn, UPDATEs, KEEPALIVEs.

Every prefix of a table passes here while the clock runs, so the loops are flat.
"""

from scripts.bench_lib.feed import HEADER_OCTETS, KEEPALIVE, NOTIFICATION, UPDATE

# Octets of an NLRI by its first octet, the length in bits.
NLRI_OCTETS = tuple(1 + (bits + 7) // 8 for bits in range(256))
MP_REACH_NLRI, MP_UNREACH_NLRI = 14, 15


class PeerEnded(Exception):
    """The daemon sent a NOTIFICATION or closed the connection."""


class StreamCounter:
    """Takes octets in any pieces and counts the messages in them.

    Attributes:
        announced, withdrawn: prefixes, those sent twice counted twice.
        keeps_nlri: keep what was announced, for ``count_different``.
    """

    def __init__(self, *, keeps_nlri: bool = False) -> None:
        self.announced = 0
        self.withdrawn = 0
        self.updates = 0
        self.keepalives = 0
        self.keeps_nlri = keeps_nlri
        self._kept: list[bytes] = []
        self._rest = b""

    def feed(self, octets: bytes) -> None:
        """Count the messages that end in these octets.

        Raises:
            PeerEnded: a NOTIFICATION was among them.
        """
        data = self._rest + octets
        at, end = 0, len(data)
        while end - at >= HEADER_OCTETS:
            stop = at + (data[at + 16] << 8 | data[at + 17])
            if stop > end:
                break
            kind = data[at + 18]
            if kind == UPDATE:
                self.take_update(data, at + HEADER_OCTETS, stop)
            elif kind == KEEPALIVE:
                self.keepalives += 1
            elif kind == NOTIFICATION:
                raise PeerEnded(f"NOTIFICATION {data[at + 19]}/{data[at + 20]}")
            at = stop
        self._rest = data[at:]

    def count_different(self) -> int:
        """Different prefixes among those announced while ``keeps_nlri`` was set."""
        seen: set[bytes] = set()
        for nlri in self._kept:
            at = 0
            while at < len(nlri):
                after = at + NLRI_OCTETS[nlri[at]]
                seen.add(nlri[at:after])
                at = after
        return len(seen)

    def take_update(self, data: bytes, at: int, stop: int) -> None:
        """Count one UPDATE, whose body stands in ``data[at:stop]``."""
        self.updates += 1
        attributes_at = at + 4 + (data[at] << 8 | data[at + 1])
        self.withdrawn += count_nlri(data, at + 2, attributes_at - 2)
        nlri_at = attributes_at + (data[attributes_at - 2] << 8 | data[attributes_at - 1])
        if nlri_at < stop:
            self._announce(data, nlri_at, stop)
        else:
            self._count_multiprotocol(data, attributes_at, nlri_at)

    def _count_multiprotocol(self, data: bytes, at: int, end: int) -> None:
        while at < end:
            flags, code = data[at], data[at + 1]
            if flags & 0x10:
                value_at = at + 4
                at = value_at + (data[at + 2] << 8 | data[at + 3])
            else:
                value_at = at + 3
                at = value_at + data[at + 2]
            if code == MP_REACH_NLRI:
                self._announce(data, value_at + 5 + data[value_at + 3], at)
            elif code == MP_UNREACH_NLRI:
                self.withdrawn += count_nlri(data, value_at + 3, at)

    def _announce(self, data: bytes, at: int, end: int) -> None:
        self.announced += count_nlri(data, at, end)
        if self.keeps_nlri:
            self._kept.append(data[at:end])


def count_nlri(data: bytes, at: int, end: int) -> int:
    """How many NLRIs stand between two places."""
    count = 0
    octets = NLRI_OCTETS
    while at < end:
        at += octets[data[at]]
        count += 1
    return count
