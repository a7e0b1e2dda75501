"""The version of the installed package."""

from importlib.metadata import version


def read_version() -> str:
    """``1.2.3``, from the package's metadata."""
    return version("gobgp-trio")
