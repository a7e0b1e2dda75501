"""Next hops: what the kernel is given for each, and when the answer is worked out again."""

from gobgp_trio.fib.kernel_view import KernelView, ViewChanges
from gobgp_trio.fib.resolve import NextHop, Resolver
from gobgp_trio.rtnl.link import IFF_UP
from gobgp_trio.rtnl.route import RTN_BLACKHOLE, KernelRoute, Leg
from tests.fib.view_builder import (
    MAIN,
    changes_of,
    make_address,
    make_link,
    make_route,
    make_view,
    on_link,
    packed,
    via,
)

ETH0, ETH1 = 2, 3


def plain_view() -> KernelView:
    """Two links with a network each, a default route, and static routes behind routers."""
    return make_view(
        [make_link(ETH0, "eth0"), make_link(ETH1, "eth1")],
        [make_address(ETH0, "10.0.0.1/24"), make_address(ETH1, "10.0.1.1/24")],
        [
            make_route("10.0.0.0/24", on_link(ETH0)),
            make_route("10.0.1.0/24", on_link(ETH1)),
            make_route("0.0.0.0/0", via("10.0.0.254", ETH0)),
            make_route("172.16.0.0/12", via("10.0.0.9", ETH0)),
            make_route("2001:db8::/64", on_link(ETH1)),
        ],
    )


def resolve(
    view: KernelView,
    address: str,
    *,
    interface: int = 0,
    validate: bool = True,
    via_default: bool = False,
) -> NextHop:
    resolver = Resolver(view, via_default=via_default)
    return resolver.track(MAIN, packed(address), interface, validate=validate)


def test_a_neighbour_on_the_link_is_its_own_gateway() -> None:
    assert resolve(plain_view(), "10.0.1.7").legs == (via("10.0.1.7", ETH1),)
    assert resolve(plain_view(), "2001:db8::7").legs == (via("2001:db8::7", ETH1),)


def test_behind_a_static_route_the_gateway_is_that_route_s() -> None:
    assert resolve(plain_view(), "172.20.1.1").legs == (via("10.0.0.9", ETH0),)


def test_a_default_route_resolves_only_on_request() -> None:
    hop = resolve(plain_view(), "192.0.2.1")
    assert (hop.legs, hop.reason) == (None, "no route to 192.0.2.1")
    assert resolve(plain_view(), "192.0.2.1", via_default=True).legs == (via("10.0.0.254", ETH0),)


def test_recursion_follows_gateways_that_are_not_on_the_link() -> None:
    view = plain_view()
    view.on_route(make_route("192.0.2.0/24", via("172.16.0.5", ETH0)), ViewChanges())
    assert resolve(view, "192.0.2.1").legs == (via("10.0.0.9", ETH0),)


def test_a_gateway_declared_to_be_on_the_link_is_handed_on_as_such() -> None:
    view = plain_view()
    gateway = Leg(packed("198.51.100.9"), ETH1, onlink=True)
    view.on_route(make_route("192.0.2.0/24", gateway), ViewChanges())
    assert resolve(view, "192.0.2.1").legs == (gateway,)


def test_a_loop_of_gateways_is_unreachable() -> None:
    view = plain_view()
    view.on_route(make_route("198.51.100.0/24", via("203.0.113.1", ETH0)), ViewChanges())
    view.on_route(make_route("203.0.113.0/24", via("198.51.100.1", ETH0)), ViewChanges())
    hop = resolve(view, "198.51.100.7")
    assert (hop.legs, hop.reason) == (None, "no usable link in the route 198.51.100.0/24")


def test_nine_routes_on_the_way_are_too_many() -> None:
    view = plain_view()
    for step in range(9):
        gateway = f"192.168.{step + 1}.1" if step < 8 else "10.0.0.9"
        view.on_route(make_route(f"192.168.{step}.0/24", via(gateway, ETH0)), ViewChanges())
    assert resolve(view, "192.168.0.7").legs is None
    assert resolve(view, "192.168.3.7").legs == (via("10.0.0.9", ETH0),)


def test_one_of_our_own_addresses_is_no_next_hop() -> None:
    hop = resolve(plain_view(), "10.0.0.1")
    assert (hop.legs, hop.reason) == (None, "10.0.0.1 is one of this host's own addresses")


def test_a_blackhole_forwards_nothing() -> None:
    view = plain_view()
    view.on_route(make_route("192.0.2.0/24", route_type=RTN_BLACKHOLE), ViewChanges())
    hop = resolve(view, "192.0.2.1", via_default=True)
    assert (hop.legs, hop.reason) == (None, "the route to 192.0.2.1 forwards nothing")


def test_a_link_without_carrier_is_not_used() -> None:
    view = plain_view()
    view.on_link(make_link(ETH1, "eth1", IFF_UP), ViewChanges())
    assert resolve(view, "10.0.1.7").reason == "no usable link in the route 10.0.1.0/24"


def test_the_lower_metric_wins() -> None:
    view = plain_view()
    view.on_route(make_route("172.16.0.0/12", via("10.0.1.9", ETH1), metric=50), ViewChanges())
    assert resolve(view, "172.16.0.1").legs == (via("10.0.0.9", ETH0),)
    view.on_route_gone(make_route("172.16.0.0/12", via("10.0.0.9", ETH0)), ViewChanges())
    assert resolve(view, "172.16.0.1").legs == (via("10.0.1.9", ETH1),)


