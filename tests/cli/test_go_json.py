"""The JSON of API answers, against outputs recorded from GoBGP."""

from datetime import UTC, datetime

from gobgp_trio.api.pb.api import (
    AddPathRequest,
    ApplyPolicy,
    Capability,
    Family,
    FamilyAfi,
    FamilySafi,
    FourOctetAsnCapability,
    Global,
    ListNetlinkExportRulesResponse,
    ListNetlinkExportRulesResponseExportRule,
    MultiProtocolCapability,
    NetlinkExportRuleConfig,
    Path,
    Peer,
    PeerConf,
    PeerState,
    PolicyAssignment,
    PolicyDirection,
    RouteRefreshCapability,
    SRv6InformationSubTlv,
    SRv6SubSubTlVs,
    Timers,
    TimersState,
)
from gobgp_trio.cli.go_json import dump, message_fields


def text_of(message: object) -> str:
    return dump(message_fields(message))  # type: ignore[arg-type]  # betterproto messages only


def test_the_global_settings() -> None:
    found = Global(
        asn=65001, router_id="10.0.0.1", listen_port=179, listen_addresses=["0.0.0.0", "::"]
    )
    assert text_of(found) == (
        '{"asn":65001,"router_id":"10.0.0.1","listen_port":179,"listen_addresses":["0.0.0.0","::"]}'
    )


def test_zero_values_are_left_out_but_empty_messages_stay() -> None:
    peer = Peer(
        apply_policy=ApplyPolicy(
            import_policy=PolicyAssignment(direction=PolicyDirection(PolicyDirection.IMPORT))
        ),
        conf=PeerConf(neighbor_address="10.99.0.2", peer_asn=65002, local_asn=0),
    )
    empty_multihop = b"\x1a\x00"  # field 3, no octets
    assert text_of(Peer().parse(bytes(peer) + empty_multihop)) == (
        '{"apply_policy":{"import_policy":{"direction":1}},'
        '"conf":{"neighbor_address":"10.99.0.2","peer_asn":65002},"ebgp_multihop":{}}'
    )


def test_members_of_a_oneof_are_wrapped_twice() -> None:
    family = Family(afi=FamilyAfi(1), safi=FamilySafi(1))
    state = PeerState(
        local_cap=[
            Capability(route_refresh=RouteRefreshCapability()),
            Capability(multi_protocol=MultiProtocolCapability(family=family)),
            Capability(four_octet_asn=FourOctetAsnCapability(asn=65001)),
        ]
    )
    assert text_of(state) == (
        '{"local_cap":[{"Cap":{"RouteRefresh":{}}},'
        '{"Cap":{"MultiProtocol":{"family":{"afi":1,"safi":1}}}},'
        '{"Cap":{"FourOctetAsn":{"asn":65001}}}]}'
    )


def test_timestamps_are_seconds_and_nanoseconds() -> None:
    up = datetime.fromtimestamp(1795332937, UTC)
    assert text_of(Timers(state=TimersState(uptime=up))) == (
        '{"state":{"uptime":{"seconds":1795332937}}}'
    )
    up = up.replace(microsecond=250)
    assert '"uptime":{"seconds":1795332937,"nanos":250000}' in text_of(
        Timers(state=TimersState(uptime=up, negotiated_hold_time=90))
    )


def test_octets_are_base64() -> None:
    path = Path(uuid=b"\x01\x02", pattrs_binary=[b"\x40\x01\x01\x00"], best=True)
    assert text_of(path) == '{"best":true,"uuid":"AQI=","pattrs_binary":["QAEBAA=="]}'


def test_a_field_with_presence_shows_even_when_zero() -> None:
    assert text_of(NetlinkExportRuleConfig(name="a")) == '{"name":"a"}'
    given = NetlinkExportRuleConfig(name="a", validate_nexthop=False)
    assert text_of(given) == '{"name":"a","validate_nexthop":false}'


def test_maps_are_objects_with_text_keys() -> None:
    found = SRv6InformationSubTlv(sub_sub_tlvs={2: SRv6SubSubTlVs(), 1: SRv6SubSubTlVs()})
    assert text_of(found) == '{"sub_sub_tlvs":{"1":{},"2":{}}}'


def test_lists_of_messages() -> None:
    answer = ListNetlinkExportRulesResponse(
        rules=[ListNetlinkExportRulesResponseExportRule(name="a", community_list=["1:2"])]
    )
    assert text_of(answer) == '{"rules":[{"name":"a","community_list":["1:2"]}]}'


def test_an_empty_message_is_an_empty_object() -> None:
    assert text_of(AddPathRequest()) == "{}"


def test_characters_of_html_are_escaped_and_others_are_not() -> None:
    assert dump({"error": 'a<b>&"é'}) == '{"error":"a\\u003cb\\u003e\\u0026\\"é"}'
