"""Which RPC is which method.  An RPC that is not here is answered UNIMPLEMENTED by name."""

from gobgp_trio.api.service.global_config import GlobalMethods
from gobgp_trio.api.service.local_paths import LocalPathMethods
from gobgp_trio.api.service.method import Method, Streaming, Unary, Waiting
from gobgp_trio.api.service.netlink import NetlinkMethods
from gobgp_trio.api.service.peer_control import PeerControlMethods
from gobgp_trio.api.service.peers import PeerMethods
from gobgp_trio.api.service.tables import TableMethods
from gobgp_trio.api.service.view import DaemonView


def make_methods(view: DaemonView) -> dict[str, Method]:
    """The methods of a daemon, by the name of the RPC."""
    control = PeerControlMethods(view)
    global_ = GlobalMethods(view)
    local_paths = LocalPathMethods(view)
    netlink = NetlinkMethods(view)
    tables = TableMethods(view)
    return {
        "GetBgp": Unary(global_.get_bgp),
        "ListPeer": Streaming(PeerMethods(view).list_peer),
        "ResetPeer": Waiting(control.reset_peer),
        "ShutdownPeer": Unary(control.shutdown_peer),
        "EnablePeer": Unary(control.enable_peer),
        "DisablePeer": Unary(control.disable_peer),
        "AddPath": Unary(local_paths.add_path),
        "DeletePath": Waiting(local_paths.delete_path),
        "ListPath": Streaming(tables.list_path),
        "GetTable": Unary(tables.get_table),
        "GetNetlink": Unary(netlink.get_netlink),
        "GetNetlinkImportStats": Unary(netlink.get_import_stats),
        "ListNetlinkExport": Streaming(netlink.list_export),
        "ListNetlinkExportRules": Unary(netlink.list_export_rules),
        "GetNetlinkExportStats": Unary(netlink.get_export_stats),
        "FlushNetlinkExport": Waiting(netlink.flush_export),
    }
