"""``docs/interop.md`` says what this run has seen, no more and no less.

Told to (``--write-interop-table``), the run writes the table into the page itself.
"""

import sys
from collections.abc import Collection

import pytest

from harness.gobgpd import PROJECT
from interop.matrix import Cell, render

PAGE = PROJECT / "docs" / "interop.md"
START, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def test_the_page_holds_the_table_of_this_run(
    passed_cells: Collection[Cell], pytestconfig: pytest.Config
) -> None:
    table = render(passed_cells)
    sys.stdout.write(table)
    head, start, rest = PAGE.read_text().partition(START)
    _, end, tail = rest.partition(END)
    if pytestconfig.getoption("write_interop_table", default=False):
        PAGE.write_text(f"{head}{start}{table}{end}{tail}")
    assert PAGE.read_text() == f"{head}{start}{table}{end}{tail}"
