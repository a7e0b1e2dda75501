"""Resetting, disabling and enabling neighbors through gRPC."""

from typing import Any

import pytest

from gobgp_trio.api.service.methods import make_methods
from tests.api.conftest import Api
from tests.api.fake_daemon import FakeDaemon

NEIGHBOR = "192.0.2.2"
IN, OUT, BOTH = 1, 2, 3


def controls(daemon: FakeDaemon) -> list[tuple[str, str]]:
    return daemon.peers.peers[NEIGHBOR].controls


async def test_each_call_does_one_thing(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer(is_up=False)
    await api.call("ResetPeer", address=NEIGHBOR, communication="one")
    await api.call("DisablePeer", address=NEIGHBOR, communication="two")
    await api.call("EnablePeer", address=NEIGHBOR)
    await api.call("ShutdownPeer", address=NEIGHBOR, communication="three")
    await api.call("ResetPeer", address="all")
    await api.call("ResetPeer")
    assert controls(daemon) == [
        ("reset", "one"),
        ("disable", "two"),
        ("enable", ""),
        ("disable", "three"),
        ("reset", ""),
        ("reset", ""),
    ]


@pytest.mark.parametrize("rpc", ["ResetPeer", "DisablePeer", "EnablePeer", "ShutdownPeer"])
async def test_unknown_neighbors_are_named(api: Api, daemon: FakeDaemon, rpc: str) -> None:
    daemon.add_peer(is_up=False)
    wanted = ("UNKNOWN", "not found neighbor 192.0.2.9")
    assert await api.refusal(rpc, address="192.0.2.9") == wanted
    assert controls(daemon) == []


async def test_a_message_that_does_not_fit_is_refused(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer(is_up=False)
    wanted = ("UNKNOWN", "wanted a communication of up to 255 octets, found 256")
    for rpc in ("ResetPeer", "DisablePeer", "ShutdownPeer"):
        assert await api.refusal(rpc, address=NEIGHBOR, communication="ä" * 128) == wanted
    await api.call("ResetPeer", address=NEIGHBOR, communication="x" * 255)
    assert controls(daemon) == [("reset", "x" * 255)]


async def test_before_bgp_is_started(serve_api: Any) -> None:
    async with serve_api(make_methods(FakeDaemon(is_started=False))) as api:
        wanted = ("UNKNOWN", "bgp server hasn't started yet")
        for rpc in ("ResetPeer", "DisablePeer", "EnablePeer", "ShutdownPeer"):
            assert await api.refusal(rpc, address=NEIGHBOR) == wanted


@pytest.mark.parametrize(
    ("direction", "is_sent_again"), [(IN, False), (OUT, True), (BOTH, True), (0, True)]
)
async def test_a_soft_reset_leaves_the_session(
    api: Api, daemon: FakeDaemon, direction: int, is_sent_again: bool
) -> None:
    link = daemon.add_peer()
    assert link is not None
    daemon.receive(link, "10.1.0.0/16")
    daemon.import_network("10.2.0.0/16", "eth1")
    while link.adj_out.has_work:
        link.take_outgoing(65536)
    await api.call("ResetPeer", address=NEIGHBOR, soft=True, direction=direction)
    assert controls(daemon) == []
    assert bool(link.take_outgoing(65536)) is is_sent_again


async def test_a_soft_reset_without_a_session_is_nothing(api: Api, daemon: FakeDaemon) -> None:
    daemon.add_peer(is_up=False)
    await api.call("ResetPeer", address=NEIGHBOR, soft=True, direction=BOTH)
    assert controls(daemon) == []
