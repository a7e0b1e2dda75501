"""``api.Path`` of a request as a route of the tables: family, NLRI key, attributes.

NLRI and attributes come as messages or as wire octets, which win.  Attributes are held to the same
rules as a peer's (``bgp.attr.read_values``), but any fault refuses the whole request.
"""

import struct
from collections.abc import Iterable, Iterator
from weakref import WeakValueDictionary

import betterproto

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.attribute_reader import read_attribute
from gobgp_trio.api.service.families import read_family
from gobgp_trio.api.service.method import RpcError
from gobgp_trio.bgp.attr import (
    WELL_KNOWN,
    RawAttribute,
    attribute_name,
    build_attributes,
    is_host_address,
    read_values,
)
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.bgp.nlri import NLRI_TABLE, MalformedNlri
from gobgp_trio.types import attributes as codes
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family, find_family
from gobgp_trio.types.prefix import (
    format_address,
    is_ipv4_mapped,
    is_link_local,
    nlri_of_address,
    parse_address,
    unicast_family,
)

# An API client is believed what an internal peer would be.
_CONTEXT = CodecContext(four_octet_as=True, is_ebgp=False, local_as=0, families=frozenset())


def read_route_key(path: pb.Path) -> tuple[Family, bytes]:
    """Which route a path is about.

    Raises:
        RpcError: the family is not supported, or the NLRI is none of it.
    """
    family = read_family(path.family)
    if path.nlri_binary:
        try:
            nlris = NLRI_TABLE[family].split(path.nlri_binary, 0, len(path.nlri_binary))
        except MalformedNlri as malformed:
            raise RpcError(f"nlri_binary: {malformed}") from None
        if len(nlris) != 1:
            raise RpcError(f"nlri_binary: wanted one prefix, found {len(nlris)}")
        return family, nlris[0]
    name, prefix = betterproto.which_one_of(path.nlri, "nlri")
    if not isinstance(prefix, pb.IpAddressPrefix):
        raise RpcError(f"nlri: wanted a prefix, found {name or 'nothing'}")
    try:
        address = parse_address(prefix.prefix)
    except ValueError as error:
        raise RpcError(f"nlri: {error}") from None
    if unicast_family(len(address)) is not family or prefix.prefix_len > len(address) * 8:
        text = f"{prefix.prefix}/{prefix.prefix_len}"
        raise RpcError(f"nlri: {text} is no prefix of {family.config_name}")
    return family, nlri_of_address(address, prefix.prefix_len)


class AttributesReader:
    """Makes attribute sets of requests; equal ones are one object while a path has it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[bytes, bytes, bytes], PathAttributes] = (
            WeakValueDictionary()
        )

    def read(self, path: pb.Path, family: Family) -> PathAttributes:
        """The attributes of a path to be originated.

        Raises:
            RpcError: one is malformed, not supported, there twice, or missing.
        """
        items: list[RawAttribute] = []
        next_hops: list[bytes] | None = None
        for found in _walk(path):
            if isinstance(found, list):
                if next_hops is not None:
                    raise RpcError("more than one next hop attribute")
                next_hops = found
            else:
                items.append(found)
        if next_hops is None:
            raise RpcError("next hop attribute is missing")
        attributes = _build(items, _judge_next_hops(next_hops, family))
        key = (attributes.wire, attributes.next_hop, attributes.link_local)
        return self._known.setdefault(key, attributes)


def _walk(path: pb.Path) -> Iterator[RawAttribute | list[bytes]]:
    """Each attribute, next hops as lists of addresses."""
    if path.pattrs_binary:
        for octets in path.pattrs_binary:
            yield _read_binary(octets)
        return
    for attribute in path.pattrs:
        found = read_attribute(attribute)
        if isinstance(found, list):
            try:
                yield [parse_address(text) for text in found]
            except ValueError as error:
                raise RpcError(f"next hop: {error}") from None
        else:
            yield found


def _read_binary(octets: bytes) -> RawAttribute | list[bytes]:
    """Wire: flags (1 octet), type code (1), length (1 or 2), value (RFC 4271 section 4.3)."""
    head = 4 if octets and octets[0] & codes.FLAG_EXTENDED else 3
    if len(octets) < head:
        raise RpcError(f"pattrs_binary: wanted an attribute, found {len(octets)} octets")
    flags, code = octets[0] & ~codes.FLAG_EXTENDED, octets[1]
    value = octets[head:]
    if int.from_bytes(octets[2:head], "big") != len(value):
        raise RpcError(f"pattrs_binary: the length of {attribute_name(code)} is wrong")
    if code == codes.NEXT_HOP:
        return [value]
    if code == codes.MP_REACH_NLRI:
        return _read_mp_reach(value)
    return flags, code, value


def _read_mp_reach(value: bytes) -> list[bytes]:
    """Wire: AFI (2 octets), SAFI (1), next hop length (1), next hop, reserved (1), NLRIs."""
    if len(value) < 5 or len(value) < 5 + value[3]:
        raise RpcError("pattrs_binary: MP_REACH_NLRI is cut off")
    afi, safi, size = struct.unpack("!HBB", value[:4])
    family = find_family(afi, safi)
    width = _HOP_OCTETS.get(size, 0)
    if family is None or width < family.address_octets:
        raise RpcError(f"pattrs_binary: next hop of {size} octets for AFI {afi} SAFI {safi}")
    return [value[at : at + width] for at in range(4, 4 + size, width)]


# Length of a next hop field -> of each address in it: two are a global and a link-local one.
_HOP_OCTETS = {4: 4, 16: 16, 32: 16}


def _judge_next_hops(next_hops: list[bytes], family: Family) -> tuple[bytes, bytes]:
    """Global and link-local next hop; all zeros is this host, none is an error.

    An IPv4 route may have an IPv6 next hop (RFC 8950).
    """
    if not next_hops or len(next_hops) > 2:
        raise RpcError(f"wanted one or two next hops, found {len(next_hops)}")
    if family is Family.IPV4_UNICAST:
        next_hops = [hop[12:] if is_ipv4_mapped(hop) else hop for hop in next_hops]
    for hop in next_hops:
        if len(hop) not in (family.address_octets, 16):
            text = format_address(hop) if len(hop) in (4, 16) else hop.hex()
            raise RpcError(f"next hop {text} is no address of {family.config_name}")
        if any(hop) and not is_host_address(hop):
            raise RpcError(f"next hop {format_address(hop)} is no host's address")
    link_local = next_hops[1] if len(next_hops) == 2 else b""
    if link_local and not (len(next_hops[0]) == 16 and is_link_local(link_local)):
        raise RpcError(f"next hop {format_address(link_local)} is not link-local")
    return next_hops[0], link_local


def _build(items: Iterable[RawAttribute], next_hops: tuple[bytes, bytes]) -> PathAttributes:
    next_hop, link_local = next_hops
    values, faults = read_values(items, _CONTEXT)
    if faults:
        fault = faults[0]
        raise RpcError(f"{attribute_name(fault.code)}: {fault.text}")
    if codes.ORIGIN not in values:
        raise RpcError("ORIGIN is missing")
    values.setdefault(codes.AS_PATH, (WELL_KNOWN, b""))
    if len(next_hop) == 4:
        values[codes.NEXT_HOP] = (WELL_KNOWN, next_hop)
    return build_attributes(values, next_hop, link_local)
