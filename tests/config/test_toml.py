"""A file is read as a whole: defaults, every refusal with its literal text, and no other error."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gobgp_trio.config.problems import ConfigError, Problem
from gobgp_trio.config.schema import (
    Config,
    ExportRule,
    Global,
    Neighbor,
    NetlinkExport,
    NetlinkImport,
)
from gobgp_trio.config.toml import Loaded, load_config, parse_config
from gobgp_trio.types.family import Family

GLOBAL = """\
[global.config]
as = 65000
router-id = "192.168.1.1"
"""


def errors_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "g.toml")
    return str(caught.value).splitlines()


def warnings_of(text: str) -> list[str]:
    return [str(warning) for warning in parse_config(text, "g.toml").warnings]


def test_empty_file_waits_for_the_api() -> None:
    assert parse_config("", "g.toml") == Loaded(Config(), ())


def test_defaults_of_a_short_file() -> None:
    text = GLOBAL + '[[neighbors]]\nconfig = { neighbor-address = "10.0.0.2", peer-as = 65001 }\n'
    assert parse_config(text, "g.toml").config == Config(
        global_=Global(
            as_=65000,
            router_id=b"\xc0\xa8\x01\x01",
            port=179,
            listen_addresses=("0.0.0.0", "::"),
        ),
        neighbors=(
            Neighbor(
                address="10.0.0.2",
                peer_as=65001,
                local_as=65000,
                families=(Family.IPV4_UNICAST,),
                description="",
                admin_down=False,
                passive=False,
                local_address="",
                remote_port=179,
                hold_time_s=90,
                keepalive_s=30,
                connect_retry_s=120,
                idle_hold_after_reset_s=30,
                multihop_ttl=None,
            ),
        ),
        netlink_import=NetlinkImport(enabled=False, vrf="", interface_list=()),
        netlink_export=None,
    )


def test_defaults_of_an_export_block() -> None:
    text = '[netlink.export]\nenabled = true\n[[netlink.export.rules]]\nname = "all"\n'
    assert parse_config(text, "g.toml").config.netlink_export == NetlinkExport(
        enabled=True,
        dampening_s=0.1,
        route_protocol=186,
        allow_shared_protocol=False,
        resolve_via_default=False,
        rules=(
            ExportRule(
                name="all",
                communities=(),
                large_communities=(),
                vrf="",
                table_id=254,
                metric=20,
                validate_nexthop=True,
            ),
        ),
    )


def test_ipv6_neighbor_offers_ipv6_unless_families_are_listed() -> None:
    text = GLOBAL + (
        '[[neighbors]]\nconfig = { neighbor-address = "2001:DB8:0::2", peer-as = 1 }\n'
        '[[neighbors]]\nconfig = { neighbor-address = "fe80::2%eth0", peer-as = 1 }\n'
        "[[neighbors.afi-safis]]\n"
        'config = { afi-safi-name = "ipv6-unicast", enabled = true }\n'
        "[[neighbors.afi-safis]]\n"
        'config.afi-safi-name = "ipv4-unicast"\n'
    )
    first, second = parse_config(text, "g.toml").config.neighbors
    assert (first.address, first.families) == ("2001:db8::2", (Family.IPV6_UNICAST,))
    assert second.address == "fe80::2%eth0"
    assert second.families == (Family.IPV6_UNICAST, Family.IPV4_UNICAST)


def test_timers_follow_the_hold_time() -> None:
    text = GLOBAL + (
        '[[neighbors]]\nconfig = { neighbor-address = "10.0.0.2", peer-as = 1 }\n'
        "timers.config.hold-time = 10.0\n"
        '[[neighbors]]\nconfig = { neighbor-address = "10.0.0.3", peer-as = 1 }\n'
        "timers.config.hold-time = 0\n"
    )
    first, second = parse_config(text, "g.toml").config.neighbors
    assert (first.hold_time_s, first.keepalive_s) == (10, 3)
    assert (second.hold_time_s, second.keepalive_s) == (0, 0)


@pytest.mark.parametrize(("written", "table"), [(0, 254), (254, 254), (253, 253), (100, 100)])
def test_zero_and_254_are_the_main_table(written: int, table: int) -> None:
    text = f'[[netlink.export.rules]]\nname = "a"\ntable-id = {written}\n'
    export = parse_config(text, "g.toml").config.netlink_export
    assert export is not None
    assert export.rules[0].table_id == table


@pytest.mark.parametrize(
    ("keys", "is_validated"),
    [
        ("", True),
        ("validate-nexthop = true", True),
        ("validate-nexthop = false", False),
        ("skip-nexthop-validation = true", False),
        ("skip-nexthop-validation = false", True),
        ("validate-nexthop = false\nskip-nexthop-validation = true", False),
        ("validate-nexthop = true\nskip-nexthop-validation = false", True),
    ],
)
def test_both_generations_of_the_validation_key(keys: str, is_validated: bool) -> None:
    text = f'[[netlink.export.rules]]\nname = "a"\n{keys}\n'
    export = parse_config(text, "g.toml").config.netlink_export
    assert export is not None
    assert export.rules[0].validate_nexthop is is_validated


def test_metric_zero_is_a_value() -> None:
    export = parse_config('[[netlink.export.rules]]\nname="a"\nmetric=0', "x").config.netlink_export
    assert export is not None
    assert export.rules[0].metric == 0


NEIGHBOR = '[[neighbors]]\nconfig = { neighbor-address = "10.0.0.2", peer-as = 65001 }\n'
RULE = '[[netlink.export.rules]]\nname = "a"\n'
ALLOWED_IN_RULE = (
    "community-list, large-community-list, metric, name, skip-nexthop-validation, "
    "table-id, validate-nexthop, vrf"
)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            '[global.config]\nas = "65000"\nrouter-id = "1.1.1.1"',
            (
                "g.toml:2: global.config.as: wanted an integer from 1 to 4294967295 other than 23456, "
                'found the string "65000"'
            ),
        ),
        (
            '[global.config]\nas = 23456\nrouter-id = "1.1.1.1"',
            (
                "g.toml:2: global.config.as: wanted an integer from 1 to 4294967295 other than 23456, "
                "found the integer 23456"
            ),
        ),
        (
            '\n[global.config]\nrouter-id = "1.1.1.1"',
            "g.toml:2: global.config.as: required key is missing",
        ),
        (
            '[global.config]\nas = 1\nrouter-id = "0.0.0.0"',
            (
                "g.toml:3: global.config.router-id: wanted an IPv4 address other than 0.0.0.0, "
                'found the string "0.0.0.0"'
            ),
        ),
        (
            GLOBAL + "rooter-id = 1",
            (
                "g.toml:4: global.config.rooter-id: unknown key, did you mean router-id? "
                "(allowed here: as, local-address-list, port, router-id)"
            ),
        ),
        (
            GLOBAL + "port = 0",
            (
                "g.toml:4: global.config.port: wanted an integer from -1 to 65535 other than 0, "
                "found the integer 0"
            ),
        ),
        (
            GLOBAL + "local-address-list = []",
            (
                "g.toml:4: global.config.local-address-list: wanted at least one address, found none "
                "(global.config.port = -1 listens nowhere)"
            ),
        ),
        (
            GLOBAL + 'local-address-list = ["::1",\n "localhost"]',
            (
                "g.toml:5: global.config.local-address-list: wanted an IPv4 or IPv6 address, "
                'found the string "localhost"'
            ),
        ),
        (
            GLOBAL + "port = true",
            (
                "g.toml:4: global.config.port: wanted an integer from -1 to 65535 other than 0, "
                "found true"
            ),
        ),
        (NEIGHBOR, "g.toml:1: global.config.as: required key is missing"),
        (
            GLOBAL + NEIGHBOR + "peer-as = 65001",
            (
                "g.toml:6: neighbors[].peer-as: unknown key, did you mean config.peer-as? "
                "(allowed here: afi-safis, config, ebgp-multihop, error-handling, timers, transport)"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "[neighbors.state]\nadmin-down = true",
            (
                "g.toml:6: neighbors[].state: state tables are what the daemon reports, "
                "they cannot be set"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + NEIGHBOR,
            (
                "g.toml:7: neighbors[].config.neighbor-address: wanted one entry for each address, "
                "found 10.0.0.2 again"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "timers.config.hold-time = 2",
            (
                "g.toml:6: neighbors[].timers.config.hold-time: wanted whole seconds from 3 to 65535 "
                "or 0, found the integer 2"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "timers.config.hold-time = 3.5",
            (
                "g.toml:6: neighbors[].timers.config.hold-time: wanted whole seconds from 3 to 65535 "
                "or 0, found the number 3.5"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "timers.config.keepalive-interval = 90",
            (
                "g.toml:6: neighbors[].timers.config.keepalive-interval: wanted less than the hold "
                "time of 90 seconds, found 90"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + 'transport.config.local-address = "::1"',
            (
                "g.toml:6: neighbors[].transport.config.local-address: wanted an IPv4 address as that "
                "of the neighbor, found ::1"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "ebgp-multihop.config.multihop-ttl = 2",
            (
                "g.toml:6: neighbors[].ebgp-multihop.config.multihop-ttl: has no effect unless "
                "neighbors[].ebgp-multihop.config.enabled is true"
            ),
        ),
        (
            GLOBAL + NEIGHBOR.replace("65001", "65000") + "ebgp-multihop.config.enabled = true",
            (
                "g.toml:6: neighbors[].ebgp-multihop.config.enabled: wanted for an external neighbor "
                "only, found peer-as equal to local-as"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "error-handling.config.treat-as-withdraw = false",
            (
                "g.toml:6: neighbors[].error-handling.config.treat-as-withdraw: wanted true (errors "
                "are always handled as RFC 7606 says), found false"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + '[[neighbors.afi-safis]]\nconfig.afi-safi-name = "l2vpn-evpn"',
            (
                "g.toml:7: neighbors[].afi-safis[].config.afi-safi-name: address family l2vpn-evpn is "
                "not supported in this version, wanted ipv4-unicast or ipv6-unicast"
            ),
        ),
        (
            GLOBAL + NEIGHBOR + '[[neighbors.afi-safis]]\nconfig.afi-safi-name = "ipv4"',
            (
                "g.toml:7: neighbors[].afi-safis[].config.afi-safi-name: wanted an address family: "
                '"ipv4-unicast" or "ipv6-unicast", found the string "ipv4"'
            ),
        ),
        (
            GLOBAL + NEIGHBOR + "[[neighbors.afi-safis]]\nconfig.enabled = true",
            "g.toml:7: neighbors[].afi-safis[].config.afi-safi-name: required key is missing",
        ),
        (
            GLOBAL
            + NEIGHBOR
            + 2 * '[[neighbors.afi-safis]]\nconfig.afi-safi-name="ipv4-unicast"\n',
            (
                "g.toml:9: neighbors[].afi-safis[].config.afi-safi-name: wanted each family once, "
                "found ipv4-unicast again"
            ),
        ),
        (
            GLOBAL + "[neighbors]\nx = 1",
            "g.toml:4: neighbors: wanted an array of tables, found a table",
        ),
        ("global = 1", "g.toml:1: global: wanted a table, found the integer 1"),
        ("[[peer-groups]]", "g.toml:1: peer-groups: known key, not implemented in this version"),
        ("[zebra]", "g.toml:1: zebra: known key, not implemented in this version"),
        (
            '[netlink.import]\ninterface-list = "eth0"',
            'g.toml:2: netlink.import.interface-list: wanted an array, found the string "eth0"',
        ),
        (
            '[netlink.import]\ninterface-list = ["eth0", "eth 1"]',
            (
                "g.toml:2: netlink.import.interface-list: wanted an interface name or a glob such as "
                '"eth*", found the string "eth 1"'
            ),
        ),
        (
            '[netlink.import]\nvrf = "blue"',
            "g.toml:2: netlink.import.vrf: VRFs are not supported in this version",
        ),
        (
            RULE + 'vrf = "blue"',
            "g.toml:3: netlink.export.rules[].vrf: VRFs are not supported in this version",
        ),
        (
            RULE + 'large-community-list = [\n"65000:mesh:1"]',
            (
                "g.toml:4: netlink.export.rules[].large-community-list: wanted a large community like "
                "65000:1:100 (three numbers from 0 to 4294967295), found '65000:mesh:1'"
            ),
        ),
        (
            RULE + "community-list = [65000]",
            (
                "g.toml:3: netlink.export.rules[].community-list: wanted a community such as "
                '"65000:100", found the integer 65000'
            ),
        ),
        (
            RULE + "table-id = 255",
            (
                "g.toml:3: netlink.export.rules[].table-id: wanted an integer from 0 to 2147483647 "
                "other than 255, found the integer 255"
            ),
        ),
        (
            RULE + "table-id = -1",
            (
                "g.toml:3: netlink.export.rules[].table-id: wanted an integer from 0 to 2147483647 "
                "other than 255, found the integer -1"
            ),
        ),
        (
            RULE + "validate-nexthop = true\nskip-nexthop-validation = true",
            (
                "g.toml:4: netlink.export.rules[].skip-nexthop-validation: contradicts "
                "validate-nexthop = true, wanted the opposite of it or one of the two keys only"
            ),
        ),
        (
            RULE + RULE,
            'g.toml:4: netlink.export.rules[].name: wanted a name of its own, found "a" again',
        ),
        (
            '[[netlink.export.rules]]\nname = ""',
            (
                "g.toml:2: netlink.export.rules[].name: wanted a string that is not empty, "
                'found the string ""'
            ),
        ),
        (
            "[[netlink.export.rules]]\nmetric = 10",
            "g.toml:1: netlink.export.rules[].name: required key is missing",
        ),
        (
            RULE + '"tab\\nle" = 1',
            (
                'g.toml:3: netlink.export.rules[]."tab\\nle": unknown key, did you mean table-id? '
                f"(allowed here: {ALLOWED_IN_RULE})"
            ),
        ),
        (
            "[netlink.export]\nroute-protocol = 16",
            (
                "g.toml:2: netlink.export.route-protocol: wanted an integer from 5 to 255 other than "
                "9 and 16, found the integer 16"
            ),
        ),
        (
            "[netlink.export]\nroute-protocol = 4",
            (
                "g.toml:2: netlink.export.route-protocol: wanted an integer from 5 to 255 other than "
                "9 and 16, found the integer 4"
            ),
        ),
        (
            "[netlink.export]\ndampening-interval = 4294967296",
            (
                "g.toml:2: netlink.export.dampening-interval: wanted an integer from 0 to 4294967295, "
                "found the integer 4294967296"
            ),
        ),
    ],
)
def test_refusal_names_file_line_key_wanted_and_found(text: str, error: str) -> None:
    assert errors_of(text) == [error]


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
        "fe80::1",
        "host",
        "2001:db8::1%eth0",
        "::ffff:10.0.0.1",
        "10.0.0.1/32",
    ],
)
def test_address_that_is_no_neighbor_is_refused(address: str) -> None:
    (error,) = errors_of(GLOBAL + NEIGHBOR.replace("10.0.0.2", address))
    assert error.startswith("g.toml:5: neighbors[].config.neighbor-address: wanted ")
    assert error.endswith(f', found the string "{address}"')


def test_all_problems_are_reported_in_the_order_of_lines() -> None:
    text = """\
