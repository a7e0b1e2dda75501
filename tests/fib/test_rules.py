"""Export rules: which targets a path goes to, and who owns it there."""

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.config.schema import ExportRule
from gobgp_trio.fib.rules import Placement, RuleSet, TargetKey
from gobgp_trio.types.path import Path, Source, SourceKind

PEER = Source(SourceKind.PEER, "192.0.2.1")
HOP = bytes((192, 0, 2, 1))
C100, C200 = 65000 << 16 | 100, 65000 << 16 | 200
LARGE = (65000, 1, 100)


def place(
    rules: RuleSet,
    *communities: int,
    large: tuple[tuple[int, int, int], ...] = (),
    source: Source = PEER,
    next_hop: bytes = HOP,
) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    attributes = make_attributes(
        origin=0, next_hop=next_hop, communities=communities, large_communities=large
    )
    verdict = rules.place(Path(source, attributes, 0.0))
    return tuple((p.target.table_id, p.target.metric, p.rules) for p in verdict)


def test_any_community_of_either_kind_matches() -> None:
    rules = RuleSet([ExportRule("r", communities=(C100, C200), large_communities=(LARGE,))])
    assert place(rules, C200) == ((254, 20, ("r",)),)
    assert place(rules, large=(LARGE, (1, 2, 3))) == ((254, 20, ("r",)),)
    assert place(rules, 7, large=((65000, 1, 101),)) == ()
    assert place(rules) == ()


def test_a_rule_without_communities_matches_every_path() -> None:
    rules = RuleSet([ExportRule("all", table_id=100)])
    assert place(rules) == ((100, 20, ("all",)),)
    assert place(rules, C100) == ((100, 20, ("all",)),)


def test_a_route_goes_to_every_matching_table() -> None:
    rules = RuleSet(
        [
            ExportRule("one", communities=(C100,), table_id=100),
            ExportRule("two", communities=(C100,), table_id=200, metric=7),
            ExportRule("other", communities=(C200,), table_id=300),
        ]
    )
    assert place(rules, C100) == ((100, 20, ("one",)), (200, 7, ("two",)))


def test_rules_of_one_table_and_metric_share_the_route_and_the_first_decides() -> None:
    rules = RuleSet(
        [
            ExportRule("first", communities=(C100,), validate_nexthop=False),
            ExportRule("second", communities=(C100, C200)),
        ]
    )
    main = TargetKey("", 254, 20)
    attributes = make_attributes(origin=0, next_hop=HOP, communities=(C100,))
    assert rules.judge(attributes) == (Placement(main, ("first", "second"), validate=False),)
    attributes = make_attributes(origin=0, next_hop=HOP, communities=(C200,))
    assert rules.judge(attributes) == (Placement(main, ("second",), validate=True),)
    assert rules.targets() == (main,)


def test_imported_networks_and_paths_to_this_host_go_nowhere() -> None:
    rules = RuleSet([ExportRule("all")])
    assert place(rules, source=Source(SourceKind.NETLINK, "eth0")) == ()
    assert place(rules, next_hop=bytes(4)) == ()
    assert place(rules, next_hop=bytes(16)) == ()
    assert place(rules, source=Source(SourceKind.LOCAL, "local")) == ((254, 20, ("all",)),)


def test_a_verdict_is_kept_until_the_rules_change() -> None:
    attributes = make_attributes(origin=0, next_hop=HOP, communities=(C100,))
    old, new = RuleSet([ExportRule("old")]), RuleSet([ExportRule("new")])
    verdict = old.judge(attributes)
    assert old.judge(attributes) is verdict
    assert new.judge(attributes)[0].rules == ("new",)
    same = make_attributes(origin=0, next_hop=HOP, communities=(C200,))
    assert new.judge(same) is new.judge(attributes)
