"""The session state machine: how sessions come up, run, and end, in every way the RFC names."""

from collections.abc import Sequence
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.bgp.capability import Capabilities
from gobgp_trio.bgp.message import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    Open,
    read_open,
    write_open,
)
from gobgp_trio.bgp.session.machine import Session
from gobgp_trio.bgp.session.negotiate import Endpoints
from gobgp_trio.bgp.session.outputs import (
    AbortConnect,
    CloseConnection,
    Connect,
    Down,
    DownCause,
    Established,
    Output,
    Refresh,
    Send,
    State,
)
from gobgp_trio.bgp.wire import PeerFault
from gobgp_trio.types.family import Family
from tests.bgp.session_pair import ADDRESSES, V4, V6, Pair, make_settings

ENDS = Endpoints(ADDRESSES[0], ADDRESSES[1])
THEIR_ID = bytes((9, 9, 9, 9))
LEFT = make_settings(65001, 65002, bytes((1, 1, 1, 1)))
RIGHT = make_settings(65002, 65001, THEIR_ID, is_passive=True)


def their_open(
    as_: int = 65002,
    hold_time_s: int = 90,
    router_id: bytes = THEIR_ID,
    families: tuple[Family, ...] = (V4, V6),
) -> bytes:
    """The body of an OPEN from the peer."""
    as_field = min(as_, 23456) if as_ > 65535 else as_
    capabilities = Capabilities(families=families, four_octet_as=as_, route_refresh=True)
    return write_open(Open(4, as_field, hold_time_s, router_id, capabilities))[19:]


def open_sent(**changes: Any) -> Session:
    """A session in OpenSent on connection 1, opened by us at 0 s."""
    session = Session(make_settings(**changes))
    session.on_start(0.0)
    session.on_connected(1, ENDS, 0.0)
    return session


def established(**changes: Any) -> Session:
    """A session established at 0 s on connection 1."""
    session = open_sent(**changes)
    session.on_message(1, OPEN, their_open(), 0.0)
    session.on_message(1, KEEPALIVE, b"", 0.0)
    assert session.state is State.ESTABLISHED
    return session


def sent(outputs: Sequence[Output]) -> list[str]:
    """Type, code and subcode of what was sent, in hex."""
    return [o.octets[18:21].hex() for o in outputs if isinstance(o, Send)]


def the_down(outputs: Sequence[Output]) -> Down:
    (down,) = [o for o in outputs if isinstance(o, Down)]
    return down


# --- up ----------------------------------------------------------------------


def test_active_and_passive_side_come_up() -> None:
    pair = Pair(LEFT, RIGHT)
    pair.start()
    assert [s.state for s in pair.sides] == [State.CONNECT, State.ACTIVE]
    pair.settle()
    assert [s.state for s in pair.sides] == [State.ESTABLISHED, State.ESTABLISHED]
    assert pair.list_established(0) == pair.list_established(1) == [1]
    assert sent(pair.logs[0]) == ["0104fd", "04"]


def test_what_was_negotiated() -> None:
    negotiated = established(families=(V6, V4), hold_time_s=240, keepalive_s=60.0).negotiated
    assert negotiated is not None
    assert negotiated.families == (V6, V4)
    assert negotiated.hold_time_s == 90
    assert negotiated.keepalive_s == 22.5  # 60 of 240 is a quarter
    assert negotiated.peer_router_id == THEIR_ID
    assert negotiated.local_router_id == bytes((1, 1, 1, 1))
    assert (negotiated.local_as, negotiated.peer_as) == (65001, 65002)
    assert negotiated.is_ebgp
    assert negotiated.is_outbound
    assert negotiated.route_refresh
    assert (negotiated.local_address, negotiated.peer_address) == ADDRESSES
    assert negotiated.context.four_octet_as
    assert negotiated.context.max_message_octets == 4096
    assert negotiated.context.families == {V4, V6}


def test_our_open_announces_what_is_configured() -> None:
    session = Session(make_settings(local_as=4200000001, families=(V6,), hold_time_s=30))
    session.on_start(0.0)
    (send,) = session.on_connected(1, ENDS, 0.0)
    assert isinstance(send, Send)
    message = read_open(send.octets[19:])
    assert (message.as_, message.real_as) == (23456, 4200000001)
    assert message.hold_time_s == 30
    assert message.router_id == bytes((1, 1, 1, 1))
    assert message.capabilities.families == (V6,)
    assert message.capabilities.route_refresh


