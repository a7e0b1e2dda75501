"""JSON of the routing tables: prefix -> paths, as GoBGP's client writes it.

Attributes have a form of their own here (``{"type": 5, "value": 200}``), with one function for
each in ``_FIELDS``.
"""

from collections.abc import Callable, Iterable
from typing import Any

from gobgp_trio.api.pb.api import ExtendedCommunity
from gobgp_trio.api.route_reader import ReadAttribute
from gobgp_trio.cli.attribute_text import format_extended_community
from gobgp_trio.cli.go_json import message_fields
from gobgp_trio.cli.oneof import chosen_member
from gobgp_trio.cli.rib_view import PathView
from gobgp_trio.types import attributes as codes

Json = dict[str, Any]

# Transitive types of extended communities (RFC 4360, RFC 5668); 0x40 marks the others.
_ADMINISTRATOR_TYPES = {
    "two_octet_as_specific": 0,
    "ipv4_address_specific": 1,
    "four_octet_as_specific": 2,
}
_NON_TRANSITIVE = 0x40


def paths_json(views: Iterable[PathView]) -> Json:
    """The whole table, prefixes in the order of their text."""
    table: Json = {}
    for view in views:
        table.setdefault(view.prefix, []).append(path_json(view))
    return dict(sorted(table.items()))


def path_json(view: PathView) -> Json:
    """One path; the identifiers and the family are always 0, as with GoBGP's client."""
    path = view.details
    fields: Json = {
        "Family": 0,
        "nlri": {"prefix": view.prefix},
        "age": path.received_s,
        "best": path.is_best,
        "attrs": [attribute_json(one, view.prefix) for one in view.attributes.read],
        "stale": path.is_stale,
    }
    if path.source_id:
        fields["peer-id"] = path.source_id
    if path.neighbor_ip:
        fields["peer-address"] = path.neighbor_ip
    if path.is_over_send_max:
        fields["send-max-filtered"] = True
    if path.decision:
        fields["decision"] = path.decision
    if path.interface:
        fields["netlink"] = {"is_netlink": True, "if_name": path.interface}
    return fields | {"RemoteID": 0, "LocalID": 0}


def attribute_json(attribute: ReadAttribute, prefix: str) -> Json:
    """One attribute; MP_REACH_NLRI names the path's own prefix."""
    name, value = attribute
    if name not in _FIELDS:
        return ({} if name == "unknown" else {"name": name}) | message_fields(value)
    code, fields = _FIELDS[name]
    found: Json = {"type": code} | fields(value)
    if code == codes.MP_REACH_NLRI:
        found["value"] = [{"NLRI": {"prefix": prefix}, "ID": 0}]
    return found


def _as_path(value: Any) -> Json:
    segments = [
        {"segment_type": int(one.type), "num": len(one.numbers), "asns": list(one.numbers)}
        for one in value.segments
    ]
    return {"as_paths": segments}


def _mp_reach(value: Any) -> Json:
    return {
        "nexthop": value.next_hops[0] if value.next_hops else "",
        "afi": int(value.family.afi),
        "safi": int(value.family.safi),
    }


def _large_communities(value: Any) -> Json:
    return {
        "value": [
            {"ASN": one.global_admin, "LocalData1": one.local_data1, "LocalData2": one.local_data2}
            for one in value.communities
        ]
    }


def _extended_community(community: ExtendedCommunity) -> Json:
    name, value = chosen_member(community, "extcom")
    if name not in _ADMINISTRATOR_TYPES:
        return {"name": name} | message_fields(value)
    kind = _ADMINISTRATOR_TYPES[name] | (0 if value.is_transitive else _NON_TRANSITIVE)
    text = format_extended_community(community)
    return {"type": kind, "subtype": value.sub_type, "value": text}


def _aigp(value: Any) -> Json:
    """The metric of each TLV; one of another type has its octets as numbers."""
    tlvs = []
    for one in value.tlvs:
        name, tlv = chosen_member(one, "tlv")
        is_metric = name == "igp_metric"
        tlvs.append(
            {"type": codes.AIGP_METRIC_TLV, "metric": tlv.metric}
            if is_metric
            else {"type": tlv.type, "value": list(tlv.value)}
        )
    return {"value": tlvs}


def _ipv6_communities(value: Any) -> Json:
    found = [chosen_member(one, "extcom")[1] for one in value.communities]
    return {
        "value": [
            {
                "type": 0 if one.is_transitive else _NON_TRANSITIVE,
                "subtype": one.sub_type,
                "value": f"{one.address}:{one.local_admin}",
            }
            for one in found
        ]
    }


_FIELDS: dict[str, tuple[int, Callable[[Any], Json]]] = {
    "origin": (codes.ORIGIN, lambda value: {"value": value.origin}),
    "as_path": (codes.AS_PATH, _as_path),
    "next_hop": (codes.NEXT_HOP, lambda value: {"nexthop": value.next_hop}),
    "multi_exit_disc": (codes.MULTI_EXIT_DISC, lambda value: {"metric": value.med}),
    "local_pref": (codes.LOCAL_PREF, lambda value: {"value": value.local_pref}),
    "atomic_aggregate": (codes.ATOMIC_AGGREGATE, lambda _: {}),
    "aggregator": (
        codes.AGGREGATOR,
        lambda value: {"as": value.asn, "address": value.address},
    ),
    "communities": (
        codes.COMMUNITIES,
        lambda value: {"communities": list(value.communities)},
    ),
    "originator_id": (codes.ORIGINATOR_ID, lambda value: {"value": value.id}),
    "cluster_list": (codes.CLUSTER_LIST, lambda value: {"value": list(value.ids)}),
    "mp_reach": (codes.MP_REACH_NLRI, _mp_reach),
    "extended_communities": (
        codes.EXTENDED_COMMUNITIES,
        lambda value: {"value": [_extended_community(one) for one in value.communities]},
    ),
    "ip6_extended_communities": (codes.IPV6_EXTENDED_COMMUNITIES, _ipv6_communities),
    "aigp": (codes.AIGP, _aigp),
    "large_communities": (codes.LARGE_COMMUNITY, _large_communities),
}
