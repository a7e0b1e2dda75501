"""Capabilities in ``gobgp neighbor ADDRESS``: every kind, from either side."""

from gobgp_trio.api.service.capabilities import capability_messages
from gobgp_trio.bgp.capability import CAPABILITY_TABLE, read_capabilities
from gobgp_trio.cli.capability_text import CAPABILITY_NAMES, format_capabilities


def show(local: str, remote: str) -> str:
    ours, theirs = (
        capability_messages(read_capabilities(bytes.fromhex(octets))) for octets in (local, remote)
    )
    return "".join(f"{line}\n" for line in format_capabilities(ours, theirs))


def test_all_that_two_of_us_say() -> None:
    one = "010400010001 010400020001 0200 0506000100010002 0600 41040000fde9 4600 490503 727431 00"
    assert show(one, one.replace("727431", "727432") + "4b04 03312e30") == (
        "    multiprotocol:\n"
        "        ipv4-unicast:\tadvertised and received\n"
        "        ipv6-unicast:\tadvertised and received\n"
        "    route-refresh:\tadvertised and received\n"
        "    extended-nexthop:\tadvertised and received\n"
        "        Local:\n"
        "            nlri: ipv4-unicast, nexthop: ipv6\n"
        "        Remote:\n"
        "            nlri: ipv4-unicast, nexthop: ipv6\n"
        "    extended-message:\tadvertised and received\n"
        "    4-octet-as:\tadvertised and received\n"
        "    enhanced-route-refresh:\tadvertised and received\n"
        "    fqdn:\tadvertised and received\n"
        "      Local:\n"
        "         name: rt1, domain: \n"
        "      Remote:\n"
        "         name: rt2, domain: \n"
        "    software-version:\treceived\n"
        "      Remote:\n"
        "         1.0\n"
    )


def test_what_other_routers_say() -> None:
    theirs = (
        "010400190046"  # EVPN
        "4006c078 00010180"  # graceful restart, restarted, notifications, 120 s
        "4508 00010103 00020101"  # add-path
        "4707 00010180 000e10"  # long-lived graceful restart
        "8000"  # route refresh under its old code
        "0901 03"  # role
        "c802 beef"
        "c900"
    )
    assert show("0200 c802 beef", theirs) == (
        "    multiprotocol:\n"
        "        afi 25 safi 70:\treceived\n"
        "    route-refresh:\tadvertised\n"
        "    graceful-restart:\treceived\n"
        "        Remote: restart time 120 sec, restart flag set, notification flag set\n"
        "            ipv4-unicast, forward flag set\n"
        "    add-path:\treceived\n"
        "      Remote:\n"
        "         ipv4-unicast:\tsend/receive\n"
        "         ipv6-unicast:\treceive\n"
        "    long-lived-graceful-restart:\treceived\n"
        "        Remote:\n"
        "            ipv4-unicast, restart time 3600 sec, forward flag set\n"
        "    cisco-route-refresh:\treceived\n"
        "    bgp-role:\treceived\n"
        "      Remote:\n"
        "         03\n"
        "    unknown-200:\tadvertised and received\n"
        "      Local:\n"
        "         be ef\n"
        "      Remote:\n"
        "         be ef\n"
        "    unknown-201:\treceived\n"
    )


def test_a_peer_cannot_write_on_the_terminal() -> None:
    assert show("", "4906 03 1b5b48 01 0a  4b03 02 0d41") == (
        "    fqdn:\treceived\n"
        "      Remote:\n"
        "         name: ?[H, domain: ?\n"
        "    software-version:\treceived\n"
        "      Remote:\n"
        "         ?A\n"
    )


def test_every_capability_that_is_read_has_its_line() -> None:
    shown = set(CAPABILITY_NAMES.values())
    assert {row.name for row in CAPABILITY_TABLE.values()} <= shown
    assert len(CAPABILITY_NAMES) == 13
