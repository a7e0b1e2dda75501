"""What a table dump's run says: counts, what was not told as it must be, how best paths compare."""

from collections.abc import Iterator, Mapping, Sequence

from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import format_prefix
from scripts.bench_lib.mrt import Dump
from scripts.bench_lib.mrt_decide import Comparison
from scripts.bench_lib.mrt_run import Heard

OURS = "ours"
SETTINGS = (
    "all: peers passive",
    "ours: external-compare-router-id = true",
    "bird: deterministic med on, next hop keep, gateway recursive, all next hops equally near",
)


def is_right(heard: Mapping[str, Heard], comparison: Comparison) -> bool:
    """Whether ours told every path as it must and chose every best path that it should."""
    return not heard[OURS].wrong_count and not comparison.wrong[OURS]


def format_run(
    dump: Dump, family: int, heard: Mapping[str, Heard], comparison: Comparison
) -> Iterator[str]:
    """The lines of one family."""
    tables = dump.routes[family]
    sets = {octets for table in tables.values() for octets in table.values()}
    yield (
        f"IPv{family}: {dump.count_prefixes(family):,} prefixes, {dump.count_paths(family):,} paths"
        f" of {len(tables)} peers, {len(sets):,} different sets of attributes"
        + (", the file ends in the middle" if dump.is_cut else "")
    )
    yield "told by each peer alone, read, kept, written and sent to an internal peer:"
    for name, one in heard.items():
        kept = "".join(f", {count:,} rightly not ({why})" for why, count in one.kept.items())
        wrong = one.wrong_count
        yield f"  {name:5} {one.as_expected:,} as they must be{kept}, unexplained {wrong:,}"
        yield from (f"        {line}" for line in one.wrong)
    yield "told by all peers together, best paths:"
    yield f"  the same {comparison.same:,}"
    for (step, who), count in sorted(comparison.differences.items()):
        yield f"  different at step {step}: {count:,}, right is {who}"
    for name in heard:
        wrong = comparison.wrong[name]
        yield f"  {name:5} other than a plain computation: {wrong:,}"
    yield from (f"        {line}" for line in _examples(family, comparison))
    yield "  what set the best path apart from each other one: " + ", ".join(
        f"{step} {count:,}" for step, count in comparison.decided.most_common()
    )
    for name, one in heard.items():
        yield (
            f"  {name:5} all told after {one.load_s:.1f} s, resident memory then"
            f" {one.rss_octets / 1e6:,.0f} MB"
        )


def _examples(family: int, comparison: Comparison) -> Sequence[str]:
    row = Family.IPV4_UNICAST if family == 4 else Family.IPV6_UNICAST
    return [
        f"{format_prefix(row, nlri)}: ours of peer {ours}, the other's {other}, wanted {wanted}"
        for nlri, ours, other, wanted in comparison.examples
    ]
