"""Soft resets, other selection options and clusters, on a speaker with sessions in memory."""

from dataclasses import replace

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.session.negotiate import Endpoints, SessionSettings, make_open, negotiate
from gobgp_trio.bgp.update import Update
from gobgp_trio.config.schema import Neighbor, SelectionOptions
from gobgp_trio.daemon.session_place import SessionPlace
from gobgp_trio.daemon.speaker import SessionLink, Speaker
from gobgp_trio.rib.adj_in import REJECTED_CLUSTER_LOOP
from gobgp_trio.rib.advertise import SelfNextHops
from gobgp_trio.rib.rib import Rib
from gobgp_trio.types.attributes import AS_SEQUENCE, CLUSTER_LIST, FLAG_OPTIONAL
from gobgp_trio.types.family import Family

IPV4, IPV6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
NET_A = bytes.fromhex("18 0a0101")
OURS = bytes((10, 0, 0, 1))
CLUSTER = bytes((10, 9, 9, 9))
LOCAL_AS = 64500


class Scene:
    """A speaker; its sessions have internal peers unless told otherwise."""

    def __init__(self) -> None:
        self.speaker = Speaker(Rib([IPV4, IPV6]), router_id=OURS, wall_clock_s=lambda: 1.0)

    def up(self, number: int, peer_as: int = LOCAL_AS, **keys: object) -> SessionLink:
        address = bytes((10, 0, 0, number))
        families = (IPV4, IPV6)
        ours = SessionSettings(LOCAL_AS, peer_as, OURS, families)
        theirs = SessionSettings(peer_as, LOCAL_AS, address, families)
        negotiated = negotiate(ours, Endpoints(OURS, address), make_open(theirs), is_outbound=True)
        neighbor = Neighbor(f"10.0.0.{number}", peer_as, LOCAL_AS, families)
        return self.speaker.peer_up(replace(neighbor, **keys), negotiated)  # type: ignore[arg-type]  # the tests' own


def announce(link: SessionLink, *, med: int = 0, length: int = 1, cluster: bytes = b"") -> None:
    attributes = make_attributes(
        origin=0,
        next_hop=link.source.address,
        as_path=((AS_SEQUENCE, (64501,) * length),),
        med=med,
        local_pref=100,
        others=((FLAG_OPTIONAL, CLUSTER_LIST, cluster),) if cluster else (),
    )
    update = Update()
    update.reach.append((IPV4, attributes, [NET_A]))
    link.apply([update])


def take_all(link: SessionLink) -> list[str]:
    """What is sent, message type and body in hex, without the keepalives that there are not."""
    messages = []
    while link.adj_out.has_work:
        messages += [message[18:].hex() for message in link.take_outgoing(65536)]
    return messages


async def test_a_soft_reset_outbound_tells_every_family_again() -> None:
    scene = Scene()
    link, receiver = scene.up(2), scene.up(3, 64503)
    announce(link)
    first = take_all(receiver)
    receiver.reset_out()

    again = take_all(receiver)
    assert [message for message in again if message.startswith("02")] == [first[0]]
    # The marks of RFC 7313 around what was told before, and around nothing.
    assert [message for message in again if message.startswith("05000101")] == ["0500010101"]
    assert again.index("0500010101") < again.index(first[0]) < again.index("0500010201")
    assert again.index("0500020101") < again.index("0500020201")


async def test_a_soft_reset_inbound_judges_by_what_is_known_now() -> None:
    scene = Scene()
    link = scene.up(2)
    announce(link, cluster=CLUSTER)
    table = scene.speaker.rib.tables[IPV4]
    assert len(table.find(NET_A)) == 1

    scene.up(4, is_reflector_client=True, cluster_id=CLUSTER)  # this cluster is ours from now on
    assert len(table.find(NET_A)) == 1
    await link.reset_in()

    assert table.find(NET_A) == ()
    rejected = scene.speaker.rib.adj_in(link.source, IPV4).find(NET_A)
    assert rejected is not None
    assert rejected.rejected == REJECTED_CLUSTER_LOOP


async def test_clients_and_their_cluster_are_known_by_the_configuration() -> None:
    scene = Scene()
    client = scene.up(2, is_reflector_client=True, cluster_id=CLUSTER)
    plain_client = scene.up(3, is_reflector_client=True)
    other = scene.up(4)

    assert (client.source.is_reflector_client, client.source.cluster_id) == (True, CLUSTER)
    assert (plain_client.source.is_reflector_client, plain_client.source.cluster_id) == (True, b"")
    assert not other.source.is_reflector_client
    assert [link.adj_out.audience.reflection.cluster_id for link in (client, other)] == [
        CLUSTER,
        OURS,
    ]


async def test_a_network_is_shared_with_external_peers_one_hop_away_only() -> None:
    scene = Scene()
    network = bytes.fromhex("18 0a0000")
    place = SessionPlace(2, SelfNextHops(OURS), (network,))
    scene.speaker = Speaker(Rib([IPV4, IPV6]), router_id=OURS, find_place=lambda _: place)
    near, far = scene.up(2, 64502), scene.up(3, 64503, multihop_ttl=2)

    assert near.adj_out.audience.networks == (network,)
    assert far.adj_out.audience.networks == ()
    assert scene.up(4).adj_out.audience.networks == ()


async def test_sessions_of_one_kind_are_a_group_until_they_end() -> None:
    scene = Scene()
    first, second, external = scene.up(2), scene.up(3), scene.up(4, 64504)
    assert first.adj_out.audience.kind == second.adj_out.audience.kind
    assert len(scene.speaker.update_groups) == 2
    await external.close()

    assert len(scene.speaker.update_groups) == 1


async def test_other_selection_options_reach_the_peers() -> None:
    scene = Scene()
    short, long_, receiver = scene.up(2, 64502), scene.up(3, 64503), scene.up(4)
    announce(short, med=9, length=1)
    announce(long_, med=3, length=2)
    take_all(receiver)
    await scene.speaker.change_selection(SelectionOptions(ignore_as_path_length=True))

    best = scene.speaker.rib.tables[IPV4].find_best(NET_A)
    assert best is not None
    assert best.source is long_.source
    (update,) = take_all(receiver)
    assert update.endswith("180a0101")
    assert "0a000003" in update  # the next hop
