"""What operators write about neighbors, as BIRD sees it: each key at the start and by reload.

Two BIRDs are neighbors of ours (AS 64500) on a cable each: ``near`` (192.0.2.2, AS 64501)
announces static routes, ``far`` (10.0.3.2, AS 64502) is told them.
"""

import re
from collections.abc import Mapping

import pytest

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.namespace import Lab
from harness.pair import OURS, THEIRS, bird_static
from harness.wait import stays, wait_until

FAR_OURS, FAR = "10.0.3.1", "10.0.3.2"
OUR_AS, NEAR_AS, FAR_AS = 64500, 64501, 64502
NET, LOOPED = "198.51.100.0/24", "203.0.113.0/24"
PRIVATE_PATH = "bgp_path.prepend(65010);"
COMMUNITIES = (
    "bgp_community.add((64501,7)); bgp_ext_community.add((rt,64501,8));"
    "bgp_large_community.add((64501,9,9));"
)
GLOBAL = f'[global.config]\n  as = {OUR_AS}\n  router-id = "{OURS}"\n'


def neighbor(address: str, as_: int, *lines: str, tail: str = "") -> str:
    """A ``[[neighbors]]`` block with more keys, dotted, and perhaps tables behind them."""
    keys = "".join(f"  {line}\n" for line in lines)
    timers = "" if any(line.startswith("timers") for line in lines) else "connect-retry = 1"
    return (
        f'[[neighbors]]\n  config.neighbor-address = "{address}"\n  config.peer-as = {as_}\n'
        + (f"  timers.config.{timers}\n" if timers else "")
        + keys
        + tail
    )


def near(*lines: str, tail: str = "") -> str:
    return neighbor(THEIRS, NEAR_AS, *lines, tail=tail)


def far(*lines: str, tail: str = "") -> str:
    return neighbor(FAR, FAR_AS, *lines, tail=tail)


def limit(*lines: str) -> str:
    """A family with a prefix limit."""
    keys = "".join(f"    prefix-limit.config.{line}\n" for line in lines)
    return f'  [[neighbors.afi-safis]]\n    config.afi-safi-name = "ipv4-unicast"\n{keys}'


def configuration(
    name: str, ends: tuple[str, str], as_: int, routes: Mapping[str, str], *, dials: bool = False
) -> str:
    """A BIRD with one session, over (its own, our) address, and static routes."""
    return (
        f"router id {ends[0]};\n"
        f"protocol bgp {name} {{ local {ends[0]} as {as_}; neighbor {ends[1]} external; direct;"
        f"{'' if dials else ' passive;'} hold time 9; connect retry time 1; connect delay time 1;"
        " error wait time 1,2; allow local as 1;\n"
        "  ipv4 { import all; export where source = RTS_STATIC; next hop keep; gateway direct; };"
        f" }}\n{bird_static(routes)}"
    )


