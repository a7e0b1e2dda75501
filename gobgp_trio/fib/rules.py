"""Which kernel tables a path goes to: the export rules, asked once per attribute set.

A rule matches a path that carries any of its communities, standard or large; a rule that names
none matches every path.  Rules of equal table and metric would write the same kernel route: they
make one target, installed once, owned by all of them, and the first in file order decides how the
next hop is treated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gobgp_trio.config.schema import ExportRule
from gobgp_trio.types.attributes import COMMUNITIES, LARGE_COMMUNITY, PathAttributes
from gobgp_trio.types.path import Path, SourceKind

GLOBAL_SOURCE = ""


@dataclass(frozen=True, slots=True)
class TargetKey:
    """Where a rule writes: every kernel route we own is (target, family, prefix).

    Attributes:
        source: the RIB the routes come from: "" is the global one, else a VRF's name.
        vrf: the Linux VRF in which next hops are looked up, "" for none.
    """

    source: str
    table_id: int
    metric: int
    vrf: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """One target a path goes to.

    Attributes:
        rules: the names of the matching rules in file order, at least one.
        validate: whether the next hop must resolve before the route is written.
    """

    target: TargetKey
    rules: tuple[str, ...]
    validate: bool


Verdict = tuple[Placement, ...]
NOWHERE: Verdict = ()
NO_VALUES: frozenset[bytes] = frozenset()


class RuleSet:
    """The rules in force.  A new one is made for every change; identity tells old verdicts."""

    def __init__(self, rules: Sequence[ExportRule]) -> None:
        self.rules = tuple(rules)
        self._matchers = tuple(_Matcher(rule) for rule in rules)
        self._verdicts: dict[tuple[int, ...], Verdict] = {}
        self._asks_standard = any(rule.communities for rule in rules)
        self._asks_large = any(rule.large_communities for rule in rules)

    def targets(self) -> tuple[TargetKey, ...]:
        """Every target some rule names, in file order, each once."""
        return tuple(dict.fromkeys(_target(rule) for rule in self.rules))

    def place(self, path: Path) -> Verdict:
        """The targets of a path; networks imported from the kernel never go back into it."""
        if path.source.kind is SourceKind.NETLINK:
            return NOWHERE
        return self.judge(path.attributes)

    def judge(self, attributes: PathAttributes) -> Verdict:
        """The verdict for an attribute set, worked out once and kept with it."""
        memo = attributes.export_memo
        if memo is not None and memo[0] is self:
            return memo[1]  # type: ignore[return-value]  # the memo holds what is stored below
        verdict = self._work_out(attributes)
        attributes.export_memo = (self, verdict)
        return verdict

    def _work_out(self, attributes: PathAttributes) -> Verdict:
        if not any(attributes.next_hop):
            return NOWHERE  # 0.0.0.0 and :: stand for "this host": nothing to forward to
        standard = _split(attributes.find(COMMUNITIES), 4) if self._asks_standard else NO_VALUES
        large = _split(attributes.find(LARGE_COMMUNITY), 12) if self._asks_large else NO_VALUES
        hits = tuple(
            index
            for index, matcher in enumerate(self._matchers)
            if matcher.matches(standard, large)
        )
        verdict = self._verdicts.get(hits)
        if verdict is None:
            verdict = self._verdicts[hits] = _merge(self.rules[index] for index in hits)
        return verdict


class _Matcher:
    """One rule's communities as octets, so that nothing is decoded to match."""

    def __init__(self, rule: ExportRule) -> None:
        self._standard = frozenset(value.to_bytes(4, "big") for value in rule.communities)
        self._large = frozenset(
            b"".join(word.to_bytes(4, "big") for word in words) for words in rule.large_communities
        )
        self._matches_all = not self._standard and not self._large

    def matches(self, standard: frozenset[bytes], large: frozenset[bytes]) -> bool:
        return (
            self._matches_all
            or not self._standard.isdisjoint(standard)
            or not self._large.isdisjoint(large)
        )


def _split(value: bytes | None, octets_count: int) -> frozenset[bytes]:
    if not value:
        return NO_VALUES
    return frozenset(value[at : at + octets_count] for at in range(0, len(value), octets_count))


def _target(rule: ExportRule) -> TargetKey:
    return TargetKey(GLOBAL_SOURCE, rule.table_id, rule.metric, rule.vrf)


def _merge(rules: Iterable[ExportRule]) -> Verdict:
    by_target: dict[TargetKey, list[ExportRule]] = {}
    for rule in rules:
        by_target.setdefault(_target(rule), []).append(rule)
    return tuple(
        Placement(target, tuple(rule.name for rule in owners), owners[0].validate_nexthop)
        for target, owners in by_target.items()
    )
