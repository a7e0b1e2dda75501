"""Next-hop resolution: from a BGP next hop to the gateway and device the kernel is given.

The kernel takes only gateways that are on-link, so a next hop is followed through the routes of
others (static, connected, another daemon's) down to an on-link gateway.  Never through routes we
installed, and through a default route only when the operator says so: otherwise every next hop
would resolve on a host that has one.  Answers are kept per (table, next hop, interface) and worked
out again when something they depend on changes.
"""

from collections.abc import Iterator, Set

from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rtnl.route import RTN_UNICAST, KernelRoute, Leg
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_address, format_prefix, is_link_local, unicast_family

MAX_DEPTH = 8

Legs = tuple[Leg, ...]


class NextHop:
    """A next hop and what it resolves to now.  One object serves every route that uses it.

    Attributes:
        address: the BGP next hop, 4 or 16 octets.
        legs: sorted on-link gateways and devices, or None while it is unreachable.
        reason: why ``legs`` is None, for people; ``""`` otherwise.
        way: every address that was looked up on the way to the answer.
    """

    __slots__ = ("address", "interface_index", "legs", "reason", "table_id", "validate", "way")

    def __init__(
        self, table_id: int, address: bytes, interface_index: int, *, validate: bool
    ) -> None:
        self.table_id = table_id
        self.address = address
        self.interface_index = interface_index
        self.validate = validate
        self.legs: Legs | None = None
        self.reason = ""
        self.way: tuple[bytes, ...] = (address,)

    def __repr__(self) -> str:
        return f"NextHop({format_address(self.address)}, {self.legs}, {self.reason!r})"


class Unreachable(Exception):
    """A next hop cannot be used; the text says why."""


