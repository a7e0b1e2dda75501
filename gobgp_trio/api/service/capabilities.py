"""Capabilities of an OPEN message in the API's form."""

from collections.abc import Callable, Iterator

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.families import family_message
from gobgp_trio.bgp.capability import MULTIPROTOCOL, Capabilities
from gobgp_trio.types.family import SAFI_UNICAST, find_family

# GRACEFUL_RESTART (RFC 4724 section 3): flags and time share 2 octets, then 4 for each family.
_TIME_BITS = 12

ADD_PATH = 69
LONG_LIVED_GRACEFUL_RESTART = 71
CISCO_ROUTE_REFRESH = 128


def capability_messages(capabilities: Capabilities) -> list[pb.Capability]:
    """Every capability that was announced, those we do not know included."""
    return list(_messages(capabilities))


def _messages(capabilities: Capabilities) -> Iterator[pb.Capability]:
    for family in capabilities.families:
        yield pb.Capability(multi_protocol=pb.MultiProtocolCapability(family_message(family)))
    if capabilities.route_refresh:
        yield pb.Capability(route_refresh=pb.RouteRefreshCapability())
    if capabilities.extended_next_hop:
        yield pb.Capability(extended_nexthop=_extended_nexthop(capabilities.extended_next_hop))
    if capabilities.extended_message:
        yield pb.Capability(extended_message=pb.ExtendedMessageCapability())
    if capabilities.graceful_restart is not None:
        yield pb.Capability(graceful_restart=_graceful_restart(capabilities.graceful_restart))
    if capabilities.four_octet_as is not None:
        yield pb.Capability(four_octet_asn=pb.FourOctetAsnCapability(capabilities.four_octet_as))
    if capabilities.enhanced_route_refresh:
        yield pb.Capability(enhanced_route_refresh=pb.EnhancedRouteRefreshCapability())
    if capabilities.fqdn is not None:
        yield pb.Capability(fqdn=pb.FqdnCapability(*capabilities.fqdn))
    if capabilities.software_version is not None:
        version = pb.SoftwareVersionCapability(capabilities.software_version)
        yield pb.Capability(software_version=version)
    for code, value in capabilities.unknown:
        show = _SHOWN_ONLY.get(code)
        shown = show(value) if show is not None else None
        if shown is None:  # not "or": an empty message is false
            shown = pb.Capability(unknown=pb.UnknownCapability(code, value))
        yield shown


def _family(afi: int, safi: int) -> pb.Family:
    """A family off the wire, which may be none that the API has a name for."""
    return pb.Family(pb.FamilyAfi.try_value(afi), pb.FamilySafi.try_value(safi))


def _foreign_multiprotocol(value: bytes) -> pb.Capability:
    """Wire: AFI (2 octets), reserved (1), SAFI (1); of a family that the codec does not speak."""
    family = _family(int.from_bytes(value[:2], "big"), value[3])
    return pb.Capability(multi_protocol=pb.MultiProtocolCapability(family))


def _extended_nexthop(triples: tuple[tuple[int, int, int], ...]) -> pb.ExtendedNexthopCapability:
    tuples = [
        pb.ExtendedNexthopCapabilityTuple(_family(afi, safi), _family(next_hop_afi, SAFI_UNICAST))
        for afi, safi, next_hop_afi in triples
    ]
    return pb.ExtendedNexthopCapability(tuples)


def _add_path(value: bytes) -> pb.Capability | None:
    """Wire: any number of AFI (2 octets), SAFI (1), mode (1); RFC 7911 section 4."""
    if len(value) % 4:
        return None
    tuples = [
        pb.AddPathCapabilityTuple(
            _family(int.from_bytes(value[at : at + 2], "big"), value[at + 2]),
            pb.AddPathCapabilityTupleMode(value[at + 3] & 3),
        )
        for at in range(0, len(value), 4)
    ]
    return pb.Capability(add_path=pb.AddPathCapability(tuples))


def _long_lived(value: bytes) -> pb.Capability | None:
    """Wire: any number of AFI (2 octets), SAFI (1), flags (1), time in seconds (3); RFC 9494."""
    if len(value) % 7:
        return None
    tuples = [
        pb.LongLivedGracefulRestartCapabilityTuple(
            _family(int.from_bytes(value[at : at + 2], "big"), value[at + 2]),
            value[at + 3],
            int.from_bytes(value[at + 4 : at + 7], "big"),
        )
        for at in range(0, len(value), 7)
    ]
    restart = pb.LongLivedGracefulRestartCapability(tuples)
    return pb.Capability(long_lived_graceful_restart=restart)


def _cisco_refresh(value: bytes) -> pb.Capability | None:
    if value:
        return None
    return pb.Capability(route_refresh_cisco=pb.RouteRefreshCiscoCapability())


# What the codec does not read but the API has a form for; None: it has not that form.
_SHOWN_ONLY: dict[int, Callable[[bytes], pb.Capability | None]] = {
    MULTIPROTOCOL: _foreign_multiprotocol,
    ADD_PATH: _add_path,
    LONG_LIVED_GRACEFUL_RESTART: _long_lived,
    CISCO_ROUTE_REFRESH: _cisco_refresh,
}


def _graceful_restart(value: bytes) -> pb.GracefulRestartCapability:
    """Wire: flags (4 bits), time in seconds (12), then AFI (2 octets), SAFI, flags (1 each)."""
    head = int.from_bytes(value[:2], "big")
    tuples = []
    for at in range(2, len(value) - 3, 4):
        family = find_family(value[at] << 8 | value[at + 1], value[at + 2])
        if family is not None:
            flags = value[at + 3]
            tuples.append(pb.GracefulRestartCapabilityTuple(family_message(family), flags))
    return pb.GracefulRestartCapability(
        flags=head >> _TIME_BITS, time=head & (1 << _TIME_BITS) - 1, tuples=tuples
    )
