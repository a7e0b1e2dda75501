"""The house rules that no ready-made tool checks: sizes, exemptions, where asyncio may be.

Rules: a function has at most 70 lines and a file at most 600; nothing is exempted from a check by
file, and by line only with a code and a reason; fakes instead of patched modules; asyncio lives
where grpclib is served and called, and nowhere else; the ``__init__`` of an inner package is a
docstring, because an import there would look to the import contracts like one by each module.

Generated code (``gobgp_trio/api/pb``) is not looked at.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CODE_FOLDERS = ("gobgp_trio", "tests", "netns-tests", "scripts", ".ci")
GENERATED = PROJECT / "gobgp_trio" / "api" / "pb"
ASYNCIO_HOME = PROJECT / "gobgp_trio" / "api" / "bridge"
ASYNCIO_MODULES = {"asyncio", "trio_asyncio"}
DOCSTRING_ONLY = ("types", "bgp", "rtnl", "rib", "fib", "policy", "config", "daemon")
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
SHELL = re.compile(r"#!.*\b(ba)?sh\b")

# Spelt in two pieces each, so that this file keeps its own rules.
FORBIDDEN_TEXT = (
    (re.compile("pragma: " + "no (cover|branch)"), "coverage is not switched off by a comment"),
    (re.compile("# (ruff|flake8): " + "noqa"), "no exemption for a whole file"),
    (re.compile("# mypy: " + "(ignore|disable|allow)"), "no exemption for a whole file"),
    (
        re.compile(r"mock\." + r"patch|unittest\.mock|from unittest import " + "mock"),
        "write a fake",
    ),
    (
        re.compile("# no" + r"qa(?!: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* .*[A-Za-z]{3})"),
        "an exemption names its code and its reason: '# no" + "qa: ABC123 why'",
    ),
    (
        re.compile("# type: " + r"ignore(?!\[[a-z-]+(, ?[a-z-]+)*\] +# \S)"),
        "an exemption names its code and its reason: '# type: " + "ignore[code]  # why'",
    ),
)
OTHER_CONFIGURATION = (
    "setup.cfg", "setup.py", "tox.ini", "mypy.ini", ".mypy.ini", "ruff.toml", ".ruff.toml",
    ".importlinter", ".coveragerc", "pytest.ini", ".pytest.ini", "pytest.toml",
)  # fmt: skip
FORBIDDEN_KEYS = {
    "ignore_imports": "an import contract has no exceptions",
    "unmatched_ignore_imports_alerting": "an import contract has no exceptions",
    "per-file-ignores": "no exemption for a whole file",
    "extend-per-file-ignores": "no exemption for a whole file",
    "exclude_lines": "coverage counts every line",
    "exclude_also": "coverage counts every line",
    "partial_branches": "coverage counts every branch",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach, at a line of a file."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(PROJECT)}:{self.line}: {self.text}"


def find_code() -> Iterator[Path]:
    """Every Python and shell file that people wrote."""
    for folder in CODE_FOLDERS:
        for file in sorted((PROJECT / folder).rglob("*")):
            if not file.is_file() or GENERATED in file.parents or "__pycache__" in file.parts:
                continue
            if file.suffix in {".py", ".sh"} or (not file.suffix and is_script(file)):
                yield file


def is_script(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == b"#!"


def check_text(file: Path, lines: list[str]) -> Iterator[Finding]:
    if len(lines) > FILE_LINES_MAX:
        yield Finding(file, 1, f"{len(lines)} lines, at most {FILE_LINES_MAX} are allowed")
    if not file.suffix and not SHELL.match(lines[0]):
        yield Finding(
            file, 1, "a command without suffix is a shell script; Python files end in .py"
        )
    for number, line in enumerate(lines, start=1):
        for pattern, why in FORBIDDEN_TEXT:
            if pattern.search(line):
                yield Finding(file, number, why)


def check_functions(file: Path, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                why = f"{node.name} has {length} lines, at most {FUNCTION_LINES_MAX} are allowed"
                yield Finding(file, node.lineno, why)


def check_asyncio(file: Path, tree: ast.Module) -> Iterator[Finding]:
    if ASYNCIO_HOME in file.parents or PROJECT / "gobgp_trio" not in file.parents:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ASYNCIO_MODULES:
                home = ASYNCIO_HOME.relative_to(PROJECT)
                yield Finding(file, node.lineno, f"{name} is imported in {home} alone")


def check_package_file(file: Path, tree: ast.Module) -> Iterator[Finding]:
    inner = {PROJECT / "gobgp_trio" / name for name in DOCSTRING_ONLY}
    if file.name == "__init__.py" and file.parent in inner and len(tree.body) != 1:
        yield Finding(file, 1, "the __init__ of this package holds a docstring and nothing else")


def check_configuration() -> Iterator[Finding]:
    for name in OTHER_CONFIGURATION:
        if (PROJECT / name).exists():
            yield Finding(PROJECT / name, 1, "tools are configured in pyproject.toml alone")
    file = PROJECT / "pyproject.toml"
    tools = tomllib.loads(file.read_text())["tool"]
    for key in find_keys(tools):
        if key in FORBIDDEN_KEYS:
            yield Finding(file, 1, f"{key}: {FORBIDDEN_KEYS[key]}")
    generated = "gobgp_trio/api/pb"
    if tools["coverage"]["run"]["omit"] != [f"{generated}/*"]:
        yield Finding(file, 1, "coverage omits the generated code and nothing else")
    if tools["ruff"]["extend-exclude"] != [generated] or "exclude" in tools["ruff"]:
        yield Finding(file, 1, "ruff leaves out the generated code and nothing else")
    for override in tools["mypy"]["overrides"]:
        if "ignore_errors" in override and override["module"] != ["gobgp_trio.api.pb.*"]:
            yield Finding(file, 1, "mypy leaves out the generated code and nothing else")


def find_keys(value: object) -> Iterator[str]:
    """Every key at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from find_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from find_keys(inner)


def check_file(file: Path) -> Iterator[Finding]:
    text = file.read_text()
    if not text:
        return
    yield from check_text(file, text.splitlines())
    if file.suffix == ".py":
        tree = ast.parse(text, str(file))
        yield from check_functions(file, tree)
        yield from check_asyncio(file, tree)
        yield from check_package_file(file, tree)


def main() -> int:
    findings = list(check_configuration())
    for file in find_code():
        findings.extend(check_file(file))
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
