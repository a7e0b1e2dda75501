"""Builds a ``KernelView`` in few words for the tests of resolution and import."""

from ipaddress import ip_address, ip_interface

from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rtnl.address import Address
from gobgp_trio.rtnl.link import IFF_RUNNING, IFF_UP, Link
from gobgp_trio.rtnl.route import RTN_UNICAST, KernelRoute, Leg
from gobgp_trio.types.prefix import parse_prefix, unicast_family

MAIN = 254
KERNEL, STATIC = 2, 4
UP = IFF_UP | IFF_RUNNING


def packed(text: str) -> bytes:
    return ip_address(text).packed


def make_link(index: int, name: str, flags: int = UP, **fields: object) -> Link:
    return Link(index, name, flags, **fields)  # type: ignore[arg-type]  # checked by Link's users


def make_address(index: int, text: str, peer: str = "", flags: int = 0) -> Address:
    interface = ip_interface(text)
    return Address(
        index,
        unicast_family(len(interface.packed)),
        interface.packed,
        interface.network.prefixlen,
        packed(peer) if peer else None,
        0,
        flags,
    )


def make_route(
    prefix: str,
    *legs: Leg,
    metric: int | None = None,
    protocol: int = STATIC,
    route_type: int = RTN_UNICAST,
    table_id: int = MAIN,
) -> KernelRoute:
    family, nlri = parse_prefix(prefix)
    return KernelRoute(family, nlri, table_id, protocol, metric, route_type, nexthops=legs)


def via(gateway: str, index: int) -> Leg:
    return Leg(packed(gateway), index)


def on_link(index: int) -> Leg:
    return Leg(b"", index)


def make_view(
    links: list[Link] | None = None,
    addresses: list[Address] | None = None,
    routes: list[KernelRoute] | None = None,
) -> KernelView:
    view = KernelView({MAIN})
    view.reload(links or [], addresses or [], routes or [])
    return view


def changes_of(*routes: KernelRoute) -> ViewChanges:
    return ViewChanges(routes={(route.table_id, route.family, route.nlri) for route in routes})
