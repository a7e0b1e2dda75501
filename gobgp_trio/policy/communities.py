"""Sets of communities that rules match paths against.

The only logic is OR: a path that carries any member of any of the sets matches, and a set without
members matches every path.  A verdict depends on a path's attributes alone, so callers ask once
per attribute set and keep the answer with it, never once per route.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.communities import LargeCommunity


@dataclass(frozen=True, slots=True)
class CommunityMatch:
    """The communities one rule asks for; both sets empty means every path."""

    standard: frozenset[int] = frozenset()
    large: frozenset[LargeCommunity] = frozenset()

    def matches(self, attributes: PathAttributes) -> bool:
        """Whether a path with these attributes is meant."""
        if not self.standard and not self.large:
            return True
        return not (
            self.standard.isdisjoint(attributes.communities)
            and self.large.isdisjoint(attributes.large_communities)
        )


def match_any_of(standard: Iterable[int], large: Iterable[LargeCommunity]) -> CommunityMatch:
    """The match of a rule that lists these communities."""
    return CommunityMatch(frozenset(standard), frozenset(large))