def test_peer_without_capabilities_speaks_ipv4_and_two_octet_as() -> None:
    session = open_sent()
    old = write_open(Open(4, 65002, 90, THEIR_ID, Capabilities()))[19:]
    session.on_message(1, OPEN, old, 0.0)
    session.on_message(1, KEEPALIVE, b"", 0.0)
    assert session.negotiated is not None
    assert session.negotiated.families == (V4,)
    assert not session.negotiated.context.four_octet_as
    assert not session.negotiated.route_refresh


# --- refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (their_open(as_=65003), "030202"),
        (their_open(as_=4200000000), "030202"),
        (their_open(hold_time_s=2), "030206"),
        (their_open(router_id=bytes(4)), "030203"),
        (their_open(families=(Family.IPV4_VPN,)), "030207"),
        (b"\x03" + their_open()[1:], "030201"),
        (b"", "030200"),
    ],
    ids=["AS", "4-octet AS", "hold time", "router id", "families", "version", "empty"],
)
def test_open_refused(body: bytes, wanted: str) -> None:
    session = open_sent()
    outputs = session.on_message(1, OPEN, body, 5.0)
    assert sent(outputs) == [wanted]
    assert CloseConnection(1) in outputs
    assert not the_down(outputs).was_established
    assert session.state is State.IDLE
    assert session.next_deadline_s() == 6.0


def test_unsupported_capability_names_what_we_offer() -> None:
    (send, *_) = open_sent(families=(V4,)).on_message(1, OPEN, their_open(families=(V6,)), 0.0)
    assert isinstance(send, Send)
    assert send.octets[21:].hex() == "010400010001"


def test_our_own_router_id_is_refused_inside_the_as_and_fine_outside() -> None:
    ours = bytes((1, 1, 1, 1))
    inside = open_sent(peer_as=65001)
    assert sent(inside.on_message(1, OPEN, their_open(as_=65001, router_id=ours), 0.0)) == [
        "030203"
    ]
    outside = open_sent()
    assert sent(outside.on_message(1, OPEN, their_open(router_id=ours), 0.0)) == ["04"]


def test_bad_peer_as_says_what_was_wanted_and_found() -> None:
    reason = the_down(open_sent().on_message(1, OPEN, their_open(as_=65003), 0.0)).reason
    assert reason.cause is DownCause.BAD_PEER_AS
    assert "wanted AS 65002, found AS 65003" in reason.text


@pytest.mark.parametrize("kind", [OPEN, UPDATE, KEEPALIVE, ROUTE_REFRESH])
@pytest.mark.parametrize(
    ("state", "right", "subcode"),
    [
        (State.OPEN_SENT, {OPEN}, "01"),
        (State.OPEN_CONFIRM, {KEEPALIVE}, "02"),
        (State.ESTABLISHED, {UPDATE, KEEPALIVE, ROUTE_REFRESH}, "03"),
    ],
)
def test_message_in_the_wrong_state(state: State, right: set[int], subcode: str, kind: int) -> None:
    session = open_sent()
    if state >= State.OPEN_CONFIRM:
        session.on_message(1, OPEN, their_open(), 0.0)
    if state is State.ESTABLISHED:
        session.on_message(1, KEEPALIVE, b"", 0.0)
    body = their_open() if kind == OPEN else bytes((0, 1, 0, 1)) if kind == ROUTE_REFRESH else b""
    outputs = session.on_message(1, kind, body, 1.0)
    if kind in right:
        assert session.state >= state
    else:
        assert sent(outputs) == ["0305" + subcode]
        assert session.state is State.IDLE


# --- timers ------------------------------------------------------------------


def test_quiet_sessions_live_on_keepalives() -> None:
    pair = Pair(LEFT, RIGHT)
    pair.start()
    pair.advance(3600.0)
    assert [s.state for s in pair.sides] == [State.ESTABLISHED, State.ESTABLISHED]
    assert sent(pair.logs[0])[1:] == ["04"] * 121  # one to confirm, then every 30 s
    assert pair.list_downs(0) + pair.list_downs(1) == []


def test_keepalives_keep_their_pace_when_called_late() -> None:
    session = established()
    assert sent(session.on_time(30.4)) == ["04"]
    assert session.next_deadline_s() == 60.0
    assert sent(session.on_time(200.0))[-1] == "030400"


