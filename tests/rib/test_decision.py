"""The decision process: an ordered list of paths, each separated from the next by one step."""

from itertools import pairwise, permutations

import pytest

from gobgp_trio.config.schema import SelectionOptions
from gobgp_trio.rib.decision import STEPS, Decision
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.path import Path, Source, SourceKind


def make_path(
    *,
    kind: SourceKind = SourceKind.PEER,
    name: str = "10.0.0.1",
    address: bytes = b"\x0a\0\0\1",
    router_id: bytes = b"\1\1\1\1",
    is_ebgp: bool = False,
    received_s: float = 50.0,
    local_pref: int | None = None,
    length: int = 2,
    origin: int = 2,
    med: int | None = 7,
    neighbor_as: int = 64501,
    wire: bytes = b"",
) -> Path:
    attributes = PathAttributes(
        wire, b"\x0a\0\0\1", b"", origin, local_pref, med, length, neighbor_as
    )
    source = Source(kind, name, is_ebgp=is_ebgp, router_id=router_id, address=address)
    return Path(source, attributes, received_s)


ORIGINATOR_9_9_9_9 = bytes.fromhex("800904 09090909")
ORIGINATOR_1_0_0_0 = bytes.fromhex("800904 01000000")
TWO_CLUSTERS = bytes.fromhex("800904 01010101 800a08 00000001 00000002")
ONE_CLUSTER = bytes.fromhex("800904 01010101 800a04 00000001")

# Best first.  The text is the step that sets an entry apart from the one after it.  Every entry
# is worse than the next one in each later step that it can be worse in.
ORDERED = [
    (make_path(local_pref=200, length=9), "LOCAL_PREF"),
    (make_path(kind=SourceKind.LOCAL, name="local", length=5), "local origin"),
    (make_path(length=1, origin=2), "AS_PATH length"),
    (make_path(length=2, origin=0, med=9), "ORIGIN"),
    (make_path(origin=1, med=None), "MED"),
    (make_path(origin=1, med=3, is_ebgp=True, received_s=10.0, router_id=b"\x09" * 4), "oldest"),
    (make_path(origin=1, med=3, is_ebgp=True, received_s=11.0, router_id=b"\x03" * 4), "oldest"),
    (make_path(origin=1, med=3, is_ebgp=True, received_s=90.0), "external"),
    (make_path(origin=1, med=3, router_id=b"\xff" * 4, wire=ORIGINATOR_1_0_0_0), "router ID"),
    (make_path(origin=1, med=3, wire=ONE_CLUSTER, address=b"\x0a\0\0\7"), "CLUSTER_LIST length"),
    (make_path(origin=1, med=3, wire=TWO_CLUSTERS, address=b"\x0a\0\0\0"), "neighbor address"),
    (make_path(origin=1, med=3, wire=TWO_CLUSTERS, name="b"), "source name"),
    (make_path(origin=1, med=3, wire=TWO_CLUSTERS, name="c", received_s=99.0), "newest"),
    (make_path(origin=1, med=3, wire=TWO_CLUSTERS, name="c", received_s=60.0), "neighbor address"),
    (make_path(origin=1, med=3, wire=TWO_CLUSTERS, address=b"\x0a\0\0\2"), "router ID"),
    (make_path(origin=1, med=3, wire=ORIGINATOR_9_9_9_9), ""),
]


@pytest.mark.parametrize("at", range(len(ORDERED) - 1))
def test_each_entry_beats_the_next_by_the_step_named(at: int) -> None:
    (better, step), (worse, _) = ORDERED[at], ORDERED[at + 1]
    decision = Decision()

    assert decision.explain(better, worse) == step
    assert decision.explain(worse, better) == step
    assert decision.rank((better, worse)) == (better, worse)
    assert decision.rank((worse, better)) == (better, worse)


def test_every_step_is_in_the_list() -> None:
    assert {step for _, step in ORDERED} - {""} == {step.name for step in STEPS}


def test_the_order_is_total_over_the_whole_list() -> None:
    paths = [path for path, _ in ORDERED]

    assert list(Decision().rank(paths)) == paths
    assert list(Decision().rank(paths[::-1])) == paths
    for first, second in pairwise(paths):
        assert Decision().rank((second, first, paths[0]))[-2:] != (second, first)


def test_one_path_and_none() -> None:
    path = make_path()

    assert Decision().rank([path]) == (path,)
    assert Decision().rank([]) == ()


def test_equal_paths_keep_their_order_and_have_no_reason() -> None:
    first, second = make_path(), make_path()

    assert Decision().explain(first, second) == ""
    assert Decision().rank((second, first)) == (second, first)


