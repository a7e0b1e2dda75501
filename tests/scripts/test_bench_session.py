"""The bench's BGP speaker, against the project's own messages over a socket pair."""

import socket
import threading
from collections.abc import Iterator

import pytest

from gobgp_trio.bgp.message import KEEPALIVE_MESSAGE, write_notification
from scripts.bench_lib.counting import PeerEnded, StreamCounter
from scripts.bench_lib.feed import FeedOptions, encode_open, make_feed
from scripts.bench_lib.session import Session

TIMEOUT_S = 10
OPEN = encode_open(65000, 90, "10.200.1.1", 4)
FEED = make_feed(FeedOptions(500, 4, 65001, "10.200.1.2"))


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """(the session's end, the daemon's end): TCP, since the session sets TCP options."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        far.settimeout(TIMEOUT_S)
        yield near, far


def establish(pair: tuple[socket.socket, socket.socket], first: bytes = b"") -> Session:
    near, far = pair
    # All at once, cut in the middle of a message, as TCP may do.
    answer = OPEN + KEEPALIVE_MESSAGE + first
    far.sendall(answer[:30])
    thread = threading.Thread(target=far.sendall, args=(answer[30:],))
    thread.start()
    try:
        return Session(near, 65001, "10.200.1.2", 4, TIMEOUT_S)
    finally:
        thread.join()


def test_it_counts_what_the_daemon_sends(pair: tuple[socket.socket, socket.socket]) -> None:
    session = establish(pair)
    session.start_counting(StreamCounter(keeps_nlri=True))
    pair[1].sendall(FEED.announce)
    done_s = session.wait_until(lambda counter: counter.announced == 500, TIMEOUT_S)
    assert session.counter.count_different() == 500
    session.start_counting()
    pair[1].sendall(FEED.withdraw)
    assert session.wait_until(lambda counter: counter.withdrawn == 500, TIMEOUT_S) >= done_s
    assert session.counter.announced == 0
    session.close()


def test_messages_right_behind_the_handshake_are_counted(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    session = establish(pair, first=FEED.withdraw)
    session.wait_until(lambda counter: counter.withdrawn == 500, TIMEOUT_S)
    session.close()


def test_it_opens_and_keeps_the_session_alive(pair: tuple[socket.socket, socket.socket]) -> None:
    session = establish(pair)
    wanted = encode_open(65001, 3, "10.200.1.2", 4) + KEEPALIVE_MESSAGE
    found = b""
    while len(found) < len(wanted) + len(KEEPALIVE_MESSAGE):
        found += pair[1].recv(4096)
    assert found == wanted + KEEPALIVE_MESSAGE
    session.close()


def test_the_largest_gap_grows_while_the_daemon_is_silent(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    session = establish(pair)
    session.start_counting()
    silent = threading.Event()
    silent.wait(0.3)
    pair[1].sendall(KEEPALIVE_MESSAGE * 2)
    session.wait_until(lambda counter: counter.keepalives == 2, TIMEOUT_S)
    assert 0.3 <= session.largest_gap_s < 5
    session.start_counting()
    assert session.largest_gap_s == 0
    session.close()


def test_a_refusal_ends_the_handshake(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    far.sendall(OPEN + write_notification(2, 2))
    with pytest.raises(PeerEnded, match="NOTIFICATION 2/2"):
        Session(near, 65001, "10.200.1.2", 4, TIMEOUT_S)


def test_waiting_ends_when_the_daemon_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    session = establish(pair)
    pair[1].shutdown(socket.SHUT_RDWR)
    with pytest.raises(PeerEnded, match="closed by the daemon"):
        session.wait_until(lambda counter: counter.announced > 0, TIMEOUT_S)
    session.close()


def test_waiting_has_an_end(pair: tuple[socket.socket, socket.socket]) -> None:
    session = establish(pair)
    with pytest.raises(TimeoutError, match="only 0 announced"):
        session.wait_until(lambda counter: counter.announced > 0, 0.1)
    session.close()
