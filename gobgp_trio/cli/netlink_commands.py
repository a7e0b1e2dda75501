"""``gobgp netlink`` and the commands below it: what is imported from and exported into the kernel.

The commands' work is in ``netlink_actions``, imported when one runs (see ``main``).
"""

import click

from gobgp_trio.cli.deferred import deferred
from gobgp_trio.cli.groups import Group
from gobgp_trio.cli.settings import settings_of

flush_exported = deferred("netlink_actions", "flush_exported")
show_export_stats = deferred("netlink_actions", "show_export_stats")
show_exported = deferred("netlink_actions", "show_exported")
show_import = deferred("netlink_actions", "show_import")
show_import_stats = deferred("netlink_actions", "show_import_stats")
show_rules = deferred("netlink_actions", "show_rules")
show_status = deferred("netlink_actions", "show_status")


@click.group("netlink", cls=Group, invoke_without_command=True)
@click.pass_context
def netlink_group(context: click.Context) -> None:
    """Show the state of the kernel's import and export."""
    if context.invoked_subcommand is None:
        show_status(settings_of(context))


@netlink_group.group("import", invoke_without_command=True)
@click.pass_context
def import_group(context: click.Context) -> None:
    """Show what is imported from the kernel."""
    if context.invoked_subcommand is None:
        show_import(settings_of(context))


@import_group.command("stats")
@click.pass_context
def import_stats(context: click.Context) -> None:
    """Show the counters of the import."""
    show_import_stats(settings_of(context))


@netlink_group.group("export", invoke_without_command=True)
@click.option("--vrf", default="", metavar="NAME", help="only routes of this Linux VRF")
@click.pass_context
def export_group(context: click.Context, vrf: str) -> None:
    """Show the routes that were written into the kernel."""
    if context.invoked_subcommand is None:
        show_exported(settings_of(context), vrf)


@export_group.command("rules")
@click.pass_context
def export_rules(context: click.Context) -> None:
    """Show the export rules."""
    show_rules(settings_of(context))


@export_group.command("stats")
@click.pass_context
def export_stats(context: click.Context) -> None:
    """Show the counters of the export."""
    show_export_stats(settings_of(context))


@export_group.command("flush")
@click.pass_context
def export_flush(context: click.Context) -> None:
    """Remove all exported routes from the kernel."""
    flush_exported(settings_of(context))
