"""A network of several hosts: our daemon as ``router`` and any number of BIRDs on one bridge.

Host N has 192.0.2.N/24 and 2001:db8::N/64 on its eth0; ``router`` is host 1 and has AS 65001 and
the configuration head of ``harness.pair``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.namespace import Lab
from harness.pair import GLOBAL, bird_session, bird_static


def address(number: int, version: int = 4) -> str:
    return f"192.0.2.{number}" if version == 4 else f"2001:db8::{number}"


@dataclass(frozen=True)
class Told:
    """What a BIRD says of the best route of a prefix, as far as these tests ask; "" for none."""

    next_hop: str
    originator_id: str = ""
    cluster_list: str = ""


class Lan:
    """The hosts with their cables, and what runs on them once started."""

    daemon: Gobgpd

    def __init__(self, lab: Lab, hosts_count: int) -> None:
        self.folder = lab.folder
        self.birds: dict[int, Bird] = {}
        self._sessions: dict[int, str] = {}
        bridge = lab.namespace("bridge")
        bridge.ip("link add br0 type bridge")
        bridge.ip("link set br0 up")
        self.hosts = {}
        for number in range(1, hosts_count + 1):
            host = lab.namespace("router" if number == 1 else f"host{number}")
            lab.connect((host, "eth0"), (bridge, f"port{number}"))
            bridge.ip(f"link set port{number} master br0")
            host.ip(f"address add {address(number)}/24 dev eth0")
            host.ip(f"address add {address(number, 6)}/64 dev eth0")
            self.hosts[number] = host

    def start_bird(
        self, number: int, as_: int, routes: Mapping[str, str], *, version: int = 4
    ) -> Bird:
        """A BIRD that waits for us over this IP version and exchanges routes of it."""
        self._sessions[number] = bird_session(
            local=address(number, version),
            local_as=as_,
            remote=address(1, version),
            families=(version,),
            own_v6=address(number, 6),
        )
        text = self._text(number, routes)
        bird = Bird(self.hosts[number], self.folder, text, name=f"bird{number}")
        self.birds[number] = bird
        return bird

    def announce(self, number: int, routes: Mapping[str, str]) -> None:
        """This BIRD announces these from now on, and no others."""
        self.birds[number].configure(self._text(number, routes))

    def start_daemon(self, *blocks: str) -> None:
        """Our daemon, and all sessions established."""
        self.daemon = Gobgpd(self.hosts[1], self.folder, GLOBAL + "".join(blocks))
        self.wait_established()

    def reload(self, *blocks: str) -> None:
        """Another configuration, taken in by SIGHUP."""
        self.daemon.reload(GLOBAL + "".join(blocks))

    def wait_established(self) -> None:
        for bird in self.birds.values():
            bird.wait_established("gobgpd")

    def told(self, number: int, prefix: str) -> Told | None:
        """What our daemon told this BIRD of a prefix, None when it has no such route."""
        text = self.birds[number].route(prefix)
        if not text:
            return None

        def find(name: str) -> str:
            found = re.search(rf"BGP\.{name}: (.*)", text)
            return found[1].strip() if found else ""

        return Told(find("next_hop"), find("originator_id"), find("cluster_list"))

    def _text(self, number: int, routes: Mapping[str, str]) -> str:
        return f"router id {address(number)};\n{self._sessions[number]}{bird_static(routes)}"


def lan_neighbor(number: int, peer_as: int, *keys: str, version: int = 4) -> str:
    """A ``[[neighbors]]`` block for a host; more keys of it as TOML lines."""
    more = "".join(f"  {key}\n" for key in keys)
    return (
        f'\n[[neighbors]]\n  config = {{ neighbor-address = "{address(number, version)}",'
        f" peer-as = {peer_as} }}\n"
        "  timers.config = { hold-time = 9, connect-retry = 1, idle-hold-time-after-reset = 1 }\n"
        f"{more}"
    )
