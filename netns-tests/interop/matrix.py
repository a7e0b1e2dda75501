"""The rows and columns of ``docs/interop.md``, and why some of its cells are empty.

A test says which row it fills with ``@fills("...")`` and gets the column from its parameter
``kind``.  Rules: each cell is filled by at least one test or stands in ``ABSENT`` with the reason,
and the reason is the peer's; what we lack has no row.
"""

from collections.abc import Collection

import pytest

from harness.peers.base import Peer
from harness.peers.bird2 import BirdPeer
from harness.peers.exabgp import ExaBgpPeer
from harness.peers.frr import FrrPeer
from harness.peers.gobgp3 import GobgpPeer
from harness.peers.openbgpd import OpenBgpdPeer

Cell = tuple[str, str]

PEERS: dict[str, type[Peer]] = {
    one.kind: one for one in (BirdPeer, FrrPeer, GobgpPeer, OpenBgpdPeer, ExaBgpPeer)
}

EXTERNAL_V4 = "external session over IPv4, we dial"
EXTERNAL_V6 = "external session over IPv6, the peer dials"
INTERNAL = "internal session over IPv4 with both families, the peer dials"
TO_EXTERNAL_V4 = "our IPv4 route to an external peer: all attributes, change, withdrawal"
TO_EXTERNAL_V6 = "our IPv6 route to an external peer: all attributes, change, withdrawal"
TO_INTERNAL_V4 = "our IPv4 route to an internal peer: all attributes, change, withdrawal"
TO_INTERNAL_V6 = "our IPv6 route to an internal peer: all attributes, change, withdrawal"
FROM_EXTERNAL_V4 = "an external peer's IPv4 route: all attributes, change, withdrawal"
FROM_EXTERNAL_V6 = "an external peer's IPv6 route: all attributes, change, withdrawal"
FROM_INTERNAL_V4 = "an internal peer's IPv4 route: all attributes, change, withdrawal"
FROM_INTERNAL_V6 = "an internal peer's IPv6 route: all attributes, change, withdrawal"
TRANSIT_EXTERNAL = "a third router's route through us to an external peer"
TRANSIT_INTERNAL = "a third router's route through us to an internal peer"
UNKNOWN = "an attribute that nobody knows is passed on with the partial bit"
REFLECTED = "an internal peer's route reflected to an internal peer"
PROTECTED = "external session with a TCP MD5 password and TTL security"
EXTENDED_NEXT_HOP = "IPv4 routes with IPv6 next hops, both ways"
TWO_OCTET_AS = "four-octet AS numbers through a speaker of two-octet ones, both ways"
HOST_NAME = "the peer shows our host name (FQDN capability)"
REFRESH = "the peer asks for all routes once more (route refresh) and gets them"
ENHANCED_REFRESH = "such a refresh has its beginning and its end marked (RFC 7313)"
LONG_MESSAGES = "routes with 4,800 octets of communities both ways (extended messages)"
TOO_LONG = "such a route is kept from a peer without extended messages, and nothing else"
SHUT_BY_US = "our administrative shutdown: the peer shows its message (RFC 9003)"
SHUT_BY_THEM = "the peer's administrative shutdown: we log its message, and the session can return"
ENDURANCE = "sessions outlive three hold times; no error logged, no NOTIFICATION"

ROWS = (
    EXTERNAL_V4,
    EXTERNAL_V6,
    INTERNAL,
    TO_EXTERNAL_V4,
    TO_EXTERNAL_V6,
    TO_INTERNAL_V4,
    TO_INTERNAL_V6,
    FROM_EXTERNAL_V4,
    FROM_EXTERNAL_V6,
    FROM_INTERNAL_V4,
    FROM_INTERNAL_V6,
    TRANSIT_EXTERNAL,
    TRANSIT_INTERNAL,
    UNKNOWN,
    REFLECTED,
    PROTECTED,
    EXTENDED_NEXT_HOP,
    TWO_OCTET_AS,
    HOST_NAME,
    REFRESH,
    ENHANCED_REFRESH,
    LONG_MESSAGES,
    TOO_LONG,
    ENDURANCE,
    SHUT_BY_US,
    SHUT_BY_THEM,
)

ABSENT: dict[Cell, str] = {
    (EXTENDED_NEXT_HOP, "OpenBGPD"): "it has no extended next hop in this version",
    (UNKNOWN, "FRR"): "it does not show such attributes",
    (REFRESH, "GoBGP"): "it never asks, for it keeps what it was sent",
    (ENHANCED_REFRESH, "GoBGP"): "it never asks, for it keeps what it was sent",
    (LONG_MESSAGES, "GoBGP"): "it has no extended messages in this version",
    (LONG_MESSAGES, "OpenBGPD"): "it has no extended messages in this version",
    (HOST_NAME, "OpenBGPD"): "it does not know this capability",
    (HOST_NAME, "ExaBGP"): "it does not know this capability in others' OPEN messages",
    (SHUT_BY_US, "ExaBGP"): "it stumbles over any message of this kind (its log says so)",
    (SHUT_BY_THEM, "ExaBGP"): "it sends no message with it",
    (TOO_LONG, "BIRD"): "it has extended messages",
    (TOO_LONG, "FRR"): "it has extended messages",
    (TOO_LONG, "ExaBGP"): "it has extended messages",
    (TWO_OCTET_AS, "FRR"): "it cannot leave out this capability alone",
    (TWO_OCTET_AS, "GoBGP"): "it cannot leave out this capability",
}

FIELD_NAMES = {
    "unknown": "unknown attributes",
    "partial": "the partial bit",
    "as_path": "an AS path",
    "aggregator": "AGGREGATOR",
    "atomic": "ATOMIC_AGGREGATE",
}


def fills(row: str) -> pytest.MarkDecorator:
    """The mark of a test that fills one row of the table."""
    assert row in ROWS, row
    return pytest.mark.interop_row(row)


def kinds(row: str) -> list[str]:
    """The peers in whose column this row has something to be tested."""
    return [kind for kind in PEERS if (row, kind) not in ABSENT]


def render(passed: Collection[Cell]) -> str:
    """The table as Markdown; a cell that was not seen to work says so."""
    heads = [f"{kind} {peer.version()}" for kind, peer in PEERS.items()]
    lines = [
        f"| | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
    ]
    notes: list[str] = []
    for row in ROWS:
        words = []
        for kind in PEERS:
            word = "yes" if (row, kind) in passed else "NOT SEEN"
            if (row, kind) in ABSENT:
                note = f"{kind}: {ABSENT[row, kind]}"
                if note not in notes:
                    notes.append(note)
                word = f"- ({notes.index(note) + 1})"
            words.append(word)
        lines.append(f"| {row} | {' | '.join(words)} |")
    return "\n".join([*lines, "", *_numbered(notes), *_limits()])


def _numbered(notes: list[str]) -> list[str]:
    return [f"{number}. {note}" for number, note in enumerate(notes, 1)] + ([""] if notes else [])


def _limits() -> list[str]:
    """What "all attributes" leaves out, peer by peer."""
    lines = []
    for kind, peer in PEERS.items():
        if peer.cannot_set:
            words = ", ".join(FIELD_NAMES[name] for name in sorted(peer.cannot_set))
            lines.append(f"- {kind} cannot give its own routes: {words}.")
        if peer.hides:
            words = ", ".join(FIELD_NAMES[name] for name in sorted(peer.hides))
            lines.append(f"- {kind} does not show of routes it learnt: {words}.")
    return [*lines, ""]
