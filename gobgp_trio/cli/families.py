"""The words that ``-a`` takes for an address family."""

from gobgp_trio.cli.errors import CommandError
from gobgp_trio.types.family import Family

FAMILY_WORDS = {
    "ipv4": Family.IPV4_UNICAST,
    "v4": Family.IPV4_UNICAST,
    "4": Family.IPV4_UNICAST,
    "ipv6": Family.IPV6_UNICAST,
    "v6": Family.IPV6_UNICAST,
    "6": Family.IPV6_UNICAST,
}


def parse_family(word: str) -> Family | None:
    """The family a word names, or None for the empty word: nobody said.

    Raises:
        CommandError: no such family here.
    """
    if not word:
        return None
    family = FAMILY_WORDS.get(word)
    if family is None:
        raise CommandError(f"unsupported address family: {word}")
    return family
