"""Text of ``gobgp netlink`` and the commands below it, from the API's answers.

The layouts are those of the netlink specification.  Its sample table of exported routes has rows
one column off its header in places; here every cell starts where its title starts, and a column
grows when a value is wider than the usual width.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from gobgp_trio.api.pb.api import (
    GetNetlinkExportStatsResponse,
    GetNetlinkImportStatsResponse,
    GetNetlinkResponse,
    ListNetlinkExportRulesResponse,
    ListNetlinkExportRulesResponseExportRule,
    ListNetlinkExportRulesResponseVrfExportRule,
)
from gobgp_trio.cli.exported_routes import ExportedRoute

# Title and usual width of each column of the exported routes.
EXPORT_COLUMNS = (
    ("Prefix", 40),
    ("Nexthop", 20),
    ("VRF", 16),
    ("Table ID", 8),
    ("Metric", 6),
    ("Rule", 20),
    ("Exported At", 0),
)
FLUSHED = "All exported routes flushed successfully"


def format_status(status: GetNetlinkResponse) -> str:
    """The overview of import and export."""
    lines = ["Netlink Status:", "", f"Import: {_word(status.import_enabled)}"]
    if status.import_enabled:
        lines += _import_lines(status.vrf, status.interfaces)
    if status.vrf_imports:
        lines += ["", "VRF Imports:"]
        for vrf in status.vrf_imports:
            lines += _import_lines(vrf.vrf_name, vrf.interfaces)
    lines += ["", f"Export: {_word(status.export_enabled)}"]
    if status.export_enabled:
        lines.append("  (use 'gobgp netlink export rules' to see export configuration)")
    return _joined(lines)


def format_import(status: GetNetlinkResponse) -> str:
    """What is imported, and where the imported routes can be seen."""
    if not status.import_enabled:
        return "Netlink import is not enabled\n"
    rib, command = "the global RIB", "gobgp global rib"
    if status.vrf:
        rib, command = f"the RIB of VRF {status.vrf}", f"gobgp vrf {status.vrf} rib"
    lines = [
        "Netlink Import Configuration:",
        *_import_lines(status.vrf, status.interfaces),
        "",
        f"Note: Imported routes are visible in {rib}",
        f"      Use '{command}' to view imported routes",
    ]
    return _joined(lines)


def format_import_stats(stats: GetNetlinkImportStatsResponse) -> str:
    """Counters of the import; a time that never was is left out."""
    rows = [
        ("Total Imported:", str(stats.imported)),
        ("Total Withdrawn:", str(stats.withdrawn)),
        ("Total Errors:", str(stats.errors)),
        ("Last Import:", _optional_time(stats.last_import_time)),
        ("Last Withdraw:", _optional_time(stats.last_withdraw_time)),
        ("Last Error:", _optional_time(stats.last_error_time)),
        ("Last Error Msg:", stats.last_error_msg),
    ]
    return _joined(["Import Statistics:", *(f"  {k:<16} {v}" for k, v in rows if v)])


def format_export_stats(stats: GetNetlinkExportStatsResponse) -> str:
    """Counters of the export; a time that never was is left out."""
    rows = [
        ("Total Exported:", str(stats.exported)),
        ("Total Withdrawn:", str(stats.withdrawn)),
        ("Total Errors:", str(stats.errors)),
        ("Nexthop Validation Attempts:", str(stats.nexthop_validation_attempts)),
        ("Nexthop Validation Failures:", str(stats.nexthop_validation_failures)),
        ("Dampened Updates:", str(stats.dampened_updates)),
        ("Last Export:", _optional_time(stats.last_export_time)),
        ("Last Withdraw:", _optional_time(stats.last_withdraw_time)),
        ("Last Error:", _optional_time(stats.last_error_time)),
        ("Last Error Message:", stats.last_error_msg),
    ]
    return _joined(["Export Statistics:", *(f"  {k:<28} {v}" for k, v in rows if v)])


def format_exported(routes: Iterable[ExportedRoute]) -> str:
    """The table of exported routes, in the order given."""
    rows = [
        (
            route.prefix,
            ",".join(route.nexthops) if len(route.nexthops) > 1 else route.nexthop,
            route.vrf or "global",
            str(route.table_id),
            str(route.metric),
            route.rule_name,
            format_time(route.exported_at),
        )
        for route in routes
    ]
    titles = [title for title, _ in EXPORT_COLUMNS]
    widths = [
        max(usual, *(len(row[column]) for row in rows)) if rows else usual
        for column, (_, usual) in enumerate(EXPORT_COLUMNS)
    ]
    dashes = ["-" * len(title) for title in titles]
    return _joined(
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [titles, dashes, *rows]
    )


def format_rules(answer: ListNetlinkExportRulesResponse) -> str:
    """Export rules of the global RIB, then those of the VRFs, a blank line between blocks."""
    blocks = [_joined(_rule_lines(rule)) for rule in answer.rules]
    if not blocks:
        blocks.append("No export rules configured\n")
    if answer.vrf_rules:
        blocks.append("Per-VRF Export Rules:\n")
        blocks += [_joined(_vrf_rule_lines(rule)) for rule in answer.vrf_rules]
    return "\n".join(blocks)


def format_time(seconds: int) -> str:
    """A point in time (seconds since the epoch) in the local zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _rule_lines(rule: ListNetlinkExportRulesResponseExportRule) -> list[str]:
    return [
        f"Rule: {rule.name}",
        _setting("VRF", rule.vrf or "global"),
        _setting("Table ID", rule.table_id),
        *_filter_lines(rule),
    ]


def _vrf_rule_lines(rule: ListNetlinkExportRulesResponseVrfExportRule) -> list[str]:
    return [
        f"VRF: {rule.gobgp_vrf} → Linux VRF: {rule.linux_vrf}",
        _setting("Linux Table ID", rule.linux_table_id),
        *_filter_lines(rule),
    ]


def _filter_lines(
    rule: ListNetlinkExportRulesResponseExportRule | ListNetlinkExportRulesResponseVrfExportRule,
) -> list[str]:
    lines = [
        _setting("Metric", rule.metric),
        _setting("Validate Nexthop", _word(rule.validate_nexthop)),
    ]
    if not rule.community_list and not rule.large_community_list:
        lines.append(_setting("Communities", "(match all routes)"))
    lines += _list_lines("  Communities:      ", rule.community_list)
    lines += _list_lines("  Large Communities: ", rule.large_community_list)
    return lines


def _list_lines(label: str, values: Sequence[str]) -> list[str]:
    labels = [label] + [" " * len(label)] * len(values)
    return [start + value for start, value in zip(labels, values, strict=False)]


def _import_lines(vrf: str, interfaces: Sequence[str]) -> list[str]:
    return [f"  VRF:        {vrf or 'global'}", f"  Interfaces: [{' '.join(interfaces)}]"]


def _setting(name: str, value: object) -> str:
    return f"  {name + ':':<17} {value}"


def _optional_time(seconds: int) -> str:
    return format_time(seconds) if seconds > 0 else ""


def _word(value: bool) -> str:
    return "true" if value else "false"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
