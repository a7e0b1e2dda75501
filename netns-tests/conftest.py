"""Fixtures of the tests on the real kernel, and what a failed one shows.

Run them with ``scripts/test`` or, one by one, ``scripts/netns-run .venv/bin/pytest netns-tests -k
NAME``: there every namespace is private and gone afterwards, whatever happens.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from harness.bird import BIRD
from harness.gobgpd import GOBGPD
from harness.namespace import Lab

SHOWN_LINES = 60
ROUTES_SHOWN = ("-N", "route", "show", "table", "all")


@pytest.fixture(scope="session", autouse=True)
def requirements() -> None:
    """A missing piece is a failure of every test: nothing is skipped in silence."""
    if os.geteuid() != 0:
        pytest.fail("these tests need root, or scripts/netns-run")
    for needed in (BIRD, GOBGPD):
        if not needed.exists():
            pytest.fail(f"{needed} is missing")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The test's own namespaces; everything in them ends with the test."""
    with Lab(tmp_path) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows the last lines of every log and the routes of every namespace."""
    report = yield
    made = getattr(item, "funcargs", {}).get("lab")
    if report.when == "call" and report.failed and isinstance(made, Lab):
        for file in sorted(made.folder.iterdir()):
            if file.suffix in {".log", ".stderr", ".toml", ".conf"}:
                lines = file.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
                report.sections.append((file.name, "\n".join(lines)))
        for space in made.namespaces:
            seen = [
                line
                for version in ("-4", "-6")
                for line in space.try_run("ip", version, *ROUTES_SHOWN).stdout.splitlines()
                if " table 255 " not in line  # the addresses' own, only noise here
            ]
            report.sections.append((f"routes of {space.label}", "\n".join(seen)))
    return report
