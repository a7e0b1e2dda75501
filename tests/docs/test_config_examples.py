"""docs/configuration.md holds what it shows: its examples, its errors, its tables of keys."""

import json
import re
from pathlib import Path

import pytest

from gobgp_trio.config.keys import IMPLEMENTED
from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.toml import parse_config

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")

LOADED = [
    pytest.param(match.group(1), id=f"{file.name}-{number}")
    for file in sorted(DOCS.glob("*.md"))
    for number, match in enumerate(
        re.finditer(
            r"^```toml\n(.*?)^```$", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
    )
]
REFUSED = re.findall(
    r"^```toml refused\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


def test_the_page_has_examples() -> None:
    assert PAGE.count("```toml\n") == 5
    assert PAGE.count("```toml refused\n") == len(REFUSED) == 1


@pytest.mark.parametrize("text", LOADED)
def test_example_loads_without_a_warning(text: str) -> None:
    assert parse_config(text, "gobgpd.toml").warnings == ()


@pytest.mark.parametrize(("text", "errors"), REFUSED)
def test_refused_example_gives_the_errors_below_it(text: str, errors: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "gobgpd.toml")
    assert f"{caught.value}\n" == errors


def test_tables_list_every_implemented_key_with_its_default() -> None:
    cell = r" ([^|]+) \|"
    rows = re.findall(r"^\| `([a-z\[\].-]+)` \|" + 4 * cell + "$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == list(dict.fromkeys(row[0] for row in rows))
    listed = {row[0] for row in rows}
    # What the page says of groups: they have the keys of neighbors.
    of_groups = {
        key
        for key in IMPLEMENTED
        if key.startswith("peer-groups[].") and key.replace("peer-groups", "neighbors", 1) in listed
    }
    assert listed | of_groups == IMPLEMENTED.keys()
    for path, _, default, _, _ in rows:
        expected = IMPLEMENTED[path].default
        if expected is not None:
            assert default == f"`{json.dumps(expected)}`", path
