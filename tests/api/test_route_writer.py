"""Routes written straight to octets: equal to what the generated classes write, and read back.

The oracle builds message objects from the same values with the generated classes; it shares no
code with the writers but the values' types.
"""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from typing import get_type_hints

import betterproto
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.route_reader import ATTRIBUTE_MEMBERS, PathDetails, RouteReader
from gobgp_trio.api.route_writer import (
    DestinationWriter,
    ExportedGroup,
    ExportedRouteWriter,
    PathOptions,
)
from gobgp_trio.bgp.attr import RawAttribute, make_attributes
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
U32 = st.integers(0, 2**32 - 1)
AS_NUMBERS = st.integers(1, 2**32 - 1)


# --- values ------------------------------------------------------------------------------------


def octets(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


@st.composite
def nlris(draw: st.DrawFn, family: Family) -> bytes:
    bits = draw(st.integers(0, family.address_bits))
    number = draw(st.integers(0, 2**bits - 1)) << (family.address_bits - bits)
    address = number.to_bytes(family.address_octets, "big")
    return bytes((bits,)) + address[: (bits + 7) // 8]


extended_communities = st.one_of(
    octets(8),
    st.builds(
        lambda head, rest: head + rest,
        st.sampled_from(
            [bytes.fromhex(text) for text in ("0002", "4003", "0102", "0202", "4004", "4300")]
        ),
        octets(6),
    ),
    st.builds(bytes.__add__, st.just(bytes.fromhex("030b0000")), octets(4)),
    st.builds(bytes.__add__, st.just(bytes.fromhex("030c00000000")), octets(2)),
    st.builds(bytes.__add__, st.just(bytes.fromhex("430000000000")), octets(2)),
    st.just(bytes.fromhex("030d000000000000")),
)
others: st.SearchStrategy[list[RawAttribute]] = st.lists(
    st.one_of(
        st.tuples(st.just(0x40), st.just(6), st.just(b"")),
        st.tuples(st.just(0xC0), st.just(7), octets(8)),
        st.tuples(st.just(0x80), st.just(9), octets(4)),
        st.tuples(
            st.just(0x80), st.just(10), st.builds(lambda n, o: o * n, st.integers(1, 70), octets(4))
        ),
        st.tuples(st.sampled_from([0xC0, 0xE0]), st.integers(33, 255), st.binary(max_size=300)),
    ),
    unique_by=lambda item: item[1],
    max_size=4,
)


@st.composite
def attribute_sets(draw: st.DrawFn, family: Family) -> PathAttributes:
    has_link_local = family is Family.IPV6_UNICAST and draw(st.booleans())
    return make_attributes(
        origin=draw(st.integers(0, 2)),
        next_hop=draw(octets(family.address_octets)),
        link_local=draw(octets(16)) if has_link_local else b"",
        as_path=draw(
            st.lists(
                st.tuples(
                    st.integers(1, 4), st.lists(AS_NUMBERS, min_size=1, max_size=6).map(tuple)
                ),
                max_size=3,
            )
        ),
        med=draw(st.none() | U32),
        local_pref=draw(st.none() | U32),
        communities=draw(st.lists(U32, max_size=4)),
        large_communities=draw(st.lists(st.tuples(U32, U32, U32), max_size=3)),
        extended_communities=draw(st.lists(extended_communities, max_size=4)),
        others=draw(others),
    )


@st.composite
def sources(draw: st.DrawFn) -> Source:
    kind = draw(st.sampled_from(SourceKind))
    if kind is not SourceKind.PEER:
        return Source(kind, "eth0" if kind is SourceKind.NETLINK else "local")
    return Source(
        kind,
        "192.0.2.1",
        peer_as=draw(AS_NUMBERS),
        router_id=draw(octets(4)),
        address=draw(octets(4) | octets(16)),
    )


@st.composite
def paths(draw: st.DrawFn, family: Family) -> Path:
    received_s = draw(st.integers(1, 2**33)) + draw(st.sampled_from([0.0, 0.25, 0.999999]))
    rejected = draw(st.sampled_from(["", "AS loop"]))
    return Path(draw(sources()), draw(attribute_sets(family)), received_s, rejected)


options = st.builds(
    PathOptions,
    shows_best=st.booleans(),
    shows_filtered=st.booleans(),
    nlri_binary=st.booleans(),
    attribute_binary=st.booleans(),
    only_binary=st.booleans(),
)
routes = st.sampled_from(UNICAST).flatmap(
    lambda family: st.tuples(
        st.just(family), nlris(family), st.lists(paths(family), min_size=1, max_size=3)
    )
)


# --- oracle ------------------------------------------------------------------------------------


def text(address: bytes) -> str:
    return str(ip_address(address))


def words(value: bytes) -> list[int]:
    return [int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4)]


def extended_message(value: bytes) -> pb.ExtendedCommunity:
    kind, sub_type, is_transitive = value[0] & 0xBF, value[1], value[0] & 0x40 == 0
    if value[:2] == b"\x40\x04":
        return parse_link_bandwidth(value)
    if kind == 0:
        two = pb.TwoOctetAsSpecificExtended(
            is_transitive, sub_type, int.from_bytes(value[2:4], "big"), words(value[4:])[0]
        )
        return pb.ExtendedCommunity(two_octet_as_specific=two)
    local_admin = int.from_bytes(value[6:], "big")
    if kind == 1:
        address = str(IPv4Address(value[2:6]))
        ipv4 = pb.IPv4AddressSpecificExtended(is_transitive, sub_type, address, local_admin)
        return pb.ExtendedCommunity(ipv4_address_specific=ipv4)
    if kind == 2:
        four = pb.FourOctetAsSpecificExtended(
            is_transitive, sub_type, words(value[2:6])[0], local_admin
        )
        return pb.ExtendedCommunity(four_octet_as_specific=four)
    if kind == 3:
        return opaque_message(value, is_transitive)
    return pb.ExtendedCommunity(unknown=pb.UnknownExtended(value[0], value[1:]))


def parse_link_bandwidth(value: bytes) -> pb.ExtendedCommunity:
    message = pb.LinkBandwidthExtended(asn=int.from_bytes(value[2:4], "big"))
    little_endian = value[:3:-1]
    if little_endian not in (bytes(4), b"\0\0\0\x80"):
        message.parse(b"\x15" + little_endian)
    return pb.ExtendedCommunity(link_bandwidth=message)


def opaque_message(value: bytes, is_transitive: bool) -> pb.ExtendedCommunity:
    number = int.from_bytes(value[4:], "big")
    if value.startswith(bytes.fromhex("43000000000000")):
        return pb.ExtendedCommunity(validation=pb.ValidationExtended(value[7]))
    if value.startswith(bytes.fromhex("030b0000")):
        return pb.ExtendedCommunity(color=pb.ColorExtended(number))
    if value.startswith(bytes.fromhex("030c00000000")):
        return pb.ExtendedCommunity(encap=pb.EncapExtended(number))
    if value == bytes.fromhex("030d000000000000"):
        return pb.ExtendedCommunity(default_gateway=pb.DefaultGatewayExtended())
    return pb.ExtendedCommunity(opaque=pb.OpaqueExtended(is_transitive, value[1:]))


def family_message(family: Family) -> pb.Family:
    return pb.Family(pb.FamilyAfi(family.afi), pb.FamilySafi(family.safi))


def attribute_messages(
    attributes: PathAttributes, family: Family, nlri: pb.Nlri | None
) -> list[pb.Attribute]:
    found: dict[int, pb.Attribute] = {}
    number = {code: int.from_bytes(value, "big") for _, code, value in attributes.walk()}
    for flags, code, value in attributes.walk():
        unknown = pb.UnknownAttribute(flags & 0xEF, code, value)
        found[code] = pb.Attribute(unknown=unknown)
    found[1] = pb.Attribute(origin=pb.OriginAttribute(number[1]))
    segments = [
        pb.AsSegment(pb.AsSegmentType(kind), list(numbers)) for kind, numbers in attributes.as_path
    ]
    found[2] = pb.Attribute(as_path=pb.AsPathAttribute(segments))
    if not segments:
        del found[2]
    if family is Family.IPV4_UNICAST:
        found[3] = pb.Attribute(next_hop=pb.NextHopAttribute(text(attributes.next_hop)))
    else:
        hops = [text(hop) for hop in (attributes.next_hop, attributes.link_local) if hop]
        mp_reach = pb.MpReachNlriAttribute(family_message(family), hops, [nlri] if nlri else [])
        found[14] = pb.Attribute(mp_reach=mp_reach)
    makers: dict[int, Callable[[], pb.Attribute]] = {
        4: lambda: pb.Attribute(multi_exit_disc=pb.MultiExitDiscAttribute(number[4])),
        5: lambda: pb.Attribute(local_pref=pb.LocalPrefAttribute(number[5])),
        6: lambda: pb.Attribute(atomic_aggregate=pb.AtomicAggregateAttribute()),
        7: lambda: pb.Attribute(aggregator=aggregator_message(attributes)),
        8: lambda: pb.Attribute(communities=pb.CommunitiesAttribute(list(attributes.communities))),
        9: lambda: pb.Attribute(
            originator_id=pb.OriginatorIdAttribute(text(attributes.originator_id or b""))
        ),
        10: lambda: pb.Attribute(
            cluster_list=pb.ClusterListAttribute([text(one) for one in attributes.cluster_list])
        ),
        16: lambda: pb.Attribute(
            extended_communities=pb.ExtendedCommunitiesAttribute(
                [extended_message(one) for one in attributes.extended_communities]
            )
        ),
        32: lambda: pb.Attribute(
            large_communities=pb.LargeCommunitiesAttribute(
                [pb.LargeCommunity(*parts) for parts in attributes.large_communities]
            )
        ),
    }
    found.update({code: make() for code, make in makers.items() if code in found})
    return [found[code] for code in sorted(found)]


def aggregator_message(attributes: PathAttributes) -> pb.AggregatorAttribute:
    value = attributes.find(7) or b""
    return pb.AggregatorAttribute(words(value)[0], text(value[4:]))


def nlri_message(family: Family, nlri: bytes) -> pb.Nlri:
    address = nlri[1:] + bytes(family.address_octets - len(nlri) + 1)
    return pb.Nlri(prefix=pb.IpAddressPrefix(nlri[0], text(address)))


def binary_attributes(attributes: PathAttributes, family: Family, nlri: bytes) -> list[bytes]:
    wire: dict[int, bytes] = {}
    for flags, code, value in attributes.walk():
        wire[code] = wire_attribute(flags & 0xEF, code, value)
    if family is Family.IPV6_UNICAST:
        hops = attributes.next_hop + attributes.link_local
        value = bytes((0, 2, 1, len(hops))) + hops + b"\0" + nlri
        wire[14] = wire_attribute(0x80, 14, value)
    return [wire[code] for code in sorted(wire)]


def wire_attribute(flags: int, code: int, value: bytes) -> bytes:
    if len(value) < 256:
        return bytes((flags, code, len(value))) + value
    return bytes((flags | 0x10, code)) + len(value).to_bytes(2, "big") + value


def path_message(
    family: Family, nlri: bytes, path: Path, asked: PathOptions, *, is_first: bool
) -> pb.Path:
    source = path.source
    message = pb.Path(
        age=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(path.received_s * 1e6)),
        best=is_first and asked.shows_best,
        family=family_message(family),
        source_asn=source.peer_as,
        source_id=text(source.router_id) if source.kind is SourceKind.PEER else "",
        filtered=asked.shows_filtered and path.rejected != "",
        is_from_external=source.kind is SourceKind.NETLINK,
        neighbor_ip=text(source.address) if source.address else "",
    )
    if source.kind is SourceKind.NETLINK:
        message.netlink = pb.NetlinkPathInfo(is_netlink=True, if_name=source.name)
    if not asked.only_binary:
        message.nlri = nlri_message(family, nlri)
        message.pattrs = attribute_messages(path.attributes, family, message.nlri)
    if asked.nlri_binary or asked.only_binary:
        message.nlri_binary = nlri
    if asked.attribute_binary or asked.only_binary:
        message.pattrs_binary = binary_attributes(path.attributes, family, nlri)
    return message


