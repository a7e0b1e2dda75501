"""All peers: found by address, started, changed and stopped while the daemon runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import NoReturn

import structlog
import trio

from gobgp_trio.bgp.error_codes import (
    ADMINISTRATIVE_SHUTDOWN,
    OTHER_CONFIGURATION_CHANGE,
    PEER_DECONFIGURED,
)
from gobgp_trio.config.changes import IN_PLACE, find_differing
from gobgp_trio.config.schema import DynamicNeighbors, Neighbor
from gobgp_trio.daemon.listening import Listening
from gobgp_trio.daemon.peer import Dial, Peer, draw_jitter
from gobgp_trio.daemon.peer_link import Speaker
from gobgp_trio.daemon.transport import Transport, dial_tcp, name_of_address, name_of_remote

FAREWELL_S = 1.5
STRANGER_LOG_S = 10.0

_WITHOUT_RESET = IN_PLACE | {"admin_down"}  # the latter ends it without beginning again

log = structlog.get_logger()


class PeerManager:
    """Holds peers and the nursery they run in.

    Peers may be added before ``run``; they start with it.

    Attributes:
        strangers_count: connections from addresses that are no peer's.
        listening: the sockets that connections come from; set before peers are added.
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
        self.listening = Listening(())
        self._dynamic: tuple[DynamicNeighbors, ...] = ()
        self._changing: set[str] = set()
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
        """The peer with this address, however it is written, or at the end of this interface.

        None when there is none.
        """
        try:
            name = name_of_address(address)
        except ValueError:
            return self._peers.get(f"%{address}")
        return self._peers.get(name) or self._peers.get(f"%{name.partition('%')[2]}")

    @property
    def dynamic(self) -> tuple[DynamicNeighbors, ...]:
        """Networks whose hosts may be peers without an entry, the longest prefix first."""
        return self._dynamic

    @dynamic.setter
    def dynamic(self, entries: tuple[DynamicNeighbors, ...]) -> None:
        for entry in self._dynamic:
            self.listening.dismiss(entry.prefix)
        for entry in entries:
            self.listening.admit(entry.prefix, entry.template, entry.prefix)
        self._dynamic = entries

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
        peer = self._make(neighbor, is_dynamic=False)
        self._peers[name] = peer
        self.listening.admit(name, neighbor)
        if self._nursery is not None:
            self._start(self._nursery, peer)
        return peer

    def _make(self, neighbor: Neighbor, *, is_dynamic: bool) -> Peer:
        return Peer(
            neighbor,
            self._router_id,
            self._speaker,
            self._dial,
            jitter=self._jitter,
            is_dynamic=is_dynamic,
        )

    async def remove(self, address: str, subcode: int = PEER_DECONFIGURED) -> None:
        """Say good-bye, withdraw what the peer brought, forget it.

        Raises:
            KeyError: there is no such peer.
        """
        name = name_of_address(address)
        peer = self._peers.pop(name)
        self.listening.dismiss(name)
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
        if find_differing(old, neighbor) <= _WITHOUT_RESET and not peer.is_dynamic:
            peer.reconfigure(neighbor)
            if old.admin_down and not neighbor.admin_down:
                peer.enable()
            elif neighbor.admin_down and not old.admin_down:
                peer.disable()
            return
        self._changing.add(name)  # meanwhile nobody becomes a dynamic neighbour in its place
        try:
            await self.remove(name, OTHER_CONFIGURATION_CHANGE)
        finally:
            self._changing.discard(name)
        self.add(neighbor)

    async def reload(
        self, neighbors: Iterable[Neighbor], dynamic: tuple[DynamicNeighbors, ...] = ()
    ) -> None:
        """Make the peers those of a new configuration; unchanged ones notice nothing."""
        self.dynamic = dynamic
        wanted = {name_of_address(neighbor.address): neighbor for neighbor in neighbors}
        async with trio.open_nursery() as nursery:
            for name, known in list(self._peers.items()):
                if name in wanted:
                    continue
                if known.is_dynamic:
                    self._reload_dynamic(nursery, name, known)
                else:
                    nursery.start_soon(self.remove, name)
            for name, neighbor in wanted.items():
                peer = self._peers.get(name)
                if peer is None:
                    self.add(neighbor)
                elif peer.neighbor != neighbor or peer.is_dynamic:
                    nursery.start_soon(self.change, neighbor)
        order = [*wanted, *(name for name in self._peers if name not in wanted)]
        self._peers = {name: self._peers[name] for name in order if name in self._peers}

    def _reload_dynamic(self, nursery: trio.Nursery, name: str, peer: Peer) -> None:
        """Let a dynamic neighbour stay, change or go; it comes back by itself where it may."""
        neighbor = self._find_dynamic(name)
        if neighbor is None:
            nursery.start_soon(self.remove, name)
        elif find_differing(peer.neighbor, neighbor) <= _WITHOUT_RESET:
            peer.reconfigure(neighbor)
        else:
            nursery.start_soon(self.remove, name, OTHER_CONFIGURATION_CHANGE)

    def _find_dynamic(self, name: str) -> Neighbor | None:
        """What a dynamic neighbour with this address is like; None when there may be none."""
        bare = name.partition("%")[0]
        if not bare or name in self._changing:
            return None
        for entry in self.dynamic:
            if ip_address(bare) in ip_network(entry.prefix):
                is_protected = self.listening.is_protected(entry.prefix)
                return replace(entry.template, address=name) if is_protected else None
        return None

    def accept(self, transport: Transport) -> None:
        """Route a connection to the peer that it comes from, or close it."""
        name = name_of_remote(transport.ends)
        if name not in self._peers and "%" in name:
            name = f"%{name.partition('%')[2]}"  # whoever is at the other end of the interface
        peer = self._peers.get(name)
        if peer is not None and self.listening.is_protected(name):
            peer.accept(transport)
            return
        neighbor = self._find_dynamic(name) if peer is None else None
        if neighbor is not None and self._nursery is not None:
            self._peers[name] = peer = self._make(neighbor, is_dynamic=True)
            self._start(self._nursery, peer, transport)
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

    def _start(self, nursery: trio.Nursery, peer: Peer, first: Transport | None = None) -> None:
        """Run a peer; a dynamic one has its ``first`` connection and goes with its last."""
        scope = trio.CancelScope()
        self._scopes[peer] = scope

        async def run_peer() -> None:
            with scope:
                if first is None:
                    await peer.run()
                else:
                    await self._run_dynamic(peer, first)

        nursery.start_soon(run_peer)

    async def _run_dynamic(self, peer: Peer, first: Transport) -> None:
        """Be a dynamic neighbour until nothing is left of it."""
        name = peer.neighbor.address
        log.info("dynamic neighbor connects", peer=name, peer_group=peer.neighbor.peer_group)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.run)
            await peer.wait_running()
            peer.accept(first)
            await peer.wait_gone()
            nursery.cancel_scope.cancel()
        if self._peers.get(name) is peer:
            del self._peers[name]
            del self._scopes[peer]
            log.info("dynamic neighbor is gone", peer=name)

    async def _stop(self, peer: Peer, subcode: int) -> None:
        scope = self._scopes.pop(peer, None)
        if scope is None:
            return
        peer.disable(subcode=subcode)
        with trio.move_on_after(FAREWELL_S):
            await peer.wait_disconnected()
        await peer.wait_withdrawn()
        scope.cancel()
