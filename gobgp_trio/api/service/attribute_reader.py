"""Attributes of a request as they would stand on the wire, one reader per member of the oneof.

What comes out is judged like a peer's attributes (``path_reader``), so a reader only has to put
numbers and addresses into octets, and refuses what does not fit into them.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

import betterproto

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.method import RpcError
from gobgp_trio.bgp.as_path import write_as_path
from gobgp_trio.bgp.attr import (
    OPTIONAL_NON_TRANSITIVE,
    OPTIONAL_TRANSITIVE,
    WELL_KNOWN,
    RawAttribute,
)
from gobgp_trio.types import attributes as codes
from gobgp_trio.types.prefix import parse_address

# A member that says where a path leads, instead of an attribute: (addresses as text).
NextHops = list[str]


def read_attribute(attribute: pb.Attribute) -> RawAttribute | NextHops:
    """One attribute of a request.

    Raises:
        RpcError: it is none that can be given, or a value in it cannot be written.
    """
    value: Any
    name, value = betterproto.which_one_of(attribute, "attr")
    if name == "next_hop":
        return [value.next_hop]
    if name == "mp_reach":
        return list(value.next_hops)
    if name == "unknown":
        return value.flags & 0xFF & ~codes.FLAG_EXTENDED, value.type & 0xFF, value.value
    row = _READERS.get(name)
    if row is None:
        raise RpcError(f"attribute {name or 'without a value'} not supported")
    flags, code, read = row
    try:
        return flags, code, read(value)
    except (ValueError, struct.error, OverflowError) as error:
        raise RpcError(f"attribute {name}: {error}") from None


def _read_as_path(value: Any) -> bytes:
    segments = [(int(one.type), tuple(one.numbers)) for one in value.segments]
    if any(len(numbers) > 0xFF for _, numbers in segments):
        raise ValueError("wanted segments of at most 255 AS numbers")
    if any(not 1 <= kind <= 4 for kind, _ in segments):
        raise ValueError("wanted segment types from 1 to 4")
    return write_as_path(segments)


def _read_aggregator(value: Any) -> bytes:
    return struct.pack("!I", value.asn) + _ipv4(value.address)


def _read_u32s(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack("!I", value) for value in values)


def _read_large(value: Any) -> bytes:
    return b"".join(
        struct.pack("!III", one.global_admin, one.local_data1, one.local_data2)
        for one in value.communities
    )


def _read_aigp(value: Any) -> bytes:
    tlvs = []
    tlv: Any
    for one in value.tlvs:
        name, tlv = betterproto.which_one_of(one, "tlv")
        if name == "igp_metric":
            tlvs.append(struct.pack("!BHQ", codes.AIGP_METRIC_TLV, 11, tlv.metric))
        elif name == "unknown":
            tlvs.append(struct.pack("!BH", tlv.type, 3 + len(tlv.value)) + tlv.value)
        else:
            raise ValueError("wanted a metric or an unknown TLV")
    return b"".join(tlvs)


def _read_ipv6_communities(value: Any) -> bytes:
    found = []
    community: Any
    for one in value.communities:
        name, community = betterproto.which_one_of(one, "extcom")
        if name != "ipv6_address_specific":
            raise ValueError(f"extended community {name or 'without a value'} not supported")
        address = parse_address(community.address)
        if len(address) != 16:
            raise ValueError(f"wanted an IPv6 address, found {community.address!r}")
        found.append(_head(0, community) + address + struct.pack("!H", community.local_admin))
    return b"".join(found)


def _ipv4(text: str) -> bytes:
    address = parse_address(text)
    if len(address) != 4:
        raise ValueError(f"wanted an IPv4 address, found {text!r}")
    return address


# --- extended communities ------------------------------------------------------------------------


def read_extended_community(community: pb.ExtendedCommunity) -> bytes:
    """The 8 octets of an extended community (RFC 4360).

    Raises:
        ValueError: it has no form here, or a value does not fit.
        struct.error: a number does not fit.
    """
    name, value = betterproto.which_one_of(community, "extcom")
    read = _EXTENDED_READERS.get(name)
    if read is None:
        raise ValueError(f"extended community {name or 'without a value'} not supported")
    octets = read(value)
    if len(octets) != 8:
        raise ValueError(f"wanted 8 octets of {name}, found {len(octets)}")
    return octets


def _head(kind: int, value: Any) -> bytes:
    non_transitive = 0 if value.is_transitive else 0x40
    return struct.pack("!BB", kind | non_transitive, value.sub_type)


def _read_opaque(value: Any) -> bytes:
    return (b"\x03" if value.is_transitive else b"\x43") + bytes(value.value)


_EXTENDED_READERS: dict[str, Callable[[Any], bytes]] = {
    "unknown": lambda value: struct.pack("!B", value.type) + value.value,
    "two_octet_as_specific": lambda value: (
        _head(0, value) + struct.pack("!HI", value.asn, value.local_admin)
    ),
    "ipv4_address_specific": lambda value: (
        _head(1, value) + _ipv4(value.address) + struct.pack("!H", value.local_admin)
    ),
    "four_octet_as_specific": lambda value: (
        _head(2, value) + struct.pack("!IH", value.asn, value.local_admin)
    ),
    "link_bandwidth": lambda value: struct.pack("!BBHf", 0x40, 4, value.asn, value.bandwidth),
    "validation": lambda value: b"\x43" + bytes(6) + struct.pack("!B", value.state),
    "color": lambda value: b"\x03\x0b\0\0" + struct.pack("!I", value.color),
    "encap": lambda value: b"\x03\x0c" + bytes(4) + struct.pack("!H", value.tunnel_type),
    "default_gateway": lambda _: b"\x03\x0d" + bytes(6),
    "opaque": _read_opaque,
}


def _read_extended(value: Any) -> bytes:
    return b"".join(map(read_extended_community, value.communities))


# Member -> flags, type code, reader of the value.
_READERS: dict[str, tuple[int, int, Callable[[Any], bytes]]] = {
    "origin": (WELL_KNOWN, codes.ORIGIN, lambda value: struct.pack("!B", value.origin)),
    "as_path": (WELL_KNOWN, codes.AS_PATH, _read_as_path),
    "multi_exit_disc": (
        OPTIONAL_NON_TRANSITIVE,
        codes.MULTI_EXIT_DISC,
        lambda value: struct.pack("!I", value.med),
    ),
    "local_pref": (
        WELL_KNOWN,
        codes.LOCAL_PREF,
        lambda value: struct.pack("!I", value.local_pref),
    ),
    "atomic_aggregate": (WELL_KNOWN, codes.ATOMIC_AGGREGATE, lambda _: b""),
    "aggregator": (OPTIONAL_TRANSITIVE, codes.AGGREGATOR, _read_aggregator),
    "communities": (
        OPTIONAL_TRANSITIVE,
        codes.COMMUNITIES,
        lambda value: _read_u32s(value.communities),
    ),
    "originator_id": (
        OPTIONAL_NON_TRANSITIVE,
        codes.ORIGINATOR_ID,
        lambda value: _ipv4(value.id),
    ),
    "cluster_list": (
        OPTIONAL_NON_TRANSITIVE,
        codes.CLUSTER_LIST,
        lambda value: b"".join(map(_ipv4, value.ids)),
    ),
    "extended_communities": (OPTIONAL_TRANSITIVE, codes.EXTENDED_COMMUNITIES, _read_extended),
    "ip6_extended_communities": (
        OPTIONAL_TRANSITIVE,
        codes.IPV6_EXTENDED_COMMUNITIES,
        _read_ipv6_communities,
    ),
    "aigp": (OPTIONAL_NON_TRANSITIVE, codes.AIGP, _read_aigp),
    "large_communities": (OPTIONAL_TRANSITIVE, codes.LARGE_COMMUNITY, _read_large),
}
