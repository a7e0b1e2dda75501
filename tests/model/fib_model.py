"""What the kernel's FIB must be, worked out the slow and plain way from first principles.

Why it exists: the daemon keeps the FIB by increments, batches, caches and repairs; this says from
the present facts alone what all of that must come to.  It imports nothing of the package: prefixes
and addresses are ``ipaddress`` values, everything else plain tuples.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network
MAIN = 254

# (table, metric as the kernel reports it, prefix) -> (gateway, link index) of each leg.
Fib = dict[tuple[int, int, IpNetwork], frozenset[tuple[IpAddress, int]]]


@dataclass(frozen=True)
class ModelPath:
    """One source's offer.  Local preference alone decides; no two offers of a prefix share one."""

    local_pref: int
    next_hop: str
    communities: frozenset[str] = frozenset()  # standard "65000:1" and large "65000:1:2" alike
    session_link: int = 0
    imported: bool = False


@dataclass(frozen=True)
class ModelRule:
    """One export rule; without communities it takes every path."""

    communities: frozenset[str]
    table: int
    metric: int
    validate: bool


@dataclass(frozen=True)
class ModelRoute:
    """A kernel route that is not ours; ``hops`` are (gateway or None, link index, onlink)."""

    table: int
    metric: int
    prefix: IpNetwork
    forwards: bool
    hops: tuple[tuple[IpAddress | None, int, bool], ...]


@dataclass(frozen=True)
class Facts:
    """The kernel without our routes.  ``running`` links have their carrier, ``up`` are on."""

    up: frozenset[int]
    running: frozenset[int]
    own_addresses: frozenset[IpAddress]
    routes: Sequence[ModelRoute]


class NoWay(Exception):
    """The next hop cannot be used."""


def expected_fib(
    offers: Mapping[str, Iterable[ModelPath]],
    rules: Sequence[ModelRule],
    facts: Facts,
    *,
    via_default: bool,
) -> Fib:
    """Every route of ours that the kernel must have, and no other."""
    fib: Fib = {}
    taken = {(route.table, route.metric, route.prefix) for route in facts.routes}
    for text, paths in offers.items():
        prefix = ip_network(text)
        best = max(paths, key=lambda path: path.local_pref, default=None)
        if best is None or best.imported:
            continue
        decided: set[tuple[int, int]] = set()
        for rule in rules:
            metric = 1024 if prefix.version == 6 and rule.metric == 0 else rule.metric
            place = (rule.table, metric)
            if place in decided or (rule.communities and not rule.communities & best.communities):
                continue
            decided.add(place)  # the first matching rule of a place decides about validation
            key = (rule.table, metric, prefix)
            if key in taken:
                continue
            try:
                legs = _legs(best, rule, facts, via_default)
            except NoWay:
                continue
            fib[key] = frozenset(legs)
    return fib


def _legs(
    path: ModelPath, rule: ModelRule, facts: Facts, via_default: bool
) -> set[tuple[IpAddress, int]]:
    hop = ip_address(path.next_hop)
    if hop.version == 6 and hop.is_link_local:
        if path.session_link not in facts.running:
            raise NoWay
        return {(hop, path.session_link)}
    if not rule.validate:
        return {(hop, _device_the_kernel_finds(hop, facts))}
    if hop in facts.own_addresses:
        raise NoWay
    return _follow(hop, facts, via_default, ())


def _follow(
    address: IpAddress, facts: Facts, via_default: bool, seen: tuple[IpAddress, ...]
) -> set[tuple[IpAddress, int]]:
    """Down the routes of others to gateways on a link of ours."""
    if len(seen) == 8:
        raise NoWay
    for route in _covering(address, facts):
        if route.prefix.prefixlen == 0 and not via_default:
            raise NoWay
        if not route.forwards:
            raise NoWay
        legs: set[tuple[IpAddress, int]] = set()
        for gateway, link, onlink in route.hops:
            if link not in facts.running:
                continue
            if gateway is None:
                legs.add((address, link))
            elif onlink or gateway == address or (gateway.version == 6 and gateway.is_link_local):
                legs.add((gateway, link))
            elif gateway not in seen:
                try:
                    found = _follow(gateway, facts, via_default, (*seen, address))
                except NoWay:
                    continue
                over_the_same_link = {leg for leg in found if leg[1] == link}
                legs |= over_the_same_link or found
        if legs:
            return legs
        raise NoWay
    raise NoWay


def _covering(address: IpAddress, facts: Facts) -> list[ModelRoute]:
    """The routes of the main table that hold an address: longest, then least metric, first."""
    return sorted(
        (r for r in facts.routes if r.table == MAIN and _holds(r.prefix, address)),
        key=lambda route: (-route.prefix.prefixlen, route.metric),
    )


def _holds(prefix: IpNetwork, address: IpAddress) -> bool:
    return prefix.version == address.version and address in prefix


def _device_the_kernel_finds(hop: IpAddress, facts: Facts) -> int:
    """Without validation the kernel decides: a gateway must be on a link that is switched on.

    IPv4 takes the longest match that is on a link itself, IPv6 asks that of the longest match.
    """
    for route in _covering(hop, facts):
        for gateway, link, _ in route.hops:
            if route.forwards and gateway is None and link in facts.up:
                return link
        if hop.version == 6:
            break
    raise NoWay
