"""What the commands of ``neighbor_commands`` do."""

from datetime import UTC, datetime

from gobgp_trio.api.pb.api import (
    GoBgpServiceStub,
    ListPeerRequest,
    Peer,
    PeerStateSessionState,
)
from gobgp_trio.cli.connection import call
from gobgp_trio.cli.errors import CommandError
from gobgp_trio.cli.families import parse_family
from gobgp_trio.cli.go_json import message_fields
from gobgp_trio.cli.neighbor_text import format_peer, format_peers, peer_name
from gobgp_trio.cli.output import show, write_json, write_text
from gobgp_trio.cli.rib_actions import (
    choose_family,
    parse_lookup,
    print_paths,
    read_paths,
    show_summary,
)
from gobgp_trio.cli.rib_text import TableKind
from gobgp_trio.cli.settings import Settings


def show_neighbors(settings: Settings) -> None:
    """``neighbor``"""
    family = parse_family(settings.family)
    peers = _list_peers(settings, "")
    if settings.json:
        write_json([message_fields(peer) for peer in peers])
    elif settings.quiet:
        write_text("".join(f"{peer_name(peer)}\n" for peer in peers))
    else:
        numbers = (family.afi, family.safi) if family is not None else None
        write_text(format_peers(peers, numbers, datetime.now(UTC)))


def show_neighbor(settings: Settings, address: str) -> None:
    """``neighbor ADDRESS``"""
    peer = find_peer(settings, address)
    show(settings, peer, lambda found: format_peer(found, datetime.now(UTC)))


def show_neighbor_paths(
    settings: Settings, address: str, table: str, words: tuple[str, ...]
) -> None:
    """``neighbor ADDRESS adj-in|adj-out [PREFIX | HOST ...]``"""
    kind = TableKind(table)
    lookup = parse_lookup(words)
    family = choose_family(settings, lookup.prefix if lookup is not None else "", address)
    views = read_paths(settings, kind, family, lookup, neighbor=address)
    if not views and not _is_established(find_peer(settings, address)):
        raise CommandError(f"neighbor {address}'s BGP session is not established")
    print_paths(settings, kind, views)


def show_neighbor_summary(settings: Settings, address: str, table: str) -> None:
    """``neighbor ADDRESS adj-in|adj-out summary``"""
    family = choose_family(settings, address)
    show_summary(settings, TableKind(table), family, neighbor=address)


def _list_peers(settings: Settings, address: str) -> list[Peer]:
    request = ListPeerRequest(address=address, enable_advertised=bool(address))

    async def collect(api: GoBgpServiceStub) -> list[Peer]:
        return [answer.peer async for answer in api.list_peer(request)]

    return call(settings, collect)


def find_peer(settings: Settings, address: str) -> Peer:
    """The one neighbor with this address or interface.

    Raises:
        CommandError: there is none.
    """
    for peer in _list_peers(settings, address):
        if address in (peer.state.neighbor_address, peer.conf.neighbor_address, peer_name(peer)):
            return peer
    raise CommandError(f"not found neighbor {address}")


def _is_established(peer: Peer) -> bool:
    return peer.state.session_state == PeerStateSessionState.SESSION_STATE_ESTABLISHED
