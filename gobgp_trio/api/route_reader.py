"""ListPath answers read from their octets: the counterpart of ``route_writer`` for clients.

A stream repeats itself: what follows the attributes of a path (age, neighbor, flags) is the same
for all routes of an UPDATE, and there are far fewer attributes than routes.  So a reader keeps what
it has read, by octets, as long as the stream lasts.  The NLRI inside MP_REACH_NLRI only repeats
the prefix and is left out, or every route would have attributes of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import betterproto

from gobgp_trio.api.attribute_writer import MEMBER_MP_REACH
from gobgp_trio.api.codec import parse_message
from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.wire import (
    FieldValue,
    as_number,
    as_octets,
    as_text,
    field_number,
    field_octets,
    unpack_numbers,
    walk_fields,
)

# Member of the oneof of ``api.Attribute``: its name and its value, a generated message.
ReadAttribute = tuple[str, betterproto.Message]

_MP_REACH_TAG = MEMBER_MP_REACH << 3 | 2


@dataclass(frozen=True, slots=True)
class PathDetails:
    """What a path is besides its attributes; shared by many paths.

    Attributes:
        received_s: seconds since the epoch.
        source_id, neighbor_ip: "" for paths that no neighbor sent.
        interface: of an imported network, else "".
        decision: the step that put the path in its place, "" when that was not asked for.
    """

    received_s: int = 0
    is_best: bool = False
    is_withdraw: bool = False
    source_as: int = 0
    source_id: str = ""
    is_filtered: bool = False
    is_stale: bool = False
    is_from_external: bool = False
    neighbor_ip: str = ""
    is_next_hop_invalid: bool = False
    identifier: int = 0
    local_identifier: int = 0
    is_over_send_max: bool = False
    is_netlink: bool = False
    interface: str = ""
    decision: str = ""


@dataclass(slots=True)
class ListedPath:
    """One path of a destination.

    Attributes:
        attributes: the octets of each ``api.Attribute``, in the order sent; hashable, to keep
            what was made of them.
    """

    attributes: tuple[bytes, ...]
    details: PathDetails


@dataclass(slots=True)
class ListedDestination:
    """One prefix as text, with its paths in the daemon's order."""

    prefix: str = ""
    paths: list[ListedPath] = field(default_factory=list)


_FLAGS = {
    4: "is_best",
    5: "is_withdraw",
    12: "is_filtered",
    13: "is_stale",
    14: "is_from_external",
    17: "is_next_hop_invalid",
    22: "is_over_send_max",
}
_NUMBERS = {10: "source_as", 18: "identifier", 19: "local_identifier"}
_TEXTS = {11: "source_id", 15: "neighbor_ip", 201: "decision"}


class RouteReader:
    """Reads the messages of one stream, and makes message objects of their attributes."""

    def __init__(self) -> None:
        self._details: dict[tuple[tuple[int, FieldValue], ...], PathDetails] = {}
        self._attributes: dict[bytes, ReadAttribute] = {}

    def read_destination(self, octets: bytes) -> ListedDestination:
        """The destination of a ``ListPathResponse``.

        Raises:
            MalformedMessage: the octets are no such message.
        """
        destination = ListedDestination()
        for number, value in walk_fields(octets):
            if number != 1:
                continue
            for inner_number, inner in walk_fields(as_octets(value)):
                if inner_number == 1:
                    destination.prefix = as_text(inner)
                elif inner_number == 2:
                    destination.paths.append(self._read_path(as_octets(inner)))
        return destination

    def _read_path(self, octets: bytes) -> ListedPath:
        attributes: list[bytes] = []
        others: list[tuple[int, FieldValue]] = []
        for number, value in walk_fields(octets):
            if number == 2:
                attribute = as_octets(value)
                if attribute[:1] == bytes((_MP_REACH_TAG,)):
                    attribute = _without_nlri(attribute)
                attributes.append(attribute)
            elif number > 2:
                others.append((number, value))
        key = tuple(others)
        details = self._details.get(key)
        if details is None:
            details = self._details[key] = _read_details(key)
        return ListedPath(tuple(attributes), details)

    def read_attributes(self, path: ListedPath) -> list[ReadAttribute]:
        """A path's attributes; the messages are shared and must not be changed.

        Raises:
            MalformedMessage: the octets of an attribute are no such message.
        """
        return [self._read_attribute(octets) for octets in path.attributes]

    def _read_attribute(self, octets: bytes) -> ReadAttribute:
        attribute = self._attributes.get(octets)
        if attribute is None:
            attribute = self._attributes[octets] = _read_attribute(octets)
        return attribute


