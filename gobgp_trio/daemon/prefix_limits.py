"""How many prefixes a peer may announce, per family: a warning, then the end of the session.

What counts is what the peer offers, whether we use it or not: the limit is there for a peer that
leaks, and its routes cost the same either way.  Counts are looked at after each slice of UPDATEs,
so that a session may end some prefixes late, never early.
"""

from collections.abc import Callable, Iterable

import structlog

from gobgp_trio.bgp.error_codes import CEASE, MAX_PREFIXES_REACHED
from gobgp_trio.bgp.wire import PeerFault, u16, u32
from gobgp_trio.config.schema import PrefixLimit
from gobgp_trio.types.family import Family

log = structlog.get_logger()


class PrefixLimits:
    """One session's watch over its counts."""

    def __init__(self, peer_name: str, count: Callable[[Family], int]) -> None:
        """``count`` says how many prefixes of a family the peer offers."""
        self._peer_name = peer_name
        self._count = count
        self._warned: set[PrefixLimit] = set()

    def check(self, limits: Iterable[PrefixLimit]) -> None:
        """Warn of each limit once in a session, when the share of it is reached.

        Raises:
            PeerFault: 6/1, a limit is exceeded; the data are AFI (2 octets), SAFI (1) and the
                limit (4), RFC 4486 section 4.
        """
        for limit in limits:
            count = self._count(limit.family)
            if count > limit.max_prefixes:
                family = limit.family
                data = u16(family.afi) + bytes((family.safi,)) + u32(limit.max_prefixes)
                text = f"{count} prefixes of {family.config_name}, {limit.max_prefixes} allowed"
                raise PeerFault(CEASE, MAX_PREFIXES_REACHED, data, text)
            is_near = limit.warn_pct and 100 * count >= limit.warn_pct * limit.max_prefixes
            if is_near and limit not in self._warned:
                self._warned.add(limit)
                log.warning(
                    "the peer nears its prefix limit",
                    peer=self._peer_name,
                    family=limit.family.config_name,
                    prefixes=count,
                    max_prefixes=limit.max_prefixes,
                )
