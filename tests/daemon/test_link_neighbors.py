"""Which of the machines on a link an unnumbered peer is."""

import pytest

from gobgp_trio.daemon.link_neighbors import choose_neighbor, find_link_neighbor
from gobgp_trio.rtnl.neighbor import Neighbor
from gobgp_trio.types.prefix import parse_address

REACHABLE, STALE, INCOMPLETE, FAILED, NOARP = 0x02, 0x04, 0x01, 0x20, 0x40


def machine(address: str, state: int = REACHABLE, *, is_router: bool = False) -> Neighbor:
    return Neighbor(3, parse_address(address), state, b"\2\0\0\0\0\1", is_router)


HOST, ROUTER, OLD = "fe80::11", "fe80::1", "fe80::99"


@pytest.mark.parametrize(
    "others",
    [
        [],
        [machine("2001:db8::1"), machine("ff02::1", NOARP)],
        [machine(HOST)],
        [machine(OLD, STALE, is_router=True)],
        [machine(OLD, FAILED, is_router=True), machine(OLD, INCOMPLETE, is_router=True)],
    ],
)
def test_a_router_that_answers_is_the_one(others: list[Neighbor]) -> None:
    assert choose_neighbor([*others, machine(ROUTER, is_router=True)], "eth0") == ROUTER


def test_a_single_host_will_do_even_one_not_heard_of_lately() -> None:
    assert choose_neighbor([machine(HOST, STALE)], "eth0") == HOST


@pytest.mark.parametrize(
    ("neighbors", "found"),
    [
        ([], "none"),
        ([machine(HOST, FAILED)], "none"),
        ([machine(HOST), machine(ROUTER)], "fe80::1, fe80::11"),
        (
            [machine(HOST, is_router=True), machine(ROUTER, is_router=True), machine(OLD)],
            "fe80::1, fe80::11",
        ),
    ],
)
def test_none_or_several_is_for_the_operator(neighbors: list[Neighbor], found: str) -> None:
    with pytest.raises(
        OSError, match=f"wanted one IPv6 link-local neighbor on eth0, found {found}"
    ):
        choose_neighbor(neighbors, "eth0")


async def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"No such device|no interface"):
        await find_link_neighbor("nosuch0")
