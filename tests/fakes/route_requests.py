"""Route messages as the kernel and other programs write them: the reverse of ``read_route``.

Unlike ``RouteTemplate`` this writes any route there is: foreign ones, blackholes, kernel events.
"""

from collections.abc import Callable, Sequence
from typing import TypedDict

from gobgp_trio.rtnl.nlmsg import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    write_attribute,
    write_message,
    write_u32_attribute,
)
from gobgp_trio.rtnl.route import (
    RT_SCOPE_LINK,
    RT_SCOPE_NOWHERE,
    RT_SCOPE_UNIVERSE,
    RT_TABLE_MAIN,
    RTA_DST,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_TABLE,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTMSG,
    RTN_UNICAST,
    RTN_UNSPEC,
    RTNEXTHOP,
    RTNH_F_ONLINK,
    RTPROT_STATIC,
    RTPROT_UNSPEC,
    KernelRoute,
    Leg,
    kernel_family,
    write_leg_attributes,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import address_of_nlri, parse_address, parse_prefix

# What `ip route add`, `replace`, ... set; "delete" is a message of its own.
MODES = {
    "add": NLM_F_CREATE | NLM_F_EXCL,
    "replace": NLM_F_CREATE | NLM_F_REPLACE,
    "change": NLM_F_REPLACE,
    "append": NLM_F_CREATE | NLM_F_APPEND,
    "prepend": NLM_F_CREATE,
}


def write_route_body(route: KernelRoute) -> bytes:
    """``struct rtmsg`` and attributes of a route."""
    header = RTMSG.pack(
        kernel_family(route.family),
        route.nlri[0],
        route.source_bits,
        route.tos,
        route.table_id if route.table_id < 256 else 252,  # RT_TABLE_COMPAT
        route.protocol,
        route.scope,
        route.route_type,
        route.flags,
    )
    octets = write_u32_attribute(RTA_TABLE, route.table_id)
    if route.nlri[0]:
        octets += write_attribute(RTA_DST, address_of_nlri(route.nlri, route.family.address_octets))
    if route.metric is not None:
        octets += write_u32_attribute(RTA_PRIORITY, route.metric)
    if route.prefsrc is not None:
        octets += write_attribute(RTA_PREFSRC, route.prefsrc)
    if route.nexthops:
        octets += _write_multipath(route)
    if route.gateway is not None:
        octets += write_leg_attributes(route.family, route.gateway)
    if route.oif is not None:
        octets += write_u32_attribute(RTA_OIF, route.oif)
    return header + octets


def _write_multipath(route: KernelRoute) -> bytes:
    """RTA_MULTIPATH with the flags that only the kernel writes (dead, link down)."""
    payload = b""
    for leg in route.nexthops:
        attributes = write_leg_attributes(route.family, leg.gateway)
        flags = leg.flags | (RTNH_F_ONLINK if leg.onlink else 0)
        length = RTNEXTHOP.size + len(attributes)
        payload += RTNEXTHOP.pack(length, flags, leg.weight - 1, leg.interface_index) + attributes
    return write_attribute(RTA_MULTIPATH, payload)


def write_route_request(mode: str, route: KernelRoute, seq: int = 1) -> bytes:
    """What ``ip route MODE ...`` sends; ``mode`` is a key of ``MODES`` or "delete"."""
    kind = RTM_DELROUTE if mode == "delete" else RTM_NEWROUTE
    return write_message(kind, NLM_F_REQUEST | MODES.get(mode, 0), seq, write_route_body(route))


class RouteDetails(TypedDict, total=False):
    """The words of ``ip route MODE PREFIX``; ``hops`` are (gateway, device), for several."""

    via: str
    dev: str
    hops: Sequence[tuple[str, str]]
    table_id: int
    protocol: int
    metric: int
    route_type: int
    prefsrc: str
    onlink: bool


def build_route(
    mode: str, prefix: str, index_of: Callable[[str], int], details: RouteDetails
) -> KernelRoute:
    """The route of ``ip route MODE PREFIX DETAILS``, with that tool's scopes and types.

    ``index_of`` finds a device by name.
    """
    family, nlri = parse_prefix(prefix)
    via, dev, hops = details.get("via"), details.get("dev"), details.get("hops", ())
    route_type = details.get("route_type", RTN_UNSPEC if mode == "delete" else RTN_UNICAST)
    prefsrc = details.get("prefsrc")
    scope = RT_SCOPE_UNIVERSE
    if family is Family.IPV4_UNICAST:
        if mode == "delete":
            scope = RT_SCOPE_NOWHERE
        elif via is None and not hops and route_type == RTN_UNICAST:
            scope = RT_SCOPE_LINK
    protocol = details.get("protocol", RTPROT_UNSPEC if mode == "delete" else RTPROT_STATIC)
    return KernelRoute(
        family=family,
        nlri=nlri,
        table_id=details.get("table_id", RT_TABLE_MAIN),
        protocol=protocol,
        metric=details.get("metric"),
        route_type=route_type,
        scope=scope,
        gateway=None if via is None else parse_address(via),
        oif=None if dev is None else index_of(dev),
        nexthops=tuple(Leg(parse_address(gateway), index_of(name)) for gateway, name in hops),
        prefsrc=None if prefsrc is None else parse_address(prefsrc),
        flags=RTNH_F_ONLINK if details.get("onlink") else 0,
    )
