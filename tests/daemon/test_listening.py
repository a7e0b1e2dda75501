"""What neighbours set on the listening sockets and on their own, by what the sockets were told."""

import errno
import socket
from dataclasses import replace

import pytest
import structlog

from gobgp_trio.config.schema import Neighbor, SocketOptions
from gobgp_trio.daemon.listening import Listening
from gobgp_trio.daemon.socket_options import find_ttl, read_syn_ttl, set_options, set_password
from gobgp_trio.types.family import Family

MD5SIG, MD5SIG_EXT, SAVE_SYN, MAXSEG = 14, 32, 27, 2
V4 = Neighbor("192.0.2.2", 65002, 65001, (Family.IPV4_UNICAST,))
V6 = replace(V4, address="2001:db8::2")


class FakeSocket:
    """Remembers what was set; ``refusals`` are raised once each."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.family = family
        self.options: list[tuple[int, int, int | bytes]] = []
        self.refusals: list[OSError] = []
        self.saved_syn = b""

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.options.append((level, option, value))

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option, size) == (socket.IPPROTO_TCP, 28, 128)
        return self.saved_syn

    def take(self, option: int) -> list[int | bytes]:
        """What one option of TCP was set to since the last look at any."""
        tcp = [(name, value) for level, name, value in self.options if level == socket.IPPROTO_TCP]
        found = [value for name, value in tcp if name == option]
        self.options.clear()
        return found


def with_sockets(neighbor: Neighbor, **options: object) -> Neighbor:
    return replace(neighbor, sockets=SocketOptions(**options))  # type: ignore[arg-type] # handed on


def md5sig(sockaddr: str, key: bytes, *, flags: int = 0, bits: int = 0) -> bytes:
    """struct tcp_md5sig (linux/tcp.h), written by hand."""
    address = bytes.fromhex(sockaddr).ljust(128, b"\0")
    length = len(key).to_bytes(2, "little")
    return address + bytes((flags, bits)) + length + bytes(4) + key.ljust(80, b"\0")


SOCKADDR_V4 = "0200 0000 c0000202"
SOCKADDR_V6 = "0a00 0000 00000000 20010db8000000000000000000000002 00000000"


@pytest.fixture
def sockets() -> tuple[FakeSocket, FakeSocket]:
    return FakeSocket(), FakeSocket(socket.AF_INET6)


def test_listening_begins_with_the_highest_ttl(sockets: tuple[FakeSocket, FakeSocket]) -> None:
    Listening(sockets)
    assert sockets[0].options == [
        (socket.IPPROTO_TCP, SAVE_SYN, 1),
        (socket.IPPROTO_IP, socket.IP_TTL, 255),
    ]
    assert sockets[1].options == [
        (socket.IPPROTO_TCP, SAVE_SYN, 1),
        (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255),
    ]


def test_passwords_come_and_go_with_neighbors(sockets: tuple[FakeSocket, FakeSocket]) -> None:
    four, six = sockets
    listening = Listening(sockets)
    listening.admit("192.0.2.2", with_sockets(V4, password="s3cret"))
    assert four.take(MD5SIG) == [md5sig(SOCKADDR_V4, b"s3cret")]
    assert six.take(MD5SIG) == []
    listening.admit("2001:db8::2", with_sockets(V6, password="s3cret"))
    assert four.take(MD5SIG) == []
    assert six.take(MD5SIG) == [md5sig(SOCKADDR_V6, b"s3cret")]
    listening.dismiss("192.0.2.2")
    assert four.take(MD5SIG) == [md5sig(SOCKADDR_V4, b"")]
    listening.dismiss("192.0.2.2")
    listening.admit("192.0.2.3", V4)
    listening.dismiss("192.0.2.3")
    assert four.take(MD5SIG) == []


def test_a_network_has_one_password(sockets: tuple[FakeSocket, FakeSocket]) -> None:
    listening = Listening(sockets)
    template = with_sockets(replace(V4, address="192.0.2.0"), password="s3cret")
    listening.admit("192.0.2.0/24", template, "192.0.2.0/24")
    wanted = md5sig("0200 0000 c0000200", b"s3cret", flags=1, bits=24)
    assert sockets[0].take(MD5SIG_EXT) == [wanted]
    listening.dismiss("192.0.2.0/24")
    assert sockets[0].take(MD5SIG_EXT) == [md5sig("0200 0000 c0000200", b"", flags=1, bits=24)]


def test_one_address_on_two_interfaces_keeps_its_password() -> None:
    six = FakeSocket(socket.AF_INET6)
    listening = Listening([six])
    for name in ("fe80::2%eth0", "fe80::2%eth1"):
        listening.admit(name, with_sockets(replace(V6, address=name), password="a"))
    six.options.clear()
    listening.dismiss("fe80::2%eth0")
    assert six.take(MD5SIG) == []
    listening.dismiss("fe80::2%eth1")
    assert len(six.take(MD5SIG)) == 1


def test_without_its_password_a_neighbor_is_not_let_in() -> None:
    four = FakeSocket()
    listening = Listening([four])
    four.refusals = [OSError(errno.ENOPROTOOPT, "")]
    with structlog.testing.capture_logs() as logs:
        listening.admit("192.0.2.2", with_sockets(V4, password="s3cret"))
    assert [(entry["peer"], entry["error"]) for entry in logs] == [
        ("192.0.2.2", "Protocol not available")
    ]
    assert not listening.is_protected("192.0.2.2")
    assert listening.is_protected("192.0.2.3")
    listening.dismiss("192.0.2.2")
    assert listening.is_protected("192.0.2.2")


def test_removing_what_is_not_there_is_fine_and_other_refusals_are_not() -> None:
    four = FakeSocket()
    four.refusals = [OSError(errno.ENOENT, "")]
    set_password(four, "192.0.2.2", "")
    for code, password in ((errno.ENOENT, "x"), (errno.ENOMEM, "")):
        four.refusals = [OSError(code, "")]
        with pytest.raises(OSError, match=rf"Errno {code}"):
            set_password(four, "192.0.2.2", password)


def test_the_smallest_segment_of_a_family_counts(sockets: tuple[FakeSocket, FakeSocket]) -> None:
    four, six = sockets
    listening = Listening(sockets)
    listening.admit("192.0.2.2", with_sockets(V4, mss_octets=900))
    listening.admit("192.0.2.3", with_sockets(V4, mss_octets=600))
    listening.admit("%eth0", with_sockets(V6, mss_octets=1200))
    assert four.take(MAXSEG) == [900, 600, 600]
    assert six.take(MAXSEG) == [0, 0, 1200]
    listening.dismiss("192.0.2.3")
    listening.dismiss("192.0.2.2")
    assert four.take(MAXSEG) == [900, 0]


def test_ttl_of_each_kind_of_neighbor() -> None:
    assert find_ttl(V4) == 1
    assert find_ttl(replace(V4, peer_as=65001)) == -1
    assert find_ttl(replace(V4, multihop_ttl=7)) == 7
    assert find_ttl(with_sockets(V4, ttl_min=254)) == 255


def test_options_of_a_connection(sockets: tuple[FakeSocket, FakeSocket]) -> None:
    four, six = sockets
    everything = {"mss_octets": 600, "bind_interface": "eth1", "tos": 192, "ttl_min": 254}
    set_options(four, with_sockets(V4, **everything))
    assert four.options == [
        (socket.IPPROTO_IP, socket.IP_TTL, 255),
        (socket.IPPROTO_IP, 21, 254),
        (socket.IPPROTO_IP, socket.IP_TOS, 192),
        (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600),
        (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth1\0"),
    ]
    set_options(six, with_sockets(V6, **everything))
    assert six.options[:3] == [
        (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255),
        (socket.IPPROTO_IPV6, 73, 254),
        (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 192),
    ]
    four.options.clear()
    set_options(four, V4)
    assert four.options == [(socket.IPPROTO_IP, socket.IP_TTL, 1)]


@pytest.mark.parametrize(
    ("headers", "ttl"),
    [
        (bytes.fromhex("45000000 00000000 fe060000"), 254),
        (bytes.fromhex("60000000 000006fd 20010db8"), 253),
        (b"", None),
    ],
)
def test_ttl_of_a_syn(headers: bytes, ttl: int | None) -> None:
    four = FakeSocket()
    four.saved_syn = headers
    assert read_syn_ttl(four) == ttl
