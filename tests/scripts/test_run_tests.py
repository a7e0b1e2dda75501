"""The runner of all stages: what it counts, and that nothing left out is ever called a pass."""

import json
from pathlib import Path

import pytest

from scripts import run_tests
from scripts.run_tests import Stage, conclude, covered_percent, judge_coverage, run, run_pytest

PASSED = Stage("unit tests", 5, 5, 0)
FAILED = Stage("unit tests", 5, 4, 1)
LEFT_OUT = Stage("netns-tests", 7, 0, 0, "they need root")


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_tests, "OUTPUT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("stages", "complete", "status"),
    [
        ([PASSED], True, 0),
        ([PASSED, LEFT_OUT], False, 3),
        ([PASSED, LEFT_OUT], True, 1),
        ([FAILED, LEFT_OUT], False, 1),
        ([FAILED], False, 1),
    ],
)
def test_the_status_tells_a_pass_from_less(
    stages: list[Stage], complete: bool, status: int
) -> None:
    assert conclude(stages, complete=complete) == status


def test_the_last_line_says_what_did_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    conclude([PASSED, LEFT_OUT], complete=False)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "NOT RUN: 7 of 7 netns-tests: they need root"


def test_the_table_has_a_line_per_stage_and_a_plain_sum(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_tests.show_table([FAILED, LEFT_OUT])
    assert capsys.readouterr().out == (
        "\n"
        "stage            collected  passed  failed  not run  why\n"
        "unit tests               5       4       1        0\n"
        "netns-tests              7       0       0        7  they need root\n"
        "\n"
        "4 passed, 1 failed, 7 skipped\n"
    )


def test_pytest_is_counted_from_its_report(output: Path) -> None:
    file = output / "test_three.py"
    file.write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip('no time')\n"
        "def test_left(): pass\n"
    )
    stage = run_pytest("three", [file], timeout_s=60)
    assert (stage.collected, stage.passed, stage.failed, stage.not_run) == (3, 1, 1, 1)


def test_pytest_that_cannot_start_is_a_failure(output: Path) -> None:
    stage = run_pytest("none", [output / "test_not_there.py"], timeout_s=60)
    assert stage.failed == 1


def test_what_hangs_is_ended_and_named(output: Path) -> None:
    assert run(["sleep", "600"], timeout_s=0.1, output=output / "log") == (1, "no end within 0 s")


def coverage_of(covered: int, total: int) -> dict[str, dict[str, int]]:
    summary = {
        "covered_lines": covered,
        "num_statements": total,
        "covered_branches": 0,
        "num_branches": 0,
    }
    return {"summary": summary, "missing_lines": {}}


def test_a_core_package_below_95_percent_fails(output: Path) -> None:
    files = {f"gobgp_trio/{package}/a.py": coverage_of(95, 100) for package in run_tests.CORE}
    report = output / "coverage.json"
    report.write_text(json.dumps({"files": files}))
    assert judge_coverage().failed == 0
    files["gobgp_trio/rib/a.py"] = coverage_of(94, 100)
    report.write_text(json.dumps({"files": files}))
    assert judge_coverage().why == "below 95 %: rib 94.0 %"


def test_no_coverage_at_all_is_a_failure(output: Path) -> None:
    assert not (output / "coverage.json").exists()
    assert judge_coverage().failed == 6
    assert covered_percent({}, "gobgp_trio/rib/") == 0.0
