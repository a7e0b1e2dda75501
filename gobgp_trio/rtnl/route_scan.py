"""Dumps of very many routes, read without an object per route.

Why it exists: our own routes are read back after lost events, and there may be a million of them.
They differ in their destination and share all else with many others, so what stands around the
destination is read once (by ``route.read_route``) and then found again by its octets.

Rule: the answer is that of ``read_route`` for each message (the tests hold both together).
"""

from gobgp_trio.rtnl.nlmsg import HEADER_OCTETS, Message, walk_headers
from gobgp_trio.rtnl.route import RTA_DST, RTM_NEWROUTE, RTMSG, Leg, read_route
from gobgp_trio.types.family import Family

# Different surroundings kept; with more next hops than this they are read again and again.
MAX_KNOWN = 20_000

# (table id, metric, family) -> NLRI -> legs.
ScannedRoutes = dict[tuple[int, int, Family], dict[bytes, tuple[Leg, ...]]]

# Which bits of a destination's last octet are behind its prefix.
_HOST_BITS = tuple(0xFF >> bits % 8 if bits % 8 else 0 for bits in range(129))
_LENGTH_OCTETS = tuple(bytes((bits,)) for bits in range(129))
_BODY_AT = HEADER_OCTETS
_BITS_AT = _BODY_AT + 1  # rtm_dst_len
_REST_AT = _BODY_AT + 2  # of rtmsg, then RTA_TABLE
_DST_AT = _BODY_AT + RTMSG.size + 8  # behind RTA_TABLE, where the kernel writes it


class RouteScan:
    """Reads the datagrams of one dump of one family."""

    def __init__(self, family: Family) -> None:
        octets = family.address_octets
        self._family = family
        self._width_bits = family.address_bits
        self._dst_head = bytes((4 + octets, 0, RTA_DST, 0))
        self._dst_end = 4 + octets
        self._known: dict[bytes, tuple[tuple[int, int, Family], tuple[Leg, ...]]] = {}

    def read(self, datagram: bytes) -> tuple[ScannedRoutes, list[Message]]:
        """The routes of one datagram, and the messages that are none.

        Raises:
            MalformedNetlink: see ``read_messages`` and ``read_route``.
        """
        found: ScannedRoutes = {}
        others: list[Message] = []
        known, dst_head, width_bits = self._known, self._dst_head, self._width_bits
        last: object = None
        table: dict[bytes, tuple[Leg, ...]] = {}
        for at, stop, kind, flags, seq, port_id in walk_headers(datagram):
            if kind != RTM_NEWROUTE:
                body = datagram[at + HEADER_OCTETS : stop]
                others.append(Message(kind, flags, seq, port_id, body))
                continue
            dst_at = at + _DST_AT
            dst_end = dst_at + self._dst_end
            if datagram[dst_at : dst_at + 4] == dst_head and dst_end <= stop:
                bits = datagram[at + _BITS_AT]
                around = datagram[at + _REST_AT : dst_at] + datagram[dst_end:stop]
                entry = known.get(around)
                if entry is not None and bits <= width_bits:
                    end = dst_at + 4 + (bits + 7 >> 3)
                    if not datagram[end - 1] & _HOST_BITS[bits]:
                        key, legs = entry
                        if key is not last:
                            last, table = key, found.setdefault(key, {})
                        table[_LENGTH_OCTETS[bits] + datagram[dst_at + 4 : end]] = legs
                        continue
            else:
                around = b""
            self._read_long(datagram[at + HEADER_OCTETS : stop], around, found)
        return found, others

    def _read_long(self, body: bytes, around: bytes, found: ScannedRoutes) -> None:
        route = read_route(body)
        if route is None or route.family is not self._family:
            return
        key = (route.table_id, route.metric or 0, route.family)
        legs = route.legs
        found.setdefault(key, {})[route.nlri] = legs
        if around:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[around] = (key, legs)
