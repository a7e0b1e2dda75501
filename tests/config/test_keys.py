"""The whole key table: each key changes the configuration, or is refused by name and line."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import tomlkit

from gobgp_trio.config.keys import IMPLEMENTED
from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.schema import Config
from gobgp_trio.config.toml import parse_config
from gobgp_trio.config.unsupported import (
    NO_VRFS,
    NOT_IMPLEMENTED,
    REFUSALS,
    UNSUPPORTED_FAMILIES,
    VRF_KEYS,
)
from gobgp_trio.types.family import Family

BASE: dict[str, Any] = {
    "global": {"config": {"as": 65000, "router-id": "192.168.1.1"}},
    "neighbors": [
        {
            "config": {"neighbor-address": "10.0.0.2", "peer-as": 65001},
            "afi-safis": [{"config": {"afi-safi-name": "ipv4-unicast"}}],
        }
    ],
    "netlink": {"import": {}, "export": {"rules": [{"name": "a"}]}},
}


def config_of(document: dict[str, Any]) -> Config:
    return parse_config(tomlkit.dumps(document), "g.toml").config


def with_key(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The document with one more key, in the first element of each array of tables."""
    changed = deepcopy(document)
    *tables, last = path.split(".")
    table: Any = changed
    for name in tables:
        bare = name.removesuffix("[]")
        table = table.setdefault(bare, {})
        if name.endswith("[]"):
            table = table[0]  # BASE has an element in each array
    table[last] = value
    return changed


def attribute(config: Config, path: str) -> object:
    """``"neighbors.0.peer_as"`` of a configuration."""
    value: Any = config
    for name in path.split("."):
        value = value[int(name)] if name.isdigit() else getattr(value, name)
    found: object = value
    return found


@dataclass(frozen=True)
class Effect:
    """What one key with one value does, and which other key it needs beside it."""

    value: object
    attribute: str
    expected: object
    beside: tuple[str, object] | None = None


ADDRESS = "10.0.0.9"
EFFECTS: dict[str, Effect] = {
    "global.config.as": Effect(4200000000, "global_.as_", 4200000000),
    "global.config.router-id": Effect("1.2.3.4", "global_.router_id", b"\x01\x02\x03\x04"),
    "global.config.port": Effect(-1, "global_.port", -1),
    "global.config.local-address-list": Effect(
        ["127.0.0.1", "FE80::1%eth0"], "global_.listen_addresses", ("127.0.0.1", "fe80::1%eth0")
    ),
    "neighbors[].config.neighbor-address": Effect(ADDRESS, "neighbors.0.address", ADDRESS),
    "neighbors[].config.peer-as": Effect(1, "neighbors.0.peer_as", 1),
    "neighbors[].config.local-as": Effect(2, "neighbors.0.local_as", 2),
    "neighbors[].config.description": Effect("x y", "neighbors.0.description", "x y"),
    "neighbors[].config.admin-down": Effect(True, "neighbors.0.admin_down", True),
    "neighbors[].timers.config.hold-time": Effect(9, "neighbors.0.hold_time_s", 9),
    "neighbors[].timers.config.keepalive-interval": Effect(7, "neighbors.0.keepalive_s", 7),
    "neighbors[].timers.config.connect-retry": Effect(5, "neighbors.0.connect_retry_s", 5),
    "neighbors[].timers.config.idle-hold-time-after-reset": Effect(
        6, "neighbors.0.idle_hold_after_reset_s", 6
    ),
    "neighbors[].transport.config.passive-mode": Effect(True, "neighbors.0.passive", True),
    "neighbors[].transport.config.local-address": Effect(
        ADDRESS, "neighbors.0.local_address", ADDRESS
    ),
    "neighbors[].transport.config.remote-port": Effect(1179, "neighbors.0.remote_port", 1179),
    "neighbors[].ebgp-multihop.config.enabled": Effect(True, "neighbors.0.multihop_ttl", 255),
    "neighbors[].ebgp-multihop.config.multihop-ttl": Effect(
        3,
        "neighbors.0.multihop_ttl",
        3,
        beside=("neighbors[].ebgp-multihop.config.enabled", True),
    ),
    "neighbors[].afi-safis[].config.afi-safi-name": Effect(
        "ipv6-unicast", "neighbors.0.families", (Family.IPV6_UNICAST,)
    ),
    "netlink.import.enabled": Effect(True, "netlink_import.enabled", True),
    "netlink.import.interface-list": Effect(
        ["eth0", "vlan*"], "netlink_import.interface_list", ("eth0", "vlan*")
    ),
    "netlink.export.enabled": Effect(True, "netlink_export.enabled", True),
    "netlink.export.dampening-interval": Effect(2500, "netlink_export.dampening_s", 2.5),
    "netlink.export.route-protocol": Effect(200, "netlink_export.route_protocol", 200),
    "netlink.export.allow-shared-protocol": Effect(
        True, "netlink_export.allow_shared_protocol", True
    ),
    "netlink.export.resolve-via-default": Effect(True, "netlink_export.resolve_via_default", True),
    "netlink.export.rules[].name": Effect("b", "netlink_export.rules.0.name", "b"),
    "netlink.export.rules[].community-list": Effect(
        ["65000:100", "4259905636", "no-export"],
        "netlink_export.rules.0.communities",
        (0xFDE80064, 0xFDE90064, 0xFFFFFF01),
    ),
    "netlink.export.rules[].large-community-list": Effect(
        ["65000:1:100"], "netlink_export.rules.0.large_communities", ((65000, 1, 100),)
    ),
    "netlink.export.rules[].table-id": Effect(100, "netlink_export.rules.0.table_id", 100),
    "netlink.export.rules[].metric": Effect(
        4294967295, "netlink_export.rules.0.metric", 4294967295
    ),
    "netlink.export.rules[].validate-nexthop": Effect(
        False, "netlink_export.rules.0.validate_nexthop", False
    ),
    "netlink.export.rules[].skip-nexthop-validation": Effect(
        True, "netlink_export.rules.0.validate_nexthop", False
    ),
}

