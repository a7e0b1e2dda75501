"""Figures of all runs as one table: medians, how ours compares, what was set, what disturbed."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# When other work used more CPUs than this, a run is not worth much.
DISTURBED_CPUS = 0.3
# What is judged is judged with at least as many routes: fewer are over too soon to measure.
JUDGED_ROUTES_MIN = 100_000


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: its figures, or why it failed."""

    daemon: str
    scenario: str
    family: int
    figures: Mapping[str, float]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a figure is shown, and what is expected of our daemon.

    Attributes:
        target: least (``more_is_better``) or most that ours should reach; None for no target.
        rival: daemon and share of its figure that ours should reach at least; it counts instead of
            ``target``, which depends on the machine, where that daemon is measured in the same run.
        decimals: digits behind the point.
    """

    scenario: str
    figure: str
    label: str
    unit: str
    more_is_better: bool
    target: float | None = None
    rival: tuple[str, float] | None = None
    decimals: int = 0


# With a hold time of 3 s a KEEPALIVE is due every second; what is above is delay.
GAP_MS_MAX = 1250
# The same, and the lag, with a full table that is changed and listed.
LIVE_GAP_MS_MAX, LIVE_LAG_MS_MAX = 1500, 100


FRR = ("frr", 1.0)
PART_OF_FRR = ("frr", 100_000 / 159_000)


def _delays(scenario: str) -> tuple[Metric, Metric]:
    """How late the daemon was at other things while it worked."""
    gap = Metric(scenario, "keepalive_gap_ms", "largest keepalive gap", "ms", False, GAP_MS_MAX)
    return gap, Metric(scenario, "loop_lag_ms", "event loop lag", "ms", False)


METRICS = (
    Metric("kernel", "kernel_add_per_s", "wire to kernel", "routes/s", True, 88_000, FRR),
    Metric("kernel", "kernel_add_cpu_s", "wire to kernel, CPU", "s", False, decimals=2),
    Metric(
        "kernel", "kernel_withdraw_per_s", "withdrawal from kernel", "routes/s", True, 110_000, FRR
    ),
    Metric("kernel", "kernel_withdraw_cpu_s", "withdrawal, CPU", "s", False, decimals=2),
    Metric("kernel", "kernel_octets_per_route", "memory with kernel", "octets/route", False, 1000),
    *_delays("kernel"),
    Metric(
        "propagate",
        "propagate_per_s",
        "propagate to one peer",
        "routes/s",
        True,
        100_000,
        PART_OF_FRR,
    ),
    Metric("propagate", "propagate_cpu_s", "propagate, CPU", "s", False, decimals=2),
    Metric("propagate", "propagate_withdraw_per_s", "propagate withdrawals", "routes/s", True),
    Metric("propagate", "updates_sent_per_update", "UPDATEs out per in", "", False, decimals=2),
    *_delays("propagate"),
    Metric("ingest", "ingest_per_s", "wire to table", "routes/s", True, 215_000, FRR),
    Metric("ingest", "ingest_cpu_s", "wire to table, CPU", "s", False, decimals=2),
    Metric("ingest", "octets_per_route", "memory, table only", "octets/route", False, 1000),
    *_delays("ingest"),
    Metric("live", "live_add_s", "wire to kernel", "s", False, decimals=2),
    Metric("live", "live_add_lag_ms", "event loop lag meanwhile", "ms", False),
    Metric("live", "live_change_s", "all rewritten on SIGHUP", "s", False, decimals=2),
    Metric("live", "live_change_lag_ms", "event loop lag meanwhile", "ms", False),
    Metric("live", "live_list_s", "listed twice by gobgp", "s", False, decimals=2),
    Metric("live", "live_list_lag_ms", "event loop lag meanwhile", "ms", False),
    Metric("live", "live_withdraw_s", "withdrawal", "s", False, decimals=2),
    Metric("live", "live_withdraw_lag_ms", "event loop lag meanwhile", "ms", False),
    Metric("live", "keepalive_gap_ms", "largest keepalive gap", "ms", False, LIVE_GAP_MS_MAX),
    Metric("live", "live_lag_ms", "largest event loop lag", "ms", False, LIVE_LAG_MS_MAX),
)


def median_figures(runs: Iterable[Run]) -> dict[str, float]:
    """The median of each figure over the runs that came to their end."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for name, value in run.figures.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.median(found) for name, found in values.items()}


