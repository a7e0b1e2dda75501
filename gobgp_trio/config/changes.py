"""What a reload changes: two configurations compared, as data for those who carry it out.

Identity is the neighbor's address and the rule's name.  The ``[global.config]`` settings are
those of the running process: a change of them is named, not applied, and everything else, the rest
of ``[global]`` too, is compared as it will run beside the old ones.
"""

from dataclasses import dataclass, fields, replace

from gobgp_trio.config.schema import Config, Neighbor, NetlinkExport, SelectionOptions

# Fields of a neighbor that take effect without a new session: labels and limits at once, timers
# when they are next used (the hold time is negotiated when a session opens).
IN_PLACE = frozenset(
    {
        "connect_retry_s",
        "description",
        "hold_time_s",
        "idle_hold_after_reset_s",
        "keepalive_s",
        "log_state_changes",
        "peer_group",
        "prefix_limits",
    }
)

_GLOBAL_KEYS = {
    "as_": "global.config.as",
    "router_id": "global.config.router-id",
    "port": "global.config.port",
    "listen_addresses": "global.config.local-address-list",
    "listen_interface": "global.config.bind-to-device",
}


@dataclass(frozen=True, slots=True)
class NeighborChange:
    """A neighbor that both configurations have, with different settings.

    Attributes:
        fields: the names of what differs.
        needs_reset: the session must be closed (and opened again unless ``new.admin_down``).
    """

    old: Neighbor
    new: Neighbor
    fields: frozenset[str]

    @property
    def needs_reset(self) -> bool:
        return not self.fields <= IN_PLACE


@dataclass(frozen=True, slots=True)
class ExportChange:
    """``[netlink.export]`` before and after; None stands for an absent block.

    Attributes:
        fields: the names of what differs, of the defaults where a block is absent.
    """

    old: NetlinkExport | None
    new: NetlinkExport | None
    fields: frozenset[str]

    @property
    def rules_changed(self) -> bool:
        return "rules" in self.fields

    @property
    def removes_routes(self) -> bool:
        """A present block says ``enabled = false``: our routes leave the kernel.

        An absent block touches nothing, so removing the block is not this.
        """
        return self.new is not None and not self.new.enabled


@dataclass(frozen=True, slots=True)
class ConfigChanges:
    """All differences of a reload.

    Attributes:
        config: what runs once the changes are applied: the new configuration beside the old
            global settings.
        neighbors_added, neighbors_removed, neighbors_changed: in file order (removed: old file).
        selection_changed: any of ``[global.route-selection-options]`` differs.
        dynamic_changed: any setting of ``[[dynamic-neighbors]]`` or of their groups differs.
        import_changed: any setting of ``[netlink.import]`` differs.
        export: None when ``[netlink.export]`` is the same.
        restart_needed: keys whose new value needs a restart of the daemon, not applied.
    """

    config: Config
    neighbors_added: tuple[Neighbor, ...]
    neighbors_removed: tuple[Neighbor, ...]
    neighbors_changed: tuple[NeighborChange, ...]
    import_changed: bool
    export: ExportChange | None
    restart_needed: tuple[str, ...]
    dynamic_changed: bool = False
    selection_changed: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing to apply and nothing to tell."""
        return not (
            self.neighbors_added
            or self.neighbors_removed
            or self.neighbors_changed
            or self.import_changed
            or self.export
            or self.restart_needed
            or self.dynamic_changed
            or self.selection_changed
        )


def diff(old: Config, new: Config) -> ConfigChanges:
    """What must be done to come from the running ``old`` to ``new``."""
    config = _beside_running_global(old, new)
    before = {neighbor.address: neighbor for neighbor in old.neighbors}
    after = {neighbor.address: neighbor for neighbor in config.neighbors}
    return ConfigChanges(
        config=config,
        neighbors_added=tuple(n for n in config.neighbors if n.address not in before),
        neighbors_removed=tuple(n for n in old.neighbors if n.address not in after),
        neighbors_changed=tuple(
            NeighborChange(before[n.address], n, find_differing(before[n.address], n))
            for n in config.neighbors
            if n != before.get(n.address, n)
        ),
        import_changed=old.netlink_import != new.netlink_import,
        export=_diff_export(old.netlink_export, new.netlink_export),
        restart_needed=_diff_global(old, new),
        dynamic_changed=old.dynamic_neighbors != config.dynamic_neighbors,
        selection_changed=_selection_of(old) != _selection_of(config),
    )


def find_differing(old: Neighbor | NetlinkExport, new: Neighbor | NetlinkExport) -> frozenset[str]:
    """The names of the fields that differ."""
    names = (field.name for field in fields(old))
    return frozenset(name for name in names if getattr(old, name) != getattr(new, name))


def _beside_running_global(old: Config, new: Config) -> Config:
    """The new configuration as it runs in a process that keeps the old global settings.

    A local AS that is the new global one was most likely not written but taken from there, so it
    stays what it was.
    """
    if old.global_ is not None and new.global_ is not None:  # its one part that changes in place
        running = replace(old.global_, selection=new.global_.selection)
        old = replace(old, global_=running)
    if old.global_ == new.global_:
        return new
    if old.global_ is None:  # no BGP runs, so no neighbor can
        return replace(
            new,
            global_=None,
            neighbors=old.neighbors,
            dynamic_neighbors=old.dynamic_neighbors,
        )
    neighbors, dynamic = new.neighbors, new.dynamic_neighbors
    if new.global_ is not None:
        ases = (old.global_.as_, new.global_.as_)
        neighbors = tuple(_with_running_as(n, *ases) for n in neighbors)
        dynamic = tuple(
            replace(entry, template=_with_running_as(entry.template, *ases)) for entry in dynamic
        )
    return replace(new, global_=old.global_, neighbors=neighbors, dynamic_neighbors=dynamic)


def _with_running_as(neighbor: Neighbor, running_as: int, new_as: int) -> Neighbor:
    return replace(neighbor, local_as=running_as) if neighbor.local_as == new_as else neighbor


def _selection_of(config: Config) -> SelectionOptions:
    return config.global_.selection if config.global_ is not None else SelectionOptions()


def _diff_global(old: Config, new: Config) -> tuple[str, ...]:
    if old.global_ is None or new.global_ is None:
        return () if old.global_ is new.global_ else ("global.config",)
    return tuple(
        key
        for name, key in _GLOBAL_KEYS.items()
        if getattr(old.global_, name) != getattr(new.global_, name)
    )


def _diff_export(old: NetlinkExport | None, new: NetlinkExport | None) -> ExportChange | None:
    if old == new:
        return None
    return ExportChange(old, new, find_differing(old or NetlinkExport(), new or NetlinkExport()))
