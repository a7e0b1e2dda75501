"""Standard output of ``gobgp``: a whole text in one write, or JSON as one line."""

import sys
from collections.abc import Callable
from typing import TypeVar

import betterproto

from gobgp_trio.cli.go_json import dump, message_fields
from gobgp_trio.cli.settings import Settings

M = TypeVar("M", bound=betterproto.Message)


def show(settings: Settings, answer: M, format_text: Callable[[M], str]) -> None:
    """Print one answer of the API the way ``-j`` says."""
    if settings.json:
        write_json(message_fields(answer))
    else:
        write_text(format_text(answer))


def write_text(text: str) -> None:
    """Print a text that already ends with its newline (or is empty)."""
    sys.stdout.write(text)


def write_json(value: object) -> None:
    """Print one line of Go's JSON."""
    sys.stdout.write(dump(value) + "\n")
