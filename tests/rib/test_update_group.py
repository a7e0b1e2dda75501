"""What sessions of one kind share, and what they do not."""

import gc

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.context import CodecContext
from gobgp_trio.rib.adj_out import JOIN_CHANGES, AdjOut
from gobgp_trio.rib.advertise import Audience, SelfNextHops
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rib.update_group import MAX_KEPT, UpdateGroup, UpdateGroups
from gobgp_trio.types.attributes import AS_SEQUENCE
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path, Source, SourceKind

IPV4 = Family.IPV4_UNICAST
OURS = SelfNextHops(bytes((10, 0, 0, 1)))
FEEDER = Source(SourceKind.PEER, "10.0.0.9", is_ebgp=True)


def make_audience(number: int, *, is_ebgp: bool = True) -> Audience:
    context = CodecContext(True, is_ebgp, 64500, frozenset((IPV4,)))
    return Audience(context, f"10.0.0.{number}", bytes((10, 0, 0, number)), OURS)


def make_path(next_hop: int = 9, as_: int = 64501) -> Path:
    attributes = make_attributes(
        origin=0, next_hop=bytes((10, 0, 0, next_hop)), as_path=((AS_SEQUENCE, (as_,)),)
    )
    return Path(FEEDER, attributes, 1.0)


def drain(out: AdjOut) -> list[bytes]:
    messages: list[bytes] = []
    while out.has_work:
        messages += out.take(65536)
    return messages


def test_what_one_session_is_told_is_worked_out_once() -> None:
    group, path = UpdateGroup(), make_path()
    first = group.announce(path, IPV4, make_audience(2))

    assert first.octets == bytes.fromhex("40010100 40020a 0202 0000fbf4 0000fbf5")
    assert group.announce(path, IPV4, make_audience(3)) is first


def test_a_next_hop_that_is_one_of_the_peers_is_not_shared() -> None:
    """Whoever is asked first: the peer itself gets our address, the others the path's own."""
    path = make_path(next_hop=2)
    for order in ((2, 3, 2), (3, 2, 3)):
        group = UpdateGroup()
        for number in order:
            told = group.announce(path, IPV4, make_audience(number, is_ebgp=False))
            assert told.next_hop == (OURS.ipv4 if number == 2 else bytes((10, 0, 0, 2)))


def test_what_is_kept_is_bounded() -> None:
    group, audience = UpdateGroup(), make_audience(2)
    paths = [make_path(as_=number + 1) for number in range(MAX_KEPT + 1)]
    told = [group.announce(path, IPV4, audience) for path in paths]

    assert group.announce(paths[-1], IPV4, audience) is told[-1]
    assert group.announce(paths[0], IPV4, audience) == told[0]
    assert group.announce(paths[0], IPV4, audience) is not told[0]


def test_a_group_lives_as_long_as_its_sessions() -> None:
    groups = UpdateGroups()
    shared = [groups.find(make_audience(2)), groups.find(make_audience(3))]
    internal = groups.find(make_audience(4, is_ebgp=False))

    assert shared[0] is shared[1]
    assert internal is not shared[0]
    counts = [len(groups)]
    shared.clear()
    gc.collect()
    counts.append(len(groups))
    assert counts == [2, 1]


def test_sessions_of_a_group_send_the_same() -> None:
    rib = Rib([IPV4])
    rib.add_source(FEEDER)
    groups = UpdateGroups()
    outs = []
    for number in (2, 3):
        audience = make_audience(number)
        outs.append(AdjOut(audience, rib.tables, [IPV4], lambda: None, group=groups.find(audience)))
        rib.subscribe(outs[-1].on_changes)
    for number in range(3):
        attributes = make_path(as_=64510 + number).attributes
        rib.announce(FEEDER, IPV4, attributes, [bytes((24, 10, number, 1))], 1.0)
    sent: list[list[bytes]] = [[], []]
    while any(out.has_work for out in outs):
        for messages, out in zip(sent, outs, strict=True):
            messages += out.take(65536)

    assert len(sent[0]) == 4  # and End-of-RIB
    assert sent[0] == sent[1]


def test_changes_of_a_peer_that_does_not_read_stay_as_few_as_the_prefixes() -> None:
    rib = Rib([IPV4])
    rib.add_source(FEEDER)
    out = AdjOut(make_audience(2), rib.tables, [IPV4], lambda: None)
    drain(out)
    rib.subscribe(out.on_changes)
    nlris = [bytes((24, 10, number >> 8, number & 255)) for number in range(1000)]
    rounds = 3 * JOIN_CHANGES // 1000
    for number in range(rounds):
        rib.announce(FEEDER, IPV4, make_path(as_=number + 1).attributes, nlris, 1.0)

    assert out.waiting_count <= JOIN_CHANGES
    messages = drain(out)
    joined = b"".join(messages)
    assert joined.count((rounds).to_bytes(4, "big")) == 1  # the last one's AS, in one UPDATE
    assert len(messages) == 1
