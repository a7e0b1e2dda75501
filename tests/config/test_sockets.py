"""Keys of a neighbor's sockets: what they may be together, and what is said when they may not."""

import pytest

from gobgp_trio.config.problems import ConfigError
from gobgp_trio.config.schema import Neighbor, SocketOptions
from gobgp_trio.config.toml import parse_config
from gobgp_trio.types.family import Family

GLOBAL = '[global.config]\nas = 65001\nrouter-id = "192.0.2.1"\n'
NEIGHBOR = '[[neighbors]]\nconfig = { neighbor-address = "%s", peer-as = 65002%s }\n'


def block(address: str = "192.0.2.2", *lines: str, more: str = "") -> str:
    return NEIGHBOR % (address, more) + "".join(f"{line}\n" for line in lines)


def neighbor_of(text: str) -> Neighbor:
    return parse_config(GLOBAL + text, "g.toml").config.neighbors[0]


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(GLOBAL + text, "g.toml")
    return [str(problem) for problem in caught.value.problems]


def test_everything_at_once() -> None:
    text = block(
        "192.0.2.2",
        "transport.config = { tcp-mss = 1200, local-port = 4179, bind-interface = 'eth1',"
        " ip-tos = 192 }",
        "ttl-security.config = { enabled = true, ttl-min = 254 }",
        more=', auth-password = "s3cret"',
    )
    assert neighbor_of(text).sockets == SocketOptions(
        password="s3cret",
        mss_octets=1200,
        local_port=4179,
        bind_interface="eth1",
        tos=192,
        ttl_min=254,
    )
    assert neighbor_of(block()).sockets == SocketOptions()


def test_a_password_is_in_no_representation() -> None:
    neighbor = neighbor_of(block(more=', auth-password = "s3cret"'))
    assert "s3cret" not in repr(neighbor)
    (problem,) = problems_of(block(more=f', auth-password = "{"s" * 81}"'))
    assert problem.endswith("wanted a password of up to 80 octets, found another value")
    assert neighbor_of(block(more=f', auth-password = "{"ä" * 40}"')).sockets.password == "ä" * 40


def test_ttl_security_alone_wants_neighbors_of_the_link() -> None:
    text = block("192.0.2.2", "ttl-security.config.enabled = true")
    assert neighbor_of(text).sockets.ttl_min == 255


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["ttl-security.config.ttl-min = 3"], "has no effect unless neighbors[].ttl-security."),
        (
            ["ttl-security.config.enabled = true", "ebgp-multihop.config.enabled = true"],
            "wanted this key or neighbors[].ebgp-multihop.config.enabled, found both",
        ),
        (["transport.config.local-port = 179"], "wanted another port than 179, on which we listen"),
        (["transport.config.ip-tos = 193"], "wanted a multiple of 4 from 0 to 252"),
        (["transport.config.ip-tos = true"], "wanted a multiple of 4 from 0 to 252"),
        (["transport.config.tcp-mss = 87"], "wanted an integer from 88 to 32767"),
        (["transport.config.tcp-mss = false"], "wanted an integer from 88 to 32767"),
        (["transport.config.bind-interface = ''"], "wanted the name of an interface"),
        (["transport.config.bind-interface = 'sixteen-octets-x'"], "wanted the name of an"),
        (["transport.config.bind-interface = 'a b'"], "wanted the name of an interface"),
        (["transport.config.bind-interface = 'a%b'"], "wanted the name of an interface"),
        (["transport.config.local-address = 'fe80::1%eth0'"], "wanted an IPv4 address"),
    ],
)
def test_refused(lines: list[str], wanted: str) -> None:
    (problem,) = problems_of(block("192.0.2.2", *lines))
    assert wanted in problem


def test_the_port_may_be_the_listening_one_when_we_do_not_listen() -> None:
    text = GLOBAL + "port = -1\n" + block("192.0.2.2", "transport.config.local-port = 179")
    assert parse_config(text, "g.toml").config.neighbors[0].sockets.local_port == 179


@pytest.mark.parametrize(
    ("address", "local", "wanted"),
    [
        ("fe80::2%eth0", "fe80::1%eth1", "an address of the neighbor's interface, found"),
        ("2001:db8::2", "fe80::1", "a global address as that of the neighbor, found fe80::1"),
        ("2001:db8::2", "fe80::1%eth0", "an address of the neighbor's interface, found"),
    ],
)
def test_local_addresses_with_scopes_are_refused(address: str, local: str, wanted: str) -> None:
    (problem,) = problems_of(block(address, f"transport.config.local-address = '{local}'"))
    assert wanted in problem


@pytest.mark.parametrize("local", ["fe80::1", "fe80::1%eth0", "2001:db8::1"])
def test_local_addresses_of_a_link_local_neighbor(local: str) -> None:
    text = block("fe80::2%eth0", f"transport.config.local-address = '{local}'")
    assert neighbor_of(text).local_address == local


UNNUMBERED = '[[neighbors]]\nconfig = { neighbor-interface = "eth0", peer-as = 65002%s }\n'


def test_an_unnumbered_neighbor() -> None:
    neighbor = neighbor_of(UNNUMBERED % "")
    assert (neighbor.address, neighbor.unnumbered_interface) == ("%eth0", "eth0")
    assert neighbor.families == (Family.IPV4_UNICAST, Family.IPV6_UNICAST)
    assert neighbor_of(block("fe80::2%eth0")).unnumbered_interface == ""
    assert neighbor_of(block("192.0.2.2")).unnumbered_interface == ""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (UNNUMBERED % ', neighbor-address = "192.0.2.2"', "neighbor-address, found both"),
        (UNNUMBERED % ', auth-password = "x"', "the kernel keeps passwords by address"),
        (UNNUMBERED % "" + "transport.config.local-address = '192.0.2.1'\n", "an IPv6 address"),
        (UNNUMBERED % "" + "transport.config.bind-interface = 'eth1'\n", "own interface eth0"),
        (2 * (UNNUMBERED % ""), "one entry for each address, found %eth0 again"),
        ("[[neighbors]]\nconfig = { peer-as = 65002 }\n", "required key is missing"),
    ],
)
def test_unnumbered_refused(text: str, wanted: str) -> None:
    (problem,) = problems_of(text)
    assert wanted in problem


def test_one_address_on_two_interfaces_has_one_password() -> None:
    first = block("fe80::2%eth0", more=', auth-password = "a"')
    second = 'auth-password = "%s"'
    (problem,) = problems_of(first + block("fe80::2%eth1", more=", " + second % "b"))
    assert "wanted the same password for fe80::2 on every interface" in problem
    neighbor_of(first + block("fe80::2%eth1", more=", " + second % "a"))


def test_where_to_listen() -> None:
    text = GLOBAL + 'bind-to-device = "eth0"\n'
    config = parse_config(text, "g.toml").config
    assert config.global_ is not None
    assert config.global_.listen_interface == "eth0"
    (problem,) = problems_of('local-address-list = ["fe80::1"]\n')
    assert "wanted an interface after a link-local address" in problem