def response_message(
    family: Family, nlri: bytes, offered: Sequence[Path], asked: PathOptions
) -> pb.ListPathResponse:
    messages = [
        path_message(family, nlri, path, asked, is_first=path is offered[0]) for path in offered
    ]
    address = text(nlri[1:] + bytes(family.address_octets - len(nlri) + 1))
    prefix = f"{address}/{nlri[0]}"
    return pb.ListPathResponse(pb.Destination(prefix, messages))


# --- tests -------------------------------------------------------------------------------------


def unframe(frame: bytes) -> bytes:
    assert frame[0] == 0
    assert int.from_bytes(frame[1:5], "big") == len(frame) - 5
    return frame[5:]


@settings(max_examples=60, deadline=None)
@given(routes, options)
def test_octets_equal_those_of_the_generated_classes(
    route: tuple[Family, bytes, list[Path]], asked: PathOptions
) -> None:
    family, nlri, offered = route
    writer = DestinationWriter(family, asked)
    expected = bytes(response_message(family, nlri, offered, asked))
    assert unframe(writer.write(nlri, offered)) == expected
    assert unframe(writer.write(nlri, offered)) == expected, "from kept pieces"


@settings(max_examples=40, deadline=None)
@given(routes, st.booleans())
def test_the_reader_reads_what_the_generated_classes_read(
    route: tuple[Family, bytes, list[Path]], shows_filtered: bool
) -> None:
    family, nlri, offered = route
    asked = PathOptions(shows_filtered=shows_filtered)
    message = response_message(family, nlri, offered, asked)

    reader = RouteReader()
    for _ in range(2):
        listed = reader.read_destination(bytes(message))
        assert listed.prefix == message.destination.prefix
        for found, path, expected in zip(
            listed.paths, offered, message.destination.paths, strict=True
        ):
            assert reader.read_attributes(found) == [
                betterproto.which_one_of(attribute, "attr")
                for attribute in attribute_messages(path.attributes, family, None)
            ]
            assert found.details == PathDetails(
                received_s=int(path.received_s),
                is_best=expected.best,
                source_as=expected.source_asn,
                source_id=expected.source_id,
                is_filtered=expected.filtered,
                is_from_external=expected.is_from_external,
                neighbor_ip=expected.neighbor_ip,
                is_netlink=path.source.kind is SourceKind.NETLINK,
                interface="eth0" if path.source.kind is SourceKind.NETLINK else "",
            )


