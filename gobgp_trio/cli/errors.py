"""What ends a command with a message: printed as text or JSON, exit status 1."""


class CommandError(Exception):
    """The command cannot do what was asked; the text is for the person who typed it."""
