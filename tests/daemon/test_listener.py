"""Real sockets on the loopback: listening, dialling, their options, and what goes wrong."""

import socket
from dataclasses import replace

import pytest
import trio

from gobgp_trio.bgp.session.negotiate import Endpoints
from gobgp_trio.config.schema import Neighbor, SocketOptions
from gobgp_trio.daemon.listener import ListenRefused, open_listeners, run_listener
from gobgp_trio.daemon.listening import Listening
from gobgp_trio.daemon.transport import (
    Transport,
    dial_tcp,
    find_sockaddr,
    name_of_address,
    name_of_remote,
)
from gobgp_trio.types.family import Family

V4 = (Family.IPV4_UNICAST,)
LOOPBACK = bytes((127, 0, 0, 1))


def make_neighbor(port: int, *, multihop_ttl: int | None = None, is_ebgp: bool = True) -> Neighbor:
    return Neighbor(
        "127.0.0.1",
        65002 if is_ebgp else 65001,
        65001,
        V4,
        local_address="127.0.0.5",
        remote_port=port,
        multihop_ttl=multihop_ttl,
    )


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


async def test_dial_and_accept() -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    send, accepted = trio.open_memory_channel[Transport](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_listener, listener, send.send_nowait)
        near = await dial_tcp(make_neighbor(port_of(listener)))
        far = await accepted.receive()
        assert near.ends == Endpoints(bytes((127, 0, 0, 5)), LOOPBACK)
        assert far.ends == Endpoints(LOOPBACK, bytes((127, 0, 0, 5)))
        assert name_of_remote(far.ends) == "127.0.0.5"
        assert not far.has_octets_waiting()
        assert await near.send_some(memoryview(b"hello")) == 5
        assert await far.receive(2) == b"he"
        assert far.has_octets_waiting()
        near.end_sending()
        assert await far.receive(100) == b"llo"
        assert await far.receive(100) == b""
        near.close()
        far.close()
        nursery.cancel_scope.cancel()
    assert listener.socket.fileno() == -1


async def test_a_second_listener_says_what_to_do() -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    async with listener:
        port = port_of(listener)
        with pytest.raises(ListenRefused) as caught:
            open_listeners(["127.0.0.1"], port)
    assert str(caught.value) == (
        f"wanted to listen on 127.0.0.1 port {port}, found: address already in use; "
        "stop the other BGP daemon, or set another global.config.port"
    )


async def test_an_address_that_the_host_does_not_have() -> None:
    with pytest.raises(ListenRefused, match=r"192\.0\.2\.77 port 0, found: cannot assign"):
        open_listeners(["127.0.0.1", "192.0.2.77"], 0)


async def test_both_families_share_a_port() -> None:
    (first,) = open_listeners(["0.0.0.0"], 0)  # bound on the loopback and elsewhere, briefly
    others = open_listeners(["::"], port_of(first))
    for listener in [first, *others]:
        await listener.aclose()


async def test_negative_port_listens_nowhere() -> None:
    assert open_listeners(["0.0.0.0", "::"], -1) == []


async def test_refused_connection_is_an_os_error() -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    port = port_of(listener)
    await listener.aclose()
    with pytest.raises(ConnectionRefusedError):
        await dial_tcp(make_neighbor(port))


@pytest.mark.parametrize(
    ("is_ebgp", "multihop_ttl", "wanted"),
    [(True, None, 1), (True, 5, 5), (False, None, None), (False, 7, 7)],
)
async def test_ttl_of_both_ends(
    is_ebgp: bool, multihop_ttl: int | None, wanted: int | None
) -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    send, accepted = trio.open_memory_channel[Transport](1)
    default = listener.socket.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_listener, listener, send.send_nowait)
        neighbor = make_neighbor(port_of(listener), multihop_ttl=multihop_ttl, is_ebgp=is_ebgp)
        near = await dial_tcp(neighbor)
        far = await accepted.receive()
        far.configure(neighbor)
        for transport in (near, far):
            sock = transport._socket  # type: ignore[attr-defined] # noqa: SLF001 - the option has no other witness
            assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == (wanted or default)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            transport.close()
        nursery.cancel_scope.cancel()


