"""``scripts/bench``: measure our daemon beside others and print one table.

Runs inside namespaces of its own (``scripts/netns-run``), so nothing stays behind, however it ends.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.bench_lib.adapter import FEEDER_AS, Setup
from scripts.bench_lib.daemons import DAEMONS
from scripts.bench_lib.feed import Feed, FeedOptions, make_feed
from scripts.bench_lib.mrt import NotMrt, read_dump
from scripts.bench_lib.mrt_report import SETTINGS, format_run, is_right
from scripts.bench_lib.mrt_run import run_dump
from scripts.bench_lib.report import (
    JUDGED_ROUTES_MIN,
    Run,
    disturbances,
    format_report,
    judge,
)
from scripts.bench_lib.scenarios import SCENARIOS, Bench, RunFailed, measure
from scripts.bench_lib.session import HOLD_TIME_S

OURS = "ours"
EXIT_FAILED = 1
EXIT_MISSED = 2


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    routes: int
    runs: int
    daemons: tuple[str, ...]
    scenarios: tuple[str, ...]
    families: tuple[int, ...]
    dampening_ms: int
    timeout_s: float
    json_file: Path | None
    mrt_file: Path | None
    is_strict: bool


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process on a wrong one."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    add("--routes", type=int, default=100_000, help="routes of the table (default %(default)s)")
    add("--runs", type=int, default=3, help="runs of each, the median counts (default %(default)s)")
    add("--only", nargs="+", choices=sorted(DAEMONS), metavar="DAEMON", help="only these daemons")
    add("--scenario", nargs="+", choices=sorted(SCENARIOS), metavar="NAME", help="only these")
    add("--family", nargs="+", type=int, choices=(4, 6), help="only these (default both)")
    add("--dampening-ms", type=int, default=0, help="our dampening interval (default %(default)s)")
    add("--timeout", type=float, default=120.0, help="seconds for each step (default %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures of all runs there, too")
    add(
        "--mrt",
        type=Path,
        metavar="FILE",
        help="instead, feed this dump of a collector's table (TABLE_DUMP_V2, plain, gzip or bzip2)"
        " to ours and to BIRD, and compare what they make of it",
    )
    add("--strict", action="store_true", help=f"end with {EXIT_MISSED} unless all targets are met")
    found = parser.parse_args(arguments)
    return Options(
        routes=found.routes,
        runs=found.runs,
        daemons=tuple(found.only or available_daemons()),
        scenarios=tuple(found.scenario or SCENARIOS),
        families=tuple(found.family or (4, 6)),
        dampening_ms=found.dampening_ms,
        timeout_s=found.timeout,
        json_file=found.json,
        mrt_file=found.mrt,
        is_strict=found.strict,
    )


def available_daemons() -> list[str]:
    """All that can run here; the others are told, ours is wanted in any case."""
    found = []
    for name, adapter in DAEMONS.items():
        if name != OURS and (reason := adapter.missing()):
            print(f"bench: {name} is left out: {reason}", file=sys.stderr)
        else:
            found.append(name)
    return found


def run_all(options: Options, folder: Path) -> Iterator[Run]:
    """Each measurement as it is done; daemons take turns, so that a slow minute hits all."""
    for family in options.families:
        feed = make_feed(
            FeedOptions(options.routes, family, FEEDER_AS, Setup(family).address(1, 2))
        )
        for scenario in options.scenarios:
            for number in range(options.runs):
                for daemon in options.daemons:
                    if not can_run(daemon, scenario):
                        continue
                    run_folder = folder / f"{daemon}-{scenario}-{family}-{number}"
                    run_folder.mkdir()
                    yield run_one(options, daemon, scenario, feed, run_folder)


def can_run(daemon: str, scenario: str) -> bool:
    """Whether this daemon has what the scenario is about."""
    adapter = DAEMONS[daemon]
    if scenario == "live":
        return adapter.is_live
    return adapter.has_kernel or not SCENARIOS[scenario][1]


def make_setup(options: Options, scenario: str, family: int) -> Setup:
    """What a scenario wants of a daemon."""
    _, has_kernel, has_receiver = SCENARIOS[scenario]
    return Setup(family, has_kernel, has_receiver, options.dampening_ms)


def run_one(options: Options, daemon: str, scenario: str, feed: Feed, folder: Path) -> Run:
    """One measurement; a failure is a result, too."""
    family = feed.options.family
    setup = make_setup(options, scenario, family)
    bench = Bench(DAEMONS[daemon], setup, feed, folder, options.timeout_s)
    try:
        figures = measure(bench, SCENARIOS[scenario][0])
    except RunFailed as error:
        return Run(daemon, scenario, family, {}, str(error))
    return Run(daemon, scenario, family, figures)


def main(arguments: Sequence[str]) -> int:
    """The whole bench; returns the exit status."""
    options = parse_options(arguments)
    if options.mrt_file is not None:
        return feed_dump(options.mrt_file, options.families)
    missing = [text for name in options.daemons if (text := DAEMONS[name].missing())]
    if missing:
        print("bench:", "; ".join(missing), file=sys.stderr)
        return EXIT_FAILED
    runs: list[Run] = []
    # Below /run: a file system of its own in memory that ends with the namespaces.
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/run") as folder:
        for run in run_all(options, Path(folder)):
            runs.append(run)
            show_progress(run)
    if options.json_file is not None:
        options.json_file.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    return show_end(options, runs)


def feed_dump(file: Path, families: Sequence[int]) -> int:
    """``--mrt``: a real table into ours and BIRD; fails unless everything is explained."""
    try:
        dump = read_dump(file)
    except (OSError, NotMrt) as error:
        print(f"bench: {file}: {error}", file=sys.stderr)
        return EXIT_FAILED
    verdicts = []
    print("\n".join(SETTINGS))
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/run") as folder:
        for family in sorted(set(families) & set(dump.routes)):
            heard, comparison = run_dump(dump, family, Path(folder))
            print("\n".join(format_run(dump, family, heard, comparison)), flush=True)
            verdicts.append(is_right(heard, comparison))
    if not verdicts:
        print(f"bench: {file}: no unicast routes of the families wanted", file=sys.stderr)
    return 0 if verdicts and all(verdicts) else EXIT_FAILED


def show_progress(run: Run) -> None:
    """One line for each run, on standard error."""
    figures = ", ".join(f"{name} {value:,.2f}" for name, value in run.figures.items())
    print(
        f"{run.scenario} IPv{run.family} {run.daemon}: {run.error or figures}",
        file=sys.stderr,
        flush=True,
    )


def show_end(options: Options, runs: Sequence[Run]) -> int:
    """The table and what must be said with it; returns the exit status."""
    print(f"{options.routes:,} routes, medians of {options.runs}, Linux {platform.release()}")
    print(f"all sessions: hold time {HOLD_TIME_S} s, as the measuring peers ask for")
    for name in options.daemons:
        print(f"{name}: {DAEMONS[name].settings(Setup(4, dampening_ms=options.dampening_ms))}")
    print(f"\n{format_report(runs, OURS)}")
    for line in disturbances(runs):
        print(f"disturbed: {line}")
    targets = judge(runs, OURS) if options.routes >= JUDGED_ROUTES_MIN else []
    for line in targets:
        print(line)
    failed = [run for run in runs if run.error]
    for run in failed:
        print(f"FAILED {run.scenario} IPv{run.family} {run.daemon}: {run.error}")
    if failed:
        return EXIT_FAILED
    is_missed = not all(line.startswith("met") for line in targets)
    return EXIT_MISSED if options.is_strict and is_missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
