"""On which line of a TOML text each key and array element stands.

The parser gives values without places.  This walks the same text once more and notes the line of
every key, table header and array element, under the path that leads to it in the parsed value
(table names and array indexes).  The text has been parsed before, so this only has to tell tokens
apart, not to judge them; the tests hold its paths equal to those of two parsers.

A table that is opened several times (``[a.b]`` before ``[a]``) stands where it is first named.
"""

from bisect import bisect_left

import tomlkit

Path = tuple[str | int, ...]

_SPACE = " \t"
_BETWEEN = " \t\r\n,"
_AFTER_BARE_VALUE = ",]}#\r\n"
_AFTER_BARE_KEY = " \t.=]"


class LineIndex:
    """The lines of one text; see the module.

    Attributes:
        first_repeat: line of the first key that is given twice, for errors without a place.
    """

    def __init__(self, text: str) -> None:
        scan = _Scan(text)
        scan.read_document()
        self._starts = scan.starts
        self._newlines = [at for at, character in enumerate(text) if character == "\n"]
        self.first_repeat = self._line(scan.repeats[0]) if scan.repeats else 1

    def paths(self) -> set[Path]:
        """Every path that has a line."""
        return set(self._starts)

    def line_of(self, path: Path) -> int:
        """Line of a path, or of the nearest table around it that is in the text."""
        while path and path not in self._starts:
            path = path[:-1]
        return self._line(self._starts[path]) if path else 1

    def _line(self, at: int) -> int:
        return bisect_left(self._newlines, at) + 1


class _Scan:
    """One walk over a well-formed text; ``at`` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts: dict[Path, int] = {}
        self.repeats: list[int] = []
        self._table_counts: dict[Path, int] = {}

    def read_document(self) -> None:
        table: Path = ()
        while self._skip_to_token():
            if self.text[self.at] == "[":
                table = self._read_header()
            else:
                self._read_pair(table)

    def _skip_to_token(self) -> bool:
        """Pass spaces, newlines, commas and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in _BETWEEN:
                self.at += 1
            else:
                return True
        return False

    def _skip_space(self) -> None:
        while self.text[self.at] in _SPACE:
            self.at += 1

    def _read_header(self) -> Path:
        """``[a.b]`` or ``[[a.b]]``: the path that the keys below it start with."""
        start = self.at
        brackets_count = 2 if self.text.startswith("[[", start) else 1
        self.at += brackets_count
        names = self._read_key()
        self.at += brackets_count
        path: Path = ()
        for name in names[:-1]:
            path = self._into(path, name, start)
        path = (*path, names[-1])
        if brackets_count == 2:
            self.starts.setdefault(path, start)
            index = self._table_counts.get(path, 0)
            self._table_counts[path] = index + 1
            path = (*path, index)
        elif path in self.starts:
            self.repeats.append(start)
        self.starts.setdefault(path, start)
        return path

    def _into(self, path: Path, name: str, start: int) -> Path:
        """One step of a header; in an array of tables it leads to the latest of them."""
        path = (*path, name)
        self.starts.setdefault(path, start)
        count = self._table_counts.get(path)
        return path if count is None else (*path, count - 1)

    def _read_pair(self, table: Path) -> None:
        """``a.b = value`` below ``table``."""
        start = self.at
        names = self._read_key()
        path = table
        for name in names:
            path = (*path, name)
            known = self.starts.setdefault(path, start)
        if known != start:
            self.repeats.append(start)
        self.at += 1  # the equals sign
        self._skip_space()
        self._read_value(path)

    def _read_key(self) -> list[str]:
        """The parts of a dotted key, up to (not including) ``=`` or ``]``."""
        names = []
        while True:
            self._skip_space()
            start = self.at
            if self.text[start] in "\"'":
                self._read_string()
                names.append(_decode_key(self.text[start : self.at]))
            else:
                while self.text[self.at] not in _AFTER_BARE_KEY:
                    self.at += 1
                names.append(self.text[start : self.at])
            self._skip_space()
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def _read_value(self, path: Path) -> None:
        character = self.text[self.at]
        if character in "\"'":
            self._read_string()
        elif character == "[":
            self.at += 1
            index = 0
            while self._skip_to_token() and self.text[self.at] != "]":
                self.starts[*path, index] = self.at
                self._read_value((*path, index))
                index += 1
            self.at += 1
        elif character == "{":
            self.at += 1
            while self._skip_to_token() and self.text[self.at] != "}":
                self._read_pair(path)
            self.at += 1
        else:
            while self.at < len(self.text) and self.text[self.at] not in _AFTER_BARE_VALUE:
                self.at += 1

    def _read_string(self) -> None:
        """Any of the four kinds of string, from its first quote past its last."""
        quote = self.text[self.at]
        is_multi_line = self.text.startswith(quote * 3, self.at)
        end = quote * 3 if is_multi_line else quote
        self.at += len(end)
        while not self.text.startswith(end, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(end)
        if is_multi_line:  # up to two quotes before the closing three belong to the text
            for _ in range(2):
                self.at += self.text.startswith(quote, self.at)


def _decode_key(quoted: str) -> str:
    """The name that a quoted key stands for."""
    (name,) = tomlkit.parse(quoted + " = 0")
    return str(name)
