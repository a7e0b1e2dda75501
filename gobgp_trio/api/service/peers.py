"""ListPeer."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.capabilities import capability_messages
from gobgp_trio.api.service.families import family_message
from gobgp_trio.api.service.global_config import NO_ADDRESS
from gobgp_trio.api.service.method import Pieces
from gobgp_trio.api.service.view import DaemonView, PeerView
from gobgp_trio.api.wire import frame_message
from gobgp_trio.bgp import message as bgp
from gobgp_trio.bgp.session.negotiate import make_open
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.peer import make_settings
from gobgp_trio.daemon.peer_stats import PeerStats
from gobgp_trio.daemon.speaker import SessionLink
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_address
from gobgp_trio.types.sending import PrivateAs, SendCommunity

_REMOVE_PRIVATE = {
    PrivateAs.KEEP: pb.RemovePrivate(0),
    PrivateAs.REMOVE: pb.RemovePrivate(1),
    PrivateAs.REPLACE: pb.RemovePrivate(2),
}
# In the order of OpenConfig's community types.
_SEND_COMMUNITY = {
    SendCommunity.STANDARD: 0,
    SendCommunity.EXTENDED: 1,
    SendCommunity.BOTH: 2,
    SendCommunity.NONE: 3,
}


class PeerMethods:
    """RPCs about neighbors."""

    def __init__(self, view: DaemonView) -> None:
        self._view = view

    def list_peer(self, request: pb.ListPeerRequest) -> Pieces:
        """Every neighbor, or the one asked for; none when there is no such neighbor."""
        for peer in self._choose(request.address):
            message = self._peer_message(peer, with_advertised=request.enable_advertised)
            yield frame_message(bytes(pb.ListPeerResponse(message)))

    def _choose(self, address: str) -> Iterator[PeerView]:
        peers = self._view.peers
        if not address:
            yield from list(peers.peers.values())
            return
        peer = peers.find(address)
        if peer is not None:
            yield peer

    def _peer_message(self, peer: PeerView, *, with_advertised: bool) -> pb.Peer:
        neighbor = peer.neighbor
        link = self._view.speaker.links.get(neighbor.address)
        return pb.Peer(
            conf=_conf_message(peer),
            ebgp_multihop=_multihop_message(neighbor),
            ttl_security=_ttl_security_message(neighbor),
            route_reflector=pb.RouteReflector(
                neighbor.is_reflector_client, _text(neighbor.cluster_id or b"") or NO_ADDRESS
            ),
            state=self._state_message(peer, link),
            timers=_timers_message(peer),
            transport=_transport_message(peer),
            afi_safis=[
                self._family_message(peer, family, link, with_advertised=with_advertised)
                for family in neighbor.families
            ],
        )

    def _state_message(self, peer: PeerView, link: SessionLink | None) -> pb.PeerState:
        neighbor, stats, terms = peer.neighbor, peer.stats, peer.negotiated
        settings = make_settings(neighbor, self._own_router_id())
        state = pb.PeerState(
            description=neighbor.description,
            peer_group=neighbor.peer_group,
            local_asn=neighbor.local_as,
            messages=pb.Messages(
                received=_counters_message(stats.received), sent=_counters_message(stats.sent)
            ),
            neighbor_address=_address_of(peer),
            peer_asn=neighbor.peer_as,
            type=_type_of(neighbor),
            queues=pb.Queues(),
            session_state=pb.PeerStateSessionState(int(peer.state)),
            admin_state=_admin_state_of(peer),
            flops=stats.flops,
            local_cap=capability_messages(
                make_open(settings).capabilities if terms is None else terms.local_open.capabilities
            ),
            router_id=NO_ADDRESS,
            disconnect_message=stats.down_reason.text if stats.down_reason else "",
        )
        if stats.down_reason is not None:
            state.disconnect_reason = pb.PeerStateDisconnectReason(int(stats.down_reason.cause))
        if terms is not None:
            state.remote_cap = capability_messages(terms.peer_open.capabilities)
            state.router_id = format_address(terms.peer_router_id)
        if link is not None:
            hops = link.place.next_hops
            state.ipv4_nexthop = _text(hops.ipv4)
            state.ipv6_nexthop = _text(hops.ipv6)
            state.ipv6_link_local_nexthop = _text(hops.ipv6_link_local)
        return state

    def _own_router_id(self) -> bytes:
        found = self._view.config.global_
        return found.router_id if found is not None else bytes(4)

    def _family_message(
        self, peer: PeerView, family: Family, link: SessionLink | None, *, with_advertised: bool
    ) -> pb.AfiSafi:
        message = family_message(family)
        terms = peer.negotiated
        state = pb.AfiSafiState(family=message, enabled=terms is None or family in terms.families)
        if link is not None:
            adj_in = self._view.speaker.rib.adj_in(link.source, family)
            state.received = adj_in.received_count
            state.accepted = len(adj_in.accepted)
            if with_advertised:
                state.advertised = len(link.adj_out.advertised(family))
        found = pb.AfiSafi(config=pb.AfiSafiConfig(message, enabled=True), state=state)
        for limit in peer.neighbor.prefix_limits:
            if limit.family is family:
                found.prefix_limits = pb.PrefixLimit(message, limit.max_prefixes, limit.warn_pct)
        return found


def _admin_state_of(peer: PeerView) -> pb.PeerStateAdminState:
    if peer.is_admin_down:
        return pb.PeerStateAdminState(2)
    return pb.PeerStateAdminState(3 if peer.is_over_limit else 1)


def _address_of(peer: PeerView) -> str:
    """The neighbor's address; that of an unnumbered one is known while there is a session."""
    interface, terms = peer.neighbor.unnumbered_interface, peer.negotiated
    if not interface:
        return peer.neighbor.address
    return f"{format_address(terms.peer_address)}%{interface}" if terms is not None else ""


