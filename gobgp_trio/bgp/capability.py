"""The capabilities of an OPEN message (RFC 5492), one table row per code.

Rules: a capability that decides how octets are read later (multiprotocol, 4-octet AS ...) must have
the right shape, or the OPEN is refused; one that is only shown to people is kept as unknown octets
when it does not.  A code or a family we do not speak is no error: its octets are kept for display
and written back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gobgp_trio.bgp.error_codes import OPEN_ERROR, UNSPECIFIC
from gobgp_trio.bgp.wire import PeerFault, Reader, Shortage, u16, u32
from gobgp_trio.types.family import Family, find_family

MULTIPROTOCOL = 1  # RFC 4760 section 8
ROUTE_REFRESH = 2  # RFC 2918
EXTENDED_NEXT_HOP = 5  # RFC 8950 section 4
EXTENDED_MESSAGE = 6  # RFC 8654
GRACEFUL_RESTART = 64  # RFC 4724
FOUR_OCTET_AS = 65  # RFC 6793
ENHANCED_ROUTE_REFRESH = 70  # RFC 7313
FQDN = 73  # draft-walton-bgp-hostname-capability
SOFTWARE_VERSION = 75  # draft-abraitis-bgp-version-capability


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one side announces.

    Attributes:
        families: multiprotocol announcements of families we know, in the order sent.
        four_octet_as: the sender's real AS number, None when it has only two octets for them.
        extended_next_hop: (AFI, SAFI, AFI of the next hop) that the sender takes, in the order
            sent, of families we do not know, too.
        fqdn: (host name, domain name).
        graceful_restart: the capability's value as it stands on the wire, for display.
        unknown: (code, value) of everything else, in the order received.
    """

    families: tuple[Family, ...] = ()
    four_octet_as: int | None = None
    route_refresh: bool = False
    enhanced_route_refresh: bool = False
    extended_message: bool = False
    extended_next_hop: tuple[tuple[int, int, int], ...] = ()
    fqdn: tuple[str, str] | None = None
    software_version: str | None = None
    graceful_restart: bytes | None = None
    unknown: tuple[tuple[int, bytes], ...] = ()

    @property
    def spoken_families(self) -> tuple[Family, ...]:
        """The families, where a side that announces none at all means IPv4 unicast."""
        if self.families or any(code == MULTIPROTOCOL for code, _ in self.unknown):
            return self.families
        return (Family.IPV4_UNICAST,)


_Read = Callable[[Capabilities, bytes], Capabilities | None]
_Write = Callable[[Capabilities], list[bytes]]


@dataclass(frozen=True, slots=True)
class CapabilityRow:
    """How one code is read and written.

    Attributes:
        read: adds a value to what was read so far; None when the value is not for us.
        write: the values to send, none when the capability is not announced.
        octets_count: the only right length of the value, None when the reader judges it.
    """

    name: str
    read: _Read
    write: _Write
    octets_count: int | None = None


def read_capabilities(octets: bytes) -> Capabilities:
    """Read the capabilities of an OPEN's optional parameters, concatenated.

    Wire: each is code (1 octet), length (1), value (``length``); RFC 5492 section 4.

    Raises:
        PeerFault: 2/0, a value is cut off, or has a length that its code forbids.
    """
    reader = Reader(octets)
    read = Capabilities()
    while reader.left:
        try:
            code = reader.u8("capability code")
            value = reader.take(reader.u8("capability length"), f"capability {code}")
        except Shortage as shortage:
            raise PeerFault(OPEN_ERROR, UNSPECIFIC, text=str(shortage)) from None
        row = CAPABILITY_TABLE.get(code)
        more = None
        if row is not None:
            if row.octets_count not in (None, len(value)):
                wanted = f"wanted {row.octets_count} octets of {row.name} capability"
                raise PeerFault(OPEN_ERROR, UNSPECIFIC, text=f"{wanted}, found {len(value)}")
            more = row.read(read, value)
        read = replace(read, unknown=(*read.unknown, (code, value))) if more is None else more
    return read


def write_capabilities(capabilities: Capabilities) -> bytes:
    """Write what ``read_capabilities`` reads, in the order of codes, unknown ones last."""
    values = [
        (code, value)
        for code, row in sorted(CAPABILITY_TABLE.items())
        for value in row.write(capabilities)
    ]
    values += capabilities.unknown
    return b"".join(bytes((code, len(value))) + value for code, value in values)


def capability_name(code: int) -> str:
    """A capability's name for people, or its number."""
    row = CAPABILITY_TABLE.get(code)
    return row.name if row is not None else f"capability {code}"


def _read_multiprotocol(read: Capabilities, value: bytes) -> Capabilities | None:
    """Wire: AFI (2 octets), reserved (1), SAFI (1)."""
    family = find_family(value[0] << 8 | value[1], value[3])
    if family is None:
        return None
    if family in read.families:
        return read
    return replace(read, families=(*read.families, family))


