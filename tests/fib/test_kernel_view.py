"""The picture of the kernel where the kernel itself says nothing."""

from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.rtnl.link import IFF_UP
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_prefix
from tests.fib.view_builder import (
    MAIN,
    make_address,
    make_link,
    make_route,
    make_view,
    on_link,
    via,
)

ETH0, ETH1 = 2, 3
V4 = Family.IPV4_UNICAST


def make_kernel() -> KernelView:
    return make_view(
        [make_link(ETH0, "eth0"), make_link(ETH1, "eth1")],
        [make_address(ETH0, "10.0.0.1/24"), make_address(ETH0, "2001:db8::1/64")],
        [
            make_route("10.0.0.0/24", on_link(ETH0)),
            make_route("172.16.0.0/16", via("10.0.0.2", ETH0), via("10.0.1.2", ETH1)),
            make_route("2001:db8::/64", on_link(ETH0)),
        ],
    )


def prefixes(view: KernelView) -> list[str]:
    return [
        format_prefix(route.family, route.nlri)
        for family in (V4, Family.IPV6_UNICAST)
        for route in view.table(MAIN, family)
    ]


def test_a_multipath_route_goes_with_the_last_of_its_links() -> None:
    view, changes = make_kernel(), ViewChanges()
    view.on_link(make_link(ETH0, "eth0", 0), changes)
    assert "172.16.0.0/16" in prefixes(view)
    view.on_link(make_link(ETH1, "eth1", 0), changes)
    assert "172.16.0.0/16" not in prefixes(view)
    assert changes.downed == {ETH0, ETH1}


def test_a_link_without_carrier_keeps_its_routes() -> None:
    view, changes = make_kernel(), ViewChanges()
    view.on_link(make_link(ETH0, "eth0", IFF_UP), changes)
    assert len(prefixes(view)) == 3
    assert changes.links == {ETH0}
    assert changes.downed == set()


def test_the_last_ipv4_address_of_a_link_takes_the_ipv4_routes_over_it() -> None:
    view, changes = make_kernel(), ViewChanges()
    second = make_address(ETH0, "10.0.9.1/24")
    view.on_address(second, changes)
    view.on_address_gone(make_address(ETH0, "10.0.0.1/24"), changes)
    assert changes.downed == set()
    view.on_address_gone(second, changes)
    assert changes.downed == {ETH0}
    assert prefixes(view) == ["172.16.0.0/16", "2001:db8::/64"]


def test_an_ipv6_address_takes_no_route_along() -> None:
    view, changes = make_kernel(), ViewChanges()
    view.on_address_gone(make_address(ETH0, "2001:db8::1/64"), changes)
    assert changes.addresses
    assert changes.downed == set()


def test_a_link_that_is_gone_takes_its_addresses_and_routes() -> None:
    view, changes = make_kernel(), ViewChanges()
    view.on_link_gone(ETH0, changes)
    assert view.addresses == {}
    assert view.own_addresses == set()
    assert prefixes(view) == ["172.16.0.0/16"]
    again = ViewChanges()
    view.on_link_gone(ETH0, again)
    assert not again


def test_a_rescan_tells_only_what_was_not_known() -> None:
    view = make_kernel()
    links, addresses = list(view.links.values()), list(view.addresses.values())
    assert not view.rescan(links, addresses)
    changes = view.rescan(links[:1], [*addresses[1:], make_address(ETH0, "10.0.9.1/24")])
    assert changes.links == {ETH1}
    assert changes.addresses
    assert {address.address for address in view.addresses.values()} == view.own_addresses


def test_routes_of_tables_nobody_watches_are_left_out() -> None:
    view, changes = make_kernel(), ViewChanges()
    route = make_route("172.20.0.0/16", on_link(ETH0), table_id=100)
    view.on_route(route, changes)
    view.on_route_gone(route, changes)
    assert not changes
