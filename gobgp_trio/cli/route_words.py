"""The route syntax of ``gobgp global rib add`` and ``del``: words on a line into a ``Route``.

``PREFIX`` comes first, then keywords with their values in any order.  Each keyword has one reader
in ``_READERS``; keywords of address families and features that are not there are refused by name,
so that a typed attribute is never dropped silently.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from gobgp_trio.types.attributes import (
    AS_SEQUENCE,
    AS_SET,
    ORIGIN_EGP,
    ORIGIN_IGP,
    ORIGIN_INCOMPLETE,
    AsSegment,
)
from gobgp_trio.types.communities import (
    parse_community,
    parse_large_community,
    parse_route_target,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_address, format_prefix, parse_address, parse_prefix

USAGE = """\
usage: global rib [-a ipv4|ipv6] {command} PREFIX [origin igp|egp|incomplete] [aspath ASPATH]
           [nexthop ADDRESS] [med N] [local-pref N] [community COMMUNITIES]
           [large-community LARGE-COMMUNITIES] [aggregator AS:ADDRESS] [aigp metric N]
           [rt ROUTE-TARGET...]
    ASPATH: AS numbers separated by commas or spaces; {{1,2}} is a set
    COMMUNITIES: AS:VALUE, number or name (no-export ...), separated by commas
    LARGE-COMMUNITIES: A:B:C, separated by commas
    ROUTE-TARGET: AS:N or ADDRESS:N"""

ORIGINS = {"igp": ORIGIN_IGP, "egp": ORIGIN_EGP, "incomplete": ORIGIN_INCOMPLETE}
REFUSED = {
    "identifier": "path identifiers (add-path) are not supported",
    "pmsi": "PMSI tunnels are not supported",
}
U32_MAX = 0xFFFFFFFF
U64_MAX = 0xFFFFFFFFFFFFFFFF

T = TypeVar("T")


class RouteError(ValueError):
    """The words are no route; the message says what was wanted and what was found."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a person typed, checked; addresses as canonical text, route targets as 8 octets each."""

    family: Family
    prefix: str
    next_hop: str
    origin: int = ORIGIN_INCOMPLETE
    as_path: tuple[AsSegment, ...] = ()
    med: int | None = None
    local_pref: int | None = None
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    aggregator: tuple[int, str] | None = None
    aigp_metric: int | None = None
    route_targets: tuple[bytes, ...] = ()


def parse_route(words: list[str], family: Family | None) -> Route:
    """Read the words behind ``add`` or ``del``.

    Args:
        family: what ``-a`` said; None takes the family of the prefix.

    Raises:
        RouteError: a word is missing, unknown, refused, repeated or has an impossible value.
    """
    if not words:
        raise RouteError("a prefix is missing")
    try:
        found_family, nlri = parse_prefix(words[0])
    except ValueError as error:
        raise RouteError(str(error)) from None
    if "/" not in words[0]:
        raise RouteError(f"wanted a prefix with its length, found {words[0]!r}")
    if family is not None and family is not found_family:
        raise RouteError(f"not an {family_word(family)} prefix: {words[0]}")
    route = Route(found_family, format_prefix(found_family, nlri), _no_next_hop(found_family))
    return _read_keywords(route, words[1:])


def family_word(family: Family) -> str:
    """``ipv4`` or ``ipv6``, as ``-a`` takes them."""
    return "ipv4" if family is Family.IPV4_UNICAST else "ipv6"


def _no_next_hop(family: Family) -> str:
    return "0.0.0.0" if family is Family.IPV4_UNICAST else "::"


def _read_keywords(route: Route, words: list[str]) -> Route:
    seen: set[str] = set()
    at = 0
    while at < len(words):
        keyword = words[at]
        if keyword in REFUSED:
            raise RouteError(REFUSED[keyword])
        reader = _READERS.get(keyword)
        if reader is None:
            raise RouteError(f"unknown word {keyword!r} (known: {', '.join(_READERS)})")
        if keyword in seen:
            raise RouteError(f"{keyword!r} stands there twice")
        seen.add(keyword)
        end = _end_of_values(words, at + 1, keyword)
        values = words[at + 1 : end]
        if not values:
            raise RouteError(f"a value is missing behind {keyword!r}")
        route = reader(route, values)
        at = end
    return route


def _end_of_values(words: list[str], start: int, keyword: str) -> int:
    """Where the values end: after one word or two, or for ``rt`` at the next keyword."""
    if keyword != "rt":
        return min(start + (2 if keyword == "aigp" else 1), len(words))
    end = start
    while end < len(words) and words[end] not in _READERS and words[end] not in REFUSED:
        end += 1
    return end