def with_sockets(neighbor: Neighbor, **options: object) -> Neighbor:
    return replace(neighbor, sockets=SocketOptions(**options))  # type: ignore[arg-type] # handed on


@pytest.mark.parametrize(
    ("theirs", "is_answered"), [("s3cret", True), ("another", False), ("", False)]
)
async def test_only_the_same_password_is_answered(theirs: str, is_answered: bool) -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    async with listener:
        neighbor = with_sockets(make_neighbor(port_of(listener)), password="s3cret")
        Listening([listener.socket]).admit("127.0.0.5", neighbor, "127.0.0.5")
        with trio.move_on_after(0.3):
            # The far end's password is for our address, 127.0.0.1.
            near = await dial_tcp(with_sockets(neighbor, password=theirs))
            near.close()
            assert is_answered
            return
        assert not is_answered


@pytest.mark.parametrize("ttl_min", [255, 64, 1])
async def test_a_connection_from_too_far_away_is_refused(ttl_min: int) -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    Listening([listener.socket])
    send, accepted = trio.open_memory_channel[Transport](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_listener, listener, send.send_nowait)
        dialler = make_neighbor(port_of(listener), multihop_ttl=64)
        near = await dial_tcp(dialler)
        far = await accepted.receive()
        if ttl_min > 64:
            with pytest.raises(OSError, match="wanted a connection with TTL 255 or more, found"):
                far.configure(with_sockets(dialler, ttl_min=ttl_min))
        else:
            far.configure(with_sockets(dialler, ttl_min=ttl_min))
        near.close()
        far.close()
        nursery.cancel_scope.cancel()


async def test_our_port_is_the_configured_one() -> None:
    (listener,) = open_listeners(["127.0.0.1"], 0)
    async with listener:
        neighbor = make_neighbor(port_of(listener))
        with socket.socket() as spare:  # a port that is free now
            spare.bind(("127.0.0.5", 0))
            port = spare.getsockname()[1]
        near = await dial_tcp(with_sockets(neighbor, local_port=port))
        accepted, (_, found) = await listener.socket.accept()
        assert found == port
        near.close()
        accepted.close()


async def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(ListenRefused, match=r"interface nosuch0, 127\.0\.0\.1 port 0"):
        open_listeners(["127.0.0.1"], 0, "nosuch0")
    with pytest.raises(OSError, match="No such device"):
        await dial_tcp(with_sockets(make_neighbor(179), bind_interface="nosuch0"))


def test_scopes_are_interfaces() -> None:
    index = socket.if_nametoindex("lo")
    assert find_sockaddr("fe80::1%lo", 179) == (socket.AF_INET6, ("fe80::1", 179, 0, index))
    assert find_sockaddr("192.0.2.1", 179) == (socket.AF_INET, ("192.0.2.1", 179))
    with pytest.raises(OSError, match=r"No such device|no interface"):
        find_sockaddr("fe80::1%nosuch0", 179)
    with pytest.raises(OSError, match="wanted an IP address, found 'router1'"):
        find_sockaddr("router1", 179)


def test_names_of_peers() -> None:
    index = socket.if_nametoindex("lo")
    link_local = bytes.fromhex("fe80" + "00" * 13 + "01")
    assert name_of_address("2001:DB8:0:0::1") == "2001:db8::1"
    assert name_of_address("FE80::1%eth0") == "fe80::1%eth0"
    assert name_of_address("%eth0") == "%eth0"
    with pytest.raises(ValueError, match="does not appear to be"):
        name_of_address("eth0")
    assert name_of_remote(Endpoints(b"", link_local, index)) == "fe80::1%lo"
    assert name_of_remote(Endpoints(b"", link_local, 4_000_000)) == "fe80::1"
