"""Capabilities of an OPEN message in the API's form."""

from collections.abc import Iterator

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.families import family_message
from gobgp_trio.bgp.capability import Capabilities
from gobgp_trio.types.family import find_family

# GRACEFUL_RESTART (RFC 4724 section 3): flags and time share 2 octets, then 4 for each family.
_TIME_BITS = 12


def capability_messages(capabilities: Capabilities) -> list[pb.Capability]:
    """Every capability that was announced, those we do not know included."""
    return list(_messages(capabilities))


def _messages(capabilities: Capabilities) -> Iterator[pb.Capability]:
    for family in capabilities.families:
        yield pb.Capability(multi_protocol=pb.MultiProtocolCapability(family_message(family)))
    if capabilities.route_refresh:
        yield pb.Capability(route_refresh=pb.RouteRefreshCapability())
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
        yield pb.Capability(unknown=pb.UnknownCapability(code, value))


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