def format_report(runs: Sequence[Run], ours: str) -> str:
    """The table: a line for each figure, scenario and family, a column for each daemon.

    Args:
        ours: the daemon that the ratios and targets are about.
    """
    daemons = list(dict.fromkeys(run.daemon for run in runs))
    others = [daemon for daemon in daemons if daemon != ours]
    titles = ["scenario", "figure", "unit", "best", *daemons]
    titles += [f"{ours}/{other}" for other in others if ours in daemons]
    rows = [titles]
    for family in sorted({run.family for run in runs}):
        for metric in METRICS:
            found = {daemon: _figure(runs, daemon, metric, family) for daemon in daemons}
            if any(value is not None for value in found.values()):
                rows.append(_row(metric, family, found, ours, others))
    return _aligned(rows)


def _figure(runs: Sequence[Run], daemon: str, metric: Metric, family: int) -> float | None:
    return median_figures(_chosen(runs, daemon, metric, family)).get(metric.figure)


def _chosen(runs: Sequence[Run], daemon: str, metric: Metric, family: int) -> list[Run]:
    wanted = (daemon, metric.scenario, family)
    return [run for run in runs if (run.daemon, run.scenario, run.family) == wanted]


def _row(
    metric: Metric, family: int, found: Mapping[str, float | None], ours: str, others: list[str]
) -> list[str]:
    row = [f"{metric.scenario} IPv{family}", metric.label, metric.unit]
    row.append("most" if metric.more_is_better else "least")
    row += [_number(value, metric.decimals) for value in found.values()]
    if ours in found:
        row += [_ratio(found[ours], found[other]) for other in others]
    return row


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"


def _ratio(value: float | None, other: float | None) -> str:
    return "-" if value is None or not other else f"{value / other:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Words to the left, numbers to the right."""
    words = 4
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if at < words else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "".join(f"{line}\n" for line in lines)


def judge(runs: Sequence[Run], ours: str) -> list[str]:
    """One line for each target of ours: met, MISSED, or unclear when other work was in the way."""
    lines = []
    for family in sorted({run.family for run in runs}):
        for metric in METRICS:
            value = _figure(runs, ours, metric, family)
            wanted, words = _wanted(runs, metric, family)
            if wanted is None or value is None:
                continue
            is_met = value >= wanted if metric.more_is_better else value <= wanted
            verdict = "unclear" if _is_disturbed(runs, ours, metric, family) else "MISSED"
            lines.append(
                f"{'met' if is_met else verdict:<7} {metric.scenario} IPv{family}, "
                f"{metric.label}: {value:,.0f} {metric.unit}, wanted {words}"
            )
    return lines


def _wanted(runs: Sequence[Run], metric: Metric, family: int) -> tuple[float | None, str]:
    """What ours should reach, and that in words."""
    if metric.rival is not None:
        name, share = metric.rival
        found = _figure(runs, name, metric, family)
        if found is not None:
            return share * found, f"at least {share:.2f} of {name}'s {found:,.0f}"
    bound = "at least" if metric.more_is_better else "at most"
    return metric.target, f"{bound} {metric.target:,.0f}" if metric.target is not None else ""


def _is_disturbed(runs: Sequence[Run], daemon: str, metric: Metric, family: int) -> bool:
    chosen = _chosen(runs, daemon, metric, family)
    return median_figures(chosen).get("other_cpus", 0) > DISTURBED_CPUS


def disturbances(runs: Sequence[Run]) -> list[str]:
    """One line for each run during which other work used much of the machine."""
    return [
        f"{run.scenario} IPv{run.family} {run.daemon}: other work used "
        f"{run.figures['other_cpus']:.1f} CPUs"
        for run in runs
        if run.figures.get("other_cpus", 0) > DISTURBED_CPUS
    ]
