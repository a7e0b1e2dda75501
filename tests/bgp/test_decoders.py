"""Every decoder of the codec has a property that feeds it any octets."""

from inspect import isfunction

from gobgp_trio.bgp import (
    as_path,
    attr,
    attribute_table,
    capability,
    message,
    multiprotocol,
    nlri,
    update,
)
from tests.bgp import test_attr, test_message, test_update

MODULES = (as_path, attr, attribute_table, capability, message, multiprotocol, nlri, update)
PROPERTIES = (test_attr, test_message, test_update)

# What takes octets off the wire, and the property that feeds it.
DECODERS = {
    "UpdateDecoder": "test_any_octets_are_an_update_or_a_fault",
    "read_as_path": "test_any_octets_are_an_as_path_or_a_fault",
    "read_capabilities": "test_any_octets_are_capabilities_or_their_fault",
    "read_mp_reach": "test_any_octets_are_an_update_or_a_fault",
    "read_mp_unreach": "test_any_octets_are_an_update_or_a_fault",
    "read_notification": "test_any_octets_are_a_notification_or_its_fault",
    "read_open": "test_any_octets_are_an_open_or_its_fault",
    "read_plain": "test_the_short_way_agrees_with_the_tables",
    "read_prefix": "test_splitting_agrees_with_reading_one_by_one",
    "read_route_refresh": "test_any_octets_are_a_route_refresh_or_its_fault",
    "read_shutdown_message": "test_any_octets_are_a_shutdown_message_or_none",
    "read_values": "test_the_tables_read_what_they_wrote",
    "split_labelled": "test_any_octets_are_labelled_routes_or_malformed",
    "split_messages": "test_a_bad_stream_split_anywhere_gives_the_same_fault",
    "split_next_hop": "test_any_octets_are_an_update_or_a_fault",
    "split_unicast": "test_splitting_agrees_with_reading_one_by_one",
    "walk_attributes": "test_any_octets_are_an_update_or_a_fault",
}


def test_every_decoder_has_its_property() -> None:
    found = {
        name
        for module in MODULES
        for name, value in vars(module).items()
        if name.startswith(("read_", "split_", "walk_"))
        and isfunction(value)
        and value.__module__ == module.__name__
    }
    assert found | {"UpdateDecoder"} == set(DECODERS)
    assert len(DECODERS) == 17


def test_every_property_exists() -> None:
    properties = {name for module in PROPERTIES for name in vars(module)}
    assert set(DECODERS.values()) <= properties
