"""The decision process: numbered, named steps that put the paths of one prefix in order.

Each step is a row of a table: a name to show and a number per path, smaller is better.  The first
step in which two paths differ decides.  MED (step 5) is the exception that RFC 4271 section
9.1.2.2 c asks for: it compares only paths that came through the same neighbor AS.  So it gives no
order of two paths alone; ``rank`` works on the whole set and its answer does not depend on the
order of arrival ("deterministic MED"): among the paths that are equal up to step 4, a path stands
behind all those that no path of their own neighbor AS beats on MED.

Deviations from RFC 4271 section 9.1.2.2: the step "oldest" (prefer the external path we had
first, against route flapping) comes before the BGP identifier, as other implementations do it; the
interior cost to the next hop is not known yet and would stand between steps 6 and 7; a path that
has no LOCAL_PREF counts as 100.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from gobgp_trio.config.schema import SelectionOptions
from gobgp_trio.types.path import MedGroup, Path, SourceKind, Standing

DEFAULT_LOCAL_PREF = 100
_NAME_OCTETS = 64  # longer than an interface name or an IPv6 address with its scope


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, and a number per path of which the smaller one is preferred.

    ``within_neighbor_as`` limits the comparison to paths of one neighbor AS.
    """

    name: str
    number: Callable[[Path], float]
    within_neighbor_as: bool = False


def _local_pref(path: Path) -> float:
    local_pref = path.attributes.local_pref
    return -(DEFAULT_LOCAL_PREF if local_pref is None else local_pref)


def _local_origin(path: Path) -> float:
    return path.source.kind is SourceKind.PEER


def _as_path_length(path: Path) -> float:
    return path.attributes.as_path_length


def _origin(path: Path) -> float:
    return path.attributes.origin


def _med(path: Path) -> float:
    return path.attributes.med or 0  # absent is the lowest, RFC 4271 section 9.1.2.2 c


def _external(path: Path) -> float:
    return not path.source.is_ebgp


def _oldest(path: Path) -> float:
    return path.received_s if path.source.is_ebgp else 0


def _router_id(path: Path) -> float:
    """The BGP identifier of who brought the path into the AS (RFC 4456 section 9)."""
    return int.from_bytes(path.attributes.originator_id or path.source.router_id, "big")


def _cluster_list_length(path: Path) -> float:
    return len(path.attributes.cluster_list)


def _neighbor_address(path: Path) -> float:
    return int.from_bytes(path.source.address, "big")


def _source_name(path: Path) -> float:
    """Tells apart what has no address of its own: interfaces, scopes of one link-local address."""
    return int.from_bytes(path.source.name.encode().ljust(_NAME_OCTETS, b"\0"), "big")


def _newest(path: Path) -> float:
    """A peer that came back is preferred to what is still left of its last session."""
    return -path.received_s


# The numbers of the steps are their places here, from 1; they stay when options leave steps out.
STEPS = (
    Step("LOCAL_PREF", _local_pref),
    Step("local origin", _local_origin),
    Step("AS_PATH length", _as_path_length),
    Step("ORIGIN", _origin),
    Step("MED", _med, within_neighbor_as=True),
    Step("external", _external),
    Step("oldest", _oldest),
    Step("router ID", _router_id),
    Step("CLUSTER_LIST length", _cluster_list_length),
    Step("neighbor address", _neighbor_address),
    Step("source name", _source_name),
    Step("newest", _newest),
)


def format_step(step: Step) -> str:
    """``"5 MED"``: number and name."""
    number = next(at for at, row in enumerate(STEPS, 1) if row.name == step.name)
    return f"{number} {step.name}"


def choose_steps(options: SelectionOptions) -> tuple[Step, ...]:
    """The rows of ``STEPS`` that these options leave, in order."""
    steps = list(STEPS)
    if options.ignore_as_path_length:
        steps = [step for step in steps if step.name != "AS_PATH length"]
    if options.external_compare_router_id:
        steps = [step for step in steps if step.name != "oldest"]
    if options.always_compare_med:
        steps = [Step(step.name, step.number) for step in steps]
    return tuple(steps)