class Resolver:
    """Tracks next hops against a view of the kernel."""

    def __init__(self, view: KernelView, *, via_default: bool) -> None:
        self.view = view
        self.via_default = via_default
        self._tracked: dict[tuple[int, bytes, int, bool], NextHop] = {}
        self._interned: dict[Legs, Legs] = {}
        self._way: list[bytes] = []  # of the next hop being resolved

    def __len__(self) -> int:
        return len(self._tracked)

    def track(
        self, table_id: int, address: bytes, interface_index: int, *, validate: bool
    ) -> NextHop:
        """The next hop's object, resolved.  The interface matters for link-local ones only."""
        if not is_link_local(address) or len(address) == 4:
            interface_index = 0
        key = (table_id, address, interface_index, validate)
        hop = self._tracked.get(key)
        if hop is None:
            hop = self._tracked[key] = NextHop(
                table_id, address, interface_index, validate=validate
            )
            self._resolve(hop)
        return hop

    def forget_all_but(self, used: Set[NextHop | None]) -> None:
        """Stop tracking the next hops no route uses any more."""
        self._tracked = {key: hop for key, hop in self._tracked.items() if hop in used}
        self._interned = {hop.legs: hop.legs for hop in self._tracked.values() if hop.legs}

    def refresh(self, changes: ViewChanges) -> Iterator[NextHop]:
        """Resolve again what the changes may touch; yields the next hops whose answer changed.

        A generator, so that a caller with very many next hops may pause between them.
        """
        for hop in self._touched(changes):
            before = hop.legs
            self._resolve(hop)
            if hop.legs != before:
                yield hop

    def _touched(self, changes: ViewChanges) -> list[NextHop]:
        if changes.everything or changes.links or changes.addresses or len(changes.routes) > 1000:
            return list(self._tracked.values())
        touched: dict[NextHop, None] = {}
        for _, family, nlri in changes.routes:
            bits = nlri[0]
            width = family.address_bits
            network = int.from_bytes(nlri[1:].ljust(width // 8, b"\0"), "big") >> (width - bits)
            for hop in self._tracked.values():
                if len(hop.address) * 8 != width:
                    continue
                if self._passes_through(hop, network, width - bits):
                    touched[hop] = None
        return list(touched)

    def _passes_through(self, hop: NextHop, network: int, shift: int) -> bool:
        """Whether the prefix covers an address that was looked up for this next hop."""
        return any(
            len(address) == len(hop.address) and int.from_bytes(address, "big") >> shift == network
            for address in hop.way
        )

    def _resolve(self, hop: NextHop) -> None:
        self._way = [hop.address]
        try:
            legs = self._legs_of(hop)
        except Unreachable as why:
            hop.legs, hop.reason = None, str(why)
        else:
            hop.legs, hop.reason = self._interned.setdefault(legs, legs), ""
        hop.way = tuple(dict.fromkeys(self._way))

    def _legs_of(self, hop: NextHop) -> Legs:
        address = hop.address
        if is_link_local(address) and len(address) == 16:
            return self._link_local_leg(hop)
        if not hop.validate:
            return self._as_it_is(hop)
        if address in self.view.own_addresses:
            raise Unreachable(f"{format_address(address)} is one of this host's own addresses")
        legs = self._follow(hop.table_id, address, ())
        return tuple(sorted(set(legs), key=lambda leg: (leg.gateway, leg.interface_index)))

    def _link_local_leg(self, hop: NextHop) -> Legs:
        if not hop.interface_index:
            raise Unreachable("a link-local next hop needs the session's interface")
        if not self.view.is_usable(hop.interface_index):
            raise Unreachable(f"{self._link_name(hop.interface_index)} is down")
        return (Leg(hop.address, hop.interface_index),)

    def _as_it_is(self, hop: NextHop) -> Legs:
        """Without validation the kernel is asked to take the next hop as it stands.

        Where it is on-link we name the device all the same: the kernel would choose it, and a
        route whose device we know can be followed when the link goes down.
        """
        route = self._match(hop.table_id, hop.address)
        if route is not None and route.route_type == RTN_UNICAST:
            for leg in route.legs:
                if not leg.gateway and self.view.is_usable(leg.interface_index):
                    return (Leg(hop.address, leg.interface_index),)
        return (Leg(hop.address, 0),)

    def _follow(self, table_id: int, address: bytes, seen: tuple[bytes, ...]) -> list[Leg]:
        if len(seen) >= MAX_DEPTH:
            raise Unreachable(f"more than {MAX_DEPTH} routes on the way")
        self._way.append(address)
        route = self._match(table_id, address)
        if route is None:
            raise Unreachable(f"no route to {format_address(address)}")
        if route.route_type != RTN_UNICAST:
            raise Unreachable(f"the route to {format_address(address)} forwards nothing")
        usable: list[Leg] = []
        for leg in route.legs:
            if not self.view.is_usable(leg.interface_index):
                continue
            if not leg.gateway:
                usable.append(Leg(address, leg.interface_index))
            elif leg.onlink:  # the kernel would refuse this gateway without being told the same
                usable.append(Leg(leg.gateway, leg.interface_index, onlink=True))
            elif leg.gateway == address or is_link_local(leg.gateway):
                usable.append(Leg(leg.gateway, leg.interface_index))
            elif leg.gateway not in seen:
                usable += self._through_gateway(table_id, leg, (*seen, address))
        if not usable:
            prefix = format_prefix(route.family, route.nlri)
            raise Unreachable(f"no usable link in the route {prefix}")
        return usable

    def _through_gateway(self, table_id: int, leg: Leg, seen: tuple[bytes, ...]) -> list[Leg]:
        try:
            further = self._follow(table_id, leg.gateway, seen)
        except Unreachable:
            return []
        pinned = [found for found in further if found.interface_index == leg.interface_index]
        return pinned or further

    def _match(self, table_id: int, address: bytes) -> KernelRoute | None:
        family: Family = unicast_family(len(address))
        return self.view.table(table_id, family).match(address, with_default=self.via_default)

    def _link_name(self, index: int) -> str:
        link = self.view.links.get(index)
        return link.name if link is not None else f"link {index}"
