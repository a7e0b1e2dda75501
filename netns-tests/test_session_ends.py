"""How sessions with BIRD begin when both dial, and end in each way, as both sides see it."""

import pytest

from harness.bird import Bird
from harness.gobgpd import Gobgpd
from harness.kernel import list_prefixes
from harness.namespace import Lab
from harness.pair import GLOBAL, OURS, THEIRS, Pair, bird_session, exports, neighbor
from harness.wait import wait_until

LOW_ID, HIGH_ID = "10.0.0.1", "203.0.113.1"  # below and above our router id, 192.0.2.1


def list_connections(pair: Pair) -> list[str]:
    """Established TCP connections of the BGP port."""
    either = "( sport = :179 or dport = :179 )"
    return pair.router.run("ss", "-tnH", "state", "established", either).splitlines()


@pytest.mark.parametrize("router_id", [LOW_ID, HIGH_ID], ids=["we decide", "BIRD decides"])
def test_both_sides_dial(lab: Lab, router_id: str) -> None:
    """BIRD is held still until our connection waits in its backlog and its own dial is due."""
    pair = Pair(lab)
    session = bird_session(dials=True).replace("  direct;", "  debug { events }; direct;")
    pair.bird = Bird(pair.peer, pair.folder, f"router id {router_id};\n{session}")
    pair.bird.pause()
    pair.start_daemon()
    wait_until(lambda: pair.daemon.neighbor_state(THEIRS) == "Sent", "we have dialled")
    pair.bird.resume()
    pair.bird.wait_established("gobgpd")
    pair.daemon.wait_established(THEIRS)
    said = pair.bird.log.read_text()
    assert "Incoming connection from 192.0.2.1" in said
    assert "Connecting to 192.0.2.1 from local address 192.0.2.2" in said
    wait_until(lambda: len(list_connections(pair)) == 1, "one connection is left")
    assert pair.daemon.messages("session down") == []
    pair.daemon.stop()


def test_bird_hears_why_we_stop(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({})
    pair.daemon.stop()
    wait_until(
        lambda: "Received: Administrative shutdown" in pair.bird.log.read_text(),
        "BIRD has our Cease",
    )


def test_we_hear_what_birds_operator_says(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"198.51.100.0/24": ""}, exports())
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed")
    pair.bird.command('disable gobgpd "back at noon"')
    wait_until(lambda: list_prefixes(pair.router) == [], "withdrawn")
    (down,) = pair.daemon.messages("session down")
    assert down["reason"] == ("received notification cease: administrative shutdown: back at noon")
    pair.bird.command("enable gobgpd")
    pair.bird.wait_established("gobgpd")
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed again")


def test_bird_killed_and_started_again(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start({"198.51.100.0/24": ""}, exports())
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed")
    pair.bird.kill()
    wait_until(lambda: list_prefixes(pair.router) == [], "withdrawn when the connection broke")
    pair.bird.start()
    wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed again")


def test_a_machine_that_was_replaced_without_a_word(lab: Lab) -> None:
    """The cable goes to another machine with the same address: it knows nothing of our session."""
    pair = Pair(lab)
    pair.start({})
    pair.daemon.wait_established(THEIRS)
    other = lab.namespace("other")
    pair.peer.ip(f"link set eth0 netns {other.name}")
    other.ip(f"address add {THEIRS}/24 dev eth0")
    assert pair.daemon.messages("session down") == []
    other.ip("link set eth0 up")
    bird = Bird(other, pair.folder, f"router id {THEIRS};\n{bird_session()}", name="other")
    bird.wait_established("gobgpd")
    (down,) = pair.daemon.messages("session down")
    assert down["reason"] == "receiving failed: Connection reset by peer"


def test_wrong_as_is_refused_and_said(lab: Lab) -> None:
    pair = Pair(lab)
    pair.start_bird({}, bird_session(local_as=65099))
    pair.start_daemon()
    wait_until(
        lambda: "wanted AS 65002, found AS 65099" in pair.daemon.log(), "we say what is wrong"
    )
    wait_until(lambda: "Received: Bad peer AS" in pair.bird.log.read_text(), "BIRD hears it")
    assert pair.bird.state("gobgpd") != "Established"


def wait_count(pair: Pair, count: int) -> None:
    wait_until(
        lambda: len(pair.daemon.rib_prefixes()) == count,
        f"{count} routes are in the table",
        timeout_s=30,
    )


def test_short_hold_time_survives_a_large_table_that_comes_and_goes(lab: Lab) -> None:
    """20,000 routes come, go and come again, with a hold time of 3 s."""
    pair = Pair(lab)
    routes = {f"20.{n >> 8}.{n & 255}.0/24": "" for n in range(20_000)}
    pair.start_bird({}, bird_session(hold_time_s=3))
    pair.start_daemon(neighbor(hold_time_s=3))
    pair.bird.wait_established("gobgpd")
    for wanted in (routes, {}, routes):
        pair.announce(wanted)
        wait_count(pair, len(wanted))
    assert pair.daemon.messages("session down") == []
    assert pair.bird.state("gobgpd") == "Established"


def test_two_of_ours_dial_each_other(lab: Lab) -> None:
    pair = Pair(lab)
    theirs = GLOBAL.replace("65001", "65002").replace(OURS, THEIRS)
    other = Gobgpd(pair.peer, pair.folder, theirs + neighbor(OURS, 65001), name="other")
    pair.start_daemon()
    pair.daemon.wait_established(THEIRS)
    other.wait_established(OURS)
    pair.daemon.stop()
    wait_until(lambda: other.neighbor_state(OURS) != "Establ", "the other sees the end")
    pair.daemon.start()
    pair.daemon.wait_established(THEIRS)
    assert pair.daemon.messages("internal error") + other.messages("internal error") == []
    other.stop()
