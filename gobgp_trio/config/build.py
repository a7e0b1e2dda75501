"""From checked values to a ``Config``: defaults, required keys, and what must hold between keys.

Each function notes what is wrong and carries on with some value, so that one attempt shows every
problem; the caller throws the result away when there are problems.
"""

from ipaddress import ip_address

from gobgp_trio.config import keys
from gobgp_trio.config.checked import Checked, Section
from gobgp_trio.config.schema import (
    MAIN_TABLE,
    Config,
    ExportRule,
    Global,
    Neighbor,
    NetlinkExport,
    NetlinkImport,
)
from gobgp_trio.types.family import Family

_KEEPALIVES_IN_HOLD_TIME = 3  # RFC 4271 section 10
_DEFAULT_MULTIHOP_TTL = 255

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
    return Config(
        global_=global_,
        neighbors=_build_neighbors(root, checked, global_),
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
    )


def _build_neighbors(
    root: Section, checked: Checked, global_: Global | None
) -> tuple[Neighbor, ...]:
    neighbors: dict[str, Neighbor] = {}
    sections = list(root.each("neighbors[]"))
    if sections and global_ is None:
        checked.refuse(("neighbors",), keys.AS.path, "required key is missing")
    for section in sections:
        neighbor = _build_neighbor(section, global_.as_ if global_ else 0)
        if neighbor.address in neighbors:
            section.refuse(
                keys.NEIGHBOR_ADDRESS,
                f"wanted one entry for each address, found {neighbor.address} again",
            )
        elif neighbor.address:
            neighbors[neighbor.address] = neighbor
    return tuple(neighbors.values())


def _build_neighbor(section: Section, global_as: int) -> Neighbor:
    address = section.require(keys.NEIGHBOR_ADDRESS) or ""
    peer_as = section.require(keys.PEER_AS) or 0
    local_as = section.get(keys.LOCAL_AS) or global_as
    hold_time_s = section.get(keys.HOLD_TIME)
    return Neighbor(
        address=address,
        peer_as=peer_as,
        local_as=local_as,
        families=_build_families(section, address),
        description=section.get(keys.DESCRIPTION),
        admin_down=section.get(keys.ADMIN_DOWN),
        passive=section.get(keys.PASSIVE),
        local_address=_build_local_address(section, address),
        remote_port=section.get(keys.REMOTE_PORT),
        hold_time_s=hold_time_s,
        keepalive_s=_build_keepalive(section, hold_time_s),
        connect_retry_s=section.get(keys.CONNECT_RETRY),
        idle_hold_after_reset_s=section.get(keys.IDLE_HOLD),
        multihop_ttl=_build_multihop(section, is_ebgp=peer_as != local_as),
    )


def _build_families(section: Section, address: str) -> tuple[Family, ...]:
    """What the entry lists, or the family of the neighbor's own address."""
    families: list[Family] = []
    for entry in section.each("neighbors[].afi-safis[]"):
        family = entry.require(keys.FAMILY)
        if family in families:
            entry.refuse(keys.FAMILY, f"wanted each family once, found {family.config_name} again")
        elif family is not None:
            families.append(family)
    if families:
        return tuple(families)
    return (Family.IPV6_UNICAST,) if ":" in address else (Family.IPV4_UNICAST,)


def _build_local_address(section: Section, neighbor_address: str) -> str:
    """The source address as text; "" for none and for the unspecified address."""
    text = section.get(keys.LOCAL_ADDRESS)
    if text is None or not neighbor_address:
        return ""
    address, neighbor = ip_address(text), ip_address(neighbor_address)
    if address.version != neighbor.version:
        section.refuse(
            keys.LOCAL_ADDRESS,
            f"wanted an IPv{neighbor.version} address as that of the neighbor, found {text}",
        )
    elif address.is_multicast:
        section.refuse(keys.LOCAL_ADDRESS, f"wanted an address of this host, found {text}")
    return "" if address.is_unspecified else text


def _build_keepalive(section: Section, hold_time_s: int) -> int:
    """The configured interval, else a third of the hold time; 0 without a hold time."""
    keepalive_s = section.get(keys.KEEPALIVE)
    if keepalive_s is None:
        return hold_time_s // _KEEPALIVES_IN_HOLD_TIME
    if keepalive_s >= hold_time_s and not section.is_wrong(keys.HOLD_TIME):
        section.refuse(
            keys.KEEPALIVE,
            f"wanted less than the hold time of {hold_time_s} seconds, found {keepalive_s}",
        )
    return keepalive_s


def _build_multihop(section: Section, *, is_ebgp: bool) -> int | None:
    if not section.get(keys.MULTIHOP):
        if section.get(keys.MULTIHOP_TTL) and not section.is_wrong(keys.MULTIHOP):
            section.refuse(keys.MULTIHOP_TTL, f"has no effect unless {keys.MULTIHOP.path} is true")
        return None
    if not is_ebgp:
        section.refuse(
            keys.MULTIHOP, "wanted for an external neighbor only, found peer-as equal to local-as"
        )
    return section.get(keys.MULTIHOP_TTL) or _DEFAULT_MULTIHOP_TTL


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
            rules[name] = rule
    return tuple(rules.values())


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
