"""What a neighbor's configuration says of paths: limits, own AS numbers, the peer's AS number."""

from dataclasses import replace
from typing import Any

import pytest
import structlog

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.outgoing import Outgoing, write_outgoing
from gobgp_trio.bgp.update import UpdateDecoder, write_reach
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.config.schema import Neighbor, PrefixLimit
from gobgp_trio.daemon.speaker import SessionLink
from gobgp_trio.types.attributes import AS_SEQUENCE
from gobgp_trio.types.sending import PrivateAs
from tests.daemon.test_speaker import (
    FAMILIES,
    IPV4,
    IPV6,
    NET_A,
    UNSPECIFIED,
    Router,
    flat,
    make_negotiated,
    make_neighbor,
    take_all,
)

THEIRS = bytes((10, 0, 0, 1))


def announce_prefixes(
    router: Router, link: SessionLink, count: int, as_path: tuple[int, ...] = (64501,)
) -> None:
    """One UPDATE for each of the first ``count`` prefixes."""
    context = router.negotiated.context
    attributes = make_attributes(origin=0, next_hop=THEIRS, as_path=((AS_SEQUENCE, as_path),))
    octets = write_outgoing(attributes, Outgoing(context))
    for number in range(count):
        nlri = bytes((24, 10, 7, number))
        router.receive(link, write_reach(context, IPV4, octets, THEIRS, b"", [nlri]))


async def test_a_peer_that_announces_more_than_it_may_is_a_fault() -> None:
    router, other = Router(2, 64502), Router(1, 64501)
    link = router.up(other)
    link.neighbor = replace(link.neighbor, prefix_limits=(PrefixLimit(IPV4, 3, 67),))
    with structlog.testing.capture_logs() as lines:
        announce_prefixes(router, link, 2)
        assert lines == []
        announce_prefixes(router, link, 3)
        announce_prefixes(router, link, 3)
    assert [(line["event"], line["prefixes"], line["max_prefixes"]) for line in lines] == [
        ("the peer nears its prefix limit", 3, 3)
    ]
    with pytest.raises(PeerFault) as caught:
        announce_prefixes(router, link, 4)
    assert (caught.value.code, caught.value.subcode) == (6, 1)
    assert caught.value.data == bytes.fromhex("0001 01 00000003")
    assert str(caught.value.text) == "4 prefixes of ipv4-unicast, 3 allowed"
    link.neighbor = replace(link.neighbor, prefix_limits=(PrefixLimit(IPV4, 4),))
    link.check_limits()
    link.neighbor = replace(link.neighbor, prefix_limits=(PrefixLimit(IPV6, 1),))
    link.check_limits()


async def test_rejected_paths_count_against_the_limit() -> None:
    router, other = Router(2, 64502), Router(1, 64501)
    link = router.up(other)
    link.neighbor = replace(link.neighbor, prefix_limits=(PrefixLimit(IPV4, 1),))
    with pytest.raises(PeerFault):
        announce_prefixes(router, link, 2, as_path=(64501, 64502))
    assert flat(router.speaker.iterate_table(IPV4)) == []


@pytest.mark.parametrize(
    ("allowed", "global_as", "path", "reason"),
    [
        (0, 64502, (64501, 64502), "AS loop"),
        (1, 64502, (64501, 64502), ""),
        (1, 64502, (64501, 64502, 7, 64502), "AS loop"),
        (2, 64502, (64501, 64502, 7, 64502), ""),
        # the AS that we have elsewhere
        (0, 64999, (64501, 64999), "AS loop"),
        (0, 64998, (64501, 64999), ""),
        (1, 64999, (64501, 64999, 64502), ""),
        (1, 64999, (64501, 64999, 64999), "AS loop"),
    ],
)
async def test_own_as_in_a_path(
    allowed: int, global_as: int, path: tuple[int, ...], reason: str
) -> None:
    router = Router(2, 64502)
    router.speaker.global_as = global_as
    negotiated = make_negotiated(64502, 64501, router.address, THEIRS)
    neighbor = replace(make_neighbor(64502, 64501, "10.0.0.1"), allow_own_as=allowed)
    link = router.speaker.peer_up(neighbor, negotiated)
    router.negotiated = negotiated
    router.decoder = UpdateDecoder(negotiated.context, router.speaker.attribute_table)
    announce_prefixes(router, link, 1, as_path=path)
    ((_, (shown,)),) = flat(router.speaker.iterate_adj_in(link, IPV4))
    assert shown.rejected == reason


@pytest.mark.parametrize(
    ("changes", "peers_path"),
    [
        ({}, None),
        ({"allow_loop_local": True}, (64502, 64501, 65100)),
        ({"replace_peer_as": True}, (64502, 64502, 65100)),
        ({"replace_peer_as": True, "remove_private_as": PrivateAs.REMOVE}, (64502, 64502)),
    ],
)
async def test_a_path_with_the_peers_as_is_told_only_as_the_operator_says(
    changes: dict[str, Any], peers_path: tuple[int, ...] | None
) -> None:
    router = Router(2, 64502)
    negotiated = make_negotiated(64502, 64501, router.address, THEIRS)
    neighbor = Neighbor("10.0.0.1", 64501, 64502, FAMILIES, **changes)
    link = router.speaker.peer_up(neighbor, negotiated)
    looping = make_attributes(
        origin=0, next_hop=UNSPECIFIED, as_path=((AS_SEQUENCE, (64501, 65100)),)
    )
    router.speaker.add_local_path(IPV4, NET_A, looping)
    take_all(link)
    told = flat(router.speaker.iterate_adj_out(link, IPV4))
    paths = [path.attributes.as_path for _, (path,) in told]
    assert paths == ([] if peers_path is None else [((AS_SEQUENCE, peers_path),)])


async def test_a_path_of_another_peer_with_the_peers_as_is_never_told_as_it_is() -> None:
    router, teller = Router(2, 64502), Router(3, 64503)
    neighbor = Neighbor("10.0.0.1", 64501, 64502, FAMILIES, allow_loop_local=True)
    to_peer = router.speaker.peer_up(
        neighbor, make_negotiated(64502, 64501, router.address, THEIRS)
    )
    announce_prefixes(router, router.up(teller), 1, as_path=(64503, 64501))
    assert len(flat(router.speaker.iterate_table(IPV4))) == 1
    take_all(to_peer)
    assert flat(router.speaker.iterate_adj_out(to_peer, IPV4)) == []