@pytest.mark.parametrize(
    ("hold_time_s", "jitter", "wanted_s"), [(90, 0.75, 22.5), (3, 1.0, 1.0), (3, 0.75, 1.0)]
)
def test_keepalive_interval(hold_time_s: int, jitter: float, wanted_s: float) -> None:
    session = Session(LEFT, jitter=jitter)
    session.on_start(0.0)
    session.on_connected(1, ENDS, 0.0)
    session.on_message(1, OPEN, their_open(hold_time_s=hold_time_s), 10.0)
    assert session.next_deadline_s() == 10.0 + wanted_s


def test_silent_peer_is_dead_after_the_hold_time() -> None:
    session = established(keepalive_s=30.0)
    session.on_message(1, UPDATE, b"", 10.0)
    assert sent(session.on_time(99.0)) == ["04"]
    outputs = session.on_time(100.0)
    assert sent(outputs) == ["030400"]
    down = the_down(outputs)
    assert down.was_established
    assert down.reason.cause is DownCause.HOLD_TIMER_EXPIRED
    assert session.state is State.IDLE


def test_hold_timer_waits_for_octets_that_are_there() -> None:
    session = established()
    assert session.list_hold_due(89.9) == []
    assert session.list_hold_due(90.0) == [1]
    session.on_octets_waiting(1, 90.0)
    assert session.list_hold_due(90.0) == []
    assert sent(session.on_time(90.0)) == ["04"]
    session.on_message(1, KEEPALIVE, b"", 90.5)
    assert session.list_hold_due(180.4) == []
    session.on_octets_waiting(1, 180.5)
    assert sent(session.on_time(181.5)) == ["030400"]


def test_waiting_octets_never_shorten_the_hold_timer() -> None:
    session = established()
    session.on_octets_waiting(1, 5.0)
    assert session.list_hold_due(89.9) == []


def test_hold_time_zero_means_no_timers() -> None:
    session = open_sent()
    session.on_message(1, OPEN, their_open(hold_time_s=0), 0.0)
    session.on_message(1, KEEPALIVE, b"", 0.0)
    assert session.next_deadline_s() == inf
    assert session.on_time(1e6) == []
    assert session.state is State.ESTABLISHED


def test_open_that_never_comes_ends_after_four_minutes() -> None:
    session = open_sent()
    assert session.next_deadline_s() == 240.0
    assert sent(session.on_time(240.0)) == ["030400"]


def test_peer_that_takes_nothing_is_dead_after_eight_minutes() -> None:
    session = established()
    for at_s in range(10, 480, 10):
        session.on_message(1, KEEPALIVE, b"", float(at_s))
        assert Down not in map(type, session.on_time(float(at_s)))
    outputs = session.on_time(480.0)
    assert sent(outputs) == ["030800"]
    assert the_down(outputs).reason.cause is DownCause.WRITE_FAILED
    session = established()
    session.on_sent(1, 300.0)
    session.on_message(1, KEEPALIVE, b"", 479.0)
    assert sent(session.on_time(480.0)) == ["04"]


# --- dialling ----------------------------------------------------------------


def list_dials(pair: Pair, seconds: int) -> list[float]:
    """When the left side dials."""
    dials: list[float] = []
    start_s = pair.now_s
    for _ in range(seconds):
        before = len(pair.wires)
        pair.advance(1.0)
        dials += [pair.now_s - start_s] * (len(pair.wires) - before)
    return dials


def test_refused_dials_back_off_to_connect_retry() -> None:
    pair = Pair(make_settings(connect_retry_s=10.0), RIGHT)
    pair.is_reachable = False
    pair.start()
    pair.settle()
    assert list_dials(pair, 50) == [2.0, 6.0, 14.0, 24.0, 34.0, 44.0]
    pair.is_reachable = True
    pair.advance(10.0)
    assert pair.sides[0].state is State.ESTABLISHED


def test_unanswered_dial_is_tried_again() -> None:
    session = Session(make_settings())
    session.on_start(0.0)
    assert session.next_deadline_s() == 15.0
    outputs = session.on_time(15.0)
    assert outputs == [AbortConnect(is_unanswered=True), Connect()]
    assert session.state is State.CONNECT


def test_late_success_of_a_dial_is_closed() -> None:
    session = Session(make_settings())
    session.on_start(0.0)
    session.on_stop()
    assert session.on_connected(1, ENDS, 1.0) == [CloseConnection(1)]
    assert session.state is State.IDLE


def test_connection_closed_before_the_session_keeps_listening() -> None:
    session = open_sent()
    outputs = session.on_closed(1, 1.0, "end of stream")
    assert not the_down(outputs).was_established
    assert session.state is State.ACTIVE
    assert session.next_deadline_s() == 3.0
    assert sent(session.on_accepted(2, ENDS, 2.0)) == ["0104fd"]


