"""The netlink RPCs: what import and export do, what is in the kernel, flush."""

from collections.abc import Iterator

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.route_writer import ExportedGroup, ExportedRouteWriter
from gobgp_trio.api.service.method import Pieces, RpcError
from gobgp_trio.api.service.view import DaemonView, ExporterView
from gobgp_trio.config.schema import ExportRule
from gobgp_trio.fib.target import Installed, Target
from gobgp_trio.types.prefix import format_address

IMPORT_OFF = "netlink import is not enabled"
EXPORT_OFF = "netlink export is not enabled"

# Routes in one piece of the stream: about 3 ms.
PIECE_ROUTES = 1000


class NetlinkMethods:
    """RPCs about the kernel."""

    def __init__(self, view: DaemonView) -> None:
        self._view = view

    def get_netlink(self, _request: pb.GetNetlinkRequest) -> pb.GetNetlinkResponse:
        """Import and export as configured; always answered."""
        netlink = self._view.netlink
        imports, exports = netlink.import_settings, netlink.export_settings
        answer = pb.GetNetlinkResponse(
            import_enabled=imports.enabled,
            export_enabled=exports is not None and exports.enabled,
            vrf=imports.vrf,
            interfaces=list(imports.interface_list),
        )
        if exports is not None:
            answer.dampening_interval = round(exports.dampening_s * 1000)
            answer.route_protocol = exports.route_protocol
        return answer

    def get_import_stats(
        self, _request: pb.GetNetlinkImportStatsRequest
    ) -> pb.GetNetlinkImportStatsResponse:
        """Counters of the import.

        Raises:
            RpcError: nothing is imported.
        """
        netlink = self._view.netlink
        if netlink.importer is None or not netlink.import_settings.enabled:
            raise RpcError(IMPORT_OFF)
        stats = netlink.importer.stats
        return pb.GetNetlinkImportStatsResponse(
            imported=stats.imported_count,
            withdrawn=stats.withdrawn_count,
            errors=stats.errors_count,
            last_import_time=stats.last_import_s,
            last_withdraw_time=stats.last_withdraw_s,
            last_error_time=stats.last_error_s,
            last_error_msg=stats.last_error,
        )

    def list_export(self, request: pb.ListNetlinkExportRequest) -> Pieces:
        """Kernel routes that are installed, once for each rule that wants them."""
        exporter = self._exporter()
        writer = ExportedRouteWriter()
        for target in list(exporter.planner.targets.values()):
            if request.vrf in ("", target.key.vrf):
                yield from _write_target(writer, target)

    def list_export_rules(
        self, _request: pb.ListNetlinkExportRulesRequest
    ) -> pb.ListNetlinkExportRulesResponse:
        """The rules in force, defaults filled in.

        Raises:
            RpcError: nothing is exported.
        """
        self._exporter()
        settings = self._view.netlink.export_settings
        rules = settings.rules if settings is not None else ()
        return pb.ListNetlinkExportRulesResponse(rules=[_rule_message(rule) for rule in rules])

    def get_export_stats(
        self, _request: pb.GetNetlinkExportStatsRequest
    ) -> pb.GetNetlinkExportStatsResponse:
        """Counters of the export.

        Raises:
            RpcError: nothing is exported.
        """
        exporter = self._exporter()
        stats = exporter.stats
        return pb.GetNetlinkExportStatsResponse(
            exported=stats.exported_count,
            withdrawn=stats.withdrawn_count,
            errors=stats.errors_count,
            nexthop_validation_attempts=exporter.planner.attempts_count,
            nexthop_validation_failures=exporter.planner.failures_count,
            dampened_updates=exporter.dampened_count,
            last_export_time=stats.last_export_s,
            last_withdraw_time=stats.last_withdraw_s,
            last_error_time=stats.last_error_s,
            last_error_msg=stats.last_error,
        )

    async def flush_export(
        self, _request: pb.FlushNetlinkExportRequest
    ) -> pb.FlushNetlinkExportResponse:
        """Remove every route of ours; answers when the kernel has.

        Raises:
            RpcError: nothing is exported.
        """
        await self._exporter().flush()
        return pb.FlushNetlinkExportResponse()

    def _exporter(self) -> ExporterView:
        exporter = self._view.netlink.exporter
        if exporter is None:
            raise RpcError(EXPORT_OFF)
        return exporter


def _rule_message(rule: ExportRule) -> pb.ListNetlinkExportRulesResponseExportRule:
    return pb.ListNetlinkExportRulesResponseExportRule(
        name=rule.name,
        community_list=[f"{value >> 16}:{value & 0xFFFF}" for value in rule.communities],
        large_community_list=["{}:{}:{}".format(*value) for value in rule.large_communities],
        vrf=rule.vrf,
        table_id=rule.table_id,
        metric=rule.metric,
        validate_nexthop=rule.validate_nexthop,
    )


def _write_target(writer: ExportedRouteWriter, target: Target) -> Pieces:
    address_octets = target.family.address_octets
    groups: dict[Installed, list[ExportedGroup]] = {}
    nlris = list(target.installed)
    for start in range(0, len(nlris), PIECE_ROUTES):
        frames: list[bytes] = []
        for nlri in nlris[start : start + PIECE_ROUTES]:
            entry = target.installed.get(nlri)
            if entry is None or not entry.exported_at_s:
                continue  # gone by now, or still on its way into the kernel
            alike = groups.get(entry)
            if alike is None:
                alike = groups[entry] = list(_describe(target, entry))
            frames += [writer.write(nlri, address_octets, group) for group in alike]
        yield b"".join(frames)


def _describe(target: Target, entry: Installed) -> Iterator[ExportedGroup]:
    """What routes of one entry have in common, once for each rule."""
    if entry.hop is not None:
        next_hops = {format_address(entry.hop.address)}
    else:  # found at start and kept until its peer is back
        next_hops = {format_address(leg.gateway) for leg in entry.legs if leg.gateway}
    for rule in entry.rules:
        yield ExportedGroup(
            tuple(sorted(next_hops)),
            target.key.vrf,
            target.key.table_id,
            target.kernel_metric,
            rule,
            int(entry.exported_at_s),
        )
