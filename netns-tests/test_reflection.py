"""Routes on their way through us to other routers: reflection (RFC 4456), third-party next hops."""

import pytest

from harness.lan import Lan, Told, address, lan_neighbor
from harness.namespace import Lab
from harness.pair import OUR_AS
from harness.wait import pause, wait_until

OF_CLIENT, OF_OTHER = "198.51.100.0/24", "203.0.113.0/24"
CLIENT, SECOND_CLIENT, OTHER, SECOND_OTHER = 2, 3, 4, 5
AS_CLIENT = "route-reflector.config.route-reflector-client = true"
IN_CLUSTER = 'route-reflector.config.route-reflector-cluster-id = "10.9.9.9"'


def wait_told(lan: Lan, number: int, prefix: str, told: Told | None) -> None:
    def is_told() -> bool:
        found = lan.told(number, prefix)
        assert found == told
        return True

    wait_until(is_told, f"host {number} knows of {prefix}", timeout_s=15)


@pytest.fixture
def reflector(lab: Lab) -> Lan:
    """Two clients, one of them and one other peer with a route, and one other peer without."""
    lan = Lan(lab, 5)
    for number in (CLIENT, SECOND_CLIENT, OTHER, SECOND_OTHER):
        routes = {CLIENT: {OF_CLIENT: ""}, OTHER: {OF_OTHER: ""}}.get(number, {})
        lan.start_bird(number, OUR_AS, routes)
    lan.start_daemon(
        lan_neighbor(CLIENT, OUR_AS, AS_CLIENT),
        lan_neighbor(SECOND_CLIENT, OUR_AS, AS_CLIENT),
        lan_neighbor(OTHER, OUR_AS),
        lan_neighbor(SECOND_OTHER, OUR_AS),
    )
    return lan


def test_clients_and_others_hear_of_each_other_and_others_not_of_others(reflector: Lan) -> None:
    of_client = Told(address(CLIENT), address(CLIENT), address(1))
    for number in (SECOND_CLIENT, OTHER, SECOND_OTHER):
        wait_told(reflector, number, OF_CLIENT, of_client)
    of_other = Told(address(OTHER), address(OTHER), address(1))
    for number in (CLIENT, SECOND_CLIENT):
        wait_told(reflector, number, OF_OTHER, of_other)
    assert reflector.told(SECOND_OTHER, OF_OTHER) is None
    assert reflector.birds[CLIENT].prefixes("gobgpd") == [OF_OTHER]

    reflector.announce(CLIENT, {})
    for number in (SECOND_CLIENT, OTHER, SECOND_OTHER):
        wait_told(reflector, number, OF_CLIENT, None)


def test_client_and_cluster_change_by_reload(reflector: Lan) -> None:
    wait_told(reflector, OTHER, OF_CLIENT, Told(address(CLIENT), address(CLIENT), address(1)))
    unchanged = (lan_neighbor(OTHER, OUR_AS), lan_neighbor(SECOND_OTHER, OUR_AS))
    reflector.reload(
        lan_neighbor(CLIENT, OUR_AS, AS_CLIENT, IN_CLUSTER),
        lan_neighbor(SECOND_CLIENT, OUR_AS, AS_CLIENT),
        *unchanged,
    )
    wait_told(reflector, OTHER, OF_CLIENT, Told(address(CLIENT), address(CLIENT), "10.9.9.9"))
    reflector.reload(
        lan_neighbor(CLIENT, OUR_AS),
        lan_neighbor(SECOND_CLIENT, OUR_AS, AS_CLIENT),
        *unchanged,
    )
    wait_told(reflector, OTHER, OF_CLIENT, None)
    wait_told(
        reflector, SECOND_CLIENT, OF_CLIENT, Told(address(CLIENT), address(CLIENT), address(1))
    )


@pytest.mark.parametrize(
    ("version", "prefix"), [(4, OF_CLIENT), (6, "2001:db8:51::/48")], ids=["ipv4", "ipv6"]
)
def test_a_third_partys_next_hop_stays_for_a_peer_on_the_same_network(
    lab: Lab, version: int, prefix: str
) -> None:
    lan = Lan(lab, 3)
    lan.start_bird(2, 65002, {prefix: ""}, version=version)
    lan.start_bird(3, 65003, {}, version=version)
    second = lan_neighbor(2, 65002, version=version)
    lan.start_daemon(second, lan_neighbor(3, 65003, version=version))
    wait_told(lan, 3, prefix, Told(address(2, version)))

    # A peer that may be several hops away gets our own address.
    far = "ebgp-multihop.config = { enabled = true, multihop-ttl = 3 }"
    lan.reload(second, lan_neighbor(3, 65003, far, version=version))
    ours = address(1, version)
    if version == 6:  # the peer is on the link all the same (RFC 2545)
        (link_local,) = [
            word.split("/")[0]
            for word in lan.hosts[1].ip("-6 address show dev eth0 scope link").split()
            if word.startswith("fe80:")
        ]
        ours = f"{ours} {link_local}"
    wait_told(lan, 3, prefix, Told(ours))


def test_soft_resets_tell_and_judge_again_and_end_no_session(lab: Lab) -> None:
    lan = Lan(lab, 3)
    lan.start_bird(2, 65002, {OF_CLIENT: "", OF_OTHER: ""})
    receiver = lan.start_bird(3, 65003, {})
    lan.start_daemon(lan_neighbor(2, 65002), lan_neighbor(3, 65003))
    wait_told(lan, 3, OF_OTHER, Told(address(2)))
    since = receiver.command("show protocols gobgpd").splitlines()[-1].split()[4]

    def received_count() -> int:
        for line in receiver.command("show protocols all gobgpd").splitlines():
            if "Import updates:" in line:
                return int(line.split()[2])
        raise AssertionError("BIRD counts its updates")

    wait_until(lambda: received_count() == 2, "both routes were told once")
    for word, more in (("softresetout", 2), ("softreset", 2), ("softresetin", 0)):
        before = received_count()
        lan.daemon.command(f"neighbor {address(3)} {word}")
        wait_until(
            lambda wanted=before + more: received_count() == wanted,  # type: ignore[misc]  # a default
            f"after {word} {more} routes more were told",
        )
    pause(0.2)
    assert receiver.prefixes("gobgpd") == [OF_CLIENT, OF_OTHER]
    assert receiver.command("show protocols gobgpd").splitlines()[-1].split()[4] == since
