"""What a reload must do, from two configurations."""

from dataclasses import fields, replace

import pytest

from gobgp_trio.config.changes import ConfigChanges, ExportChange, NeighborChange, diff
from gobgp_trio.config.schema import (
    Config,
    DynamicNeighbors,
    ExportRule,
    Global,
    Neighbor,
    NetlinkExport,
    NetlinkImport,
    PrefixLimit,
    SelectionOptions,
    SocketOptions,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.sending import PrivateAs, SendCommunity

GLOBAL = Global(as_=65000, router_id=b"\x01\x01\x01\x01")
FIRST = Neighbor("10.0.0.1", 65001, 65000, (Family.IPV4_UNICAST,))
SECOND = Neighbor("10.0.0.2", 65002, 65000, (Family.IPV4_UNICAST,))
EXPORT = NetlinkExport(enabled=True, rules=(ExportRule("a"), ExportRule("b", table_id=100)))
CONFIG = Config(GLOBAL, (FIRST, SECOND), NetlinkImport(True, "", ("eth0",)), EXPORT)

NOTHING = ConfigChanges(
    config=CONFIG,
    neighbors_added=(),
    neighbors_removed=(),
    neighbors_changed=(),
    import_changed=False,
    export=None,
    restart_needed=(),
)


def test_equal_configurations_need_nothing() -> None:
    changes = diff(CONFIG, replace(CONFIG))
    assert changes == NOTHING
    assert changes.is_empty


def test_neighbors_come_and_go_by_address() -> None:
    third = replace(FIRST, address="10.0.0.3")
    new = replace(CONFIG, neighbors=(third, SECOND))
    changes = diff(CONFIG, new)
    assert changes == replace(
        NOTHING, config=new, neighbors_added=(third,), neighbors_removed=(FIRST,)
    )
    assert not changes.is_empty


def test_order_of_neighbors_means_nothing() -> None:
    assert diff(CONFIG, replace(CONFIG, neighbors=(SECOND, FIRST))).is_empty


CHANGED_FIELDS: dict[str, tuple[Neighbor, bool]] = {
    "peer_as": (replace(SECOND, peer_as=1), True),
    "local_as": (replace(SECOND, local_as=1), True),
    "families": (replace(SECOND, families=(Family.IPV6_UNICAST,)), True),
    "admin_down": (replace(SECOND, admin_down=True), True),
    "passive": (replace(SECOND, passive=True), True),
    "local_address": (replace(SECOND, local_address="10.0.0.9"), True),
    "remote_port": (replace(SECOND, remote_port=1179), True),
    "multihop_ttl": (replace(SECOND, multihop_ttl=2), True),
    "allow_own_as": (replace(SECOND, allow_own_as=1), True),
    "replace_peer_as": (replace(SECOND, replace_peer_as=True), True),
    "allow_loop_local": (replace(SECOND, allow_loop_local=True), True),
    "remove_private_as": (replace(SECOND, remove_private_as=PrivateAs.REMOVE), True),
    "send_community": (replace(SECOND, send_community=SendCommunity.NONE), True),
    "is_reflector_client": (replace(SECOND, is_reflector_client=True), True),
    "cluster_id": (replace(SECOND, cluster_id=b"\1\1\1\1"), True),
    "treat_as_withdraw": (replace(SECOND, treat_as_withdraw=False), True),
    "send_software_version": (replace(SECOND, send_software_version=True), True),
    "sockets": (replace(SECOND, sockets=SocketOptions(tos=32)), True),
    "peer_group": (replace(SECOND, peer_group="g"), False),
    "prefix_limits": (
        replace(SECOND, prefix_limits=(PrefixLimit(Family.IPV4_UNICAST, 1),)),
        False,
    ),
    "log_state_changes": (replace(SECOND, log_state_changes=True), False),
    "description": (replace(SECOND, description="x"), False),
    "hold_time_s": (replace(SECOND, hold_time_s=9), False),
    "keepalive_s": (replace(SECOND, keepalive_s=9), False),
    "connect_retry_s": (replace(SECOND, connect_retry_s=9), False),
    "idle_hold_after_reset_s": (replace(SECOND, idle_hold_after_reset_s=9), False),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Neighbor) if field.init][1:])
def test_changed_neighbor_says_whether_its_session_must_be_reset(name: str) -> None:
    changed, needs_reset = CHANGED_FIELDS[name]
    (change,) = diff(CONFIG, replace(CONFIG, neighbors=(FIRST, changed))).neighbors_changed
    assert change == NeighborChange(SECOND, changed, frozenset({name}))
    assert change.needs_reset is needs_reset


def test_one_field_that_needs_a_reset_is_enough() -> None:
    changed = replace(SECOND, description="x", peer_as=1)
    (change,) = diff(CONFIG, replace(CONFIG, neighbors=(FIRST, changed))).neighbors_changed
    assert change.needs_reset


