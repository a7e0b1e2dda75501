"""What the sockets of sessions get set: TTL, password, interface, segment size, TOS.

TTL: a single-hop external session sends with TTL 1, so that it cannot leave the link unnoticed;
a multihop one with the configured TTL; an internal one with the system's default (RFC 4271 leaves
this open; it is what every router does).  With TTL security (GTSM, RFC 5082) packets leave with 255
and the kernel drops what arrives with less than the configured minimum.

Passwords are the TCP MD5 option (RFC 2385).  The kernel checks them: a connection attempt that is
not signed, or with another password, is never seen here, and ours is not answered.

Deviations: the octets of an accepted connection's first packets were checked by nobody, so the TTL
of its SYN stands for them (the kernel keeps it, ``TCP_SAVE_SYN``; not with SYN cookies).
"""

import errno
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_network
from typing import Protocol

from gobgp_trio.config.schema import Neighbor

SINGLE_HOP_TTL = 1
GTSM_TTL = 255
SYSTEM_TTL = -1  # ip(7), ipv6(7): back to the default

# linux/in.h, linux/in6.h, linux/tcp.h; Python's socket module has none of them.
IP_MINTTL = 21
IPV6_MINHOPCOUNT = 73
TCP_MD5SIG = 14
TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28
TCP_MD5SIG_EXT = 32
TCP_MD5SIG_FLAG_PREFIX = 1

# struct tcp_md5sig behind its struct sockaddr_storage of 128 octets: flags, prefix length, key
# length, interface, key.
_MD5SIG = struct.Struct("=128sBBHi80s")
_SOCKADDR_IN = struct.Struct("=HH4s")  # family, port, address
_SOCKADDR_IN6 = struct.Struct("=HHI16sI")  # family, port, flow, address, scope

_IPV4_TTL_AT, _IPV6_HOP_LIMIT_AT = 8, 7
_IP_HEADERS_OCTETS = 128


class OptionSocket(Protocol):
    """What is needed of a socket here; the standard library's and Trio's both have it."""

    @property
    def family(self) -> socket.AddressFamily: ...

    @property
    def setsockopt(self) -> Callable[[int, int, int | bytes], None]: ...

    @property
    def getsockopt(self) -> Callable[[int, int, int], bytes]: ...


def set_options(sock: OptionSocket, neighbor: Neighbor) -> None:
    """Set everything but the password, on a connection or before it is made.

    Raises:
        OSError: no such interface, or a value that this kernel does not take.
    """
    options = neighbor.sockets
    is_ipv6 = sock.family == socket.AF_INET6
    set_ttl(sock, find_ttl(neighbor))
    if options.ttl_min is not None:
        level, name = (
            (socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT) if is_ipv6 else (socket.IPPROTO_IP, IP_MINTTL)
        )
        sock.setsockopt(level, name, options.ttl_min)
    if options.tos and is_ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, options.tos)
    elif options.tos:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, options.tos)
    if options.mss_octets:
        set_mss(sock, options.mss_octets)
    if options.bind_interface:
        bind_to_interface(sock, options.bind_interface)


def find_ttl(neighbor: Neighbor) -> int:
    """The TTL (or hop limit) that this neighbour's packets get; see the module's rule."""
    if neighbor.sockets.ttl_min is not None:
        return GTSM_TTL
    if neighbor.multihop_ttl is not None:
        return neighbor.multihop_ttl
    return SINGLE_HOP_TTL if neighbor.is_ebgp else SYSTEM_TTL


def set_ttl(sock: OptionSocket, ttl: int) -> None:
    """The TTL (or hop limit) of all packets of a socket from now on."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)


def set_mss(sock: OptionSocket, mss_octets: int) -> None:
    """The longest segment that a connection made from this socket uses; 0 for no limit."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss_octets)


def bind_to_interface(sock: OptionSocket, interface: str) -> None:
    """Send and take packets by this interface alone.

    Raises:
        OSError: there is no such interface.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")


def set_password(sock: OptionSocket, network: str, password: str) -> None:
    """Sign what goes to a network, take only what is signed from there; "" ends both.

    Connections that exist keep the password that they began with.

    Args:
        network: an address (a scope is ignored, as the kernel does) or a prefix ``192.0.2.0/24``.

    Raises:
        OSError: the kernel was built without it.
    """
    address, _, bits = network.partition("/")
    parsed = ip_network(address.partition("%")[0] + (f"/{bits}" if bits else ""))
    octets = parsed.network_address.packed
    if parsed.version == 4:
        sockaddr = _SOCKADDR_IN.pack(socket.AF_INET, 0, octets)
    else:
        sockaddr = _SOCKADDR_IN6.pack(socket.AF_INET6, 0, 0, octets, 0)
    key = password.encode()
    is_prefix = parsed.prefixlen < parsed.max_prefixlen
    flags = TCP_MD5SIG_FLAG_PREFIX if is_prefix else 0
    option = _MD5SIG.pack(sockaddr, flags, parsed.prefixlen if is_prefix else 0, len(key), 0, key)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG_EXT if is_prefix else TCP_MD5SIG, option)
    except OSError as error:
        if key or error.errno != errno.ENOENT:  # ENOENT: there was none
            raise


def keep_syn(sock: OptionSocket) -> None:
    """Have a listening socket's connections remember how they began, for ``read_syn_ttl``."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)


def read_syn_ttl(sock: OptionSocket) -> int | None:
    """The TTL with which an accepted connection's SYN arrived, None when nobody kept it."""
    headers = sock.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, _IP_HEADERS_OCTETS)
    if len(headers) <= _IPV4_TTL_AT:
        return None
    return headers[_IPV4_TTL_AT] if headers[0] >> 4 == 4 else headers[_IPV6_HOP_LIMIT_AT]
