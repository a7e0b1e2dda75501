"""The forms in which operators write netlink import and export, those with VRFs refused."""

import pytest

from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.schema import ExportRule, NetlinkExport, NetlinkImport
from gobgp_trio.config.toml import parse_config

IMPORTS = {
    "basic with an empty vrf": (
        """
        [global.config]
          as = 65000
          router-id = "192.168.1.1"

        [netlink.import]
          enabled = true
          vrf = ""  # the global RIB
          interface-list = ["eth0", "eth1", "vlan*"]
        """,
        NetlinkImport(enabled=True, vrf="", interface_list=("eth0", "eth1", "vlan*")),
    ),
    "names only": (
        """
        [netlink.import]
          enabled = true
          interface-list = ["eth0", "eth1"]
        """,
        NetlinkImport(enabled=True, interface_list=("eth0", "eth1")),
    ),
    "globs only": (
        """
        [netlink.import]
          enabled = true
          interface-list = ["vlan*", "eth*"]
        """,
        NetlinkImport(enabled=True, interface_list=("vlan*", "eth*")),
    ),
}

EXPORTS = {
    "one rule into the main table": (
        """
        [netlink.export]
          enabled = true

          [[netlink.export.rules]]
            name = "export-to-main"
            community-list = ["65000:100"]
            metric = 20
        """,
        NetlinkExport(
            enabled=True,
            rules=(ExportRule("export-to-main", communities=(0xFDE80064,), metric=20),),
        ),
    ),
    "all settings of the block, both forms of a community": (
        """
        [netlink.export]
          enabled = true
          dampening-interval = 100  # milliseconds
          route-protocol = 186      # RTPROT_BGP

          [[netlink.export.rules]]
            name = "export-customer-a"
            community-list = [
              "65000:100",
              "4259905636"
            ]
            table-id = 100
            metric = 20
            validate-nexthop = true
        """,
        NetlinkExport(
            enabled=True,
            dampening_s=0.1,
            route_protocol=186,
            rules=(
                ExportRule(
                    "export-customer-a",
                    communities=(0xFDE80064, 0xFDE90064),
                    table_id=100,
                    metric=20,
                ),
            ),
        ),
    ),
    "large communities": (
        """
        [netlink.export]
          enabled = true

          [[netlink.export.rules]]
            name = "export-service-routes"
            large-community-list = ["65000:1:100", "65000:1:101"]
            table-id = 300
            metric = 10
        """,
        NetlinkExport(
            enabled=True,
            rules=(
                ExportRule(
                    "export-service-routes",
                    large_communities=((65000, 1, 100), (65000, 1, 101)),
                    table_id=300,
                    metric=10,
                ),
            ),
        ),
    ),
    "no community is every route": (
        """
        [netlink.export]
          enabled = true

          [[netlink.export.rules]]
            name = "export-all"
            table-id = 100
            metric = 20
        """,
        NetlinkExport(enabled=True, rules=(ExportRule("export-all", table_id=100),)),
    ),
    "no validation and no metric": (
        """
        [netlink.export]
          enabled = true

          [[netlink.export.rules]]
            name = "export-without-validation"
            community-list = ["65000:999"]
            table-id = 400
            validate-nexthop = false
        """,
        NetlinkExport(
            enabled=True,
            rules=(
                ExportRule(
                    "export-without-validation",
                    communities=(0xFDE803E7,),
                    table_id=400,
                    metric=20,
                    validate_nexthop=False,
                ),
            ),
        ),
    ),
    "beside another routing daemon": (
        """
        [netlink.export]
          enabled = true
          route-protocol = 17

          [[netlink.export.rules]]
            name = "export-bgp-routes"
            community-list = ["65000:100"]
            metric = 30
        """,
        NetlinkExport(
            enabled=True,
            route_protocol=17,
            rules=(ExportRule("export-bgp-routes", communities=(0xFDE80064,), metric=30),),
        ),
    ),
    "a rule without the block's own settings": (
        """
        [[netlink.export.rules]]
          name = "pod-network"
          community-list = ["65000:1000"]
          table-id = 0  # main
          metric = 10
        """,
        NetlinkExport(
            enabled=False,
            rules=(ExportRule("pod-network", communities=(0xFDE803E8,), table_id=254, metric=10),),
        ),
    ),
    "one community into two tables": (
        """
        [[netlink.export.rules]]
          name = "shared-1"
          community-list = ["65000:999"]
          table-id = 100

        [[netlink.export.rules]]
          name = "shared-2"
          community-list = ["65000:999"]
          table-id = 200
        """,
        NetlinkExport(
            rules=(
                ExportRule("shared-1", communities=(0xFDE803E7,), table_id=100),
                ExportRule("shared-2", communities=(0xFDE803E7,), table_id=200),
            ),
        ),
    ),
}

WITH_VRFS = {
    "global import into a VRF": (
        """
        [netlink.import]
          enabled = true
          vrf = "customer-a"
          interface-list = ["eth2", "eth3"]
        """,
        [(4, "netlink.import.vrf")],
    ),
    "import of a VRF": (
        """
        [[vrfs]]
          [vrfs.config]
            name = "kubevrf"
            rd = "64553:175"
            import-rt-list = ["64553:175"]
            export-rt-list = ["64553:175"]

          [vrfs.netlink-import]
            enabled = true
            interface-list = ["eth2", "eth3"]
        """,
        [
            (4, "vrfs[].config.name"),
            (5, "vrfs[].config.rd"),
            (6, "vrfs[].config.import-rt-list"),
            (7, "vrfs[].config.export-rt-list"),
            (10, "vrfs[].netlink-import.enabled"),
            (11, "vrfs[].netlink-import.interface-list"),
        ],
    ),
    "rules for two VRFs": (
        """
        [netlink.export]
          enabled = true

          [[netlink.export.rules]]
            name = "export-customer-a"
            vrf = "customer-a"
            table-id = 100

          [[netlink.export.rules]]
            name = "export-customer-b"
            vrf = "customer-b"
            table-id = 200
        """,
        [(7, "netlink.export.rules[].vrf"), (12, "netlink.export.rules[].vrf")],
    ),
    "export of a VRF into another one": (
        """
        [[vrfs]]
          [vrfs.netlink-export]
            enabled = true
            community-list = ["65000:100", "65000:101"]
            linux-vrf = "linux-vrf-b"
            linux-table-id = 200
            metric = 20
        """,
        [
            (4, "vrfs[].netlink-export.enabled"),
            (5, "vrfs[].netlink-export.community-list"),
            (6, "vrfs[].netlink-export.linux-vrf"),
            (7, "vrfs[].netlink-export.linux-table-id"),
            (8, "vrfs[].netlink-export.metric"),
        ],
    ),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_import_example(name: str) -> None:
    text, expected = IMPORTS[name]
    loaded = parse_config(text, "g.toml")
    assert loaded.config.netlink_import == expected
    assert loaded.config.netlink_export is None
    assert loaded.warnings == ()


@pytest.mark.parametrize("name", EXPORTS)
def test_export_example(name: str) -> None:
    text, expected = EXPORTS[name]
    assert parse_config(text, "g.toml").config.netlink_export == expected


@pytest.mark.parametrize("name", WITH_VRFS)
def test_example_with_vrfs_is_refused_by_name(name: str) -> None:
    text, places = WITH_VRFS[name]
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "g.toml")
    assert str(caught.value).splitlines() == [
        f"g.toml:{line}: {key}: VRFs are not supported in this version" for line, key in places
    ]
