"""The batch encoder: exact octets per kind of route, and what a second implementation reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.rtnl.nlmsg import Message, read_messages
from gobgp_trio.rtnl.route import KernelRoute, Leg, read_route
from gobgp_trio.rtnl.route_batch import RouteAction, RouteTemplate, write_end_marker
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import nlri_of_address

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
GATEWAY4 = b"\x0a\0\0\2"
GATEWAY6 = b"\xfd" + bytes(14) + b"\2"
LEG4 = Leg(GATEWAY4, 3)
LEG6 = Leg(GATEWAY6, 3)


def template(
    family: Family = V4, *legs: Leg, table_id: int = 254, metric: int = 20
) -> RouteTemplate:
    return RouteTemplate(family, table_id, metric, 186, legs)


def test_exclusive_create() -> None:
    octets = template(V4, LEG4).add([b"\x18\x0a\x01\x02", b"\x08\x14"], 5)
    assert octets == bytes.fromhex(
        "44000000 1800 0106 05000000 00000000"  # REQUEST | EXCL | CREATE, sequence number 5
        "02 18 00 00 00 ba 00 01 00000000 0800 0100 0a010200"
        "0800 0f00 fe000000 0800 0600 14000000 0800 0500 0a000002 0800 0400 03000000"
        "44000000 1800 0106 06000000 00000000"
        "02 08 00 00 00 ba 00 01 00000000 0800 0100 14000000"
        "0800 0f00 fe000000 0800 0600 14000000 0800 0500 0a000002 0800 0400 03000000"
    )


def test_replace_differs_in_its_flags_alone() -> None:
    added = template(V4, LEG4).add([b"\0"], 5)
    replaced = template(V4, LEG4).replace([b"\0"], 5)
    assert replaced == added[:6] + bytes.fromhex("0105") + added[8:]


def test_ipv4_delete_names_table_metric_and_protocol() -> None:
    assert template(V4, LEG4, table_id=1000).delete([b"\x20\x0a\1\2\3"], 9) == bytes.fromhex(
        "34000000 1900 0100 09000000 00000000"
        "02 20 00 00 00 ba ff 00 00000000 0800 0100 0a010203"  # RT_SCOPE_NOWHERE
        "0800 0f00 e8030000 0800 0600 14000000"
    )


def test_ipv6_delete_names_our_leg_too() -> None:
    assert template(V6, LEG6).delete([b"\x20\x20\x01\x0d\xb8"], 9) == bytes.fromhex(
        "5c000000 1900 0100 09000000 00000000"
        "0a 20 00 00 00 ba 00 00 00000000 1400 0100 20010db8000000000000000000000000"
        "0800 0f00 fe000000 0800 0600 14000000"
        "1400 0500 fd000000000000000000000000000002 0800 0400 03000000"
    )


def test_ipv6_metric_0_is_deleted_as_what_the_kernel_made_of_it() -> None:
    both = template(V6, LEG6, metric=0)
    (added,) = read_messages(both.add([b"\0"], 1))
    (deleted,) = read_messages(both.delete([b"\0"], 1))
    assert [read_of(message).metric for message in (added, deleted)] == [0, 1024]


def test_ipv4_over_an_ipv6_gateway() -> None:
    (message,) = read_messages(template(V4, LEG6).add([b"\0"], 1))
    assert message.body[36:] == bytes.fromhex(
        "1600 1200 0a00 fd000000000000000000000000000002 0000 0800 0400 03000000"
    )


def test_several_legs() -> None:
    legs = (Leg(GATEWAY4, 3, weight=2), Leg(b"\x0a\1\0\2", 4, onlink=True))
    (message,) = read_messages(template(V4, *legs).add([b"\0"], 1))
    assert message.body[36:] == bytes.fromhex(
        "2400 0900 1000 00 01 03000000 0800 0500 0a000002 1000 04 00 04000000 0800 0500 0a010002"
    )


def test_ipv6_delete_names_all_our_legs() -> None:
    (message,) = read_messages(template(V6, LEG6, Leg(GATEWAY6, 4)).delete([b"\0"], 1))
    assert read_of(message).nexthops == (LEG6, Leg(GATEWAY6, 4))


@pytest.mark.parametrize(
    ("leg", "scope", "flags", "gateway", "oif"),
    [
        (Leg(b"", 3), 253, 0, None, 3),
        (Leg(GATEWAY4, 0), 0, 0, GATEWAY4, None),
        (Leg(GATEWAY4, 3, onlink=True), 0, 4, GATEWAY4, 3),
    ],
    ids=["on the link itself", "device left to the kernel", "onlink"],
)
def test_single_legs(
    leg: Leg, scope: int, flags: int, gateway: bytes | None, oif: int | None
) -> None:
    (message,) = read_messages(template(V4, leg).add([b"\x18\x0a\0\0"], 1))
    route = read_of(message)
    assert (route.scope, route.flags, route.gateway, route.oif) == (scope, flags, gateway, oif)


def test_a_delete_repeats_no_flags_or_type() -> None:
    (message,) = read_messages(template(V6, Leg(GATEWAY6, 3, onlink=True)).delete([b"\0"], 1))
    assert (read_of(message).flags, read_of(message).route_type) == (0, 0)


def test_equal_templates_are_one_key() -> None:
    used = template(V4, LEG4)
    used.add([b"\0"], 1)
    assert used == template(V4, LEG4)
    assert hash(used) == hash(template(V4, LEG4))
    assert used != template(V4, LEG4, metric=21)


def test_sequence_numbers_reach_the_last() -> None:
    octets = template(V4, LEG4).add([b"\0", b"\1\0"], 0xFFFF_FFFE)
    assert [message.seq for message in read_messages(octets)] == [0xFFFF_FFFE, 0xFFFF_FFFF]


def test_the_end_marker_is_a_noop_that_wants_an_answer() -> None:
    assert write_end_marker(258) == bytes.fromhex("10000000 0100 0500 02010000 00000000")


def test_no_message_is_longer_than_its_limit() -> None:
    for legs in ([LEG6], [LEG6, LEG6], [Leg(GATEWAY6, 4)] * 9):
        for family in (V4, V6):
            made = template(family, *legs)
            for action in RouteAction:
                assert len(made.encode(action, [b"\0"], 1)) <= made.message_octets_limit


def read_of(message: Message) -> KernelRoute:
    route = read_route(message.body)
    assert route is not None
    return route


@st.composite
def prefixes(draw: st.DrawFn, family: Family) -> bytes:
    octets_count = family.address_octets
    address = draw(st.binary(min_size=octets_count, max_size=octets_count))
    return nlri_of_address(address, draw(st.integers(0, family.address_bits)))


@given(st.data(), st.sampled_from([V4, V6]), st.sampled_from(RouteAction), st.integers(0, 2**31))
def test_what_is_written_is_read_back(
    data: st.DataObject, family: Family, action: RouteAction, first_seq: int
) -> None:
    nlris = data.draw(st.lists(prefixes(family), max_size=20))
    made = RouteTemplate(family, 1000, 20, 186, (LEG4 if family is V4 else LEG6,))
    messages = list(read_messages(made.encode(action, nlris, first_seq)))
    assert [message.seq for message in messages] == list(range(first_seq, first_seq + len(nlris)))
    routes = [read_of(message) for message in messages]
    assert [route.nlri for route in routes] == nlris
    assert {(route.table_id, route.metric, route.protocol) for route in routes} <= {(1000, 20, 186)}
