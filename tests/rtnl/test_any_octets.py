"""Any octets: a decoder gives a value or says MalformedNetlink, nothing else."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.rtnl import (
    address,
    event,
    link,
    neighbor,
    nexthop,
    nlmsg,
    route,
    route_scan,
    rule,
)
from gobgp_trio.rtnl.nlmsg import MalformedNetlink, Message, write_attribute, write_message

MODULES: tuple[ModuleType, ...] = (
    address, event, link, neighbor, nexthop, nlmsg, route, route_scan, rule,
)  # fmt: skip


def as_message(read: Callable[[Message], object]) -> Callable[[bytes], object]:
    return lambda octets: read(Message(2, 0x200, 0, 0, octets))


DECODERS: dict[str, Callable[[bytes], object]] = {
    "read_address": address.read_address,
    "read_events": event.read_events,
    "read_link": link.read_link,
    "read_neighbor": neighbor.read_neighbor,
    "read_nexthop": nexthop.read_nexthop,
    "read_messages": lambda octets: list(nlmsg.read_messages(octets)),
    "read_attributes": nlmsg.read_attributes,
    "read_u32": lambda octets: nlmsg.read_u32(octets, "x"),
    "read_string": nlmsg.read_string,
    "read_error": as_message(nlmsg.read_error),
    "read_done": as_message(nlmsg.read_done),
    "read_route": route.read_route,
    "read_gateway": lambda octets: route.read_gateway(octets, None),
    "read_multipath": route.read_multipath,
    "read_rule": rule.read_rule,
}
# Octets with a chance: the fixed part of a message, then attributes that fit.
ATTRIBUTES = st.lists(
    st.builds(write_attribute, st.integers(0, 40), st.binary(max_size=24)), max_size=6
).map(b"".join)
BODIES = st.builds(
    lambda family, header, attributes: bytes((family,)) + header + attributes,
    st.sampled_from([2, 10, 0, 7, 28]),
    st.sampled_from([7, 11, 15]).flatmap(lambda count: st.binary(min_size=count, max_size=count)),
    ATTRIBUTES,
)
MESSAGES = st.builds(
    write_message,
    st.sampled_from([2, 3, 16, 17, 20, 21, 24, 25]),
    st.integers(0, 0xFFFF),
    st.just(1),
    BODIES,
)
DATAGRAMS = st.lists(MESSAGES, max_size=3).map(b"".join)


def test_every_decoder_is_in_the_list() -> None:
    found = {
        name
        for module in MODULES
        for name, value in vars(module).items()
        if name.startswith("read_") and inspect.isfunction(value)
    }
    assert found == set(DECODERS)
    assert len(DECODERS) == 15


@pytest.mark.parametrize("name", DECODERS)
@given(octets=st.one_of(st.binary(max_size=80), BODIES, ATTRIBUTES, DATAGRAMS))
def test_any_octets_are_a_value_or_a_declared_fault(name: str, octets: bytes) -> None:
    with suppress(MalformedNetlink):
        DECODERS[name](octets)
