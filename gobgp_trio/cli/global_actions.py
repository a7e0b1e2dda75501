"""What the commands of ``global_commands`` do."""

from gobgp_trio.api.pb.api import (
    AddPathRequest,
    DeletePathRequest,
    GetBgpRequest,
    Global,
    TableType,
)
from gobgp_trio.cli.connection import call
from gobgp_trio.cli.errors import CommandError
from gobgp_trio.cli.families import parse_family
from gobgp_trio.cli.go_json import message_fields
from gobgp_trio.cli.output import write_json, write_text
from gobgp_trio.cli.rib_actions import (
    choose_family,
    parse_lookup,
    print_paths,
    read_paths,
    show_summary,
)
from gobgp_trio.cli.rib_text import TableKind
from gobgp_trio.cli.route_message import family_message, path_message
from gobgp_trio.cli.route_words import USAGE, Route, RouteError, parse_route
from gobgp_trio.cli.settings import Settings

EXPLAIN = "explain"
GLOBAL_TABLE = TableType(TableType.GLOBAL)


def show_global(settings: Settings) -> None:
    """``global``"""
    answer = call(settings, lambda api: api.get_bgp(GetBgpRequest()))
    if settings.json:
        write_json(message_fields(answer.global_))
    else:
        write_text(format_global(answer.global_))


def format_global(found: Global) -> str:
    """AS number, router ID and, when BGP listens, where."""
    lines = [f"AS:        {found.asn}", f"Router-ID: {found.router_id}"]
    if found.listen_addresses:
        addresses = ", ".join(found.listen_addresses)
        lines.append(f"Listening Port: {found.listen_port}, Addresses: {addresses}")
    if found.use_multiple_paths:
        lines.append("Multipath: enabled")
    return "".join(f"{line}\n" for line in lines)


def show_global_rib(settings: Settings, words: tuple[str, ...]) -> None:
    """``global rib [PREFIX | HOST ... [explain]]``"""
    kind = TableKind.GLOBAL
    if len(words) > 1 and words[-1] == EXPLAIN:
        words, kind = words[:-1], TableKind.EXPLAINED
    lookup = parse_lookup(words)
    family = choose_family(settings, lookup.prefix if lookup is not None else "")
    views = read_paths(settings, kind, family, lookup)
    print_paths(settings, kind, views)


def show_global_summary(settings: Settings) -> None:
    """``global rib summary``"""
    show_summary(settings, TableKind.GLOBAL, choose_family(settings))


def add_route(settings: Settings, words: list[str]) -> None:
    """``global rib add PREFIX ...``"""
    path = path_message(_parse(settings, words, "add"))
    request = AddPathRequest(table_type=GLOBAL_TABLE, path=path)
    call(settings, lambda api: api.add_path(request))


def delete_routes(settings: Settings, words: list[str]) -> None:
    """``global rib del PREFIX ...`` or ``del all``"""
    if words == ["all"]:
        family = family_message(choose_family(settings))
        request = DeletePathRequest(table_type=GLOBAL_TABLE, family=family)
    else:
        path = path_message(_parse(settings, words, "del"))
        request = DeletePathRequest(table_type=GLOBAL_TABLE, family=path.family, path=path)
    call(settings, lambda api: api.delete_path(request))


def _parse(settings: Settings, words: list[str], command: str) -> Route:
    try:
        return parse_route(words, parse_family(settings.family))
    except RouteError as error:
        raise CommandError(f"error: {error}\n{USAGE.format(command=command)}") from None
