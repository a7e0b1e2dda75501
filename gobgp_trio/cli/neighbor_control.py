"""``gobgp neighbor ADDRESS reset|softreset...|enable|disable|shutdown``: acting on a session."""

import betterproto

from gobgp_trio.api.pb.api import (
    DisablePeerRequest,
    EnablePeerRequest,
    GoBgpServiceStub,
    ResetPeerRequest,
    ResetPeerRequestDirection,
    ShutdownPeerRequest,
)
from gobgp_trio.cli.connection import call
from gobgp_trio.cli.neighbor_actions import find_peer
from gobgp_trio.cli.settings import Settings

ALL_PEERS = "all"

SOFT_DIRECTIONS = {
    "softreset": ResetPeerRequestDirection(ResetPeerRequestDirection.DIRECTION_BOTH),
    "softresetin": ResetPeerRequestDirection(ResetPeerRequestDirection.DIRECTION_IN),
    "softresetout": ResetPeerRequestDirection(ResetPeerRequestDirection.DIRECTION_OUT),
}
RESETS = ("reset", *SOFT_DIRECTIONS)


def control_neighbor(settings: Settings, address: str, word: str, reason: str) -> None:
    """Carry out one of the words above; ``all`` may be reset."""
    if address != ALL_PEERS or word not in RESETS:
        find_peer(settings, address)

    async def act(api: GoBgpServiceStub) -> betterproto.Message:
        if word == "enable":
            return await api.enable_peer(EnablePeerRequest(address))
        if word == "disable":
            return await api.disable_peer(DisablePeerRequest(address, reason))
        if word == "shutdown":
            return await api.shutdown_peer(ShutdownPeerRequest(address, reason))
        soft = SOFT_DIRECTIONS.get(word)
        if soft is None:
            return await api.reset_peer(ResetPeerRequest(address, reason))
        return await api.reset_peer(ResetPeerRequest(address, soft=True, direction=soft))

    call(settings, act)
