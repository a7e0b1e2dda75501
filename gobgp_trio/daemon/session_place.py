"""Where a session stands on this host: its interface, and our addresses there.

Worked out once, when the session comes up.  Routes that lead to ourselves are told with these
addresses as next hops.

Rules: of the session's own address family the session's local address is the next hop.  For the
other family it is the first usable global address of the interface that has the local address.  The
link-local address goes along when the peer is on the same link (RFC 2545 section 3).
"""

from collections.abc import Callable
from dataclasses import dataclass

from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.fib.kernel_view import KernelView
from gobgp_trio.rib.advertise import SelfNextHops
from gobgp_trio.rtnl.address import Address
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import is_link_local, nlri_of_address

# ifa_scope of an address that is good everywhere (linux/rtnetlink.h, RT_SCOPE_UNIVERSE)
SCOPE_GLOBAL = 0


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """The interface of a session (index 0 when it is not known) and our addresses on it.

    Attributes:
        networks: NLRI keys of the interface's networks that the peer's address is in, without the
            link-local one.
    """

    interface_index: int
    next_hops: SelfNextHops
    networks: tuple[bytes, ...] = ()


FindPlace = Callable[[Negotiated], SessionPlace]


def find_place_by_session(negotiated: Negotiated) -> SessionPlace:
    """What the connection alone says; for a daemon that does not see the kernel's addresses."""
    local = negotiated.local_address
    next_hops = SelfNextHops(ipv4=local) if len(local) == 4 else SelfNextHops(ipv6=local)
    return SessionPlace(negotiated.interface_index, next_hops)


def find_place(view: KernelView, negotiated: Negotiated) -> SessionPlace:
    """Look the session up among the kernel's addresses."""
    local = negotiated.local_address
    index = negotiated.interface_index or next(
        (known.interface_index for known in view.addresses.values() if known.address == local), 0
    )
    there = [
        known
        for known in view.addresses.values()
        if known.interface_index == index and known.is_usable
    ]
    ipv4 = local if len(local) == 4 else _first_global(there, Family.IPV4_UNICAST)
    ipv6 = local
    if len(local) == 4 or is_link_local(local):
        ipv6 = _first_global(there, Family.IPV6_UNICAST)
    link_local = next(
        (
            known.address
            for known in there
            if len(known.address) == 16 and is_link_local(known.address)
        ),
        b"",
    )
    networks = _find_shared(there, negotiated.peer_address)
    if not networks and not is_link_local(negotiated.peer_address):
        link_local = b""
    if not ipv6:
        # RFC 2545 has no form for this; a link-local address alone is what others send and take.
        ipv6, link_local = link_local, b""
    return SessionPlace(index, SelfNextHops(ipv4, ipv6, link_local), networks)


def _first_global(addresses: list[Address], family: Family) -> bytes:
    for known in addresses:
        if (
            known.family is family
            and known.scope == SCOPE_GLOBAL
            and not is_link_local(known.address)
        ):
            return known.address
    return b""


def _find_shared(addresses: list[Address], peer: bytes) -> tuple[bytes, ...]:
    """The networks of the interface's addresses that the peer is in, too (not the link-local)."""
    networks = (
        nlri_of_address(known.network_address, known.prefix_bits)
        for known in addresses
        if len(known.network_address) == len(peer) and not is_link_local(known.address)
    )
    return tuple(nlri for nlri in networks if nlri == nlri_of_address(peer, nlri[0]))