def _write_multiprotocol(capabilities: Capabilities) -> list[bytes]:
    return [u16(family.afi) + bytes((0, family.safi)) for family in capabilities.families]


def _read_extended_next_hop(read: Capabilities, value: bytes) -> Capabilities:
    """Wire: any number of AFI (2 octets), SAFI (2), next hop AFI (2); RFC 8950 section 4.

    Raises:
        PeerFault: 2/0, octets are left over.
    """
    if len(value) % 6:
        text = f"wanted a multiple of 6 octets of extended-nexthop capability, found {len(value)}"
        raise PeerFault(OPEN_ERROR, UNSPECIFIC, text=text)
    found = list(read.extended_next_hop)
    for at in range(0, len(value), 6):
        words = (int.from_bytes(value[i : i + 2], "big") for i in range(at, at + 6, 2))
        afi, safi, next_hop_afi = words
        if (afi, safi, next_hop_afi) not in found:
            found.append((afi, safi, next_hop_afi))
    return replace(read, extended_next_hop=tuple(found))


def _write_extended_next_hop(capabilities: Capabilities) -> list[bytes]:
    words = [word for triple in capabilities.extended_next_hop for word in triple]
    return [b"".join(map(u16, words))] if words else []


def _read_graceful_restart(read: Capabilities, value: bytes) -> Capabilities | None:
    """Wire: flags and time (2 octets), then AFI (2), SAFI (1), flags (1) any number of times."""
    return replace(read, graceful_restart=value) if len(value) % 4 == 2 else None


def _read_fqdn(read: Capabilities, value: bytes) -> Capabilities | None:
    """Wire: host name length (1 octet), host name, domain name length (1), domain name; UTF-8."""
    reader = Reader(value)
    try:
        host = reader.take(reader.u8("host length"), "host name").decode()
        domain = reader.take(reader.u8("domain length"), "domain name").decode()
    except (Shortage, UnicodeDecodeError):
        return None
    return None if reader.left else replace(read, fqdn=(host, domain))


def _write_fqdn(capabilities: Capabilities) -> list[bytes]:
    if capabilities.fqdn is None:
        return []
    names = [name.encode() for name in capabilities.fqdn]
    return [b"".join(bytes((len(name),)) + name for name in names)]


def _read_software_version(read: Capabilities, value: bytes) -> Capabilities | None:
    """Wire: version length (1 octet), version; UTF-8."""
    reader = Reader(value)
    try:
        version = reader.take(reader.u8("version length"), "version").decode()
    except (Shortage, UnicodeDecodeError):
        return None
    return None if reader.left else replace(read, software_version=version)


def _write_software_version(capabilities: Capabilities) -> list[bytes]:
    if capabilities.software_version is None:
        return []
    version = capabilities.software_version.encode()
    return [bytes((len(version),)) + version]


CAPABILITY_TABLE = {
    MULTIPROTOCOL: CapabilityRow("multiprotocol", _read_multiprotocol, _write_multiprotocol, 4),
    ROUTE_REFRESH: CapabilityRow(
        "route-refresh",
        lambda read, _: replace(read, route_refresh=True),
        lambda capabilities: [b""] * capabilities.route_refresh,
        0,
    ),
    EXTENDED_NEXT_HOP: CapabilityRow(
        "extended-nexthop", _read_extended_next_hop, _write_extended_next_hop
    ),
    EXTENDED_MESSAGE: CapabilityRow(
        "extended-message",
        lambda read, _: replace(read, extended_message=True),
        lambda capabilities: [b""] * capabilities.extended_message,
        0,
    ),
    GRACEFUL_RESTART: CapabilityRow(
        "graceful-restart",
        _read_graceful_restart,
        lambda capabilities: (
            [] if capabilities.graceful_restart is None else [capabilities.graceful_restart]
        ),
    ),
    FOUR_OCTET_AS: CapabilityRow(
        "4-octet-as",
        lambda read, value: replace(read, four_octet_as=int.from_bytes(value, "big")),
        lambda capabilities: (
            [] if capabilities.four_octet_as is None else [u32(capabilities.four_octet_as)]
        ),
        4,
    ),
    ENHANCED_ROUTE_REFRESH: CapabilityRow(
        "enhanced-route-refresh",
        lambda read, _: replace(read, enhanced_route_refresh=True),
        lambda capabilities: [b""] * capabilities.enhanced_route_refresh,
        0,
    ),
    FQDN: CapabilityRow("fqdn", _read_fqdn, _write_fqdn),
    SOFTWARE_VERSION: CapabilityRow(
        "software-version", _read_software_version, _write_software_version
    ),
}
