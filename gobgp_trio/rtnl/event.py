"""What a monitoring socket hears, as values: links, addresses and routes that came or went.

Why it exists: the importer, the resolver and the exporter listen to one stream; this module turns
a datagram of it into events and leaves out what none of them asked for.
"""

from dataclasses import dataclass

from gobgp_trio.rtnl.address import RTM_DELADDR, RTM_NEWADDR, Address, read_address
from gobgp_trio.rtnl.link import RTM_DELLINK, RTM_NEWLINK, Link, read_link
from gobgp_trio.rtnl.nlmsg import NLM_F_APPEND, NLM_F_REPLACE, read_messages
from gobgp_trio.rtnl.route import RTM_DELROUTE, RTM_F_CLONED, RTM_NEWROUTE, KernelRoute, read_route


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A link is there (new or changed), or it is gone."""

    new: bool
    link: Link


@dataclass(frozen=True, slots=True)
class AddressEvent:
    """An address is there (new or changed), or it is gone."""

    new: bool
    address: Address


@dataclass(frozen=True, slots=True)
class RouteEvent:
    """A route is there, or it is gone.

    ``replaced``: the kernel put ``route`` in the place of the first one with its key, whoever
    owned that, and sends no event for the one that went (of an IPv6 route with several legs it
    says so even when there was none).  ``appended``: it was put behind those
    with its key (IPv4), or made one more leg of the route (IPv6, where ``route`` has all legs).
    """

    new: bool
    route: KernelRoute
    replaced: bool = False
    appended: bool = False


KernelEvent = LinkEvent | AddressEvent | RouteEvent


def read_events(datagram: bytes) -> list[KernelEvent]:
    """The events of one datagram; messages of other kinds and families are left out.

    Raises:
        MalformedNetlink: the octets are no netlink messages.
    """
    events: list[KernelEvent] = []
    for message in read_messages(datagram):
        kind, flags, body = message.type, message.flags, message.body
        if kind in (RTM_NEWROUTE, RTM_DELROUTE):
            route = read_route(body)
            if route is None or route.flags & RTM_F_CLONED:
                continue
            replaced = bool(flags & NLM_F_REPLACE)
            appended = bool(flags & NLM_F_APPEND)
            events.append(RouteEvent(kind == RTM_NEWROUTE, route, replaced, appended))
        elif kind in (RTM_NEWADDR, RTM_DELADDR):
            address = read_address(body)
            if address is not None:
                events.append(AddressEvent(kind == RTM_NEWADDR, address))
        elif kind in (RTM_NEWLINK, RTM_DELLINK):
            link = read_link(body)
            if link is not None:
                events.append(LinkEvent(kind == RTM_NEWLINK, link))
    return events