def _conf_message(peer: PeerView) -> pb.PeerConf:
    neighbor = peer.neighbor
    return pb.PeerConf(
        description=neighbor.description,
        local_asn=neighbor.local_as,
        neighbor_address=_address_of(peer),
        peer_asn=neighbor.peer_as,
        type=_type_of(neighbor),
        admin_down=neighbor.admin_down,
        send_software_version=neighbor.announces_version,
        peer_group=neighbor.peer_group,
        remove_private=_REMOVE_PRIVATE[neighbor.remove_private_as],
        send_community=_SEND_COMMUNITY[neighbor.send_community],
        allow_own_asn=neighbor.allow_own_as,
        replace_peer_asn=neighbor.replace_peer_as,
        allow_aspath_loop_local=neighbor.allow_loop_local,
        neighbor_interface=neighbor.unnumbered_interface,
    )


def _type_of(neighbor: Neighbor) -> pb.PeerType:
    return pb.PeerType(2 if neighbor.is_ebgp else 1)


def _multihop_message(neighbor: Neighbor) -> pb.EbgpMultihop:
    ttl = neighbor.multihop_ttl
    return pb.EbgpMultihop(enabled=ttl is not None, multihop_ttl=ttl or 0)


def _ttl_security_message(neighbor: Neighbor) -> pb.TtlSecurity:
    ttl_min = neighbor.sockets.ttl_min
    return pb.TtlSecurity(enabled=ttl_min is not None, ttl_min=ttl_min or 0)


def _counters_message(counts: dict[int, int]) -> pb.Message:
    return pb.Message(
        notification=counts.get(bgp.NOTIFICATION, 0),
        update=counts.get(bgp.UPDATE, 0),
        open=counts.get(bgp.OPEN, 0),
        keepalive=counts.get(bgp.KEEPALIVE, 0),
        refresh=counts.get(bgp.ROUTE_REFRESH, 0),
        total=sum(counts.values()),
    )


def _timers_message(peer: PeerView) -> pb.Timers:
    neighbor, terms = peer.neighbor, peer.negotiated
    config = pb.TimersConfig(
        connect_retry=neighbor.connect_retry_s,
        hold_time=neighbor.hold_time_s,
        keepalive_interval=neighbor.keepalive_s,
        idle_hold_time_after_reset=neighbor.idle_hold_after_reset_s,
    )
    state = pb.TimersState()
    if terms is not None:
        state.negotiated_hold_time = terms.hold_time_s
        state.keepalive_interval = int(terms.keepalive_s)
    _write_times(peer.stats, state)
    return pb.Timers(config, state)


def _write_times(stats: PeerStats, state: pb.TimersState) -> None:
    if stats.established_at_s is not None:
        state.uptime = datetime.fromtimestamp(int(stats.established_at_s), UTC)
    if stats.down_at_s is not None:
        state.downtime = datetime.fromtimestamp(int(stats.down_at_s), UTC)


def _transport_message(peer: PeerView) -> pb.Transport:
    neighbor, terms = peer.neighbor, peer.negotiated
    local = neighbor.local_address or ("::" if ":" in neighbor.address else "0.0.0.0")
    return pb.Transport(
        local_address=_text(terms.local_address) or local if terms is not None else local,
        passive_mode=neighbor.passive,
        remote_address=_address_of(peer),
        remote_port=neighbor.remote_port,
        local_port=neighbor.sockets.local_port,
        tcp_mss=neighbor.sockets.mss_octets,
        bind_interface=neighbor.sockets.bind_interface,
        ip_tos=neighbor.sockets.tos,
    )


def _text(address: bytes) -> str:
    return format_address(address) if address else ""
