"""README.md holds what it shows: the configuration loads, the commands and pages are there."""

import os
import re
from pathlib import Path

from gobgp_trio.config.toml import parse_config

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_configuration_loads_without_a_warning() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert parse_config(text, "gobgpd.toml").warnings == ()


def test_the_two_commands_can_be_run() -> None:
    (block, *_) = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    commands = [line.split()[0] for line in block.splitlines()]
    assert commands == ["scripts/demo", "scripts/test"]
    assert all(os.access(PROJECT / command, os.X_OK) for command in commands)


def test_every_page_it_points_to_is_there() -> None:
    pages = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(pages) == 7
    assert [page for page in pages if not (PROJECT / page).is_file()] == []
