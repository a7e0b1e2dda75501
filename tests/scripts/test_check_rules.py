"""The house rules find what breaks them; the offending texts are spelt in pieces, or they would be
found here.
"""

import ast

import pytest

from scripts.check_rules import (
    PROJECT,
    check_asyncio,
    check_functions,
    check_package_file,
    check_text,
    find_code,
    find_keys,
)

FILE = PROJECT / "gobgp_trio" / "rib" / "made_up.py"


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # pragma: " + "no cover",
        "# ruff: " + "noqa",
        "# mypy: " + "ignore-errors",
        "with mock." + "patch('a.b'):",
        "x = 1  # no" + "qa",
        "x = 1  # no" + "qa: E501",
        "x = 1  # type: " + "ignore",
        "x = 1  # type: " + "ignore[misc]",
    ],
)
def test_an_exemption_is_found(line: str) -> None:
    (finding,) = check_text(FILE, ['"""A module."""', line])
    assert finding.line == 2


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # no" + "qa: E501 the table is wide",
        "x = 1  # no" + "qa: N802 - the name grpclib calls",
        "x = 1  # type: " + "ignore[misc]  # the stubs lack it",
        "cover = pragma",
    ],
)
def test_an_exemption_with_code_and_reason_is_none(line: str) -> None:
    assert list(check_text(FILE, [line])) == []


def test_files_end_at_600_lines() -> None:
    assert list(check_text(FILE, ["x = 1"] * 600)) == []
    (finding,) = check_text(FILE, ["x = 1"] * 601)
    assert str(finding) == "gobgp_trio/rib/made_up.py:1: 601 lines, at most 600 are allowed"


def test_python_without_suffix_is_found() -> None:
    assert list(check_text(PROJECT / "scripts" / "go", ["#!/usr/bin/env bash"])) == []
    (finding,) = check_text(PROJECT / "scripts" / "go", ["#!/usr/bin/env python3"])
    assert "Python files end in .py" in finding.text


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_functions_end_at_70_lines(keyword: str) -> None:
    def source(lines: int) -> ast.Module:
        body = "    x = 1\n" * (lines - 1)
        return ast.parse(f"class C:\n  {keyword} f():\n{body}")

    assert list(check_functions(FILE, source(70))) == []
    (finding,) = check_functions(FILE, source(71))
    assert finding.text == "f has 71 lines, at most 70 are allowed"


@pytest.mark.parametrize("line", ["import asyncio", "from trio_asyncio import aio_as_trio"])
def test_asyncio_stays_at_home(line: str) -> None:
    bridge = PROJECT / "gobgp_trio" / "api" / "bridge" / "server.py"
    assert len(list(check_asyncio(FILE, ast.parse(line)))) == 1
    assert list(check_asyncio(bridge, ast.parse(line))) == []
    assert list(check_asyncio(FILE, ast.parse("import trio"))) == []


def test_an_inner_package_file_is_a_docstring() -> None:
    file = FILE.parent / "__init__.py"
    assert list(check_package_file(file, ast.parse('"""What it is."""'))) == []
    assert len(list(check_package_file(file, ast.parse('"""What."""\nimport trio')))) == 1


def test_generated_code_is_left_out_and_everything_else_is_not() -> None:
    found = {str(file.relative_to(PROJECT)) for file in find_code()}
    assert {"scripts/check", "scripts/setup-lib.sh", "tests/conftest.py", ".ci/run"} <= found
    assert not [name for name in found if name.startswith("gobgp_trio/api/pb/")]


def test_keys_are_found_at_any_depth() -> None:
    assert list(find_keys({"a": [{"b": {"c": 1}}], "d": 2})) == ["a", "b", "c", "d"]
