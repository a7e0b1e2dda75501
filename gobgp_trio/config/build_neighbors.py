"""Neighbors, peer groups and dynamic neighbors, from checked values.

A group has no being of its own: its values are its members' where those have none (see
``MemberSection``), so a reload that changes a group changes its members, and what must hold
between keys is judged for each member and reported where the value stands.
"""

from dataclasses import replace
from ipaddress import ip_network

from gobgp_trio.config import keys
from gobgp_trio.config.build_sockets import (
    build_local_address,
    build_multihop,
    build_sockets,
    check_listening,
    find_address,
)
from gobgp_trio.config.checked import Section
from gobgp_trio.config.schema import DynamicNeighbors, Global, Neighbor, PrefixLimit
from gobgp_trio.types.family import Family
from gobgp_trio.types.sending import PrivateAs, SendCommunity

_KEEPALIVES_IN_HOLD_TIME = 3  # RFC 4271 section 10


def find_groups(root: Section) -> dict[str, Section]:
    """Peer groups by name; each answers to the keys of neighbors."""
    groups: dict[str, Section] = {}
    for section in root.each("peer-groups[]"):
        name = section.require(keys.GROUP_NAME)
        if name in groups:
            section.refuse(keys.GROUP_NAME, f'wanted a name of its own, found "{name}" again')
        elif name is not None:
            groups[name] = section.read_as("neighbors[]")
    return groups


def build_neighbors(
    root: Section, groups: dict[str, Section], global_: Global | None
) -> tuple[Neighbor, ...]:
    """``[[neighbors]]`` in the order of the file."""
    neighbors: dict[str, Neighbor] = {}
    sections: dict[str, Section] = {}
    for section in root.each("neighbors[]"):
        group = _find_group(section, keys.PEER_GROUP, groups)
        if group is None and section.has(keys.PEER_GROUP):
            continue  # whatever it lacks may be in the group that is not there
        member = section.backed_by(group) if group is not None else section
        neighbor = _build_neighbor(
            member,
            find_address(section),
            section.get(keys.PEER_GROUP) or "",
            global_.as_ if global_ is not None else 0,
        )
        neighbor = replace(neighbor, admin_down=section.get(keys.ADMIN_DOWN))
        if neighbor.address in neighbors:
            section.refuse(
                keys.NEIGHBOR_ADDRESS,
                f"wanted one entry for each address, found {neighbor.address} again",
            )
        elif neighbor.address:
            neighbors[neighbor.address] = neighbor
            sections[neighbor.address] = member
    check_listening(((sections[name], neighbors[name]) for name in neighbors), global_)
    return tuple(neighbors.values())


def build_dynamic(
    root: Section, groups: dict[str, Section], global_as: int
) -> tuple[DynamicNeighbors, ...]:
    """``[[dynamic-neighbors]]``, the longest prefixes first: the first that fits is the one."""
    entries: dict[str, DynamicNeighbors] = {}
    for section in root.each("dynamic-neighbors[]"):
        prefix = section.require(keys.DYNAMIC_PREFIX)
        section.require(keys.DYNAMIC_GROUP)
        group = _find_group(section, keys.DYNAMIC_GROUP, groups)
        if prefix in entries:
            section.refuse(
                keys.DYNAMIC_PREFIX, f"wanted one entry for each prefix, found {prefix} again"
            )
        elif prefix is not None and group is not None:
            name = section.get(keys.DYNAMIC_GROUP) or ""
            template = _build_neighbor(group, prefix.partition("/")[0], name, global_as)
            entries[prefix] = DynamicNeighbors(prefix, replace(template, passive=True))
    return tuple(sorted(entries.values(), key=lambda entry: -ip_network(entry.prefix).prefixlen))


def _find_group(
    section: Section, key: keys.Key[str | None], groups: dict[str, Section]
) -> Section | None:
    name = section.get(key)
    if name is not None and name not in groups:
        section.refuse(key, f'wanted the name of a peer group, found "{name}"')
    return groups.get(name) if name is not None else None


