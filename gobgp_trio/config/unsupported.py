"""The keys that GoBGP's files may have and that this version does nothing with.

GoBGP accepts many settings that have no effect there; a file that asks for something gets it here,
or is refused with the name of the key.  A key leaves this table when it is implemented: it then
moves to ``config.keys``.  The VRF keys stand apart (``VRF_KEYS``) with a refusal of their own.

Notation: dots join tables, ``[]`` marks an array of tables, ``{a b c}`` stands for each of the
words, ``...`` at the start of a line for the prefix given with the block.
"""

import re
from collections.abc import Iterator

NOT_IMPLEMENTED = "known key, not implemented in this version"
NO_VRFS = "VRFs are not supported in this version"
NO_STATE = "state tables are what the daemon reports, they cannot be set"

_GLOBAL = """
    config.graceful-restart-inherit-to-neighbors
    route-selection-options.config.{advertise-inactive-routes enable-aigp}
    route-selection-options.config.{ignore-next-hop-igp-metric disable-best-path-selection}
    default-route-distance.config.{external-route-distance internal-route-distance}
    confederation.config.{enabled identifier member-as-list}
    use-multiple-paths.config.enabled
    use-multiple-paths.ebgp.config.{allow-multiple-as maximum-paths}
    use-multiple-paths.ibgp.config.maximum-paths
    graceful-restart.config.{enabled restart-time stale-routes-time helper-only deferral-time}
    graceful-restart.config.{notification-enabled long-lived-enabled}
    apply-policy.config.{import-policy-list default-import-policy}
    apply-policy.config.{export-policy-list default-export-policy}
"""

# Of a neighbor and of a peer group alike.
_PEER = """
    config.{peer-type route-flap-damping}
    timers.config.minimum-advertisement-interval
    transport.config.mtu-discovery
    add-paths.config.{receive send-max}
    graceful-restart.config.{enabled restart-time stale-routes-time helper-only deferral-time}
    graceful-restart.config.{notification-enabled long-lived-enabled}
    apply-policy.config.{import-policy-list default-import-policy}
    apply-policy.config.{export-policy-list default-export-policy}
    use-multiple-paths.config.enabled
    use-multiple-paths.ebgp.config.{allow-multiple-as maximum-paths}
    use-multiple-paths.ibgp.config.maximum-paths
    route-server.config.{route-server-client secondary-route}
    bfd.config.{enabled port desired-minimum-tx-interval required-minimum-receive}
    bfd.config.detection-multiplier
"""

_FAMILY = """
    mp-graceful-restart.config.enabled
    apply-policy.config.{import-policy-list default-import-policy}
    apply-policy.config.{export-policy-list default-export-policy}
    route-selection-options.config.{always-compare-med ignore-as-path-length}
    route-selection-options.config.{external-compare-router-id advertise-inactive-routes}
    route-selection-options.config.{enable-aigp ignore-next-hop-igp-metric}
    route-selection-options.config.disable-best-path-selection
    use-multiple-paths.config.enabled
    use-multiple-paths.ebgp.config.{allow-multiple-as maximum-paths}
    use-multiple-paths.ibgp.config.maximum-paths
    route-target-membership.config.deferral-time
    long-lived-graceful-restart.config.{enabled restart-time}
    add-paths.config.{receive send-max}
    {ipv4-unicast ipv6-unicast}.config.send-default-route
    {ipv4-unicast ipv6-unicast}.PREFIX-LIMIT
    {ipv4-labelled-unicast ipv6-labelled-unicast}.PREFIX-LIMIT
    {l3vpn-ipv4-unicast l3vpn-ipv6-unicast l3vpn-ipv4-multicast}.PREFIX-LIMIT
    {l3vpn-ipv6-multicast l2vpn-vpls l2vpn-evpn}.PREFIX-LIMIT
""".replace(
    "PREFIX-LIMIT", "prefix-limit.config.{max-prefixes shutdown-threshold-pct restart-timer}"
)
# Implemented for neighbors and peer groups; those of the global table are not.
_FAMILY_GLOBAL = """
    config.{afi-safi-name enabled}
    prefix-limit.config.{max-prefixes shutdown-threshold-pct restart-timer}
"""

_FAMILIES = """
    {ipv4-labelled-unicast ipv6-labelled-unicast l3vpn-ipv4-unicast l3vpn-ipv6-unicast}
    {l3vpn-ipv4-multicast l3vpn-ipv6-multicast l2vpn-vpls l2vpn-evpn}
    {ipv4-multicast ipv6-multicast rtc ipv4-encap ipv6-encap}
    {ipv4-flowspec l3vpn-ipv4-flowspec ipv6-flowspec l3vpn-ipv6-flowspec l2vpn-flowspec}
    {ipv4-srpolicy ipv6-srpolicy opaque ls ipv4-mup ipv6-mup}
"""