class Scene:
    """Both, on one cable."""

    near: Bird
    far: Bird
    daemon: Gobgpd

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.router = lab.namespace("router")
        self.near_space, self.far_space = lab.namespace("near"), lab.namespace("far")
        cables = [(f"{OURS}/24", f"{THEIRS}/24")], [(f"{FAR_OURS}/24", f"{FAR}/24")]
        for index, space in enumerate((self.near_space, self.far_space)):
            lab.connect((self.router, f"eth{index}"), (space, "eth0"), cables[index])

    def start_birds(self, routes: Mapping[str, str], *, dials: bool = False) -> None:
        text = configuration("near", (THEIRS, OURS), NEAR_AS, routes, dials=dials)
        self.near = Bird(self.near_space, self.lab.folder, text, name="near")
        text = configuration("far", (FAR, FAR_OURS), FAR_AS, {})
        self.far = Bird(self.far_space, self.lab.folder, text, name="far")

    def announce(self, routes: Mapping[str, str]) -> None:
        self.near.configure(configuration("near", (THEIRS, OURS), NEAR_AS, routes))

    def start(self, routes: Mapping[str, str], *blocks: str) -> None:
        self.start_birds(routes)
        self.start_daemon(*blocks)
        self.near.wait_established("near")

    def start_daemon(self, *blocks: str) -> None:
        self.daemon = Gobgpd(self.router, self.lab.folder, GLOBAL + "".join(blocks))

    def reload(self, *blocks: str) -> None:
        before = len(self.daemon.messages("config changed"))
        self.daemon.reload(GLOBAL + "".join(blocks))
        wait_until(
            lambda: len(self.daemon.messages("config changed")) > before, "the reload is done"
        )

    def told(self, prefix: str = NET) -> dict[str, str]:
        """The attributes that ``far`` was told, as BIRD words them; {} when it was not."""
        return dict(re.findall(r"BGP\.(\w+): (.*)", self.far.route(prefix)))

    def wait_path(self, path: str, prefix: str = NET) -> None:
        wait_until(
            lambda: self.told(prefix).get("as_path", "").strip() == path,
            f"far has {prefix} by {path}",
            timeout_s=20,
        )

    def session(self, name: str) -> str:
        """``show protocols all`` of one of the two."""
        bird: Bird = {"near": self.near, "far": self.far}[name]
        return bird.command(f"show protocols all {name}")

    def last_error(self) -> str:
        """What ``near`` remembers of its last session."""
        found = re.search(r"Last error:\s+(.*)", self.session("near"))
        return found[1] if found else ""


@pytest.fixture
def scene(lab: Lab) -> Scene:
    return Scene(lab)


def test_private_as_numbers(scene: Scene) -> None:
    scene.start({NET: PRIVATE_PATH}, near(), far())
    scene.wait_path("64500 64501 65010")
    scene.reload(near(), far('config.remove-private-as = "all"'))
    scene.wait_path("64500 64501")
    scene.reload(near(), far('config.remove-private-as = "replace"'))
    scene.wait_path("64500 64501 64500")
    scene.reload(near(), far())
    scene.wait_path("64500 64501 65010")


def test_the_peers_own_as(scene: Scene) -> None:
    scene.start({NET: "", LOOPED: f"bgp_path.prepend({FAR_AS});"}, near(), far())
    scene.wait_path("64500 64501")
    assert scene.told(LOOPED) == {}
    scene.reload(near(), far("as-path-options.config.replace-peer-as = true"))
    scene.wait_path("64500 64501 64500", LOOPED)
    scene.reload(near(), far())
    wait_until(lambda: scene.told() and not scene.told(LOOPED), "told no more")


def test_local_paths_with_the_peers_own_as(scene: Scene) -> None:
    scene.start({}, near(), far())
    scene.far.wait_established("far")
    scene.daemon.command(f"global rib add {LOOPED} aspath {FAR_AS}")
    scene.daemon.command(f"global rib add {NET}")
    scene.wait_path("64500")
    assert scene.told(LOOPED) == {}
    scene.reload(near(), far("as-path-options.config.allow-as-path-loop-local = true"))
    scene.wait_path("64500 64502", LOOPED)
    scene.reload(near(), far())
    wait_until(lambda: scene.told() and not scene.told(LOOPED), "told no more", timeout_s=20)


def test_our_own_as(scene: Scene) -> None:
    looped = {NET: "", LOOPED: f"bgp_path.prepend({OUR_AS});"}
    scene.start(looped, near(), far())
    scene.wait_path("64500 64501")
    wait_until(lambda: scene.daemon.rib_prefixes() == [NET], "the looped one is not used")
    scene.reload(near("as-path-options.config.allow-own-as = 1"), far())
    scene.wait_path("64500 64501 64500", LOOPED)
    scene.reload(near(), far())
    wait_until(lambda: scene.daemon.rib_prefixes() == [NET], "not used again", timeout_s=20)


