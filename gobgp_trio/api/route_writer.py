"""ListPath and ListNetlinkExport answers as octets, put together from pieces that repeat.

Of a path's octets only the prefix is its own; the attributes are those of its ``PathAttributes``
and the rest (age, neighbor, flags) those of its ``Path``, both shared by many routes.  A writer
keeps these pieces while one stream lasts.  The tests hold its octets equal to betterproto's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat

from gobgp_trio.api.attribute_writer import (
    AttributeOctets,
    format_octets,
    write_attributes,
    write_binary_attributes,
    write_family,
)
from gobgp_trio.api.wire import (
    field_int64,
    field_number,
    field_octets,
    field_text,
    frame_message,
    write_varint,
)
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

# Pieces kept at most; a stream over more attribute sets than that starts afresh.
MAX_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class PathOptions:
    """What a ListPath request asks for besides the routes.

    Attributes:
        shows_best: mark the first path of each destination.
        shows_filtered: mark paths that take no part in the decision.
        nlri_binary, attribute_binary: add the wire octets.
        only_binary: leave the readable NLRI and attributes out.
        explain: why each of a destination's paths stands where it does.
    """

    shows_best: bool = True
    shows_filtered: bool = False
    nlri_binary: bool = False
    attribute_binary: bool = False
    only_binary: bool = False
    explain: Callable[[Sequence[Path]], Sequence[str]] | None = None


# Field 1 of an ``api.IPAddressPrefix`` for each length, with the tag of field 2 behind it.
_PREFIX_HEADS = tuple(field_number(1, bits) + b"\x12" for bits in range(129))
_BITS_TEXT = tuple(f"/{bits}".encode() for bits in range(129))


def write_prefix(nlri: bytes, address_octets: int) -> tuple[bytes, bytes]:
    """A unicast NLRI key as text and as content of an ``api.NLRI``."""
    bits = nlri[0]
    address = format_octets(nlri[1:].ljust(address_octets, b"\0")).encode()
    prefix = _PREFIX_HEADS[bits] + write_varint(len(address)) + address
    return address + _BITS_TEXT[bits], b"\x0a" + write_varint(len(prefix)) + prefix


def _write_ipv4(nlri: bytes) -> tuple[bytes, bytes]:
    return write_prefix(nlri, 4)


def _write_ipv6(nlri: bytes) -> tuple[bytes, bytes]:
    return write_prefix(nlri, 16)


NLRI_WRITERS: dict[Family, Callable[[bytes], tuple[bytes, bytes]]] = {
    Family.IPV4_UNICAST: _write_ipv4,
    Family.IPV6_UNICAST: _write_ipv6,
}


class DestinationWriter:
    """Writes the messages of one ListPath stream.

    Raises:
        KeyError: (when made) routes of this family cannot be written.
    """

    def __init__(self, family: Family, options: PathOptions) -> None:
        self.family = family
        self.options = options
        self._write_nlri = NLRI_WRITERS[family]
        self._family_octets = field_octets(9, write_family(family))
        self._has_binary = options.nlri_binary or options.attribute_binary or options.only_binary
        self._attributes: dict[PathAttributes, AttributeOctets] = {}
        self._details: dict[tuple[Path, bool, str], bytes] = {}

    def write(self, nlri: bytes, paths: Sequence[Path]) -> bytes:
        """One framed ``ListPathResponse``: a destination with its paths, best first."""
        text, nlri_content = self._write_nlri(nlri)
        is_best = self.options.shows_best
        destination = b"\x0a" + write_varint(len(text)) + text
        explain = self.options.explain
        reasons = explain(paths) if explain is not None else repeat("")
        for path, reason in zip(paths, reasons, strict=False):
            content = self._write_path(nlri, nlri_content, path, is_best, reason)
            destination += b"\x12" + write_varint(len(content)) + content
            is_best = False
        size = write_varint(len(destination))
        head = (1 + len(size) + len(destination)).to_bytes(5, "big")  # not compressed, length
        return head + b"\x0a" + size + destination

    def _write_path(
        self, nlri: bytes, nlri_content: bytes, path: Path, is_best: bool, reason: str
    ) -> bytes:
        key = path, is_best, reason
        details = self._details.get(key)
        if details is None:
            if len(self._details) >= MAX_KEPT:
                self._details.clear()
            details = self._details[key] = self._write_details(path, is_best, reason)
        if self._has_binary:
            rest = _write_end(path.source, reason)
            return self._write_binary_path(nlri, nlri_content, path, details) + rest
        kept = self._attributes.get(path.attributes) or self._attributes_of(path.attributes)
        attributes = kept.before if kept.mp_reach is None else kept.with_nlri(nlri_content)
        return b"\x0a" + write_varint(len(nlri_content)) + nlri_content + attributes + details

    def _write_binary_path(
        self, nlri: bytes, nlri_content: bytes, path: Path, details: bytes
    ) -> bytes:
        """The form with wire octets, up to the fields of ``_write_end``."""
        options = self.options
        readable = b""
        if not options.only_binary:
            attributes = self._attributes_of(path.attributes)
            readable = field_octets(1, nlri_content) + attributes.with_nlri(nlri_content)
        binary = field_octets(20, nlri) if options.nlri_binary or options.only_binary else b""
        if options.attribute_binary or options.only_binary:
            binary += write_binary_attributes(path.attributes, self.family, nlri)
        return readable + details + binary

    def _attributes_of(self, attributes: PathAttributes) -> AttributeOctets:
        kept = self._attributes.get(attributes)
        if kept is None:
            if len(self._attributes) >= MAX_KEPT:
                self._attributes.clear()
            kept = self._attributes[attributes] = write_attributes(attributes, self.family)
        return kept

    def _write_details(self, path: Path, is_best: bool, reason: str) -> bytes:
        """The fields of ``api.Path`` behind the attributes: age, best, family, source..."""
        seconds, microseconds = divmod(round(path.received_s * 1_000_000), 1_000_000)
        age = field_int64(1, seconds) + field_int64(2, microseconds * 1000)
        options = self.options
        is_filtered = bool(path.rejected) and options.shows_filtered
        source = path.source
        return b"".join(
            (
                field_octets(3, age),
                field_number(4, is_best),
                self._family_octets,
                field_number(10, source.peer_as),
                field_text(11, format_octets(source.router_id)) if source.peer_as else b"",
                field_number(12, is_filtered),
                field_number(14, source.kind is SourceKind.NETLINK),
                field_text(15, format_octets(source.address)) if source.address else b"",
                b"" if self._has_binary else _write_end(source, reason),
            )
        )


def _write_end(source: Source, reason: str) -> bytes:
    """``Path.netlink``, for interfaces' networks only, and ``Path.decision``."""
    decision = field_text(201, reason)
    if source.kind is not SourceKind.NETLINK:
        return decision
    return field_octets(200, field_number(1, 1) + field_text(2, source.name)) + decision


