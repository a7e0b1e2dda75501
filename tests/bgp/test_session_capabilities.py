"""What sessions announce, what both sides agree on, and the marks of a route refresh."""

from dataclasses import replace
from itertools import product

import pytest

from gobgp_trio.bgp.capability import Capabilities
from gobgp_trio.bgp.message import (
    KEEPALIVE,
    OPEN,
    ROUTE_REFRESH,
    Open,
    read_open,
    write_open,
)
from gobgp_trio.bgp.session.machine import Session
from gobgp_trio.bgp.session.negotiate import (
    Endpoints,
    Negotiated,
    SessionSettings,
    make_open,
    negotiate,
)
from gobgp_trio.bgp.session.outputs import Output, Refresh, RefreshBegun, RefreshEnded
from gobgp_trio.types.family import Family
from tests.bgp.session_pair import ADDRESSES, V4, V6, Pair, make_settings

ENDS = Endpoints(ADDRESSES[0], ADDRESSES[1])
THEIR_ID = bytes((9, 9, 9, 9))
BARE = Capabilities(families=(V4, V6), four_octet_as=65002, route_refresh=True)


def agree(theirs: Capabilities, settings: SessionSettings | None = None) -> Negotiated:
    """What we and a peer with these capabilities agree on."""
    message = Open(4, 65002, 90, THEIR_ID, theirs)
    return negotiate(settings or make_settings(), ENDS, message, is_outbound=True)


def established(theirs: Capabilities) -> Session:
    session = Session(make_settings())
    session.on_start(0.0)
    session.on_connected(1, ENDS, 0.0)
    body = write_open(Open(4, 65002, 90, THEIR_ID, theirs))[19:]
    session.on_message(1, OPEN, body, 0.0)
    session.on_message(1, KEEPALIVE, b"", 0.0)
    return session


def test_all_that_we_announce() -> None:
    settings = replace(make_settings(), host_name="rt1", software_version="gobgp-trio/1")
    message = make_open(settings)
    assert message.capabilities == Capabilities(
        families=(V4, V6),
        four_octet_as=65001,
        route_refresh=True,
        enhanced_route_refresh=True,
        extended_message=True,
        extended_next_hop=((1, 1, 2),),
        fqdn=("rt1", ""),
        software_version="gobgp-trio/1",
    )
    assert read_open(write_open(message)[19:]) == message


def test_what_has_no_value_is_not_announced() -> None:
    settings = replace(make_settings(families=(V6,)), is_extended_message=False)
    capabilities = make_open(settings).capabilities
    assert capabilities.fqdn is None
    assert capabilities.software_version is None
    assert capabilities.extended_next_hop == ()
    assert not capabilities.extended_message


def test_two_of_us_agree_on_everything() -> None:
    pair = Pair(make_settings(), make_settings(65002, 65001, THEIR_ID, is_passive=True))
    pair.start()
    pair.settle()
    for session in pair.sides:
        negotiated = session.negotiated
        assert negotiated is not None
        assert negotiated.context.max_message_octets == 65535
        assert negotiated.context.extended_next_hop == {V4}
        assert negotiated.enhanced_route_refresh


@pytest.mark.parametrize(("ours", "theirs"), list(product((False, True), repeat=2)))
def test_long_messages_need_both_sides(ours: bool, theirs: bool) -> None:
    settings = replace(make_settings(), is_extended_message=ours)
    negotiated = agree(replace(BARE, extended_message=theirs), settings)
    assert negotiated.context.max_message_octets == (65535 if ours and theirs else 4096)


@pytest.mark.parametrize(
    ("families", "triples", "expected"),
    [
        ((V4, V6), (), set()),
        ((V4, V6), ((1, 1, 2),), {V4}),
        ((V4, V6), ((1, 1, 1),), set()),  # IPv4 with IPv4 next hops says nothing new
        ((V4, V6), ((2, 1, 2),), set()),
        ((V4, V6), ((1, 2, 2), (1, 1, 2)), {V4}),  # multicast, and unicast
        ((V6,), ((1, 1, 2),), set()),  # IPv4 was not negotiated
    ],
)
def test_extended_next_hop_needs_both_sides_and_the_family(
    families: tuple[Family, ...], triples: tuple[tuple[int, int, int], ...], expected: set[Family]
) -> None:
    negotiated = agree(replace(BARE, families=families, extended_next_hop=triples))
    assert negotiated.context.extended_next_hop == expected


def test_a_peer_with_nothing_to_announce_gets_nothing_new() -> None:
    negotiated = agree(BARE)
    assert not negotiated.enhanced_route_refresh
    assert negotiated.context.max_message_octets == 4096
    assert negotiated.context.extended_next_hop == frozenset()


# --- route refresh with marks (RFC 7313) -------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "marked", "unmarked"),
    [
        ("00010001", [Refresh(V4)], [Refresh(V4)]),
        ("00010101", [RefreshBegun(V4)], []),
        ("00020101", [RefreshBegun(V6)], []),
        ("00010201", [RefreshEnded(V4)], []),
        ("00010301", [], []),  # a subtype nobody has named
        ("0001ff01", [], []),
        ("00010180", [], []),  # a family that was not negotiated
        ("40040147", [], []),  # a family nobody here knows
    ],
)
def test_refresh_messages(body: str, marked: list[Output], unmarked: list[Output]) -> None:
    octets = bytes.fromhex(body)
    with_marks = established(replace(BARE, enhanced_route_refresh=True))
    assert with_marks.on_message(1, ROUTE_REFRESH, octets, 1.0) == marked
    assert established(BARE).on_message(1, ROUTE_REFRESH, octets, 1.0) == unmarked


def test_a_mark_keeps_the_session_alive() -> None:
    session = established(replace(BARE, enhanced_route_refresh=True))
    session.on_message(1, ROUTE_REFRESH, bytes.fromhex("00010101"), 80.0)
    assert session.list_hold_due(169.0) == []
    assert session.list_hold_due(170.0) == [1]