def test_kinds_of_communities(scene: Scene) -> None:
    scene.start({NET: COMMUNITIES}, near(), far())
    every = {
        "community": "(64501,7)",
        "ext_community": "(rt, 64501, 8)",
        "large_community": "(64501, 9, 9)",
    }

    def wait_kinds(*names: str) -> None:
        expected = {name: every[name] for name in names}

        def seen() -> dict[str, str]:
            told = scene.told()
            found = {name: told[name].strip() for name in every if name in told}
            return {**found, "origin": told["origin"]} if "origin" in told else {}

        wait_until(
            lambda: seen() == {**expected, "origin": "IGP"}, f"far has {names}", timeout_s=20
        )

    wait_kinds(*every)
    for word, names in {
        "none": [],
        "standard": ["community", "large_community"],
        "extended": ["ext_community"],
        "both": list(every),
    }.items():
        scene.reload(near(), far(f'config.send-community = "{word}"'))
        wait_kinds(*names)


def test_another_as_for_one_neighbor(scene: Scene) -> None:
    scene.start({NET: "", LOOPED: "bgp_path.prepend(64499);"}, near(), far())
    scene.wait_path("64500 64501 64499", LOOPED)
    scene.reload(near(), far("config.local-as = 64499"))
    scene.wait_path("64499 64501")
    assert "Neighbor AS:      64499" in scene.session("far")
    # The AS that it has elsewhere stays its own for far, and 64499 is no loop for near.
    scene.wait_path("64499 64501 64499", LOOPED)
    scene.reload(near("config.local-as = 64499"), far())
    scene.wait_path("64500 64501")
    wait_until(lambda: scene.daemon.rib_prefixes() == [NET], "now it is one")


def prefixes(count: int) -> dict[str, str]:
    return {f"198.51.{number}.0/24": "" for number in range(count)}


def test_prefix_limit(scene: Scene) -> None:
    limited = near(tail=limit("max-prefixes = 4", "shutdown-threshold-pct = 75"))
    scene.start(prefixes(2), limited)
    wait_until(lambda: len(scene.daemon.rib_prefixes()) == 2, "two are in")
    assert scene.daemon.messages("nears its prefix limit") == []
    scene.announce(prefixes(3))
    wait_until(lambda: scene.daemon.messages("nears its prefix limit"), "three are near four")
    scene.announce(prefixes(4))
    wait_until(lambda: len(scene.daemon.rib_prefixes()) == 4, "four may be")
    assert len(scene.daemon.messages("nears its prefix limit")) == 1
    assert "Prefix Limits:" in scene.daemon.command(f"neighbor {THEIRS}")
    scene.announce(prefixes(5))
    wait_until(lambda: scene.daemon.neighbor_state(THEIRS) == "Idle(PfxCt)", "too many")
    wait_until(lambda: scene.daemon.rib_prefixes() == [], "and all gone")
    assert scene.last_error() == "Received: Maximum number of prefixes reached"
    stays(lambda: scene.daemon.neighbor_state(THEIRS) == "Idle(PfxCt)", "it stays down", for_s=3.0)
    scene.reload(near(tail=limit("max-prefixes = 5")))
    scene.near.wait_established("near")
    wait_until(lambda: len(scene.daemon.rib_prefixes()) == 5, "five may be now")
    scene.reload(near(tail=limit("max-prefixes = 4", "restart-timer = 3")))
    wait_until(lambda: scene.daemon.neighbor_state(THEIRS) == "Idle(PfxCt)", "four only again")
    scene.announce(prefixes(1))
    scene.near.wait_established("near", timeout_s=10)
    wait_until(lambda: len(scene.daemon.rib_prefixes()) == 1, "back by itself")


def test_the_operator_enables_a_neighbor_that_was_over_its_limit(scene: Scene) -> None:
    scene.start_birds(prefixes(2))
    scene.start_daemon(near(tail=limit("max-prefixes = 1")))
    wait_until(lambda: scene.daemon.neighbor_state(THEIRS) == "Idle(PfxCt)", "too many")
    scene.announce(prefixes(1))
    scene.daemon.command(f"neighbor {THEIRS} enable")
    scene.near.wait_established("near")
    assert scene.daemon.neighbor_state(THEIRS).startswith("Establ")


