"""The daemon: its parts in order of start and stop, and how a new configuration reaches them.

Start: kernel first (what an earlier run left is removed before a session can bring routes), then
the API, then peers, then the listening sockets.  Stop: the kernel side first, so that sessions
that end take no route out of the kernel, then the peers with a Cease, then the API.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
import trio

from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.config.changes import ConfigChanges, diff
from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.schema import Config
from gobgp_trio.config.toml import load_config
from gobgp_trio.daemon.groups import first_leaf
from gobgp_trio.daemon.lag import LagMeter
from gobgp_trio.daemon.listener import ListenRefused, open_listeners, run_listener
from gobgp_trio.daemon.listening import Listening
from gobgp_trio.daemon.netlink import open_kernel
from gobgp_trio.daemon.netlink_service import NetlinkService
from gobgp_trio.daemon.netlink_writer import OutcomeUnknown
from gobgp_trio.daemon.peers import PeerManager
from gobgp_trio.daemon.protocol_guard import ProtocolInUse
from gobgp_trio.daemon.session_place import SessionPlace, find_place
from gobgp_trio.daemon.speaker import Speaker
from gobgp_trio.rib.decision import Decision
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rtnl.nlmsg import KernelRefused
from gobgp_trio.types.family import Family

EXIT_LISTEN = 3
EXIT_API = 4
EXIT_KERNEL = 5
EXIT_KILLED = 1
STOP_WITHIN_S = 4.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
STOPPING = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


class StartRefused(Exception):
    """The daemon cannot start; the text is for the operator, on one line."""

    def __init__(self, text: str, exit_status: int) -> None:
        super().__init__(text)
        self.exit_status = exit_status


# Starts what serves the API in the nursery; the layers above us know how.
StartApi = Callable[["Daemon", trio.Nursery], Awaitable[None]]


class Daemon:
    """All parts of a running gobgpd.

    Attributes:
        config: what is in force.
    """

    def __init__(self, config: Config, config_file: str, start_api: StartApi) -> None:
        self.config = config
        self.config_file = config_file
        self._start_api = start_api
        selection = config.global_.selection if config.global_ is not None else None
        self.rib = Rib([Family.IPV4_UNICAST, Family.IPV6_UNICAST], Decision(selection))
        self.netlink = NetlinkService(self.rib)
        router_id = config.global_.router_id if config.global_ is not None else bytes(4)
        self.speaker = Speaker(self.rib, router_id, self._find_place)
        self.speaker.global_as = config.global_.as_ if config.global_ is not None else 0
        self.peers = PeerManager(router_id, self.speaker)
        self.lag = LagMeter()
        self._reload_lock = trio.Lock()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            StartRefused: in a group; something the configuration asks for cannot be had.
        """
        with trio.open_signal_receiver(*SIGNALS) as signals:
            async with trio.open_nursery() as nursery:
                kernel_scope = await nursery.start(self._run_kernel)
                await self._start_api(self, nursery)
                await self._start_bgp(nursery)
                log.info("gobgpd started", config=self.config_file, pid=os.getpid())
                nursery.start_soon(self.lag.run)
                async for number in signals:
                    if number in STOPPING:
                        break
                    if number == signal.SIGUSR1:
                        self.lag.tell()
                    else:
                        nursery.start_soon(self.reload)
                nursery.start_soon(_die_at_second_signal, signals)
                await self._stop(kernel_scope)
                nursery.cancel_scope.cancel()

    async def _run_kernel(
        self, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.CancelScope() as scope, open_kernel() as kernel:
            try:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self.netlink.run, kernel, self.config)
                    task_status.started(scope)
            except* (ProtocolInUse, KernelRefused, OutcomeUnknown) as refused:
                raise StartRefused(str(first_leaf(refused)), EXIT_KERNEL) from None

    async def _start_bgp(self, nursery: trio.Nursery) -> None:
        if self.config.global_ is None:
            log.info("no [global.config]: BGP does not run")
            return
        try:
            listeners = open_listeners(
                self.config.global_.listen_addresses,
                self.config.global_.port,
                self.config.global_.listen_interface,
            )
        except ListenRefused as refused:
            raise StartRefused(str(refused), EXIT_LISTEN) from None
        self.peers.listening = Listening([listener.socket for listener in listeners])
        for neighbor in self.config.neighbors:
            self.peers.add(neighbor)
        self.peers.dynamic = self.config.dynamic_neighbors
        await nursery.start(self.peers.run)
        for listener in listeners:
            nursery.start_soon(run_listener, listener, self.peers.accept)

    async def _stop(self, kernel_scope: trio.CancelScope) -> None:
        log.info("gobgpd stops")
        with trio.move_on_after(STOP_WITHIN_S):
            kernel_scope.cancel()
            self.speaker.is_stopping = True
            await self.peers.shut_down()

    def _find_place(self, negotiated: Negotiated) -> SessionPlace:
        return find_place(self.netlink.view, negotiated)

    # Reload.

    async def reload(self) -> bool:
        """Read the configuration file again and apply what differs; whether all of it applied.

        A file that does not validate changes nothing.
        """
        async with self._reload_lock:
            if not self.config_file:
                log.warning("reload: started without a configuration file, nothing to read")
                return False
            try:
                loaded = await trio.to_thread.run_sync(load_config, self.config_file)
            except ConfigError as error:
                for problem in error.problems:
                    log.error("config not changed", problem=str(problem))
                return False
            for warning in loaded.warnings:
                log.warning("configuration", problem=str(warning))
            return await self._apply(diff(self.config, loaded.config))

    async def _apply(self, changes: ConfigChanges) -> bool:
        try:
            await self.netlink.apply(changes.config)
        except ProtocolInUse as refused:
            log.error("config not changed", problem=str(refused))
            return False
        if changes.selection_changed and changes.config.global_ is not None:
            await self.speaker.change_selection(changes.config.global_.selection)
        await self.peers.reload(changes.config.neighbors, changes.config.dynamic_neighbors)
        self.config = changes.config
        log.info(
            "config changed",
            neighbors_added=len(changes.neighbors_added),
            neighbors_removed=len(changes.neighbors_removed),
            neighbors_changed=len(changes.neighbors_changed),
            route_selection=changes.selection_changed,
            dynamic_neighbors=changes.dynamic_changed,
            netlink_import=changes.import_changed,
            netlink_export=changes.export is not None,
        )
        if changes.restart_needed:
            log.error("config not changed: restart gobgpd for these", keys=changes.restart_needed)
        return not changes.restart_needed


async def _die_at_second_signal(signals: AsyncIterator[int]) -> None:
    """Somebody who asks twice does not want to wait."""
    async for number in signals:
        if number in STOPPING:
            os._exit(EXIT_KILLED)
