"""What two OPEN messages agree on, or the fault that ends the attempt (RFC 4271 section 6.2).

The configured side is ``SessionSettings``, the result ``Negotiated``: both frozen, so that the
state machine, the codec and the tables share them without watching each other.
"""

from dataclasses import dataclass

from gobgp_trio.bgp.capability import Capabilities, write_capabilities
from gobgp_trio.bgp.context import (
    MAX_EXTENDED_MESSAGE_OCTETS,
    MAX_MESSAGE_OCTETS,
    CodecContext,
)
from gobgp_trio.bgp.error_codes import (
    BAD_BGP_IDENTIFIER,
    BAD_PEER_AS,
    OPEN_ERROR,
    UNSUPPORTED_CAPABILITY,
)
from gobgp_trio.bgp.message import AS_TRANS, VERSION, Open
from gobgp_trio.bgp.wire import MAX_U16, PeerFault
from gobgp_trio.types.family import AFI_IPV4, AFI_IPV6, Family
from gobgp_trio.types.prefix import format_address

MIN_KEEPALIVE_S = 1.0  # RFC 4271 section 4.4: never more often than one a second


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What is configured for one session.

    Attributes:
        router_id: our BGP identifier, 4 octets.
        families: what we offer, in configured order.
        hold_time_s: what we propose; 0 asks for a session without hold and keepalive timers.
        keepalive_s: wanted interval at the proposed hold time; scaled when the peer lowers that.
        connect_retry_s: the longest wait between two attempts to connect.
        idle_hold_after_reset_s: how long the session rests after an operator's reset.
        is_passive: wait for the peer to connect, never dial.
        is_extended_message: announce messages of up to 65535 octets (RFC 8654).
        host_name: shown to the peer's operator; empty to announce none.
        software_version: likewise.
    """

    local_as: int
    peer_as: int
    router_id: bytes
    families: tuple[Family, ...]
    hold_time_s: int = 90
    keepalive_s: float = 30.0
    connect_retry_s: float = 120.0
    idle_hold_after_reset_s: float = 30.0
    is_passive: bool = False
    is_extended_message: bool = True
    host_name: str = ""
    software_version: str = ""

    @property
    def is_ebgp(self) -> bool:
        return self.local_as != self.peer_as


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The two ends of one TCP connection.

    Attributes:
        local_address, remote_address: 4 or 16 octets; empty where the transport has none.
        interface_index: the interface of a link-local remote address, else 0.
    """

    local_address: bytes
    remote_address: bytes
    interface_index: int = 0


@dataclass(frozen=True, slots=True)
class Negotiated:
    """One established session's terms.

    Attributes:
        context: the part that the UPDATE codec needs.
        families: what both sides announced, in our configured order.
        hold_time_s: the smaller proposal; 0 means that the session has no timers.
        keepalive_s: interval of our keepalives before jitter; 0.0 when there are none.
        peer_open, local_open: both OPEN messages, for display and for capabilities.
        local_router_id, peer_router_id: 4 octets each.
        local_address, peer_address: of the connection, 4 or 16 octets.
        interface_index: the session's interface for a link-local peer, else 0 (not known here).
        route_refresh: both sides announced ROUTE-REFRESH (RFC 2918).
        enhanced_route_refresh: both sides announced its begin and end marks (RFC 7313).
        is_outbound: we opened the connection.
    """

    context: CodecContext
    families: tuple[Family, ...]
    hold_time_s: int
    keepalive_s: float
    local_open: Open
    peer_open: Open
    local_as: int
    peer_as: int
    local_router_id: bytes
    peer_router_id: bytes
    local_address: bytes
    peer_address: bytes
    interface_index: int
    route_refresh: bool
    enhanced_route_refresh: bool
    is_outbound: bool

    @property
    def is_ebgp(self) -> bool:
        return self.local_as != self.peer_as


def make_open(settings: SessionSettings) -> Open:
    """The OPEN we send."""
    capabilities = Capabilities(
        families=settings.families,
        four_octet_as=settings.local_as,
        route_refresh=True,
        enhanced_route_refresh=True,
        extended_message=settings.is_extended_message,
        extended_next_hop=tuple(
            (family.afi, family.safi, AFI_IPV6)
            for family in settings.families
            if family.afi == AFI_IPV4
        ),
        fqdn=(settings.host_name, "") if settings.host_name else None,
        software_version=settings.software_version or None,
    )
    as_field = settings.local_as if settings.local_as <= MAX_U16 else AS_TRANS
    return Open(VERSION, as_field, settings.hold_time_s, settings.router_id, capabilities)


def negotiate(
    settings: SessionSettings, ends: Endpoints, peer_open: Open, *, is_outbound: bool
) -> Negotiated:
    """Hold the peer's OPEN against what is configured.

    Raises:
        PeerFault: 2/2 another AS than the configured one, 2/3 our own identifier inside our AS
            (RFC 6286 section 2.2), 2/7 no family in common, with the ones we offer as data
            (RFC 5492 section 5).
    """
    if peer_open.real_as != settings.peer_as:
        text = f"wanted AS {settings.peer_as}, found AS {peer_open.real_as}"
        raise PeerFault(OPEN_ERROR, BAD_PEER_AS, text=text)
    if not settings.is_ebgp and peer_open.router_id == settings.router_id:
        text = f"peer has our own BGP identifier {format_address(settings.router_id)}"
        raise PeerFault(OPEN_ERROR, BAD_BGP_IDENTIFIER, text=text)
    theirs = peer_open.capabilities
    families = tuple(f for f in settings.families if f in theirs.spoken_families)
    if not families:
        data = write_capabilities(Capabilities(families=settings.families))
        offered = ", ".join(family.config_name for family in settings.families)
        text = f"peer announces none of our families ({offered})"
        raise PeerFault(OPEN_ERROR, UNSUPPORTED_CAPABILITY, data, text)
    local_open = make_open(settings)
    is_extended = settings.is_extended_message and theirs.extended_message
    hold_time_s = min(settings.hold_time_s, peer_open.hold_time_s)
    return Negotiated(
        context=CodecContext(
            four_octet_as=theirs.four_octet_as is not None,
            is_ebgp=settings.is_ebgp,
            local_as=settings.local_as,
            families=frozenset(families),
            max_message_octets=MAX_EXTENDED_MESSAGE_OCTETS if is_extended else MAX_MESSAGE_OCTETS,
            extended_next_hop=frozenset(
                family
                for family in families
                if (family.afi, family.safi, AFI_IPV6) in theirs.extended_next_hop
                and family.afi == AFI_IPV4
            ),
        ),
        families=families,
        hold_time_s=hold_time_s,
        keepalive_s=_keepalive_s(settings, hold_time_s),
        local_open=local_open,
        peer_open=peer_open,
        local_as=settings.local_as,
        peer_as=settings.peer_as,
        local_router_id=settings.router_id,
        peer_router_id=peer_open.router_id,
        local_address=ends.local_address,
        peer_address=ends.remote_address,
        interface_index=ends.interface_index,
        route_refresh=theirs.route_refresh,
        enhanced_route_refresh=theirs.enhanced_route_refresh,
        is_outbound=is_outbound,
    )


def _keepalive_s(settings: SessionSettings, hold_time_s: int) -> float:
    """A third of the hold time, or less where the configured proportion says so."""
    if hold_time_s == 0:
        return 0.0
    third = hold_time_s / 3
    if settings.keepalive_s > 0 and settings.hold_time_s > 0:
        third = min(third, settings.keepalive_s * hold_time_s / settings.hold_time_s)
    return max(MIN_KEEPALIVE_S, third)
