"""ResetPeer, ShutdownPeer, EnablePeer, DisablePeer: what operators do to a running session.

All but ResetPeer last until the next start of the daemon or the next change of the neighbor's
configuration.  ShutdownPeer is what DisablePeer is; its name is the older one.
"""

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.method import RpcError
from gobgp_trio.api.service.view import DaemonView, PeerView, require_started
from gobgp_trio.daemon.speaker import SessionLink

Direction = pb.ResetPeerRequestDirection

ALL_PEERS = ("", "all")
MAX_MESSAGE_OCTETS = 255  # RFC 9003 section 2


class PeerControlMethods:
    """RPCs that act on sessions."""

    def __init__(self, view: DaemonView) -> None:
        self._view = view

    async def reset_peer(self, request: pb.ResetPeerRequest) -> pb.ResetPeerResponse:
        """Reset a neighbor, or all.

        A hard reset ends the session with a Cease; it begins again after a rest.  A soft one tells
        the neighbor everything again, and judges once more all that was received, or one of both;
        without a session there is nothing to do.

        Raises:
            RpcError: BGP was not started, no such neighbor, or a message that is too long.
        """
        peers = self._choose(request.address)
        message = _read_message(request.communication)
        for peer in peers:
            if not request.soft:
                peer.reset(message)
            elif (link := self._view.speaker.links.get(peer.neighbor.address)) is not None:
                await _reset_softly(link, request.direction)
        return pb.ResetPeerResponse()

    def shutdown_peer(self, request: pb.ShutdownPeerRequest) -> pb.ShutdownPeerResponse:
        """Likewise, and no session until EnablePeer."""
        self._find(request.address).disable(_read_message(request.communication))
        return pb.ShutdownPeerResponse()

    def disable_peer(self, request: pb.DisablePeerRequest) -> pb.DisablePeerResponse:
        """Likewise."""
        self._find(request.address).disable(_read_message(request.communication))
        return pb.DisablePeerResponse()

    def enable_peer(self, request: pb.EnablePeerRequest) -> pb.EnablePeerResponse:
        """Administratively up again; nothing happens to a neighbor that is."""
        self._find(request.address).enable()
        return pb.EnablePeerResponse()

    def _choose(self, address: str) -> list[PeerView]:
        if address in ALL_PEERS:
            require_started(self._view)
            return list(self._view.peers.peers.values())
        return [self._find(address)]

    def _find(self, address: str) -> PeerView:
        require_started(self._view)
        peer = self._view.peers.find(address)
        if peer is None:
            raise RpcError(f"not found neighbor {address}")
        return peer


async def _reset_softly(link: SessionLink, direction: int) -> None:
    if direction != Direction.DIRECTION_OUT:
        await link.reset_in()
    if direction != Direction.DIRECTION_IN:
        link.reset_out()


def _read_message(text: str) -> str:
    """What the peer's operator is told.

    Raises:
        RpcError: it does not fit a NOTIFICATION.
    """
    octets_count = len(text.encode())
    if octets_count > MAX_MESSAGE_OCTETS:
        raise RpcError(
            f"wanted a communication of up to {MAX_MESSAGE_OCTETS} octets, found {octets_count}"
        )
    return text
