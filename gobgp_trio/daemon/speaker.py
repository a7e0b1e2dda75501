"""Where the sessions meet the tables: a link per session, and what the API asks of the RIB.

A peer's reader calls ``SessionLink.apply`` and has changed the tables when that returns; there is
no queue between them, so a busy table is felt as TCP back-pressure by the peer that causes it.  In
the other direction the link's doorbell wakes the peer's writer, which takes UPDATEs as fast as its
socket does (``rib.adj_out``).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from time import time

import structlog
import trio

from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.bgp.update import Update
from gobgp_trio.config.schema import Neighbor, SelectionOptions
from gobgp_trio.daemon.prefix_limits import PrefixLimits
from gobgp_trio.daemon.renewals import Renewals
from gobgp_trio.daemon.session_place import FindPlace, SessionPlace, find_place_by_session
from gobgp_trio.daemon.session_terms import make_audience, make_loop_check, make_source
from gobgp_trio.rib.adj_in import AdjIn
from gobgp_trio.rib.adj_out import AdjOut
from gobgp_trio.rib.advertise import Audience, attributes_as_sent
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rib.update_group import UpdateGroups
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

LOCAL_SOURCE_NAME = "local"

Routes = list[tuple[bytes, tuple[Path, ...]]]

log = structlog.get_logger()


class SessionLink:
    """The tables' side of one session (``peer_link.PeerLink``).

    Attributes:
        neighbor: the configuration, as far as it may change while the session lives.
        source: what the session's paths are known by.
        place: the session's interface and our next hops there.
        adj_out: what the peer was told.
        ended: families of which the peer has sent End-of-RIB.
    """

    def __init__(
        self,
        speaker: "Speaker",
        neighbor: Neighbor,
        source: Source,
        negotiated: Negotiated,
        place: SessionPlace,
        audience: Audience,
    ) -> None:
        self.neighbor = neighbor
        self.source = source
        self.place = place
        self.ended: set[Family] = set()
        self.adj_out = AdjOut(
            audience,
            speaker.rib.tables,
            negotiated.families,
            self._ring,
            has_refresh_marks=negotiated.enhanced_route_refresh,
            group=speaker.update_groups.find(audience),
        )
        self._renewals = Renewals(speaker.rib, source)
        self._peer_restarts = negotiated.peer_open.capabilities.graceful_restart is not None
        self._speaker = speaker
        self._limits = PrefixLimits(source.name, self._count_received)
        self._doorbell = trio.Event()
        self._warned: set[tuple[str, Family]] = set()

    def apply(self, updates: list[Update]) -> None:
        """Take in a buffer's worth of UPDATEs.

        Raises:
            PeerFault: 6/1, the peer has announced more prefixes than it may.
        """
        self._speaker.rib.apply(self.source, updates, self._speaker.wall_clock_s())
        self._renewals.note(updates)
        for update in updates:
            if update.end_of_rib is not None:
                self.ended.add(update.end_of_rib)
        self.check_limits()

    def check_limits(self) -> None:
        """Hold the numbers of prefixes against the limits."""
        if self.neighbor.prefix_limits:
            self._limits.check(self.neighbor.prefix_limits)

    def _count_received(self, family: Family) -> int:
        return self._speaker.rib.adj_in(self.source, family).received_count

    def refresh(self, family: Family) -> None:
        """Tell the peer everything of a family again."""
        self.adj_out.refresh(family)

    async def reset_in(self) -> None:
        """Judge all that the peer sent once more, from what was kept of it (soft reset inbound)."""
        for _ in self._speaker.rib.review(self.source):
            await trio.lowlevel.checkpoint()

    def reset_out(self) -> None:
        """Tell the peer everything again (soft reset outbound)."""
        for family in self.adj_out.families:
            self.adj_out.refresh(family)

    def begin_renewal(self, family: Family) -> Callable[[], Awaitable[None]] | None:
        """The peer begins to send everything again.

        Ignored before the first End-of-RIB of a peer with graceful restart (RFC 7313 section 4).
        """
        if self._peer_restarts and family not in self.ended:
            return None
        return self._renewals.begin(family)

    def end_renewal(self, family: Family) -> None:
        """The peer has sent everything again."""
        self._renewals.end(family)

    async def wait_outgoing(self) -> None:
        """Wait until there is something to look at for ``take_outgoing``."""
        await trio.lowlevel.checkpoint()
        while not self.adj_out.has_work:
            self._doorbell = trio.Event()
            await self._doorbell.wait()

    def take_outgoing(self, max_octets: int) -> list[bytes]:
        """UPDATE messages of about ``max_octets``, from a few ms of work.

        ``[]`` also when what was looked at came to nothing; then ``wait_outgoing`` knows of more.
        """
        messages = self.adj_out.take(max_octets)
        self._warn_once(
            "no address of ours for the next hop, these routes are not advertised",
            self.adj_out.without_next_hop,
        )
        self._warn_once(
            "some routes' attributes are too long for this session, these are not advertised",
            self.adj_out.too_long,
        )
        return messages

    def _warn_once(self, message: str, families: Iterable[Family]) -> None:
        for family in families:
            if (message, family) not in self._warned:
                self._warned.add((message, family))
                log.warning(message, peer=self.source.name, family=family.config_name)

    async def close(self) -> None:
        """Withdraw all that the session brought, letting others run every few ms.

        Not to be given up half-way, whatever ends the peer's task: what stayed behind would stay
        for ever.  It is bounded by the size of the table (1 s for 1,000,000 routes), and a daemon
        that stops does not wait for it.
        """
        self._renewals.cancel()
        with trio.CancelScope(shield=True):
            for _ in self._speaker.forget(self):
                await trio.lowlevel.checkpoint()
                if self._speaker.is_stopping:
                    return

    def _ring(self) -> None:
        self._doorbell.set()


class Speaker:
    """All sessions' links, and the paths of this host (``peer_link.Speaker``).

    Attributes:
        rib: the tables.
        attribute_table: where the attribute sets of all peers are interned.
        update_groups: established sessions that are told everything alike.
        links: the link of each established session by the peer's configured address.
        local: the source of paths that were added over the API.
        global_as: our AS number where a neighbor's configuration has no other.
        is_stopping: the daemon ends; sessions go without their paths being withdrawn.
    """

    def __init__(
        self,
        rib: Rib,
        router_id: bytes,
        find_place: FindPlace = find_place_by_session,
        wall_clock_s: Callable[[], float] = time,
    ) -> None:
        self.rib = rib
        self.attribute_table = AttributeTable()
        self.update_groups = UpdateGroups()
        self.links: dict[str, SessionLink] = {}
        self.local = Source(SourceKind.LOCAL, LOCAL_SOURCE_NAME)
        self.is_stopping = False
        self.global_as = 0
        self.wall_clock_s = wall_clock_s
        self._router_id = router_id
        self._cluster_ids = {router_id}  # all that we are or were the reflector of
        self._find_place = find_place
        rib.add_source(self.local)

    # --- sessions ----------------------------------------------------------------------------

    def peer_up(self, neighbor: Neighbor, negotiated: Negotiated) -> SessionLink:
        """A session is established: make its source and start telling it the table."""
        place = self._find_place(negotiated)
        source = make_source(neighbor, negotiated, place)
        if neighbor.cluster_id is not None:
            self._cluster_ids.add(neighbor.cluster_id)
        check = make_loop_check(
            neighbor, negotiated, self.global_as, self._router_id, self._cluster_ids
        )
        self.rib.add_source(source, check)
        audience = make_audience(neighbor, negotiated, place, self._router_id)
        link = SessionLink(self, neighbor, source, negotiated, place, audience)
        self.rib.subscribe(link.adj_out.on_changes)
        self.links[neighbor.address] = link
        return link

    def forget(self, link: SessionLink) -> Iterator[None]:
        """End a link at once, then withdraw its paths in slices (``SessionLink.close``)."""
        self.rib.unsubscribe(link.adj_out.on_changes)
        link.adj_out.end()
        if self.links.get(link.source.name) is link:
            del self.links[link.source.name]
        if self.is_stopping:
            return iter(())
        return self.rib.remove_source(link.source)

    async def change_selection(self, options: SelectionOptions) -> None:
        """Choose best paths by other options from now on, those of the whole table among them."""
        for _ in self.rib.decide_anew(Decision(options)):
            await trio.lowlevel.checkpoint()

    # --- paths of this host ------------------------------------------------------------------

    def add_local_path(self, family: Family, nlri: bytes, attributes: PathAttributes) -> None:
        """Originate a route, or replace the one of ours under the same prefix."""
        self.rib.announce(self.local, family, attributes, [nlri], self.wall_clock_s())

    def delete_local_path(self, family: Family, nlri: bytes) -> bool:
        """Take a route of ours back; False when there was none."""
        if nlri not in self.rib.adj_in(self.local, family).accepted:
            return False
        self.rib.withdraw(self.local, family, [nlri])
        return True

    # --- tables to look at -------------------------------------------------------------------
    # All of these give slices of (NLRI key, paths, best first) while the tables may change between
    # two of them.

    def iterate_table(self, family: Family) -> Iterator[Routes]:
        """Loc-RIB: every prefix with all its paths."""
        for entries in self.rib.tables[family].routes.slices():
            yield [(nlri, held if isinstance(held, tuple) else (held,)) for nlri, held in entries]

    def iterate_adj_in(self, link: SessionLink, family: Family) -> Iterator[Routes]:
        """What a peer offers; a path that takes no part in the decision says why."""
        adj_in: AdjIn = self.rib.adj_in(link.source, family)
        for paths in (adj_in.accepted, adj_in.rejected):
            for entries in paths.slices():
                yield [(nlri, (path,)) for nlri, path in entries]

    def iterate_adj_out(self, link: SessionLink, family: Family) -> Iterator[Routes]:
        """What a peer was told: its paths with the attributes and next hop that it has."""
        audience = link.adj_out.audience
        for entries in link.adj_out.advertised(family).slices():
            sent: dict[Path, tuple[Path, ...]] = {}
            for _, path in entries:
                if path not in sent:
                    attributes = attributes_as_sent(path, family, audience)
                    sent[path] = (Path(path.source, attributes, path.received_s),)
            yield [(nlri, sent[path]) for nlri, path in entries]
