"""Stand-ins around a peer: connections in memory, a remote router driven by hand, fake tables."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import trio

from gobgp_trio.bgp.attribute_table import AttributeTable
from gobgp_trio.bgp.capability import Capabilities
from gobgp_trio.bgp.message import (
    KEEPALIVE,
    KEEPALIVE_MESSAGE,
    OPEN,
    Open,
    split_messages,
    write_message,
    write_open,
)
from gobgp_trio.bgp.session.negotiate import Endpoints, Negotiated
from gobgp_trio.bgp.update import Update
from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.transport import Transport
from gobgp_trio.types.family import Family

OUR_ID = bytes((1, 1, 1, 1))
THEIR_ID = bytes((2, 2, 2, 2))
OUR_ADDRESS, THEIR_ADDRESS = "192.0.2.1", "192.0.2.2"


def make_neighbor(
    address: str = THEIR_ADDRESS,
    *,
    peer_as: int = 65002,
    local_as: int = 65001,
    passive: bool = False,
    admin_down: bool = False,
    description: str = "",
    hold_time_s: int = 90,
) -> Neighbor:
    return Neighbor(
        address,
        peer_as,
        local_as,
        (Family.IPV4_UNICAST,),
        description=description,
        admin_down=admin_down,
        passive=passive,
        hold_time_s=hold_time_s,
    )


def withdrawal(number: int) -> bytes:
    """A whole UPDATE that withdraws 10.x.y.0/24."""
    nlri = bytes((24, 10, number >> 8, number & 0xFF))
    return write_message(2, bytes((0, 4)) + nlri + bytes(2))


class _Pipe:
    """Octets under way in one direction."""

    def __init__(self, capacity_octets: int) -> None:
        self.capacity_octets = capacity_octets
        self.octets = bytearray()
        self.is_ended = False
        self.is_broken = False
        self._changed = trio.Event()

    def change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def wait_until(self, is_ready: Callable[[], bool]) -> None:
        await trio.lowlevel.checkpoint()
        while not is_ready():
            await self._changed.wait()


class MemoryTransport:
    """One end of a connection in memory; a full pipe makes the sender wait."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe, ends: Endpoints) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self.ends = ends
        self.is_closed = False

    async def receive(self, max_octets: int) -> bytes:
        pipe = self._incoming
        await pipe.wait_until(lambda: bool(pipe.octets) or pipe.is_ended or pipe.is_broken)
        if pipe.is_broken:
            raise ConnectionResetError(104, "Connection reset by peer")
        taken = bytes(pipe.octets[:max_octets])
        del pipe.octets[:max_octets]
        pipe.change()
        return taken

    async def send_some(self, octets: memoryview) -> int:
        pipe = self._outgoing
        await pipe.wait_until(
            lambda: len(pipe.octets) < pipe.capacity_octets or pipe.is_ended or pipe.is_broken
        )
        if pipe.is_broken:  # answered with a reset, which also takes what was not read yet
            self._incoming.is_broken = True
            self._incoming.octets.clear()
        if pipe.is_ended or pipe.is_broken:
            raise BrokenPipeError(32, "Broken pipe")
        fits = octets[: pipe.capacity_octets - len(pipe.octets)]
        pipe.octets += fits
        pipe.change()
        return len(fits)

    def has_octets_waiting(self) -> bool:
        return bool(self._incoming.octets)

    def end_sending(self) -> None:
        self._outgoing.is_ended = True
        self._outgoing.change()

    def configure(self, neighbor: Neighbor) -> None:
        pass

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        if self._incoming.octets:  # TCP resets then, and what the far end has not read is lost
            self._outgoing.is_broken = True
            self._outgoing.octets.clear()
        self._incoming.is_broken = True
        self._outgoing.is_ended = True
        self._incoming.change()
        self._outgoing.change()


def connect_in_memory(
    dialler: str = OUR_ADDRESS, listener: str = THEIR_ADDRESS, capacity_octets: int = 1 << 20
) -> tuple[MemoryTransport, MemoryTransport]:
    """The dialler's and the listener's end of a new connection."""
    there, back = _Pipe(capacity_octets), _Pipe(capacity_octets)
    near, far = ip_address(dialler).packed, ip_address(listener).packed
    return (
        MemoryTransport(back, there, Endpoints(near, far)),
        MemoryTransport(there, back, Endpoints(far, near)),
    )