def _build_neighbor(section: Section, address: str, group: str, global_as: int) -> Neighbor:
    peer_as = section.require(keys.PEER_AS) or 0
    local_as = section.get(keys.LOCAL_AS) or global_as
    hold_time_s = section.get(keys.HOLD_TIME)
    neighbor = Neighbor(
        address=address,
        peer_as=peer_as,
        local_as=local_as,
        families=_build_families(section, address),
        description=section.get(keys.DESCRIPTION),
        passive=section.get(keys.PASSIVE),
        local_address=build_local_address(section, address),
        remote_port=section.get(keys.REMOTE_PORT),
        hold_time_s=hold_time_s,
        keepalive_s=_build_keepalive(section, hold_time_s),
        connect_retry_s=section.get(keys.CONNECT_RETRY),
        idle_hold_after_reset_s=section.get(keys.IDLE_HOLD),
        multihop_ttl=build_multihop(section, is_ebgp=peer_as != local_as),
        sockets=build_sockets(section, address),
        peer_group=group,
        prefix_limits=_build_prefix_limits(section),
        treat_as_withdraw=section.get(keys.TREAT_AS_WITHDRAW),
        log_state_changes=section.get(keys.LOG_STATE_CHANGES),
        send_software_version=section.get(keys.SEND_SOFTWARE_VERSION),
        send_community=section.get(keys.SEND_COMMUNITY) or SendCommunity.BOTH,
    )
    return _with_path_rules(section, neighbor)


def _with_path_rules(section: Section, neighbor: Neighbor) -> Neighbor:
    """The neighbor with its ``as-path-options``, ``remove-private-as`` and ``route-reflector``."""
    for key in (keys.REMOVE_PRIVATE_AS, keys.REPLACE_PEER_AS, keys.ALLOW_LOOP_LOCAL):
        if section.get(key) and not neighbor.is_ebgp:
            section.refuse(
                key, "wanted for an external neighbor only, found peer-as equal to local-as"
            )
    is_client = section.get(keys.REFLECTOR_CLIENT)
    cluster_id = section.get(keys.CLUSTER_ID)
    if is_client and neighbor.is_ebgp:
        section.refuse(
            keys.REFLECTOR_CLIENT,
            "wanted for an internal neighbor only, found peer-as other than local-as",
        )
    if cluster_id is not None and not is_client and not section.is_wrong(keys.REFLECTOR_CLIENT):
        section.refuse(
            keys.CLUSTER_ID, f"has no effect unless {keys.REFLECTOR_CLIENT.path} is true"
        )
    return replace(
        neighbor,
        allow_own_as=section.get(keys.ALLOW_OWN_AS),
        replace_peer_as=section.get(keys.REPLACE_PEER_AS),
        allow_loop_local=section.get(keys.ALLOW_LOOP_LOCAL),
        remove_private_as=section.get(keys.REMOVE_PRIVATE_AS) or PrivateAs.KEEP,
        is_reflector_client=is_client,
        cluster_id=cluster_id,
    )


def _build_prefix_limits(section: Section) -> tuple[PrefixLimit, ...]:
    limits = []
    for entry in section.each("neighbors[].afi-safis[]"):
        family = entry.get(keys.FAMILY)
        max_prefixes = entry.get(keys.MAX_PREFIXES)
        if max_prefixes and family is not None:
            limits.append(
                PrefixLimit(
                    family,
                    max_prefixes,
                    entry.get(keys.PREFIX_WARNING),
                    entry.get(keys.PREFIX_RESTART),
                )
            )
            continue
        for key in (keys.PREFIX_WARNING, keys.PREFIX_RESTART):
            if not max_prefixes and entry.get(key) and not entry.is_wrong(keys.MAX_PREFIXES):
                entry.refuse(key, f"has no effect unless {keys.MAX_PREFIXES.path} is above 0")
    return tuple(limits)


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
    if address.startswith("%"):  # the other end of an interface speaks for both (RFC 8950)
        return (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
    return (Family.IPV6_UNICAST,) if ":" in address else (Family.IPV4_UNICAST,)


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
