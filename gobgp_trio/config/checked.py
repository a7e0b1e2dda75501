"""A parsed file held against the key table: values that are right, and all that is wrong.

The walk follows the file, not the table, so nothing in the file escapes: each key is implemented
(and read), known to GoBGP but not to us, or unknown; the last two are refused with their line.
What the values mean together is not judged here but in ``config.build``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import takewhile
from typing import TypeVar, cast

from gobgp_trio.config.keys import IMPLEMENTED, Key
from gobgp_trio.config.positions import LineIndex, Path
from gobgp_trio.config.problems import Problem, describe, quote
from gobgp_trio.config.unsupported import NO_STATE, NOT_IMPLEMENTED, REFUSALS

T = TypeVar("T")


@dataclass(slots=True)
class _Table:
    """What a table of the file may hold: further tables, keys, or reasons to refuse a key."""

    is_array: bool = False
    children: dict[str, "_Table | Key[object] | str"] = field(default_factory=dict)

    def allowed_keys(self, prefix: str = "") -> Iterator[str]:
        """Implemented keys below this table, relative to it."""
        for name, child in self.children.items():
            if isinstance(child, Key):
                yield prefix + name
            elif isinstance(child, _Table):
                mark = "[]" if child.is_array else ""
                yield from child.allowed_keys(f"{prefix}{name}{mark}.")

    def allowed_names(self) -> list[str]:
        """The names that can stand directly in this table, in the order of the alphabet."""
        return sorted({key.partition(".")[0].removesuffix("[]") for key in self.allowed_keys()})


def _build_tree() -> _Table:
    root = _Table()
    leaves: Mapping[str, Key[object] | str] = {**REFUSALS, **IMPLEMENTED}
    for path, leaf in leaves.items():
        table = root
        *names, last = path.split(".")
        for name in names:
            bare = name.removesuffix("[]")
            child = table.children.setdefault(bare, _Table(is_array=name.endswith("[]")))
            assert isinstance(child, _Table), path  # a key is never a table too
            table = child
        table.children[last] = leaf
    return root


_TREE = _build_tree()


class Checked:
    """The values of one file that are right, and a growing list of what is wrong.

    Attributes:
        problems: in no particular order; any of them makes the file unusable.
        warnings: what the operator should know although the file is usable.
    """

    def __init__(self, document: dict[str, object], lines: LineIndex, file_name: str) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._lines = lines
        self._file_name = file_name
        self._values: dict[Path, object] = {}
        self._present: set[Path] = set()
        self._elements: dict[Path, list[int]] = {}
        self._walk_table(document, (), "", _TREE)

    def has(self, path: Path) -> bool:
        """Whether the file has this table or element, or this key with any value."""
        return path in self._present

    def find(self, path: Path) -> object:
        """The value of a key that is present and right, else None."""
        return self._values.get(path)

    def elements(self, path: Path) -> list[int]:
        """Indexes of the tables in an array of tables."""
        return self._elements.get(path, [])

    def refuse(self, path: Path, key: str, text: str) -> None:
        """Note a problem at a path (or, when it is not in the file, at what is around it)."""
        self.problems.append(Problem(self._file_name, self._lines.line_of(path), key, text))

    def warn(self, path: Path, key: str, text: str) -> None:
        """Note a warning likewise."""
        self.warnings.append(Problem(self._file_name, self._lines.line_of(path), key, text))

    def _walk_table(
        self, found: Mapping[str, object], path: Path, pattern: str, table: _Table
    ) -> None:
        for name, value in found.items():
            child_path = (*path, name)
            key = f"{pattern}.{_show_name(name)}" if pattern else _show_name(name)
            self._present.add(child_path)
            match table.children.get(name):
                case _Table() as child:
                    self._walk_child(value, child_path, key, child)
                case Key() as known:
                    self._read(known, value, child_path)
                case str() as reason:
                    self.refuse(child_path, key, reason)
                case None if name == "state" and isinstance(value, dict):
                    self.refuse(child_path, key, NO_STATE)
                case None:
                    self.refuse(child_path, key, _explain_unknown(name, table))

    def _walk_child(self, value: object, path: Path, key: str, table: _Table) -> None:
        """A table or an array of tables, in the form that the key table says."""
        if not table.is_array:
            if not isinstance(value, dict):
                self._present.discard(path)
                self.refuse(path, key, f"wanted a table, found {describe(value)}")
            elif not value and not any(table.allowed_keys()):
                self.refuse(path, key, NOT_IMPLEMENTED)
            else:
                self._walk_table(value, path, key, table)
            return
        if not isinstance(value, list):
            self.refuse(path, key, f"wanted an array of tables, found {describe(value)}")
            return
        elements = self._elements[path] = []
        if not any(table.allowed_keys()) and not any(value):
            self.refuse(path, key, NOT_IMPLEMENTED)
            return
        for index, element in enumerate(value):
            element_path = (*path, index)
            self._present.add(element_path)
            if isinstance(element, dict):
                elements.append(index)
                self._walk_table(element, element_path, f"{key}[]", table)
            else:
                self.refuse(element_path, key, f"wanted a table, found {describe(element)}")

    def _read(self, key: Key[object], value: object, path: Path) -> None:
        """Read one value, or each element of a list; keep it when all of it is right."""
        problems_before = len(self.problems)
        if not key.is_list:
            read = self._read_one(key, value, path)
        elif isinstance(value, list):
            read = tuple(self._read_one(key, each, (*path, at)) for at, each in enumerate(value))
        else:
            self.refuse(path, key.path, f"wanted an array, found {describe(value)}")
        if len(self.problems) == problems_before:
            self._values[path] = read

    def _read_one(self, key: Key[object], value: object, path: Path) -> object:
        try:
            return key.read(value)
        except ValueError as error:
            self.refuse(path, key.path, str(error))
            return None


class Section:
    """The checked values of one table, asked for by the keys of ``config.keys``.

    ``pattern`` is the start of those keys' paths (``neighbors[]``), ``path`` where it is in the
    file (``("neighbors", 2)``).
    """

    def __init__(self, checked: Checked, pattern: str, path: Path) -> None:
        self._checked = checked
        self._pattern = pattern
        self._path = path

    def get(self, key: Key[T]) -> T:
        """The value, or the key's default when it is absent or wrong (wrong was noted before)."""
        found = self._checked.find(self._at(key))
        # The walk kept only what the reader of this very key returned.
        return key.default if found is None else cast(T, found)

    def require(self, key: Key[T | None]) -> T | None:
        """The value; an absent key is a problem.  None when there is no right value."""
        if not self.has(key):
            self.refuse(key, "required key is missing")
        return self.get(key)

    def has(self, key: Key[object]) -> bool:
        """Whether the file has the key, right or wrong."""
        return self._checked.has(self._at(key))

    def is_wrong(self, key: Key[object]) -> bool:
        """Whether the file has the key with a value that was refused."""
        return self.has(key) and self._checked.find(self._at(key)) is None

    def refuse(self, key: Key[object], text: str) -> None:
        """Note a problem at a key."""
        self._checked.refuse(self._at(key), self._name(key), text)

    def warn(self, key: Key[object], text: str) -> None:
        """Note a warning at a key."""
        self._checked.warn(self._at(key), self._name(key), text)

    def each(self, pattern: str) -> "Iterator[Section]":
        """The elements of an array of tables directly below, e.g. ``neighbors[].afi-safis[]``."""
        relative = pattern.removeprefix(self._pattern).removeprefix(".").removesuffix("[]")
        path = (*self._path, *relative.split("."))
        for index in self._checked.elements(path):
            yield Section(self._checked, pattern, (*path, index))

    def _at(self, key: Key[object]) -> Path:
        relative = key.path.removeprefix(self._pattern).removeprefix(".")
        return (*self._path, *relative.split("."))

    def read_as(self, pattern: str) -> "Section":
        """The same section, asked for by the keys of another array of tables."""
        return Section(self._checked, pattern, self._path)

    def backed_by(self, group: "Section") -> "MemberSection":
        """The same section, with a peer group's values behind it."""
        return MemberSection(self._checked, self._pattern, self._path, group)

    def _name(self, key: Key[object]) -> str:
        """The key as it is called where this section is: a group is asked by neighbors' keys."""
        _, mark, rest = key.path.partition("[].")
        names = takewhile(lambda name: isinstance(name, str), self._path)
        return f"{'.'.join(map(str, names))}{mark}{rest}" if mark else key.path


