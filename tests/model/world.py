"""A daemon's kernel side on a fake kernel, and what a property does to both.

The daemon under test is the real ``Rib``, ``NetlinkService`` and all below it.  ``World`` keeps the
offers and the rules a second time, in the model's plain terms, and reads the kernel's facts from
the fake kernel; ``check`` holds the FIB against ``fib_model``.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network

import trio
import trio.testing

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.config.schema import Config, ExportRule, NetlinkExport, NetlinkImport
from gobgp_trio.daemon.netlink_service import NetlinkService
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rtnl.route import RTN_UNICAST, KernelRoute
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Source, SourceKind
from gobgp_trio.types.prefix import format_prefix, parse_address, parse_prefix
from tests.fakes.kernel import FakeKernel
from tests.fakes.kernel_state import Refused
from tests.model.fib_model import (
    Facts,
    Fib,
    IpNetwork,
    ModelPath,
    ModelRoute,
    ModelRule,
    expected_fib,
)

# Claimed in the network namespace the tests run in, so two runs at once need numbers of their own.
PROTOCOL = 60 + os.getpid() % 100
UNICAST = (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
IMPORTED_LINK = "eth1"
IMPORT_LOCAL_PREF = 100
LINKS = ("eth0", "eth1", "eth2")
ADDRESSES = {
    "eth0": ("10.0.0.1/24", "2001:db8::1/64"),
    "eth1": ("10.0.1.1/24", "2001:db8:0:1::1/64"),
    "eth2": ("10.0.2.1/24", "2001:db8:0:2::1/64"),
}
PEERS = ("east", "west")
SESSION_LINK = {"east": "eth0", "west": "eth1"}
LONGEST_PAUSE_S = 130.0  # every back-off has ended by then
LEFTOVER_DEFAULT_PAUSE_S = 400.0


class World:
    """One run of a property."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.kernel = FakeKernel()
        for name in LINKS:
            self.kernel.add_link(name)
            for address in ADDRESSES[name]:
                self.kernel.add_address(name, address)
        self.export = NetlinkExport(enabled=True, route_protocol=PROTOCOL, dampening_s=0.1)
        self.export = replace(self.export, rules=(ExportRule("all"),))
        self.offers: dict[str, dict[str, ModelPath]] = {name: {} for name in PEERS}
        self.pause_s = LONGEST_PAUSE_S
        self.service: NetlinkService
        self.rib: Rib
        self._sources: dict[str, Source] = {}
        self._nursery = nursery
        self._scope = trio.CancelScope()

    # --- the daemon

    async def start(self) -> None:
        """A daemon without memory on the kernel as it is; the peers tell it all they have."""
        self.rib = Rib(UNICAST)
        for name in PEERS:
            self._add_source(name)
        self.service = NetlinkService(self.rib)
        self._scope = await self._nursery.start(self._run_service)
        for name in PEERS:
            for prefix, path in self.offers[name].items():
                self._announce(name, prefix, path)

    async def _run_service(
        self, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.CancelScope() as scope, self.kernel.open() as kernel:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.service.run, kernel, self.config)
                task_status.started(scope)

    @property
    def config(self) -> Config:
        imports = NetlinkImport(enabled=True, interface_list=(IMPORTED_LINK,))
        return Config(netlink_import=imports, netlink_export=self.export)

    async def stop(self) -> None:
        """As by kill -9: in the middle of whatever goes on, leaving all routes behind."""
        self._scope.cancel()
        await trio.testing.wait_all_tasks_blocked()

    async def reload(self, export: NetlinkExport) -> None:
        """SIGHUP."""
        self.export = export
        await self.service.apply(self.config)

    async def lose_session(self, name: str) -> None:
        """A session ends and comes back with nothing."""
        self.offers[name].clear()
        for _ in self.rib.remove_source(self._sources[name]):
            await trio.lowlevel.checkpoint()
        self._add_source(name)

    def _add_source(self, name: str) -> None:
        index = self.kernel.index_of(SESSION_LINK[name])
        self._sources[name] = Source(SourceKind.PEER, name, interface_index=index)
        self.rib.add_source(self._sources[name])

    def announce(self, name: str, prefix: str, path: ModelPath) -> None:
        """A peer's offer, new or changed."""
        self.offers[name][prefix] = path
        self._announce(name, prefix, path)

    def _announce(self, name: str, prefix: str, path: ModelPath) -> None:
        family, nlri = parse_prefix(prefix)
        words = [tuple(map(int, text.split(":"))) for text in sorted(path.communities)]
        attributes = make_attributes(
            origin=0,
            next_hop=parse_address(path.next_hop),
            local_pref=path.local_pref,
            communities=[word[0] << 16 | word[1] for word in words if len(word) == 2],
            large_communities=[(w[0], w[1], w[2]) for w in words if len(w) == 3],
        )
        self.rib.announce(self._sources[name], family, attributes, [nlri], 0.0)

    def withdraw(self, name: str, prefix: str) -> None:
        """A peer takes its offer back, if it made one."""
        if self.offers[name].pop(prefix, None) is not None:
            family, nlri = parse_prefix(prefix)
            self.rib.withdraw(self._sources[name], family, [nlri])

    # --- the kernel, by other hands

    def disturb(self, act: Callable[[FakeKernel], None]) -> None:
        """Do something to the kernel that it may refuse."""
        with suppress(Refused, StopIteration):
            act(self.kernel)

    # --- what is there, and what must be

    def ours(self) -> Fib:
        """The routes of our protocol number that the kernel has."""
        fib: Fib = {}
        for route in self._routes():
            if route.protocol == PROTOCOL:
                fib[_key(route)] = frozenset(
                    (ip_address(leg.gateway), leg.interface_index) for leg in route.legs
                )
        return fib

    def foreign(self) -> list[KernelRoute]:
        """All other routes."""
        return [route for route in self._routes() if route.protocol != PROTOCOL]

    def _routes(self) -> list[KernelRoute]:
        return [route for family in UNICAST for route in self.kernel.routes(family)]

    def expected(self) -> Fib:
        """What the model says."""
        if not self.export.enabled:
            return {}
        offers: dict[str, list[ModelPath]] = {}
        for source in (*self.offers.values(), self._imported()):
            for prefix, path in source.items():
                offers.setdefault(prefix, []).append(path)
        rules = [_model_rule(rule) for rule in self.export.rules]
        return expected_fib(
            offers, rules, self._facts(), via_default=self.export.resolve_via_default
        )

    def _imported(self) -> dict[str, ModelPath]:
        link = self.kernel.link(IMPORTED_LINK)
        path = ModelPath(IMPORT_LOCAL_PREF, "0.0.0.0", imported=True)
        return {
            str(ip_network((address.network_address, address.prefix_bits), strict=False)): path
            for address in self.kernel.state.addresses
            if address.interface_index == link.index and link.carrier
        }

    def _facts(self) -> Facts:
        links = self.kernel.state.links.values()
        return Facts(
            up=frozenset(link.index for link in links if link.up),
            running=frozenset(link.index for link in links if link.carrier),
            own_addresses=frozenset(ip_address(a.address) for a in self.kernel.state.addresses),
            routes=[
                ModelRoute(
                    *_key(route),
                    route.route_type == RTN_UNICAST,
                    tuple(
                        (
                            ip_address(leg.gateway) if leg.gateway else None,
                            leg.interface_index,
                            leg.onlink,
                        )
                        for leg in route.legs
                    ),
                )
                for route in self.foreign()
            ],
        )

    async def rest(self) -> None:
        """Let time pass; whatever the daemon does meanwhile, it touches no route of others."""
        before = self.foreign()
        await trio.sleep(self.pause_s)
        assert self.foreign() == before

    def check(self) -> None:
        """The kernel has what the model says."""
        ours, expected = self.ours(), self.expected()
        assert ours == expected, self.explain(ours, expected)

    def explain(self, ours: Fib, expected: Fib) -> str:
        """What a failed comparison shows beside the two FIBs."""
        text = [f"too much: {key} {legs}" for key, legs in ours.items() - expected.items()]
        text += [f"missing: {key} {legs}" for key, legs in expected.items() - ours.items()]
        exporter = self.service.exporter
        for target in exporter.planner.targets.values() if exporter is not None else ():
            for nlri, entry in target.waiting.items():
                prefix = format_prefix(target.family, nlri)
                place = f"{target.key.table_id}/{target.key.metric}"
                text.append(f"waiting: {prefix} in {place}: {entry.state.value}, {entry.detail}")
        text += [f"foreign: {route}" for route in self.foreign() if route.table_id != 255]
        return "\n".join(text)


def _key(route: KernelRoute) -> tuple[int, int, IpNetwork]:
    return route.table_id, route.metric or 0, ip_network(format_prefix(route.family, route.nlri))


def _model_rule(rule: ExportRule) -> ModelRule:
    standard = {f"{value >> 16}:{value & 0xFFFF}" for value in rule.communities}
    large = {":".join(map(str, words)) for words in rule.large_communities}
    return ModelRule(frozenset(standard | large), rule.table_id, rule.metric, rule.validate_nexthop)
