"""The IPv4 half of the fake kernel's routing tables: who may stand where, and what goes with what.

The rules are those seen on Linux 6.18; ``netns-tests/test_fake_kernel_conformance.py`` runs the
same scripts on both.  A route's key is (table, prefix, TOS, metric), never the protocol.
"""

import errno
from collections.abc import Iterator
from dataclasses import replace

from gobgp_trio.rtnl.address import IFA_F_NOPREFIXROUTE, IFA_F_SECONDARY, Address
from gobgp_trio.rtnl.nlmsg import NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from gobgp_trio.rtnl.route import (
    RT_SCOPE_HOST,
    RT_SCOPE_LINK,
    RT_SCOPE_NOWHERE,
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTN_BLACKHOLE,
    RTN_BROADCAST,
    RTN_LOCAL,
    RTN_UNICAST,
    RTPROT_KERNEL,
    KernelRoute,
    Leg,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import nlri_of_address
from tests.fakes.fib6 import Fib6
from tests.fakes.kernel_state import KernelState, Refused, Table

FAMILY = Family.IPV4_UNICAST
LOOKUP_ORDER = (RT_TABLE_LOCAL, RT_TABLE_MAIN)


class Fib4:
    """IPv4 routes of all tables."""

    def __init__(self, state: KernelState, fib6: Fib6) -> None:
        self._state = state
        self._fib6 = fib6
        self.tables: dict[int, Table] = {RT_TABLE_LOCAL: Table(), RT_TABLE_MAIN: Table()}

    def create(self, wanted: KernelRoute, flags: int, port_id: int) -> None:
        """RTM_NEWROUTE (fib_table_insert).

        Raises:
            Refused: EEXIST, ENOENT, or what a next hop is refused for.
        """
        table = self.tables.setdefault(wanted.table_id, Table())
        route = self._resolve(wanted)
        held = table.at(route.nlri)
        same_key = [old for old in held if _key(old) == _key(route)]
        event_flags = NLM_F_EXCL
        if same_key:
            if flags & NLM_F_EXCL:
                raise Refused(errno.EEXIST)
            event_flags = 0
            if flags & NLM_F_REPLACE:
                self._replace_first(table, same_key, route, port_id)
                return
            if route in same_key:
                raise Refused(errno.EEXIST)
            event_flags |= flags & NLM_F_APPEND
        if not flags & NLM_F_CREATE:
            raise Refused(errno.ENOENT)
        table.put(route.nlri, _insert(held, route, behind=bool(flags & NLM_F_APPEND)))
        self._emit(True, route, event_flags | NLM_F_CREATE, port_id)

    def _replace_first(
        self, table: Table, same_key: list[KernelRoute], route: KernelRoute, port_id: int
    ) -> None:
        """The first with the key makes room, whatever its protocol; nobody hears that it went."""
        if route == same_key[0]:
            return
        if route in same_key:
            raise Refused(errno.EEXIST)
        routes = [route if old is same_key[0] else old for old in table.at(route.nlri)]
        table.put(route.nlri, routes)
        self._emit(True, route, NLM_F_REPLACE, port_id)

    def remove(self, wanted: KernelRoute, port_id: int) -> None:
        """RTM_DELROUTE (fib_table_delete): the first that matches all that was given.

        Raises:
            Refused: ESRCH.
        """
        table = self.tables.get(wanted.table_id)
        if table is None:
            raise Refused(errno.ESRCH, "FIB table does not exist")
        for route in table.at(wanted.nlri):
            if _matches(route, wanted):
                self._drop(table, route)
                self._emit(False, route, 0, port_id)
                return
        raise Refused(errno.ESRCH)

    def _resolve(self, wanted: KernelRoute) -> KernelRoute:
        """The route as it will be stored: devices found, or refused."""
        if wanted.route_type >= RTN_BLACKHOLE:
            return replace(wanted, metric=wanted.metric or None, oif=None)
        if wanted.prefsrc is not None and not self._state.is_own(wanted.prefsrc):
            raise Refused(errno.EINVAL, "Invalid prefsrc address")
        legs = tuple(self._resolve_leg(leg, wanted) for leg in wanted.legs)
        if not legs:
            raise Refused(errno.ENODEV)
        metric = wanted.metric or None
        if wanted.nexthops:
            return replace(wanted, metric=metric, nexthops=legs, flags=0)
        return replace(wanted, metric=metric, oif=legs[0].interface_index)

    def _resolve_leg(self, leg: Leg, wanted: KernelRoute) -> Leg:
        if len(leg.gateway) == 16:
            return self._fib6.resolve_leg(leg, wanted.table_id)
        link = self._state.links.get(leg.interface_index)
        if not leg.gateway:
            if link is None:
                raise Refused(errno.ENODEV)
            if not link.up and wanted.scope != RT_SCOPE_HOST:
                raise Refused(errno.ENETDOWN, "Device for nexthop is not up")
            return leg
        if wanted.scope >= RT_SCOPE_LINK:
            raise Refused(errno.EINVAL, "Nexthop has invalid scope")
        if leg.onlink:
            if link is None:
                raise Refused(errno.ENODEV, "Nexthop device required for onlink")
            if not link.up:
                raise Refused(errno.ENETDOWN, "Nexthop device is not up")
            if self._state.is_own(leg.gateway):
                raise Refused(errno.EINVAL, "Nexthop has invalid gateway")
            return leg
        return replace(leg, interface_index=self._find_device(leg, wanted.table_id))

    def _find_device(self, leg: Leg, table_id: int) -> int:
        """The link a gateway is on: by a route of scope link or host, never over a gateway."""
        order: tuple[int, ...] = LOOKUP_ORDER
        if table_id != RT_TABLE_MAIN:
            order = (table_id, *order)
        for looked_up in order:
            table = self.tables.get(looked_up)
            if table is None:
                continue
            for route in table.covering(leg.gateway):
                if route.scope < RT_SCOPE_LINK and route.route_type < RTN_BLACKHOLE:
                    continue
                index = self._usable_device(route, leg.interface_index)
                if index is None:
                    continue
                if route.route_type not in (RTN_UNICAST, RTN_LOCAL):
                    raise Refused(errno.EINVAL, "Nexthop has invalid gateway")
                return index
        raise Refused(errno.ENETUNREACH, "Nexthop has invalid gateway")

    def _usable_device(self, route: KernelRoute, wanted_index: int) -> int | None:
        for leg in route.legs:
            index = leg.interface_index
            if self._state.links[index].up and wanted_index in (0, index):
                return index
        return None

    def _drop(self, table: Table, route: KernelRoute) -> None:
        table.put(route.nlri, [old for old in table.at(route.nlri) if old is not route])

    def _emit(self, new: bool, route: KernelRoute, flags: int, port_id: int = 0) -> None:
        self._state.emit_route(new, self._state.report(route), flags, port_id)

    # --- what happens to routes when links and addresses come and go

    def on_link_down(self, index: int) -> None:
        """All routes over the link go, silently; one with another leg that is up stays."""
        for route in list(self.dump()):
            if route.route_type != RTN_LOCAL:
                self._drop_if_dead(route, index)

    def _drop_if_dead(self, route: KernelRoute, index: int) -> None:
        indexes = {leg.interface_index for leg in route.legs}
        if index in indexes and not any(
            self._state.links[other].up for other in indexes if other != index
        ):
            self._drop(self.tables[route.table_id], route)

    def on_link_up(self, index: int) -> None:
        """The connected routes of the addresses, which stayed, come back."""
        for address in self._state.addresses:
            if address.interface_index == index and address.family is FAMILY:
                self.on_address_added(address)

    def on_address_added(self, address: Address) -> None:
        """The local route, and while the link is up the connected one and the broadcast."""
        for route in self._routes_of(address):
            link = self._state.links[address.interface_index]
            if not link.up and route.route_type != RTN_LOCAL:
                continue
            held = self.tables.setdefault(route.table_id, Table()).at(route.nlri)
            if route not in held:
                self.create(route, NLM_F_CREATE | NLM_F_APPEND, 0)

    def on_address_removed(self, address: Address) -> None:
        """Its routes go, and those that used it as their source, heard.

        With the last address of a link all IPv4 routes over the link go, silently.
        """
        kept = [own for own in self._state.addresses if own.family is FAMILY]
        still = {
            (route.table_id, route.nlri, route.oif)
            for own in kept
            for route in self._routes_of(own)
        }
        connected_first = [*self._routes_of(address)][::-1]
        for route in connected_first:
            table = self.tables[route.table_id]
            for held in table.at(route.nlri):
                same_place = (held.table_id, held.nlri, held.oif)
                if held.protocol == RTPROT_KERNEL and held.oif == route.oif:
                    if same_place in still:
                        continue
                    self._drop(table, held)
                    self._emit(False, held, 0)
        if not self._state.is_own(address.address):
            for route in list(self.dump()):
                if route.prefsrc == address.address:
                    self._drop(self.tables[route.table_id], route)
                    self._emit(False, route, 0)
        index = address.interface_index
        if not any(own.interface_index == index for own in kept):
            for route in list(self.dump()):
                if index in {leg.interface_index for leg in route.legs}:
                    self._drop_if_dead(route, index)

    def _routes_of(self, address: Address) -> Iterator[KernelRoute]:
        """What the kernel installs for an address."""
        index = address.interface_index
        own = KernelRoute(
            family=FAMILY,
            nlri=nlri_of_address(address.address, 32),
            table_id=self._state.local_table_of_link(index),
            protocol=RTPROT_KERNEL,
            metric=None,
            route_type=RTN_LOCAL,
            scope=RT_SCOPE_HOST,
            oif=index,
            prefsrc=self._state.primary_of(address).address,
        )
        yield own
        bits = address.prefix_bits
        network = nlri_of_address(address.network_address, bits)
        hidden = address.flags & (IFA_F_SECONDARY | IFA_F_NOPREFIXROUTE)
        if self._state.links[index].loopback:
            yield replace(own, nlri=network)
        elif not hidden and network != own.nlri:
            yield replace(
                own,
                nlri=network,
                table_id=self._state.table_of_link(index),
                route_type=RTN_UNICAST,
                scope=RT_SCOPE_LINK,
            )
        if bits < 31:
            number = int.from_bytes(address.network_address, "big") | (1 << (32 - bits)) - 1
            yield replace(
                own,
                nlri=b"\x20" + number.to_bytes(4, "big"),
                route_type=RTN_BROADCAST,
                scope=RT_SCOPE_LINK,
            )

    def dump(self) -> Iterator[KernelRoute]:
        for table in self.tables.values():
            for routes in table.routes.values():
                yield from routes


def _key(route: KernelRoute) -> tuple[int, int]:
    return route.tos, route.metric or 0


def _insert(held: list[KernelRoute], route: KernelRoute, *, behind: bool) -> list[KernelRoute]:
    """The routes of a prefix with one more: by falling TOS, then rising metric."""

    def order(one: KernelRoute) -> tuple[int, int]:
        return -one.tos, one.metric or 0

    if behind:
        before = [old for old in held if order(old) <= order(route)]
    else:
        before = [old for old in held if order(old) < order(route)]
    return [*before, route, *held[len(before) :]]


def _matches(route: KernelRoute, wanted: KernelRoute) -> bool:
    """Whether a delete request means this route; what it leaves out matches all."""
    if wanted.tos != route.tos or wanted.route_type not in (0, route.route_type):
        return False
    if wanted.scope not in (RT_SCOPE_NOWHERE, route.scope):
        return False
    if wanted.protocol not in (0, route.protocol):
        return False
    if wanted.metric and wanted.metric != route.metric:
        return False
    if wanted.prefsrc is not None and wanted.prefsrc != route.prefsrc:
        return False
    if wanted.nexthops:
        return wanted.nexthops == route.nexthops
    first = route.legs[0] if route.legs else Leg(b"", 0)
    return wanted.gateway in (None, first.gateway) and wanted.oif in (None, first.interface_index)