def test_passive_side_never_dials() -> None:
    pair = Pair(make_settings(is_passive=True), RIGHT)
    pair.start()
    pair.advance(1000.0)
    assert pair.logs == ([], [])


def test_idle_side_accepts_nothing() -> None:
    session = Session(make_settings())
    assert session.on_accepted(1, ENDS, 0.0) == [CloseConnection(1)]


# --- ends --------------------------------------------------------------------


def test_flapping_session_rests_longer_each_time() -> None:
    pair = Pair(LEFT, RIGHT)
    pair.start()
    rests: list[float] = []
    for _ in range(8):
        pair.settle()
        assert pair.sides[0].state is State.ESTABLISHED
        number = pair.list_established(0)[-1]
        pair.carry_out(0, pair.sides[0].on_closed(number, pair.now_s, "reset"))
        pair.carry_out(1, pair.sides[1].on_closed(number, pair.now_s, "reset"))
        rests.append(pair.sides[0].next_deadline_s() - pair.now_s)
        pair.advance(rests[-1])
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    pair.advance(61.0)
    number = pair.list_established(0)[-1]
    pair.carry_out(0, pair.sides[0].on_closed(number, pair.now_s, "reset"))
    assert pair.sides[0].next_deadline_s() - pair.now_s == 1.0


def test_resets_by_the_peers_operator_are_no_flaps() -> None:
    pair = Pair(LEFT, RIGHT)
    pair.start()
    rests: list[float] = []
    for _ in range(5):
        pair.settle()
        assert pair.sides[0].state is State.ESTABLISHED
        pair.carry_out(1, pair.sides[1].on_reset(pair.now_s, "again"))
        pair.settle()
        rests.append(pair.sides[0].next_deadline_s() - pair.now_s)
        pair.advance(40.0)
    assert rests == [1.0, 1.0, 1.0, 1.0, 1.0]
    number = pair.list_established(0)[-1]
    pair.carry_out(0, pair.sides[0].on_closed(number, pair.now_s, "reset"))
    assert pair.sides[0].next_deadline_s() - pair.now_s == 1.0  # the first that counts


def test_stop_tells_the_peer_why() -> None:
    pair = Pair(LEFT, RIGHT)
    pair.start()
    pair.settle()
    pair.carry_out(0, pair.sides[0].on_stop(2, "moving house"))
    pair.settle()
    ours, theirs = the_down(list(pair.logs[0])), the_down(list(pair.logs[1]))
    assert ours.was_established
    assert ours.reason.cause is DownCause.ADMIN_DOWN
    assert theirs.was_established
    assert theirs.reason.cause is DownCause.NOTIFICATION_RECEIVED
    assert (theirs.reason.code, theirs.reason.subcode) == (6, 2)
    assert "moving house" in theirs.reason.text
    assert pair.sides[0].state is State.IDLE
    assert pair.sides[0].next_deadline_s() == inf


def test_stop_and_start_again() -> None:
    pair = Pair(LEFT, RIGHT)
    pair.start()
    pair.settle()
    pair.carry_out(0, pair.sides[0].on_stop())
    assert pair.sides[0].on_stop() == []
    pair.advance(100.0)
    pair.carry_out(0, pair.sides[0].on_start(pair.now_s))
    pair.settle()
    assert [s.state for s in pair.sides] == [State.ESTABLISHED, State.ESTABLISHED]


def test_start_twice_is_once() -> None:
    session = Session(make_settings())
    assert session.on_start(0.0) == [Connect()]
    assert session.on_start(1.0) == []


def test_deconfigured_peer() -> None:
    outputs = established().on_stop(3, "not for this code")
    assert sent(outputs) == ["030603"]
    assert outputs[0] == Send(1, bytes.fromhex("ff" * 16 + "0015" + "030603"))
    assert the_down(outputs).reason.cause is DownCause.DECONFIGURED


def test_reset_rests_as_configured() -> None:
    session = established(idle_hold_after_reset_s=7.0)
    outputs = session.on_reset(10.0, "again")
    assert sent(outputs) == ["030604"]
    assert session.state is State.IDLE
    assert session.next_deadline_s() == 17.0
    assert session.on_time(17.0) == [Connect()]


def test_stop_while_dialling_gives_the_dial_up() -> None:
    session = Session(make_settings())
    session.on_start(0.0)
    assert session.on_stop()[0] == AbortConnect(is_unanswered=False)