def test_legs_of_a_multipath_route_come_sorted_and_without_the_dead_one() -> None:
    view = plain_view()
    legs = (via("10.0.1.9", ETH1), via("10.0.0.9", ETH0))
    view.on_route(make_route("192.0.2.0/24", *legs), ViewChanges())
    assert resolve(view, "192.0.2.1").legs == (via("10.0.0.9", ETH0), via("10.0.1.9", ETH1))
    view.on_link(make_link(ETH0, "eth0", IFF_UP), ViewChanges())
    assert resolve(view, "192.0.2.1").legs == (via("10.0.1.9", ETH1),)


def test_a_link_local_next_hop_uses_the_session_s_interface() -> None:
    view = plain_view()
    assert resolve(view, "fe80::2", interface=ETH1).legs == (via("fe80::2", ETH1),)
    assert resolve(view, "fe80::2").reason == "a link-local next hop needs the session's interface"
    view.on_link(make_link(ETH1, "eth1", IFF_UP), ViewChanges())
    assert resolve(view, "fe80::2", interface=ETH1).reason == "eth1 is down"


def test_without_validation_the_next_hop_goes_as_it_is() -> None:
    assert resolve(plain_view(), "10.0.0.9", validate=False).legs == (via("10.0.0.9", ETH0),)
    assert resolve(plain_view(), "172.20.1.1", validate=False).legs == (
        Leg(packed("172.20.1.1"), 0),
    )


def refreshed(resolver: Resolver, changes: ViewChanges) -> list[NextHop]:
    return list(resolver.refresh(changes))


def test_only_a_changed_answer_is_reported() -> None:
    view = plain_view()
    resolver = Resolver(view, via_default=False)
    hop = resolver.track(MAIN, packed("172.20.1.1"), 0, validate=True)
    other = resolver.track(MAIN, packed("10.0.1.7"), 0, validate=True)
    changes = ViewChanges()
    view.on_route(make_route("172.20.0.0/16", via("10.0.1.9", ETH1)), changes)
    assert refreshed(resolver, changes) == [hop]
    assert hop.legs == (via("10.0.1.9", ETH1),)
    assert refreshed(resolver, changes) == []
    changes = ViewChanges()
    view.on_link(make_link(ETH1, "eth1", IFF_UP), changes)
    assert set(refreshed(resolver, changes)) == {hop, other}
    assert [hop.legs, other.legs] == [None, None]


def test_an_unreachable_gateway_that_appears_brings_the_next_hop_back() -> None:
    view = make_view(
        [make_link(ETH0, "eth0")], [], [make_route("172.16.0.0/12", via("10.0.0.9", ETH0))]
    )
    resolver = Resolver(view, via_default=False)
    hop = resolver.track(MAIN, packed("172.16.0.1"), 0, validate=True)
    assert hop.legs is None
    connected = make_route("10.0.0.0/24", on_link(ETH0))
    view.on_route(connected, ViewChanges())
    assert refreshed(resolver, changes_of(make_route("10.9.0.0/24", on_link(ETH0)))) == []
    assert refreshed(resolver, changes_of(connected)) == [hop]


def test_a_next_hop_is_tracked_once_and_forgotten_on_request() -> None:
    resolver = Resolver(plain_view(), via_default=False)
    hop = resolver.track(MAIN, packed("10.0.1.7"), ETH1, validate=True)
    assert resolver.track(MAIN, packed("10.0.1.7"), ETH0, validate=True) is hop
    assert resolver.track(MAIN, packed("fe80::2"), ETH0, validate=True) is not resolver.track(
        MAIN, packed("fe80::2"), ETH1, validate=True
    )
    assert len(resolver) == 3
    resolver.forget_all_but({hop})
    assert len(resolver) == 1


def test_a_link_that_goes_down_takes_its_routes_along() -> None:
    view = plain_view()
    changes = ViewChanges()
    view.on_link(make_link(ETH0, "eth0", 0), changes)
    assert changes.downed == {ETH0}
    assert {nlri.hex() for _, _, nlri in changes.routes} == {"180a0000", "00", "0cac10"}
    view.on_link(make_link(ETH0, "eth0"), changes)
    assert resolve(view, "10.0.0.7").reason == "no route to 10.0.0.7"


def test_an_ipv6_route_gains_and_loses_legs() -> None:
    """The kernel tells of all legs when one is added, and of the one that goes alone."""
    view = plain_view()
    resolver = Resolver(view, via_default=False)
    first, second, third = (via(f"2001:db8::{number}", ETH1) for number in (1, 2, 3))
    hop = resolver.track(MAIN, packed("2001:db8:aa::1"), 0, validate=True)

    def told(route: KernelRoute, *, gone: bool = False) -> tuple[Leg, ...] | None:
        changes = ViewChanges()
        if gone:
            view.on_route_gone(route, changes)
        else:
            view.on_route(route, changes)
        refreshed(resolver, changes)
        return hop.legs

    prefix = "2001:db8:aa::/48"
    assert told(make_route(prefix, first)) == (first,)
    assert told(make_route(prefix, first, second, third)) == (first, second, third)
    assert told(make_route(prefix, second), gone=True) == (first, third)
    assert told(make_route(prefix, first), gone=True) == (third,)
    assert told(make_route(prefix, third), gone=True) is None
