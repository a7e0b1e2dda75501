"""Outputs of ``gobgp netlink``, against the samples of the netlink specification."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gobgp_trio.api.pb.api import (
    GetNetlinkExportStatsResponse,
    GetNetlinkImportStatsResponse,
    GetNetlinkResponse,
    ListNetlinkExportRulesResponse,
    ListNetlinkExportRulesResponseExportRule,
    ListNetlinkExportRulesResponseVrfExportRule,
    NetlinkVrfImport,
)
from gobgp_trio.cli.exported_routes import ExportedRoute
from gobgp_trio.cli.netlink_text import (
    format_export_stats,
    format_exported,
    format_import,
    format_import_stats,
    format_rules,
    format_status,
)

# 2025-11-11 15:04:05 UTC
EXPORTED_AT_S = 1762873445


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_status_of_import_and_export() -> None:
    status = GetNetlinkResponse(
        import_enabled=True, export_enabled=True, interfaces=["eth0", "eth1"]
    )
    assert format_status(status) == (
        "Netlink Status:\n"
        "\n"
        "Import: true\n"
        "  VRF:        global\n"
        "  Interfaces: [eth0 eth1]\n"
        "\n"
        "Export: true\n"
        "  (use 'gobgp netlink export rules' to see export configuration)\n"
    )


def test_the_status_with_everything_off() -> None:
    expected = "Netlink Status:\n\nImport: false\n\nExport: false\n"
    assert format_status(GetNetlinkResponse()) == expected


def test_the_status_lists_imports_of_vrfs() -> None:
    status = GetNetlinkResponse(
        vrf_imports=[NetlinkVrfImport(vrf_name="red", interfaces=["veth1"])]
    )
    assert format_status(status) == (
        "Netlink Status:\n"
        "\n"
        "Import: false\n"
        "\n"
        "VRF Imports:\n"
        "  VRF:        red\n"
        "  Interfaces: [veth1]\n"
        "\n"
        "Export: false\n"
    )


def test_the_import_configuration() -> None:
    status = GetNetlinkResponse(import_enabled=True, interfaces=["eth0", "eth1"])
    assert format_import(status) == (
        "Netlink Import Configuration:\n"
        "  VRF:        global\n"
        "  Interfaces: [eth0 eth1]\n"
        "\n"
        "Note: Imported routes are visible in the global RIB\n"
        "      Use 'gobgp global rib' to view imported routes\n"
    )


def test_the_import_configuration_of_a_vrf() -> None:
    text = format_import(GetNetlinkResponse(import_enabled=True, vrf="red"))
    assert text == (
        "Netlink Import Configuration:\n"
        "  VRF:        red\n"
        "  Interfaces: []\n"
        "\n"
        "Note: Imported routes are visible in the RIB of VRF red\n"
        "      Use 'gobgp vrf red rib' to view imported routes\n"
    )


def test_the_import_configuration_when_off() -> None:
    assert format_import(GetNetlinkResponse()) == "Netlink import is not enabled\n"


def test_import_statistics() -> None:
    stats = GetNetlinkImportStatsResponse(
        imported=42, withdrawn=3, last_import_time=1762895445, last_withdraw_time=1762894692
    )
    assert format_import_stats(stats) == (
        "Import Statistics:\n"
        "  Total Imported:  42\n"
        "  Total Withdrawn: 3\n"
        "  Total Errors:    0\n"
        "  Last Import:     2025-11-11 21:10:45\n"
        "  Last Withdraw:   2025-11-11 20:58:12\n"
    )


def test_import_statistics_with_an_error() -> None:
    stats = GetNetlinkImportStatsResponse(
        errors=1, last_error_time=1700000200, last_error_msg="no such device"
    )
    assert format_import_stats(stats) == (
        "Import Statistics:\n"
        "  Total Imported:  0\n"
        "  Total Withdrawn: 0\n"
        "  Total Errors:    1\n"
        "  Last Error:      2023-11-14 22:16:40\n"
        "  Last Error Msg:  no such device\n"
    )


def test_export_statistics() -> None:
    stats = GetNetlinkExportStatsResponse(
        exported=125,
        withdrawn=23,
        errors=2,
        nexthop_validation_attempts=148,
        dampened_updates=12,
        last_export_time=EXPORTED_AT_S,
        last_withdraw_time=1762873112,
    )
    assert format_export_stats(stats) == (
        "Export Statistics:\n"
        "  Total Exported:              125\n"
        "  Total Withdrawn:             23\n"
        "  Total Errors:                2\n"
        "  Nexthop Validation Attempts: 148\n"
        "  Nexthop Validation Failures: 0\n"
        "  Dampened Updates:            12\n"
        "  Last Export:                 2025-11-11 15:04:05\n"
        "  Last Withdraw:               2025-11-11 14:58:32\n"
    )


def test_export_statistics_with_an_error() -> None:
    stats = GetNetlinkExportStatsResponse(
        last_error_time=1700000200, last_error_msg="network is unreachable"
    )
    assert format_export_stats(stats).splitlines()[-2:] == [
        "  Last Error:                  2023-11-14 22:16:40",
        "  Last Error Message:          network is unreachable",
    ]


def exported(prefix: str, **fields: Any) -> ExportedRoute:
    route = ExportedRoute(
        prefix=prefix,
        nexthop="192.168.1.1",
        vrf="customer-a",
        table_id=100,
        metric=20,
        rule_name="export-customer-a",
        exported_at=EXPORTED_AT_S,
    )
    return replace(route, **fields)


def test_exported_routes_stand_under_their_titles() -> None:
    routes = [exported("10.0.0.0/24"), exported("10.0.1.0/24", vrf="", table_id=254)]
    assert format_exported(routes) == (
        "Prefix                                   Nexthop              VRF              Table ID "
        "Metric Rule                 Exported At\n"
        "------                                   -------              ---              -------- "
        "------ ----                 -----------\n"
        "10.0.0.0/24                              192.168.1.1          customer-a       100      "
        "20     export-customer-a    2025-11-11 15:04:05\n"
        "10.0.1.0/24                              192.168.1.1          global           254      "
        "20     export-customer-a    2025-11-11 15:04:05\n"
    )


def test_a_wide_value_moves_the_titles_with_it() -> None:
    header, _, *rows = format_exported(
        [
            exported("2001:db8:1111:2222:3333:4444:5555:6666/128", nexthop="fe80::1"),
            exported("2001:db8::/32", nexthop="fe80::1"),
        ]
    ).splitlines()
    at = header.index("Nexthop")
    assert at == 43
    assert [row[at : at + 7] for row in rows] == ["fe80::1", "fe80::1"]


def test_several_next_hops_are_listed() -> None:
    text = format_exported([exported("10.0.0.0/24", nexthop="", nexthops=("10.0.0.1", "10.0.0.2"))])
    assert "10.0.0.0/24                              10.0.0.1,10.0.0.2    customer-a" in text


def test_without_exported_routes_only_the_titles_stand() -> None:
    assert [line[:6] for line in format_exported([]).splitlines()] == ["Prefix", "------"]


def rule(name: str, table_id: int, *communities: str) -> ListNetlinkExportRulesResponseExportRule:
    return ListNetlinkExportRulesResponseExportRule(
        name=f"export-{name}",
        vrf=name,
        table_id=table_id,
        metric=20,
        validate_nexthop=True,
        community_list=list(communities),
    )


def test_export_rules_of_the_global_table_and_of_vrfs() -> None:
    answer = ListNetlinkExportRulesResponse(
        rules=[
            rule("customer-a", 100, "65000:100", "65000:101"),
            rule("customer-b", 200, "65000:200"),
        ],
        vrf_rules=[
            ListNetlinkExportRulesResponseVrfExportRule(
                gobgp_vrf="kubevrf",
                linux_vrf="kubevrf",
                linux_table_id=175,
                metric=20,
                validate_nexthop=True,
            ),
            ListNetlinkExportRulesResponseVrfExportRule(
                gobgp_vrf="customer-a",
                linux_vrf="customer-a",
                linux_table_id=100,
                metric=20,
                validate_nexthop=True,
                community_list=["65000:100", "65000:101"],
            ),
        ],
    )
    assert format_rules(answer) == (
        "Rule: export-customer-a\n"
        "  VRF:              customer-a\n"
        "  Table ID:         100\n"
        "  Metric:           20\n"
        "  Validate Nexthop: true\n"
        "  Communities:      65000:100\n"
        "                    65000:101\n"
        "\n"
        "Rule: export-customer-b\n"
        "  VRF:              customer-b\n"
        "  Table ID:         200\n"
        "  Metric:           20\n"
        "  Validate Nexthop: true\n"
        "  Communities:      65000:200\n"
        "\n"
        "Per-VRF Export Rules:\n"
        "\n"
        "VRF: kubevrf → Linux VRF: kubevrf\n"
        "  Linux Table ID:   175\n"
        "  Metric:           20\n"
        "  Validate Nexthop: true\n"
        "  Communities:      (match all routes)\n"
        "\n"
        "VRF: customer-a → Linux VRF: customer-a\n"
        "  Linux Table ID:   100\n"
        "  Metric:           20\n"
        "  Validate Nexthop: true\n"
        "  Communities:      65000:100\n"
        "                    65000:101\n"
    )


def test_an_export_rule_with_large_communities() -> None:
    one = ListNetlinkExportRulesResponseExportRule(
        name="tagged", metric=30, large_community_list=["65001:1:1", "65001:1:2"]
    )
    assert format_rules(ListNetlinkExportRulesResponse(rules=[one])) == (
        "Rule: tagged\n"
        "  VRF:              global\n"
        "  Table ID:         0\n"
        "  Metric:           30\n"
        "  Validate Nexthop: false\n"
        "  Large Communities: 65001:1:1\n"
        "                     65001:1:2\n"
    )


def test_vrf_rules_show_without_global_ones() -> None:
    one = ListNetlinkExportRulesResponseVrfExportRule(gobgp_vrf="a", linux_vrf="b")
    assert format_rules(ListNetlinkExportRulesResponse()) == "No export rules configured\n"
    assert format_rules(ListNetlinkExportRulesResponse(vrf_rules=[one])).startswith(
        "No export rules configured\n\nPer-VRF Export Rules:\n\nVRF: a → Linux VRF: b\n"
    )
