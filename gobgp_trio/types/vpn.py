"""Route distinguishers, and the keys of VPN routes (RFC 4364 section 4, RFC 4659).

A VPN key is ``route distinguisher (8 octets) + unicast key``: the labels that stand in front of it
on the wire say how packets are sent, not which route it is.  What comes behind the distinguisher is
the key of the same prefix in a VRF's tables, so changing between the two is slicing.
"""

from gobgp_trio.types.assigned import format_assigned, parse_assigned
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_prefix

RD_OCTETS = 8

UNICAST_OF = {Family.IPV4_VPN: Family.IPV4_UNICAST, Family.IPV6_VPN: Family.IPV6_UNICAST}
VPN_OF = {unicast: vpn for vpn, unicast in UNICAST_OF.items()}


def parse_rd(text: str) -> bytes:
    """Read a route distinguisher into its 8 octets: type (2), value (6, see ``types.assigned``).

    Raises:
        ValueError: the text is none; the message says wanted and found.
    """
    found = parse_assigned(text)
    if found is None:
        raise ValueError(
            "wanted a route distinguisher like 65000:100, 10.0.0.1:100 or 70000:100 (the number "
            f"after a 4-octet AS or an address is at most 65535), found {text!r}"
        )
    kind, value = found
    return kind.to_bytes(2, "big") + value


def format_rd(octets: bytes) -> str:
    """Text of a route distinguisher; of a type nobody knows ``"3:0102030405ff"``."""
    kind = int.from_bytes(octets[:2], "big")
    return format_assigned(kind, octets[2:]) or f"{kind}:{octets[2:].hex()}"


def format_route(family: Family, nlri: bytes) -> str:
    """Text of a key of any family: ``"10.0.0.0/8"``, or ``"65000:100:10.0.0.0/8"`` in a VPN."""
    unicast = UNICAST_OF.get(family)
    if unicast is None:
        return format_prefix(family, nlri)
    return f"{format_rd(nlri[:RD_OCTETS])}:{format_prefix(unicast, nlri[RD_OCTETS:])}"
