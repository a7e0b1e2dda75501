"""What is wrong with a configuration, said so that the operator finds it at once.

One problem is one line: file, line, key, what was wanted and what was found.  Everything wrong
with a file is collected before anything is raised, so that one attempt shows all of it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration, or worth a warning.

    Attributes:
        file_name: as the operator gave it; "" when the values did not come from a file.
        line: counted from 1; 0 when the problem has no place in the file.
        key: dotted, ``neighbors[].config.peer-as``; "" for a problem of the whole file.
        text: wanted and found.
        column: counted from 1, for syntax errors only; 0 otherwise.
    """

    file_name: str
    line: int
    key: str
    text: str
    column: int = 0

    def __str__(self) -> str:
        where = self.file_name
        if self.line:
            where += f":{self.line}"
        if self.column:
            where += f":{self.column}"
        return ": ".join(part for part in (where, self.key, self.text) if part)


class ConfigError(Exception):
    """The operator's configuration cannot be used; ``str()`` has one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class FileUnreadable(ConfigError):
    """There is no such file, or we may not read it."""


def quote(text: str) -> str:
    """Text in double quotes, cut when long, always on one line."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def describe(value: object) -> str:
    """A value of the file as an error names it: its TOML type and, when short, itself."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"the integer {value}" if abs(value) < 2**64 else "an integer above 64 bits"
        case float():
            return f"the number {value}"
        case str():
            return f"the string {quote(value)}"
        case datetime() | date() | time():
            return f"the date or time {value.isoformat()}"
        case list():
            return f"an array of {len(value)}"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"