def test_local_pref_absent_counts_as_100() -> None:
    absent, lower = make_path(local_pref=None, length=9), make_path(local_pref=99, length=1)

    assert Decision().rank((lower, absent)) == (absent, lower)
    assert Decision().explain(absent, make_path(local_pref=100, length=1)) == "AS_PATH length"


def test_med_compares_only_within_a_neighbor_as() -> None:
    """The case that makes pairwise comparison go round in a circle (RFC 4271 9.1.2.2 c).

    ``a`` beats ``b`` on MED, ``b`` beats ``c`` and ``c`` beats ``a`` on the router ID.
    """
    a = make_path(med=1, neighbor_as=1, router_id=b"\0\0\0\3")
    b = make_path(med=5, neighbor_as=1, router_id=b"\0\0\0\1")
    c = make_path(med=9, neighbor_as=2, router_id=b"\0\0\0\2")
    decision = Decision()

    assert decision.explain(a, b) == "MED"
    assert decision.explain(b, c) == "router ID"
    assert decision.explain(c, a) == "router ID"
    for order in permutations((a, b, c)):
        assert decision.rank(order) == (c, a, b)


def test_a_path_that_lost_on_med_returns_when_the_winner_goes() -> None:
    winner = make_path(med=1, neighbor_as=1, router_id=b"\0\0\0\3")
    loser = make_path(med=5, neighbor_as=1, router_id=b"\0\0\0\1")
    other = make_path(med=9, neighbor_as=2, router_id=b"\0\0\0\2")

    assert Decision().rank((winner, loser, other))[0] is other
    assert Decision().rank((loser, other))[0] is loser


def test_always_compare_med_compares_across_neighbor_ases() -> None:
    decision = Decision(SelectionOptions(always_compare_med=True))
    high = make_path(med=9, neighbor_as=1, router_id=b"\0\0\0\1")
    low = make_path(med=3, neighbor_as=2, router_id=b"\0\0\0\2")
    middle = make_path(med=5, neighbor_as=3, router_id=b"\0\0\0\3")

    assert decision.explain(high, low) == "MED"
    assert decision.rank((high, middle, low)) == (low, middle, high)
    assert Decision().rank((low, high)) == (high, low)


def test_ignore_as_path_length_leaves_the_step_out() -> None:
    decision = Decision(SelectionOptions(ignore_as_path_length=True))
    long, short = make_path(length=9, origin=0), make_path(length=1, origin=2)

    assert decision.rank((short, long)) == (long, short)
    assert "AS_PATH length" not in [step.name for step in decision.steps]


def test_external_compare_router_id_leaves_the_age_out() -> None:
    decision = Decision(SelectionOptions(external_compare_router_id=True))
    old = make_path(is_ebgp=True, received_s=1.0, router_id=b"\0\0\0\2")
    new = make_path(is_ebgp=True, received_s=2.0, router_id=b"\0\0\0\1")

    assert decision.rank((old, new)) == (new, old)
    assert Decision().rank((old, new)) == (old, new)


def test_explain_all_names_the_step_that_put_each_path_in_its_place() -> None:
    best = make_path(length=1, router_id=b"\0\0\0\1")
    second = make_path(length=1, router_id=b"\0\0\0\2")
    third = make_path(length=3, local_pref=100)
    last = make_path(local_pref=50, length=0)

    assert Decision().explain_all(()) == ()
    assert Decision().explain_all((best,)) == ("",)
    assert Decision().explain_all((best, second, third, last)) == (
        "8 router ID",
        "8 router ID",
        "3 AS_PATH length",
        "1 LOCAL_PREF",
    )
    assert Decision().explain_all((best, third)) == ("3 AS_PATH length", "3 AS_PATH length")


def test_explain_all_says_med_of_a_path_that_one_of_its_own_neighbor_as_beats() -> None:
    best = make_path(med=9, neighbor_as=2, router_id=b"\0\0\0\2")
    second = make_path(med=1, neighbor_as=1, router_id=b"\0\0\0\3")
    beaten = make_path(med=5, neighbor_as=1, router_id=b"\0\0\0\1")
    ranked = Decision().rank((beaten, second, best))

    assert ranked == (best, second, beaten)
    assert Decision().explain_all(ranked) == ("8 router ID", "8 router ID", "5 MED")


def test_steps_keep_their_numbers_when_options_leave_some_out() -> None:
    decision = Decision(SelectionOptions(ignore_as_path_length=True))
    pair = (make_path(origin=0, length=9), make_path(origin=1, length=1))

    assert decision.explain_all(pair) == ("4 ORIGIN", "4 ORIGIN")