def _read_origin(route: Route, values: list[str]) -> Route:
    if values[0] not in ORIGINS:
        raise RouteError(f"wanted origin igp, egp or incomplete, found {values[0]!r}")
    return replace(route, origin=ORIGINS[values[0]])


def _read_as_path(route: Route, values: list[str]) -> Route:
    return replace(route, as_path=parse_as_path(values[0]))


def _read_next_hop(route: Route, values: list[str]) -> Route:
    address = _read_address(values[0])
    if route.family is Family.IPV6_UNICAST and ":" not in address:
        raise RouteError(f"an IPv6 route needs an IPv6 next hop, found {values[0]!r}")
    return replace(route, next_hop=address)


def _read_med(route: Route, values: list[str]) -> Route:
    return replace(route, med=_read_number(values[0], "med"))


def _read_local_pref(route: Route, values: list[str]) -> Route:
    return replace(route, local_pref=_read_number(values[0], "local-pref"))


def _read_communities(route: Route, values: list[str]) -> Route:
    return replace(route, communities=_read_all(values[0].split(","), parse_community))


def _read_large_communities(route: Route, values: list[str]) -> Route:
    large = _read_all(values[0].split(","), parse_large_community)
    return replace(route, large_communities=large)


def _read_aggregator(route: Route, values: list[str]) -> Route:
    asn, colon, address = values[0].partition(":")
    if not colon or ":" in address:
        raise RouteError(f"wanted an aggregator AS:IPv4-ADDRESS, found {values[0]!r}")
    return replace(route, aggregator=(parse_as_number(asn), _read_address(address)))


def _read_aigp(route: Route, values: list[str]) -> Route:
    if values[0] != "metric" or len(values) != 2:
        raise RouteError(f"wanted aigp metric N, found aigp {' '.join(values)}")
    metric = values[1]
    if not metric.isdecimal() or int(metric) > U64_MAX:
        raise RouteError(f"wanted a number from 0 to {U64_MAX} behind 'metric', found {metric!r}")
    return replace(route, aigp_metric=int(metric))


def _read_route_targets(route: Route, values: list[str]) -> Route:
    return replace(route, route_targets=_read_all(values, parse_route_target))


_READERS: dict[str, Callable[[Route, list[str]], Route]] = {
    "origin": _read_origin,
    "aspath": _read_as_path,
    "nexthop": _read_next_hop,
    "med": _read_med,
    "local-pref": _read_local_pref,
    "community": _read_communities,
    "large-community": _read_large_communities,
    "aggregator": _read_aggregator,
    "aigp": _read_aigp,
    "rt": _read_route_targets,
}


def parse_as_path(text: str) -> tuple[AsSegment, ...]:
    """Read ``"10 20 {30,40}"``; AS numbers separated by spaces or commas, asdot allowed.

    Raises:
        RouteError: what stands there is no AS number, or a brace has no partner.
    """
    segments: list[AsSegment] = []
    for piece in re.findall(r"\{[^{}]*\}|[^{}]+", text):
        is_set = piece.startswith("{")
        words = re.split(r"[\s,]+", piece.strip("{}"))
        numbers = tuple(parse_as_number(word) for word in words if word)
        if numbers:
            segments.append((AS_SET if is_set else AS_SEQUENCE, numbers))
    if text.count("{") != text.count("}") or sum(len(n) for _, n in segments) == 0:
        raise RouteError(f'wanted an AS path like "10 20 {{30,40}}", found {text!r}')
    for _, numbers in segments:
        if len(numbers) > 255:
            raise RouteError(f"at most 255 AS numbers in a row, found {len(numbers)}")
    return tuple(segments)


def parse_as_number(text: str) -> int:
    """Read ``65000``, or ``1.10`` in asdot (RFC 5396).

    Raises:
        RouteError: not an AS number of 32 bits.
    """
    high, dot, low = text.partition(".")
    if dot and high.isdecimal() and low.isdecimal() and int(high) < 65536 and int(low) < 65536:
        return int(high) << 16 | int(low)
    if text.isdecimal() and int(text) <= U32_MAX:
        return int(text)
    raise RouteError(f"wanted an AS number, found {text!r}")


def _read_address(text: str) -> str:
    try:
        return format_address(parse_address(text))
    except ValueError as error:
        raise RouteError(str(error)) from None


def _read_number(text: str, keyword: str) -> int:
    if not text.isdecimal() or int(text) > U32_MAX:
        raise RouteError(f"wanted a number from 0 to {U32_MAX} behind {keyword!r}, found {text!r}")
    return int(text)


def _read_all(words: list[str], parse: Callable[[str], T]) -> tuple[T, ...]:
    try:
        return tuple(parse(word) for word in words if word)
    except ValueError as error:
        raise RouteError(str(error)) from None
