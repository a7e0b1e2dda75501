"""Every key of the configuration acts, and there is a test that sees it, or it is refused by name.

The table names for each key a test in which changing it changes what a peer, the kernel, a socket
or the log shows, by reload too (or, for the few that need a restart, in which the reload names
them).  The tests named are held to exist; that they see it is for whoever reads them.  The reload
column of docs/configuration.md is held against what a reload does.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gobgp_trio.config.changes import IN_PLACE, diff
from gobgp_trio.config.keys import IMPLEMENTED
from gobgp_trio.config.unsupported import REFUSALS
from tests.config.effects import BASE, EFFECTS, FIXED, PEER_EFFECTS, config_of, with_key

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")

RULES = "netns-tests/test_neighbor_rules.py::test_"
RELOADS = "netns-tests/test_key_reloads.py::test_"
TRANSPORT = "netns-tests/test_transport.py::test_"
RELOAD = "netns-tests/test_reload.py::test_"
RESTART = f"{RELOADS}what_needs_a_restart_is_named_and_seen_after_it"
LISTEN = f"{TRANSPORT}where_we_listen"
DIALS = f"{RELOADS}port_of_the_peer_type_of_service_and_who_dials"
LIMIT = f"{RULES}prefix_limit"
DYNAMIC = f"{RULES}neighbors_by_prefix"
NEIGHBORS = f"{RELOAD}neighbors_come_and_go_and_change"
REFLECTION = "netns-tests/test_reflection.py::test_client_and_cluster_change_by_reload"
SELECTION = "netns-tests/test_selection.py::test_"
EXPORT = f"{RELOADS}large_communities_validation_and_dampening"
SHARED = f"{RELOADS}a_protocol_number_that_another_daemon_uses"
TABLES = f"{RELOAD}metric_and_table_change_without_a_gap"
PEERS = "tests/daemon/test_peers.py::test_"
TTL = f"{TRANSPORT}ttl_security_keeps_a_peer_out_that_sends_with_less"

# Of neighbors and peer groups alike.
PEER_TESTS: dict[str, str] = {
    "config.peer-as": NEIGHBORS,
    "config.local-as": f"{RULES}another_as_for_one_neighbor",
    "config.description": f"{RELOADS}pace_of_keepalives_and_label",
    "config.auth-password": f"{TRANSPORT}a_wrong_password_and_its_change_by_reload",
    "config.remove-private-as": f"{RULES}private_as_numbers",
    "config.send-community": f"{RULES}kinds_of_communities",
    "config.send-software-version": (
        "netns-tests/test_capabilities.py::test_software_version_is_announced_where_it_is_wanted"
    ),
    "timers.config.hold-time": f"{RULES}timers",
    "timers.config.keepalive-interval": f"{RELOADS}pace_of_keepalives_and_label",
    "timers.config.connect-retry": f"{PEERS}reload_of_a_shorter_wait_shortens_the_one_that_runs",
    "timers.config.idle-hold-time-after-reset": f"{PEERS}reload_of_the_rest_after_a_reset",
    "transport.config.passive-mode": DIALS,
    "transport.config.local-address": f"{TRANSPORT}the_source_address_is_the_configured_one",
    "transport.config.local-port": f"{TRANSPORT}our_port_is_the_configured_one",
    "transport.config.remote-port": DIALS,
    "transport.config.bind-interface": f"{TRANSPORT}a_session_is_bound_to_its_interface",
    "transport.config.tcp-mss": f"{TRANSPORT}segments_are_as_short_as_configured",
    "transport.config.ip-tos": DIALS,
    "error-handling.config.treat-as-withdraw": (f"{PEERS}reload_of_what_errors_in_attributes_do"),
    "logging-options.config.log-neighbor-state-changes": (
        "tests/daemon/test_peer_limits.py::test_changes_of_state_are_logged_where_asked_for"
    ),
    "ebgp-multihop.config.enabled": f"{TRANSPORT}multihop_over_a_router",
    "ebgp-multihop.config.multihop-ttl": f"{TRANSPORT}multihop_over_a_router",
    "ttl-security.config.enabled": TTL,
    "ttl-security.config.ttl-min": TTL,
    "route-reflector.config.route-reflector-client": REFLECTION,
    "route-reflector.config.route-reflector-cluster-id": REFLECTION,
    "as-path-options.config.allow-own-as": f"{RULES}our_own_as",
    "as-path-options.config.replace-peer-as": f"{RULES}the_peers_own_as",
    "as-path-options.config.allow-as-path-loop-local": (
        f"{RULES}local_paths_with_the_peers_own_as"
    ),
    "afi-safis[].config.afi-safi-name": NEIGHBORS,
    "afi-safis[].prefix-limit.config.max-prefixes": LIMIT,
    "afi-safis[].prefix-limit.config.shutdown-threshold-pct": LIMIT,
    "afi-safis[].prefix-limit.config.restart-timer": LIMIT,
}

TESTS: dict[str, str] = {
    "global.config.as": RESTART,
    "global.config.router-id": RESTART,
    "global.config.port": LISTEN,
    "global.config.local-address-list": LISTEN,
    "global.config.bind-to-device": RESTART,
    "global.route-selection-options.config.always-compare-med": (
        f"{SELECTION}med_is_compared_always_when_that_is_asked_for"
    ),
    "global.route-selection-options.config.ignore-as-path-length": (
        f"{SELECTION}the_length_of_the_path_does_not_count_when_that_is_asked_for"
    ),
    "global.route-selection-options.config.external-compare-router-id": (
        f"{SELECTION}the_router_id_counts_before_the_age_when_that_is_asked_for"
    ),
    "neighbors[].config.neighbor-address": NEIGHBORS,
    "neighbors[].config.neighbor-interface": f"{RELOADS}interface_of_an_unnumbered_neighbor",
    "neighbors[].config.peer-group": f"{RULES}a_changed_group_changes_its_members",
    "neighbors[].config.admin-down": f"{RULES}admin_down",
    "peer-groups[].config.peer-group-name": f"{RULES}a_changed_group_changes_its_members",
    "dynamic-neighbors[].config.prefix": DYNAMIC,
    "dynamic-neighbors[].config.peer-group": DYNAMIC,
    "netlink.import.enabled": f"{RELOAD}the_interface_list_changes_what_is_announced",
    "netlink.import.interface-list": f"{RELOAD}the_interface_list_changes_what_is_announced",
    "netlink.export.enabled": (
        "netns-tests/test_restart.py::test_export_that_is_switched_off_removes_our_routes"
    ),
    "netlink.export.dampening-interval": EXPORT,
    "netlink.export.route-protocol": f"{RELOAD}the_protocol_number_moves_the_routes",
    "netlink.export.allow-shared-protocol": SHARED,
    "netlink.export.resolve-via-default": (
        "netns-tests/test_next_hops.py::test_a_default_route_resolves_only_when_it_may"
    ),
    "netlink.export.rules[].name": f"{RELOAD}rules_come_and_go",
    "netlink.export.rules[].community-list": f"{RELOAD}rules_come_and_go",
    "netlink.export.rules[].large-community-list": EXPORT,
    "netlink.export.rules[].table-id": TABLES,
    "netlink.export.rules[].metric": TABLES,
    "netlink.export.rules[].validate-nexthop": EXPORT,
    "netlink.export.rules[].skip-nexthop-validation": EXPORT,
}
TESTS |= {f"neighbors[].{key}": test for key, test in PEER_TESTS.items()}
# That each value of a group is its members' is what ``test_peer_groups`` walks.
TESTS |= {f"peer-groups[].{key}": test for key, test in PEER_TESTS.items()}

# One value is possible, which is what happens anyway; any other is refused (test_keys).
WITHOUT_CHOICE = {*FIXED, "peer-groups[].afi-safis[].config.enabled"}


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


def test_every_key_acts_or_is_refused() -> None:
    assert TESTS.keys() | WITHOUT_CHOICE == IMPLEMENTED.keys()
    assert not TESTS.keys() & WITHOUT_CHOICE
    assert not IMPLEMENTED.keys() & REFUSALS.keys()
    assert len(TESTS) + len(WITHOUT_CHOICE) + len(REFUSALS) == 461


@pytest.mark.parametrize("key", TESTS)
def test_the_test_of_a_key_exists(key: str) -> None:
    file, name = TESTS[key].split("::")
    assert name in names_in(file)


def reload_column() -> dict[str, str]:
    rows = re.findall(r"^\| `([a-z\[\].-]+)` \|(?:[^|]+\|){3} ([^|]+) \|$", PAGE, re.MULTILINE)
    return dict(rows)


@pytest.mark.parametrize("key", PEER_EFFECTS)
def test_reload_of_a_neighbors_key_does_what_the_page_says(key: str) -> None:
    """At once and for the next session: without a reset; else with one."""
    effect = PEER_EFFECTS[key]
    document = BASE
    for beside, value in effect.beside.items():
        document = with_key(document, beside, value)
    changes = diff(
        config_of(document), config_of(with_key(document, f"neighbors[].{key}", effect.value))
    )
    (change,) = changes.neighbors_changed
    said = reload_column()[f"neighbors[].{key}"]
    assert said == "reset" if change.needs_reset else said in {"at once", "next session"}
    assert change.needs_reset or change.fields <= IN_PLACE


@pytest.mark.parametrize("key", [key for key in EFFECTS if key.startswith("global.")])
def test_reload_of_a_global_key_does_what_the_page_says(key: str) -> None:
    old = config_of(BASE)
    changes = diff(old, config_of(with_key(BASE, key, EFFECTS[key].value)))
    needs_restart = reload_column()[key] == "restart"
    assert changes.restart_needed == ((key,) if needs_restart else ())
    assert (changes.config.global_ == old.global_) is needs_restart
