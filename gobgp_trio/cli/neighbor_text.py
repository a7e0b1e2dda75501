"""Text of ``gobgp neighbor``: the table of all, and one neighbor in detail."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address

import betterproto

from gobgp_trio.api.pb.api import (
    AfiSafi,
    Message,
    Peer,
    PeerConf,
    PeerStateAdminState,
    PeerStateSessionState,
    RemovePrivate,
    TimersConfig,
    TimersState,
)
from gobgp_trio.cli.capability_text import format_capabilities, format_family
from gobgp_trio.cli.duration import format_duration

STATE_WORDS = {
    PeerStateSessionState.SESSION_STATE_IDLE: "Idle",
    PeerStateSessionState.SESSION_STATE_CONNECT: "Connect",
    PeerStateSessionState.SESSION_STATE_ACTIVE: "Active",
    PeerStateSessionState.SESSION_STATE_OPENSENT: "Sent",
    PeerStateSessionState.SESSION_STATE_OPENCONFIRM: "Confirm",
    PeerStateSessionState.SESSION_STATE_ESTABLISHED: "Establ",
}
ADMIN_WORDS = {
    PeerStateAdminState.ADMIN_STATE_DOWN: "Idle(Admin)",
    PeerStateAdminState.ADMIN_STATE_PFX_CT: "Idle(PfxCt)",
}

MESSAGE_ROWS = (
    ("Opens", "open"),
    ("Notifications", "notification"),
    ("Updates", "update"),
    ("Keepalives", "keepalive"),
    ("Route Refresh", "refresh"),
    ("Discarded", "discarded"),
    ("Total", "total"),
)


def format_peers(peers: Iterable[Peer], family: tuple[int, int] | None, now: datetime) -> str:
    """The table of all neighbors, IPv4 first, then by address.

    Args:
        family: (AFI, SAFI) whose counters are shown; None adds up all families.
    """
    rows = [_summary_row(peer, family, now) for peer in sorted(peers, key=_peer_order)]
    titles = ("Peer", "AS", "Up/Down", "State", "#Received", "Accepted")
    peer_width, as_width, time_width = (
        max(len(row[column]) for row in [titles, *rows]) for column in range(3)
    )
    time_width = max(time_width, 7)
    return "".join(
        f"{peer:<{peer_width}} {asn:>{as_width}} {time:>{time_width}} {state:<11} |"
        f"{received:>9} {accepted:>9}\n"
        for peer, asn, time, state, received, accepted in [titles, *rows]
    )


def peer_name(peer: Peer) -> str:
    """The interface of an unnumbered peer, else its address."""
    return peer.conf.neighbor_interface or peer.state.neighbor_address


def format_peer(peer: Peer, now: datetime) -> str:
    """One neighbor in detail."""
    lines = [
        *_identity_lines(peer, now),
        f"  {', '.join(_options(peer.conf))}",
        "  Neighbor capabilities:",
        *format_capabilities(peer.state.local_cap, peer.state.remote_cap),
        *_message_lines(peer.state.messages.sent, peer.state.messages.received),
        "  Route statistics:",
        f"    {'Advertised:':<14} {_total(peer, 'advertised'):>10}",
        f"    {'Received:':<14} {_total(peer, 'received'):>10}",
        f"    {'Accepted:':<14} {_total(peer, 'accepted'):>10}",
        *_limit_lines(peer.afi_safis),
    ]
    return "".join(f"{line}\n" for line in lines)


def _peer_order(peer: Peer) -> tuple[int, bytes, str]:
    try:
        address = ip_address(peer.state.neighbor_address.partition("%")[0])
    except ValueError:  # an unnumbered peer before its address is known
        return 7, b"", peer_name(peer)
    return address.version, address.packed, ""


def _summary_row(
    peer: Peer, family: tuple[int, int] | None, now: datetime
) -> tuple[str, str, str, str, str, str]:
    state = STATE_WORDS.get(peer.state.session_state, "Idle")
    return (
        peer_name(peer),
        str(peer.state.peer_asn or "*"),
        _up_down(peer, now),
        ADMIN_WORDS.get(peer.state.admin_state, state),
        str(_total(peer, "received", family)),
        str(_total(peer, "accepted", family)),
    )


def _up_down(peer: Peer, now: datetime) -> str:
    times = peer.timers.state
    if times.uptime == betterproto.DATETIME_ZERO:
        return "never"
    since = times.uptime if _is_established(peer) else times.downtime
    return format_duration((now - since).total_seconds())


def _is_established(peer: Peer) -> bool:
    return peer.state.session_state == PeerStateSessionState.SESSION_STATE_ESTABLISHED


def _total(peer: Peer, counter: str, family: tuple[int, int] | None = None) -> int:
    return sum(
        getattr(one.state, counter)
        for one in peer.afi_safis
        if family is None or (one.state.family.afi, one.state.family.safi) == family
    )


def _identity_lines(peer: Peer, now: datetime) -> list[str]:
    client = ""
    if peer.route_reflector.route_reflector_client:
        client = ", route-reflector-client"
    elif peer.route_server.route_server_client:
        client = ", route-server-client"
    state = PeerStateSessionState(peer.state.session_state).name
    up = f", up for {_up_down(peer, now)}" if _is_established(peer) else ""
    config, negotiated = peer.timers.config, peer.timers.state
    return [
        f"BGP neighbor is {peer_name(peer)}, remote AS {peer.state.peer_asn}{client}",
        f"  BGP version 4, remote router ID {peer.state.router_id or 'unknown'}",
        f"  BGP state = {state}{up}",
        f"  BGP OutQ = {peer.state.out_q}, Flops = {peer.state.flops}",
        f"  Local address is {peer.transport.local_address}, local ASN: {peer.state.local_asn}",
        f"  Hold time is {_timer_words(negotiated.negotiated_hold_time, negotiated)}",
        f"  Configured hold time is {_timer_words(config.hold_time, config)}",
    ]


def _timer_words(hold_time: int, timers: TimersConfig | TimersState) -> str:
    return f"{hold_time}, keepalive interval is {timers.keepalive_interval} seconds"


def _options(conf: PeerConf) -> list[str]:
    options = []
    if conf.allow_own_asn:
        options.append(f"Allow Own AS: {conf.allow_own_asn}")
    if conf.remove_private == RemovePrivate.ALL:
        options.append("Remove private AS: all")
    elif conf.remove_private == RemovePrivate.REPLACE:
        options.append("Remove private AS: replace")
    if conf.replace_peer_asn:
        options.append("Replace peer AS: enabled")
    return options


def _message_lines(sent: Message, received: Message) -> list[str]:
    lines = ["  Message statistics:", "                         Sent       Rcvd"]
    lines += [
        f"    {name + ':':<14} {getattr(sent, field):>10} {getattr(received, field):>10}"
        for name, field in MESSAGE_ROWS
    ]
    return lines


def _limit_lines(families: Sequence[AfiSafi]) -> list[str]:
    limits = [one.prefix_limits for one in families if one.prefix_limits.max_prefixes]
    lines = ["  Prefix Limits:"] if limits else []
    for limit in limits:
        threshold = limit.shutdown_threshold_pct
        warning = f", Threshold for warning message {threshold}%" if threshold else ""
        name = format_family(limit.family)
        lines.append(f"    {name}:\tMaximum prefixes allowed {limit.max_prefixes}{warning}")
    return lines
