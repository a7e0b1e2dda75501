"""Text of the routing tables: ``global rib`` and ``neighbor ADDRESS adj-in|adj-out``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from gobgp_trio.api.pb.api import GetTableResponse
from gobgp_trio.cli.duration import format_duration
from gobgp_trio.cli.rib_view import PathView
from gobgp_trio.types.family import Family

EMPTY = "Network not in table\n"


class TableKind(Enum):
    """Which table is shown; they differ in their columns."""

    GLOBAL = "global"
    ADJ_IN = "adj-in"
    ADJ_OUT = "adj-out"
    EXPLAINED = "explained"  # the global table with what decided


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its least width, and its cell for a path at a point in time (epoch seconds)."""

    title: str
    width: int
    cell: Callable[[PathView, float], str]


def _mark(view: PathView, _now_s: float) -> str:
    path = view.details
    stale = "S" if path.is_stale else ""
    return f"{stale}*>" if path.is_best and not path.is_next_hop_invalid else f"{stale}* "


def _source(view: PathView) -> str:
    """The next hop, or for an imported network the interface it lives on."""
    return view.details.interface or view.attributes.columns.next_hop


def _filter_word(view: PathView, _now_s: float) -> str:
    if view.details.is_over_send_max:
        return "send-max-filtered"
    return "policy-filtered" if view.details.is_filtered else "not filtered"


_MARK = Column("", 2, _mark)
_STALE = Column("", 2, lambda view, _: "S" if view.details.is_stale else "")
_ID_RECEIVED = Column("ID", 3, lambda view, _: str(view.details.identifier))
_ID_SENT = Column("ID", 3, lambda view, _: str(view.details.local_identifier))
_NETWORK = Column("Network", 20, lambda view, _: view.prefix)
_SOURCE = Column("Next Hop", 20, lambda view, _: _source(view))
_NEXT_HOP = Column("Next Hop", 20, lambda view, _: view.attributes.columns.next_hop)
_AS_PATH = Column("AS_PATH", 20, lambda view, _: view.attributes.columns.as_path)
_AGE = Column("Age", 10, lambda view, now_s: format_duration(now_s - view.details.received_s))
_ATTRIBUTES = Column("Attrs", 0, lambda view, _: view.attributes.columns.attributes)
_DECISION = Column("Decided by", 20, lambda view, _: view.details.decision)
_FILTERED = Column("Filtered", 0, _filter_word)

COLUMNS = {
    TableKind.GLOBAL: (_MARK, _NETWORK, _SOURCE, _AS_PATH, _AGE, _ATTRIBUTES),
    TableKind.EXPLAINED: (_MARK, _NETWORK, _SOURCE, _AS_PATH, _AGE, _DECISION, _ATTRIBUTES),
    TableKind.ADJ_IN: (_STALE, _ID_RECEIVED, _NETWORK, _NEXT_HOP, _AS_PATH, _AGE, _ATTRIBUTES),
    TableKind.ADJ_OUT: (_STALE, _ID_SENT, _NETWORK, _NEXT_HOP, _AS_PATH, _ATTRIBUTES, _FILTERED),
}


def format_paths(views: Sequence[PathView], kind: TableKind, now_s: float) -> str:
    """The table; a column grows to its widest cell.

    Args:
        now_s: seconds since the epoch, for the ages.
    """
    if not views:
        return EMPTY
    columns = COLUMNS[kind]
    cells = [[column.cell(view, now_s) for view in views] for column in columns]
    widths = [
        max(column.width, *map(len, (column.title, *column_cells)))
        for column, column_cells in zip(columns, cells, strict=True)
    ]
    widths[-1] = 0  # nothing follows the last column
    row = " ".join(f"{{:<{width}}}" for width in widths) + "\n"
    lines = [row.format(*(column.title for column in columns))]
    lines += [row.format(*line) for line in zip(*cells, strict=True)]
    return "".join(lines)


def format_summary(answer: GetTableResponse, family: Family) -> str:
    """How many prefixes and paths a table holds."""
    afi = "AFI_IP" if family is Family.IPV4_UNICAST else "AFI_IP6"
    return (
        f"Table afi:{afi}  safi:SAFI_UNICAST\n"
        f"Destination: {answer.num_destination}, Path: {answer.num_path}\n"
    )