@dataclass(frozen=True, slots=True)
class ExportedGroup:
    """What kernel routes have in common that were installed alike.

    Attributes:
        next_hops: the BGP next hops as text, sorted.
        vrf: Linux VRF, "" for none.
        metric: RTA_PRIORITY as the kernel has it.
        exported_at_s: seconds since the epoch.
    """

    next_hops: tuple[str, ...]
    vrf: str
    table_id: int
    metric: int
    rule_name: str
    exported_at_s: int


class ExportedRouteWriter:
    """Writes the messages of one ListNetlinkExport stream."""

    def __init__(self) -> None:
        self._kept: dict[ExportedGroup, bytes] = {}

    def write(self, nlri: bytes, address_octets: int, group: ExportedGroup) -> bytes:
        """One framed ``ListNetlinkExportResponse`` of a unicast prefix."""
        address = format_octets(nlri[1:].ljust(address_octets, b"\0"))
        details = self._kept.get(group)
        if details is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            details = self._kept[group] = _write_group(group)
        route = field_text(1, f"{address}/{nlri[0]}") + details
        return frame_message(field_octets(1, route))


def _write_group(group: ExportedGroup) -> bytes:
    only = group.next_hops[0] if len(group.next_hops) == 1 else ""
    return b"".join(
        (
            field_text(2, only),
            field_text(3, group.vrf),
            field_int64(4, group.table_id),
            field_number(5, group.metric),
            field_text(6, group.rule_name),
            field_int64(7, group.exported_at_s),
            *(field_text(8, next_hop) for next_hop in group.next_hops),
        )
    )
