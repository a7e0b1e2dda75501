"""What goes over a cable: IP packets seen at one end, from a raw socket."""

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from harness.namespace import Namespace
from harness.wait import wait_until

ETH_P_ALL = 3
ETHERNET_OCTETS = 14
IPV4, IPV6 = 0x0800, 0x86DD
TCP = 6
FIN, SYN, RST, ACK = 1, 2, 4, 16
OPTION_MSS, OPTION_MD5 = 2, 19


@dataclass(frozen=True)
class Segment:
    """One TCP segment and what its IP header says of it."""

    source: str
    destination: str
    source_port: int
    destination_port: int
    ttl: int
    tos: int
    flags: int
    payload_octets: int
    options: dict[int, bytes]

    @property
    def mss(self) -> int | None:
        """The MSS option of a SYN."""
        value = self.options.get(OPTION_MSS)
        return None if value is None else int.from_bytes(value)

    @property
    def is_signed(self) -> bool:
        """It has the TCP MD5 option (RFC 2385)."""
        return len(self.options.get(OPTION_MD5, b"")) == 16


class Capture:
    """Collects the TCP segments that pass an interface, until the test ends."""

    def __init__(self, space: Namespace, interface: str = "eth0") -> None:
        self.segments: list[Segment] = []
        self._socket = space.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._is_over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        space.at_end(self.close)

    def _run(self) -> None:
        while not self._is_over:
            try:
                frame = self._socket.recv(65535)
            except TimeoutError:
                continue
            except OSError:  # the interface went away
                return
            segment = read_frame(frame)
            if segment is not None:
                self.segments.append(segment)

    def close(self) -> None:
        self._is_over = True
        self._thread.join()
        self._socket.close()

    def sent_by(
        self, address: str, wanted: Callable[[Segment], bool] = lambda _: True
    ) -> list[Segment]:
        """The segments from an address so far."""
        return [s for s in list(self.segments) if s.source == address and wanted(s)]

    def wait_sent_by(
        self, address: str, wanted: Callable[[Segment], bool] = lambda _: True
    ) -> list[Segment]:
        """Likewise, at least one: the capture may lag behind what has arrived."""
        return wait_until(lambda: self.sent_by(address, wanted), f"segments of {address}")


def read_frame(frame: bytes) -> Segment | None:
    """An Ethernet frame, None when there is no TCP in it."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    packet = frame[ETHERNET_OCTETS:]
    if kind == IPV4 and packet[9] == TCP:
        header_octets = (packet[0] & 15) * 4
        (total_octets,) = struct.unpack_from("!H", packet, 2)
        ends = [socket.inet_ntop(socket.AF_INET, packet[at : at + 4]) for at in (12, 16)]
        return _read_tcp(packet[header_octets:total_octets], ends, ttl=packet[8], tos=packet[1])
    if kind == IPV6 and packet[6] == TCP:
        (payload_octets,) = struct.unpack_from("!H", packet, 4)
        ends = [socket.inet_ntop(socket.AF_INET6, packet[at : at + 16]) for at in (8, 24)]
        traffic_class = (packet[0] & 15) << 4 | packet[1] >> 4
        body = packet[40 : 40 + payload_octets]
        return _read_tcp(body, ends, ttl=packet[7], tos=traffic_class)
    return None


def _read_tcp(octets: bytes, ends: list[str], *, ttl: int, tos: int) -> Segment:
    source_port, destination_port = struct.unpack_from("!HH", octets)
    header_octets = (octets[12] >> 4) * 4
    source, destination = ends
    return Segment(
        source,
        destination,
        source_port,
        destination_port,
        ttl,
        tos,
        octets[13],
        len(octets) - header_octets,
        _read_options(octets[20:header_octets]),
    )


def _read_options(octets: bytes) -> dict[int, bytes]:
    options = {}
    at = 0
    while at < len(octets) and octets[at] != 0:
        if octets[at] == 1:  # padding
            at += 1
            continue
        length = octets[at + 1]
        options[octets[at]] = octets[at + 2 : at + length]
        at += length
    return options
