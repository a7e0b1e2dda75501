"""What is stale at the end of a route refresh."""

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.rib.adj_in import LoopCheck
from gobgp_trio.rib.renewal import Renewal
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Source, SourceKind

IPV4 = Family.IPV4_UNICAST
PEER = Source(SourceKind.PEER, "10.0.0.2", is_ebgp=True, peer_as=64502)
USUAL = make_attributes(origin=0, next_hop=b"\x0a\0\0\2", as_path=((2, (64502,)),))
LOOPING = make_attributes(origin=0, next_hop=b"\x0a\0\0\2", as_path=((2, (64502, 64500)),))


def nets(*numbers: int) -> list[bytes]:
    return [b"\x18" + number.to_bytes(3, "big") for number in numbers]


def make_rib() -> Rib:
    rib = Rib([IPV4])
    check = LoopCheck(64500, b"\x0a\0\0\1", frozenset((b"\x0a\0\0\1",)))
    rib.add_source(PEER, check)
    return rib


def list_stale(renewal: Renewal) -> list[bytes]:
    return sorted(nlri for stale in renewal.stale_slices() for nlri in stale)


def test_what_was_not_announced_again_is_stale() -> None:
    rib = make_rib()
    rib.announce(PEER, IPV4, USUAL, nets(1, 2, 3), 1.0)
    rib.announce(PEER, IPV4, LOOPING, nets(4, 5), 1.0)
    renewal = Renewal(rib.adj_in(PEER, IPV4))
    renewal.note(nets(2, 5))
    assert list_stale(renewal) == nets(1, 3, 4)


def test_what_comes_during_the_sweep_is_not_stale() -> None:
    rib = make_rib()
    rib.announce(PEER, IPV4, USUAL, nets(*range(5000)), 1.0)
    renewal = Renewal(rib.adj_in(PEER, IPV4))
    slices = renewal.stale_slices()
    first = next(slices)
    rest = [nlri for nlri in nets(*range(5000)) if nlri not in first]
    renewal.note(rest)
    rib.announce(PEER, IPV4, USUAL, nets(9000), 2.0)
    renewal.note(nets(9000))
    assert [nlri for stale in slices for nlri in stale] == []
