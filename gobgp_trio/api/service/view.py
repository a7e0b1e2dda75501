"""What the RPCs see of the daemon; ``daemon.daemon.Daemon`` is one.

The parts that make no sense without BGP (speaker, peers) exist always; ``config.global_`` says
whether BGP was started.
"""

from collections.abc import Mapping
from typing import Protocol

from gobgp_trio.api.service.method import NOT_STARTED, RpcError
from gobgp_trio.bgp.session.negotiate import Negotiated
from gobgp_trio.bgp.session.outputs import State
from gobgp_trio.config.schema import Config, Global, Neighbor, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.export_stats import ExportStats
from gobgp_trio.daemon.importer import ImportStats
from gobgp_trio.daemon.peer_stats import PeerStats
from gobgp_trio.daemon.speaker import Speaker
from gobgp_trio.fib.rules import TargetKey
from gobgp_trio.fib.target import Target
from gobgp_trio.types.family import Family


class PeerView(Protocol):
    """A neighbor and its session."""

    @property
    def neighbor(self) -> Neighbor: ...

    @property
    def stats(self) -> PeerStats: ...

    @property
    def is_admin_down(self) -> bool: ...

    @property
    def is_over_limit(self) -> bool:
        """The session is down because the peer announced more prefixes than it may."""

    @property
    def state(self) -> State: ...

    @property
    def negotiated(self) -> Negotiated | None:
        """The terms of the established session, None while there is none."""

    def enable(self) -> None:
        """Administratively up."""

    def disable(self, message: str = "") -> None:
        """Administratively down; the peer's operator gets the message."""

    def reset(self, message: str = "") -> None:
        """End the session and begin again after a rest."""


class PeersView(Protocol):
    """All neighbors."""

    @property
    def peers(self) -> Mapping[str, PeerView]: ...

    def find(self, address: str) -> PeerView | None:
        """The neighbor with this address, however it is written."""


class PlannerView(Protocol):
    """What is in the kernel, and how it came there."""

    @property
    def targets(self) -> Mapping[tuple[TargetKey, Family], Target]: ...

    @property
    def attempts_count(self) -> int:
        """Next-hop validations of routes."""

    @property
    def failures_count(self) -> int:
        """The negative ones among them."""


class ExporterView(Protocol):
    """The kernel export while it runs."""

    @property
    def stats(self) -> ExportStats: ...

    @property
    def planner(self) -> PlannerView: ...

    @property
    def dampened_count(self) -> int:
        """Updates that replaced one still waiting."""

    async def flush(self) -> None:
        """Remove every route of ours from the kernel."""


class ImporterView(Protocol):
    """The kernel import."""

    @property
    def stats(self) -> ImportStats: ...


class NetlinkView(Protocol):
    """Both directions between the tables and the kernel."""

    @property
    def import_settings(self) -> NetlinkImport: ...

    @property
    def export_settings(self) -> NetlinkExport | None: ...

    @property
    def importer(self) -> ImporterView | None: ...

    @property
    def exporter(self) -> ExporterView | None: ...


class DaemonView(Protocol):
    """The daemon."""

    @property
    def config(self) -> Config: ...

    @property
    def speaker(self) -> Speaker: ...

    @property
    def peers(self) -> PeersView: ...

    @property
    def netlink(self) -> NetlinkView: ...


def require_started(view: DaemonView) -> Global:
    """The global configuration.

    Raises:
        RpcError: BGP was not started.
    """
    if view.config.global_ is None:
        raise RpcError(NOT_STARTED)
    return view.config.global_
