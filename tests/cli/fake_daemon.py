"""A server of the API with answers set by the test, in a thread with its own event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import betterproto
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server

from gobgp_trio.api.pb.api import (
    AddPathRequest,
    AddPathResponse,
    DeletePathRequest,
    DeletePathResponse,
    DisablePeerRequest,
    DisablePeerResponse,
    EnablePeerRequest,
    EnablePeerResponse,
    FlushNetlinkExportRequest,
    FlushNetlinkExportResponse,
    GetBgpRequest,
    GetBgpResponse,
    GetNetlinkExportStatsRequest,
    GetNetlinkExportStatsResponse,
    GetNetlinkImportStatsRequest,
    GetNetlinkImportStatsResponse,
    GetNetlinkRequest,
    GetNetlinkResponse,
    GetTableRequest,
    GetTableResponse,
    Global,
    GoBgpServiceBase,
    ListNetlinkExportRequest,
    ListNetlinkExportResponse,
    ListNetlinkExportRulesRequest,
    ListNetlinkExportRulesResponse,
    ListPathRequest,
    ListPathResponse,
    ListPeerRequest,
    ListPeerResponse,
    Peer,
    ResetPeerRequest,
    ResetPeerResponse,
    ShutdownPeerRequest,
    ShutdownPeerResponse,
)


@dataclass
class FakeDaemon(GoBgpServiceBase):
    """What it answers, and every request it got; ``refusal`` is the answer to changes."""

    target: str = ""
    found: Global = field(default_factory=Global)
    peers: Sequence[Peer] = ()
    paths: Sequence[ListPathResponse] = ()
    table: GetTableResponse = field(default_factory=GetTableResponse)
    netlink: GetNetlinkResponse = field(default_factory=GetNetlinkResponse)
    exported: Sequence[ListNetlinkExportResponse] = ()
    refusal: str = ""
    requests: list[betterproto.Message] = field(default_factory=list)

    async def get_bgp(self, get_bgp_request: GetBgpRequest) -> GetBgpResponse:
        self.requests.append(get_bgp_request)
        return GetBgpResponse(global_=self.found)

    async def list_peer(
        self, list_peer_request: ListPeerRequest
    ) -> AsyncIterator[ListPeerResponse]:
        self.requests.append(list_peer_request)
        for peer in self.peers:
            yield ListPeerResponse(peer=peer)

    async def reset_peer(self, reset_peer_request: ResetPeerRequest) -> ResetPeerResponse:
        self._change(reset_peer_request)
        return ResetPeerResponse()

    async def enable_peer(self, enable_peer_request: EnablePeerRequest) -> EnablePeerResponse:
        self._change(enable_peer_request)
        return EnablePeerResponse()

    async def disable_peer(self, disable_peer_request: DisablePeerRequest) -> DisablePeerResponse:
        self._change(disable_peer_request)
        return DisablePeerResponse()

    async def shutdown_peer(
        self, shutdown_peer_request: ShutdownPeerRequest
    ) -> ShutdownPeerResponse:
        self._change(shutdown_peer_request)
        return ShutdownPeerResponse()

    async def list_path(
        self, list_path_request: ListPathRequest
    ) -> AsyncIterator[ListPathResponse]:
        self.requests.append(list_path_request)
        for answer in self.paths:
            yield answer

    async def get_table(self, get_table_request: GetTableRequest) -> GetTableResponse:
        self.requests.append(get_table_request)
        return self.table

    async def add_path(self, add_path_request: AddPathRequest) -> AddPathResponse:
        self._change(add_path_request)
        return AddPathResponse()

    async def delete_path(self, delete_path_request: DeletePathRequest) -> DeletePathResponse:
        self._change(delete_path_request)
        return DeletePathResponse()

    async def get_netlink(self, get_netlink_request: GetNetlinkRequest) -> GetNetlinkResponse:
        self.requests.append(get_netlink_request)
        return self.netlink

    async def get_netlink_import_stats(
        self, get_netlink_import_stats_request: GetNetlinkImportStatsRequest
    ) -> GetNetlinkImportStatsResponse:
        self.requests.append(get_netlink_import_stats_request)
        return GetNetlinkImportStatsResponse(imported=42)

    async def list_netlink_export(
        self, list_netlink_export_request: ListNetlinkExportRequest
    ) -> AsyncIterator[ListNetlinkExportResponse]:
        self.requests.append(list_netlink_export_request)
        for answer in self.exported:
            yield answer

    async def list_netlink_export_rules(
        self, list_netlink_export_rules_request: ListNetlinkExportRulesRequest
    ) -> ListNetlinkExportRulesResponse:
        self.requests.append(list_netlink_export_rules_request)
        return ListNetlinkExportRulesResponse()

    async def get_netlink_export_stats(
        self, get_netlink_export_stats_request: GetNetlinkExportStatsRequest
    ) -> GetNetlinkExportStatsResponse:
        self.requests.append(get_netlink_export_stats_request)
        return GetNetlinkExportStatsResponse(exported=125)

    async def flush_netlink_export(
        self, flush_netlink_export_request: FlushNetlinkExportRequest
    ) -> FlushNetlinkExportResponse:
        self._change(flush_netlink_export_request)
        return FlushNetlinkExportResponse()

    def _change(self, request: betterproto.Message) -> None:
        self.requests.append(request)
        if self.refusal:
            raise GRPCError(Status.UNKNOWN, self.refusal)


@contextmanager
def serve(daemon: FakeDaemon, folder: Path) -> Iterator[FakeDaemon]:
    """Serve on a unix socket in ``folder`` until the block ends."""
    path = str(folder / "api.sock")
    daemon.target = f"unix://{path}"
    loop = asyncio.SelectorEventLoop()  # not new_event_loop: trio-asyncio changes what that makes
    is_listening = threading.Event()

    async def run(stop: asyncio.Event) -> None:
        server = Server([daemon])
        await server.start(path=path)
        is_listening.set()
        await stop.wait()
        server.close()
        await server.wait_closed()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(stop),))
    thread.start()
    try:
        assert is_listening.wait(10)
        yield daemon
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
