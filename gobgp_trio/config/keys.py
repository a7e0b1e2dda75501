"""Every key this version acts on: how its value is read, and what stands when it is absent.

``docs/configuration.md`` describes each of them; a test holds both lists equal.  Keys of GoBGP
that are not here are in ``config.unsupported``; any other key is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gobgp_trio.config import values
from gobgp_trio.config.schema import DEFAULT_METRIC, DEFAULT_ROUTE_PROTOCOL
from gobgp_trio.config.unsupported import UNSUPPORTED_FAMILIES, refuse_vrf
from gobgp_trio.config.values import Reader, whole_number, whole_seconds
from gobgp_trio.types.communities import LargeCommunity, parse_community, parse_large_community
from gobgp_trio.types.family import Family
from gobgp_trio.types.sending import PrivateAs, SendCommunity

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Key(Generic[T_co]):
    """One implemented key.

    Attributes:
        path: dotted, ``[]`` after arrays of tables: ``neighbors[].config.peer-as``.
        read: reader of the value, or of each element of a list.
        is_list: the value is an array; it becomes a tuple.
        default: the value of an absent key; None where absence has a meaning of its own or the
            key is required.
    """

    path: str
    read: Callable[[object], object]
    is_list: bool
    default: T_co


IMPLEMENTED: dict[str, Key[object]] = {}


def _key(path: str, read: Reader[T], default: T) -> Key[T]:
    IMPLEMENTED[path] = key = Key(path, read, is_list=False, default=default)
    return key


def _optional(path: str, read: Reader[T]) -> Key[T | None]:
    return _key(path, read, None)


def _peer_key(path: str, read: Reader[T], default: T) -> Key[T]:
    """A key of neighbors and of peer groups alike; it is asked for by the neighbors' one."""
    _key(f"peer-groups[].{path}", read, default)
    return _key(f"neighbors[].{path}", read, default)


def _peer_optional(path: str, read: Reader[T]) -> Key[T | None]:
    return _peer_key(path, read, None)


def _list(path: str, read: Reader[T], default: tuple[T, ...] = ()) -> Key[tuple[T, ...]]:
    IMPLEMENTED[path] = key = Key(path, read, is_list=True, default=default)
    return key


FAMILIES = {"ipv4-unicast": Family.IPV4_UNICAST, "ipv6-unicast": Family.IPV6_UNICAST}
_read_known_family = values.one_of(FAMILIES, "an address family")


def _read_family(value: object) -> Family:
    if isinstance(value, str) and value in UNSUPPORTED_FAMILIES:
        raise ValueError(
            f"address family {value} is not supported in this version, "
            "wanted ipv4-unicast or ipv6-unicast"
        )
    return _read_known_family(value)


_port = whole_number(1, 65535)
_timer = whole_seconds(1, 65535)
_community: Reader[int] = values.parsed(parse_community, 'a community such as "65000:100"')
_large: Reader[LargeCommunity] = values.parsed(
    parse_large_community, 'a large community such as "65000:1:100"'
)

AS = _optional("global.config.as", values.read_as)
ROUTER_ID = _optional("global.config.router-id", values.read_router_id)
PORT = _key("global.config.port", whole_number(-1, 65535, but=(0,)), 179)
LISTEN_ADDRESSES = _list(
    "global.config.local-address-list", values.read_own_address, ("0.0.0.0", "::")
)
BIND_TO_DEVICE = _optional("global.config.bind-to-device", values.read_interface)

_SELECTION = "global.route-selection-options.config"
ALWAYS_COMPARE_MED = _key(f"{_SELECTION}.always-compare-med", values.read_flag, False)
IGNORE_AS_PATH_LENGTH = _key(f"{_SELECTION}.ignore-as-path-length", values.read_flag, False)
EXTERNAL_COMPARE_ROUTER_ID = _key(
    f"{_SELECTION}.external-compare-router-id", values.read_flag, False
)

# Of a neighbor alone.
NEIGHBOR_ADDRESS = _optional("neighbors[].config.neighbor-address", values.read_neighbor_address)
NEIGHBOR_INTERFACE = _optional("neighbors[].config.neighbor-interface", values.read_interface)
PEER_GROUP = _optional("neighbors[].config.peer-group", values.read_name)
ADMIN_DOWN = _key("neighbors[].config.admin-down", values.read_flag, False)

