"""ListPath and GetTable: what the tables hold, as destinations with their paths."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grpclib.const import Status

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.route_writer import DestinationWriter, PathOptions
from gobgp_trio.api.service.families import read_family
from gobgp_trio.api.service.lookup import Find, Lookup, find_few, read_lookups
from gobgp_trio.api.service.method import Pieces, RpcError
from gobgp_trio.api.service.view import DaemonView, require_started
from gobgp_trio.daemon.speaker import Routes, SessionLink
from gobgp_trio.rib.advertise import attributes_as_sent
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import Path

# Octets of one piece: a few ms of work, and some DATA frames full.
PIECE_OCTETS = 1 << 15


@dataclass(frozen=True, slots=True)
class TableView:
    """One table as both RPCs need it.

    Attributes:
        iterate: all routes in slices, while the table may change between two of them.
        find: the paths of one prefix, best first; none for a prefix that is not there.
        destination_count, path_count, accepted_count: as GetTable tells them.
    """

    iterate: Callable[[], Iterator[Routes]]
    find: Find
    destination_count: int = 0
    path_count: int = 0
    accepted_count: int = 0


EMPTY = TableView(lambda: iter(()), lambda _: ())


class TableMethods:
    """RPCs about tables."""

    def __init__(self, view: DaemonView) -> None:
        self._view = view

    def list_path(self, request: pb.ListPathRequest) -> Pieces:
        """The destinations asked for, a frame each."""
        require_started(self._view)
        if request.table_type == pb.TableType.UNSPECIFIED:
            raise RpcError("unspecified table type")
        family = read_family(request.family)
        table = self._open(request.table_type, request.name, family)
        is_global = request.table_type == pb.TableType.GLOBAL
        options = PathOptions(
            shows_best=is_global,
            shows_filtered=request.enable_filtered,
            nlri_binary=request.enable_nlri_binary,
            attribute_binary=request.enable_attribute_binary,
            only_binary=request.enable_only_binary,
            explain=self._explain if is_global and request.prefixes else None,
        )
        writer = DestinationWriter(family, options)
        lookups = read_lookups(request.prefixes, family)
        routes = _select(table, lookups) if lookups else table.iterate()
        yield from _write_pieces(writer, routes)

    def get_table(self, request: pb.GetTableRequest) -> pb.GetTableResponse:
        """How many destinations and paths a table has.

        Raises:
            RpcError: BGP was not started, or there is no such table.
        """
        require_started(self._view)
        if request.table_type == pb.TableType.UNSPECIFIED:
            raise RpcError("unspecified table type", Status.INVALID_ARGUMENT)
        table = self._open(request.table_type, request.name, read_family(request.family))
        return pb.GetTableResponse(
            num_destination=table.destination_count,
            num_path=table.path_count,
            num_accepted=table.accepted_count,
        )

    def _explain(self, paths: Sequence[Path]) -> Sequence[str]:
        return self._view.speaker.rib.decision.explain_all(paths)

    def _open(self, table_type: pb.TableType, name: str, family: Family) -> TableView:
        if table_type == pb.TableType.GLOBAL:
            if name:
                raise RpcError(f"wanted no name for the global table, found {name!r}")
            return self._open_global(family)
        opener = {
            int(pb.TableType.ADJ_IN): self._open_adj_in,
            int(pb.TableType.ADJ_OUT): self._open_adj_out,
        }.get(int(table_type))
        if opener is None:
            word = f"{table_type.name or int(table_type)}"
            raise RpcError(f"table type {word} not implemented", Status.UNIMPLEMENTED)
        peer = self._view.peers.find(name)
        if peer is None:
            raise RpcError(f"neighbor that has {name} doesn't exist")
        link = self._view.speaker.links.get(peer.neighbor.address)
        return opener(link, family) if link is not None else EMPTY

    def _open_global(self, family: Family) -> TableView:
        speaker = self._view.speaker
        table = speaker.rib.tables[family]
        return TableView(
            lambda: speaker.iterate_table(family), table.find, len(table.routes), table.path_count
        )

    def _open_adj_in(self, link: SessionLink, family: Family) -> TableView:
        speaker = self._view.speaker
        adj_in = speaker.rib.adj_in(link.source, family)

        def find(nlri: bytes) -> tuple[Path, ...]:
            path = adj_in.find(nlri)
            return (path,) if path is not None else ()

        return TableView(
            lambda: speaker.iterate_adj_in(link, family),
            find,
            adj_in.received_count,
            adj_in.received_count,
            len(adj_in.accepted),
        )

    def _open_adj_out(self, link: SessionLink, family: Family) -> TableView:
        advertised = link.adj_out.advertised(family)

        def find(nlri: bytes) -> tuple[Path, ...]:
            path = advertised.get(nlri)
            if path is None:
                return ()
            attributes = attributes_as_sent(path, family, link.adj_out.audience)
            return (Path(path.source, attributes, path.received_s),)

        count = len(advertised)
        speaker = self._view.speaker
        return TableView(lambda: speaker.iterate_adj_out(link, family), find, count, count)


def _select(table: TableView, lookups: list[Lookup]) -> Iterator[Routes]:
    """The routes that any of the lookups means, each once."""
    longer = [one for one in lookups if one.kind == pb.TableLookupPrefixType.TYPE_LONGER]
    seen: set[bytes] = set()
    for lookup in lookups:
        if lookup not in longer:
            seen.update(find_few(lookup, table.find))
    yield [(nlri, paths) for nlri in sorted(seen) if (paths := table.find(nlri))]
    if longer:
        for routes in table.iterate():
            yield [
                (nlri, paths)
                for nlri, paths in routes
                if nlri not in seen and any(lookup.covers(nlri) for lookup in longer)
            ]


def _write_pieces(writer: DestinationWriter, slices: Iterator[Routes]) -> Pieces:
    frames: list[bytes] = []
    size = 0
    for routes in slices:
        for nlri, paths in routes:
            frame = writer.write(nlri, paths)
            frames.append(frame)
            size += len(frame)
            if size >= PIECE_OCTETS:
                yield b"".join(frames)
                frames, size = [], 0
        yield b""
    yield b"".join(frames)
