"""What the tables are told of a session: the configuration and what was negotiated, put together.

Rule: an external peer is one hop away unless its configuration speaks of several; only then do we
share a network with it in which next hops may be left as they are.
"""

from collections.abc import Set

from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.session_place import SessionPlace
from gobgp_trio.rib.adj_in import LoopCheck
from gobgp_trio.rib.advertise import Audience, Reflection
from gobgp_trio.types.path import Source, SourceKind
from gobgp_trio.types.sending import SendingRules


def make_source(neighbor: Neighbor, negotiated: Negotiated, place: SessionPlace) -> Source:
    """What the session's paths are known by."""
    return Source(
        SourceKind.PEER,
        neighbor.address,
        is_ebgp=negotiated.is_ebgp,
        peer_as=negotiated.peer_as,
        router_id=negotiated.peer_router_id,
        address=negotiated.peer_address,
        interface_index=place.interface_index,
        is_reflector_client=neighbor.is_reflector_client,
        cluster_id=(neighbor.cluster_id or b"") if neighbor.is_reflector_client else b"",
    )


def make_audience(
    neighbor: Neighbor, negotiated: Negotiated, place: SessionPlace, router_id: bytes
) -> Audience:
    """The session as the export rules see it."""
    return Audience(
        negotiated.context,
        neighbor.address,
        negotiated.peer_address,
        place.next_hops,
        networks=place.networks if neighbor.multihop_ttl is None else (),
        reflection=Reflection(neighbor.is_reflector_client, neighbor.cluster_id or router_id),
        peer_as=negotiated.peer_as,
        takes_loops=neighbor.allow_loop_local,
        rules=SendingRules(
            neighbor.remove_private_as,
            negotiated.peer_as if neighbor.replace_peer_as else 0,
            neighbor.send_community,
        ),
    )


def make_loop_check(
    neighbor: Neighbor,
    negotiated: Negotiated,
    global_as: int,
    router_id: bytes,
    cluster_ids: Set[bytes],
) -> LoopCheck:
    """What we are called in paths that went round in a circle."""
    other_as = global_as if global_as != negotiated.local_as else 0
    return LoopCheck(negotiated.local_as, router_id, cluster_ids, other_as, neighbor.allow_own_as)
