"""The line of each key: literal cases, and agreement of the paths with two parsers' values."""

import tomllib

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.config.positions import LineIndex, Path

DOCUMENT = '''\
# a comment = 1
top = "# no comment"  # but this is

[global.config]
  as = 65000
  "router-id" = '1.1.1.1'
  list = [
    "one", # first
    "two",

    ["deep", 4]]

[[neighbors]]
  config.peer-as = 1
  [neighbors.config.more]
    text = """
[not.a.table]
quotes: """""
    after = \'\'\'
x = 1\'\'\'
[[neighbors]]
  [[neighbors.afi-safis]]
    config = { afi-safi-name = "a}b", on = true }
  [[neighbors.afi-safis]]
    at = 1979-05-27 07:32:00
    'odd.name'."\\u0041\\"b" = 0x1f'''


def test_lines_of_a_document_with_every_form() -> None:
    index = LineIndex(DOCUMENT)
    lines: dict[Path, int] = {
        ("top",): 2,
        ("global",): 4,
        ("global", "config"): 4,
        ("global", "config", "as"): 5,
        ("global", "config", "router-id"): 6,
        ("global", "config", "list"): 7,
        ("global", "config", "list", 0): 8,
        ("global", "config", "list", 1): 9,
        ("global", "config", "list", 2): 11,
        ("global", "config", "list", 2, 0): 11,
        ("global", "config", "list", 2, 1): 11,
        ("neighbors",): 13,
        ("neighbors", 0): 13,
        ("neighbors", 0, "config"): 14,
        ("neighbors", 0, "config", "peer-as"): 14,
        ("neighbors", 0, "config", "more"): 15,
        ("neighbors", 0, "config", "more", "text"): 16,
        ("neighbors", 0, "config", "more", "after"): 19,
        ("neighbors", 1): 21,
        ("neighbors", 1, "afi-safis"): 22,
        ("neighbors", 1, "afi-safis", 0): 22,
        ("neighbors", 1, "afi-safis", 0, "config"): 23,
        ("neighbors", 1, "afi-safis", 0, "config", "afi-safi-name"): 23,
        ("neighbors", 1, "afi-safis", 0, "config", "on"): 23,
        ("neighbors", 1, "afi-safis", 1): 24,
        ("neighbors", 1, "afi-safis", 1, "at"): 25,
        ("neighbors", 1, "afi-safis", 1, "odd.name"): 26,
        ("neighbors", 1, "afi-safis", 1, "odd.name", 'A"b'): 26,
    }
    assert {path: index.line_of(path) for path in index.paths()} == lines


def test_path_that_is_not_there_has_the_line_of_the_table_around_it() -> None:
    index = LineIndex(DOCUMENT)
    assert index.line_of(("neighbors", 1, "config", "peer-as")) == 21
    assert index.line_of(("netlink", "export")) == 1


def test_carriage_returns_do_not_move_lines() -> None:
    assert LineIndex("a = 1\r\n\r\nb = 2\r\n").line_of(("b",)) == 3


def paths_of(value: object, at: Path = ()) -> set[Path]:
    """Every path of a parsed value, the oracle of the index."""
    found: set[Path] = {at} if at else set()
    if isinstance(value, dict):
        for name, child in value.items():
            found |= paths_of(child, (*at, name))
    elif isinstance(value, list):
        for position, child in enumerate(value):
            found |= paths_of(child, (*at, position))
    return found


names = st.sampled_from(["a", "b-c", "D_1", "0", "with space", "dot.ted", 'quo"te', "é", ""])
scalars = (
    st.integers(-(10**20), 10**20)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(['"""', "'''", 'a\n"" #', "[x]\nb = 1", "\\", "]} ,", "x'\n'''y"])
    | st.datetimes()
)
documents = st.dictionaries(
    names,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


@given(documents)
def test_paths_agree_with_the_standard_parser_for_generated_documents(
    document: dict[str, object],
) -> None:
    text = tomlkit.dumps(document)
    parsed = tomllib.loads(text)
    index = LineIndex(text)
    assert index.paths() == paths_of(parsed)
    lines = text.split("\n")
    for path in index.paths():
        assert 1 <= index.line_of(path) <= len(lines)


def write_bare(name: str) -> str:
    return tomlkit.key([name]).as_string()


@given(st.lists(st.tuples(st.booleans(), names, names, st.integers(0, 3)), max_size=6))
def test_every_key_stands_on_the_line_it_was_written_to(
    tables: list[tuple[bool, str, str, int]],
) -> None:
    lines: list[str] = []
    expected: dict[Path, int] = {}
    counts: dict[str, int] = {}
    for number, (is_quoted, name, key, blank_count) in enumerate(tables):
        lines += ["# [x] y = 1"] * blank_count
        table = f"t{name}"
        lines.append(f"[[{write_bare(table)}]]")
        at = counts.get(table, 0)
        counts[table] = at + 1
        expected[table, at] = len(lines)
        text = '"""x\n\\"""" ' if is_quoted else f"[{number},\n {{ in = 2 }}] # c"
        lines += f"sub.{write_bare(key)} = {text}".split("\n")
        expected[table, at, "sub", key] = len(lines) - 1
        if not is_quoted:
            expected[table, at, "sub", key, 1, "in"] = len(lines)
    index = LineIndex("\n".join(lines))
    assert {path: index.line_of(path) for path in expected} == expected


@given(st.text(max_size=40) | st.text("ab.=[]{}\"'\\#\n ,1", max_size=40))
def test_whatever_both_parsers_take_is_walked(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
        tomlkit.parse(text)
    except (ValueError, tomlkit.exceptions.TOMLKitError):
        return
    assert LineIndex(text).paths() == paths_of(parsed)
