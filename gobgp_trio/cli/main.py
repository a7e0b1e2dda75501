"""The ``gobgp`` command: its words, and how every run of it ends.

Start-up time is what a person feels, so this module and those it imports at the top know only
click; the API's generated messages and gRPC are imported by a command when it runs.

How a run ends: 0 when the command did its work; 1 with one line on standard output when it could
not (``{"error": ...}`` with ``-j``), or on standard error when the line typed is no command;
130 without a word after Ctrl-C, 141 when whoever reads our output is gone.
"""

import gc
import os
import sys

import click

from gobgp_trio.cli.deferred import deferred
from gobgp_trio.cli.errors import CommandError
from gobgp_trio.cli.global_commands import global_group
from gobgp_trio.cli.groups import Group
from gobgp_trio.cli.neighbor_commands import neighbor_group
from gobgp_trio.cli.netlink_commands import netlink_group
from gobgp_trio.cli.settings import Settings

read_version = deferred("version", "read_version")
dump_json = deferred("go_json", "dump")

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_PIPE_CLOSED = 141  # 128 + SIGPIPE


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"gobgp version {read_version()}")
        context.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="print the version and exit",
)
def gobgp() -> None:
    """Ask and control a running gobgpd over its gRPC API."""


@gobgp.command("help", short_help="show the help of a command")
@click.argument("words", nargs=-1)
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of the command that WORDS name, or of gobgp."""
    parent = context.find_root()
    command: click.Command = gobgp
    for word in words:
        found = command.get_command(parent, word) if isinstance(command, Group) else None
        if found is None:
            raise click.UsageError(f'unknown command "{word}" for "{parent.command_path}"')
        parent = click.Context(found, info_name=found.name, parent=parent)
        command = found
    click.echo(command.get_help(parent))


gobgp.add_command(global_group)
gobgp.add_command(neighbor_group)
gobgp.add_command(netlink_group)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process; the console script ``gobgp`` calls this."""
    gc.disable()  # the process is short; looking for garbage would cost more than the garbage
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    settings = Settings()
    try:
        # Not click's own main(): that has its own ways to end after Ctrl-C and closed pipes.
        with gobgp.make_context("gobgp", arguments, obj=settings) as context:
            gobgp.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except CommandError as error:
        return _report(error, settings)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
    except click.ClickException as error:
        click.echo(f"Error: {error.format_message()}", err=True)
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(f"Run '{error.ctx.command_path} --help' for usage.", err=True)
        return EXIT_FAILED
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _close_output()
        return EXIT_PIPE_CLOSED
    return 0


def _report(error: CommandError, settings: Settings) -> int:
    text = dump_json({"error": str(error)}) if settings.json else str(error)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _close_output()
        return EXIT_PIPE_CLOSED
    return EXIT_FAILED


def _close_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would complain at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
