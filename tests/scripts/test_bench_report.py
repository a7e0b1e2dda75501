"""The bench's table: medians, ratios, targets."""

from scripts.bench_lib.report import Run, disturbances, format_report, judge, median_figures


def kernel_run(daemon: str, add: float, **figures: float) -> Run:
    return Run(daemon, "kernel", 4, {"kernel_add_per_s": add, **figures})


RUNS = [
    kernel_run("ours", 150_000, kernel_octets_per_route=620.4),
    kernel_run("bird", 100_000, kernel_octets_per_route=171.2),
    kernel_run("ours", 90_000, kernel_octets_per_route=600.0),
    kernel_run("bird", 137_000, kernel_octets_per_route=170.0),
    kernel_run("ours", 100_000, kernel_octets_per_route=1200.0),
    Run("bird", "kernel", 4, {}, "TimeoutError: after 120 s"),
]


def test_the_median_leaves_outliers_and_failed_runs_out() -> None:
    assert median_figures(RUNS[::2][:3]) == {
        "kernel_add_per_s": 100_000,
        "kernel_octets_per_route": 620.4,
    }
    assert median_figures([RUNS[-1]]) == {}


def test_the_table_compares_ours_with_the_others() -> None:
    assert format_report(RUNS, "ours") == (
        "scenario     figure              unit          best      ours     bird  ours/bird\n"
        "kernel IPv4  wire to kernel      routes/s      most   100,000  118,500       0.84\n"
        "kernel IPv4  memory with kernel  octets/route  least      620      171       3.64\n"
    )


def test_the_table_of_another_daemon_alone_has_no_ratio() -> None:
    assert format_report([kernel_run("bird", 137_000)], "ours") == (
        "scenario     figure          unit      best     bird\n"
        "kernel IPv4  wire to kernel  routes/s  most  137,000\n"
    )


def test_a_figure_that_one_daemon_lacks_is_a_dash() -> None:
    runs = [kernel_run("ours", 100_000), Run("bird", "kernel", 4, {}, "no session")]
    row = format_report(runs, "ours").splitlines()[1]
    assert row.split()[-3:] == ["100,000", "-", "-"]


def test_families_have_rows_of_their_own() -> None:
    runs = [kernel_run("ours", 100_000), Run("ours", "kernel", 6, {"kernel_add_per_s": 50_000})]
    rows = format_report(runs, "ours").splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["IPv4", "IPv6"]


def test_targets_are_judged_by_the_median() -> None:
    assert judge(RUNS, "ours") == [
        "met     kernel IPv4, wire to kernel: 100,000 routes/s, wanted at least 88,000",
        "met     kernel IPv4, memory with kernel: 620 octets/route, wanted at most 1,000",
    ]
    assert judge([kernel_run("ours", 80_000)], "ours") == [
        "MISSED  kernel IPv4, wire to kernel: 80,000 routes/s, wanted at least 88,000"
    ]
    assert judge([kernel_run("bird", 80_000)], "ours") == []


def test_a_rival_of_the_same_run_counts_instead_of_a_figure() -> None:
    line = "kernel IPv4, wire to kernel: 90,000 routes/s, wanted at least 1.00 of frr's"
    ours = kernel_run("ours", 90_000)
    assert judge([ours, kernel_run("frr", 50_000)], "ours") == [f"met     {line} 50,000"]
    assert judge([ours, kernel_run("frr", 120_000)], "ours") == [f"MISSED  {line} 120,000"]


def test_a_missed_target_is_unclear_when_other_work_was_in_the_way() -> None:
    assert judge([kernel_run("ours", 80_000, other_cpus=1.0)], "ours") == [
        "unclear kernel IPv4, wire to kernel: 80,000 routes/s, wanted at least 88,000"
    ]


def test_runs_beside_other_work_are_named() -> None:
    runs = [kernel_run("ours", 1, other_cpus=0.2), kernel_run("bird", 1, other_cpus=1.25)]
    assert disturbances(runs) == ["kernel IPv4 bird: other work used 1.2 CPUs"]
