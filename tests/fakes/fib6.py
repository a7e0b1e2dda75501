"""The IPv6 half of the fake kernel's routing tables.

Unlike IPv4, each next hop is an entry of its own; entries of one metric that go over a gateway are
siblings and are reported as one multipath route, even when their protocols differ.  The rules are
those seen on Linux 6.18; ``netns-tests/test_fake_kernel_conformance.py`` runs the same scripts on
both.
"""

import errno
from collections.abc import Iterator
from dataclasses import replace

from gobgp_trio.rtnl.address import IFA_F_NOPREFIXROUTE, Address
from gobgp_trio.rtnl.nlmsg import NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from gobgp_trio.rtnl.route import (
    IP6_RT_PRIO_USER,
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTN_BLACKHOLE,
    RTN_LOCAL,
    RTPROT_KERNEL,
    KernelRoute,
    Leg,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import is_link_local, nlri_of_address
from tests.fakes.kernel_state import KernelState, Refused, Table

FAMILY = Family.IPV6_UNICAST
LOOKUP_ORDER = (RT_TABLE_LOCAL, RT_TABLE_MAIN)
IP6_RT_PRIO_ADDRCONF = 256


class Fib6:
    """IPv6 routes of all tables; a stored route has one next hop at the most."""

    def __init__(self, state: KernelState) -> None:
        self._state = state
        self.tables: dict[int, Table] = {RT_TABLE_LOCAL: Table(), RT_TABLE_MAIN: Table()}

    def create(self, wanted: KernelRoute, flags: int, port_id: int) -> None:
        """RTM_NEWROUTE (fib6_add_rt2node, once per next hop).

        Raises:
            Refused: EEXIST, ENOENT, or what a next hop is refused for.
        """
        table = self.tables.setdefault(wanted.table_id, Table())
        entries = self._resolve(wanted)
        event_flags = self._add(table, entries[0], flags)
        for entry in entries[1:]:
            # What follows the first is added beside it, whatever the request said.
            self._add(table, entry, (flags | NLM_F_CREATE) & ~(NLM_F_EXCL | NLM_F_REPLACE))
        first = entries[0]
        if wanted.nexthops:
            # The event repeats the request, even when there was nothing to replace.
            event_flags = flags & (NLM_F_REPLACE | NLM_F_APPEND) or NLM_F_CREATE
        group = _group_of(table.at(first.nlri), first)
        # A single one that joined tells of itself first, a multipath request of all in order.
        report = self._report_group(group, group[0] if wanted.nexthops else first)
        self._state.emit_route(True, report, event_flags, port_id)

    def _add(self, table: Table, entry: KernelRoute, flags: int) -> int:
        """Put one entry in its place; the flags of the event that tells it."""
        held = table.at(entry.nlri)
        same_metric = [old for old in held if old.metric == entry.metric]
        if same_metric and flags & NLM_F_EXCL:
            raise Refused(errno.EEXIST)
        if flags & NLM_F_REPLACE and same_metric:
            self._replace(table, same_metric, entry)
            return NLM_F_REPLACE
        if flags & NLM_F_REPLACE and not flags & NLM_F_CREATE:
            raise Refused(errno.ENOENT, "Can not replace route - no match found")
        if any(_same_hop(old, entry) for old in same_metric):
            raise Refused(errno.EEXIST)
        before = [old for old in held if (old.metric or 0) <= (entry.metric or 0)]
        table.put(entry.nlri, [*before, entry, *held[len(before) :]])
        event_flags = NLM_F_CREATE | flags & NLM_F_APPEND
        return event_flags if same_metric else event_flags | NLM_F_EXCL

    def _replace(self, table: Table, same_metric: list[KernelRoute], entry: KernelRoute) -> None:
        """The first of the like makes room, and all its siblings with it, silently."""
        like = [old for old in same_metric if _has_siblings(old) == _has_siblings(entry)]
        victim = (like or same_metric)[0]
        gone = [victim]
        if _has_siblings(victim):
            gone = [old for old in same_metric if _has_siblings(old)]
        routes = []
        for old in table.at(entry.nlri):
            if old is victim:
                routes.append(entry)
            elif not any(old is other for other in gone):
                routes.append(old)
        table.put(entry.nlri, routes)

    def remove(self, wanted: KernelRoute, port_id: int) -> None:
        """RTM_DELROUTE: one entry when a gateway is given, else the entry and its siblings.

        Raises:
            Refused: ESRCH; of several legs the others are gone all the same.
        """
        table = self.tables.get(wanted.table_id)
        if table is None:
            raise Refused(errno.ESRCH, "FIB table does not exist")
        if not wanted.nexthops:
            self._remove_one(table, wanted, port_id)
            return
        failure: Refused | None = None
        for leg in wanted.nexthops:
            single = replace(
                wanted, nexthops=(), gateway=leg.gateway or None, oif=leg.interface_index or None
            )
            try:
                self._remove_one(table, single, port_id)
            except Refused as refusal:
                failure = refusal
        if failure is not None:
            raise failure

    def _remove_one(self, table: Table, wanted: KernelRoute, port_id: int) -> None:
        for entry in table.at(wanted.nlri):
            if not _matches(entry, wanted):
                continue
            group = [entry]
            if wanted.gateway is None:
                group = _group_of(table.at(entry.nlri), entry)
            report = self._report_group(group, entry)
            for gone in group:
                self._drop(table, gone)
            self._state.emit_route(False, report, 0, port_id)
            return
        raise Refused(errno.ESRCH)

    def _resolve(self, wanted: KernelRoute) -> list[KernelRoute]:
        """The entries a request asks for: devices found, or refused."""
        metric = wanted.metric or IP6_RT_PRIO_USER
        if wanted.protocol == RTPROT_KERNEL and wanted.metric == 0:
            metric = 0  # the kernel's own local routes
        base = replace(wanted, metric=metric, nexthops=(), flags=0)
        if wanted.route_type >= RTN_BLACKHOLE:
            return [replace(base, gateway=None, oif=1)]
        if wanted.prefsrc is not None and not self._state.is_own(wanted.prefsrc):
            raise Refused(errno.EINVAL, "Invalid source address")
        if not wanted.legs:
            raise Refused(errno.ENODEV)
        entries = []
        for leg in wanted.legs:
            if wanted.nexthops and not leg.gateway:
                text = "Device only routes can not be added for IPv6 using the multipath API."
                raise Refused(errno.EINVAL, text)
            found = self.resolve_leg(leg, wanted.table_id)
            flags = 4 if leg.onlink else 0
            entries.append(
                replace(
                    base,
                    gateway=leg.gateway or None,
                    oif=found.interface_index,
                    flags=flags | (leg.weight - 1) << WEIGHT_SHIFT,
                )
            )
        return entries

    def resolve_leg(self, leg: Leg, table_id: int) -> Leg:
        """The leg with its device (fib6_nh_init); also for an IPv4 route over an IPv6 gateway."""
        link = self._state.links.get(leg.interface_index)
        if link is None and leg.interface_index:
            raise Refused(errno.ENODEV)
        if leg.onlink:
            if link is None:
                raise Refused(errno.ENODEV, "Nexthop device required for onlink")
            if not link.up:
                raise Refused(errno.ENETDOWN, "Nexthop device is not up")
        if leg.gateway:
            leg = self._check_gateway(leg, table_id)
        link = self._state.links.get(leg.interface_index)
        if link is None:
            raise Refused(errno.ENODEV)
        if not link.up:
            raise Refused(errno.ENETDOWN, "Nexthop device is not up")
        return leg

    def _check_gateway(self, leg: Leg, table_id: int) -> Leg:
        """ip6_validate_gw."""
        if self._is_own_gateway(leg):
            raise Refused(errno.EINVAL, "Gateway can not be a local address")
        if is_link_local(leg.gateway):
            if not leg.interface_index:
                raise Refused(errno.EINVAL, "Egress device not specified")
        elif not leg.onlink:
            leg = replace(leg, interface_index=self._find_device(leg, table_id))
        if self._state.links[leg.interface_index].loopback:
            text = "Egress device can not be loopback device for this route"
            raise Refused(errno.EINVAL, text)
        return leg

    def _is_own_gateway(self, leg: Leg) -> bool:
        return any(
            held.address == leg.gateway
            and (not is_link_local(leg.gateway) or held.interface_index == leg.interface_index)
            for held in self._state.addresses
        )

    def _find_device(self, leg: Leg, table_id: int) -> int:
        """The link a gateway is on: the longest match must be neither via a gateway nor reject."""
        for looked_up in ((table_id,), LOOKUP_ORDER):
            found = self._look_up(looked_up, leg)
            if found is None or found.gateway is not None or found.route_type >= RTN_BLACKHOLE:
                continue
            if found.oif is not None:
                return found.oif
        raise Refused(errno.EHOSTUNREACH)

    def _look_up(self, table_ids: tuple[int, ...], leg: Leg) -> KernelRoute | None:
        """The longest match for a gateway, over the leg's own link when it names one."""
        for table_id in table_ids:
            table = self.tables.get(table_id)
            for route in table.covering(leg.gateway) if table else []:
                if leg.interface_index in (0, route.oif):
                    return route
        return None

    def _drop(self, table: Table, route: KernelRoute) -> None:
        table.put(route.nlri, [old for old in table.at(route.nlri) if old is not route])

    def _report_group(self, group: list[KernelRoute], first: KernelRoute) -> KernelRoute:
        """Siblings as one multipath route, starting at ``first``."""
        if len(group) == 1:
            return self._state.report(replace(first, flags=first.flags & 0xFF))
        ordered = [first, *(entry for entry in group if entry is not first)]
        legs = tuple(
            Leg(
                entry.gateway or b"",
                entry.oif or 0,
                (entry.flags >> WEIGHT_SHIFT) + 1,
                bool(entry.flags & 4),
            )
            for entry in ordered
        )
        return self._state.report(replace(first, gateway=None, oif=None, flags=0, nexthops=legs))

    # --- what happens to routes when links and addresses come and go

    def on_link_down(self, index: int) -> None:
        """Routes over the link go, heard; of siblings only when no other link of theirs is up."""
        for table_id in sorted(self.tables):
            table = self.tables[table_id]
            for nlri in sorted(table.routes):
                held = table.at(nlri)
                for entry in held:
                    indexes = {one.oif for one in _group_of(held, entry)}
                    if index in indexes and not any(
                        self._state.links[other or 0].up for other in indexes - {index}
                    ):
                        self._drop(table, entry)
                        self._state.emit_route(False, self._report_group([entry], entry), 0, 0)

    def on_address_added(self, address: Address) -> None:
        """The local route and, unless told not to, the connected one."""
        for route in self._routes_of(address):
            table = self.tables.setdefault(route.table_id, Table())
            if any(
                held.protocol == RTPROT_KERNEL and _same_hop(held, route)
                for held in table.at(route.nlri)
            ):
                continue
            self.create(route, NLM_F_CREATE, 0)

    def on_address_removed(self, address: Address) -> None:
        """Its routes go, heard; those over gateways of the network stay."""
        still = {
            (route.table_id, route.nlri, route.oif)
            for own in self._state.addresses
            if own.family is FAMILY
            for route in self._routes_of(own)
        }
        local_first = [*self._routes_of(address)][::-1]
        for route in local_first:
            table = self.tables[route.table_id]
            if (route.table_id, route.nlri, route.oif) in still:
                continue
            for held in table.at(route.nlri):
                if held.protocol == RTPROT_KERNEL and held.oif == route.oif:
                    self._drop(table, held)
                    self._state.emit_route(False, self._report_group([held], held), 0, 0)

    def _routes_of(self, address: Address) -> Iterator[KernelRoute]:
        """What the kernel installs for an address."""
        index = address.interface_index
        own = KernelRoute(
            family=FAMILY,
            nlri=nlri_of_address(address.address, 128),
            table_id=self._state.local_table_of_link(index),
            protocol=RTPROT_KERNEL,
            metric=0,
            route_type=RTN_LOCAL,
            oif=index,
        )
        if not address.flags & IFA_F_NOPREFIXROUTE and not self._state.links[index].loopback:
            yield replace(
                own,
                nlri=nlri_of_address(address.network_address, address.prefix_bits),
                table_id=self._state.table_of_link(index),
                metric=IP6_RT_PRIO_ADDRCONF,
                route_type=1,
            )
        yield own

    def dump(self) -> Iterator[KernelRoute]:
        """The routes as reported: siblings together."""
        for table in self.tables.values():
            for routes in table.routes.values():
                told: list[KernelRoute] = []
                for entry in routes:
                    if any(entry is other for other in told):
                        continue
                    group = _group_of(routes, entry)
                    told += group
                    yield self._report_group(group, entry)


WEIGHT_SHIFT = 8  # a stored entry keeps its weight - 1 above the eight RTNH_F_* bits


def _has_siblings(entry: KernelRoute) -> bool:
    """Whether an entry can be a leg of a multipath route (rt6_qualify_for_ecmp)."""
    return entry.gateway is not None


def _group_of(routes: list[KernelRoute], entry: KernelRoute) -> list[KernelRoute]:
    if not _has_siblings(entry):
        return [entry]
    return [one for one in routes if one.metric == entry.metric and _has_siblings(one)]


def _same_hop(one: KernelRoute, other: KernelRoute) -> bool:
    return (one.metric, one.gateway, one.oif) == (other.metric, other.gateway, other.oif)


def _matches(entry: KernelRoute, wanted: KernelRoute) -> bool:
    """Whether a delete request means this entry; what it leaves out matches all."""
    return (
        wanted.oif in (None, entry.oif)
        and wanted.gateway in (None, entry.gateway)
        and (not wanted.metric or wanted.metric == entry.metric)
        and wanted.protocol in (0, entry.protocol)
    )
