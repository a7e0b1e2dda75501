"""A small table dump: three peers of a collector, a few prefixes, written out octet by octet."""

from collections.abc import Mapping

# Type 13 (TABLE_DUMP_V2), subtype 1: the index of peers.
INDEX = bytes.fromhex(
    "00000000 000d 0001 0000002d"
    " c0000201 0000 0003"  # collector 192.0.2.1, no name of a view, three peers
    " 02 0a0a0a0a c0000202 0000fde9"  # IPv4, 4-octet AS: 10.10.10.10, 192.0.2.2, AS 65001
    " 00 0b0b0b0b c0000203 fdea"  # 2-octet AS: 11.11.11.11, 192.0.2.3, AS 65002
    " 02 0c0c0c0c c0000204 00030d40"  # 12.12.12.12, 192.0.2.4, AS 200000
)

ORIGIN_IGP = "40010100"
NEXT_HOP = "400304c0000202"


def as_path(*numbers: int) -> str:
    """AS_PATH of one AS_SEQUENCE."""
    hops = "".join(f"{number:08x}" for number in numbers)
    return f"4002{2 + 4 * len(numbers):02x}02{len(numbers):02x}{hops}"


def record(sequence: int, nlri: str, paths: Mapping[int, str], subtype: int = 2) -> bytes:
    """One prefix: the peer's index -> its attributes in hexadecimal."""
    body = sequence.to_bytes(4, "big") + bytes.fromhex(nlri) + len(paths).to_bytes(2, "big")
    for index, text in paths.items():
        attributes = bytes.fromhex(text)
        body += index.to_bytes(2, "big") + bytes(4) + len(attributes).to_bytes(2, "big")
        body += attributes
    return bytes.fromhex(f"00000000 000d {subtype:04x}") + len(body).to_bytes(4, "big") + body


FIRST = ORIGIN_IGP + as_path(65001, 65010) + NEXT_HOP
SECOND = ORIGIN_IGP + as_path(65002) + NEXT_HOP + "800404 00000005" + "c00804 fdea0001"
THIRD = ORIGIN_IGP + as_path(200000, 65010) + NEXT_HOP
SECRET = ORIGIN_IGP + as_path(65002) + NEXT_HOP + "c00804 ffffff02"  # NO_ADVERTISE
UNKNOWN = ORIGIN_IGP + as_path(200000) + NEXT_HOP + "c0630411223344"

DUMP = (
    INDEX
    + record(0, "18 cb0071", {0: FIRST, 1: SECOND, 2: THIRD})
    + record(1, "18 c63364", {0: FIRST, 2: THIRD})
    + record(2, "14 0a0000", {1: SECRET})
    + record(3, "20 c0000263", {2: UNKNOWN})
)
