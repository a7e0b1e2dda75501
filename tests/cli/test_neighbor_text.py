"""Outputs of ``gobgp neighbor``, against those recorded from GoBGP."""

from datetime import UTC, datetime, timedelta

from gobgp_trio.api.pb.api import (
    AfiSafi,
    AfiSafiState,
    Capability,
    ExtendedMessageCapability,
    ExtendedNexthopCapability,
    ExtendedNexthopCapabilityTuple,
    Family,
    FamilyAfi,
    FamilySafi,
    FourOctetAsnCapability,
    FqdnCapability,
    Message,
    Messages,
    MultiProtocolCapability,
    Peer,
    PeerConf,
    PeerState,
    PeerStateAdminState,
    PeerStateSessionState,
    PrefixLimit,
    RemovePrivate,
    RouteReflector,
    RouteRefreshCapability,
    SoftwareVersionCapability,
    Timers,
    TimersConfig,
    TimersState,
    Transport,
)
from gobgp_trio.cli.neighbor_text import format_peer, format_peers

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
IPV4 = Family(afi=FamilyAfi(1), safi=FamilySafi(1))
IPV6 = Family(afi=FamilyAfi(2), safi=FamilySafi(1))


def capabilities(asn: int) -> list[Capability]:
    hop = ExtendedNexthopCapabilityTuple(nlri_family=IPV4, nexthop_family=IPV6)
    return [
        Capability(route_refresh=RouteRefreshCapability()),
        Capability(fqdn=FqdnCapability(host_name="vm")),
        Capability(extended_message=ExtendedMessageCapability()),
        Capability(multi_protocol=MultiProtocolCapability(family=IPV6)),
        Capability(multi_protocol=MultiProtocolCapability(family=IPV4)),
        Capability(four_octet_asn=FourOctetAsnCapability(asn=asn)),
        Capability(extended_nexthop=ExtendedNexthopCapability(tuples=[hop])),
    ]


def established_peer() -> Peer:
    return Peer(
        conf=PeerConf(neighbor_address="10.99.0.2", peer_asn=65002, local_asn=65001),
        state=PeerState(
            neighbor_address="10.99.0.2",
            peer_asn=65002,
            local_asn=65001,
            router_id="10.0.0.2",
            session_state=PeerStateSessionState(6),
            admin_state=PeerStateAdminState(1),
            local_cap=capabilities(65001),
            remote_cap=capabilities(65002),
            messages=Messages(
                sent=Message(open=1, update=6, keepalive=1, total=8),
                received=Message(open=1, update=3, keepalive=1, total=5),
            ),
        ),
        timers=Timers(
            config=TimersConfig(hold_time=90, keepalive_interval=30),
            state=TimersState(
                negotiated_hold_time=90,
                keepalive_interval=30,
                uptime=NOW - timedelta(seconds=24.9),
            ),
        ),
        transport=Transport(local_address="10.99.0.1"),
        afi_safis=[
            AfiSafi(state=AfiSafiState(family=IPV4, received=2, accepted=2, advertised=4)),
            AfiSafi(state=AfiSafiState(family=IPV6, received=1, accepted=0, advertised=2)),
        ],
    )


def idle_peer(address: str, asn: int = 65002, **state: object) -> Peer:
    peer = Peer(
        conf=PeerConf(neighbor_address=address, peer_asn=asn),
        state=PeerState(
            neighbor_address=address, peer_asn=asn, session_state=PeerStateSessionState(3)
        ),
    )
    for name, value in state.items():
        setattr(peer.state, name, value)
    return peer


def test_the_table_of_a_peer_that_is_up() -> None:
    assert format_peers([established_peer()], None, NOW) == (
        "Peer         AS  Up/Down State       |#Received  Accepted\n"
        "10.99.0.2 65002 00:00:24 Establ      |        3         2\n"
    )


def test_the_table_of_a_peer_that_never_was() -> None:
    assert format_peers([idle_peer("10.99.0.2")], None, NOW) == (
        "Peer         AS Up/Down State       |#Received  Accepted\n"
        "10.99.0.2 65002   never Active      |        0         0\n"
    )


def test_without_peers_only_the_titles_stand() -> None:
    expected = "Peer AS Up/Down State       |#Received  Accepted\n"
    assert format_peers([], None, NOW) == expected


def test_counters_of_one_family() -> None:
    peers = [established_peer()]
    assert format_peers(peers, (2, 1), NOW).splitlines()[1].endswith("|        1         0")


def test_a_peer_that_went_down_shows_how_long_it_is_down() -> None:
    peer = established_peer()
    peer.state.session_state = PeerStateSessionState(1)
    peer.timers.state.downtime = NOW - timedelta(days=1, seconds=5)
    row = format_peers([peer], None, NOW).splitlines()[1]
    assert row == "10.99.0.2 65002 1d 00:00:05 Idle        |        3         2"


