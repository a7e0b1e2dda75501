"""What the kernel told us: links, addresses and the routes of others, as one consistent picture.

The picture is filled by dumps and kept by events.  Our own routes are not in it: next hops must
never be resolved through routes we installed.  ``apply`` tells what changed in terms its users
think in (prefixes whose routes changed, links, addresses), so that a change costs what it touches.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from gobgp_trio.rtnl.address import Address
from gobgp_trio.rtnl.link import IFF_UP, Link
from gobgp_trio.rtnl.route import KernelRoute
from gobgp_trio.types.family import Family

UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)


@dataclass(slots=True)
class ViewChanges:
    """What a batch of events changed.

    Attributes:
        routes: (table id, family, NLRI) whose routes appeared, went or changed.
        links: indexes of links whose state, name or existence changed.
        downed: indexes of links that were switched off, went, or lost their last IPv4 address,
            even if all is back by now; the kernel dropped our routes over them, IPv4 ones without
            a word.
        addresses: whether any interface address changed.
        everything: the picture was replaced; nothing may be assumed.
    """

    routes: set[tuple[int, Family, bytes]] = field(default_factory=set)
    links: set[int] = field(default_factory=set)
    downed: set[int] = field(default_factory=set)
    addresses: bool = False
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.routes or self.links or self.addresses or self.everything)


class RouteTable:
    """The routes of one family in one kernel table, for longest-prefix matches."""

    def __init__(self) -> None:
        self._by_bits: dict[int, dict[bytes, list[KernelRoute]]] = {}
        self._bits_descending: tuple[int, ...] = ()

    def add(self, route: KernelRoute) -> None:
        """Put a route in; one of the same protocol, metric and hop is replaced by it.

        An IPv6 route that was given one more leg comes with all of them: it replaces itself.
        """
        level = self._by_bits.get(route.nlri[0])
        if level is None:
            level = self._by_bits[route.nlri[0]] = {}
            self._bits_descending = tuple(sorted(self._by_bits, reverse=True))
        others = [
            other
            for other in level.get(route.nlri, ())
            if not _same_slot(other, route) and not _has_grown_to(other, route)
        ]
        level[route.nlri] = sorted([*others, route], key=_metric) if others else [route]

    def replace(self, route: KernelRoute) -> None:
        """NLM_F_REPLACE happened: the first route of this metric became ``route``."""
        level = self._by_bits.get(route.nlri[0], {})
        kept = list(level.get(route.nlri, ()))
        for at, other in enumerate(kept):
            if _metric(other) == _metric(route):
                del kept[at]
                level[route.nlri] = kept
                break
        self.add(route)

    def remove(self, route: KernelRoute) -> bool:
        """Take a route, or some legs of an IPv6 route, out; whether it was there."""
        level = self._by_bits.get(route.nlri[0], {})
        routes = level.get(route.nlri, [])
        kept = [other for other in routes if not _same_slot(other, route)]
        if len(kept) == len(routes):
            kept = [_without_legs(other, route) for other in routes]
        if kept:
            level[route.nlri] = kept
        else:
            level.pop(route.nlri, None)
        return kept != routes

    def drop_link(self, index: int, up: Collection[int]) -> list[bytes]:
        """Forget the routes over a link that went down, but those with a leg over one of ``up``.

        Returns:
            The prefixes concerned.
        """
        dropped: list[bytes] = []
        for level in self._by_bits.values():
            for nlri, routes in list(level.items()):
                kept = [route for route in routes if not _is_dead(route, index, up)]
                if len(kept) == len(routes):
                    continue
                dropped.append(nlri)
                if kept:
                    level[nlri] = kept
                else:
                    del level[nlri]
        return dropped

    def match(self, address: bytes, *, with_default: bool) -> KernelRoute | None:
        """The route to ``address`` (4 or 16 octets): longest prefix, then least metric."""
        value = int.from_bytes(address, "big")
        width = len(address) * 8
        for bits in self._bits_descending:
            if bits == 0 and not with_default:
                return None
            level = self._by_bits[bits]
            if not level:
                continue
            shift = width - bits
            kept_octets = (bits + 7) // 8
            masked = (value >> shift << shift).to_bytes(width // 8, "big")
            routes = level.get(bytes((bits,)) + masked[:kept_octets])
            if routes:
                return routes[0]
        return None

    def __iter__(self) -> Iterator[KernelRoute]:
        for level in self._by_bits.values():
            for routes in level.values():
                yield from routes


class KernelView:
    """The picture.  ``watched_tables`` are the kernel tables whose routes are kept."""

    def __init__(self, watched_tables: Iterable[int]) -> None:
        self.watched_tables = frozenset(watched_tables)
        self.links: dict[int, Link] = {}
        self.addresses: dict[tuple[int, bytes, int], Address] = {}
        self.own_addresses: set[bytes] = set()
        self._routes: dict[tuple[int, Family], RouteTable] = {}

    def table(self, table_id: int, family: Family) -> RouteTable:
        """The routes of a table; an empty one for a table without routes."""
        return self._routes.setdefault((table_id, family), RouteTable())

    def link_named(self, name: str) -> Link | None:
        """The link of this name at present."""
        for link in self.links.values():
            if link.name == name:
                return link
        return None

    def is_usable(self, index: int) -> bool:
        """Whether packets can leave through the link of this index."""
        link = self.links.get(index)
        return link is not None and link.is_up

    def on_link(self, link: Link, changes: ViewChanges) -> None:
        """A link is new or changed."""
        old = self.links.get(link.index)
        self.links[link.index] = link
        if old == link:
            return
        changes.links.add(link.index)
        if old is not None and old.flags & IFF_UP and not link.flags & IFF_UP:
            self._drop_link_routes(link.index, changes)

    def on_link_gone(self, index: int, changes: ViewChanges) -> None:
        """A link left this namespace."""
        if self.links.pop(index, None) is None:
            return
        changes.links.add(index)
        self._drop_link_routes(index, changes)
        gone = [key for key in self.addresses if key[0] == index]
        for key in gone:
            del self.addresses[key]
        if gone:
            self._addresses_changed(changes)

    def on_address(self, address: Address, changes: ViewChanges) -> None:
        """An address is new or changed (its flags, most often)."""
        key = (address.interface_index, address.address, address.prefix_bits)
        if self.addresses.get(key) != address:
            self.addresses[key] = address
            self._addresses_changed(changes)

    def on_address_gone(self, address: Address, changes: ViewChanges) -> None:
        """An address was removed."""
        key = (address.interface_index, address.address, address.prefix_bits)
        if self.addresses.pop(key, None) is None:
            return
        self._addresses_changed(changes)
        if address.family is Family.IPV4_UNICAST and not any(
            held.family is address.family and held.interface_index == address.interface_index
            for held in self.addresses.values()
        ):
            self._drop_link_routes(address.interface_index, changes, (address.family,))

    def on_route(self, route: KernelRoute, changes: ViewChanges, *, replaced: bool = False) -> None:
        """A route of somebody else is new or changed."""
        if route.table_id not in self.watched_tables:
            return
        table = self.table(route.table_id, route.family)
        if replaced:
            table.replace(route)
        else:
            table.add(route)
        changes.routes.add((route.table_id, route.family, route.nlri))

    def on_route_gone(self, route: KernelRoute, changes: ViewChanges) -> None:
        """A route of somebody else was removed."""
        if route.table_id not in self.watched_tables:
            return
        if self.table(route.table_id, route.family).remove(route):
            changes.routes.add((route.table_id, route.family, route.nlri))

    def reload(
        self, links: Iterable[Link], addresses: Iterable[Address], routes: Iterable[KernelRoute]
    ) -> ViewChanges:
        """Replace the picture by what dumps say."""
        changes = ViewChanges(everything=True)
        changes.downed = {
            index for index, link in self.links.items() if link.flags & IFF_UP
        }  # any of them may have been down in between
        self.links = {link.index: link for link in links}
        self.addresses = {
            (address.interface_index, address.address, address.prefix_bits): address
            for address in addresses
        }
        self._addresses_changed(changes)
        self._routes = {}
        for route in routes:
            if route.table_id in self.watched_tables:
                self.table(route.table_id, route.family).add(route)
        return changes

    def rescan(self, links: Iterable[Link], addresses: Iterable[Address]) -> ViewChanges:
        """Bring links and addresses to what a dump says, and tell what was not known."""
        changes = ViewChanges()
        by_index = {link.index: link for link in links}
        for index in self.links.keys() - by_index.keys():
            self.on_link_gone(index, changes)
        for link in by_index.values():
            self.on_link(link, changes)
        present = {
            (address.interface_index, address.address, address.prefix_bits): address
            for address in addresses
        }
        for key in self.addresses.keys() - present.keys():
            self.on_address_gone(self.addresses[key], changes)
        for address in present.values():
            self.on_address(address, changes)
        return changes

    def _addresses_changed(self, changes: ViewChanges) -> None:
        self.own_addresses = {address.address for address in self.addresses.values()}
        changes.addresses = True

    def _drop_link_routes(
        self, index: int, changes: ViewChanges, families: Collection[Family] = UNICAST
    ) -> None:
        changes.downed.add(index)
        up = {other for other, link in self.links.items() if link.flags & IFF_UP} - {index}
        for (table_id, family), table in self._routes.items():
            if family in families:
                for nlri in table.drop_link(index, up):
                    changes.routes.add((table_id, family, nlri))


def _metric(route: KernelRoute) -> int:
    return route.metric or 0


def _same_slot(left: KernelRoute, right: KernelRoute) -> bool:
    return (
        _metric(left) == _metric(right)
        and left.protocol == right.protocol
        and left.legs == right.legs
        and left.route_type == right.route_type
    )


def _has_grown_to(old: KernelRoute, new: KernelRoute) -> bool:
    """Whether ``new`` is an IPv6 route with all legs of ``old`` and more."""
    return (
        len(new.legs) > len(old.legs) > 0
        and new.family is Family.IPV6_UNICAST
        and _metric(old) == _metric(new)
        and set(old.legs) < set(new.legs)
    )


def _without_legs(route: KernelRoute, gone: KernelRoute) -> KernelRoute:
    """An IPv6 route after the kernel said that some of its legs are gone."""
    if route.family is not Family.IPV6_UNICAST or _metric(route) != _metric(gone):
        return route
    kept = tuple(leg for leg in route.legs if leg not in gone.legs)
    if not kept or len(kept) == len(route.legs):
        return route
    return replace(route, nexthops=kept, gateway=None, oif=None)


def _is_dead(route: KernelRoute, index: int, up: Collection[int]) -> bool:
    """Whether the kernel drops the route with a link: none of its other links is up."""
    indexes = {leg.interface_index for leg in route.legs}
    return index in indexes and (indexes - {index}).isdisjoint(up)
