"""Reading the configuration file: the one way from TOML text to a ``Config``.

The text is parsed with the library that also edits configuration files, so that both mean the
same by it.  It is refused as a whole or used as a whole.
"""

from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from gobgp_trio.config.build import build_config
from gobgp_trio.config.checked import Checked
from gobgp_trio.config.positions import LineIndex
from gobgp_trio.config.problems import ConfigError, FileUnreadable, Problem, quote
from gobgp_trio.config.schema import Config


@dataclass(frozen=True, slots=True)
class Loaded:
    """A usable configuration, and what the operator should know about it."""

    config: Config
    warnings: tuple[Problem, ...] = ()


def load_config(path: str | Path) -> Loaded:
    """Read and check a configuration file (UTF-8; a byte order mark is skipped).

    Reads the disk and takes a second or two for a thousand neighbors, so a running daemon calls
    it in a worker thread.

    Raises:
        ConfigError: the file cannot be read or used; all problems of it.
    """
    file_name = str(path)
    try:
        octets = Path(path).read_bytes()
    except OSError as error:
        problem = Problem(file_name, 0, "", f"cannot be read: {error.strerror}")
        raise FileUnreadable([problem]) from None
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        found = f"wanted UTF-8 text, found the octet 0x{octets[error.start]:02x}"
        raise ConfigError([Problem(file_name, line, "", found)]) from None
    return parse_config(text, file_name)


def parse_config(text: str, file_name: str) -> Loaded:
    """Check a configuration given as text; ``file_name`` is for the messages.

    Raises:
        ConfigError: the text cannot be used; all problems of it, in the order of lines.
    """
    document = _parse_document(text, file_name)
    checked = Checked(document, LineIndex(text), file_name)
    config = build_config(checked)
    if checked.problems:
        raise ConfigError(_in_order(checked.problems))
    return Loaded(config, tuple(_in_order(checked.warnings)))


def _in_order(problems: list[Problem]) -> list[Problem]:
    """By place in the file, each once: what is wrong in a group is found by all its members."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.key))


def _whole_file(file_name: str, text: str) -> ConfigError:
    return ConfigError([Problem(file_name, 0, "", text)])


def _parse_document(text: str, file_name: str) -> dict[str, object]:
    try:
        return dict(tomlkit.parse(text).unwrap())
    except ParseError as error:
        # The parser's text ends in its own form of the place; its column 0 means unknown.
        reason = str(error).removesuffix(f" at line {error.line} col {error.col}")
        if "\0" not in text:
            reason = reason.replace(r"Unexpected character: '\x00'", "Unexpected end of file")
        column = error.col + 1 if error.col else 0
        found = f"not TOML: {_on_one_line(reason)}"
        raise ConfigError([Problem(file_name, error.line, "", found, column)]) from None
    except TOMLKitError as error:
        # Repeated keys of some forms are refused without a place.
        line = LineIndex(text).first_repeat
        found = f"not TOML: {_on_one_line(str(error))}"
        raise ConfigError([Problem(file_name, line, "", found)]) from None


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else quote(text)[1:-1]
