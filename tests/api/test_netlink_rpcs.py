"""The netlink RPCs through gRPC."""

from typing import Any

from gobgp_trio.config.schema import ExportRule, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.export_stats import ExportStats
from gobgp_trio.daemon.importer import ImportStats
from gobgp_trio.fib.resolve import NextHop
from gobgp_trio.fib.rules import TargetKey
from gobgp_trio.fib.target import Installed, Target
from gobgp_trio.types.prefix import parse_prefix
from tests.api.conftest import Api
from tests.api.fake_daemon import FakeDaemon, FakeExporter, FakeImporter


async def test_netlink_that_is_off(api: Api) -> None:
    status = await api.call("GetNetlink")
    assert (status.import_enabled, status.export_enabled, status.vrf) == (False, False, "")
    import_off = ("UNKNOWN", "netlink import is not enabled")
    export_off = ("UNKNOWN", "netlink export is not enabled")
    assert await api.refusal("GetNetlinkImportStats") == import_off
    for rpc in (
        "ListNetlinkExport",
        "ListNetlinkExportRules",
        "GetNetlinkExportStats",
        "FlushNetlinkExport",
    ):
        assert await api.refusal(rpc) == export_off


async def test_netlink_settings_and_counters(api: Api, daemon: FakeDaemon) -> None:
    rules = (
        ExportRule(
            "customer-a",
            (65000 << 16 | 100, 0xFFFFFF01),
            ((65000, 1, 100),),
            vrf="red",
            table_id=100,
            metric=30,
            validate_nexthop=False,
        ),
        ExportRule("all"),
    )
    netlink = daemon.netlink
    netlink.import_settings = NetlinkImport(enabled=True, interface_list=("eth0", "vlan*"))
    netlink.export_settings = NetlinkExport(enabled=True, dampening_s=0.25, rules=rules)
    netlink.importer = FakeImporter(ImportStats(42, 3, 1, 1700000000, 1700000100, 1700000200, "no"))
    netlink.exporter = FakeExporter(
        ExportStats(40, 5, 2, 0, 1700000000, 1700000100, 1700000200, "network is unreachable"),
        dampened_count=7,
    )
    netlink.exporter.planner.attempts_count = 44
    netlink.exporter.planner.failures_count = 4

    status = await api.call("GetNetlink")
    assert (status.import_enabled, status.export_enabled) == (True, True)
    assert list(status.interfaces) == ["eth0", "vlan*"]
    assert (status.dampening_interval, status.route_protocol) == (250, 186)

    imports = await api.call("GetNetlinkImportStats")
    assert (imports.imported, imports.withdrawn, imports.errors) == (42, 3, 1)
    assert (imports.last_import_time, imports.last_withdraw_time) == (1700000000, 1700000100)
    assert (imports.last_error_time, imports.last_error_msg) == (1700000200, "no")

    exports = await api.call("GetNetlinkExportStats")
    assert (exports.exported, exports.withdrawn, exports.errors) == (40, 5, 2)
    assert (exports.nexthop_validation_attempts, exports.nexthop_validation_failures) == (44, 4)
    assert exports.dampened_updates == 7
    assert (exports.last_export_time, exports.last_withdraw_time) == (1700000000, 1700000100)
    assert (exports.last_error_time, exports.last_error_msg) == (
        1700000200,
        "network is unreachable",
    )

    first, second = (await api.call("ListNetlinkExportRules")).rules
    assert (first.name, first.vrf, first.table_id, first.metric) == ("customer-a", "red", 100, 30)
    assert list(first.community_list) == ["65000:100", "65535:65281"]
    assert list(first.large_community_list) == ["65000:1:100"]
    assert (first.validate_nexthop, second.validate_nexthop) == (False, True)
    assert (second.table_id, second.metric, list(second.community_list)) == (254, 20, [])

    await api.call("FlushNetlinkExport")
    assert netlink.exporter.flushes == 1


async def test_exported_routes(api: Api, daemon: FakeDaemon) -> None:
    exporter = daemon.netlink.exporter = FakeExporter()

    def install(key: TargetKey, prefix: str, rules: tuple[str, ...], exported_at_s: float) -> None:
        family, nlri = parse_prefix(prefix)
        target = exporter.planner.targets.setdefault((key, family), Target(key, family))
        hop = NextHop(key.table_id, bytes((192, 0, 2, 9)), 0, validate=True)
        target.installed[nlri] = Installed(hop, (), rules, exported_at_s)

    main, red = TargetKey("", 254, 20), TargetKey("", 100, 30, "red")
    install(main, "10.1.0.0/16", ("all", "more"), 1700000000.7)
    install(main, "10.2.0.0/16", ("all",), 0.0)  # the kernel has not answered yet
    install(red, "10.3.0.0/16", ("customer-a",), 1700000100.0)
    install(TargetKey("", 254, 0), "2001:db8::/32", ("all",), 1700000200.0)

    def row(answer: Any) -> tuple[Any, ...]:
        route = answer.route
        assert list(route.nexthops) == [route.nexthop] == ["192.0.2.9"]
        return route.prefix, route.vrf, route.table_id, route.metric, route.rule_name

    answers = await api.call("ListNetlinkExport")
    assert [row(answer) for answer in answers] == [
        ("10.1.0.0/16", "", 254, 20, "all"),
        ("10.1.0.0/16", "", 254, 20, "more"),
        ("10.3.0.0/16", "red", 100, 30, "customer-a"),
        ("2001:db8::/32", "", 254, 1024, "all"),
    ]
    assert answers[0].route.exported_at == 1700000000
    only_red = await api.call("ListNetlinkExport", vrf="red")
    assert [answer.route.prefix for answer in only_red] == ["10.3.0.0/16"]
    assert await api.call("ListNetlinkExport", vrf="blue") == []
