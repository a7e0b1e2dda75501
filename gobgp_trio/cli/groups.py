"""Commands and groups as ``gobgp`` needs them, on top of click.

Three things click does not do by itself: a command word may be cut to an unambiguous prefix
(``gobgp nei``); the common flags may stand behind any word; and a group may hand words that name
none of its commands to one of them (``gobgp global rib 10.0.0.0/8``, ``gobgp neighbor ADDRESS``).
"""

from typing import Any

import click

from gobgp_trio.cli.settings import common_options


class Command(click.Command):
    """A command that takes the common flags."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_options())


class Group(click.Group):
    """A group that takes the common flags, cut command words and, with ``fallback``, any word.

    Args:
        fallback: name of the (hidden) command that gets the whole line when its first word names
            no command of the group.
    """

    command_class = Command

    def __init__(self, *args: Any, fallback: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fallback = fallback
        self.params.extend(common_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let flags follow the group's own argument: ``neighbor ADDRESS -j adj-in``."""
        if any(isinstance(parameter, click.Argument) for parameter in self.params):
            behind = self._behind_argument(ctx, args)
            # An end marker lets the second search succeed when only flags are left.
            rest = self._behind_argument(ctx, [*behind, ""])
            flags = behind[: len(behind) - len(rest)]
            argument_at = len(args) - len(behind) - 1
            args = [*args[:argument_at], *flags, *args[argument_at:][:1], *behind[len(flags) :]]
        return super().parse_args(ctx, args)

    def _behind_argument(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What follows the flags at the start of ``args`` and one word behind them."""
        _, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
        return rest

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        exact = super().get_command(ctx, cmd_name)
        if exact is not None and not exact.hidden:
            return exact
        matches = [name for name in self.visible_names(ctx) if name.startswith(cmd_name)]
        if len(matches) > 1:
            raise click.UsageError(f'"{cmd_name}" could be {" or ".join(matches)}', ctx)
        return super().get_command(ctx, matches[0]) if matches else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        command = self.get_command(ctx, word)
        if command is not None:
            return command.name, command, args[1:]
        if self.fallback is not None and not word.startswith("-"):
            return self.fallback, super().get_command(ctx, self.fallback), args
        known = ", ".join(self.visible_names(ctx))
        where = ctx.command_path
        raise click.UsageError(f'unknown command "{word}" for "{where}" (there are: {known})', ctx)

    def visible_names(self, ctx: click.Context) -> list[str]:
        """Names of the commands a person may type here, sorted."""
        return [name for name in self.list_commands(ctx) if not self.commands[name].hidden]


Group.group_class = Group
