"""Runs every stage of the tests, whatever the ones before said, and ends with one table.

``scripts/test`` prepares the machine and then calls this.  Rules: a stage that could not run is
never a pass (the status is 3, or 1 with ``--complete``); a stage that hangs is ended and failed;
what the tools wrote (JUnit XML, coverage as JSON) stays in ``build/test`` for a closer look.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "build" / "test"
EXPECTED_COUNT = PROJECT / "netns-tests" / "expected-count"
CORE = ("types", "bgp", "rtnl", "rib", "fib", "policy")
CORE_COVERAGE_MIN_PERCENT = 95.0
STATUS_PASSED, STATUS_FAILED, STATUS_INCOMPLETE = 0, 1, 3
CHECK_TIMEOUT_S, UNIT_TIMEOUT_S, NETNS_TIMEOUT_S = 300.0, 480.0, 720.0
END_TIMEOUT_S = 20.0
STATUS_NO_NAMESPACES = 5  # of scripts/netns-run
NETNS_STAGE = "netns-tests"


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the table; what is neither passed nor failed did not run."""

    name: str
    collected: int
    passed: int
    failed: int
    why: str = ""

    @property
    def not_run(self) -> int:
        return self.collected - self.passed - self.failed


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    output: Path | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command to its end, its output shown or written: its status and what went wrong."""
    target = output.open("wb") if output else None
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=target,
        stderr=subprocess.STDOUT if target else None,
        cwd=PROJECT,
        env={**os.environ, **(environment or {})},
    )
    try:
        return process.wait(timeout_s), ""
    except subprocess.TimeoutExpired:
        return STATUS_FAILED, f"no end within {timeout_s:.0f} s"
    finally:
        if process.poll() is None:
            end(process)
        if target:
            target.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C would, so that pytest still says what failed so far; then without asking."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_check() -> Stage:
    """``scripts/check``: one line of its output per step."""
    log = OUTPUT / "check.log"
    status, why = run(["scripts/check"], timeout_s=CHECK_TIMEOUT_S, output=log)
    text = log.read_text(errors="replace")
    say(text.rstrip())
    steps = [line for line in text.splitlines() if line.startswith("check: ")]
    passed = sum(line.endswith(" ok") for line in steps)
    failed = sum(line.endswith(" FAILED") for line in steps)
    if status != 0 and failed == 0:
        failed, why = 1, why or f"ended with status {status}"
    return Stage("check", passed + failed, passed, failed, why)


def run_generated() -> Stage:
    """The checked-in API code against what the .proto files give."""
    command = ["scripts/generate-proto.sh", "--check"]
    status, why = run(command, timeout_s=CHECK_TIMEOUT_S)
    return Stage("generated code", 1, int(status == 0), int(status != 0), why)


def run_pytest(
    name: str, arguments: Iterable[str | Path], *, timeout_s: float, wrapper: Sequence[str] = ()
) -> Stage:
    """One pytest run, counted from its JUnit file; skips and expected failures did not run."""
    report = OUTPUT / f"{name.replace(' ', '-')}.xml"
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=short",
        "--durations=15",
        f"--junitxml={report}",
    ]
    environment = {"COVERAGE_FILE": str(OUTPUT / ".coverage")}
    command = [*wrapper, *pytest, *arguments]
    status, why = run(command, timeout_s=timeout_s, environment=environment)
    if why or not report.exists():
        return Stage(name, 1, 0, 1, why or f"pytest ended with status {status}")
    (suite,) = ET.parse(report).getroot().iter("testsuite")
    collected = int(suite.get("tests", "0"))
    failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
    skipped = int(suite.get("skipped", "0"))
    if status != 0 and failed == 0:
        return Stage(name, collected + 1, collected - skipped, 1, f"pytest's status is {status}")
    reason = "skipped by the tests themselves, see above" if skipped else ""
    return Stage(name, collected, collected - failed - skipped, failed, reason)


def run_unit_tests() -> Stage:
    coverage = ["--cov", f"--cov-report=json:{OUTPUT / 'coverage.json'}", "--cov-report="]
    return run_pytest("unit tests", [*coverage, "-n2"], timeout_s=UNIT_TIMEOUT_S)


def judge_coverage() -> Stage:
    """Lines and branches of the core that the unit tests went through, a package at a time."""
    name = "core coverage"
    report = OUTPUT / "coverage.json"
    if not report.exists():
        return Stage(name, len(CORE), 0, len(CORE), "the unit tests left no coverage")
    files = json.loads(report.read_text())["files"]
    low = []
    for package in CORE:
        percent = covered_percent(files, f"gobgp_trio/{package}/")
        verdict = "ok" if percent >= CORE_COVERAGE_MIN_PERCENT else "FAILED"
        say(f"coverage: {package:8} {percent:6.2f} %  {verdict}")
        if percent < CORE_COVERAGE_MIN_PERCENT:
            low.append(f"{package} {percent:.1f} %")
            list_gaps(files, f"gobgp_trio/{package}/")
    why = f"below {CORE_COVERAGE_MIN_PERCENT:.0f} %: {', '.join(low)}" if low else ""
    return Stage(name, len(CORE), len(CORE) - len(low), len(low), why)


def covered_percent(files: dict[str, dict[str, dict[str, int]]], prefix: str) -> float:
    covered = total = 0
    for path, report in files.items():
        if path.startswith(prefix):
            summary = report["summary"]
            covered += summary["covered_lines"] + summary["covered_branches"]
            total += summary["num_statements"] + summary["num_branches"]
    return 100.0 * covered / total if total else 0.0


def list_gaps(files: dict[str, dict[str, dict[str, int]]], prefix: str) -> None:
    for path, report in files.items():
        percent = covered_percent(files, path)
        is_ours = path.startswith(prefix) and report["summary"]["num_statements"] > 0
        if is_ours and percent < CORE_COVERAGE_MIN_PERCENT:
            say(f"  {path}: {percent:.1f} %, not run: {report['missing_lines']}")


def expected_netns_tests() -> int:
    return int(EXPECTED_COUNT.read_text())


def run_netns_tests() -> Stage:
    """The tests on the real kernel, in namespaces that vanish with the run."""
    expected = expected_netns_tests()
    if os.geteuid() != 0:
        return Stage(NETNS_STAGE, expected, 0, 0, "they need root: sudo scripts/test")
    status, why = run(["scripts/netns-run", "true"], timeout_s=CHECK_TIMEOUT_S)
    if status == STATUS_NO_NAMESPACES:
        return Stage(NETNS_STAGE, expected, 0, 0, "this root may not make network namespaces")
    folder = OUTPUT / "netns"
    stage = run_pytest(
        NETNS_STAGE,
        # They mostly wait for peers and timers, so there are more processes than processors.
        ["netns-tests", f"--basetemp={folder}", "-n4", "--dist=loadgroup"],
        timeout_s=NETNS_TIMEOUT_S,
        wrapper=["scripts/netns-run"],
    )
    if stage.collected != expected and not stage.why:
        why = f"{stage.collected} tests, but netns-tests/expected-count says {expected}"
        return Stage(stage.name, stage.collected + 1, stage.passed, stage.failed + 1, why)
    return stage


def show_table(stages: Sequence[Stage]) -> None:
    say(f"\n{'stage':<16} {'collected':>9} {'passed':>7} {'failed':>7} {'not run':>8}  why")
    for stage in stages:
        counts = f"{stage.collected:>9} {stage.passed:>7} {stage.failed:>7} {stage.not_run:>8}"
        say(f"{stage.name:<16} {counts}  {stage.why}".rstrip())
    passed, failed, not_run = (
        sum(stage.passed for stage in stages),
        sum(stage.failed for stage in stages),
        sum(stage.not_run for stage in stages),
    )
    say(f"\n{passed} passed, {failed} failed, {not_run} skipped")


def conclude(stages: Sequence[Stage], *, complete: bool) -> int:
    """The status, and as the last line what it means."""
    left_out = [stage for stage in stages if stage.not_run]
    if any(stage.failed for stage in stages):
        say("FAILED")
        status = STATUS_FAILED
    elif left_out:
        say("FAILED: not everything ran" if complete else "passed as far as it ran")
        status = STATUS_FAILED if complete else STATUS_INCOMPLETE
    else:
        say("everything passed")
        status = STATUS_PASSED
    for stage in left_out:
        say(f"NOT RUN: {stage.not_run} of {stage.collected} {stage.name}: {stage.why}")
    return status


def stop(number: int, _frame: object) -> NoReturn:
    """SIGTERM ends the stage that runs, too."""
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("--complete", action="store_true", help="what did not run is a failure")
    complete = parser.parse_args().complete
    signal.signal(signal.SIGTERM, stop)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    stages = []
    for name, stage in (
        ("check", run_check),
        ("generated code", run_generated),
        ("unit tests", run_unit_tests),
        ("core coverage", judge_coverage),
        (NETNS_STAGE, run_netns_tests),
    ):
        say(f"\n== {name}")
        stages.append(stage())
    show_table(stages)
    return conclude(stages, complete=complete)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("\ninterrupted")
        sys.exit(130)
