"""Adj-RIB-In: what one source offers for one family, and which of it may take part at all.

Accepted and rejected paths are kept apart, so that counting both is free and the loop over an
UPDATE's prefixes has one store for each.  A rejected path is remembered with its reason: it can be
shown, and it can be looked at again when the configuration changes.
"""

from collections.abc import Set
from dataclasses import dataclass, field

from gobgp_trio.rib.shards import Shards
from gobgp_trio.types.attributes import PathAttributes
from gobgp_trio.types.path import Path, Source

REJECTED_AS_LOOP = "AS loop"
REJECTED_ORIGINATOR_LOOP = "ORIGINATOR_ID loop"
REJECTED_CLUSTER_LOOP = "CLUSTER_LIST loop"


@dataclass(frozen=True, slots=True)
class LoopCheck:
    """What we are called in paths that went round in a circle.

    Attributes:
        local_as: our AS number in the session.
        global_as: the one we have elsewhere; 0 when it is the same.
        allowed_own_as: how often each of them may stand in a path.
        router_id: our BGP identifier, 4 octets.
        cluster_ids: our clusters as a route reflector (RFC 4456), 4 octets each; may grow.
    """

    local_as: int
    router_id: bytes
    cluster_ids: Set[bytes]
    global_as: int = 0
    allowed_own_as: int = 0
    _own_as: tuple[tuple[int, bytes], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = {as_: as_.to_bytes(4, "big") for as_ in (self.local_as, self.global_as) if as_}
        object.__setattr__(self, "_own_as", tuple(own.items()))

    def reason_to_reject(self, attributes: PathAttributes) -> str:
        """Why a path with these attributes is a loop, or ``""`` (RFC 4271 9.1.2, RFC 4456 8).

        Runs for each attribute set of each UPDATE, so it looks for our numbers in the octets
        first: most sets do not have them anywhere, and only those that do are taken apart.
        """
        wire = attributes.wire
        for as_, octets in self._own_as:
            if octets in wire and self._is_as_loop(as_, attributes):
                return REJECTED_AS_LOOP
        if self.router_id in wire and attributes.originator_id == self.router_id:
            return REJECTED_ORIGINATOR_LOOP
        for cluster_id in self.cluster_ids:
            if cluster_id in wire and cluster_id in attributes.cluster_list:
                return REJECTED_CLUSTER_LOOP
        return ""

    def _is_as_loop(self, as_: int, attributes: PathAttributes) -> bool:
        times = sum(numbers.count(as_) for _, numbers in attributes.as_path)
        return times > self.allowed_own_as


class AdjIn:
    """One source's paths of one family.

    Attributes:
        accepted: NLRI key -> path that takes part in the decision.  Changed by ``table`` alone.
        rejected: NLRI key -> path that does not; never has a key of ``accepted``.
        has_rejected: some path was rejected since the session began.
        loop_check: None for sources on this host.
    """

    __slots__ = ("accepted", "has_rejected", "loop_check", "rejected", "source")

    def __init__(self, source: Source, loop_check: LoopCheck | None = None) -> None:
        self.source = source
        self.loop_check = loop_check
        self.accepted: Shards[Path] = Shards()
        self.rejected: Shards[Path] = Shards()
        self.has_rejected = False

    @property
    def received_count(self) -> int:
        return len(self.accepted) + len(self.rejected)

    def find(self, nlri: bytes) -> Path | None:
        """The source's path of a prefix, accepted or rejected."""
        return self.accepted.get(nlri) or self.rejected.get(nlri)
