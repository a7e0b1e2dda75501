"""What a session is told of the configuration."""

import socket

import pytest

from gobgp_trio.config.schema import Neighbor
from gobgp_trio.daemon.peer import make_settings
from gobgp_trio.types.family import Family
from gobgp_trio.version import VERSION


def make_neighbor(peer_as: int, asked: bool | None) -> Neighbor:
    families = (Family.IPV4_UNICAST,)
    return Neighbor("192.0.2.2", peer_as, 65001, families, send_software_version=asked)


@pytest.mark.parametrize(
    ("peer_as", "asked", "is_told"),
    [
        (65002, None, False),
        (65001, None, True),
        (65002, True, True),
        (65001, False, False),
    ],
)
def test_who_is_told_our_version(peer_as: int, asked: bool | None, is_told: bool) -> None:
    settings = make_settings(make_neighbor(peer_as, asked), b"\1\1\1\1")
    assert settings.software_version == (f"gobgp-trio/{VERSION}" if is_told else "")
    assert settings.host_name == socket.gethostname()
