"""Connected networks of listed interfaces into the RIB, as soon as the kernel says so.

The work is a difference of two small tables, done in the turn that brought the kernel's event.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.config.schema import NetlinkImport
from gobgp_trio.fib.imports import Networks, connected_networks, difference, is_glob
from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rtnl.event import RouteEvent
from gobgp_trio.types.attributes import ORIGIN_IGP, PathAttributes
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Source, SourceKind

log = structlog.get_logger()


class LocalRib(Protocol):
    """What the importer needs of the RIB."""

    def add_source(self, source: Source) -> None: ...

    def announce(
        self,
        source: Source,
        family: Family,
        attributes: PathAttributes,
        nlris: list[bytes],
        now_s: float,
    ) -> None: ...

    def withdraw(self, source: Source, family: Family, nlris: list[bytes]) -> None: ...


@dataclass(slots=True)
class ImportStats:
    """What ``gobgp netlink import stats`` shows; times in seconds since the epoch, 0 for never."""

    imported_count: int = 0
    withdrawn_count: int = 0
    errors_count: int = 0
    last_import_s: int = 0
    last_withdraw_s: int = 0
    last_error_s: int = 0
    last_error: str = ""


class Importer:
    """Keeps the RIB's imported networks equal to the kernel's connected ones."""

    def __init__(
        self, view: KernelView, rib: LocalRib, wall_clock_s: Callable[[], float] = time.time
    ) -> None:
        self.settings = NetlinkImport()
        self.stats = ImportStats()
        self._view = view
        self._rib = rib
        self._wall_clock_s = wall_clock_s
        self._networks: Networks = {}
        self._sources: dict[str, Source] = {}
        self._reported_absent: set[str] = set()
        self._attributes = {
            family: make_attributes(origin=ORIGIN_IGP, next_hop=bytes(family.address_octets))
            for family in (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
        }

    def apply_settings(self, settings: NetlinkImport) -> None:
        """Import by these settings from now on; networks they do not cover are withdrawn."""
        self.settings = settings
        self._reported_absent.clear()
        self._update()

    def on_kernel(self, changes: ViewChanges, routes: list[RouteEvent]) -> None:
        """The kernel changed; import comes from addresses, so ``routes`` do not matter."""
        del routes
        if self.settings.enabled and (changes.links or changes.addresses or changes.everything):
            self._update()

    def interfaces_absent(self) -> list[str]:
        """Interfaces listed by name that do not exist at present."""
        return [
            entry
            for entry in self.settings.interface_list
            if not is_glob(entry) and self._view.link_named(entry) is None
        ]

    def _update(self) -> None:
        wanted: Networks = {}
        if self.settings.enabled:
            wanted = connected_networks(self._view, self.settings.interface_list)
            self._report_absent()
        added, gone = difference(self._networks, wanted)
        self._networks = wanted
        now_s = self._wall_clock_s()
        for (family, interface), nlris in _by_interface(added).items():
            source = self._source(interface)
            self._rib.announce(source, family, self._attributes[family], nlris, now_s)
        for (family, interface), nlris in _by_interface(gone).items():
            self._rib.withdraw(self._sources[interface], family, nlris)
        if added:
            self.stats.imported_count += len(added)
            self.stats.last_import_s = int(now_s)
        withdrawn_count = len(gone.keys() - added.keys())
        if withdrawn_count:
            self.stats.withdrawn_count += withdrawn_count
            self.stats.last_withdraw_s = int(now_s)

    def _source(self, interface: str) -> Source:
        source = self._sources.get(interface)
        if source is None:
            source = self._sources[interface] = Source(SourceKind.NETLINK, interface)
            self._rib.add_source(source)
        return source

    def _report_absent(self) -> None:
        absent = set(self.interfaces_absent())
        for name in sorted(absent - self._reported_absent):
            log.warning("netlink import: interface does not exist (yet)", interface=name)
        self._reported_absent = absent


def _by_interface(networks: Networks) -> dict[tuple[Family, str], list[bytes]]:
    grouped: dict[tuple[Family, str], list[bytes]] = {}
    for (family, nlri), interface in networks.items():
        grouped.setdefault((family, interface), []).append(nlri)
    return grouped
