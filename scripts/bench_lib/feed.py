"""A routing table for measuring: prefixes and attributes as on the Internet, encoded beforehand.

Sending must not be the bottleneck, so the whole table is one string of octets before anybody
connects.  Lengths of prefixes follow public tables (RouteViews 2014 for IPv4, 2015 for IPv6); a set
of attributes is shared by four neighbouring prefixes on average, as one peer's table shows there.
The same seed gives the same octets.
"""

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

MARKER = b"\xff" * 16
HEADER_OCTETS = 19
MESSAGE_OCTETS_MAX = 4096
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4

# Prefix length -> share in percent.
IPV4_LENGTHS = {
    12: 0.1, 14: 0.2, 15: 0.4, 16: 2.5, 17: 1.4, 18: 2.3, 19: 4.9, 20: 7.0, 21: 7.3, 22: 11.3,
    23: 9.2, 24: 53.0,
}  # fmt: skip
IPV6_LENGTHS = {29: 4, 32: 34, 36: 5, 40: 6, 44: 6, 46: 2, 48: 43}

# First octets with nothing but public unicast space behind them.
IPV4_FIRST_OCTETS = tuple(
    octet for octet in range(1, 224) if octet not in {10, 100, 127, 169, 172, 192, 198, 203}
)
IPV6_FIRST_OCTET = 0x2A