def test_fault_of_the_shells_decoder_ends_the_session() -> None:
    session = established()
    outputs = session.on_fault(1, PeerFault(3, 1, b"\x07", "bad list"), 5.0)
    assert outputs[0] == Send(1, bytes.fromhex("ff" * 16 + "0016" + "03030107"))
    assert the_down(outputs).reason.cause is DownCause.NOTIFICATION_SENT
    assert session.on_fault(1, PeerFault(3, 1), 5.0) == []


def test_refresh() -> None:
    session = established(families=(V4,))
    assert session.on_message(1, ROUTE_REFRESH, bytes((0, 1, 0, 1)), 1.0) == [Refresh(V4)]
    assert session.on_message(1, ROUTE_REFRESH, bytes((0, 2, 0, 1)), 1.0) == []
    assert session.on_message(1, ROUTE_REFRESH, bytes((0, 1, 1, 1)), 1.0) == []
    assert sent(session.on_message(1, ROUTE_REFRESH, b"\0", 1.0)) == ["030701"]


# --- whatever comes ----------------------------------------------------------

_BODIES = st.one_of(
    st.just(their_open()),
    st.builds(their_open, hold_time_s=st.integers(0, 10)),
    st.just(b""),
    st.just(bytes((6, 7))),
    st.just(bytes((0, 1, 0, 1))),
    st.binary(max_size=40),
)
_NUMBERS = st.integers(1, 4)
_INPUTS = st.one_of(
    st.tuples(st.just("message"), _NUMBERS, st.integers(0, 6), _BODIES),
    st.tuples(st.sampled_from(["connected", "accepted", "closed", "fault", "sent"]), _NUMBERS),
    st.tuples(st.sampled_from(["start", "stop", "reset", "failed"])),
    st.tuples(st.just("time"), st.floats(0.0, 400.0)),
)


@given(st.lists(_INPUTS, max_size=60), st.booleans())
def test_any_sequence_of_inputs_leaves_a_sane_session(
    inputs: list[tuple[Any, ...]], is_passive: bool
) -> None:
    session = Session(make_settings(is_passive=is_passive), jitter=0.8)
    now_s = 50.0
    living: set[int] = set()
    for kind, *arguments in inputs:
        outputs: list[Output] = []
        match kind, arguments:
            case "message", [number, type_, body]:
                outputs += session.on_message(number, type_, body, now_s)
            case "connected", [number] if number not in living:
                living.add(number)
                outputs += session.on_connected(number, ENDS, now_s)
            case "accepted", [number] if number not in living:
                living.add(number)
                outputs += session.on_accepted(number, ENDS, now_s)
            case "closed", [number]:
                outputs += session.on_closed(number, now_s, "gone")
                assert number not in living or CloseConnection(number) in outputs
            case "fault", [number]:
                outputs += session.on_fault(number, PeerFault(1, 1), now_s)
            case "sent", [number]:
                session.on_sent(number, now_s)
            case "start", []:
                outputs += session.on_start(now_s)
            case "stop", []:
                outputs += session.on_stop()
            case "reset", []:
                outputs += session.on_reset(now_s)
            case "failed", []:
                outputs += session.on_connect_failed(now_s)
            case "time", [passed_s]:
                now_s += passed_s
                outputs += session.on_time(now_s)
        outputs += session.on_time(now_s)
        for output in outputs:
            if isinstance(output, Send):
                assert output.connection in living
            if isinstance(output, CloseConnection):
                living.remove(output.connection)
        _check_sane(session, now_s)


def _check_sane(session: Session, now_s: float) -> None:
    """Deadlines lie ahead, and a session that is up never waits for nothing."""
    assert session.next_deadline_s() > now_s
    assert (session.negotiated is not None) == (session.state is State.ESTABLISHED)
    if not session.is_started:
        assert session.state is State.IDLE
        assert session.next_deadline_s() == inf
    elif session.state is not State.ESTABLISHED and not session.settings.is_passive:
        assert session.next_deadline_s() <= now_s + 240.0


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 5]), _BODIES), max_size=5))
def test_first_message_other_than_open_never_establishes(
    messages: list[tuple[int, bytes]],
) -> None:
    session = open_sent()
    outputs: list[Output] = []
    for kind, body in messages:
        outputs += session.on_message(1, kind, body, 0.0)
    is_up = any(isinstance(o, Established) for o in outputs)
    assert not is_up or (messages[0][0], messages[1][0]) == (OPEN, KEEPALIVE)
    assert not is_up or NOTIFICATION not in (messages[0][0], messages[1][0])
