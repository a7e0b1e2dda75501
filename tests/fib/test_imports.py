"""Which networks are imported from which interface."""

from gobgp_trio.fib.imports import Networks, connected_networks, difference, match_interfaces
from gobgp_trio.fib.kernel_view import KernelView
from gobgp_trio.rtnl.address import (
    IFA_F_DADFAILED,
    IFA_F_DEPRECATED,
    IFA_F_NOPREFIXROUTE,
    IFA_F_TENTATIVE,
    Address,
)
from gobgp_trio.rtnl.link import IFF_RUNNING, IFF_UP, Link
from gobgp_trio.types.prefix import format_prefix, parse_prefix
from tests.fib.view_builder import make_address, make_link, make_view


def networks(view: KernelView, *entries: str) -> dict[str, str]:
    return {
        format_prefix(family, nlri): name
        for (family, nlri), name in connected_networks(view, entries).items()
    }


def view_of(*addresses: Address, links: list[Link] | None = None) -> KernelView:
    return make_view(
        links or [make_link(1, "lo"), make_link(2, "eth0"), make_link(3, "eth1")], list(addresses)
    )


def test_addresses_become_their_networks() -> None:
    view = view_of(
        make_address(2, "10.0.0.1/24"),
        make_address(2, "10.0.0.2/24"),
        make_address(2, "10.9.9.9/32"),
        make_address(2, "2001:db8::1/64"),
        make_address(2, "fd00::1/128"),
        make_address(3, "10.5.0.1/16"),
    )
    assert networks(view, "eth0") == {
        "10.0.0.0/24": "eth0",
        "10.9.9.9/32": "eth0",
        "2001:db8::/64": "eth0",
        "fd00::1/128": "eth0",
    }


def test_what_stands_for_no_network_of_others_is_left_out() -> None:
    view = view_of(
        make_address(2, "127.0.0.2/8"),
        make_address(2, "169.254.1.1/16"),
        make_address(2, "fe80::1/64"),
        make_address(1, "::1/128"),
        make_address(1, "127.0.0.1/8"),
        make_address(2, "2001:db8:1::1/64", flags=IFA_F_TENTATIVE),
        make_address(2, "2001:db8:2::1/64", flags=IFA_F_DADFAILED),
    )
    assert networks(view, "eth0", "lo") == {}


def test_deprecated_and_noprefixroute_addresses_stay() -> None:
    view = view_of(
        make_address(2, "2001:db8:1::1/64", flags=IFA_F_DEPRECATED),
        make_address(2, "10.0.0.1/24", flags=IFA_F_NOPREFIXROUTE),
    )
    assert networks(view, "eth0") == {"2001:db8:1::/64": "eth0", "10.0.0.0/24": "eth0"}


def test_a_global_address_on_the_loopback_is_imported() -> None:
    view = view_of(make_address(1, "192.0.2.1/32"), make_address(1, "127.0.0.1/8"))
    assert networks(view, "lo") == {"192.0.2.1/32": "lo"}


def test_with_a_peer_address_the_connected_route_s_prefix_counts() -> None:
    view = view_of(make_address(2, "10.99.0.1/32", peer="10.99.0.2"))
    assert networks(view, "eth0") == {"10.99.0.2/32": "eth0"}


def test_a_link_must_be_up_and_running() -> None:
    for flags in (0, IFF_UP, IFF_RUNNING):
        view = view_of(make_address(2, "10.0.0.1/24"), links=[make_link(2, "eth0", flags)])
        assert networks(view, "eth0") == {}


def test_links_in_a_vrf_are_left_to_the_vrf() -> None:
    view = view_of(
        make_address(2, "10.0.0.1/24"),
        make_address(3, "10.0.1.1/24"),
        make_address(9, "10.0.9.1/24"),
        links=[
            make_link(2, "eth0"),
            make_link(3, "eth1", master=9),
            make_link(4, "br0", kind="bridge"),
            make_link(9, "red", kind="vrf", vrf_table_id=10),
        ],
    )
    assert networks(view, "*") == {"10.0.0.0/24": "eth0"}


def test_a_bridge_port_counts() -> None:
    view = view_of(
        make_address(2, "10.0.0.1/24"),
        links=[make_link(2, "eth0", master=4), make_link(4, "br0", kind="bridge")],
    )
    assert networks(view, "eth0") == {"10.0.0.0/24": "eth0"}


def test_the_first_in_configured_order_owns_a_shared_network() -> None:
    view = view_of(make_address(2, "10.0.0.1/24"), make_address(3, "10.0.0.2/24"))
    assert networks(view, "eth0", "eth1") == {"10.0.0.0/24": "eth0"}
    assert networks(view, "eth1", "eth*") == {"10.0.0.0/24": "eth1"}
    assert networks(view, "eth[01]") == {"10.0.0.0/24": "eth0"}


def test_globs_match_names_that_exist_and_each_link_comes_once() -> None:
    links = [make_link(2, "eth1"), make_link(3, "eth0"), make_link(4, "vlan7")]
    chosen = match_interfaces(["vlan?", "eth0", "absent", "*"], links)
    assert [link.name for link in chosen] == ["vlan7", "eth0", "eth1"]


def test_a_network_that_moves_is_added_and_withdrawn() -> None:
    old = networks_of({"10.0.0.0/24": "eth0", "10.0.1.0/24": "eth0"})
    new = networks_of({"10.0.0.0/24": "eth1", "10.0.2.0/24": "eth1"})
    added, gone = difference(old, new)
    assert added == networks_of({"10.0.0.0/24": "eth1", "10.0.2.0/24": "eth1"})
    assert gone == networks_of({"10.0.0.0/24": "eth0", "10.0.1.0/24": "eth0"})


def networks_of(texts: dict[str, str]) -> Networks:
    return {parse_prefix(text): name for text, name in texts.items()}