AS_HOPS = ((1, 2, 3, 4, 5, 6), (12, 32, 30, 15, 7, 4))
ORIGINS = ((0, 1, 2), (85, 1, 14))


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What table to make.

    Attributes:
        family: 4 or 6.
        first_as: the AS that sends it, first in every path.
        next_hop: its address, text.
        set_routes: routes that share one attribute set, on average.
    """

    routes: int
    family: int
    first_as: int
    next_hop: str
    seed: int = 1
    set_routes: float = 4.0


@dataclass(frozen=True, slots=True)
class Feed:
    """An encoded table: whole messages, to be sent as they are."""

    options: FeedOptions
    announce: bytes
    withdraw: bytes
    end_of_rib: bytes
    updates: int


def make_feed(options: FeedOptions) -> Feed:
    """Encode a table."""
    rng = random.Random(options.seed)
    groups = make_groups(make_nlris(options.routes, options.family, rng), options.set_routes, rng)
    messages = [encode_announcement(options, group, rng) for group in groups]
    nlris = [nlri for group in groups for nlri in group]
    return Feed(
        options,
        announce=b"".join(messages),
        withdraw=b"".join(encode_withdrawals(options.family, nlris)),
        end_of_rib=encode_end_of_rib(options.family),
        updates=len(messages),
    )


def make_nlris(count: int, family: int, rng: random.Random) -> list[bytes]:
    """Different prefixes, sorted by address: length (1 octet, in bits), then as many as needed."""
    lengths = IPV4_LENGTHS if family == 4 else IPV6_LENGTHS
    choices, shares = list(lengths), list(lengths.values())
    found: set[bytes] = set()
    while len(found) < count:
        wanted = count - len(found)
        for length in rng.choices(choices, shares, k=wanted):
            found.add(_random_nlri(length, family, rng))
    return sorted(found, key=lambda nlri: (nlri[1:], nlri[0]))


def _random_nlri(length: int, family: int, rng: random.Random) -> bytes:
    first = rng.choice(IPV4_FIRST_OCTETS) if family == 4 else IPV6_FIRST_OCTET
    octets_count = (length + 7) // 8
    rest_bits = length - 8
    rest = rng.getrandbits(rest_bits) << (8 * (octets_count - 1) - rest_bits)
    return bytes((length, first)) + rest.to_bytes(octets_count - 1, "big")


def make_groups(nlris: Sequence[bytes], set_routes: float, rng: random.Random) -> list[list[bytes]]:
    """Neighbouring prefixes that share attributes, the groups in random order."""
    groups, at = [], 0
    while at < len(nlris):
        size = 1 if set_routes <= 1 else min(1 + int(rng.expovariate(1 / (set_routes - 0.5))), 150)
        groups.append(list(nlris[at : at + size]))
        at += size
    rng.shuffle(groups)
    return groups


def encode_announcement(options: FeedOptions, group: Sequence[bytes], rng: random.Random) -> bytes:
    """One UPDATE for a group with random attributes."""
    hop = ip_address(options.next_hop).packed
    attributes = random_attributes(options.first_as, rng)
    nlri = b"".join(group)
    if options.family == 4:
        attributes[3] = (0x40, hop)
        return encode_update(b"", attributes, nlri)
    attributes[14] = (0x80, struct.pack("!HBB", 2, 1, len(hop)) + hop + b"\0" + nlri)
    return encode_update(b"", attributes, b"")


def random_attributes(first_as: int, rng: random.Random) -> dict[int, tuple[int, bytes]]:
    """Type code -> (flags, value), without a next hop."""
    hops = [first_as]
    for _ in range(rng.choices(*AS_HOPS)[0]):
        is_old = rng.random() < 0.7
        hops.append(rng.randrange(1000, 64000) if is_old else rng.randrange(131072, 401308))
    path = struct.pack(f"!BB{len(hops)}I", 2, len(hops), *hops)
    found = {1: (0x40, bytes(rng.choices(*ORIGINS))), 2: (0x40, path)}
    if rng.random() < 0.3:
        found[4] = (0x80, struct.pack("!I", rng.randrange(1000)))
    if rng.random() < 0.65:
        owner = (hops[1] & 0xFFFF) << 16
        values = sorted({owner | rng.randrange(1, 3000) for _ in range(rng.randrange(1, 9))})
        found[8] = (0xC0, struct.pack(f"!{len(values)}I", *values))
    if rng.random() < 0.1:
        large = struct.pack("!III", hops[-1], rng.randrange(10), rng.randrange(1000))
        found[32] = (0xC0, large)
    return found


def encode_withdrawals(family: int, nlris: Sequence[bytes]) -> list[bytes]:
    """UPDATEs that withdraw these prefixes, each as full as it may be."""
    room = MESSAGE_OCTETS_MAX - HEADER_OCTETS - 20
    messages: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for nlri in nlris:
        if size + len(nlri) > room:
            messages.append(_encode_withdrawal(family, b"".join(batch)))
            batch, size = [], 0
        batch.append(nlri)
        size += len(nlri)
    if batch:
        messages.append(_encode_withdrawal(family, b"".join(batch)))
    return messages


def _encode_withdrawal(family: int, nlri: bytes) -> bytes:
    if family == 4:
        return encode_update(nlri, {}, b"")
    return encode_update(b"", {15: (0x80, struct.pack("!HB", 2, 1) + nlri)}, b"")


def encode_end_of_rib(family: int) -> bytes:
    """The UPDATE that says: that was all (RFC 4724 section 2)."""
    return _encode_withdrawal(family, b"")


def encode_update(withdrawn: bytes, attributes: dict[int, tuple[int, bytes]], nlri: bytes) -> bytes:
    """One UPDATE (RFC 4271 section 4.3), attributes in the order of their codes.

    Wire: header (19), length of withdrawn (2), withdrawn, length of attributes (2), each attribute
    as flags (1), code (1), length (1, or 2 with the extended flag 0x10) and value, then NLRIs.
    """
    encoded = b"".join(
        struct.pack("!BBH", flags | 0x10, code, len(value)) + value
        if len(value) > 255
        else struct.pack("!BBB", flags, code, len(value)) + value
        for code, (flags, value) in sorted(attributes.items())
    )
    lengths = struct.pack("!H", len(withdrawn)), struct.pack("!H", len(encoded))
    return encode_message(UPDATE, lengths[0] + withdrawn + lengths[1] + encoded + nlri)


def encode_message(kind: int, body: bytes = b"") -> bytes:
    """Marker (16 octets of ones), length (2), type (1), body."""
    return MARKER + struct.pack("!HB", HEADER_OCTETS + len(body), kind) + body


def encode_open(asn: int, hold_time_s: int, router_id: str, family: int) -> bytes:
    """OPEN with one unicast family, route refresh and 4-octet AS numbers."""
    afi = 1 if family == 4 else 2
    capabilities = struct.pack("!BBHBB", 1, 4, afi, 0, 1) + b"\x02\x00"
    capabilities += struct.pack("!BBI", 65, 4, asn)
    parameters = struct.pack("!BB", 2, len(capabilities)) + capabilities
    head = struct.pack("!BHH", 4, min(asn, 23456) if asn > 65535 else asn, hold_time_s)
    router = ip_address(router_id).packed
    return encode_message(OPEN, head + router + bytes((len(parameters),)) + parameters)
