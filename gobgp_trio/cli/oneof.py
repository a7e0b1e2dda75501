"""Which member of a oneof is set, as a value of any type: callers go by the name."""

from typing import Any

import betterproto


def chosen_member(message: betterproto.Message, group: str) -> tuple[str, Any]:
    """Name and value of the member that is set; ``("", None)`` when none is."""
    return betterproto.which_one_of(message, group)
