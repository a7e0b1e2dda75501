"""The version, as a function that can be deferred: reading the package's metadata takes a while."""

from gobgp_trio.version import VERSION


def read_version() -> str:
    """The version of the installed package."""
    return VERSION
