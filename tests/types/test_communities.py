"""Communities as text: what is read, what is refused and with which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.types.communities import (
    WELL_KNOWN,
    format_community,
    format_large_community,
    format_route_target,
    parse_community,
    parse_large_community,
    parse_route_target,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("65000:100", 0xFDE80064),
        ("0:0", 0),
        ("65535:65535", 0xFFFFFFFF),
        ("4259905636", 0xFDE90064),
        ("no-export", 0xFFFFFF01),
        ("blackhole", 0xFFFF029A),
        ("internet", 0),
        ("llgr-stale", 0xFFFF0006),
        ("planned-shut", 0xFFFF0000),
    ],
)
def test_standard_community_is_read(text: str, value: int) -> None:
    assert parse_community(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "65536:1",
        "1:65536",
        "4294967296",
        "-1",
        "1:-1",
        " 1:1",
        "1:1 ",
        "1_0:1",
        "٣:1",
        "1:2:3",
        "65000:mesh",
        "No-Export",
        "0x10",
        "1:",
        "99999999999999999999",
    ],
)
def test_other_text_is_no_standard_community(text: str) -> None:
    with pytest.raises(ValueError, match="wanted a community like 65000:100"):
        parse_community(text)


def test_standard_community_error_says_wanted_and_found() -> None:
    with pytest.raises(ValueError, match="wanted") as caught:
        parse_community("70000:1")
    assert str(caught.value) == (
        "wanted a community like 65000:100 (each part 0 to 65535), a number up to 4294967295 "
        "or a well-known name, found '70000:1'"
    )


@given(st.integers(0, 2**32 - 1) | st.sampled_from(sorted(WELL_KNOWN.values())))
def test_standard_community_survives_its_text(value: int) -> None:
    assert parse_community(format_community(value)) == value


def test_standard_community_as_text() -> None:
    assert [format_community(value) for value in (0xFDE80064, 0xFFFFFF04, 1)] == [
        "65000:100",
        "no-peer",
        "0:1",
    ]


def test_large_community_is_read_and_written() -> None:
    assert parse_large_community("65000:1:4294967295") == (65000, 1, 4294967295)
    assert format_large_community((65000, 1, 100)) == "65000:1:100"


@pytest.mark.parametrize("text", ["65000:1", "1:2:3:4", "1:2:4294967296", "1::3", "a:b:c", ""])
def test_other_text_is_no_large_community(text: str) -> None:
    with pytest.raises(ValueError, match="wanted a large community like 65000:1:100"):
        parse_large_community(text)


def test_word_inside_a_large_community_is_refused_clearly() -> None:
    with pytest.raises(ValueError, match="wanted") as caught:
        parse_large_community("65000:mesh:1")
    assert str(caught.value) == (
        "wanted a large community like 65000:1:100 (three numbers from 0 to 4294967295), "
        "found '65000:mesh:1'"
    )


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        # type, subtype, administrator, number
        ("65000:100", "00 02 fde8 00000064"),
        ("65000:4294967295", "00 02 fde8 ffffffff"),
        ("10.0.0.1:30", "01 02 0a000001 001e"),
        ("1.4464:100", "02 02 00011170 0064"),
        ("0.100:7", "02 02 00000064 0007"),
    ],
)
def test_route_target_is_read_and_written(text: str, octets: str) -> None:
    assert parse_route_target(text) == bytes.fromhex(octets)
    assert format_route_target(bytes.fromhex(octets)) == text


def test_route_target_with_a_long_as_number_is_of_type_two() -> None:
    assert parse_route_target("70000:100").hex(" ") == "02 02 00 01 11 70 00 64"


@pytest.mark.parametrize(
    "text",
    [
        "65000",
        "65000:",
        ":1",
        "70000:65536",
        "10.0.0.1:65536",
        "10.0.0:1",
        "1.65536:1",
        "a:1",
        "4294967296:1",
        "65000:4294967296",
        "1:2:3",
    ],
)
def test_other_text_is_no_route_target(text: str) -> None:
    with pytest.raises(ValueError, match=r"^wanted a route target like 65000:100, .*, found "):
        parse_route_target(text)


@pytest.mark.parametrize("octets", ["0003fde800000064", "030b000000000064", "0302000000000064"])
def test_other_extended_communities_are_no_route_targets(octets: str) -> None:
    assert format_route_target(bytes.fromhex(octets)) is None


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_community, parse_large_community, parse_route_target):
        message = ""
        try:
            parse(text)
        except ValueError as error:
            message = str(error)
        assert message.isprintable()
