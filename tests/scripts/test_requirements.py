"""The pinned files and the wheel's ranges say the same: each dependency has a pin in its range."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
RUNTIME = DECLARED["dependencies"]
DEVELOPMENT = DECLARED["optional-dependencies"]["dev"]


def pins_of(name: str) -> dict[str, str]:
    pins: dict[str, str] = {}
    for line in (PROJECT / "scripts" / name).read_text().splitlines():
        if line.startswith("-r "):
            pins |= pins_of(line.removeprefix("-r "))
        elif not line.startswith("#"):
            package, version = line.split("==")
            pins[package] = version
    return pins


@pytest.mark.parametrize(
    ("declared", "file"),
    [(text, "requirements.txt") for text in RUNTIME]
    + [(text, "requirements-dev.txt") for text in DEVELOPMENT],
)
def test_a_dependency_is_pinned_within_its_range(declared: str, file: str) -> None:
    requirement = Requirement(declared)
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    assert requirement.specifier.contains(pins_of(file)[name])


def test_the_generator_of_the_api_is_exactly_the_one_that_makes_server_classes() -> None:
    assert "betterproto==2.0.0b7" in RUNTIME


def test_every_pin_is_a_plain_version() -> None:
    pins = pins_of("requirements-dev.txt")
    assert len(pins) == 58
    assert [
        name for name, version in pins.items() if not re.fullmatch(r"[0-9a-z.]+", version)
    ] == []
