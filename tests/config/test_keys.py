"""The whole key table: each key changes the configuration, or is refused by name and line."""

import pytest

from gobgp_trio.config.keys import IMPLEMENTED
from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.toml import parse_config
from gobgp_trio.config.unsupported import (
    NO_VRFS,
    NOT_IMPLEMENTED,
    REFUSALS,
    UNSUPPORTED_FAMILIES,
    VRF_KEYS,
)
from tests.config.effects import (
    BASE,
    EFFECTS,
    FIXED,
    NAMES,
    NEIGHBOR_INTERFACE,
    PEER_EFFECTS,
    attribute,
    config_of,
    with_key,
)


def test_tables_have_the_expected_size() -> None:
    assert len(IMPLEMENTED) == 99
    assert len(REFUSALS) == 362
    assert len(VRF_KEYS) == 18
    assert not IMPLEMENTED.keys() & REFUSALS.keys()
    assert len(UNSUPPORTED_FAMILIES) == 24


def test_every_implemented_key_has_its_effect_stated_here() -> None:
    of_groups = {f"peer-groups[].{key}" for key in (*PEER_EFFECTS, "afi-safis[].config.enabled")}
    stated = EFFECTS.keys() | FIXED.keys() | of_groups | NAMES | {NEIGHBOR_INTERFACE}
    assert stated == IMPLEMENTED.keys()


@pytest.mark.parametrize("path", EFFECTS)
def test_implemented_key_changes_the_configuration(path: str) -> None:
    effect = EFFECTS[path]
    document = BASE
    for beside, value in effect.beside.items():
        document = with_key(document, beside, value)
    assert attribute(config_of(document), effect.attribute) != effect.expected
    changed = config_of(with_key(document, path, effect.value))
    assert attribute(changed, effect.attribute) == effect.expected


@pytest.mark.parametrize("path", FIXED)
def test_key_with_one_possible_value_changes_nothing(path: str) -> None:
    assert config_of(with_key(BASE, path, FIXED[path])) == config_of(BASE)
    for other in (False, "x", 1):
        with pytest.raises(ConfigError, match=f" {path.replace('[]', '..')}: "):
            config_of(with_key(BASE, path, other))


@pytest.mark.parametrize("path", sorted(EFFECTS.keys() | FIXED.keys()))
def test_implemented_key_refuses_a_value_of_another_type(path: str) -> None:
    for wrong in ({"a": 1}, 1.5, [[1]]):
        with pytest.raises(ConfigError) as caught:
            config_of(with_key(BASE, path, wrong))
        own = [problem for problem in caught.value.problems if problem.key == path]
        assert [("wanted" in p.text or "VRF" in p.text) for p in own] == [True]


def write_with_line(path: str) -> tuple[str, int]:
    """A document that holds nothing but this key, and the line it is on."""
    lines: list[str] = []
    header = ""
    *tables, last = path.split(".")
    for name in tables:
        header = f"{header}.{name.removesuffix('[]')}".lstrip(".")
        if name.endswith("[]"):
            lines += ["", f"[[{header}]]"]
    if not tables[-1].endswith("[]"):
        lines += ["# a comment", f"[{header}]"]
    lines.append(f"{last} = 0")
    return "\n".join(lines), len(lines)


@pytest.mark.parametrize("path", sorted(REFUSALS))
def test_key_that_is_known_but_not_implemented_is_refused_by_name(path: str) -> None:
    text, line = write_with_line(path)
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "g.toml")
    reason = NO_VRFS if path in VRF_KEYS else NOT_IMPLEMENTED
    assert f"g.toml:{line}: {path}: {reason}" in str(caught.value).splitlines()


def test_reasons_are_worded_for_the_operator() -> None:
    assert NOT_IMPLEMENTED == "known key, not implemented in this version"
    assert NO_VRFS == "VRFs are not supported in this version"


@pytest.mark.parametrize(
    "path",
    [
        "global.confederation.config.enabled",
        "global.afi-safis[].config.afi-safi-name",
        "neighbors[].config.route-flap-damping",
        "neighbors[].bfd.config.port",
        "neighbors[].afi-safis[].ipv6-unicast.prefix-limit.config.max-prefixes",
        "peer-groups[].config.peer-type",
        "peer-groups[].afi-safis[].add-paths.config.receive",
        "global.afi-safis[].prefix-limit.config.max-prefixes",
        "vrfs[].netlink-export.linux-table-id",
        "defined-sets.bgp-defined-sets.community-sets[].community-list",
        "policy-definitions[].statements[].conditions.bgp-conditions.community-count.operator",
        "policy-definitions[].statements[].actions.bgp-actions.set-as-path-prepend.repeat-n",
        "rpki-servers[].config.record-lifetime",
        "bmp-servers[].config.sys-descr",
        "mrt-dump[].config.rotation-interval",
        "zebra.config.nexthop-trigger-delay",
        "collector.config.db-name",
        "netlink.config.interface-list",
        "keychains[].keys[].config.secret-key",
    ],
)
def test_table_of_refused_keys_covers_every_part_of_the_schema(path: str) -> None:
    assert path in REFUSALS


@pytest.mark.parametrize("name", sorted(UNSUPPORTED_FAMILIES))
def test_known_family_that_is_not_supported_is_named(name: str) -> None:
    document = with_key(BASE, "neighbors[].afi-safis[].config.afi-safi-name", name)
    with pytest.raises(ConfigError, match=f"address family {name} is not supported in this"):
        config_of(document)
