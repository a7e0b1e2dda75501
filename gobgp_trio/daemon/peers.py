"""All peers: found by address, started, changed and stopped while the daemon runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NoReturn

import structlog
import trio

from gobgp_trio.bgp.error_codes import (
    ADMINISTRATIVE_SHUTDOWN,
    OTHER_CONFIGURATION_CHANGE,
    PEER_DECONFIGURED,
)
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.peer import Dial, Peer, draw_jitter
from gobgp_trio.daemon.peer_link import Speaker
from gobgp_trio.daemon.transport import Transport, dial_tcp, name_of_address, name_of_remote

FAREWELL_S = 1.5
STRANGER_LOG_S = 10.0

log = structlog.get_logger()


class PeerManager:
    """Holds peers and the nursery they run in.

    Peers may be added before ``run``; they start with it.

    Attributes:
        strangers_count: connections from addresses that are no peer's.
    """

    def __init__(
        self,
        router_id: bytes,
        speaker: Speaker,
        *,
        dial: Dial = dial_tcp,
        jitter: Callable[[], float] = draw_jitter,
    ) -> None:
        self.strangers_count = 0
        self._router_id = router_id
        self._speaker = speaker
        self._dial = dial
        self._jitter = jitter
        self._peers: dict[str, Peer] = {}
        self._scopes: dict[Peer, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None
        self._next_stranger_log_s = float("-inf")

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Peers by address (canonical text), in the order they were added."""
        return self._peers

    def find(self, address: str) -> Peer | None:
        """The peer with this address, however it is written; None when there is none."""
        try:
            return self._peers.get(name_of_address(address))
        except ValueError:
            return None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Run all peers until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for peer in self._peers.values():
                self._start(nursery, peer)
            task_status.started()
            await trio.sleep_forever()
        raise AssertionError("peers run until they are cancelled")

    def add(self, neighbor: Neighbor) -> Peer:
        """A new neighbour.

        Raises:
            ValueError: there is one with this address.
        """
        name = name_of_address(neighbor.address)
        if name in self._peers:
            raise ValueError(f"neighbor {name} exists already")
        peer = Peer(neighbor, self._router_id, self._speaker, self._dial, jitter=self._jitter)
        self._peers[name] = peer
        if self._nursery is not None:
            self._start(self._nursery, peer)
        return peer

    async def remove(self, address: str, subcode: int = PEER_DECONFIGURED) -> None:
        """Say good-bye, withdraw what the peer brought, forget it.

        Raises:
            KeyError: there is no such peer.
        """
        peer = self._peers.pop(name_of_address(address))
        await self._stop(peer, subcode)

    async def change(self, neighbor: Neighbor) -> None:
        """A neighbour's configuration changed.

        What the session does not depend on is taken over as it stands, admin-down is obeyed;
        anything else ends the session and begins a new one.

        Raises:
            KeyError: there is no such peer.
        """
        name = name_of_address(neighbor.address)
        peer = self._peers[name]
        old = peer.neighbor
        if replace(old, description="", admin_down=False) == replace(
            neighbor, description="", admin_down=False
        ):
            peer.neighbor = neighbor
            if old.admin_down and not neighbor.admin_down:
                peer.enable()
            elif neighbor.admin_down and not old.admin_down:
                peer.disable()
            return
        await self.remove(name, OTHER_CONFIGURATION_CHANGE)
        self.add(neighbor)

    async def reload(self, neighbors: Iterable[Neighbor]) -> None:
        """Make the peers those of a new configuration; unchanged ones notice nothing."""
        wanted = {name_of_address(neighbor.address): neighbor for neighbor in neighbors}
        async with trio.open_nursery() as nursery:
            for name in list(self._peers):
                if name not in wanted:
                    nursery.start_soon(self.remove, name)
            for name, neighbor in wanted.items():
                peer = self._peers.get(name)
                if peer is None:
                    self.add(neighbor)
                elif peer.neighbor != neighbor:
                    nursery.start_soon(self.change, neighbor)
        self._peers = {name: self._peers[name] for name in wanted if name in self._peers}

    def accept(self, transport: Transport) -> None:
        """Route a connection to the peer that it comes from, or close it."""
        peer = self._peers.get(name_of_remote(transport.ends))
        if peer is not None:
            peer.accept(transport)
            return
        transport.close()
        self.strangers_count += 1
        now_s = trio.current_time()
        if now_s >= self._next_stranger_log_s:
            self._next_stranger_log_s = now_s + STRANGER_LOG_S
            log.debug("closed a connection from no peer", source=name_of_remote(transport.ends))

    async def shut_down(self, message: str = "") -> None:
        """End all sessions with a Cease, within ``FAREWELL_S``; no peer comes back after it."""
        with trio.move_on_after(FAREWELL_S):
            async with trio.open_nursery() as nursery:
                for peer in self._peers.values():
                    peer.disable(message, ADMINISTRATIVE_SHUTDOWN)
                    nursery.start_soon(peer.wait_disconnected)

    def _start(self, nursery: trio.Nursery, peer: Peer) -> None:
        scope = trio.CancelScope()
        self._scopes[peer] = scope

        async def run_peer() -> None:
            with scope:
                await peer.run()

        nursery.start_soon(run_peer)

    async def _stop(self, peer: Peer, subcode: int) -> None:
        scope = self._scopes.pop(peer, None)
        if scope is None:
            return
        peer.disable(subcode=subcode)
        with trio.move_on_after(FAREWELL_S):
            await peer.wait_disconnected()
        await peer.wait_withdrawn()
        scope.cancel()
