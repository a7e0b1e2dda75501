"""Packets that prove a path works: one datagram there, its answer back.

The sockets belong to the namespaces, both ends are moved from here; no process, no ``ping``.
"""

import contextlib
import socket

from harness.namespace import Namespace

DATAGRAM = b"are you there?"
ANSWER = b"yes"


def passes(
    source: tuple[Namespace, str], target: tuple[Namespace, str], *, timeout_s: float = 0.5
) -> bool:
    """Whether a datagram from one address reaches another and the answer comes back.

    Each end is a namespace and one of its own addresses, text without a prefix length; False
    also when the kernel refuses to send (no route) or an address is not there.
    """
    (source_space, source_address), (target_space, target_address) = source, target
    family = socket.AF_INET6 if ":" in target_address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(source_space.open_socket(family, socket.SOCK_DGRAM))
        server = stack.enter_context(target_space.open_socket(family, socket.SOCK_DGRAM))
        client.settimeout(timeout_s)
        server.settimeout(timeout_s)
        try:
            client.bind((source_address, 0))
            server.bind((target_address, 0))
            client.sendto(DATAGRAM, server.getsockname()[:2])
            received, asker = server.recvfrom(64)
            if received != DATAGRAM:
                return False
            server.sendto(ANSWER, asker)
            return client.recv(64) == ANSWER
        except OSError:  # refused, unreachable, not our address, or nothing came in time
            return False
