"""Headers, attributes, errors: octets a Linux 6.18 kernel sent, and what must be refused.

The vectors are in host order of a little-endian machine, as all netlink is.
"""

import pytest

from gobgp_trio.rtnl.nlmsg import (
    ExtendedAck,
    KernelRefused,
    MalformedNetlink,
    Message,
    nlmsg_align,
    read_attributes,
    read_done,
    read_error,
    read_messages,
    read_string,
    read_u32,
    write_attribute,
    write_done,
    write_error,
    write_message,
    write_u32_attribute,
)

REFUSED = bytes.fromhex(
    "44000000 0200 0003 4d000000 33630000"  # length 68, NLMSG_ERROR, CAPPED | ACK_TLVS, seq 77
    "9bffffff"  # -101, ENETUNREACH
    "3c000000 1800 0106 4d000000 00000000"  # the request's header
    "2000 0100 4e657874686f702068617320696e76616c6964206761746577617900"  # NLMSGERR_ATTR_MSG
)
ACKNOWLEDGED = bytes.fromhex(
    "24000000 0200 0001 4e000000 33630000 00000000 10000000 0100 0500 4e000000 00000000"
)
NO_SUCH_TABLE = bytes.fromhex(
    "38000000 0300 2202 01000000 33630000"  # NLMSG_DONE, MULTI | DUMP_FILTERED | ACK_TLVS
    "feffffff"  # -2, ENOENT
    "2300 0100 697076343a20464942207461626c6520646f6573206e6f7420657869737400 00"
)


def only(datagram: bytes) -> Message:
    (message,) = read_messages(datagram)
    return message


@pytest.mark.parametrize(("given", "aligned"), [(0, 0), (1, 4), (4, 4), (5, 8), (16, 16)])
def test_alignment(given: int, aligned: int) -> None:
    assert nlmsg_align(given) == aligned


def test_error_with_extended_ack() -> None:
    message = only(REFUSED)
    assert (message.type, message.flags, message.seq, message.port_id) == (2, 0x300, 77, 0x6333)
    assert read_error(message) == (101, ExtendedAck("Nexthop has invalid gateway"))


def test_acknowledgement_is_errno_0() -> None:
    assert read_error(only(ACKNOWLEDGED)) == (0, ExtendedAck())


def test_done_with_errno_and_text() -> None:
    assert read_done(only(NO_SUCH_TABLE)) == (2, ExtendedAck("ipv4: FIB table does not exist"))


def test_done_without_a_body() -> None:
    assert read_done(Message(3, 2, 1, 0, b"")) == (0, ExtendedAck())


def test_done_with_a_positive_count_is_no_error() -> None:
    assert read_done(Message(3, 2, 1, 0, bytes.fromhex("05000000"))) == (0, ExtendedAck())


def test_error_that_quotes_the_whole_request() -> None:
    # Without NETLINK_CAP_ACK the request stands between the errno and the attributes.
    request = write_message(24, 5, 7, b"\1\2\3\4\5")
    body = bytes.fromhex("ffffffff") + request + write_u32_attribute(2, 16)
    assert read_error(Message(2, 0x200, 7, 0, body)) == (1, ExtendedAck("", 16))


def test_error_and_done_can_be_written() -> None:
    request = write_message(24, 0x605, 77, b"")
    written = write_error(101, request, 77, 0x6333, ExtendedAck("Nexthop has invalid gateway", 28))
    assert read_error(only(written)) == (101, ExtendedAck("Nexthop has invalid gateway", 28))
    assert read_error(only(write_error(0, request, 77, 1))) == (0, ExtendedAck())
    assert read_done(only(write_done(2, 5, 1))) == (2, ExtendedAck())


def test_several_messages_in_one_datagram() -> None:
    datagram = write_message(16, 2, 1, b"abcde") + write_message(3, 2, 1, b"")
    assert list(read_messages(datagram)) == [
        Message(16, 2, 1, 0, b"abcde"),
        Message(3, 2, 1, 0, b""),
    ]


def test_own_routes_are_skipped_by_protocol() -> None:
    ours, theirs = (bytes((2, 0, 0, 0, 254, protocol, 0, 1, 0, 0, 0, 0)) for protocol in (186, 4))
    datagram = b"".join(
        [
            write_message(24, 2, 1, ours),
            write_message(24, 2, 1, theirs),
            write_message(16, 2, 1, ours),  # another type with the same octet there
            write_message(24, 2, 1, b"\2"),  # too short to have a protocol
            write_message(3, 2, 1, b""),
        ]
    )
    kept = read_messages(datagram, skip_route_protocol=186)
    assert [(message.type, message.body) for message in kept] == [
        (24, theirs),
        (16, ours),
        (24, b"\2"),
        (3, b""),
    ]


@pytest.mark.parametrize(
    "datagram",
    [
        ACKNOWLEDGED[:15],
        ACKNOWLEDGED[:-1],
        ACKNOWLEDGED + b"\0",
        b"\x0f" + ACKNOWLEDGED[1:],
        bytes(16),
    ],
    ids=["cut header", "cut body", "a stray octet", "length 15", "length 0"],
)
def test_no_datagram_of_messages(datagram: bytes) -> None:
    with pytest.raises(MalformedNetlink):
        list(read_messages(datagram))


def test_attributes() -> None:
    octets = write_attribute(3, b"eth0\0") + write_u32_attribute(0x8000 | 10, 7)
    assert octets == bytes.fromhex("0900 0300 6574683000 000000 0800 0a80 07000000")
    assert read_attributes(octets) == {3: b"eth0\0", 10: b"\7\0\0\0"}
    assert read_attributes(b"xx" + octets, 2)[3] == b"eth0\0"


@pytest.mark.parametrize("octets", ["080001", "03000100", "0900010001020304", "0000 0000"])
def test_no_attributes(octets: str) -> None:
    with pytest.raises(MalformedNetlink):
        read_attributes(bytes.fromhex(octets))


def test_payloads() -> None:
    assert read_u32(bytes.fromhex("d2040000"), "X") == 1234
    with pytest.raises(MalformedNetlink, match="wanted 4 octets of RTA_TABLE, found 2"):
        read_u32(b"\1\2", "RTA_TABLE")
    assert read_string(b"eth0\0rest") == "eth0"
    assert read_string(b"\xff") == "\\xff"


@pytest.mark.parametrize(
    "message",
    [
        Message(2, 0, 1, 0, bytes(19)),
        Message(2, 0, 1, 0, bytes.fromhex("00000080") + bytes(16)),  # errno 2^31
        Message(2, 0x200, 1, 0, bytes(4) + b"\x10\0\0\0" + bytes(12) + b"\1"),
        Message(2, 0x300, 1, 0, bytes(20) + bytes.fromhex("05000200 ff")),
    ],
    ids=["cut", "no errno", "cut attribute", "short offset"],
)
def test_malformed_errors(message: Message) -> None:
    with pytest.raises(MalformedNetlink):
        read_error(message)


def test_malformed_done() -> None:
    with pytest.raises(MalformedNetlink):
        read_done(Message(3, 0, 1, 0, b"\0\0"))


def test_a_refusal_says_what_why_and_where() -> None:
    refusal = KernelRefused(13, "RTM_NEWROUTE", ExtendedAck("IPv6 is disabled on nexthop device"))
    assert str(refusal) == "RTM_NEWROUTE: EACCES (IPv6 is disabled on nexthop device)"
    assert str(KernelRefused(1, "RTM_GETLINK", ExtendedAck())) == "RTM_GETLINK: EPERM"
