"""Two routers run gobgpd, learn each other's networks and forward packets between their hosts.

    h1 --lan0-- r1 --link0-- r2 --lan0-- h2

``scripts/demo`` calls this in namespaces of its own.  Rules: routes and paths are written by gobgpd
alone; here only cables and addresses are made.  The hosts have no routes either: they believe that
all of 10.10.0.0/16 is on their cable, and their router answers ARP for whatever its kernel has a
route to.  So whether a packet passes depends on nothing but the two routers' kernel routes.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.gobgpd import Gobgpd
from harness.kernel import list_prefixes
from harness.namespace import Lab, Namespace
from harness.traffic import passes
from harness.wait import wait_until

FOLDER = Path("/run/demo")  # private and in memory, see scripts/netns-run
SHOWN_LOG_LINES = 20
NOTHING_PROBES = 3
CONFIGURATION = """\
[global.config]
  as = {own_as}
  router-id = "192.0.2.{own}"

[[neighbors]]
  [neighbors.config]
    neighbor-address = "192.0.2.{peer}"
    peer-as = {peer_as}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"

[[neighbors]]
  [neighbors.config]
    neighbor-address = "2001:db8::{peer}"
    peer-as = {peer_as}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"

[netlink.import]
  enabled = true
  interface-list = ["lan*"]

[netlink.export]
  enabled = true

  [[netlink.export.rules]]
    name = "all-of-bgp"
    metric = 20