def test_timers(scene: Scene) -> None:
    scene.start({}, near("timers.config = { hold-time = 6, connect-retry = 1 }"))
    text = scene.session("near")
    assert re.search(r"Hold timer:\s+\S+/6\n", text), text
    assert re.search(r"Keepalive timer:\s+\S+/2\n", text), text
    scene.reload(near("timers.config = { hold-time = 3, connect-retry = 1 }"))
    text = scene.session("near")
    assert re.search(r"Hold timer:\s+\S+/6\n", text), text
    scene.near.command("restart near")
    scene.near.wait_established("near")
    text = scene.session("near")
    assert re.search(r"Hold timer:\s+\S+/3\n", text), text


def test_admin_down(scene: Scene) -> None:
    scene.start({NET: ""}, near(), far())
    scene.wait_path("64500 64501")
    scene.reload(near("config.admin-down = true"), far())
    wait_until(lambda: scene.daemon.neighbor_state(THEIRS) == "Idle(Admin)", "down")
    wait_until(lambda: scene.told() == {}, "withdrawn")
    assert scene.last_error() == "Received: Administrative shutdown"
    scene.reload(near(), far())
    scene.wait_path("64500 64501")


GROUP = '[[peer-groups]]\n  config.peer-group-name = "g"\n'


def member(address: str, *lines: str) -> str:
    keys = "".join(f"  {line}\n" for line in lines)
    head = f'[[neighbors]]\n  config.neighbor-address = "{address}"\n'
    return f'{head}  config.peer-group = "g"\n  timers.config.connect-retry = 1\n{keys}'


def test_a_changed_group_changes_its_members(scene: Scene) -> None:
    members = (member(THEIRS, f"config.peer-as = {NEAR_AS}"), member(FAR))
    of_far = f"  config.peer-as = {FAR_AS}\n"
    scene.start({NET: PRIVATE_PATH}, GROUP, of_far, *members)
    scene.wait_path("64500 64501 65010")
    scene.reload(GROUP, of_far, '  config.remove-private-as = "all"\n', *members)
    scene.wait_path("64500 64501")
    scene.reload(GROUP, of_far, "  config.local-as = 64499\n", *members)
    scene.wait_path("64499 64501 65010")
    own = (members[0], member(FAR, "config.local-as = 64498"))
    scene.reload(GROUP, of_far, "  config.local-as = 64499\n", *own)
    scene.wait_path("64498 64501 65010")
    assert "Neighbor AS:      64499" in scene.session("near")


def dynamic(prefix: str) -> str:
    return f'[[dynamic-neighbors]]\n  config = {{ prefix = "{prefix}", peer-group = "g" }}\n'


def test_neighbors_by_prefix(scene: Scene) -> None:
    group = GROUP + f"  config.peer-as = {NEAR_AS}\n  timers.config.hold-time = 6\n"
    scene.start_birds({NET: ""}, dials=True)
    scene.start_daemon(group, dynamic(f"{THEIRS}/31"), far())
    scene.near.wait_established("near")
    scene.wait_path("64500 64501")
    assert re.search(r"Hold timer:\s+\S+/6\n", scene.session("near"))
    assert scene.daemon.neighbor_state(THEIRS).startswith("Establ")
    scene.near.command("disable near")
    wait_until(lambda: scene.daemon.neighbor_state(THEIRS) == "", "forgotten")
    wait_until(lambda: scene.told() == {}, "and its route withdrawn")
    scene.near.command("enable near")
    scene.wait_path("64500 64501")
    # The group changes, and its members with it.
    changed = group + "  config.local-as = 64499\n"
    scene.reload(changed, dynamic(f"{THEIRS}/31"), far())
    wait_until(
        lambda: "Neighbor AS:      64499" in scene.session("near"),
        "near meets the new AS",
        timeout_s=20,
    )
    scene.wait_path("64500 64501")
    # Another prefix: near is a stranger.
    scene.reload(changed, dynamic("192.0.2.64/26"), far())
    wait_until(lambda: scene.daemon.neighbor_state(THEIRS) == "", "gone")
    assert "Received: Peer de-configured" in scene.near.log.read_text()
    stays(lambda: scene.daemon.neighbor_state(THEIRS) == "", "stays a stranger", for_s=3.0)
