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
    "global.config.local-address-list", values.read_address_text, ("0.0.0.0", "::")
)

NEIGHBOR_ADDRESS = _optional("neighbors[].config.neighbor-address", values.read_neighbor_address)
PEER_AS = _optional("neighbors[].config.peer-as", values.read_as)
LOCAL_AS = _optional("neighbors[].config.local-as", values.read_as)
DESCRIPTION = _key("neighbors[].config.description", values.read_text, "")
ADMIN_DOWN = _key("neighbors[].config.admin-down", values.read_flag, False)
HOLD_TIME = _key("neighbors[].timers.config.hold-time", whole_seconds(3, 65535, or_zero=True), 90)
KEEPALIVE = _optional("neighbors[].timers.config.keepalive-interval", _timer)
CONNECT_RETRY = _key("neighbors[].timers.config.connect-retry", _timer, 120)
IDLE_HOLD = _key("neighbors[].timers.config.idle-hold-time-after-reset", _timer, 30)
PASSIVE = _key("neighbors[].transport.config.passive-mode", values.read_flag, False)
LOCAL_ADDRESS = _optional("neighbors[].transport.config.local-address", values.read_address_text)
REMOTE_PORT = _key("neighbors[].transport.config.remote-port", _port, 179)
TREAT_AS_WITHDRAW = _key(
    "neighbors[].error-handling.config.treat-as-withdraw",
    values.only(True, "errors are always handled as RFC 7606 says"),
    True,
)
MULTIHOP = _key("neighbors[].ebgp-multihop.config.enabled", values.read_flag, False)
MULTIHOP_TTL = _optional("neighbors[].ebgp-multihop.config.multihop-ttl", whole_number(1, 255))
FAMILY = _optional("neighbors[].afi-safis[].config.afi-safi-name", _read_family)
FAMILY_ENABLED = _key(
    "neighbors[].afi-safis[].config.enabled",
    values.only(True, "a family that is listed is offered"),
    True,
)

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
