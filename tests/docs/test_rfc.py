"""docs/rfc.md holds what it says: files and tests exist, and no RFC of the source is missing."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "rfc.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## RFC (\d+): ", PAGE, re.MULTILINE)


def list_named(pattern: str) -> list[str]:
    return [name for name in re.findall(r"`([^`\n]+)`", PAGE) if re.fullmatch(pattern, name)]


def test_sections_are_in_the_order_of_their_numbers() -> None:
    assert sorted(set(SECTIONS), key=int) == SECTIONS
    assert len(SECTIONS) == 42


def test_every_rfc_of_the_source_has_a_section() -> None:
    files = [
        file for file in (PROJECT / "gobgp_trio").rglob("*.py") if "pb" not in file.parts
    ]  # the API's messages name what they could carry
    cited = {
        number
        for file in files
        for number in re.findall(r"RFC\s+(\d{4})", file.read_text(encoding="utf-8"))
    }
    assert sorted(cited - set(SECTIONS)) == []


def test_every_file_of_the_package_is_there() -> None:
    named = list_named(r"(api|bgp|cli|config|daemon|fib|rib|rtnl|types)/[a-z0-9_/]+\.py")
    assert len(named) > 60
    assert [name for name in named if not (PROJECT / "gobgp_trio" / name).is_file()] == []


def test_every_test_is_there() -> None:
    named = list_named(r"(netns-)?tests/[a-z0-9_/]+\.py(::test_\w+)?")
    assert len(named) > 60
    missing = []
    for name in named:
        file, _, function = name.partition("::")
        path = PROJECT / file
        if not path.is_file() or (function and f"def {function}(" not in path.read_text()):
            missing.append(name)
    assert missing == []


def test_every_section_says_how_it_deviates() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    with_table = [text for text in sections if "| what |" in text and "RFC" in text[:4]]
    assert [text.splitlines()[0] for text in with_table if "Deviations:" not in text] == []
