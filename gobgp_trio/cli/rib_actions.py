"""Reading a table over the API and printing it; ``global`` and ``neighbor`` share this."""

import time
from ipaddress import ip_address, ip_network

from gobgp_trio.api.pb.api import (
    GetTableRequest,
    GoBgpServiceStub,
    ListPathRequest,
    ListPathRequestSortType,
    TableLookupPrefix,
    TableLookupPrefixType,
    TableType,
)
from gobgp_trio.cli.connection import call, stream_octets
from gobgp_trio.cli.errors import CommandError
from gobgp_trio.cli.families import parse_family
from gobgp_trio.cli.output import show, write_json, write_text
from gobgp_trio.cli.rib_json import paths_json
from gobgp_trio.cli.rib_text import TableKind, format_paths, format_summary
from gobgp_trio.cli.rib_view import PathView, Viewer, sorted_by_network
from gobgp_trio.cli.route_message import family_message
from gobgp_trio.cli.settings import Settings
from gobgp_trio.types.family import Family

LIST_PATH = "/api.GoBgpService/ListPath"
TABLE_TYPES = {
    TableKind.GLOBAL: TableType.GLOBAL,
    TableKind.EXPLAINED: TableType.GLOBAL,
    TableKind.ADJ_IN: TableType.ADJ_IN,
    TableKind.ADJ_OUT: TableType.ADJ_OUT,
}
LOOKUP_WORDS = {
    "longer-prefixes": TableLookupPrefixType.TYPE_LONGER,
    "shorter-prefixes": TableLookupPrefixType.TYPE_SHORTER,
}


def parse_lookup(words: tuple[str, ...]) -> TableLookupPrefix | None:
    """Which prefixes are asked for; None for all.

    Raises:
        CommandError: the words are no prefix or address, or more follows than a known word.
    """
    if not words:
        return None
    text = words[0]
    try:
        canonical = str(ip_network(text, strict=False) if "/" in text else ip_address(text))
    except ValueError:
        raise CommandError("invalid CIDR/IP") from None
    kind = TableLookupPrefixType.TYPE_EXACT
    if len(words) > 1:
        found = [name for name in LOOKUP_WORDS if name.startswith(words[1])]
        if len(found) != 1 or len(words) > 2:
            raise CommandError("invalid format for route filtering")
        kind = LOOKUP_WORDS[found[0]]
    return TableLookupPrefix(prefix=canonical, type=TableLookupPrefixType(kind))


def choose_family(settings: Settings, *addresses: str) -> Family:
    """What ``-a`` said, else the family of the first address text that has one, else IPv4."""
    said = parse_family(settings.family)
    if said is not None:
        return said
    first = next((text for text in addresses if text), "")
    return Family.IPV6_UNICAST if ":" in first else Family.IPV4_UNICAST


def read_paths(
    settings: Settings,
    kind: TableKind,
    family: Family,
    lookup: TableLookupPrefix | None,
    neighbor: str = "",
) -> list[PathView]:
    """The paths of a table, sorted by network."""
    request = ListPathRequest(
        table_type=TableType(TABLE_TYPES[kind]),
        name=neighbor,
        family=family_message(family),
        prefixes=[lookup] if lookup is not None else [],
        sort_type=ListPathRequestSortType(ListPathRequestSortType.SORT_TYPE_PREFIX),
        enable_filtered=kind in (TableKind.ADJ_IN, TableKind.ADJ_OUT),
    )

    async def collect(api: GoBgpServiceStub) -> list[PathView]:
        viewer = Viewer()
        views: list[PathView] = []
        async for octets in stream_octets(api, LIST_PATH, request):
            views += viewer.read(octets)
        return views

    return sorted_by_network(call(settings, collect))


def print_paths(settings: Settings, kind: TableKind, views: list[PathView]) -> None:
    """The table as text or JSON."""
    if settings.json:
        write_json(paths_json(views))
    else:
        write_text(format_paths(views, kind, time.time()))


def show_summary(settings: Settings, kind: TableKind, family: Family, neighbor: str = "") -> None:
    """How much the table holds, as text or JSON."""
    request = GetTableRequest(
        table_type=TableType(TABLE_TYPES[kind]), family=family_message(family), name=neighbor
    )
    answer = call(settings, lambda api: api.get_table(request))
    show(settings, answer, lambda table: format_summary(table, family))