_SETS = """
    prefix-sets[].prefix-set-name
    prefix-sets[].prefix-list[].{ip-prefix rtc-prefix masklength-range}
    neighbor-sets[].{neighbor-set-name neighbor-info-list}
    tag-sets[].tag-set-name
    tag-sets[].tag-list[].value
    bgp-defined-sets.community-sets[].{community-set-name community-list}
    bgp-defined-sets.ext-community-sets[].{ext-community-set-name ext-community-list}
    bgp-defined-sets.as-path-sets[].{as-path-set-name as-path-list}
    bgp-defined-sets.large-community-sets[].{large-community-set-name large-community-list}
"""

_CONDITIONS = """
    {call-policy install-protocol-eq}
    match-prefix-set.{prefix-set match-set-options}
    match-neighbor-set.{neighbor-set match-set-options}
    match-tag-set.{tag-set match-set-options}
    bgp-conditions.match-community-set.{community-set match-set-options}
    bgp-conditions.match-ext-community-set.{ext-community-set match-set-options}
    bgp-conditions.match-as-path-set.{as-path-set match-set-options}
    bgp-conditions.match-large-community-set.{large-community-set match-set-options}
    bgp-conditions.{med-eq origin-eq next-hop-in-list afi-safi-in-list local-pref-eq}
    bgp-conditions.{route-type rpki-validation-result}
    bgp-conditions.{community-count as-path-length}.{operator value}
"""

_ACTIONS = """
    route-disposition
    igp-actions.set-tag
    bgp-actions.{set-route-origin set-local-pref set-next-hop set-med}
    bgp-actions.set-as-path-prepend.{repeat-n as}
    bgp-actions.{set-community set-ext-community set-large-community}.options
    bgp-actions.set-community.set-community-method.{communities-list community-set-ref}
    bgp-actions.set-ext-community.set-ext-community-method.communities-list
    bgp-actions.set-ext-community.set-ext-community-method.ext-community-set-ref
    bgp-actions.set-large-community.set-large-community-method.communities-list
"""

_REST = """
    policy-definitions[].name
    policy-definitions[].statements[].name
    rpki-servers[].config.{address port refresh-time hold-time record-lifetime preference}
    bmp-servers[].config.{address port route-monitoring-policy statistics-timeout}
    bmp-servers[].config.{route-mirroring-enabled sys-name sys-descr}
    mrt-dump[].config.{dump-type file-name table-name dump-interval rotation-interval}
    zebra.config.{enabled url redistribute-route-type-list version nexthop-trigger-enable}
    zebra.config.{nexthop-trigger-delay mpls-label-range-size software-name}
    collector.config.{url db-name table-dump-interval}
    netlink.config.{enabled vrf interface-list}
    keychains[].config.name
    keychains[].keys[].config.{key-id secret-key crypto-algorithm receive-id exclude-tcp-options}
"""

_VRF = """
    neighbors[].config.vrf
    vrfs[].config.{name id rd import-rt-list export-rt-list both-rt-list}
    vrfs[].netlink-import.{enabled interface-list vrf}
    vrfs[].netlink-export.{enabled linux-vrf linux-table-id metric validate-nexthop}
    vrfs[].netlink-export.{skip-nexthop-validation community-list large-community-list}
"""


def _expand(block: str, prefix: str = "") -> Iterator[str]:
    """Every key that the lines of a block stand for."""
    for line in block.strip().splitlines():
        paths = [prefix] if line else []
        for literal, words in re.findall(r"([^{]*)(?:\{([^}]*)\})?", line.strip()):
            endings = words.split() if words else [""]
            paths = [path + literal + ending for path in paths for ending in endings]
        yield from paths


def _all_unsupported() -> Iterator[str]:
    yield from _expand(_GLOBAL, "global.")
    yield from _expand(_PEER, "neighbors[].")
    yield from _expand(_PEER, "peer-groups[].")
    yield from _expand(_FAMILY, "neighbors[].afi-safis[].")
    yield from _expand(_FAMILY, "peer-groups[].afi-safis[].")
    yield from _expand(_FAMILY + _FAMILY_GLOBAL, "global.afi-safis[].")
    yield from _expand(_SETS, "defined-sets.")
    yield from _expand(_CONDITIONS, "policy-definitions[].statements[].conditions.")
    yield from _expand(_ACTIONS, "policy-definitions[].statements[].actions.")
    yield from _expand(_REST)


VRF_KEYS: frozenset[str] = frozenset(_expand(_VRF))

# Key -> why it is refused.
REFUSALS: dict[str, str] = dict.fromkeys(_all_unsupported(), NOT_IMPLEMENTED) | dict.fromkeys(
    VRF_KEYS, NO_VRFS
)


UNSUPPORTED_FAMILIES: frozenset[str] = frozenset(_expand(_FAMILIES))


def refuse_vrf(value: object) -> str:
    """Reader of the ``vrf`` keys of import and export: only "", the global RIB, is possible."""
    if value == "":
        return ""
    raise ValueError(NO_VRFS)
