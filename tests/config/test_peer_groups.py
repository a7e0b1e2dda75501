"""Peer groups: each value reaches the members that do not have one themselves, by reload too."""

from typing import Any

import pytest

from gobgp_trio.config.changes import diff
from gobgp_trio.config.keys import IMPLEMENTED
from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.schema import Config
from gobgp_trio.config.toml import parse_config
from gobgp_trio.types.family import Family
from tests.config.effects import PEER_EFFECTS, attribute, config_of, with_key

GROUP_KEYS = [key for key in IMPLEMENTED if key.startswith("peer-groups[].")]


def make_document() -> dict[str, Any]:
    """One member and one network, of a group with a family; the member only has an address."""
    return {
        "global": {"config": {"as": 65000, "router-id": "192.168.1.1"}},
        "peer-groups": [
            {
                "config": {"peer-group-name": "g", "peer-as": 65001},
                "afi-safis": [{"config": {"afi-safi-name": "ipv4-unicast"}}],
            }
        ],
        "neighbors": [{"config": {"neighbor-address": "10.0.0.2", "peer-group": "g"}}],
        "dynamic-neighbors": [{"config": {"prefix": "10.8.0.0/16", "peer-group": "g"}}],
    }


def make_group(key: str) -> dict[str, Any]:
    """The document with what the key needs beside it, in the group."""
    document = make_document()
    for beside, value in PEER_EFFECTS[key].beside.items():
        document = with_key(document, beside.replace("neighbors[]", "peer-groups[]", 1), value)
    return document


def config_of_member(config: Config, key: str) -> object:
    return attribute(config, f"neighbors.0.{PEER_EFFECTS[key].attribute}")


def test_groups_have_the_keys_of_neighbors() -> None:
    own = {"peer-groups[].config.peer-group-name", "peer-groups[].afi-safis[].config.enabled"}
    assert set(GROUP_KEYS) == {f"peer-groups[].{key}" for key in PEER_EFFECTS} | own


@pytest.mark.parametrize("key", PEER_EFFECTS)
def test_value_of_a_group_is_its_members_and_dynamic_neighbors(key: str) -> None:
    effect = PEER_EFFECTS[key]
    before = config_of(make_group(key))
    after = config_of(with_key(make_group(key), f"peer-groups[].{key}", effect.value))
    assert config_of_member(before, key) != effect.expected
    assert config_of_member(after, key) == effect.expected
    is_passive = key == "transport.config.passive-mode"  # they always are
    template = f"dynamic_neighbors.0.template.{effect.attribute}"
    assert attribute(after, template) == effect.expected
    changes = diff(before, after)
    assert [change.new for change in changes.neighbors_changed] == list(after.neighbors)
    assert changes.dynamic_changed is not is_passive


@pytest.mark.parametrize("key", PEER_EFFECTS)
def test_value_of_its_own_wins_over_the_groups(key: str) -> None:
    effect = PEER_EFFECTS[key]
    document = with_key(make_group(key), f"peer-groups[].{key}", effect.another_value)
    if "[]" in key:  # an array of tables is the neighbor's own as a whole
        document["neighbors"][0]["afi-safis"] = [{"config": {"afi-safi-name": "ipv4-unicast"}}]
        for beside, value in effect.beside.items():
            document = with_key(document, beside, value)
    own = config_of(with_key(document, f"neighbors[].{key}", effect.value))
    assert config_of_member(own, key) == effect.expected
    assert config_of_member(config_of(document), key) != effect.expected


def test_value_of_its_own_wins_where_it_is_the_default() -> None:
    document = make_document()
    group: dict[str, object] = {
        "transport.config.passive-mode": True,
        "timers.config.connect-retry": 7,
        "config.description": "all",
        "as-path-options.config.allow-own-as": 3,
        "config.auth-password": "secret",
    }
    own: dict[str, object] = {
        "transport.config.passive-mode": False,
        "timers.config.connect-retry": 120,
        "config.description": "",
        "as-path-options.config.allow-own-as": 0,
        "config.auth-password": "",
    }
    for key, value in group.items():
        document = with_key(document, f"peer-groups[].{key}", value)
    for key, value in own.items():
        document = with_key(document, f"neighbors[].{key}", value)
    (neighbor,) = config_of(document).neighbors
    assert (neighbor.passive, neighbor.connect_retry_s, neighbor.description) == (False, 120, "")
    assert (neighbor.allow_own_as, neighbor.sockets.password) == (0, "")


def test_families_come_from_the_group_only_where_there_are_none() -> None:
    document = make_document()
    document["peer-groups"][0]["afi-safis"] = [
        {"config": {"afi-safi-name": "ipv6-unicast"}},
        {"config": {"afi-safi-name": "ipv4-unicast"}},
    ]
    (neighbor,) = config_of(document).neighbors
    assert neighbor.families == (Family.IPV6_UNICAST, Family.IPV4_UNICAST)
    document["neighbors"][0]["afi-safis"] = [{"config": {"afi-safi-name": "ipv4-unicast"}}]
    (neighbor,) = config_of(document).neighbors
    assert neighbor.families == (Family.IPV4_UNICAST,)


