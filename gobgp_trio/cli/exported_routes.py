"""Answers of ListNetlinkExport read from their octets: a table of them may be a full one.

All routes that one rule wrote alike differ in nothing but the prefix, so what follows it is read
once for each distinct octets.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from gobgp_trio.api.wire import FieldValue, as_number, as_octets, as_text, walk_fields


@dataclass(frozen=True, slots=True)
class ExportedRoute:
    """One kernel route of ours; fields and their order as in ``api``'s ``ExportedRoute``.

    Attributes:
        nexthop: the only next hop; ``""`` when there are several.
        exported_at: seconds since the epoch.
    """

    prefix: str = ""
    nexthop: str = ""
    vrf: str = ""
    table_id: int = 0
    metric: int = 0
    rule_name: str = ""
    exported_at: int = 0
    nexthops: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fields that have a value."""
        return {name: value for name, value in asdict(self).items() if value}


_TEXTS = {2: "nexthop", 3: "vrf", 6: "rule_name"}
_NUMBERS = {4: "table_id", 5: "metric", 7: "exported_at"}
_PREFIX, _NEXT_HOPS = 1, 8


class ExportedRouteReader:
    """Reads the messages of one stream."""

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[int, FieldValue], ...], ExportedRoute] = {}

    def read(self, octets: bytes) -> ExportedRoute:
        """The route of one ``ListNetlinkExportResponse``.

        Raises:
            MalformedMessage: the octets are no such message.
        """
        prefix = ""
        rest: list[tuple[int, FieldValue]] = []
        for number, value in walk_fields(octets):
            if number == 1:
                for inner_number, inner in walk_fields(as_octets(value)):
                    if inner_number == _PREFIX:
                        prefix = as_text(inner)
                    else:
                        rest.append((inner_number, inner))
        key = tuple(rest)
        route = self._kept.get(key)
        if route is None:
            route = self._kept[key] = _read_rest(key)
        return replace(route, prefix=prefix)


def _read_rest(fields: tuple[tuple[int, FieldValue], ...]) -> ExportedRoute:
    found: dict[str, Any] = {}
    next_hops: list[str] = []
    for number, value in fields:
        if number in _TEXTS:
            found[_TEXTS[number]] = as_text(value)
        elif number in _NUMBERS:
            found[_NUMBERS[number]] = as_number(value)
        elif number == _NEXT_HOPS:
            next_hops.append(as_text(value))
    return ExportedRoute(**found, nexthops=tuple(next_hops))