def test_dynamic_neighbors_are_compared_as_a_whole() -> None:
    entry = DynamicNeighbors("10.8.0.0/16", SECOND)
    old = replace(CONFIG, dynamic_neighbors=(entry,))
    assert diff(old, old).is_empty
    new = replace(CONFIG, dynamic_neighbors=(replace(entry, template=FIRST),))
    changes = diff(old, new)
    assert changes == replace(NOTHING, config=new, dynamic_changed=True)
    assert not changes.is_empty
    as_waiting = replace(
        CONFIG,
        global_=replace(GLOBAL, as_=1),
        dynamic_neighbors=(replace(entry, template=replace(SECOND, local_as=1)),),
    )
    assert diff(old, as_waiting).config.dynamic_neighbors[0].template.local_as == 65000


def test_import_is_compared_as_a_whole() -> None:
    new = replace(CONFIG, netlink_import=NetlinkImport(True, "", ("eth0", "eth1")))
    assert diff(CONFIG, new) == replace(NOTHING, config=new, import_changed=True)


@pytest.mark.parametrize(
    ("export", "names", "rules_changed", "removes_routes"),
    [
        (replace(EXPORT, dampening_s=0.0), {"dampening_s"}, False, False),
        (replace(EXPORT, route_protocol=200), {"route_protocol"}, False, False),
        (replace(EXPORT, enabled=False), {"enabled"}, False, True),
        (replace(EXPORT, rules=EXPORT.rules[::-1]), {"rules"}, True, False),
        (replace(EXPORT, rules=(ExportRule("a", metric=1),)), {"rules"}, True, False),
        (None, {"enabled", "rules"}, True, False),
    ],
)
def test_export_change_says_what_differs(
    export: NetlinkExport | None, names: set[str], rules_changed: bool, removes_routes: bool
) -> None:
    new = replace(CONFIG, netlink_export=export)
    changes = diff(CONFIG, new)
    change = ExportChange(EXPORT, export, frozenset(names))
    assert changes == replace(NOTHING, config=new, export=change)
    assert change.rules_changed is rules_changed
    assert change.removes_routes is removes_routes


def test_new_disabled_export_block_removes_routes_although_nothing_else_differs() -> None:
    old = replace(CONFIG, netlink_export=None)
    change = diff(old, replace(CONFIG, netlink_export=NetlinkExport())).export
    assert change == ExportChange(None, NetlinkExport(), frozenset())
    assert change is not None
    assert change.removes_routes


def test_changed_global_settings_are_named_and_not_applied() -> None:
    new_global = Global(as_=1, router_id=b"\x02\x02\x02\x02", port=1179, listen_addresses=("::",))
    changes = diff(CONFIG, replace(CONFIG, global_=new_global))
    assert changes == replace(
        NOTHING,
        restart_needed=(
            "global.config.as",
            "global.config.router-id",
            "global.config.port",
            "global.config.local-address-list",
        ),
    )
    assert not changes.is_empty


def test_selection_options_change_in_place_beside_what_needs_a_restart() -> None:
    options = SelectionOptions(always_compare_med=True)
    changes = diff(CONFIG, replace(CONFIG, global_=replace(GLOBAL, selection=options)))
    assert changes.selection_changed
    assert (changes.restart_needed, changes.is_empty) == ((), False)
    assert changes.config.global_ == replace(GLOBAL, selection=options)

    changes = diff(CONFIG, replace(CONFIG, global_=replace(GLOBAL, port=1179, selection=options)))
    assert changes.selection_changed
    assert changes.restart_needed == ("global.config.port",)
    assert changes.config.global_ == replace(GLOBAL, selection=options)


def test_neighbors_keep_the_running_as_when_a_new_global_one_waits_for_a_restart() -> None:
    own = replace(SECOND, local_as=7)
    taken = (replace(FIRST, local_as=1), own)
    changes = diff(CONFIG, replace(CONFIG, global_=replace(GLOBAL, as_=1), neighbors=taken))
    assert changes.restart_needed == ("global.config.as",)
    assert changes.config.neighbors == (FIRST, own)
    assert [change.new for change in changes.neighbors_changed] == [own]


def test_global_block_that_appears_needs_a_restart() -> None:
    changes = diff(Config(), CONFIG)
    assert changes.restart_needed == ("global.config",)
    assert changes.config == replace(CONFIG, global_=None, neighbors=())
    assert changes.neighbors_added == ()


def test_global_block_that_goes_away_needs_a_restart() -> None:
    changes = diff(CONFIG, replace(CONFIG, global_=None, neighbors=()))
    assert changes.restart_needed == ("global.config",)
    assert changes.config.global_ == GLOBAL
    assert changes.neighbors_removed == (FIRST, SECOND)