def test_members_of_different_groups_and_none() -> None:
    document = make_document()
    document["peer-groups"].append({"config": {"peer-group-name": "h", "peer-as": 65002}})
    document["neighbors"] += [
        {"config": {"neighbor-address": "2001:db8::2", "peer-group": "h"}},
        {"config": {"neighbor-address": "10.0.0.4", "peer-as": 65003}},
    ]
    neighbors = config_of(document).neighbors
    assert [(n.peer_as, n.peer_group) for n in neighbors] == [
        (65001, "g"),
        (65002, "h"),
        (65003, ""),
    ]
    assert neighbors[1].families == (Family.IPV6_UNICAST,)


def test_dynamic_neighbors_are_found_by_the_longest_prefix_first() -> None:
    document = make_document()
    document["dynamic-neighbors"] += [
        {"config": {"prefix": "10.8.1.0/24", "peer-group": "g"}},
        {"config": {"prefix": "2001:DB8::/32", "peer-group": "g"}},
    ]
    entries = config_of(document).dynamic_neighbors
    assert [entry.prefix for entry in entries] == ["2001:db8::/32", "10.8.1.0/24", "10.8.0.0/16"]
    assert all(entry.template.passive for entry in entries)


GLOBAL = '[global.config]\nas = 65000\nrouter-id = "192.168.1.1"\n'
GROUP = '[[peer-groups]]\nconfig = { peer-group-name = "g" }\n'
MEMBER = '[[neighbors]]\nconfig = { neighbor-address = "10.0.0.2", peer-group = "g" }\n'
OTHER = MEMBER.replace("10.0.0.2", "10.0.0.3")
WITH_AS = GROUP.replace('"g"', '"g", peer-as = 65001')
INTERNAL = GROUP.replace('"g"', '"g", peer-as = 65000')
DYNAMIC = '[[dynamic-neighbors]]\nconfig = { prefix = "10.8.0.0/16", peer-group = "g" }\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (GROUP + MEMBER, "7: neighbors[].config.peer-as: required key is missing"),
        (GROUP + DYNAMIC, "5: peer-groups[].config.peer-as: required key is missing"),
        (MEMBER, '5: neighbors[].config.peer-group: wanted the name of a peer group, found "g"'),
        (
            DYNAMIC,
            '5: dynamic-neighbors[].config.peer-group: wanted the name of a peer group, found "g"',
        ),
        (
            WITH_AS + WITH_AS,
            '7: peer-groups[].config.peer-group-name: wanted a name of its own, found "g" again',
        ),
        ("[[peer-groups]]", "4: peer-groups[].config.peer-group-name: required key is missing"),
        (
            WITH_AS + DYNAMIC + DYNAMIC,
            (
                "9: dynamic-neighbors[].config.prefix: wanted one entry for each prefix, "
                "found 10.8.0.0/16 again"
            ),
        ),
        (
            WITH_AS + DYNAMIC.replace("10.8.0.0/16", "10.8.0.1/16"),
            (
                '7: dynamic-neighbors[].config.prefix: wanted a network such as "192.0.2.0/24", '
                'found the string "10.8.0.1/16"'
            ),
        ),
        # What is wrong together is told where the value stands, once for all members.
        (
            WITH_AS + "timers.config.keepalive-interval = 90\n" + MEMBER + OTHER,
            (
                "6: peer-groups[].timers.config.keepalive-interval: wanted less than the hold "
                "time of 90 seconds, found 90"
            ),
        ),
        (
            WITH_AS
            + "timers.config.keepalive-interval = 30\n"
            + MEMBER
            + "timers.config.hold-time = 9",
            (
                "6: peer-groups[].timers.config.keepalive-interval: wanted less than the hold "
                "time of 9 seconds, found 30"
            ),
        ),
        (
            INTERNAL + "as-path-options.config.replace-peer-as = true\n" + MEMBER,
            (
                "6: peer-groups[].as-path-options.config.replace-peer-as: wanted for an external "
                "neighbor only, found peer-as equal to local-as"
            ),
        ),
        (
            WITH_AS + "route-reflector.config.route-reflector-client = true\n" + MEMBER,
            (
                "6: peer-groups[].route-reflector.config.route-reflector-client: wanted for an "
                "internal neighbor only, found peer-as other than local-as"
            ),
        ),
        (
            INTERNAL + 'route-reflector.config.route-reflector-cluster-id = "1.1.1.1"\n' + MEMBER,
            (
                "6: peer-groups[].route-reflector.config.route-reflector-cluster-id: has no effect "
                "unless neighbors[].route-reflector.config.route-reflector-client is true"
            ),
        ),
        (
            WITH_AS
            + '[[peer-groups.afi-safis]]\nconfig.afi-safi-name = "ipv4-unicast"\n'
            + "prefix-limit.config.restart-timer = 5\n"
            + MEMBER,
            (
                "8: peer-groups[].afi-safis[].prefix-limit.config.restart-timer: has no "
                "effect unless neighbors[].afi-safis[].prefix-limit.config.max-prefixes is above 0"
            ),
        ),
    ],
)
def test_refusal_stands_at_the_value_that_is_wrong(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(GLOBAL + text, "g.toml")
    assert str(caught.value) == f"g.toml:{error}"