class FakeLink:
    """Tables that remember.

    Attributes:
        applied: UPDATEs by call of ``apply``.
        on_apply, on_check: called in ``apply`` and ``check_limits``; may raise.
        close_s: how long ``close`` takes.
    """

    def __init__(self, neighbor: Neighbor) -> None:
        self.neighbor = neighbor
        self.applied: list[list[Update]] = []
        self.refreshed: list[Family] = []
        self.renewals: list[str] = []
        self.has_renewals = True
        self.on_apply: Callable[[], None] = lambda: None
        self.on_check: Callable[[], None] = lambda: None
        self.close_s = 0.0
        self.close_calls = 0
        self.is_closed = False
        self._outgoing: list[bytes] = []
        self._has_outgoing = trio.Event()

    def queue(self, messages: list[bytes]) -> None:
        self._outgoing += messages
        self._has_outgoing.set()

    def apply(self, updates: list[Update]) -> None:
        self.on_apply()
        self.applied.append(updates)

    def check_limits(self) -> None:
        self.on_check()

    async def close(self) -> None:
        self.close_calls += 1
        await trio.sleep(self.close_s)
        self.is_closed = True

    async def wait_outgoing(self) -> None:
        await self._has_outgoing.wait()

    def take_outgoing(self, max_octets: int) -> list[bytes]:
        taken: list[bytes] = []
        while self._outgoing and sum(map(len, taken)) + len(self._outgoing[0]) <= max_octets:
            taken.append(self._outgoing.pop(0))
        if not self._outgoing:
            self._has_outgoing = trio.Event()
        return taken

    def refresh(self, family: Family) -> None:
        self.refreshed.append(family)

    def begin_renewal(self, family: Family) -> Callable[[], Awaitable[None]] | None:
        self.renewals.append(f"begin {family.name}")

        async def run() -> None:
            await trio.lowlevel.checkpoint()
            self.renewals.append(f"run {family.name}")

        return run if self.has_renewals else None

    def end_renewal(self, family: Family) -> None:
        self.renewals.append(f"end {family.name}")

    @property
    def withdrawn(self) -> list[bytes]:
        """All withdrawn NLRIs in order."""
        updates = [update for batch in self.applied for update in batch]
        return [nlri for u in updates for _, nlris in u.unreach for nlri in nlris]


class FakeSpeaker:
    """Makes a ``FakeLink`` for each session.

    Attributes:
        prepare: called with each new link.
    """

    def __init__(self) -> None:
        self.attribute_table = AttributeTable()
        self.links: list[FakeLink] = []
        self.ups: list[tuple[float, Negotiated]] = []
        self.prepare: Callable[[FakeLink], None] = lambda _: None

    def peer_up(self, neighbor: Neighbor, negotiated: Negotiated) -> FakeLink:
        link = FakeLink(neighbor)
        self.prepare(link)
        self.links.append(link)
        self.ups.append((trio.current_time(), negotiated))
        return link


class Remote:
    """A router on the other end of a connection, driven by the test.

    Attributes:
        log: (time, type, body) of every message received.
    """

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport
        self.log: list[tuple[float, int, bytes]] = []
        self._buffer = bytearray()
        self._ready: list[tuple[int, bytes]] = []

    async def send(self, octets: bytes) -> None:
        view = memoryview(octets)
        while view:
            view = view[await self.transport.send_some(view) :]

    async def receive(self) -> tuple[int, bytes] | None:
        """The next message, None at the end."""
        while not self._ready:
            try:
                octets = await self.transport.receive(65536)
            except OSError:
                return None
            if not octets:
                return None
            self._buffer += octets
            self._ready = split_messages(self._buffer, 4096)
            self.log += [(trio.current_time(), *message) for message in self._ready]
        return self._ready.pop(0)

    async def establish(
        self, *, as_: int = 65002, hold_time_s: int = 90, behind: bytes = b""
    ) -> None:
        """Exchange OPEN and KEEPALIVE; ours comes in one piece with what is ``behind`` it."""
        capabilities = Capabilities(
            families=(Family.IPV4_UNICAST,),
            four_octet_as=as_,
            route_refresh=True,
            enhanced_route_refresh=True,
            extended_message=True,
        )
        await self.send(write_open(Open(4, as_, hold_time_s, THEIR_ID, capabilities)))
        assert [await self.receive_kind(), await self.receive_kind()] == [OPEN, KEEPALIVE]
        await self.send(KEEPALIVE_MESSAGE + behind)

    async def receive_kind(self) -> int | None:
        message = await self.receive()
        return None if message is None else message[0]

    async def run_keepalives(self, every_s: float = 30.0) -> None:
        """Keep our side alive, until the connection breaks."""
        try:
            while True:
                await trio.sleep(every_s)
                await self.send(KEEPALIVE_MESSAGE)
        except OSError:
            return

    async def run_reading(self) -> None:
        """Read until the end."""
        while await self.receive() is not None:
            pass

    def times_of(self, kind: int) -> list[float]:
        return [at_s for at_s, found, _ in self.log if found == kind]


class Network:
    """Where a peer dials: each attempt is kept for the test to take.

    Attributes:
        is_reachable: whether attempts succeed.
        is_silent: whether attempts are not answered at all.
        dials_s: when the attempts came.
    """

    def __init__(self, capacity_octets: int = 1 << 20) -> None:
        self.is_reachable = True
        self.is_silent = False
        self.dials_s: list[float] = []
        self.capacity_octets = capacity_octets
        self._send, self._take = trio.open_memory_channel[Remote](100)

    async def dial(self, neighbor: Neighbor) -> Transport:
        await trio.lowlevel.checkpoint()
        self.dials_s.append(trio.current_time())
        if self.is_silent:
            await trio.sleep_forever()
        if not self.is_reachable:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = connect_in_memory(
            OUR_ADDRESS, neighbor.address, capacity_octets=self.capacity_octets
        )
        self._send.send_nowait(Remote(theirs))
        return ours

    async def wait_dialled(self) -> Remote:
        """The far end of the next attempt."""
        return await self._take.receive()