class Decision:
    """The decision process with its options.

    Attributes:
        steps: the rows in use, first one first.
    """

    __slots__ = ("_after_med", "_med", "_med_groups", "_up_to_med", "steps")

    def __init__(self, options: SelectionOptions | None = None) -> None:
        self.steps = choose_steps(options or SelectionOptions())
        med_at = next(at for at, step in enumerate(self.steps) if step.name == "MED")
        self._up_to_med = self.steps[:med_at]
        self._med = self.steps[med_at]
        self._after_med = self.steps[med_at + 1 :]
        self._med_groups: WeakValueDictionary[Hashable, MedGroup] = WeakValueDictionary()

    def explain_all(self, ranked: Sequence[Path]) -> tuple[str, ...]:
        """Why each of a prefix's paths, best first, stands where it does: ``"5 MED"``.

        For the best one that is the step that sets it apart from the second, for any other the
        step in which the best one beats it (for MED: the best one, or one of its own neighbor AS).
        A path that is alone has ``""``.
        """
        if len(ranked) < 2:
            return ("",) * len(ranked)
        standings = self._standings(ranked)
        keys = self._place_by_med(standings) or [standing.order for standing in standings]
        rivals = (keys[1], *(keys[0] for _ in keys[1:]))
        return tuple(
            next(
                (
                    format_step(step)
                    for step, mine, other in zip(self.steps, key, rival, strict=True)
                    if mine != other
                ),
                "",
            )
            for key, rival in zip(keys, rivals, strict=True)
        )

    def explain(self, first: Path, second: Path) -> str:
        """The name of the step that separates two paths when they are alone, or ``""``."""
        step = self._separating_step(first, second)
        return step.name if step is not None else ""

    def rank(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """All paths, the best one first.

        Runs for each prefix that has several paths, whenever one of them comes or goes: the numbers
        are worked out once per path, and mostly no two paths differ in MED that it is compared of.
        """
        if len(paths) < 2:
            return tuple(paths)
        standings = self._standings(paths)
        keys = self._place_by_med(standings)
        if keys is None:
            return tuple(sorted(paths, key=_order))
        return tuple(paths[at] for at in sorted(range(len(paths)), key=keys.__getitem__))

    def _standings(self, paths: Sequence[Path]) -> list[Standing]:
        return [
            standing
            if (standing := path.standing) is not None and standing.decision is self
            else self._stand(path)
            for path in paths
        ]

    def _stand(self, path: Path) -> Standing:
        """Work out a path's numbers and leave them with it."""
        head = tuple(step.number(path) for step in self._up_to_med)
        tail = tuple(step.number(path) for step in self._after_med)
        key = (head, path.attributes.neighbor_as if self._med.within_neighbor_as else 0)
        group = self._med_groups.get(key)
        if group is None:
            group = self._med_groups[key] = MedGroup()
        standing = Standing(self, (*head, 0, *tail), group, self._med.number(path))
        path.standing = standing
        return standing

    def _place_by_med(self, standings: Sequence[Standing]) -> list[tuple[float, ...]] | None:
        """Each path's numbers with its place in MED; None where MED sets no two of them apart."""
        firsts: dict[MedGroup, float] = {}
        rivals: dict[MedGroup, set[float]] = {}
        for standing in standings:
            first = firsts.setdefault(standing.med_group, standing.med)
            if first != standing.med:
                rivals.setdefault(standing.med_group, {first}).add(standing.med)
        if not rivals:
            return None
        places = {group: sorted(meds) for group, meds in rivals.items()}
        med_at = len(self._up_to_med)
        keys = []
        for standing in standings:
            order = standing.order
            meds = places.get(standing.med_group)
            if meds is not None and standing.med != meds[0]:
                order = (*order[:med_at], meds.index(standing.med), *order[med_at + 1 :])
            keys.append(order)
        return keys

    def _separating_step(self, first: Path, second: Path) -> Step | None:
        for step in self.steps:
            if step.number(first) != step.number(second) and (
                not step.within_neighbor_as
                or first.attributes.neighbor_as == second.attributes.neighbor_as
            ):
                return step
        return None


def _order(path: Path) -> tuple[float, ...]:
    assert path.standing is not None
    return path.standing.order