"""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class StepFailed(Exception):
    """A step did not do what it should; the text says which and what was seen."""


class Demo:
    """The routers, their hosts, and what is expected of them step by step."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.h1, self.r1, self.r2, self.h2 = (lab.namespace(n) for n in ("h1", "r1", "r2", "h2"))
        self.daemons: dict[str, Gobgpd] = {}
        self._steps_done = 0

    def build(self) -> None:
        """Cables and addresses; the routers forward, and answer ARP for what they can reach."""
        links = [("192.0.2.1/30", "192.0.2.2/30"), ("2001:db8::1/64", "2001:db8::2/64")]
        self.lab.connect((self.r1, "link0"), (self.r2, "link0"), links)
        for number, router, host in ((1, self.r1, self.h1), (2, self.r2, self.h2)):
            lan = [(f"10.10.{number}.1/24", f"10.10.{number}.10/16")]
            self.lab.connect((router, "lan0"), (host, "eth0"), lan)
            router.ip(f"address add 2001:db8:{number}::1/64 dev lan0")
            router.set_sysctl("net.ipv4.ip_forward", 1)
            router.set_sysctl("net.ipv4.conf.lan0.proxy_arp", 1)
            router.set_sysctl("net.ipv4.neigh.lan0.proxy_delay", 0)

    def step(self, what: str, look: Callable[[], object], timeout_s: float = 20.0) -> None:
        """Wait until it is so and say so.

        Raises:
            StepFailed: it did not come to be in time.
        """
        self._steps_done += 1
        line = f"step {self._steps_done}: {what} "
        try:
            wait_until(look, what, timeout_s=timeout_s, poll_s=0.1)
        except (AssertionError, OSError) as error:
            say(f"{line:.<76} FAILED")
            raise StepFailed(str(error)) from error
        say(f"{line:.<76} ok")

    def hosts_reach_their_routers(self) -> bool:
        """That the probe itself works, so that a missing answer means something later."""
        return all(
            passes((host, f"10.10.{number}.10"), (router, f"10.10.{number}.1"))
            for number, host, router in ((1, self.h1, self.r1), (2, self.h2, self.r2))
        )

    def ipv4_passes(self) -> bool:
        """A host's packet is forwarded by both routers, and the answer too."""
        return passes((self.h1, "10.10.1.10"), (self.h2, "10.10.2.10"))

    def ipv6_passes(self) -> bool:
        return passes((self.r1, "2001:db8:1::1"), (self.r2, "2001:db8:2::1"))

    def nothing_passes(self) -> bool:
        """One lost packet is no proof."""
        return not any(self.ipv4_passes() or self.ipv6_passes() for _ in range(NOTHING_PROBES))

    def start(self, router: Namespace) -> bool:
        own = 1 if router is self.r1 else 2
        peer = 3 - own
        text = CONFIGURATION.format(own=own, peer=peer, own_as=65000 + own, peer_as=65000 + peer)
        self.daemons[router.label] = Gobgpd(router, FOLDER, text, name=router.label)
        return True

    def stop(self, label: str) -> bool:
        self.daemons[label].stop()
        return True

    def established(self) -> bool:
        states = [
            self.daemons[label].neighbor_state(f"{link}{peer}")
            for label, peer in (("r1", 2), ("r2", 1))
            for link in ("192.0.2.", "2001:db8::")
        ]
        assert all(state.startswith("Establ") for state in states), states
        return True

    def routes_are(self, router: Namespace, expected: list[str]) -> bool:
        seen = [*list_prefixes(router), *list_prefixes(router, version=6)]
        assert seen == expected, f"{router.label} has {seen}"
        return True

    def show(self, router: Namespace) -> None:
        """What an operator would look at."""
        commands = (
            ["gobgp", "neighbor"],
            ["gobgp", "global", "rib"],
            ["gobgp", "global", "rib", "-a", "ipv6"],
            ["gobgp", "netlink"],
            ["gobgp", "netlink", "import"],
            ["gobgp", "netlink", "export"],
            ["ip", "-N", "-4", "route", "show", "proto", "186"],
            ["ip", "-N", "-6", "route", "show", "proto", "186"],
        )
        for words in commands:
            say(f"\n{router.label}$ {' '.join(words)}")
            if words[0] == "gobgp":
                say(self.daemons[router.label].command(" ".join(words[1:])).rstrip())
            else:
                say(router.run(*words).rstrip())

    def run(self) -> None:
        self.build()
        say("h1 --lan0-- r1 --link0-- r2 --lan0-- h2     (h1 10.10.1.10, h2 10.10.2.10)\n")
        self.step("each host reaches its own router", self.hosts_reach_their_routers)
        self.step("before BGP no packet passes from LAN to LAN", self.nothing_passes)
        self.step("gobgpd starts on r1", partial(self.start, self.r1))
        self.step("without a session still nothing passes", self.nothing_passes)
        self.step("gobgpd starts on r2", partial(self.start, self.r2))
        self.step("the sessions are established", self.established, timeout_s=60.0)
        far = {self.r1: ["10.10.2.0/24", "2001:db8:2::/64"]}
        far[self.r2] = ["10.10.1.0/24", "2001:db8:1::/64"]
        for router, prefixes in far.items():
            what = f"the other LAN's networks are in {router.label}'s kernel"
            self.step(what, partial(self.routes_are, router, prefixes))
        for router in far:
            self.show(router)
        say("")
        self.step("packets pass from h1 through r1 and r2 to h2 and back", self.ipv4_passes)
        self.step("and over IPv6 from LAN to LAN", self.ipv6_passes)
        say(
            "\nr2$ ip address del 10.10.2.1/24 dev lan0; ip address del 2001:db8:2::1/64 dev lan0\n"
        )
        self.r2.ip("address del 10.10.2.1/24 dev lan0")
        self.r2.ip("address del 2001:db8:2::1/64 dev lan0")
        self.step("r1's kernel has lost both routes", partial(self.routes_are, self.r1, []))
        self.step("no packet passes any more", self.nothing_passes)
        for label in self.daemons:
            self.step(f"gobgpd on {label} ends cleanly", partial(self.stop, label))


def main() -> int:
    FOLDER.mkdir()
    with Lab(FOLDER) as lab:
        demo = Demo(lab)
        try:
            demo.run()
        except (StepFailed, AssertionError, OSError) as error:
            say(f"\nFAILED: {error}")
            for label, daemon in demo.daemons.items():
                lines = daemon.log().splitlines()[-SHOWN_LOG_LINES:]
                say("\n".join([f"\nlast lines of {label}'s log:", *lines, daemon.stderr()]))
            return 1
    say("\ndemo: every step did what it should; nothing is left behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
