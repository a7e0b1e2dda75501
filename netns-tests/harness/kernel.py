"""The kernel's routes as other programs see them: through iproute2, and as notifications.

Nothing here uses the package under test: a fault in its codec must not hide itself.
"""

import ipaddress
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from harness.namespace import Namespace
from harness.wait import wait_until

ROUTE_PROTOCOL = 186
RTM_NEWROUTE = 24
RTM_DELROUTE = 25
RTMGRP_IPV4_ROUTE = 0x40
RTMGRP_IPV6_ROUTE = 0x400
RTA_DST = 1
RTA_PRIORITY = 6
RTA_TABLE = 15
NLMSG_HEADER = struct.Struct("=IHHII")
RTMSG = struct.Struct("=BBBBBBBBI")
ATTRIBUTE_HEADER = struct.Struct("=HH")
RECEIVE_BUFFER_OCTETS = 8 * 1024 * 1024
SO_RCVBUFFORCE = 33


@dataclass(frozen=True, slots=True, order=True)
class KernelRoute:
    """One route as ``ip route`` shows it; ``via`` and ``dev`` are "" where it has none."""

    prefix: str
    via: str = ""
    dev: str = ""
    table: int = 254
    metric: int = 0
    protocol: int = ROUTE_PROTOCOL
    hops: tuple[tuple[str, str], ...] = ()


def list_routes(
    space: Namespace,
    *,
    version: int = 4,
    table: int | str = "main",
    protocol: int | None = ROUTE_PROTOCOL,
) -> list[KernelRoute]:
    """The unicast routes of a table ("all" for every one), sorted; of every protocol with None."""
    words = ["ip", f"-{version}", "-N", "-j", "-d", "route", "show", "table", str(table)]
    if protocol is not None:
        words += ["proto", str(protocol)]
    done = space.try_run(*words)
    if done.returncode != 0:
        assert "does not exist" in done.stderr, done.stderr
        return []
    return sorted(
        _read_route(item, version, table, protocol) for item in json.loads(done.stdout or "[]")
    )


def _read_route(
    item: dict[str, object], version: int, table: int | str, protocol: int | None
) -> KernelRoute:
    """``ip`` leaves out what it was asked to filter by."""
    prefix = str(item["dst"])
    if prefix == "default":
        prefix = "0.0.0.0/0" if version == 4 else "::/0"
    elif "/" not in prefix:
        prefix += "/32" if version == 4 else "/128"
    fallback = 254 if table in {"main", "all"} else table
    hops = item.get("nexthops", [])
    assert isinstance(hops, list)
    return KernelRoute(
        prefix=prefix,
        via=_read_gateway(item),
        dev=str(item.get("dev", "")),
        table=int(str(item.get("table", fallback))),
        metric=int(str(item.get("metric", 0))),
        protocol=int(str(item.get("protocol", protocol or 0))),
        hops=tuple((_read_gateway(hop), str(hop.get("dev", ""))) for hop in hops),
    )


def _read_gateway(item: dict[str, object]) -> str:
    via = item.get("via")
    return str(via["host"]) if isinstance(via, dict) else str(item.get("gateway", ""))


def list_prefixes(
    space: Namespace, *, version: int = 4, table: int | str = "main", protocol: int = ROUTE_PROTOCOL
) -> list[str]:
    """The prefixes alone."""
    found = list_routes(space, version=version, table=table, protocol=protocol)
    return [route.prefix for route in found]


def wait_routes(
    space: Namespace,
    expected: list[KernelRoute],
    *,
    version: int = 4,
    table: int | str = "main",
    protocol: int | None = ROUTE_PROTOCOL,
    timeout_s: float = 10.0,
) -> None:
    """Wait until ``list_routes`` says exactly this."""

    def agrees() -> bool:
        seen = list_routes(space, version=version, table=table, protocol=protocol)
        if seen != expected:
            raise AssertionError(f"table {table} has {seen}")
        return True

    wait_until(agrees, f"table {table} has {expected}", timeout_s=timeout_s)


@dataclass(frozen=True, slots=True)
class RouteEvent:
    """One notification; ``is_new`` is RTM_NEWROUTE (replacements too), else RTM_DELROUTE."""

    is_new: bool
    prefix: str
    table: int
    metric: int
    protocol: int


class RouteMonitor:
    """Counts the kernel's route notifications from the moment it is made until its namespace goes.

    Wire: nlmsghdr (16 octets: length, type, flags, sequence, port), rtmsg (12), then attributes
    (length 2, type 2, value, padded to 4); host order (linux/rtnetlink.h).
    """

    def __init__(self, space: Namespace) -> None:
        self._socket = space.open_socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_OCTETS)
        self._socket.bind((0, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE))
        self._socket.setblocking(False)
        space.at_end(self._socket.close)
        self._events: list[RouteEvent] = []

    def close(self) -> None:
        self._socket.close()

    def events(self, prefix: str = "", protocol: int = ROUTE_PROTOCOL) -> list[RouteEvent]:
        """Everything up to now, of one prefix or of all.

        Raises:
            OSError: ENOBUFS, the kernel lost some; the counts are worth nothing then.
        """
        while True:
            try:
                octets = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            self._events.extend(_read_events(octets))
        return [
            event
            for event in self._events
            if event.protocol == protocol and prefix in {"", event.prefix}
        ]


def _read_events(octets: bytes) -> Iterator[RouteEvent]:
    at = 0
    while at + NLMSG_HEADER.size <= len(octets):
        length, kind, _flags, _sequence, _port = NLMSG_HEADER.unpack_from(octets, at)
        if kind in {RTM_NEWROUTE, RTM_DELROUTE}:
            yield _read_event(kind, octets[at + NLMSG_HEADER.size : at + length])
        at += (length + 3) & ~3


def _read_event(kind: int, body: bytes) -> RouteEvent:
    family, prefix_bits, _src, _tos, table, protocol, _scope, _type, _flags = RTMSG.unpack_from(
        body
    )
    attributes: dict[int, bytes] = {}
    at = RTMSG.size
    while at + ATTRIBUTE_HEADER.size <= len(body):
        length, code = ATTRIBUTE_HEADER.unpack_from(body, at)
        attributes[code] = body[at + ATTRIBUTE_HEADER.size : at + length]
        at += (length + 3) & ~3
    any_address = bytes(4 if family == socket.AF_INET else 16)
    address = ipaddress.ip_address(attributes.get(RTA_DST, any_address))
    (metric,) = struct.unpack("=I", attributes.get(RTA_PRIORITY, bytes(4)))
    if RTA_TABLE in attributes:
        (table,) = struct.unpack("=I", attributes[RTA_TABLE])
    return RouteEvent(kind == RTM_NEWROUTE, f"{address}/{prefix_bits}", table, metric, protocol)
