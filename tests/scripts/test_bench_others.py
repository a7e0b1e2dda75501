"""What the bench tells the other daemons, and which of them are asked for what."""

from pathlib import Path

import pytest

from scripts.bench_lib.__main__ import parse_options
from scripts.bench_lib.adapter import Setup
from scripts.bench_lib.daemons import DAEMONS
from scripts.bench_lib.others import (
    frr_configuration,
    gobgp_configuration,
    openbgpd_configuration,
)


def test_frr_sends_to_the_receiver_alone() -> None:
    lines = frr_configuration(Setup(4, has_receiver=True)).splitlines()
    assert " neighbor 10.200.1.2 remote-as 65001" in lines
    assert " neighbor 10.200.2.2 remote-as 65002" in lines
    assert "  neighbor 10.200.1.2 prefix-list NONE out" in lines
    assert "  neighbor 10.200.2.2 prefix-list NONE out" not in lines
    assert lines[-1] == "ip prefix-list NONE seq 5 deny any"


def test_frr_has_a_list_of_the_family_to_refuse_by() -> None:
    lines = frr_configuration(Setup(6)).splitlines()
    assert " address-family ipv6 unicast" in lines
    assert lines[-1] == "ipv6 prefix-list NONE seq 5 deny any"


def test_gobgp_listens_where_its_peers_connect() -> None:
    text = gobgp_configuration(Setup(6, has_receiver=True))
    assert "local-address-list = ['fd00:200:1::1', 'fd00:200:2::1']" in text
    assert text.count('afi-safi-name = "ipv6-unicast"') == 2


def test_openbgpd_allows_the_receiver_what_it_may_have() -> None:
    control = Path("/run/control")
    lines = openbgpd_configuration(Setup(4, has_receiver=True), control).splitlines()
    assert lines[-2:] == ["allow from any", "allow to 10.200.2.2"]
    assert openbgpd_configuration(Setup(4), control).splitlines()[-1] == "allow from any"


def test_who_cannot_write_into_the_kernel_is_not_asked_to() -> None:
    assert {name for name, adapter in DAEMONS.items() if adapter.has_kernel} == {
        "ours",
        "bird",
        "frr",
    }


def test_a_daemon_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--only", "quagga"])
    assert "invalid choice: 'quagga'" in capsys.readouterr().err