[global.config]
as = 0
[[neighbors]]
[neighbors.config]
neighbor-address = "10.0.0.300"
auth-password = "secret"
[[vrfs]]
config.name = "red"
"""
    assert [line.partition(" wanted")[0] for line in errors_of(text)] == [
        "g.toml:1: global.config.router-id: required key is missing",
        "g.toml:2: global.config.as:",
        "g.toml:4: neighbors[].config.peer-as: required key is missing",
        "g.toml:5: neighbors[].config.neighbor-address:",
        "g.toml:6: neighbors[].config.auth-password: known key, not implemented in this version",
        "g.toml:8: vrfs[].config.name: VRFs are not supported in this version",
    ]


def test_wrong_value_does_not_cause_a_second_problem() -> None:
    text = GLOBAL + NEIGHBOR + "timers.config = { hold-time = 1, keepalive-interval = 200 }"
    assert len(errors_of(text)) == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = 1\nb = \n", "g.toml:2:5: not TOML: Unexpected character: '\\n'"),
        ("[global\n", "g.toml:1:8: not TOML: Unexpected character: '\\n'"),
        ("x = [1,\n2,\n", "g.toml:2: not TOML: Unexpected end of file"),
        ("a = 1\nb = 2\na = 3\n", 'g.toml:3: not TOML: Key "a" already exists.'),
        ("x = {a = 1, b = [\n2], a = 2}", 'g.toml:2: not TOML: Key "a" already exists.'),
        ("[a]\nb.c = 1\n[a.b]\nd = 1", "g.toml:3: not TOML: Redefinition of an existing table"),
        (
            "x = " + "[" * 5000,
            "g.toml:1:105: not TOML: TOML value nested more than 100 levels deep",
        ),
        ("x = " + "9" * 5000, "g.toml:1: not TOML: Invalid number"),
    ],
)
def test_syntax_error_names_line_and_column(text: str, error: str) -> None:
    assert errors_of(text) == [error]


def test_huge_numbers_and_long_texts_are_described_briefly() -> None:
    assert errors_of(GLOBAL + "port = 0x" + "f" * 9000) == [
        (
            "g.toml:4: global.config.port: wanted an integer from -1 to 65535 other than 0, "
            "found an integer above 64 bits"
        )
    ]
    assert errors_of(GLOBAL + 'port = "' + "y" * 9000 + '"') == [
        (
            "g.toml:4: global.config.port: wanted an integer from -1 to 65535 other than 0, "
            f'found the string "{60 * "y"}..."'
        )
    ]


def test_warnings_leave_the_file_usable() -> None:
    text = """\
