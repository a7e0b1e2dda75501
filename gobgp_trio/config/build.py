"""From checked values to a ``Config``: defaults, required keys, and what must hold between keys.

Each function notes what is wrong and carries on with some value, so that one attempt shows every
problem; the caller throws the result away when there are problems.
"""

from collections.abc import Iterable

from gobgp_trio.config import keys
from gobgp_trio.config.build_neighbors import build_dynamic, build_neighbors, find_groups
from gobgp_trio.config.checked import Checked, Section
from gobgp_trio.config.schema import (
    MAIN_TABLE,
    Config,
    ExportRule,
    Global,
    NetlinkExport,
    NetlinkImport,
    SelectionOptions,
)

# rtnetlink.h and the daemons' own defaults.
_FOREIGN_PROTOCOLS = {
    11: "zebra",
    12: "BIRD",
    17: "mrouted",
    18: "keepalived",
    42: "Babel",
    187: "IS-IS",
    188: "OSPF",
    189: "RIP",
    190: "FRR",
    191: "FRR",
    192: "EIGRP",
}


def build_config(checked: Checked) -> Config:
    """The configuration that the checked values stand for; problems are noted in ``checked``."""
    root = Section(checked, "", ())
    global_ = _build_global(root, checked)
    global_as = global_.as_ if global_ is not None else 0
    groups = find_groups(root)
    neighbors = build_neighbors(root, groups, global_)
    dynamic_neighbors = build_dynamic(root, groups, global_as)
    if (neighbors or dynamic_neighbors) and global_ is None:
        array = "neighbors" if neighbors else "dynamic-neighbors"
        checked.refuse((array,), keys.AS.path, "required key is missing")
    return Config(
        global_=global_,
        neighbors=neighbors,
        dynamic_neighbors=dynamic_neighbors,
        netlink_import=_build_import(root),
        netlink_export=_build_export(root, checked),
    )


def _build_global(root: Section, checked: Checked) -> Global | None:
    if not checked.has(("global",)):
        return None
    as_ = root.require(keys.AS)
    router_id = root.require(keys.ROUTER_ID)
    listen_addresses = root.get(keys.LISTEN_ADDRESSES)
    if not listen_addresses:
        root.refuse(
            keys.LISTEN_ADDRESSES,
            f"wanted at least one address, found none ({keys.PORT.path} = -1 listens nowhere)",
        )
    elif len(set(listen_addresses)) < len(listen_addresses):
        root.refuse(keys.LISTEN_ADDRESSES, "wanted different addresses, found one twice")
    return Global(
        as_=as_ or 0,
        router_id=router_id or bytes(4),
        port=root.get(keys.PORT),
        listen_addresses=listen_addresses,
        listen_interface=root.get(keys.BIND_TO_DEVICE) or "",
        selection=SelectionOptions(
            always_compare_med=root.get(keys.ALWAYS_COMPARE_MED),
            ignore_as_path_length=root.get(keys.IGNORE_AS_PATH_LENGTH),
            external_compare_router_id=root.get(keys.EXTERNAL_COMPARE_ROUTER_ID),
        ),
    )


def _build_import(root: Section) -> NetlinkImport:
    enabled = root.get(keys.IMPORT_ENABLED)
    interface_list = root.get(keys.INTERFACE_LIST)
    if enabled and not interface_list and not root.is_wrong(keys.INTERFACE_LIST):
        root.warn(keys.IMPORT_ENABLED, f"nothing is imported without {keys.INTERFACE_LIST.path}")
    return NetlinkImport(enabled, root.get(keys.IMPORT_VRF), interface_list)


def _build_export(root: Section, checked: Checked) -> NetlinkExport | None:
    if not checked.has(("netlink", "export")):
        return None
    enabled = root.get(keys.EXPORT_ENABLED)
    protocol = root.get(keys.ROUTE_PROTOCOL)
    if protocol in _FOREIGN_PROTOCOLS:
        root.warn(
            keys.ROUTE_PROTOCOL,
            f"{protocol} is the number of {_FOREIGN_PROTOCOLS[protocol]}; routes with it are "
            "taken for ours and removed at the start",
        )
    rules = _build_rules(root)
    if enabled and not rules:
        root.warn(keys.EXPORT_ENABLED, "nothing is exported without [[netlink.export.rules]]")
    return NetlinkExport(
        enabled=enabled,
        dampening_s=root.get(keys.DAMPENING_MS) / 1000,
        route_protocol=protocol,
        allow_shared_protocol=root.get(keys.ALLOW_SHARED_PROTOCOL),
        resolve_via_default=root.get(keys.RESOLVE_VIA_DEFAULT),
        rules=rules,
    )


def _build_rules(root: Section) -> tuple[ExportRule, ...]:
    rules: dict[str, ExportRule] = {}
    for section in root.each("netlink.export.rules[]"):
        name = section.require(keys.RULE_NAME)
        rule = ExportRule(
            name=name or "",
            communities=section.get(keys.COMMUNITIES),
            large_communities=section.get(keys.LARGE_COMMUNITIES),
            vrf=section.get(keys.RULE_VRF),
            table_id=section.get(keys.TABLE_ID) or MAIN_TABLE,
            metric=section.get(keys.METRIC),
            validate_nexthop=_build_validation(section),
        )
        if rule.name in rules:
            section.refuse(keys.RULE_NAME, f'wanted a name of its own, found "{name}" again')
        elif name is not None:
            _refuse_one_metric_twice(section, rule, rules.values())
            rules[name] = rule
    return tuple(rules.values())


def _refuse_one_metric_twice(
    section: Section, rule: ExportRule, others: Iterable[ExportRule]
) -> None:
    """Metrics 0 and 1024 are one to the kernel's IPv6: two rules would write one route."""
    for other in others:
        if other.table_id == rule.table_id and {other.metric, rule.metric} == {0, 1024}:
            section.refuse(
                keys.METRIC,
                f'wanted a metric other than that of rule "{other.name}" in table '
                f"{rule.table_id} (0 and 1024 are the same to IPv6), found {rule.metric}",
            )


def _build_validation(section: Section) -> bool:
    """``validate-nexthop`` and its inverse are both read; they may not contradict each other."""
    validate = section.get(keys.VALIDATE_NEXTHOP)
    skip = section.get(keys.SKIP_VALIDATION)
    if validate is not None and validate is skip:
        section.refuse(
            keys.SKIP_VALIDATION,
            f"contradicts validate-nexthop = {str(validate).lower()}, wanted the opposite of it "
            "or one of the two keys only",
        )
    if validate is not None:
        return validate
    return not skip
