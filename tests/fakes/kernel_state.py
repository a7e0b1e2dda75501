"""What the parts of the fake kernel share: links, addresses, refusals, and where events go."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gobgp_trio.rtnl.address import IFA_F_SECONDARY, Address
from gobgp_trio.rtnl.link import IFF_LOOPBACK, IFF_LOWER_UP, IFF_RUNNING, IFF_UP, Link
from gobgp_trio.rtnl.route import (
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTN_LOCAL,
    RTNH_F_DEAD,
    RTNH_F_LINKDOWN,
    RTNH_F_ONLINK,
    KernelRoute,
    Leg,
)
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import nlri_of_address


class Refused(Exception):
    """The fake kernel says no: an errno and, maybe, the extended acknowledgement's text."""

    def __init__(self, errno: int, text: str = "") -> None:
        super().__init__(errno, text)
        self.errno = errno
        self.text = text


@dataclass(slots=True)
class FakeLink:
    """An interface.  With a ``peer`` (veth) the carrier is there while both ends are up."""

    index: int
    name: str
    up: bool = False
    plugged: bool = True
    kind: str = ""
    loopback: bool = False
    master: int | None = None
    vrf_table_id: int | None = None
    peer: "FakeLink | None" = None

    @property
    def carrier(self) -> bool:
        return self.up and self.plugged and (self.peer is None or self.peer.up)

    def report(self) -> Link:
        flags = IFF_LOOPBACK if self.loopback else 0
        flags |= IFF_UP if self.up else 0
        flags |= IFF_RUNNING | IFF_LOWER_UP if self.carrier else 0
        return Link(
            index=self.index,
            name=self.name,
            flags=flags,
            kind=self.kind,
            master=self.master,
            vrf_table_id=self.vrf_table_id,
            operstate=6 if self.carrier else 2,  # IF_OPER_UP, IF_OPER_DOWN
            carrier=self.carrier,
        )


# Whether the route is new, the route, the message's flags, and whose request it was (0: nobody's).
EmitRoute = Callable[[bool, KernelRoute, int, int], None]


@dataclass(slots=True)
class KernelState:
    """Links and addresses, and the way out for route events."""

    emit_route: EmitRoute
    links: dict[int, FakeLink] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)

    def is_own(self, address: bytes) -> bool:
        return any(held.address == address for held in self.addresses)

    def table_of_link(self, index: int) -> int:
        """Where connected routes go: the table of the VRF a link is in, or main."""
        master = self.links[index].master
        table_id = self.links[master].vrf_table_id if master else None
        return RT_TABLE_MAIN if table_id is None else table_id

    def local_table_of_link(self, index: int) -> int:
        table_id = self.table_of_link(index)
        return RT_TABLE_LOCAL if table_id == RT_TABLE_MAIN else table_id

    def primary_of(self, address: Address) -> Address:
        """The address whose network a secondary one shares; of others themselves."""
        if not address.flags & IFA_F_SECONDARY:
            return address
        return next((held for held in self.addresses if is_primary_of(held, address)), address)

    def leg_flags(self, leg: Leg) -> int:
        """``RTNH_F_*`` of a leg as the state of its link makes them."""
        link = self.links[leg.interface_index]
        flags = RTNH_F_ONLINK if leg.onlink else 0
        flags |= 0 if link.carrier else RTNH_F_LINKDOWN
        return flags if link.up else flags | RTNH_F_DEAD

    def report(self, route: KernelRoute) -> KernelRoute:
        """A stored route with the flags of the moment."""
        if route.nexthops:
            legs = tuple(replace(leg, flags=self.leg_flags(leg)) for leg in route.nexthops)
            return replace(route, nexthops=legs)
        if route.oif is None or route.route_type == RTN_LOCAL:
            return route  # one's own addresses answer whatever the cable does
        return replace(route, flags=self.leg_flags(route.legs[0]))


def is_primary_of(one: Address, other: Address) -> bool:
    """Whether ``other`` is secondary to ``one``: same IPv4 network, length and link, and later."""
    bits = one.prefix_bits
    return (
        one.family is Family.IPV4_UNICAST is other.family
        and one.interface_index == other.interface_index
        and bits == other.prefix_bits
        and not one.flags & IFA_F_SECONDARY
        and nlri_of_address(one.network_address, bits)
        == nlri_of_address(other.network_address, bits)
    )


class Table:
    """One routing table: the routes per NLRI, in the order the kernel tries them."""

    def __init__(self) -> None:
        self.routes: dict[bytes, list[KernelRoute]] = {}
        self._counts: Counter[int] = Counter()  # of prefixes, by length

    def at(self, nlri: bytes) -> list[KernelRoute]:
        return self.routes.get(nlri, [])

    def put(self, nlri: bytes, routes: list[KernelRoute]) -> None:
        if routes:
            self._counts[nlri[0]] += nlri not in self.routes
            self.routes[nlri] = routes
        elif self.routes.pop(nlri, None):
            self._counts[nlri[0]] -= 1

    def covering(self, address: bytes) -> list[KernelRoute]:
        """The routes whose prefix holds an address, the longest first."""
        found = []
        for bits in sorted(self._counts, reverse=True):
            if self._counts[bits]:
                found += self.at(nlri_of_address(address, bits))
        return found
