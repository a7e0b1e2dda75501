"""Path attributes as the columns of a routing table show them.

A table has far fewer attribute sets than routes, so callers describe a set once and keep the
answer.  Attribute types that have no entry in ``_TEXTS`` appear under their name without details,
so that nothing a path carries is hidden.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gobgp_trio.api.pb.api import (
    AggregatorAttribute,
    AigpAttribute,
    AsPathAttribute,
    AsSegment,
    AsSegmentType,
    ExtendedCommunity,
    Ip6ExtendedCommunitiesAttribute,
    MpReachNlriAttribute,
    NextHopAttribute,
    UnknownAttribute,
)
from gobgp_trio.api.route_reader import ReadAttribute
from gobgp_trio.cli.oneof import chosen_member
from gobgp_trio.types.communities import format_community

# What stands in the Next Hop column when a path has none.
NO_NEXT_HOP = "fictitious"
ORIGIN_LETTERS = {0: "i", 1: "e", 2: "?"}
SEGMENT_BRACKETS = {
    AsSegmentType.TYPE_AS_SET: ("{", ",", "}"),
    AsSegmentType.TYPE_AS_CONFED_SEQUENCE: ("(", " ", ")"),
    AsSegmentType.TYPE_AS_CONFED_SET: ("[", ",", "]"),
}


@dataclass(frozen=True, slots=True)
class AttributesText:
    """The three columns that depend on the attributes alone."""

    next_hop: str
    as_path: str
    attributes: str


def describe_attributes(attributes: Sequence[ReadAttribute]) -> AttributesText:
    """The columns of one attribute set; the list keeps the order of the attributes."""
    next_hop, as_path = NO_NEXT_HOP, ""
    shown: list[str] = []
    for name, value in attributes:
        if isinstance(value, NextHopAttribute):
            next_hop = value.next_hop
        elif isinstance(value, MpReachNlriAttribute):
            next_hop = value.next_hops[0] if value.next_hops else NO_NEXT_HOP
        elif isinstance(value, AsPathAttribute):
            as_path = format_as_path(value.segments)
        elif name in _TEXTS:
            shown.append(f"{{{_TEXTS[name](value)}}}")
        elif name not in ("", "as4_path"):
            shown.append(f"{{{name}}}")
    return AttributesText(next_hop, as_path, f"[{' '.join(shown)}]")


def format_as_path(segments: Sequence[AsSegment]) -> str:
    """``65010 65020 {1,2}``; sets and confederation segments in their brackets."""
    texts = []
    for segment in segments:
        opening, separator, closing = SEGMENT_BRACKETS.get(segment.type, ("", " ", ""))
        texts.append(opening + separator.join(map(str, segment.numbers)) + closing)
    return " ".join(texts)


def format_extended_community(community: ExtendedCommunity) -> str:
    """``65001:5`` for what has an administrator, else the name of its kind."""
    name, value = chosen_member(community, "extcom")
    if name == "ipv4_address_specific":
        return f"{value.address}:{value.local_admin}"
    if name == "two_octet_as_specific":
        return f"{value.asn}:{value.local_admin}"
    if name == "four_octet_as_specific":
        return f"{value.asn >> 16}.{value.asn & 0xFFFF}:{value.local_admin}"
    if name == "unknown":
        return f"{value.type:#04x}:{value.value.hex()}"
    return name


def _aggregator(value: AggregatorAttribute) -> str:
    return f"{{AS: {value.asn}, Address: {value.address}}}"


def _unknown(value: UnknownAttribute) -> str:
    octets = " ".join(map(str, value.value))
    return f"Flags: {value.flags}, Type: {value.type}, Value: [{octets}]"


def _large_communities(communities: Sequence[Any]) -> str:
    return ", ".join(f"{c.global_admin}:{c.local_data1}:{c.local_data2}" for c in communities)


def _aigp(value: AigpAttribute) -> str:
    texts = []
    for one in value.tlvs:
        name, tlv = chosen_member(one, "tlv")
        if name == "igp_metric":
            texts.append(f"{{Metric: {tlv.metric}}}")
        else:
            texts.append(f"{{Type: {tlv.type}, Value: [{' '.join(map(str, tlv.value))}]}}")
    return f"Aigp: [{' '.join(texts)}]"


def _ipv6_communities(value: Ip6ExtendedCommunitiesAttribute) -> str:
    found = [chosen_member(one, "extcom")[1] for one in value.communities]
    return f"Extcomms: {', '.join(f'[{one.address}:{one.local_admin}]' for one in found)}"


_TEXTS: dict[str, Callable[[Any], str]] = {
    "origin": lambda value: f"Origin: {ORIGIN_LETTERS.get(value.origin, '?')}",
    "multi_exit_disc": lambda value: f"Med: {value.med}",
    "local_pref": lambda value: f"LocalPref: {value.local_pref}",
    "atomic_aggregate": lambda _: "AtomicAggregate",
    "aggregator": lambda value: f"Aggregate: {_aggregator(value)}",
    "as4_aggregator": lambda value: f"As4Aggregator: {_aggregator(value)}",
    "communities": lambda value: (
        f"Communities: {', '.join(map(format_community, value.communities))}"
    ),
    "originator_id": lambda value: f"Originator: {value.id}",
    "cluster_list": lambda value: f"ClusterList: [{' '.join(value.ids)}]",
    "extended_communities": lambda value: (
        f"Extcomms: {', '.join(f'[{format_extended_community(c)}]' for c in value.communities)}"
    ),
    "large_communities": lambda value: (
        f"LargeCommunity: [ {_large_communities(value.communities)}]"
    ),
    "ip6_extended_communities": _ipv6_communities,
    "aigp": _aigp,
    "unknown": _unknown,
}
