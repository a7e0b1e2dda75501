"""Paths as the daemon sends them, for the tests of tables."""

from datetime import UTC, datetime

from gobgp_trio.api.pb.api import (
    Destination,
    ListPathResponse,
    NetlinkPathInfo,
    Path,
)
from gobgp_trio.cli.rib_view import PathView, Viewer
from gobgp_trio.cli.route_message import path_message
from gobgp_trio.cli.route_words import parse_route

AGE_S = 1795332934
# What the tests take for "now": 27 s later.
NOW_S = AGE_S + 27.5


def make_path(words: str, *, best: bool = True, interface: str = "", **fields: object) -> Path:
    """A path with the attributes of a typed route; ``age_s`` sets when it was received."""
    path = path_message(parse_route(words.split(), None))
    path.age = datetime.fromtimestamp(int(str(fields.pop("age_s", AGE_S))), UTC)
    path.best = best
    if interface:
        path.netlink = NetlinkPathInfo(is_netlink=True, if_name=interface)
    for name, value in fields.items():
        setattr(path, name, value)
    return path


def make_answer(*paths: Path) -> ListPathResponse:
    """The answer for one prefix."""
    assert paths[0].nlri.prefix is not None
    prefix = f"{paths[0].nlri.prefix.prefix}/{paths[0].nlri.prefix.prefix_len}"
    return ListPathResponse(destination=Destination(prefix=prefix, paths=list(paths)))


def make_views(*answers: ListPathResponse) -> list[PathView]:
    """What the command line makes of these answers, once they went over the wire."""
    viewer = Viewer()
    views = []
    for answer in answers:
        views += viewer.read(bytes(answer))
    return views
