"""Address families: what one routing table holds (IANA AFI/SAFI, RFC 4760)."""

from enum import IntEnum

AFI_IPV4 = 1
AFI_IPV6 = 2
SAFI_UNICAST = 1
SAFI_MPLS_VPN = 128


class Family(IntEnum):
    """An AFI/SAFI pair; the value is ``afi << 8 | safi``, so members sort and hash as integers."""

    IPV4_UNICAST = AFI_IPV4 << 8 | SAFI_UNICAST
    IPV6_UNICAST = AFI_IPV6 << 8 | SAFI_UNICAST
    IPV4_VPN = AFI_IPV4 << 8 | SAFI_MPLS_VPN
    IPV6_VPN = AFI_IPV6 << 8 | SAFI_MPLS_VPN

    @property
    def afi(self) -> int:
        return self >> 8

    @property
    def safi(self) -> int:
        return self & 0xFF

    @property
    def address_octets(self) -> int:
        """Octets of a full address: 4 or 16."""
        return 4 if self >> 8 == AFI_IPV4 else 16

    @property
    def address_bits(self) -> int:
        """Bits of a full address: 32 or 128."""
        return self.address_octets * 8

    @property
    def config_name(self) -> str:
        """The name the configuration file and ``gobgp neighbor add family`` use."""
        return CONFIG_NAMES[self]


CONFIG_NAMES = {
    Family.IPV4_UNICAST: "ipv4-unicast",
    Family.IPV6_UNICAST: "ipv6-unicast",
    Family.IPV4_VPN: "l3vpn-ipv4-unicast",
    Family.IPV6_VPN: "l3vpn-ipv6-unicast",
}


def find_family(afi: int, safi: int) -> Family | None:
    """The family of an AFI/SAFI pair off the wire, or None when we do not speak it."""
    try:
        return Family(afi << 8 | safi)
    except ValueError:
        return None
