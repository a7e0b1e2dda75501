"""What the commands of ``netlink_commands`` do: one call each, then text or JSON."""

from gobgp_trio.api.pb.api import (
    FlushNetlinkExportRequest,
    GetNetlinkExportStatsRequest,
    GetNetlinkImportStatsRequest,
    GetNetlinkRequest,
    GoBgpServiceStub,
    ListNetlinkExportRequest,
    ListNetlinkExportRulesRequest,
)
from gobgp_trio.cli.connection import call, stream_octets
from gobgp_trio.cli.exported_routes import ExportedRoute, ExportedRouteReader
from gobgp_trio.cli.netlink_text import (
    FLUSHED,
    format_export_stats,
    format_exported,
    format_import,
    format_import_stats,
    format_rules,
    format_status,
)
from gobgp_trio.cli.output import show, write_json, write_text
from gobgp_trio.cli.settings import Settings

LIST_EXPORT = "/api.GoBgpService/ListNetlinkExport"


def show_status(settings: Settings) -> None:
    """``netlink``"""
    answer = call(settings, lambda api: api.get_netlink(GetNetlinkRequest()))
    show(settings, answer, format_status)


def show_import(settings: Settings) -> None:
    """``netlink import``"""
    answer = call(settings, lambda api: api.get_netlink(GetNetlinkRequest()))
    show(settings, answer, format_import)


def show_import_stats(settings: Settings) -> None:
    """``netlink import stats``"""
    request = GetNetlinkImportStatsRequest()
    answer = call(settings, lambda api: api.get_netlink_import_stats(request))
    show(settings, answer, format_import_stats)


def show_exported(settings: Settings, vrf: str) -> None:
    """``netlink export [--vrf NAME]``"""

    async def collect(api: GoBgpServiceStub) -> list[ExportedRoute]:
        reader = ExportedRouteReader()
        answers = stream_octets(api, LIST_EXPORT, ListNetlinkExportRequest(vrf=vrf))
        return [reader.read(octets) async for octets in answers]

    routes = call(settings, collect)
    if settings.json:
        write_json([route.as_json() for route in routes])
    else:
        write_text(format_exported(routes))


def show_rules(settings: Settings) -> None:
    """``netlink export rules``"""
    request = ListNetlinkExportRulesRequest()
    answer = call(settings, lambda api: api.list_netlink_export_rules(request))
    show(settings, answer, format_rules)


def show_export_stats(settings: Settings) -> None:
    """``netlink export stats``"""
    request = GetNetlinkExportStatsRequest()
    answer = call(settings, lambda api: api.get_netlink_export_stats(request))
    show(settings, answer, format_export_stats)


def flush_exported(settings: Settings) -> None:
    """``netlink export flush``"""
    request = FlushNetlinkExportRequest()
    answer = call(settings, lambda api: api.flush_netlink_export(request))
    show(settings, answer, lambda _: f"{FLUSHED}\n")
