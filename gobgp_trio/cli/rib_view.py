"""Paths of a table as the command line shows them.

A full table has hundreds of thousands of paths but few attribute sets: what depends on the
attributes alone is made once per set and shared.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from gobgp_trio.api.route_reader import (
    ListedPath,
    PathDetails,
    ReadAttribute,
    RouteReader,
)
from gobgp_trio.cli.attribute_text import AttributesText, describe_attributes


@dataclass(frozen=True, slots=True)
class AttributesView:
    """One attribute set: its columns, and the attributes themselves for JSON."""

    columns: AttributesText
    read: list[ReadAttribute]


@dataclass(frozen=True, slots=True)
class PathView:
    """One path of a prefix; ``details`` and ``attributes`` are shared between paths."""

    prefix: str
    details: PathDetails
    attributes: AttributesView


class Viewer:
    """Makes the views of one ListPath stream."""

    def __init__(self) -> None:
        self._reader = RouteReader()
        self._sets: dict[tuple[bytes, ...], AttributesView] = {}

    def read(self, octets: bytes) -> list[PathView]:
        """All paths of one ``ListPathResponse``, in the daemon's order.

        Raises:
            MalformedMessage: the octets are no such message.
        """
        destination = self._reader.read_destination(octets)
        return [
            PathView(destination.prefix, path.details, self._attributes_of(path))
            for path in destination.paths
        ]

    def _attributes_of(self, path: ListedPath) -> AttributesView:
        view = self._sets.get(path.attributes)
        if view is None:
            read = self._reader.read_attributes(path)
            view = AttributesView(describe_attributes(read), read)
            self._sets[path.attributes] = view
        return view


def sorted_by_network(views: Iterable[PathView]) -> list[PathView]:
    """By address octets, then length; paths of one prefix keep their order."""
    return sorted(views, key=_network_order)


def _network_order(view: PathView) -> tuple[bytes, int]:
    address, _, bits = view.prefix.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address), int(bits)
