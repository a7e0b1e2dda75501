"""Two routers that dial each other at once end with one session, the same one at both ends."""

import copy
from collections import Counter

import pytest

from gobgp_trio.bgp.message import NOTIFICATION
from gobgp_trio.bgp.session.negotiate import Endpoints, SessionSettings
from gobgp_trio.bgp.session.outputs import CloseConnection, State
from tests.bgp.session_pair import ADDRESSES, Event, Pair, kind_of, make_settings

LOW, HIGH = bytes((1, 1, 1, 1)), bytes((200, 1, 1, 1))


def sides(left_id: bytes, right_id: bytes) -> tuple[SessionSettings, SessionSettings]:
    return (
        make_settings(65001, 65002, left_id),
        make_settings(65002, 65001, right_id),
    )


def snapshot(pair: Pair) -> str:
    """Everything that decides what can happen next."""
    sessions = [
        (s.state, s._stage, sorted((n, c.state, c.is_outbound) for n, c in s._connections.items()))  # noqa: SLF001 - two equal states are explored once
        for s in pair.sides
    ]
    wires = [(n, w.is_open, [list(q) for q in w.to_side]) for n, w in pair.wires.items()]
    return repr((sessions, wires, sorted(pair.pending)))


def explore(pair: Pair) -> tuple[Counter[int], list[list[Event]]]:
    """Every order in which things can happen, time standing still.

    Returns:
        How often each connection became the session, and the orders that ended in none or two.
    """
    ends: Counter[int] = Counter()
    bad: list[list[Event]] = []
    seen = {snapshot(pair)}
    todo: list[tuple[Pair, list[Event]]] = [(pair, [])]
    while todo:
        here, path = todo.pop()
        events = here.list_events()
        for event in events:
            there = copy.deepcopy(here)
            there.happen(event)
            key = snapshot(there)
            if key not in seen:
                seen.add(key)
                todo.append((there, [*path, event]))
        if not events:
            left, right = here.list_established(0), here.list_established(1)
            has_flapped = any(d.was_established for d in here.list_downs(0) + here.list_downs(1))
            if len(left) == 1 and left == right and not has_flapped:
                ends[left[0]] += 1
            else:
                bad.append(path)
    return ends, bad


@pytest.mark.parametrize(
    ("left_id", "right_id"),
    [(LOW, HIGH), (HIGH, LOW), (LOW, LOW)],
    ids=["right dominant", "left dominant", "by AS number"],
)
def test_both_dial_at_once_in_every_order(left_id: bytes, right_id: bytes) -> None:
    pair = Pair(*sides(left_id, right_id))
    pair.start()
    ends, bad = explore(pair)
    assert bad == []
    assert set(ends) == {1, 2}  # either connection may win, depending on the order


@pytest.mark.parametrize(("left_id", "right_id"), [(LOW, HIGH), (HIGH, LOW)])
def test_one_dials_while_the_other_is_slow_to_accept_in_every_order(
    left_id: bytes, right_id: bytes
) -> None:
    pair = Pair(*sides(left_id, right_id))
    pair.carry_out(0, pair.sides[0].on_start(pair.now_s))
    pair.happen(("connected", 0, 1))
    pair.carry_out(1, pair.sides[1].on_start(pair.now_s))
    _, bad = explore(pair)
    assert bad == []


def collide(left_id: bytes, right_id: bytes) -> Pair:
    """Both connections are in OpenSent at both ends."""
    pair = Pair(*sides(left_id, right_id))
    pair.start()
    for event in list(pair.pending):
        pair.happen(event)
    return pair


@pytest.mark.parametrize(
    ("left_id", "right_id", "winner"), [(LOW, HIGH, 2), (HIGH, LOW, 1), (LOW, LOW, 2)]
)
def test_the_dominant_routers_connection_stays(
    left_id: bytes, right_id: bytes, winner: int
) -> None:
    pair = collide(left_id, right_id)
    assert pair.sides[0].state is State.OPEN_SENT
    pair.settle()
    assert pair.list_established(0) == [winner]
    assert pair.list_established(1) == [winner]
    loser = 3 - winner
    assert CloseConnection(loser) in pair.logs[0] + pair.logs[1]
    farewells = [m for m in pair.list_sent(0) + pair.list_sent(1) if kind_of(m) == NOTIFICATION]
    assert {m[19:21].hex() for m in farewells} == {"0607"}


def test_a_connection_beside_an_established_session_is_closed() -> None:
    pair = Pair(*sides(LOW, HIGH))
    pair.start()
    pair.settle()
    ends = Endpoints(ADDRESSES[0], ADDRESSES[1])
    assert pair.sides[0].on_accepted(9, ends, pair.now_s) == [CloseConnection(9)]
    assert pair.sides[0].state is State.ESTABLISHED


def test_a_second_connection_from_the_peer_replaces_the_first() -> None:
    session = Pair(make_settings(is_passive=True), make_settings()).sides[0]
    session.on_start(0.0)
    ends = Endpoints(ADDRESSES[0], ADDRESSES[1])
    session.on_accepted(1, ends, 1.0)
    assert session.on_accepted(2, ends, 2.0)[0] == CloseConnection(1)
    assert session.on_message(1, 4, b"", 3.0) == []
    assert session.state is State.OPEN_SENT


def test_collision_notice_for_one_connection_keeps_listening_for_the_other() -> None:
    session = Pair(make_settings(), make_settings()).sides[0]
    session.on_start(0.0)
    ends = Endpoints(ADDRESSES[0], ADDRESSES[1])
    session.on_connected(1, ends, 1.0)
    session.on_message(1, NOTIFICATION, bytes((6, 7)), 2.0)
    assert session.state is State.ACTIVE
    assert session.on_accepted(2, ends, 2.0) != [CloseConnection(2)]
