"""The usual scene: our daemon and one BIRD on either end of a cable, and their configurations.

``router`` is ours, 192.0.2.1/24 and 2001:db8::1/64 on eth0, AS 65001; ``peer`` has .2 and ::2, AS
65002.  BIRD waits for us to dial unless told otherwise, which makes sessions come up at once.
"""

import json
from collections.abc import Mapping

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.namespace import Lab

OURS, THEIRS = "192.0.2.1", "192.0.2.2"
OURS_V6, THEIRS_V6 = "2001:db8::1", "2001:db8::2"
OUR_AS, THEIR_AS = 65001, 65002
Value = str | int | bool | list[str]

GLOBAL = f"""
[global.config]
  as = {OUR_AS}
  router-id = "{OURS}"
"""


def neighbor(
    address: str = THEIRS,
    peer_as: int = THEIR_AS,
    *,
    passive: bool = False,
    families: tuple[int, ...] = (4, 6),
    hold_time_s: int = 9,
) -> str:
    """A ``[[neighbors]]`` block that dials every second until it is answered."""
    listed = "".join(
        f'  [[neighbors.afi-safis]]\n    config.afi-safi-name = "ipv{version}-unicast"\n'
        for version in families
    )
    return f"""
[[neighbors]]
  config = {{ neighbor-address = "{address}", peer-as = {peer_as} }}
  timers.config = {{ hold-time = {hold_time_s}, connect-retry = 1 }}
  transport.config.passive-mode = {str(passive).lower()}
{listed}"""


def imports(*interfaces: str) -> str:
    """A ``[netlink.import]`` block."""
    return _table("[netlink.import]", {"enabled": True, "interface_list": list(interfaces)})


def exports(*rules: str, dampening_interval: int = 0, **keys: Value) -> str:
    """A ``[netlink.export]`` block that writes at once; without a rule, one for every route."""
    head = {"enabled": True, "dampening_interval": dampening_interval, **keys}
    return _table("[netlink.export]", head) + "".join(rules or (rule(),))


def rule(name: str = "all", **keys: Value) -> str:
    """One export rule; ``table_id = 100`` becomes ``table-id = 100``."""
    return _table("[[netlink.export.rules]]", {"name": name, **keys})


def _table(head: str, keys: Mapping[str, Value]) -> str:
    lines = [f"  {key.replace('_', '-')} = {json.dumps(value)}\n" for key, value in keys.items()]
    return f"\n{head}\n{''.join(lines)}"


def bird_session(
    name: str = "gobgpd",
    *,
    local: str = THEIRS,
    local_as: int = THEIR_AS,
    remote: str = OURS,
    remote_as: int = OUR_AS,
    dials: bool = False,
    families: tuple[int, ...] = (4, 6),
    own_v6: str = THEIRS_V6,
    hold_time_s: int = 9,
) -> str:
    """A BGP protocol of BIRD that sends and takes everything and sets next hops only if unset."""
    gateway = "recursive" if local_as == remote_as else "direct"  # iBGP keeps far next hops
    channels = "".join(
        f"  ipv{version} {{ import all; export where source = RTS_STATIC; gateway {gateway};"
        f" next hop keep;{f' next hop address {own_v6};' if version == 6 else ''} }};\n"
        for version in families
    )
    return (
        f"protocol bgp {name} {{\n  local {local} as {local_as};\n"
        f"  neighbor {remote} as {remote_as};\n  direct;{'' if dials else ' passive;'}\n"
        f"  hold time {hold_time_s}; connect retry time 1; connect delay time 1;"
        f" error wait time 1,2;\n{channels}}}\n"
    )


def bird_static(routes: Mapping[str, str]) -> str:
    """Static routes to be announced: prefix -> BIRD statements that set its attributes."""
    text = ""
    for version in (4, 6):
        lines = [
            f"  route {prefix} blackhole {{ {attributes} }};\n"
            for prefix, attributes in routes.items()
            if (":" in prefix) == (version == 6)
        ]
        text += f"protocol static static{version} {{\n  ipv{version};\n{''.join(lines)}}}\n"
    return text


class Pair:
    """The two namespaces with their cable, and what runs in them once started."""

    bird: Bird
    daemon: Gobgpd

    def __init__(self, lab: Lab) -> None:
        self.folder = lab.folder
        self.router, self.peer = lab.namespace("router"), lab.namespace("peer")
        lab.connect(
            (self.router, "eth0"),
            (self.peer, "eth0"),
            [(f"{OURS}/24", f"{THEIRS}/24"), (f"{OURS_V6}/64", f"{THEIRS_V6}/64")],
        )
        self._session = ""

    def start_bird(
        self, routes: Mapping[str, str] | None = None, session: str | None = None
    ) -> None:
        """BIRD with these static routes; by default both families over one IPv4 session."""
        self._session = bird_session() if session is None else session
        self.bird = Bird(self.peer, self.folder, self._text(routes or {}))

    def start_daemon(self, *blocks: str) -> None:
        """Our daemon with the usual neighbor (unless a block brings one) and these blocks."""
        self.daemon = Gobgpd(self.router, self.folder, self.toml(*blocks))

    def start(self, routes: Mapping[str, str], *blocks: str) -> None:
        """Both, and the session established."""
        self.start_bird(routes)
        self.start_daemon(*blocks)
        self.bird.wait_established("gobgpd")

    def toml(self, *blocks: str) -> str:
        has_neighbor = any("[[neighbors]]" in block for block in blocks)
        return GLOBAL + ("" if has_neighbor else neighbor()) + "".join(blocks)

    def reload(self, *blocks: str) -> None:
        """Another configuration, taken in by SIGHUP."""
        self.daemon.reload(self.toml(*blocks))

    def announce(self, routes: Mapping[str, str]) -> None:
        """BIRD announces these from now on, and no others."""
        self.bird.configure(self._text(routes))

    def _text(self, routes: Mapping[str, str]) -> str:
        return f"router id {THEIRS};\n{self._session}{bird_static(routes)}"
