"""The reader of exported routes, held equal to the generated message classes."""

from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.api.pb.api import (
    ListNetlinkExportResponse,
    ListNetlinkExportResponseExportedRoute,
)
from gobgp_trio.cli.exported_routes import ExportedRoute, ExportedRouteReader
from gobgp_trio.cli.go_json import message_fields

ROUTES = st.builds(
    ListNetlinkExportResponseExportedRoute,
    prefix=st.sampled_from(["10.0.0.0/8", "2001:db8::/32"]),
    nexthop=st.sampled_from(["", "10.0.0.1", "fe80::1"]),
    vrf=st.sampled_from(["", "red"]),
    table_id=st.integers(0, 2**31 - 1),
    metric=st.integers(0, 2**32 - 1),
    rule_name=st.text(max_size=5),
    exported_at=st.integers(0, 2**62),
    nexthops=st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), max_size=3),
)


@given(st.lists(ROUTES, max_size=4))
def test_routes_are_read_as_the_generated_classes_read_them(
    routes: list[ListNetlinkExportResponseExportedRoute],
) -> None:
    reader = ExportedRouteReader()
    for route in routes:
        found = reader.read(bytes(ListNetlinkExportResponse(route=route)))
        wanted = message_fields(route)
        assert {
            name: list(value) if name == "nexthops" else value
            for name, value in found.as_json().items()
        } == wanted


def test_an_empty_answer_is_an_empty_route() -> None:
    assert ExportedRouteReader().read(b"") == ExportedRoute()
