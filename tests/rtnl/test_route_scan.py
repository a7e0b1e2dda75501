"""The scan of many routes against the reader of one: the same answer for every message."""

from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.rtnl.nlmsg import NLMSG_DONE, MalformedNetlink, read_messages, write_message
from gobgp_trio.rtnl.route import RTM_NEWROUTE, Leg, read_route
from gobgp_trio.rtnl.route_scan import RouteScan, ScannedRoutes
from gobgp_trio.types.family import Family

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST


def routes(*bodies: str | bytes) -> bytes:
    """One datagram of RTM_NEWROUTE messages."""
    octets = [bytes.fromhex(body) if isinstance(body, str) else body for body in bodies]
    return b"".join(write_message(RTM_NEWROUTE, 2, 1, body) for body in octets)


def ipv4(bits: int, destination: str, gateway: str = "0a000002") -> str:
    """``ip route add DESTINATION/BITS via GATEWAY dev 3 metric 20 proto 186``."""
    return (
        f"02 {bits:02x} 00 00 fe ba 00 01 00000000 0800 0f00 fe000000 0800 0100 {destination}"
        f"0800 0600 14000000 0800 0500 {gateway} 0800 0400 03000000"
    )


def test_ipv4_routes_that_share_all_but_their_destination() -> None:
    scan = RouteScan(V4)
    found, others = scan.read(
        routes(ipv4(16, "0a090000"), ipv4(24, "0a0a0100"), ipv4(9, "0a800000"))
    )
    legs = (Leg(b"\x0a\0\0\2", 3),)
    assert found == {
        (254, 20, V4): {b"\x10\x0a\x09": legs, b"\x18\x0a\x0a\x01": legs, b"\x09\x0a\x80": legs}
    }
    assert len({id(one) for one in found[254, 20, V4].values()}) == 1
    assert others == []
    again, _ = scan.read(routes(ipv4(32, "0a090001"), ipv4(16, "0a0b0000", "0a000003")))
    assert again == {
        (254, 20, V4): {b"\x20\x0a\x09\0\1": legs, b"\x10\x0a\x0b": (Leg(b"\x0a\0\0\3", 3),)}
    }


def test_ipv6_routes() -> None:
    def ipv6(bits: int, head: str) -> str:
        return (
            f"0a {bits:02x} 00 00 fc ba 00 01 00000000 0800 0f00 e8030000"
            f"1400 0100 {head.ljust(32, '0')} 0800 0600 14000000"
            "1400 0500 fd000000000000000000000000000002 0800 0400 03000000 0500 1400 00000000"
        )

    found, _ = RouteScan(V6).read(routes(ipv6(32, "20010db8"), ipv6(48, "20010db80001")))
    legs = (Leg(b"\xfd" + bytes(14) + b"\2", 3),)
    assert found == {
        (1000, 20, V6): {
            bytes.fromhex("20 20010db8"): legs,
            bytes.fromhex("30 20010db80001"): legs,
        }
    }


def test_a_default_route_and_octets_behind_the_prefix() -> None:
    default = (
        "02 00 00 00 fe ba 00 01 00000000 0800 0f00 fe000000 0800 0500 0a000002 0800 0400 03000000"
    )
    bodies = (ipv4(16, "0a090000"), ipv4(16, "0a0a0001"), default, default)
    found, _ = RouteScan(V4).read(routes(*bodies))
    legs = (Leg(b"\x0a\0\0\2", 3),)
    assert found == {
        (254, 20, V4): {b"\x10\x0a\x09": legs, b"\x10\x0a\x0a": legs},
        (254, 0, V4): {b"\0": legs},
    }


def test_messages_that_are_no_routes_are_handed_back() -> None:
    done = write_message(NLMSG_DONE, 2, 1, bytes(4))
    found, others = RouteScan(V4).read(routes(ipv4(16, "0a090000")) + done)
    assert list(found) == [(254, 20, V4)]
    assert [(message.type, message.body) for message in others] == [(NLMSG_DONE, bytes(4))]


BODIES = st.builds(
    lambda family, bits, destination, tail, extra: (
        bytes.fromhex(f"{family} {bits:02x} 00 00 fe ba 00 01 00000000 0800 0f00 fe000000")
        + bytes((4 + len(destination), 0, 1, 0))
        + destination
        + bytes.fromhex(tail)
        + extra
    ),
    st.sampled_from(["02", "0a", "1c"]),
    st.sampled_from([0, 1, 7, 8, 9, 24, 32, 33, 64, 127, 128, 129, 255]),
    st.sampled_from([bytes(4), b"\x0a\x01\x02\x03", bytes(16), bytes(range(16)), b"\x0a\x01"]).map(
        lambda octets: octets.ljust(len(octets) + 3 & ~3, b"\0")
    ),
    st.sampled_from(["0800 0600 14000000", "0800 0500 0a000002 0800 0400 03000000", ""]),
    st.sampled_from([b"", b"\x08\0\x0f\0\x64\0\0\0", b"\x09\0", b"\x08\0\x06\0\x01"]),
)


def read_one_by_one(family: Family, datagram: bytes) -> ScannedRoutes:
    found: ScannedRoutes = {}
    for message in read_messages(datagram):
        route = read_route(message.body)
        if route is not None and route.family is family:
            key = (route.table_id, route.metric or 0, route.family)
            found.setdefault(key, {})[route.nlri] = route.legs
    return found


@given(st.sampled_from([V4, V6]), st.lists(BODIES, max_size=8))
def test_it_agrees_with_the_reader_of_one_route(family: Family, bodies: list[bytes]) -> None:
    datagram = routes(*bodies)
    try:
        wanted: ScannedRoutes | None = read_one_by_one(family, datagram)
    except MalformedNetlink:
        wanted = None
    try:
        found: ScannedRoutes | None = RouteScan(family).read(datagram)[0]
    except MalformedNetlink:
        found = None
    assert found == wanted
