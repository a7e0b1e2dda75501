"""``gobgp global``: the daemon's own settings, and the global routing table.

The commands' work is in ``global_actions`` and ``rib_actions``, imported when one runs.
"""

import click

from gobgp_trio.cli.deferred import deferred
from gobgp_trio.cli.groups import Group
from gobgp_trio.cli.settings import family_option, settings_of

add_route = deferred("global_actions", "add_route")
delete_routes = deferred("global_actions", "delete_routes")
show_global = deferred("global_actions", "show_global")
show_global_rib = deferred("global_actions", "show_global_rib")
show_global_summary = deferred("global_actions", "show_global_summary")


@click.group("global", cls=Group, invoke_without_command=True)
@click.pass_context
def global_group(context: click.Context) -> None:
    """Show AS number, router ID and listening addresses."""
    if context.invoked_subcommand is None:
        show_global(settings_of(context))


@global_group.group("rib", invoke_without_command=True, fallback="PREFIX")
@click.pass_context
def rib_group(context: click.Context) -> None:
    """Show the routing table; with a PREFIX only that.

    \b
    gobgp global rib PREFIX              the paths of this prefix
    gobgp global rib HOST                the paths of the prefix that covers this address best
    gobgp global rib PREFIX longer-prefixes | shorter-prefixes
    gobgp global rib PREFIX ... explain  and which step of the decision put each path in its place
    """
    if context.invoked_subcommand is None:
        _show_rib(context, ())


@rib_group.command("PREFIX", hidden=True)
@click.argument("words", nargs=-1)
@click.pass_context
def rib_prefix(context: click.Context, words: tuple[str, ...]) -> None:
    """Show paths of PREFIX or HOST [longer-prefixes|shorter-prefixes] [explain]."""
    _show_rib(context, words)


def _show_rib(context: click.Context, words: tuple[str, ...]) -> None:
    show_global_rib(settings_of(context), words)


@rib_group.command("summary")
@click.pass_context
def rib_summary(context: click.Context) -> None:
    """Show how many prefixes and paths there are."""
    show_global_summary(settings_of(context))


@rib_group.command("add")
@click.argument("words", nargs=-1, metavar="PREFIX [KEYWORD VALUE]...")
@click.pass_context
def rib_add(context: click.Context, words: tuple[str, ...]) -> None:
    """Add a local route.

    Keywords: origin, aspath, nexthop, med, local-pref, community, large-community, aggregator, rt.
    """
    add_route(settings_of(context), list(words))


@rib_group.command("del")
@click.argument("words", nargs=-1, metavar="PREFIX | all")
@click.pass_context
def rib_delete(context: click.Context, words: tuple[str, ...]) -> None:
    """Remove a local route, or all local routes."""
    delete_routes(settings_of(context), list(words))


for command in (rib_group, rib_prefix, rib_summary, rib_add, rib_delete):
    command.params.append(family_option())
