"""Which prefixes a request means: exact, longer, shorter, or the one that a host falls under."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.method import RpcError
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path
from gobgp_trio.types.prefix import (
    address_of_nlri,
    nlri_of_address,
    parse_address,
    parse_prefix,
    unicast_family,
)

Find = Callable[[bytes], tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One prefix of a request.

    Attributes:
        nlri: the prefix; a host's has its full length.
        is_host: the request named an address, not a prefix.
    """

    kind: pb.TableLookupPrefixType
    family: Family
    nlri: bytes
    is_host: bool

    @property
    def covering(self) -> list[bytes]:
        """The prefix and all that cover it, longest first."""
        address = address_of_nlri(self.nlri, self.family.address_octets)
        return [nlri_of_address(address, bits) for bits in range(self.nlri[0], -1, -1)]

    def covers(self, nlri: bytes) -> bool:
        """Whether a prefix is this one or under it."""
        bits = self.nlri[0]
        if nlri[0] < bits:
            return False
        whole, rest = divmod(bits, 8)
        if nlri[1 : 1 + whole] != self.nlri[1 : 1 + whole]:
            return False
        return not rest or (nlri[1 + whole] ^ self.nlri[1 + whole]) >> (8 - rest) == 0


def read_lookups(prefixes: Iterable[pb.TableLookupPrefix], family: Family) -> list[Lookup]:
    """The prefixes of a request.

    Raises:
        RpcError: one is no prefix or address, or of another family.
    """
    return [_read_lookup(prefix, family) for prefix in prefixes]


def _read_lookup(prefix: pb.TableLookupPrefix, family: Family) -> Lookup:
    is_host = "/" not in prefix.prefix
    try:
        if is_host:
            address = parse_address(prefix.prefix)
            found, nlri = unicast_family(len(address)), bytes((len(address) * 8,)) + address
        else:
            found, nlri = parse_prefix(prefix.prefix)
    except ValueError as error:
        raise RpcError(str(error)) from None
    if found is not family:
        raise RpcError(f"{prefix.prefix} is no prefix of {family.config_name}")
    return Lookup(pb.TableLookupPrefixType(int(prefix.type)), found, nlri, is_host)


def find_few(lookup: Lookup, find: Find) -> Iterator[bytes]:
    """Prefixes that a lookup other than LONGER means and that have paths."""
    if lookup.kind == pb.TableLookupPrefixType.TYPE_SHORTER:
        yield from (nlri for nlri in lookup.covering if find(nlri))
        return
    candidates = lookup.covering if lookup.is_host else [lookup.nlri]
    longest = next((nlri for nlri in candidates if find(nlri)), None)
    if longest is not None:
        yield longest
