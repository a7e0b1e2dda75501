"""Import and export as one service: opened when a configuration asks for it, reloaded in place.

Tasks (all in the nursery of ``run``)::

    KernelMonitor.run --on_kernel--> Importer   --announce/withdraw--> Rib
                      --on_kernel--> Exporter <--on_changes----------- Rib
    Exporter.run (planner and writer) --> kernel
"""

import socket
from typing import NoReturn

import structlog
import trio

from gobgp_trio.config.schema import MAIN_TABLE, Config, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.export_audit import Auditor
from gobgp_trio.daemon.exporter import Exporter
from gobgp_trio.daemon.importer import Importer
from gobgp_trio.daemon.kernel_monitor import KernelMonitor
from gobgp_trio.daemon.netlink import Kernel
from gobgp_trio.daemon.protocol_guard import check_other_daemons, hold_protocol
from gobgp_trio.fib.kernel_view import KernelView
from gobgp_trio.fib.plan import Planner
from gobgp_trio.fib.resolve import Resolver
from gobgp_trio.fib.rules import RuleSet
from gobgp_trio.rib.rib import Rib

log = structlog.get_logger()


class NetlinkService:
    """Owner of the kernel side of the daemon.

    Attributes:
        view: the kernel's links, addresses and routes of others, true while ``run`` runs.
        importer: present once ``run`` has opened the kernel.
        exporter: present while export is on.
    """

    def __init__(self, rib: Rib) -> None:
        self.view = KernelView({MAIN_TABLE})
        self.import_settings = NetlinkImport()
        self.export_settings: NetlinkExport | None = None
        self.importer: Importer | None = None
        self.exporter: Exporter | None = None
        self._rib = rib
        self._kernel: Kernel | None = None
        self._monitor: KernelMonitor | None = None
        self._nursery: trio.Nursery | None = None
        self._export_scope: trio.CancelScope | None = None
        self._claim: socket.socket | None = None

    async def run(
        self,
        kernel: Kernel,
        config: Config,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> NoReturn:
        """Serve until cancelled; started when ``config`` is in force.

        Raises:
            ProtocolInUse: export may not use its protocol number here.
            KernelRefused, OutcomeUnknown: the kernel cannot be read at all.
        """
        export = config.netlink_export
        view = self.view
        protocol = export.route_protocol if export is not None else None
        self._kernel = kernel
        self._monitor = KernelMonitor(kernel, view, protocol)
        self.importer = Importer(view, self._rib)
        self._monitor.listeners.append(self.importer)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await nursery.start(self._monitor.run)
                await self.apply(config)
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._release_claim()
        raise AssertionError("unreachable")

    async def apply(self, config: Config) -> None:
        """Bring import and export to these settings.

        Raises:
            ProtocolInUse: export may not use the new protocol number; nothing was changed.
        """
        assert self.importer is not None
        await self._apply_export(config.netlink_export)
        if config.netlink_import != self.import_settings:
            self.import_settings = config.netlink_import
            self.importer.apply_settings(config.netlink_import)

    async def _apply_export(self, new: NetlinkExport | None) -> None:
        old = self.export_settings
        if new == old:
            return
        if new is not None:
            self._claim_protocol(new)
        self.export_settings = new
        if new is None:
            await self._stop_export(flush=False)
        elif not new.enabled:
            if self.exporter is not None:
                await self._stop_export(flush=True)
            else:
                await self._remove_old_routes(new)
            self._release_claim()
        elif self.exporter is not None:
            self.exporter.apply_settings(new)  # and _change_protocol once the old routes are gone
        else:
            self._change_protocol(new.route_protocol)
            await self._start_export(new)

    def _claim_protocol(self, new: NetlinkExport) -> None:
        """Make sure the number is ours alone; an older claim is given up once the new one holds."""
        old = self.export_settings
        if not new.allow_shared_protocol:
            check_other_daemons(new.route_protocol)
        if self._claim is None or old is None or old.route_protocol != new.route_protocol:
            claim = hold_protocol(new.route_protocol)
            self._release_claim()
            self._claim = claim

    def _release_claim(self) -> None:
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def _change_protocol(self, protocol: int) -> None:
        """Routes of another number are foreign ones from now on, and the other way round."""
        assert self._monitor is not None
        if self._monitor.own_protocol != protocol:
            self._monitor.own_protocol = protocol
            self._monitor.reload_soon()

    async def _start_export(self, settings: NetlinkExport) -> None:
        assert self._kernel is not None
        assert self._monitor is not None
        assert self._nursery is not None
        exporter = Exporter(
            self._kernel,
            self._monitor.view,
            settings,
            self._rib.iterate_best,
            on_protocol_moved=self._change_protocol,
        )
        self._export_scope = await self._nursery.start(_run_in_scope, exporter)
        self._rib.subscribe(exporter.on_changes)
        self._monitor.listeners.append(exporter)
        self.exporter = exporter
        if any(table.routes for table in self._rib.tables.values()):
            exporter.apply_settings(settings)

    async def _stop_export(self, *, flush: bool) -> None:
        exporter, scope = self.exporter, self._export_scope
        if exporter is None or scope is None or self._monitor is None:
            return
        self._rib.unsubscribe(exporter.on_changes)
        self._monitor.listeners.remove(exporter)
        if flush:
            await exporter.flush()
        scope.cancel()
        self.exporter = self._export_scope = None
        self._release_claim()

    async def _remove_old_routes(self, settings: NetlinkExport) -> None:
        """``enabled = false``: what an earlier run left goes, default routes too."""
        assert self._kernel is not None
        assert self._monitor is not None
        planner = Planner(RuleSet(()), Resolver(self._monitor.view, via_default=False))
        auditor = Auditor(self._kernel, planner)
        await auditor.clean_up(settings.route_protocol, keep_default=False)


async def _run_in_scope(
    exporter: Exporter, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run an exporter so that it alone can be stopped."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(exporter.run)
            task_status.started(scope)
