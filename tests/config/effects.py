"""One value of each implemented key and what it becomes; used by the tests that walk all keys."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import tomlkit

from gobgp_trio.config.schema import Config, PrefixLimit
from gobgp_trio.config.toml import parse_config
from gobgp_trio.types.family import Family
from gobgp_trio.types.sending import PrivateAs, SendCommunity

BASE: dict[str, Any] = {
    "global": {"config": {"as": 65000, "router-id": "192.168.1.1"}},
    "neighbors": [
        {
            "config": {"neighbor-address": "10.0.0.2", "peer-as": 65001},
            "afi-safis": [{"config": {"afi-safi-name": "ipv4-unicast"}}],
        }
    ],
    "peer-groups": [{"config": {"peer-group-name": "g", "peer-as": 65009}}],
    "dynamic-neighbors": [{"config": {"prefix": "10.8.0.0/16", "peer-group": "g"}}],
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
    """What one key with one value does, and which other keys it needs beside it."""

    value: object
    attribute: str
    expected: object
    beside: dict[str, object] = field(default_factory=dict)
    other: object = None

    @property
    def another_value(self) -> object:
        """A right value that is neither this one nor the default."""
        if self.other is not None:
            return self.other
        if isinstance(self.value, bool):
            return not self.value
        assert isinstance(self.value, int), self.value
        return self.value + 1


ADDRESS = "10.0.0.9"
EFFECTS: dict[str, Effect] = {
    "global.config.as": Effect(4200000000, "global_.as_", 4200000000),
    "global.config.router-id": Effect("1.2.3.4", "global_.router_id", b"\x01\x02\x03\x04"),
    "global.config.port": Effect(-1, "global_.port", -1),
    "global.config.local-address-list": Effect(
        ["127.0.0.1", "FE80::1%eth0"], "global_.listen_addresses", ("127.0.0.1", "fe80::1%eth0")
    ),
    "global.config.bind-to-device": Effect("eth0", "global_.listen_interface", "eth0"),
    "global.route-selection-options.config.always-compare-med": Effect(
        True, "global_.selection.always_compare_med", True
    ),
    "global.route-selection-options.config.ignore-as-path-length": Effect(
        True, "global_.selection.ignore_as_path_length", True
    ),
    "global.route-selection-options.config.external-compare-router-id": Effect(
        True, "global_.selection.external_compare_router_id", True
    ),
    "neighbors[].config.neighbor-address": Effect(ADDRESS, "neighbors.0.address", ADDRESS),
    "neighbors[].config.admin-down": Effect(True, "neighbors.0.admin_down", True),
    "dynamic-neighbors[].config.prefix": Effect(
        "10.9.0.0/16", "dynamic_neighbors.0.prefix", "10.9.0.0/16"
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

INTERNAL: dict[str, object] = {"neighbors[].config.peer-as": 65000}
REFLECTED: dict[str, object] = {
    **INTERNAL,
    "neighbors[].route-reflector.config.route-reflector-client": True,
}
MULTIHOP: dict[str, object] = {"neighbors[].ebgp-multihop.config.enabled": True}
TTL_SECURITY: dict[str, object] = {"neighbors[].ttl-security.config.enabled": True}
LIMITED: dict[str, object] = {"neighbors[].afi-safis[].prefix-limit.config.max-prefixes": 10}
V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST

# Of neighbors and of peer groups, without the name of the array.
PEER_EFFECTS: dict[str, Effect] = {
    "config.peer-as": Effect(1, "peer_as", 1),
    "config.local-as": Effect(2, "local_as", 2),
    "config.description": Effect("x y", "description", "x y", other="z"),
    "config.auth-password": Effect("secret", "sockets.password", "secret", other=""),
    "config.remove-private-as": Effect(
        "all", "remove_private_as", PrivateAs.REMOVE, other="replace"
    ),
    "config.send-community": Effect("none", "send_community", SendCommunity.NONE, other="standard"),
    "config.send-software-version": Effect(True, "send_software_version", True),
    "timers.config.hold-time": Effect(9, "hold_time_s", 9),
    "timers.config.keepalive-interval": Effect(7, "keepalive_s", 7),
    "timers.config.connect-retry": Effect(5, "connect_retry_s", 5),
    "timers.config.idle-hold-time-after-reset": Effect(6, "idle_hold_after_reset_s", 6),
    "transport.config.passive-mode": Effect(True, "passive", True),
    "transport.config.local-address": Effect(ADDRESS, "local_address", ADDRESS, other="10.0.0.8"),
    "transport.config.local-port": Effect(1179, "sockets.local_port", 1179),
    "transport.config.remote-port": Effect(1179, "remote_port", 1179),
    "transport.config.bind-interface": Effect(
        "eth0", "sockets.bind_interface", "eth0", other="eth1"
    ),
    "transport.config.tcp-mss": Effect(1200, "sockets.mss_octets", 1200),
    "transport.config.ip-tos": Effect(192, "sockets.tos", 192, other=32),
    "error-handling.config.treat-as-withdraw": Effect(False, "treat_as_withdraw", False),
    "logging-options.config.log-neighbor-state-changes": Effect(True, "log_state_changes", True),
    "ebgp-multihop.config.enabled": Effect(True, "multihop_ttl", 255),
    "ebgp-multihop.config.multihop-ttl": Effect(3, "multihop_ttl", 3, MULTIHOP),
    "ttl-security.config.enabled": Effect(True, "sockets.ttl_min", 255),
    "ttl-security.config.ttl-min": Effect(250, "sockets.ttl_min", 250, TTL_SECURITY),
    "route-reflector.config.route-reflector-client": Effect(
        True, "is_reflector_client", True, INTERNAL
    ),
    "route-reflector.config.route-reflector-cluster-id": Effect(
        "1.2.3.4", "cluster_id", b"\x01\x02\x03\x04", REFLECTED, other="1.2.3.5"
    ),
    "as-path-options.config.allow-own-as": Effect(3, "allow_own_as", 3),
    "as-path-options.config.replace-peer-as": Effect(True, "replace_peer_as", True),
    "as-path-options.config.allow-as-path-loop-local": Effect(True, "allow_loop_local", True),
    "afi-safis[].config.afi-safi-name": Effect(
        "ipv6-unicast", "families", (V6,), other="ipv4-unicast"
    ),
    "afi-safis[].prefix-limit.config.max-prefixes": Effect(
        7, "prefix_limits", (PrefixLimit(V4, 7),)
    ),
    "afi-safis[].prefix-limit.config.shutdown-threshold-pct": Effect(
        80, "prefix_limits", (PrefixLimit(V4, 10, 80),), LIMITED
    ),
    "afi-safis[].prefix-limit.config.restart-timer": Effect(
        60, "prefix_limits", (PrefixLimit(V4, 10, 0, 60),), LIMITED
    ),
}
EFFECTS |= {
    f"neighbors[].{key}": replace(effect, attribute=f"neighbors.0.{effect.attribute}")
    for key, effect in PEER_EFFECTS.items()
}

# Names that tie tables together: ``test_peer_groups`` shows what they do.
NAMES = {
    "neighbors[].config.peer-group",
    "peer-groups[].config.peer-group-name",
    "dynamic-neighbors[].config.peer-group",
}
# Instead of an address: ``test_refusals`` and ``test_toml`` show what it does.
NEIGHBOR_INTERFACE = "neighbors[].config.neighbor-interface"

# Keys with one possible value, which is what we do anyway.
FIXED: dict[str, object] = {
    "neighbors[].afi-safis[].config.enabled": True,
    "netlink.import.vrf": "",
    "netlink.export.rules[].vrf": "",
}