# Keys with one possible value, which is what we do anyway.
FIXED: dict[str, object] = {
    "neighbors[].error-handling.config.treat-as-withdraw": True,
    "neighbors[].afi-safis[].config.enabled": True,
    "netlink.import.vrf": "",
    "netlink.export.rules[].vrf": "",
}


def test_tables_have_the_expected_size() -> None:
    assert len(IMPLEMENTED) == 37
    assert len(REFUSALS) == 424
    assert len(VRF_KEYS) == 18
    assert not IMPLEMENTED.keys() & REFUSALS.keys()
    assert len(UNSUPPORTED_FAMILIES) == 24


def test_every_implemented_key_has_its_effect_stated_here() -> None:
    assert EFFECTS.keys() | FIXED.keys() == IMPLEMENTED.keys()


@pytest.mark.parametrize("path", EFFECTS)
def test_implemented_key_changes_the_configuration(path: str) -> None:
    effect = EFFECTS[path]
    document = with_key(BASE, *effect.beside) if effect.beside else BASE
    assert attribute(config_of(document), effect.attribute) != effect.expected
    changed = config_of(with_key(document, path, effect.value))
    assert attribute(changed, effect.attribute) == effect.expected


@pytest.mark.parametrize("path", FIXED)
def test_key_with_one_possible_value_changes_nothing(path: str) -> None:
    assert config_of(with_key(BASE, path, FIXED[path])) == config_of(BASE)
    for other in (False, "x", 1):
        with pytest.raises(ConfigError, match=f" {path.replace('[]', '..')}: "):
            config_of(with_key(BASE, path, other))


@pytest.mark.parametrize("path", sorted(EFFECTS.keys() | FIXED.keys()))
def test_implemented_key_refuses_a_value_of_another_type(path: str) -> None:
    for wrong in ({"a": 1}, 1.5, [[1]]):
        with pytest.raises(ConfigError) as caught:
            config_of(with_key(BASE, path, wrong))
        own = [problem for problem in caught.value.problems if problem.key == path]
        assert [("wanted" in p.text or "VRF" in p.text) for p in own] == [True]


def write_with_line(path: str) -> tuple[str, int]:
    """A document that holds nothing but this key, and the line it is on."""
    lines: list[str] = []
    header = ""
    *tables, last = path.split(".")
    for name in tables:
        header = f"{header}.{name.removesuffix('[]')}".lstrip(".")
        if name.endswith("[]"):
            lines += ["", f"[[{header}]]"]
    if not tables[-1].endswith("[]"):
        lines += ["# a comment", f"[{header}]"]
    lines.append(f"{last} = 0")
    return "\n".join(lines), len(lines)


@pytest.mark.parametrize("path", sorted(REFUSALS))
def test_key_that_is_known_but_not_implemented_is_refused_by_name(path: str) -> None:
    text, line = write_with_line(path)
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "g.toml")
    reason = NO_VRFS if path in VRF_KEYS else NOT_IMPLEMENTED
    assert f"g.toml:{line}: {path}: {reason}" in str(caught.value).splitlines()


def test_reasons_are_worded_for_the_operator() -> None:
    assert NOT_IMPLEMENTED == "known key, not implemented in this version"
    assert NO_VRFS == "VRFs are not supported in this version"


@pytest.mark.parametrize(
    "path",
    [
        "global.config.bind-to-device",
        "global.afi-safis[].config.afi-safi-name",
        "neighbors[].config.auth-password",
        "neighbors[].ttl-security.config.ttl-min",
        "neighbors[].afi-safis[].ipv6-unicast.prefix-limit.config.max-prefixes",
        "peer-groups[].config.peer-as",
        "peer-groups[].afi-safis[].config.enabled",
        "dynamic-neighbors[].config.prefix",
        "vrfs[].netlink-export.linux-table-id",
        "defined-sets.bgp-defined-sets.community-sets[].community-list",
        "policy-definitions[].statements[].conditions.bgp-conditions.community-count.operator",
        "policy-definitions[].statements[].actions.bgp-actions.set-as-path-prepend.repeat-n",
        "rpki-servers[].config.record-lifetime",
        "bmp-servers[].config.sys-descr",
        "mrt-dump[].config.rotation-interval",
        "zebra.config.nexthop-trigger-delay",
        "collector.config.db-name",
        "netlink.config.interface-list",
        "keychains[].keys[].config.secret-key",
    ],
)
def test_table_of_refused_keys_covers_every_part_of_the_schema(path: str) -> None:
    assert path in REFUSALS


@pytest.mark.parametrize("name", sorted(UNSUPPORTED_FAMILIES))
def test_known_family_that_is_not_supported_is_named(name: str) -> None:
    document = with_key(BASE, "neighbors[].afi-safis[].config.afi-safi-name", name)
    with pytest.raises(ConfigError, match=f"address family {name} is not supported in this"):
        config_of(document)