def test_the_reader_knows_fields_that_our_daemon_does_not_send_yet() -> None:
    path = pb.Path(
        is_withdraw=True,
        stale=True,
        is_nexthop_invalid=True,
        identifier=7,
        local_identifier=8,
        send_max_filtered=True,
    )
    message = pb.ListPathResponse(pb.Destination("10.0.0.0/8", [path]))
    (found,) = RouteReader().read_destination(bytes(message)).paths
    assert found.details == PathDetails(
        is_withdraw=True,
        is_stale=True,
        is_next_hop_invalid=True,
        identifier=7,
        local_identifier=8,
        is_over_send_max=True,
    )


def test_the_reader_knows_every_attribute_by_name_and_class() -> None:
    hints = get_type_hints(pb.Attribute)
    numbers = {
        field.metadata["betterproto"].number: (field.name, hints[field.name])
        for field in dataclasses.fields(pb.Attribute)
    }
    assert numbers == ATTRIBUTE_MEMBERS
    assert len(numbers) == 23


def test_ipv6_routes_with_one_attribute_set_share_its_octets() -> None:
    attributes = make_attributes(origin=0, next_hop=bytes(15) + b"\1")
    path = Path(Source(SourceKind.LOCAL, "local"), attributes, 1.0)
    writer, reader = DestinationWriter(Family.IPV6_UNICAST, PathOptions()), RouteReader()
    first, second = (
        reader.read_destination(unframe(writer.write(bytes((16, 0x20, number)), [path]))).paths[0]
        for number in (1, 2)
    )
    assert first.attributes == second.attributes
    assert first.details is second.details


