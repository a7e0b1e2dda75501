"""What a valid configuration says, after defaults: frozen values, seconds, octets.

``config.toml`` builds these from the file and is the only maker for files; the API makes the same
values from requests.  A value that exists is valid: whatever could be wrong was refused before.
"""

from dataclasses import dataclass, field

from gobgp_trio.types.family import Family
from gobgp_trio.types.sending import PrivateAs, SendCommunity

MAIN_TABLE = 254
DEFAULT_METRIC = 20
DEFAULT_ROUTE_PROTOCOL = 186
DEFAULT_DAMPENING_S = 0.1


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """``[global.route-selection-options.config]``: which steps of the decision process run.

    Attributes:
        always_compare_med: MULTI_EXIT_DISC counts between paths through different ASes, too.
        ignore_as_path_length: the length of AS_PATH does not count.
        external_compare_router_id: the age of an external path does not count.
    """

    always_compare_med: bool = False
    ignore_as_path_length: bool = False
    external_compare_router_id: bool = False


@dataclass(frozen=True, slots=True)
class Global:
    """``[global.config]`` and what else stands under ``[global]``.

    Attributes:
        as_: own AS number, 1 to 2^32-1.
        router_id: 4 octets.
        port: TCP port to listen on; -1 listens nowhere.
        listen_addresses: addresses to listen on, as text.
        listen_interface: take connections from this interface only, or "".
        selection: how the best path is chosen.
    """

    as_: int
    router_id: bytes
    port: int = 179
    listen_addresses: tuple[str, ...] = ("0.0.0.0", "::")
    listen_interface: str = ""
    selection: SelectionOptions = SelectionOptions()


@dataclass(frozen=True, slots=True)
class PrefixLimit:
    """``prefix-limit`` of one family; a family without a limit has none of these.

    Attributes:
        max_prefixes: how many the peer may announce; one more ends the session.
        warn_pct: the share of them, 1 to 100, that is worth a warning; 0 for no warning.
        restart_s: how long the session stays down after that; 0 until the operator acts.
    """

    family: Family
    max_prefixes: int
    warn_pct: int = 0
    restart_s: int = 0


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """What the sockets of a neighbor's connections get set.

    Attributes:
        password: of the TCP MD5 option (RFC 2385), or "".
        mss_octets: the longest TCP segment, 0 for what the kernel finds.
        local_port: source port of our connections, 0 for any.
        bind_interface: the interface its packets go by, or "" for any.
        tos: the TOS octet or traffic class of our packets, 0 for the kernel's.
        ttl_min: packets with a lower TTL are dropped, and ours start with 255 (RFC 5082); None
            for neither.
    """

    password: str = field(default="", repr=False)
    mss_octets: int = 0
    local_port: int = 0
    bind_interface: str = ""
    tos: int = 0
    ttl_min: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One ``[[neighbors]]`` entry with its group's values and every default filled in.

    Attributes:
        address: text form, with the scope (``%eth0``) of a link-local one; the scope alone for
            whoever is at the other end of that interface.
        peer_as: the AS the peer must announce.
        local_as: the AS we announce to it (the global one unless configured).
        families: what we offer to exchange, in configured order.
        local_address: source of our connection, or "".
        peer_group: the group that values were taken from, or "".
        allow_own_as: how often our own AS may stand in a path that we take.
        replace_peer_as: put our AS wherever the peer's stands in a path that it is sent.
        allow_loop_local: send it paths of this host although its AS stands in them.
        is_reflector_client: the peer is our client (RFC 4456).
        cluster_id: 4 octets, of our cluster in which it is one; None for the router ID.
        treat_as_withdraw: errors in attributes withdraw routes (RFC 7606), else end the session.
        send_software_version: announce our version; None stands for "to internal peers".
        log_state_changes: log every change of the session's state, not up and down alone.
        sockets: what its connections get set.
    """

    address: str
    peer_as: int
    local_as: int
    families: tuple[Family, ...]
    description: str = ""
    admin_down: bool = False
    passive: bool = False
    local_address: str = ""
    remote_port: int = 179
    hold_time_s: int = 90
    keepalive_s: int = 30
    connect_retry_s: int = 120
    idle_hold_after_reset_s: int = 30
    multihop_ttl: int | None = None
    peer_group: str = ""
    allow_own_as: int = 0
    replace_peer_as: bool = False
    allow_loop_local: bool = False
    remove_private_as: PrivateAs = PrivateAs.KEEP
    send_community: SendCommunity = SendCommunity.BOTH
    prefix_limits: tuple[PrefixLimit, ...] = ()
    is_reflector_client: bool = False
    cluster_id: bytes | None = None
    treat_as_withdraw: bool = True
    log_state_changes: bool = False
    send_software_version: bool | None = None
    sockets: SocketOptions = SocketOptions()

    @property
    def is_ebgp(self) -> bool:
        return self.peer_as != self.local_as

    @property
    def announces_version(self) -> bool:
        """Whether the peer is told our version; an internal one is unless configured."""
        asked = self.send_software_version
        return not self.is_ebgp if asked is None else asked

    @property
    def unnumbered_interface(self) -> str:
        """The interface of a neighbor without a configured address, else ""."""
        bare, _, scope = self.address.partition("%")
        return "" if bare else scope


@dataclass(frozen=True, slots=True)
class DynamicNeighbors:
    """One ``[[dynamic-neighbors]]`` entry: who may connect from a network without an entry.

    Attributes:
        prefix: ``192.0.2.0/24``.
        template: what such a neighbor is like, but for its address.
    """

    prefix: str
    template: Neighbor


@dataclass(frozen=True, slots=True)
class NetlinkImport:
    """``[netlink.import]`` (``vrf`` "" is the global RIB).  Names or shell globs, in order."""

    enabled: bool = False
    vrf: str = ""
    interface_list: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportRule:
    """One ``[[netlink.export.rules]]`` entry.

    Attributes:
        communities: standard communities as 32-bit values; a path with any of them matches.
        large_communities: likewise, as three 32-bit values each.  Both empty: every path matches.
        table_id: kernel table; 0 and 254 of the file are both 254 (main) here.
        metric: RTA_PRIORITY as written by the operator.
    """

    name: str
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    vrf: str = ""
    table_id: int = MAIN_TABLE
    metric: int = DEFAULT_METRIC
    validate_nexthop: bool = True


@dataclass(frozen=True, slots=True)
class NetlinkExport:
    """``[netlink.export]`` when the block is present (an absent block is None in ``Config``)."""

    enabled: bool = False
    dampening_s: float = DEFAULT_DAMPENING_S
    route_protocol: int = DEFAULT_ROUTE_PROTOCOL
    allow_shared_protocol: bool = False
    resolve_via_default: bool = False
    rules: tuple[ExportRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A whole valid configuration.  ``global_`` None: BGP waits to be started over the API."""

    global_: Global | None = None
    neighbors: tuple[Neighbor, ...] = ()
    netlink_import: NetlinkImport = field(default_factory=NetlinkImport)
    netlink_export: NetlinkExport | None = None
    dynamic_neighbors: tuple[DynamicNeighbors, ...] = ()
