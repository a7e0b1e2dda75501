"""Which attribute sets a rule's communities mean: any member is enough, none means all."""

import pytest

from gobgp_trio.policy.communities import CommunityMatch, match_any_of
from gobgp_trio.types.attributes import PathAttributes


def attributes_with(wire: str) -> PathAttributes:
    return PathAttributes(
        wire=bytes.fromhex(wire),
        next_hop=bytes(4),
        link_local=b"",
        origin=0,
        local_pref=None,
        med=None,
        as_path_length=0,
        neighbor_as=0,
    )


PLAIN = attributes_with("40 01 01 00")
# COMMUNITIES 65000:100, 65000:200
STANDARD = attributes_with("40 01 01 00  c0 08 08 fde80064 fde800c8")
# LARGE_COMMUNITY 65000:1:100
LARGE = attributes_with("40 01 01 00  c0 20 0c 0000fde8 00000001 00000064")


@pytest.mark.parametrize(
    ("match", "plain", "standard", "large"),
    [
        (match_any_of([], []), True, True, True),
        (match_any_of([0xFDE80064], []), False, True, False),
        (match_any_of([1, 0xFDE800C8], []), False, True, False),
        (match_any_of([], [(65000, 1, 100)]), False, False, True),
        (match_any_of([0xFDE80064], [(65000, 1, 100)]), False, True, True),
        (match_any_of([1], [(65000, 1, 101)]), False, False, False),
    ],
)
def test_match(match: CommunityMatch, plain: bool, standard: bool, large: bool) -> None:
    assert match.matches(PLAIN) is plain
    assert match.matches(STANDARD) is standard
    assert match.matches(LARGE) is large