def test_peers_are_sorted_by_family_and_address() -> None:
    addresses = ["2001:db8::2", "10.0.0.10", "fe80::1%eth0", "10.0.0.9"]
    text = format_peers([idle_peer(address) for address in addresses], None, NOW)
    assert [line.split()[0] for line in text.splitlines()[1:]] == [
        "10.0.0.9",
        "10.0.0.10",
        "2001:db8::2",
        "fe80::1%eth0",
    ]


def test_admin_states_and_unnumbered_peers() -> None:
    peers = [
        idle_peer("10.0.0.1", admin_state=PeerStateAdminState(2)),
        idle_peer("10.0.0.2", admin_state=PeerStateAdminState(3)),
        idle_peer("", asn=0),
    ]
    peers[2].conf.neighbor_interface = "eth0"
    rows = format_peers(peers, None, NOW).splitlines()[1:]
    assert rows == [
        "10.0.0.1 65002   never Idle(Admin) |        0         0",
        "10.0.0.2 65002   never Idle(PfxCt) |        0         0",
        "eth0         *   never Active      |        0         0",
    ]


def test_one_peer_in_detail() -> None:
    assert format_peer(established_peer(), NOW) == (
        "BGP neighbor is 10.99.0.2, remote AS 65002\n"
        "  BGP version 4, remote router ID 10.0.0.2\n"
        "  BGP state = SESSION_STATE_ESTABLISHED, up for 00:00:24\n"
        "  BGP OutQ = 0, Flops = 0\n"
        "  Local address is 10.99.0.1, local ASN: 65001\n"
        "  Hold time is 90, keepalive interval is 30 seconds\n"
        "  Configured hold time is 90, keepalive interval is 30 seconds\n"
        "  \n"
        "  Neighbor capabilities:\n"
        "    multiprotocol:\n"
        "        ipv4-unicast:\tadvertised and received\n"
        "        ipv6-unicast:\tadvertised and received\n"
        "    route-refresh:\tadvertised and received\n"
        "    extended-nexthop:\tadvertised and received\n"
        "        Local:\n"
        "            nlri: ipv4-unicast, nexthop: ipv6\n"
        "        Remote:\n"
        "            nlri: ipv4-unicast, nexthop: ipv6\n"
        "    extended-message:\tadvertised and received\n"
        "    4-octet-as:\tadvertised and received\n"
        "    fqdn:\tadvertised and received\n"
        "      Local:\n"
        "         name: vm, domain: \n"
        "      Remote:\n"
        "         name: vm, domain: \n"
        "  Message statistics:\n"
        "                         Sent       Rcvd\n"
        "    Opens:                  1          1\n"
        "    Notifications:          0          0\n"
        "    Updates:                6          3\n"
        "    Keepalives:             1          1\n"
        "    Route Refresh:          0          0\n"
        "    Discarded:              0          0\n"
        "    Total:                  8          5\n"
        "  Route statistics:\n"
        "    Advertised:             6\n"
        "    Received:               3\n"
        "    Accepted:               2\n"
    )


def test_a_peer_with_options_and_limits_in_detail() -> None:
    peer = idle_peer("10.0.0.1")
    peer.conf.allow_own_asn = 2
    peer.conf.remove_private = RemovePrivate(RemovePrivate.REPLACE)
    peer.conf.replace_peer_asn = True
    peer.route_reflector = RouteReflector(route_reflector_client=True)
    peer.state.remote_cap = [
        Capability(software_version=SoftwareVersionCapability(software_version="ours/1")),
        Capability(multi_protocol=MultiProtocolCapability(family=Family(afi=FamilyAfi(25)))),
    ]
    limit = PrefixLimit(family=IPV4, max_prefixes=100, shutdown_threshold_pct=80)
    peer.afi_safis = [AfiSafi(prefix_limits=limit)]
    lines = format_peer(peer, NOW).splitlines()
    assert lines[0] == "BGP neighbor is 10.0.0.1, remote AS 65002, route-reflector-client"
    assert lines[1] == "  BGP version 4, remote router ID unknown"
    assert lines[2] == "  BGP state = SESSION_STATE_ACTIVE"
    options = "  Allow Own AS: 2, Remove private AS: replace, Replace peer AS: enabled"
    assert lines[7] == options
    assert lines[9:14] == [
        "    multiprotocol:",
        "        afi 25 safi 0:\treceived",
        "    software-version:\treceived",
        "      Remote:",
        "         ours/1",
    ]
    assert lines[-2:] == [
        "  Prefix Limits:",
        "    ipv4-unicast:\tMaximum prefixes allowed 100, Threshold for warning message 80%",
    ]