[netlink.import]
enabled = true
[netlink.export]
enabled = true
route-protocol = 17
"""
    assert warnings_of(text) == [
        (
            "g.toml:2: netlink.import.enabled: nothing is imported without "
            "netlink.import.interface-list"
        ),
        "g.toml:4: netlink.export.enabled: nothing is exported without [[netlink.export.rules]]",
        (
            "g.toml:5: netlink.export.route-protocol: 17 is the number of mrouted; routes with it are "
            "taken for ours and removed at the start"
        ),
    ]


@pytest.mark.parametrize("protocol", [11, 12, 17, 18, 42, 187, 188, 189, 190, 191, 192])
def test_other_daemons_protocol_numbers_are_warned_of(protocol: int) -> None:
    (warning,) = warnings_of(f"[netlink.export]\nroute-protocol = {protocol}")
    assert warning.startswith(f"g.toml:2: netlink.export.route-protocol: {protocol} is the number")


@pytest.mark.parametrize("protocol", [5, 8, 10, 15, 186, 193, 255])
def test_free_protocol_numbers_are_taken_silently(protocol: int) -> None:
    assert warnings_of(f"[netlink.export]\nroute-protocol = {protocol}") == []


def test_file_is_read_with_its_name_and_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "gobgpd.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GLOBAL.encode())
    loaded = load_config(file)
    assert loaded.config.global_ is not None
    assert loaded.config.global_.as_ == 65000


def test_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "gobgpd.toml"
    file.write_bytes(b"# ok\n# \xff\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value) == f"{file}:2: wanted UTF-8 text, found the octet 0xff"


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.toml")
    assert str(caught.value) == f"{tmp_path}/none.toml: cannot be read: {os.strerror(2)}"


KEY_WORDS = ["global", "config", "neighbors", "netlink", "export", "rules", "as", "state", "vrfs"]
MARKS = ["=", ".", "[", "]", "[[", "]]", "{", "}", ",", '"', "'", '"""', "#", "\\", "\n", "\r\n"]
SCALARS = ["1", "true", '"x"', "1.5", "nan", "-inf", "1979-05-27", "0x1f", '"65000:1"', "[]", "{}"]
pieces = st.lists(st.sampled_from(KEY_WORDS + MARKS + SCALARS + [" "]), max_size=30).map("".join)


@given(st.text() | pieces)
@example("global.config = { as = nan, router-id = 1979-05-27, port = 0x" + "f" * 9000 + " }")
@example('"\\u0000" = 1\n"" = 2')
@example("a = 1\r")
def test_any_text_gives_a_configuration_or_a_config_error(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_config(text, "g.toml")
    except ConfigError as error:
        problems = error.problems
    for problem in problems:
        assert str(problem).isprintable()
        assert 1 <= problem.line <= text.count("\n") + 2
