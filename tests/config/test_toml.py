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


@pytest.mark.parametrize(
    ("neighbor", "unspecified"), [("10.0.0.2", "0.0.0.0"), ("2001:db8::2", "::")]
)
def test_unspecified_local_address_leaves_the_choice_to_the_kernel(
    neighbor: str, unspecified: str
) -> None:
    text = GLOBAL + (
        f'[[neighbors]]\nconfig = {{ neighbor-address = "{neighbor}", peer-as = 1 }}\n'
        f'transport.config.local-address = "{unspecified}"\n'
    )
    assert parse_config(text, "g.toml").config.neighbors[0].local_address == ""


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
            "g.toml:5: netlink.export.route-protocol: 17 is the number of mrouted; routes with it "
            "are taken for ours and removed at the start"
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
