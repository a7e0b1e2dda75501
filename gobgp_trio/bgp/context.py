"""What a session negotiated, as far as reading and writing UPDATEs depends on it.

The codec gets this frozen value, never the live session: a decoder's answer depends on octets and
this alone.
"""

from dataclasses import dataclass

from gobgp_trio.types.family import Family

# RFC 4271 section 4.1, and RFC 8654 section 3 for peers that both announced extended messages.
MAX_MESSAGE_OCTETS = 4096
MAX_EXTENDED_MESSAGE_OCTETS = 65535


@dataclass(frozen=True, slots=True)
class CodecContext:
    """One session's negotiated terms.

    Attributes:
        four_octet_as: both sides announced 4-octet AS numbers (RFC 6793).
        is_ebgp: the peer is in another AS, so attributes that are internal are not believed.
        local_as: our AS number in this session.
        families: what both sides announced; an UPDATE for another family is ignored.
        max_message_octets: of a whole UPDATE, header included.
        extended_next_hop: families whose next hop may be IPv6 although they are IPv4 (RFC 8950).
    """

    four_octet_as: bool
    is_ebgp: bool
    local_as: int
    families: frozenset[Family]
    max_message_octets: int = MAX_MESSAGE_OCTETS
    extended_next_hop: frozenset[Family] = frozenset()
