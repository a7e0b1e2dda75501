"""Route distinguishers and VPN routes as text, against the octets of RFC 4364 section 4.2."""

import pytest

from gobgp_trio.types.family import Family
from gobgp_trio.types.vpn import format_rd, format_route, parse_rd

WRITTEN = {
    "65000:100": "0000 fde8 00000064",
    "10.0.0.1:30": "0001 0a000001 001e",
    "1.4464:100": "0002 00011170 0064",
    "0.65000:100": "0002 0000fde8 0064",
}


@pytest.mark.parametrize(("text", "octets"), WRITTEN.items())
def test_each_type_of_distinguisher_reads_as_it_is_written(text: str, octets: str) -> None:
    assert parse_rd(text) == bytes.fromhex(octets)
    assert format_rd(bytes.fromhex(octets)) == text


def test_an_as_number_of_four_octets_may_be_written_as_one_number() -> None:
    assert parse_rd("70000:100") == parse_rd("1.4464:100")


def test_a_type_nobody_knows_is_shown_as_octets() -> None:
    assert format_rd(bytes.fromhex("00030102030405ff")) == "3:0102030405ff"


@pytest.mark.parametrize("text", ["", "65000", "nonsense", "10.0.0.1:65536", "70000:65536", "1:-1"])
def test_what_is_no_distinguisher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted a route distinguisher like 65000:100"):
        parse_rd(text)


def test_a_vpn_route_is_a_prefix_behind_its_distinguisher() -> None:
    key = parse_rd("65000:100") + bytes.fromhex("080a")
    assert format_route(Family.IPV4_VPN, key) == "65000:100:10.0.0.0/8"
    assert format_route(Family.IPV4_UNICAST, key[8:]) == "10.0.0.0/8"
