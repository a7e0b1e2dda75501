"""What an operator can ask to be taken out of paths on their way to a peer."""

from dataclasses import dataclass
from enum import Enum

from gobgp_trio.types.attributes import (
    COMMUNITIES,
    EXTENDED_COMMUNITIES,
    IPV6_EXTENDED_COMMUNITIES,
    LARGE_COMMUNITY,
)


class PrivateAs(Enum):
    """What becomes of private AS numbers (RFC 6996) in AS_PATH, towards an external peer."""

    KEEP = "keep"
    REMOVE = "all"
    REPLACE = "replace"  # each by our own AS number


class SendCommunity(Enum):
    """Kinds of communities that a peer is sent; the value has their attribute codes.

    Large communities (RFC 8092) are the form that standard ones take where AS numbers have four
    octets, so they go with those.
    """

    NONE = frozenset[int]()
    STANDARD = frozenset((COMMUNITIES, LARGE_COMMUNITY))
    EXTENDED = frozenset((EXTENDED_COMMUNITIES, IPV6_EXTENDED_COMMUNITIES))
    BOTH = frozenset(
        (COMMUNITIES, LARGE_COMMUNITY, EXTENDED_COMMUNITIES, IPV6_EXTENDED_COMMUNITIES)
    )


@dataclass(frozen=True, slots=True)
class SendingRules:
    """What a neighbor's configuration asks to be changed in paths that it is sent.

    Attributes:
        replaced_as: the AS number in whose place ours is put in AS_PATH; 0 for none.
    """

    private_as: PrivateAs = PrivateAs.KEEP
    replaced_as: int = 0
    communities: SendCommunity = SendCommunity.BOTH

    @property
    def edits_as_path(self) -> bool:
        return self.private_as is not PrivateAs.KEEP or self.replaced_as != 0


AS_IT_IS = SendingRules()


def is_private_as(as_: int) -> bool:
    """Whether an AS number is for private use (RFC 6996 section 5)."""
    return 64512 <= as_ <= 65534 or 4200000000 <= as_ <= 4294967294
