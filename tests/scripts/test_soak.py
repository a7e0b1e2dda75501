"""What the soak takes for growth."""

from harness.kernel import KernelRoute
from scripts.soak_lib.__main__ import Counts, compare

ROUTE = KernelRoute("10.0.0.0/24", via="192.0.2.2", dev="eth0", metric=20)
OTHER = KernelRoute("10.0.1.0/24", via="192.0.2.2", dev="eth0", metric=20)
FIRST = Counts(100_000_000, 18, 33, frozenset({ROUTE}))


def verdicts(last: Counts, *, judges_rss: bool = True) -> list[bool]:
    return [is_right for *_, is_right in compare(FIRST, last, judges_rss=judges_rss)]


def test_the_same_is_right() -> None:
    assert verdicts(FIRST) == [True, True, True, True]
    assert verdicts(Counts(104_900_000, 18, 33, frozenset({ROUTE}))) == [True, True, True, True]


def test_each_thing_that_grew_or_went_is_wrong() -> None:
    assert verdicts(Counts(106_000_000, 18, 33, FIRST.routes)) == [False, True, True, True]
    assert verdicts(Counts(100_000_000, 19, 33, FIRST.routes)) == [True, False, True, True]
    assert verdicts(Counts(100_000_000, 18, 32, FIRST.routes)) == [True, True, False, True]
    for routes in (frozenset[KernelRoute](), frozenset({OTHER}), frozenset({ROUTE, OTHER})):
        assert verdicts(Counts(100_000_000, 18, 33, routes)) == [True, True, True, False]


def test_memory_of_a_short_soak_is_shown_only() -> None:
    grown = Counts(200_000_000, 18, 33, FIRST.routes)
    assert verdicts(grown, judges_rss=False) == [True, True, True, True]
    assert compare(FIRST, grown, judges_rss=False)[0] == (
        "resident memory, MB",
        "100.0",
        "200.0 (+100.0%)",
        True,
    )