# Of a neighbor, and of a peer group for neighbors that do not have it themselves.
PEER_AS = _peer_optional("config.peer-as", values.read_as)
LOCAL_AS = _peer_optional("config.local-as", values.read_as)
DESCRIPTION = _peer_key("config.description", values.read_text, "")
PASSWORD = _peer_key("config.auth-password", values.read_password, "")
REMOVE_PRIVATE_AS = _peer_optional(
    "config.remove-private-as",
    values.one_of({"all": PrivateAs.REMOVE, "replace": PrivateAs.REPLACE}, "what to do"),
)
SEND_COMMUNITY = _peer_optional(
    "config.send-community",
    values.one_of({kind.name.lower(): kind for kind in SendCommunity}, "kinds of communities"),
)
SEND_SOFTWARE_VERSION = _peer_optional("config.send-software-version", values.read_flag)
HOLD_TIME = _peer_key("timers.config.hold-time", whole_seconds(3, 65535, or_zero=True), 90)
KEEPALIVE = _peer_optional("timers.config.keepalive-interval", _timer)
CONNECT_RETRY = _peer_key("timers.config.connect-retry", _timer, 120)
IDLE_HOLD = _peer_key("timers.config.idle-hold-time-after-reset", _timer, 30)
PASSIVE = _peer_key("transport.config.passive-mode", values.read_flag, False)
LOCAL_ADDRESS = _peer_optional("transport.config.local-address", values.read_address_text)
LOCAL_PORT = _peer_key("transport.config.local-port", whole_number(0, 65535), 0)
REMOTE_PORT = _peer_key("transport.config.remote-port", _port, 179)
BIND_INTERFACE = _peer_optional("transport.config.bind-interface", values.read_interface)
TCP_MSS = _peer_key("transport.config.tcp-mss", values.read_mss, 0)
IP_TOS = _peer_key("transport.config.ip-tos", values.read_tos, 0)
TREAT_AS_WITHDRAW = _peer_key("error-handling.config.treat-as-withdraw", values.read_flag, True)
LOG_STATE_CHANGES = _peer_key(
    "logging-options.config.log-neighbor-state-changes", values.read_flag, False
)
MULTIHOP = _peer_key("ebgp-multihop.config.enabled", values.read_flag, False)
MULTIHOP_TTL = _peer_optional("ebgp-multihop.config.multihop-ttl", whole_number(1, 255))
TTL_SECURITY = _peer_key("ttl-security.config.enabled", values.read_flag, False)
TTL_MIN = _peer_optional("ttl-security.config.ttl-min", whole_number(1, 255))
REFLECTOR_CLIENT = _peer_key(
    "route-reflector.config.route-reflector-client", values.read_flag, False
)
CLUSTER_ID = _peer_optional(
    "route-reflector.config.route-reflector-cluster-id", values.read_router_id
)
ALLOW_OWN_AS = _peer_key("as-path-options.config.allow-own-as", whole_number(0, 255), 0)
REPLACE_PEER_AS = _peer_key("as-path-options.config.replace-peer-as", values.read_flag, False)
ALLOW_LOOP_LOCAL = _peer_key(
    "as-path-options.config.allow-as-path-loop-local", values.read_flag, False
)
FAMILY = _peer_optional("afi-safis[].config.afi-safi-name", _read_family)
FAMILY_ENABLED = _peer_key(
    "afi-safis[].config.enabled", values.only(True, "a family that is listed is offered"), True
)
MAX_PREFIXES = _peer_key(
    "afi-safis[].prefix-limit.config.max-prefixes", whole_number(0, 2**32 - 1), 0
)
PREFIX_WARNING = _peer_key(
    "afi-safis[].prefix-limit.config.shutdown-threshold-pct", whole_number(0, 100), 0
)
PREFIX_RESTART = _peer_key(
    "afi-safis[].prefix-limit.config.restart-timer", whole_seconds(1, 2**31, or_zero=True), 0
)

GROUP_NAME = _optional("peer-groups[].config.peer-group-name", values.read_name)
DYNAMIC_PREFIX = _optional("dynamic-neighbors[].config.prefix", values.read_network)
DYNAMIC_GROUP = _optional("dynamic-neighbors[].config.peer-group", values.read_name)

IMPORT_ENABLED = _key("netlink.import.enabled", values.read_flag, False)
IMPORT_VRF = _key("netlink.import.vrf", refuse_vrf, "")
INTERFACE_LIST = _list("netlink.import.interface-list", values.read_interface_pattern)

EXPORT_ENABLED = _key("netlink.export.enabled", values.read_flag, False)
DAMPENING_MS = _key("netlink.export.dampening-interval", whole_number(0, 2**32 - 1), 100)
# 9 and 16 are the kernel's and the DHCP client's (RTPROT_RA, RTPROT_DHCP).
ROUTE_PROTOCOL = _key(
    "netlink.export.route-protocol",
    whole_number(5, 255, but=(9, 16)),
    DEFAULT_ROUTE_PROTOCOL,
)
ALLOW_SHARED_PROTOCOL = _key("netlink.export.allow-shared-protocol", values.read_flag, False)
RESOLVE_VIA_DEFAULT = _key("netlink.export.resolve-via-default", values.read_flag, False)
RULE_NAME = _optional("netlink.export.rules[].name", values.read_name)
COMMUNITIES = _list("netlink.export.rules[].community-list", _community)
LARGE_COMMUNITIES = _list("netlink.export.rules[].large-community-list", _large)
RULE_VRF = _key("netlink.export.rules[].vrf", refuse_vrf, "")
# 255 is the kernel's own table of local addresses.
TABLE_ID = _key("netlink.export.rules[].table-id", whole_number(0, 2**31 - 1, but=(255,)), 0)
METRIC = _key("netlink.export.rules[].metric", whole_number(0, 2**32 - 1), DEFAULT_METRIC)
VALIDATE_NEXTHOP = _optional("netlink.export.rules[].validate-nexthop", values.read_flag)
SKIP_VALIDATION = _optional("netlink.export.rules[].skip-nexthop-validation", values.read_flag)
