"""What the flags of ``gobgp`` said, and the flags that every command takes.

Flags may stand anywhere on the line (``gobgp -j neighbor``, ``gobgp neighbor -j``), so each
command carries them all and writes what it finds into the one ``Settings`` of the run.
"""

from collections.abc import Callable
from dataclasses import dataclass

import click

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 50051


@dataclass(slots=True)
class Settings:
    """The run's flags.  ``target`` wins over ``host`` and ``port``."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    target: str = ""
    json: bool = False
    quiet: bool = False
    family: str = ""


def settings_of(context: click.Context) -> Settings:
    """The settings of the run that ``context`` belongs to, made on first use."""
    settings = context.find_root().ensure_object(Settings)
    assert isinstance(settings, Settings)
    return settings


def _store(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def store(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None and value is not False:
            setattr(settings_of(context), name, value)

    return store


def common_options() -> list[click.Option]:
    """The flags of every command; fresh objects, since a parameter belongs to one command."""
    port = click.IntRange(1, 65535)
    return [
        _option("host", "-u", "--host", text=f"API host (default {DEFAULT_HOST})"),
        _option("port", "-p", "--port", kind=port, text=f"API port (default {DEFAULT_PORT})"),
        _option("target", "--target", text="unix:///absolute/path or unix:relative/path"),
        _flag("json", "-j", "--json", text="print JSON"),
        _flag("quiet", "-q", "--quiet", text="print names only, where there are names"),
    ]


def family_option() -> click.Option:
    """``-a``, for the commands that work on one address family."""
    return _option("family", "-a", "--address-family", text="ipv4 or ipv6")


def _option(name: str, *flags: str, text: str, kind: click.IntRange | None = None) -> click.Option:
    return click.Option(
        [*flags, f"flag_{name}"],
        expose_value=False,
        callback=_store(name),
        help=text,
        type=kind,
        metavar=name.upper(),
    )


def _flag(name: str, *flags: str, text: str) -> click.Option:
    return click.Option(
        [*flags, f"flag_{name}"],
        is_flag=True,
        expose_value=False,
        callback=_store(name),
        help=text,
    )