class MemberSection(Section):
    """A neighbor's values; what it does not have itself is looked for in its peer group.

    A value of its own wins, also one that equals the default, also a wrong one (which was noted).
    An array of tables is the neighbor's or the group's as a whole.
    """

    def __init__(self, checked: Checked, pattern: str, path: Path, group: Section) -> None:
        super().__init__(checked, pattern, path)
        self._group = group

    def get(self, key: Key[T]) -> T:
        return self._group.get(key) if self._is_groups(key) else super().get(key)

    def has(self, key: Key[object]) -> bool:
        return super().has(key) or self._group.has(key)

    def is_wrong(self, key: Key[object]) -> bool:
        return self._group.is_wrong(key) if self._is_groups(key) else super().is_wrong(key)

    def refuse(self, key: Key[object], text: str) -> None:
        if self._is_groups(key):
            self._group.refuse(key, text)
        else:
            super().refuse(key, text)

    def each(self, pattern: str) -> Iterator[Section]:
        own = list(super().each(pattern))
        yield from own or self._group.each(pattern)

    def _is_groups(self, key: Key[object]) -> bool:
        return self._group.has(key) and not super().has(key)


def _show_name(name: str) -> str:
    """A name as it can stand in a key: bare where TOML allows it, else quoted."""
    is_bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if is_bare else quote(name)


def _explain_unknown(name: str, table: _Table) -> str:
    """Why a name is refused, with the nearest name that exists and those that are allowed."""
    text = "unknown key"
    deeper = [key for key in table.allowed_keys() if key.endswith(f".{name}")]
    nearest = deeper or get_close_matches(name.lower(), table.children, n=1)
    if nearest:
        text += f", did you mean {nearest[0]}?"
    allowed = table.allowed_names()
    return f"{text} (allowed here: {', '.join(allowed)})" if allowed else text
