"""The daemon's FIB equals an independent recomputation, whatever happens in whatever order."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gobgp_trio.config.schema import ExportRule
from gobgp_trio.rtnl.route import RTN_BLACKHOLE
from gobgp_trio.types.prefix import parse_address
from tests.fakes.kernel import FakeKernel
from tests.fakes.route_requests import RouteDetails
from tests.model.fib_model import ModelPath
from tests.model.world import (
    ADDRESSES,
    LEFTOVER_DEFAULT_PAUSE_S,
    LINKS,
    LONGEST_PAUSE_S,
    PEERS,
    PROTOCOL,
    World,
)

Op = Callable[[World], Awaitable[None]]

PREFIXES = (
    "192.0.2.0/24",
    "198.51.100.128/25",
    "203.0.113.7/32",
    "10.0.1.0/24",  # also a connected network, which is imported
    "10.0.0.0/8",  # covers next hops
    "0.0.0.0/0",
    "2001:db8:100::/48",
    "2001:db8::/32",
    "::/0",
)
NEXT_HOPS = {
    4: ("10.0.0.9", "10.0.1.9", "10.0.2.9", "172.16.0.1", "172.17.0.1", "192.168.9.9", "10.0.0.1"),
    6: ("2001:db8::9", "2001:db8:0:1::9", "2001:db8:aa::1", "2001:db8:bb::1", "fe80::9"),
}
COMMUNITIES = ("65000:1", "65000:2", "65000:1:2")
GATEWAYS = {
    4: (("10.0.0.2", "eth0"), ("10.0.1.2", "eth1"), ("10.0.2.2", "eth2")),
    6: (("2001:db8::2", "eth0"), ("2001:db8:0:1::2", "eth1"), ("fe80::2", "eth2")),
}
FOREIGN = 200  # the protocol number of a program that wants our keys
# What others route: ways to next hops, and defaults.
STATIC_PREFIXES = (
    "172.16.0.0/16",
    "172.16.0.0/24",
    "172.17.0.1/32",
    "10.0.0.9/32",
    "10.0.1.0/25",
    "0.0.0.0/0",
    "2001:db8:aa::/48",
    "2001:db8:aa::1/128",
    "::/0",
)


def version(prefix: str) -> int:
    return 6 if ":" in prefix else 4


# --- operations


@st.composite
def announcements(draw: st.DrawFn) -> Op:
    name, prefix = draw(st.sampled_from(PEERS)), draw(st.sampled_from(PREFIXES))
    path = ModelPath(
        # no two sources, nor the imported networks with their 100, ever share a preference
        local_pref=draw(st.sampled_from((50, 150))) + PEERS.index(name),
        next_hop=draw(st.sampled_from(NEXT_HOPS[version(prefix)])),
        communities=draw(st.frozensets(st.sampled_from(COMMUNITIES), max_size=2)),
        session_link=(2, 3)[PEERS.index(name)],
    )

    async def announce(name: str, prefix: str, path: ModelPath, world: World) -> None:
        world.announce(name, prefix, path)

    return partial(announce, name, prefix, path)


def withdrawals() -> st.SearchStrategy[Op]:
    async def withdraw(name: str, prefix: str, world: World) -> None:
        world.withdraw(name, prefix)

    return st.builds(partial, st.just(withdraw), st.sampled_from(PEERS), st.sampled_from(PREFIXES))


def session_losses() -> st.SearchStrategy[Op]:
    async def lose(name: str, world: World) -> None:
        await world.lose_session(name)

    return st.builds(partial, st.just(lose), st.sampled_from(PEERS))


def link_changes() -> st.SearchStrategy[Op]:
    async def change(name: str, word: str, world: World) -> None:
        kernel = world.kernel
        if word in ("down", "flap"):
            kernel.set_link(name, up=False)
        if word in ("up", "flap"):
            kernel.set_link(name, up=True)
        if word in ("pull", "plug"):
            kernel.set_link(name, plugged=word == "plug")

    words = st.sampled_from(("down", "up", "flap", "pull", "plug"))
    return st.builds(partial, st.just(change), st.sampled_from(LINKS), words)


def address_changes() -> st.SearchStrategy[Op]:
    async def change(name: str, which: int, word: str, world: World) -> None:
        text = ADDRESSES[name][which]
        if word in ("remove", "flap"):
            world.disturb(lambda kernel: kernel.remove_address(name, text))
        held = {(a.interface_index, a.address) for a in world.kernel.state.addresses}
        if word == "remove" or _address(world.kernel, name, text) in held:
            return
        if world.kernel.link(name).up:  # an IPv6 address goes when its link is switched off
            world.kernel.add_address(name, text)

    return st.builds(
        partial,
        st.just(change),
        st.sampled_from(LINKS),
        st.sampled_from((0, 1)),
        st.sampled_from(("remove", "add", "flap")),
    )


def _address(kernel: FakeKernel, name: str, text: str) -> tuple[int, bytes]:
    return kernel.link(name).index, parse_address(text.partition("/")[0])


async def route_op(mode: str, prefix: str, details: RouteDetails, world: World) -> None:
    """Somebody's ``ip route``; where it may meet a route of ours, the daemon gets to hear of it.

    A replace of ours that races with a foreign replace is the one thing nobody can prevent: the
    kernel's replace asks nobody.
    """
    world.disturb(lambda kernel: kernel.route(mode, prefix, **details))
    if mode == "replace":
        before = world.foreign()
        await trio.testing.wait_all_tasks_blocked()
        assert world.foreign() == before


@st.composite
def route_details(draw: st.DrawFn, family: int) -> RouteDetails:
    kind = draw(st.sampled_from(("via", "via", "via", "dev", "blackhole", "hops", "onlink")))
    gateway, link = draw(st.sampled_from(GATEWAYS[family]))
    if kind == "dev":
        return {"dev": link}
    if kind == "blackhole":
        return {"route_type": RTN_BLACKHOLE}
    if kind == "hops":
        return {"hops": GATEWAYS[family][:2]}
    if kind == "onlink":
        far = "172.30.0.1" if family == 4 else "2001:db8:ff::1"
        return {"via": far, "dev": link, "onlink": True}
    return {"via": gateway, "dev": link}


@st.composite
def static_routes(draw: st.DrawFn) -> Op:
    """Routes of others that next hops are resolved through."""
    prefix = draw(st.sampled_from(STATIC_PREFIXES))
    mode = draw(st.sampled_from(("add", "add", "replace", "delete")))
    details: RouteDetails = {"protocol": 4}
    if mode != "delete":
        details = {**details, **draw(route_details(version(prefix)))}
        details["metric"] = draw(st.sampled_from((5, 50)))
    return partial(route_op, mode, prefix, details)


@st.composite
def quarrels(draw: st.DrawFn) -> Op:
    """Routes at the very keys we may write."""
    prefix = draw(st.sampled_from(PREFIXES))
    mode = draw(st.sampled_from(("add", "replace", "delete", "delete ours", "change ours")))
    details: RouteDetails = {
        "table_id": draw(st.sampled_from((254, 100))),
        "metric": draw(st.sampled_from((20, 30, 0))),
        "protocol": PROTOCOL if "ours" in mode else FOREIGN,
    }
    if "delete" not in mode:
        details = {**details, **draw(route_details(version(prefix)))}
    if mode != "change ours":
        return partial(route_op, mode.partition(" ")[0], prefix, details)

    return partial(change_ours, prefix, details)


async def change_ours(prefix: str, details: RouteDetails, world: World) -> None:
    """Somebody alters a route of ours, if there is one."""
    table_id, metric = details["table_id"], details["metric"]
    kernel_metric = 1024 if version(prefix) == 6 and metric == 0 else metric
    if any(key[:2] == (table_id, kernel_metric) and str(key[2]) == prefix for key in world.ours()):
        await route_op("replace", prefix, details, world)


def faults() -> st.SearchStrategy[Op]:
    """Lost events, lost replies, writes that stop midway."""

    async def lose_events(world: World) -> None:
        world.kernel.lose_events()

    async def lose_replies(count: int, world: World) -> None:
        world.kernel.lose_replies_after(count)

    async def stop_writing(count: int, world: World) -> None:
        world.kernel.stop_writing_after(count)

    counts = st.integers(0, 3)
    return st.one_of(
        st.just(lose_events),
        st.builds(partial, st.just(lose_replies), counts),
        st.builds(partial, st.just(stop_writing), counts),
    )


def pauses() -> st.SearchStrategy[Op]:
    async def pause(pause_s: float, world: World) -> None:
        del world
        await trio.sleep(pause_s)

    return st.builds(partial, st.just(pause), st.sampled_from((0.0, 0.01, 0.11, 1.0, 11.0)))


@st.composite
def reloads(draw: st.DrawFn) -> Op:
    wanted = draw(st.lists(rules(), min_size=1, max_size=3))
    numbered = tuple(replace(rule, name=f"rule {at}") for at, rule in enumerate(wanted))
    changes = {
        "enabled": draw(st.integers(0, 9)) > 0,
        "rules": numbered,
        "dampening_s": draw(st.sampled_from((0.0, 0.1))),
        "resolve_via_default": draw(st.booleans()),
    }
    return partial(reload, changes)


async def reload(changes: dict[str, Any], world: World) -> None:
    await world.reload(replace(world.export, **changes))


def rules() -> st.SearchStrategy[ExportRule]:
    standard = st.frozensets(st.sampled_from((65000 << 16 | 1, 65000 << 16 | 2)), max_size=1)
    large = st.frozensets(st.just((65000, 1, 2)), max_size=1)
    return st.builds(
        ExportRule,
        name=st.just(""),
        communities=standard.map(tuple),
        large_communities=large.map(tuple),
        table_id=st.sampled_from((254, 100)),
        metric=st.sampled_from((20, 20, 30, 0)),
        validate_nexthop=st.sampled_from((True, True, False)),
    )


@st.composite
def restarts(draw: st.DrawFn) -> Op:
    meanwhile = draw(st.lists(st.one_of(quarrels(), link_changes(), withdrawals_unheard())))

    return partial(restart, meanwhile)


async def restart(meanwhile: list[Op], world: World) -> None:
    await trio.sleep(6)  # a fault that waits for the next request finds one by then
    await world.stop()
    for op in meanwhile:
        await op(world)
    await world.start()
    world.pause_s = LEFTOVER_DEFAULT_PAUSE_S


def withdrawals_unheard() -> st.SearchStrategy[Op]:
    """What a peer does not offer any more when the daemon comes back."""

    async def forget(name: str, prefix: str, world: World) -> None:
        world.offers[name].pop(prefix, None)

    return st.builds(partial, st.just(forget), st.sampled_from(PEERS), st.sampled_from(PREFIXES))


def operations() -> st.SearchStrategy[Op]:
    return st.one_of(
        announcements(),
        announcements(),
        announcements(),
        withdrawals(),
        link_changes(),
        address_changes(),
        static_routes(),
        quarrels(),
        session_losses(),
        faults(),
        pauses(),
        reloads(),
        restarts(),
    )


# --- the properties


def run_world(play: Callable[[World], Awaitable[None]]) -> list[object]:
    """Play on a world of its own, in virtual time; what was logged."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(nursery)
            await world.start()
            await play(world)
            nursery.cancel_scope.cancel()

    with capture_logs() as lines:
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return list(lines)


@settings(max_examples=60)
@given(
    st.lists(announcements(), max_size=12),
    st.lists(st.lists(operations(), min_size=1, max_size=8), min_size=1, max_size=4),
)
def test_the_fib_is_what_the_model_says(first: list[Op], batches: list[list[Op]]) -> None:
    async def play(world: World) -> None:
        for batch in [first, *batches]:
            world.pause_s = LONGEST_PAUSE_S
            for op in batch:
                await op(world)
            await world.rest()
            world.check()

    run_world(play)


@settings(max_examples=25)
@given(
    st.lists(st.one_of(announcements(), operations()), max_size=12),
    st.lists(st.one_of(link_changes(), faults()), max_size=3),
)
def test_a_flush_empties_the_fib_until_the_rules_change(before: list[Op], after: list[Op]) -> None:
    async def play(world: World) -> None:
        for op in before:
            await op(world)
        await trio.testing.wait_all_tasks_blocked()
        exporter = world.service.exporter
        if exporter is None:
            return
        await exporter.flush()
        assert world.ours() == {}
        for op in after:
            await op(world)
        await world.rest()
        assert world.ours() == {}
        await world.reload(replace(world.export, dampening_s=0.2))
        await world.rest()
        world.check()

    run_world(play)