def _read_details(fields: tuple[tuple[int, FieldValue], ...]) -> PathDetails:
    found: dict[str, int | str | bool] = {}
    for number, value in fields:
        if number == 3:
            found["received_s"] = _read_seconds(as_octets(value))
        elif number in _FLAGS:
            found[_FLAGS[number]] = bool(as_number(value))
        elif number in _NUMBERS:
            found[_NUMBERS[number]] = as_number(value)
        elif number in _TEXTS:
            found[_TEXTS[number]] = as_text(value)
        elif number == 200:
            for inner_number, inner in walk_fields(as_octets(value)):
                if inner_number == 1:
                    found["is_netlink"] = bool(as_number(inner))
                elif inner_number == 2:
                    found["interface"] = as_text(inner)
    return PathDetails(**found)  # type: ignore[arg-type]  # the tables above say which is which


def _without_nlri(attribute: bytes) -> bytes:
    content = b"".join(
        field_octets(number, value) if isinstance(value, bytes) else field_number(number, value)
        for _, mp_reach in walk_fields(attribute)
        for number, value in walk_fields(as_octets(mp_reach))
        if number != 3
    )
    return field_octets(MEMBER_MP_REACH, content)


def _read_seconds(timestamp: bytes) -> int:
    for number, value in walk_fields(timestamp):
        if number == 1:
            seconds = as_number(value)
            return seconds - (1 << 64) if seconds >= 1 << 63 else seconds
    return 0


# Making an ``api.Attribute`` with its 23 members costs four times what its one member costs.
ATTRIBUTE_MEMBERS: dict[int, tuple[str, type[betterproto.Message]]] = {
    1: ("unknown", pb.UnknownAttribute),
    2: ("origin", pb.OriginAttribute),
    3: ("as_path", pb.AsPathAttribute),
    4: ("next_hop", pb.NextHopAttribute),
    5: ("multi_exit_disc", pb.MultiExitDiscAttribute),
    6: ("local_pref", pb.LocalPrefAttribute),
    7: ("atomic_aggregate", pb.AtomicAggregateAttribute),
    8: ("aggregator", pb.AggregatorAttribute),
    9: ("communities", pb.CommunitiesAttribute),
    10: ("originator_id", pb.OriginatorIdAttribute),
    11: ("cluster_list", pb.ClusterListAttribute),
    12: ("mp_reach", pb.MpReachNlriAttribute),
    13: ("mp_unreach", pb.MpUnreachNlriAttribute),
    14: ("extended_communities", pb.ExtendedCommunitiesAttribute),
    15: ("as4_path", pb.As4PathAttribute),
    16: ("as4_aggregator", pb.As4AggregatorAttribute),
    17: ("pmsi_tunnel", pb.PmsiTunnelAttribute),
    18: ("tunnel_encap", pb.TunnelEncapAttribute),
    19: ("ip6_extended_communities", pb.Ip6ExtendedCommunitiesAttribute),
    20: ("aigp", pb.AigpAttribute),
    21: ("large_communities", pb.LargeCommunitiesAttribute),
    22: ("ls", pb.LsAttribute),
    23: ("prefix_sid", pb.PrefixSid),
}


def _read_attribute(octets: bytes) -> ReadAttribute:
    """Name and value of the one member; ``("", Attribute())`` when there is none we know."""
    for number, value in walk_fields(octets):
        if number in ATTRIBUTE_MEMBERS:
            name, kind = ATTRIBUTE_MEMBERS[number]
            content = as_octets(value)
            read = _QUICK_READERS.get(name)
            return name, read(content) if read is not None else parse_message(kind, content)
    return "", pb.Attribute()


# The two attributes that differ most from set to set, read three times as fast.


def _read_as_path(octets: bytes) -> pb.AsPathAttribute:
    segments = [as_octets(value) for number, value in walk_fields(octets) if number == 1]
    return pb.AsPathAttribute([_read_segment(segment) for segment in segments])


def _read_segment(octets: bytes) -> pb.AsSegment:
    kind, numbers = 0, list[int]()
    for number, value in walk_fields(octets):
        if number == 1:
            kind = as_number(value)
        elif number == 2:
            numbers += unpack_numbers(value)
    return pb.AsSegment(pb.AsSegmentType.try_value(kind), numbers)


def _read_communities(octets: bytes) -> pb.CommunitiesAttribute:
    numbers: list[int] = []
    for number, value in walk_fields(octets):
        if number == 1:
            numbers += unpack_numbers(value)
    return pb.CommunitiesAttribute(numbers)


_QUICK_READERS: dict[str, Callable[[bytes], betterproto.Message]] = {
    "as_path": _read_as_path,
    "communities": _read_communities,
}
