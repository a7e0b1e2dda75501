"""Every refusal names the file, the line, the key, what was wanted and what was found."""

import pytest

from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.toml import parse_config

GLOBAL = """\
[global.config]
as = 65000
router-id = "192.168.1.1"
"""
NEIGHBOR = '[[neighbors]]\nconfig = { neighbor-address = "10.0.0.2", peer-as = 65001 }\n'
IPV4 = '[[neighbors.afi-safis]]\nconfig.afi-safi-name = "ipv4-unicast"\n'
RULE = '[[netlink.export.rules]]\nname = "a"\n'


def errors_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "g.toml")
    return str(caught.value).splitlines()


def refusal(text: str, line: int, key: str, *words: str) -> tuple[str, str]:
    """A text with one mistake, and the whole error for it."""
    return text, f"g.toml:{line}: {key}: {' '.join(words)}"


REFUSALS = [
    refusal(
        '[global.config]\nas = "65000"\nrouter-id = "1.1.1.1"',
        2,
        "global.config.as",
        "wanted an integer from 1 to 4294967295 other than 23456, found the string",
        '"65000"',
    ),
    refusal(
        '[global.config]\nas = 23456\nrouter-id = "1.1.1.1"',
        2,
        "global.config.as",
        "wanted an integer from 1 to 4294967295 other than 23456, found the integer 23456",
    ),
    refusal(
        '\n[global.config]\nrouter-id = "1.1.1.1"', 2, "global.config.as", "required key is missing"
    ),
    refusal(
        '[global.config]\nas = 1\nrouter-id = "0.0.0.0"',
        3,
        "global.config.router-id",
        'wanted an IPv4 address other than 0.0.0.0, found the string "0.0.0.0"',
    ),
    refusal(
        GLOBAL + "rooter-id = 1",
        4,
        "global.config.rooter-id",
        "unknown key, did you mean router-id? (allowed here: as, bind-to-device,",
        "local-address-list, port, router-id)",
    ),
    refusal(
        GLOBAL + "port = 0",
        4,
        "global.config.port",
        "wanted an integer from -1 to 65535 other than 0, found the integer 0",
    ),
    refusal(
        GLOBAL + "local-address-list = []",
        4,
        "global.config.local-address-list",
        "wanted at least one address, found none (global.config.port = -1 listens",
        "nowhere)",
    ),
    refusal(
        GLOBAL + 'local-address-list = ["::1",\n "localhost"]',
        5,
        "global.config.local-address-list",
        'wanted an IPv4 or IPv6 address, found the string "localhost"',
    ),
    refusal(
        GLOBAL + 'local-address-list = ["::1", "0::1"]',
        4,
        "global.config.local-address-list",
        "wanted different addresses, found one twice",
    ),
    refusal(
        GLOBAL + NEIGHBOR + 'transport.config.local-address = "224.0.0.5"',
        6,
        "neighbors[].transport.config.local-address",
        "wanted an address of this host, found 224.0.0.5",
    ),
    refusal(
        GLOBAL + NEIGHBOR + "timers.config.connect-retry = true",
        6,
        "neighbors[].timers.config.connect-retry",
        "wanted whole seconds from 1 to 65535, found true",
    ),
    refusal(
        GLOBAL + "port = true",
        4,
        "global.config.port",
        "wanted an integer from -1 to 65535 other than 0, found true",
    ),
    refusal(NEIGHBOR, 1, "global.config.as", "required key is missing"),
    refusal(
        GLOBAL + NEIGHBOR + "peer-as = 65001",
        6,
        "neighbors[].peer-as",
        "unknown key, did you mean config.peer-as? (allowed here: afi-safis, as-path-options,",
        "config, ebgp-multihop, error-handling, logging-options, route-reflector, timers,",
        "transport, ttl-security)",
    ),
    refusal(
        GLOBAL + NEIGHBOR + "[neighbors.state]\nadmin-down = true",
        6,
        "neighbors[].state",
        "state tables are what the daemon reports, they cannot be set",
    ),
    refusal(
        GLOBAL + NEIGHBOR + NEIGHBOR,
        7,
        "neighbors[].config.neighbor-address",
        "wanted one entry for each address, found 10.0.0.2 again",
    ),
    refusal(
        GLOBAL + NEIGHBOR + "timers.config.hold-time = 2",
        6,
        "neighbors[].timers.config.hold-time",
        "wanted whole seconds from 3 to 65535 or 0, found the integer 2",
    ),
    refusal(
        GLOBAL + NEIGHBOR + "timers.config.hold-time = 3.5",
        6,
        "neighbors[].timers.config.hold-time",
        "wanted whole seconds from 3 to 65535 or 0, found the number 3.5",
    ),
    refusal(
        GLOBAL + NEIGHBOR + "timers.config.keepalive-interval = 90",
        6,
        "neighbors[].timers.config.keepalive-interval",
        "wanted less than the hold time of 90 seconds, found 90",
    ),
    refusal(
        GLOBAL + NEIGHBOR + 'transport.config.local-address = "::1"',
        6,
        "neighbors[].transport.config.local-address",
        "wanted an IPv4 address as that of the neighbor, found ::1",
    ),
    refusal(
        GLOBAL + NEIGHBOR + "ebgp-multihop.config.multihop-ttl = 2",
        6,
        "neighbors[].ebgp-multihop.config.multihop-ttl",
        "has no effect unless neighbors[].ebgp-multihop.config.enabled is true",
    ),
    refusal(
        GLOBAL + NEIGHBOR.replace("65001", "65000") + "ebgp-multihop.config.enabled = true",
        6,
        "neighbors[].ebgp-multihop.config.enabled",
        "wanted for an external neighbor only, found peer-as equal to local-as",
    ),
    refusal(
        GLOBAL + NEIGHBOR + '[[neighbors.afi-safis]]\nconfig.afi-safi-name = "l2vpn-evpn"',
        7,
        "neighbors[].afi-safis[].config.afi-safi-name",
        "address family l2vpn-evpn is not supported in this version, wanted ipv4-unicast",
        "or ipv6-unicast",
    ),
    refusal(
        GLOBAL + NEIGHBOR + '[[neighbors.afi-safis]]\nconfig.afi-safi-name = "ipv4"',
        7,
        "neighbors[].afi-safis[].config.afi-safi-name",
        'wanted an address family: "ipv4-unicast" or "ipv6-unicast", found the string',
        '"ipv4"',
    ),
    refusal(
        GLOBAL + NEIGHBOR + "[[neighbors.afi-safis]]\nconfig.enabled = true",
        7,
        "neighbors[].afi-safis[].config.afi-safi-name",
        "required key is missing",
    ),
    refusal(
        GLOBAL + NEIGHBOR + IPV4 + IPV4,
        9,
        "neighbors[].afi-safis[].config.afi-safi-name",
        "wanted each family once, found ipv4-unicast again",
    ),
    refusal(
        GLOBAL + "[neighbors]\nx = 1", 4, "neighbors", "wanted an array of tables, found a table"
    ),
    refusal("global = 1", 1, "global", "wanted a table, found the integer 1"),
    refusal("[[rpki-servers]]", 1, "rpki-servers", "known key, not implemented in this version"),
    refusal("[zebra]", 1, "zebra", "known key, not implemented in this version"),
    refusal(
        '[netlink.import]\ninterface-list = "eth0"',
        2,
        "netlink.import.interface-list",
        'wanted an array, found the string "eth0"',
    ),
    refusal(
        '[netlink.import]\ninterface-list = ["eth0", "eth 1"]',
        2,
        "netlink.import.interface-list",
        'wanted an interface name or a glob such as "eth*", found the string "eth 1"',
    ),
    refusal(
        '[netlink.import]\nvrf = "blue"',
        2,
        "netlink.import.vrf",
        "VRFs are not supported in this version",
    ),
    refusal(
        RULE + 'vrf = "blue"',
        3,
        "netlink.export.rules[].vrf",
        "VRFs are not supported in this version",
    ),
    refusal(
        RULE + 'large-community-list = [\n"65000:mesh:1"]',
        4,
        "netlink.export.rules[].large-community-list",
        "wanted a large community like 65000:1:100 (three numbers from 0 to 4294967295),",
        "found '65000:mesh:1'",
    ),
    refusal(
        RULE + "community-list = [65000]",
        3,
        "netlink.export.rules[].community-list",
        'wanted a community such as "65000:100", found the integer 65000',
    ),
    refusal(
        RULE + "table-id = 255",
        3,
        "netlink.export.rules[].table-id",
        "wanted an integer from 0 to 2147483647 other than 255, found the integer 255",
    ),
    refusal(
        RULE + "table-id = -1",
        3,
        "netlink.export.rules[].table-id",
        "wanted an integer from 0 to 2147483647 other than 255, found the integer -1",
    ),
    refusal(
        RULE + "validate-nexthop = true\nskip-nexthop-validation = true",
        4,
        "netlink.export.rules[].skip-nexthop-validation",
        "contradicts validate-nexthop = true, wanted the opposite of it or one of the two",
        "keys only",
    ),
    refusal(
        RULE + RULE, 4, "netlink.export.rules[].name", 'wanted a name of its own, found "a" again'
    ),
    refusal(
        RULE + "metric = 0\n" + RULE.replace('"a"', '"b"') + "metric = 1024",
        6,
        "netlink.export.rules[].metric",
        'wanted a metric other than that of rule "a" in table 254 '
        "(0 and 1024 are the same to IPv6), found 1024",
    ),
    refusal(
        '[[netlink.export.rules]]\nname = ""',
        2,
        "netlink.export.rules[].name",
        'wanted a string that is not empty, found the string ""',
    ),
    refusal(
        "[[netlink.export.rules]]\nmetric = 10",
        1,
        "netlink.export.rules[].name",
        "required key is missing",
    ),
    refusal(
        RULE + '"tab\\nle" = 1',
        3,
        'netlink.export.rules[]."tab\\nle"',
        "unknown key, did you mean table-id? (allowed here: community-list,",
        "large-community-list, metric, name, skip-nexthop-validation, table-id,",
        "validate-nexthop, vrf)",
    ),
    refusal(
        "[netlink.export]\nroute-protocol = 16",
        2,
        "netlink.export.route-protocol",
        "wanted an integer from 5 to 255 other than 9 and 16, found the integer 16",
    ),
    refusal(
        "[netlink.export]\nroute-protocol = 4",
        2,
        "netlink.export.route-protocol",
        "wanted an integer from 5 to 255 other than 9 and 16, found the integer 4",
    ),
    refusal(
        "[netlink.export]\ndampening-interval = 4294967296",
        2,
        "netlink.export.dampening-interval",
        "wanted an integer from 0 to 4294967295, found the integer 4294967296",
    ),
]


@pytest.mark.parametrize(("text", "error"), REFUSALS)
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
peer-type = "external"
[[vrfs]]
config.name = "red"
"""
    assert [line.partition(" wanted")[0] for line in errors_of(text)] == [
        "g.toml:1: global.config.router-id: required key is missing",
        "g.toml:2: global.config.as:",
        "g.toml:4: neighbors[].config.peer-as: required key is missing",
        "g.toml:5: neighbors[].config.neighbor-address:",
        "g.toml:6: neighbors[].config.peer-type: known key, not implemented in this version",
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
