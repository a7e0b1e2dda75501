"""A typed ``Route`` as the API's ``Path``: attributes in the order of their type codes."""

from gobgp_trio.api.pb.api import (
    AggregatorAttribute,
    AigpAttribute,
    AigpAttributeTlv,
    AigpTlvigpMetric,
    AsPathAttribute,
    AsSegment,
    AsSegmentType,
    Attribute,
    CommunitiesAttribute,
    ExtendedCommunitiesAttribute,
    ExtendedCommunity,
    Family,
    FamilyAfi,
    FamilySafi,
    FourOctetAsSpecificExtended,
    IpAddressPrefix,
    IPv4AddressSpecificExtended,
    LargeCommunitiesAttribute,
    LargeCommunity,
    LocalPrefAttribute,
    MpReachNlriAttribute,
    MultiExitDiscAttribute,
    NextHopAttribute,
    Nlri,
    OriginAttribute,
    Path,
    TwoOctetAsSpecificExtended,
)
from gobgp_trio.cli.route_words import Route
from gobgp_trio.types.assigned import TYPE_AS2, TYPE_IPV4
from gobgp_trio.types.family import Family as FamilyNumber
from gobgp_trio.types.prefix import format_address


def family_message(family: FamilyNumber) -> Family:
    """The API's form of an address family."""
    return Family(afi=FamilyAfi(family.afi), safi=FamilySafi(family.safi))


def path_message(route: Route) -> Path:
    """The path that AddPath and DeletePath take."""
    address, _, bits = route.prefix.partition("/")
    nlri = Nlri(prefix=IpAddressPrefix(prefix_len=int(bits), prefix=address))
    family = family_message(route.family)
    return Path(nlri=nlri, family=family, pattrs=_attributes(route, family, nlri))


def _attributes(route: Route, family: Family, nlri: Nlri) -> list[Attribute]:
    is_plain = route.family is FamilyNumber.IPV4_UNICAST and ":" not in route.next_hop
    attributes = [Attribute(origin=OriginAttribute(origin=route.origin))]
    if route.as_path:
        segments = [
            AsSegment(type=AsSegmentType(kind), numbers=list(numbers))
            for kind, numbers in route.as_path
        ]
        attributes.append(Attribute(as_path=AsPathAttribute(segments=segments)))
    if is_plain:
        attributes.append(Attribute(next_hop=NextHopAttribute(next_hop=route.next_hop)))
    if route.med is not None:
        attributes.append(Attribute(multi_exit_disc=MultiExitDiscAttribute(med=route.med)))
    if route.local_pref is not None:
        attributes.append(Attribute(local_pref=LocalPrefAttribute(local_pref=route.local_pref)))
    if route.aggregator is not None:
        asn, address = route.aggregator
        attributes.append(Attribute(aggregator=AggregatorAttribute(asn=asn, address=address)))
    if route.communities:
        communities = CommunitiesAttribute(communities=list(route.communities))
        attributes.append(Attribute(communities=communities))
    if not is_plain:
        reach = MpReachNlriAttribute(family=family, next_hops=[route.next_hop], nlris=[nlri])
        attributes.append(Attribute(mp_reach=reach))
    if route.route_targets:
        extended = [_extended(octets) for octets in route.route_targets]
        attributes.append(
            Attribute(extended_communities=ExtendedCommunitiesAttribute(communities=extended))
        )
    if route.aigp_metric is not None:
        metric = AigpTlvigpMetric(metric=route.aigp_metric)
        attributes.append(Attribute(aigp=AigpAttribute(tlvs=[AigpAttributeTlv(igp_metric=metric)])))
    if route.large_communities:
        large = [LargeCommunity(*numbers) for numbers in route.large_communities]
        attributes.append(Attribute(large_communities=LargeCommunitiesAttribute(communities=large)))
    return attributes


def _extended(octets: bytes) -> ExtendedCommunity:
    """Wire: type (1 octet), subtype (1), administrator (2 or 4), number (4 or 2)."""
    kind, subtype = octets[0], octets[1]
    if kind == TYPE_AS2:
        asn, number = int.from_bytes(octets[2:4], "big"), int.from_bytes(octets[4:], "big")
        return ExtendedCommunity(
            two_octet_as_specific=TwoOctetAsSpecificExtended(True, subtype, asn, number)
        )
    number = int.from_bytes(octets[6:], "big")
    if kind == TYPE_IPV4:
        address = format_address(octets[2:6])
        return ExtendedCommunity(
            ipv4_address_specific=IPv4AddressSpecificExtended(True, subtype, address, number)
        )
    asn = int.from_bytes(octets[2:6], "big")
    return ExtendedCommunity(
        four_octet_as_specific=FourOctetAsSpecificExtended(True, subtype, asn, number)
    )