@given(
    st.sampled_from(UNICAST).flatmap(
        lambda family: st.tuples(st.just(family.address_octets), nlris(family))
    ),
    st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1"]), max_size=3),
    st.sampled_from(["", "red"]),
    st.integers(-(2**31), 2**31 - 1),
    U32,
    st.integers(0, 2**40),
)
def test_exported_routes_equal_those_of_the_generated_classes(
    prefix: tuple[int, bytes],
    next_hops: list[str],
    vrf: str,
    table_id: int,
    metric: int,
    exported_at_s: int,
) -> None:
    address_octets, nlri = prefix
    group = ExportedGroup(tuple(next_hops), vrf, table_id, metric, "all", exported_at_s)
    address = text(nlri[1:] + bytes(address_octets - len(nlri) + 1))
    route = pb.ListNetlinkExportResponseExportedRoute(
        prefix=f"{address}/{nlri[0]}",
        nexthop=next_hops[0] if len(next_hops) == 1 else "",
        vrf=vrf,
        table_id=table_id,
        metric=metric,
        rule_name="all",
        exported_at=exported_at_s,
        nexthops=next_hops,
    )
    writer = ExportedRouteWriter()
    for _ in range(2):
        assert unframe(writer.write(nlri, address_octets, group)) == bytes(
            pb.ListNetlinkExportResponse(route)
        )


def test_a_destination_in_octets() -> None:
    attributes = make_attributes(origin=2, next_hop=bytes((10, 99, 0, 9)))
    path = Path(Source(SourceKind.NETLINK, "eth0"), attributes, 1_795_332_934.5)
    frame = DestinationWriter(Family.IPV4_UNICAST, PathOptions()).write(
        bytes((24, 10, 1, 0)), [path]
    )
    assert (
        frame.hex()
        == (
            "0000000059"
            "0a57"  # destination
            "0a0b" + b"10.1.0.0/24".hex() + "1248"  # prefix, path
            "0a0e0a0c0818" + "1208" + b"10.1.0.0".hex() + "12041202" + "0802"  # NLRI, ORIGIN
            "120d220b0a09" + b"10.99.0.9".hex() + "1a0c"  # NEXT_HOP, age
            "08c6b68ad806" + "1080cab5ee01"
            "2001"  # best
            "4a0408011001"  # family
            "7001"  # from outside
            "c20c080801" + "1204" + b"eth0".hex()  # interface
        )
    )


@pytest.mark.parametrize("family", [Family.IPV4_VPN, Family.IPV6_VPN])
def test_families_without_a_writer_are_refused(family: Family) -> None:
    with pytest.raises(KeyError):
        DestinationWriter(family, PathOptions())
