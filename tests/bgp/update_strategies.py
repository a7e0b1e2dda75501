"""UPDATEs for tests: made by hand field by field, and drawn by hypothesis."""

from hypothesis import strategies as st

from gobgp_trio.bgp.attr import write_attribute
from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.context import MAX_MESSAGE_OCTETS, CodecContext
from gobgp_trio.bgp.update import Update, UpdateDecoder
from gobgp_trio.bgp.wire import PeerFault, u16
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST


def make_context(
    *,
    is_ebgp: bool = True,
    four_octet_as: bool = True,
    families: frozenset[Family] = frozenset((V4, V6)),
    max_message_octets: int = MAX_MESSAGE_OCTETS,
    extended_next_hop: frozenset[Family] = frozenset(),
) -> CodecContext:
    return CodecContext(
        four_octet_as, is_ebgp, 65000, families, max_message_octets, extended_next_hop
    )


def read_update(
    body: bytes, context: CodecContext, table: AttributeTable | None = None
) -> Update | PeerFault:
    """The UPDATE, or the fault that ends the session."""
    try:
        return UpdateDecoder(context, AttributeTable() if table is None else table).read(body)
    except PeerFault as fault:
        return fault


def write_update(*, withdrawn: bytes = b"", attributes: bytes = b"", nlri: bytes = b"") -> bytes:
    """An UPDATE's body from its fields."""
    return u16(len(withdrawn)) + withdrawn + u16(len(attributes)) + attributes + nlri


def find_fields(attributes: PathAttributes) -> tuple[object, ...]:
    """What makes two attribute sets equal."""
    return (
        attributes.wire,
        attributes.next_hop,
        attributes.link_local,
        attributes.origin,
        attributes.local_pref,
        attributes.med,
        attributes.as_path_length,
        attributes.neighbor_as,
    )


def _octets(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


def _lists_of(octets_count: int) -> st.SearchStrategy[bytes]:
    return st.lists(_octets(octets_count), min_size=1, max_size=3).map(b"".join)


as_numbers = st.sampled_from((1, 255, 23456, 65001, 65536, 200000, 0x00010000, 0x01000000))
as_paths = st.lists(as_numbers, min_size=1, max_size=4).map(
    lambda numbers: bytes((2, len(numbers))) + b"".join(n.to_bytes(4, "big") for n in numbers)
)
next_hops = st.sampled_from((b"\xc0\0\2\1", b"\x0a\0\0\1"))

# Type code to usual flags and a strategy of usual values, in type order.
USUAL: dict[int, tuple[int, st.SearchStrategy[bytes]]] = {
    1: (0x40, st.sampled_from((b"\0", b"\1", b"\2"))),
    2: (0x40, as_paths | st.just(b"")),
    3: (0x40, next_hops),
    4: (0x80, _octets(4)),
    5: (0x40, _octets(4)),
    6: (0x40, st.just(b"")),
    7: (0xC0, st.tuples(as_numbers, next_hops).map(lambda t: t[0].to_bytes(4, "big") + t[1])),
    8: (0xC0, _lists_of(4)),
    9: (0x80, _octets(4)),
    10: (0x80, _lists_of(4)),
    16: (0xC0, _lists_of(8)),
    17: (0xC0, as_paths),
    18: (0xC0, _octets(8)),
    32: (0xC0, _lists_of(12)),
    99: (0xC0, st.binary(max_size=5)),
}


@st.composite
def _usual_blocks(draw: st.DrawFn) -> bytes:
    """Mandatory attributes and some others, all of them right, in order."""
    external = [code for code in USUAL if code not in (5, 9, 10, 17, 18)]
    codes = sorted({1, 2, 3, *draw(st.lists(st.sampled_from(external), max_size=4))})
    return b"".join(write_attribute(USUAL[code][0], code, draw(USUAL[code][1])) for code in codes)


@st.composite
def _attribute_blocks(draw: st.DrawFn) -> bytes:
    """Attributes in any order, any of which may be wrong in flags, length or value."""
    pieces = []
    for code in draw(st.lists(st.sampled_from(sorted(USUAL)) | st.integers(0, 255), max_size=7)):
        usual_flags, usual_values = USUAL.get(code, (0x80, st.binary(max_size=8)))
        flags = draw(st.just(usual_flags) | st.sampled_from((0x00, 0x40, 0x80, 0xC0, 0xE0)))
        value = draw(usual_values | st.binary(max_size=12))
        piece = write_attribute(flags, code, value)
        if draw(st.booleans()) and draw(st.booleans()):
            piece = bytes((flags | 0x10, code)) + u16(len(value)) + value
        pieces.append(piece)
    return b"".join(pieces)


usual_blocks = _usual_blocks()
attribute_blocks = _attribute_blocks()


@st.composite
def _prefixes(draw: st.DrawFn, address_bits: int) -> bytes:
    bits = draw(st.integers(0, address_bits))
    octets = bytearray(draw(_octets((bits + 7) // 8)))
    if bits % 8:
        octets[-1] &= 0xFF << (8 - bits % 8) & 0xFF
    return bytes((bits,)) + octets


def nlri_lists(address_bits: int) -> st.SearchStrategy[list[bytes]]:
    """NLRI keys as the tables have them."""
    return st.lists(_prefixes(address_bits), min_size=1, max_size=6)


def labelled_lists(address_bits: int) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """VPN routes as (labels, key); the last label alone has the bit of the bottom."""
    label = st.integers(1, (1 << 20) - 1).filter(lambda value: value != 0x80000)
    labels = st.lists(label, min_size=1, max_size=3).map(
        lambda values: b"".join(
            (value << 4 | (at == len(values) - 1)).to_bytes(3, "big")
            for at, value in enumerate(values)
        )
    )
    key = st.builds(bytes.__add__, st.binary(min_size=8, max_size=8), _prefixes(address_bits))
    room_bits = 255 - 8 * 8 - address_bits  # of the length octet, for labels
    routes = st.tuples(labels, key).filter(lambda route: 8 * len(route[0]) <= room_bits)
    return st.lists(routes, min_size=1, max_size=4)
