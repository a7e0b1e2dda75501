"""``gobgp neighbor``: the sessions, and the tables of one neighbor.

The commands' work is in ``neighbor_actions`` and ``rib_actions``, imported when one runs.
"""

import click

from gobgp_trio.cli.deferred import deferred
from gobgp_trio.cli.groups import Group
from gobgp_trio.cli.settings import family_option, settings_of

control_neighbor = deferred("neighbor_control", "control_neighbor")
show_neighbor = deferred("neighbor_actions", "show_neighbor")
show_neighbor_paths = deferred("neighbor_actions", "show_neighbor_paths")
show_neighbor_summary = deferred("neighbor_actions", "show_neighbor_summary")
show_neighbors = deferred("neighbor_actions", "show_neighbors")

ADJ_IN = "adj-in"
ADJ_OUT = "adj-out"
# Where the commands below an address find it.
ADDRESS_KEY = "gobgp_trio.cli.neighbor.address"


@click.group("neighbor", cls=Group, invoke_without_command=True, fallback="ADDRESS")
@click.pass_context
def neighbor_group(context: click.Context) -> None:
    """Show the neighbors; with an ADDRESS (or interface) that one, or act on its session."""
    if context.invoked_subcommand is None:
        show_neighbors(settings_of(context))


@neighbor_group.group(
    "ADDRESS", invoke_without_command=True, hidden=True, subcommand_metavar="[COMMAND ...]"
)
@click.argument("address", metavar="")
@click.pass_context
def one_neighbor(context: click.Context, address: str) -> None:
    """Show the neighbor with this ADDRESS or its tables, or act on its session."""
    context.meta[ADDRESS_KEY] = address
    if context.invoked_subcommand is None:
        show_neighbor(settings_of(context), address)


def _add_table(table: str, text: str) -> None:
    """Give the neighbor a table: ``TABLE``, ``TABLE PREFIX ...`` and ``TABLE summary``."""

    @one_neighbor.group(table, invoke_without_command=True, fallback="PREFIX", help=text)
    @click.pass_context
    def whole(context: click.Context) -> None:
        if context.invoked_subcommand is None:
            _show_paths(context, table, ())

    @whole.command("PREFIX", hidden=True)
    @click.argument("words", nargs=-1)
    @click.pass_context
    def prefix(context: click.Context, words: tuple[str, ...]) -> None:
        """Show paths of PREFIX or HOST [longer-prefixes|shorter-prefixes]."""
        _show_paths(context, table, words)

    @whole.command("summary")
    @click.pass_context
    def summary(context: click.Context) -> None:
        """Show how many paths there are."""
        _show_summary(context, table)

    for command in (whole, prefix, summary):
        command.params.append(family_option())


def _show_paths(context: click.Context, table: str, words: tuple[str, ...]) -> None:
    show_neighbor_paths(settings_of(context), context.meta[ADDRESS_KEY], table, words)


def _show_summary(context: click.Context, table: str) -> None:
    show_neighbor_summary(settings_of(context), context.meta[ADDRESS_KEY], table)


def _add_control(word: str, text: str, *, with_reason: bool) -> None:
    """Give the neighbor a command that acts on its session."""

    @one_neighbor.command(word, help=text)
    @click.pass_context
    def control(context: click.Context, reason: str = "") -> None:
        control_neighbor(settings_of(context), context.meta[ADDRESS_KEY], word, reason)

    if with_reason:
        note = "what the neighbor's operator is told, up to 255 octets"
        control.params.append(click.Option(["--reason"], default="", help=note))


_add_control("reset", "End the session; it begins again after a rest.", with_reason=True)
_add_control("softreset", "Exchange and judge all routes once more.", with_reason=False)
_add_control("softresetin", "Judge all routes received once more.", with_reason=False)
_add_control("softresetout", "Send all routes once more.", with_reason=False)
_add_control("disable", "End the session, until it is enabled.", with_reason=True)
_add_control("shutdown", "The older name of disable.", with_reason=True)
_add_control("enable", "Let the session begin.", with_reason=False)
_add_table(ADJ_IN, "Show what the neighbor sent us, before policy; with a PREFIX only that.")
_add_table(ADJ_OUT, "Show what we send the neighbor; with a PREFIX only that.")
for top in (neighbor_group, one_neighbor):
    top.params.append(family_option())
