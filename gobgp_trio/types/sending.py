"""What an operator can ask to be taken out of paths on their way to a peer."""

from enum import Enum

from gobgp_trio.types.attributes import COMMUNITIES, EXTENDED_COMMUNITIES, LARGE_COMMUNITY


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
    EXTENDED = frozenset((EXTENDED_COMMUNITIES,))
    BOTH = frozenset((COMMUNITIES, LARGE_COMMUNITY, EXTENDED_COMMUNITIES))
