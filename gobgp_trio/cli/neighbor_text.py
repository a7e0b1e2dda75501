"""Text of ``gobgp neighbor``: the table of all, and one neighbor in detail.

Capabilities are listed by their code.  Those in ``_DETAILS`` show what each side sent; a new
capability needs a line in ``CAPABILITY_NAMES`` and, when it carries values, a function there.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import betterproto

from gobgp_trio.api.pb.api import (
    AfiSafi,
    Capability,
    Family,
    Message,
    Peer,
    PeerConf,
    PeerStateAdminState,
    PeerStateSessionState,
    RemovePrivate,
    TimersConfig,
    TimersState,
)
from gobgp_trio.cli.duration import format_duration
from gobgp_trio.cli.oneof import chosen_member
from gobgp_trio.types.family import find_family

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

# Name of the member in the API's Capability -> name shown, in the order of the capability codes.
CAPABILITY_NAMES = {
    "multi_protocol": "multiprotocol",
    "route_refresh": "route-refresh",
    "carrying_label_info": "carrying-label-info",
    "extended_nexthop": "extended-nexthop",
    "extended_message": "extended-message",
    "graceful_restart": "graceful-restart",
    "four_octet_asn": "4-octet-as",
    "add_path": "add-path",
    "enhanced_route_refresh": "enhanced-route-refresh",
    "long_lived_graceful_restart": "long-lived-graceful-restart",
    "fqdn": "fqdn",
    "software_version": "software-version",
    "route_refresh_cisco": "cisco-route-refresh",
    "unknown": "unknown",
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
        *_capability_lines(peer.state.local_cap, peer.state.remote_cap),
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


def _capability_lines(local: Sequence[Capability], remote: Sequence[Capability]) -> list[str]:
    ours, theirs = _by_name(local), _by_name(remote)
    lines = []
    for member, name in CAPABILITY_NAMES.items():
        sent, received = ours.get(member, []), theirs.get(member, [])
        if not sent and not received:
            continue
        if member == "multi_protocol":
            lines.append(f"    {name}:")
            lines += _multiprotocol_lines(sent, received)
            continue
        lines.append(f"    {name}:\t{_exchange(bool(sent), bool(received))}")
        details = _DETAILS.get(member)
        if details is not None:
            lines += details(sent, received)
    return lines


def _by_name(capabilities: Sequence[Capability]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for capability in capabilities:
        name, value = chosen_member(capability, "cap")
        found.setdefault(name, []).append(value)
    return found


def _multiprotocol_lines(sent: list[Any], received: list[Any]) -> list[str]:
    ours = {(value.family.afi, value.family.safi) for value in sent}
    theirs = {(value.family.afi, value.family.safi) for value in received}
    return [
        f"        {_family_name(*pair)}:\t{_exchange(pair in ours, pair in theirs)}"
        for pair in sorted(ours | theirs)
    ]


def _exchange(is_sent: bool, is_received: bool) -> str:
    if is_sent and is_received:
        return "advertised and received"
    return "advertised" if is_sent else "received"


def _family_name(afi: int, safi: int) -> str:
    family = find_family(afi, safi)
    return family.config_name if family is not None else f"afi {int(afi)} safi {int(safi)}"


def _extended_nexthop_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        tuples = [one for value in values for one in value.tuples]
        if tuples:
            lines.append(f"        {side}:")
        lines += [
            f"            nlri: {_message_family_name(one.nlri_family)}, "
            f"nexthop: {'ipv6' if one.nexthop_family.afi == 2 else 'ipv4'}"
            for one in tuples
        ]
    return lines


def _message_family_name(family: Family) -> str:
    return _family_name(int(family.afi), int(family.safi))


def _fqdn_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        for value in values:
            lines.append(f"      {side}:")
            lines.append(f"         name: {value.host_name}, domain: {value.domain_name}")
    return lines


def _software_version_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        for value in values:
            lines.append(f"      {side}:")
            lines.append(f"         {value.software_version}")
    return lines


_DETAILS: dict[str, Callable[[list[Any], list[Any]], list[str]]] = {
    "extended_nexthop": _extended_nexthop_lines,
    "fqdn": _fqdn_lines,
    "software_version": _software_version_lines,
}


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
        name = _message_family_name(limit.family)
        lines.append(f"    {name}:\tMaximum prefixes allowed {limit.max_prefixes}{warning}")
    return lines
