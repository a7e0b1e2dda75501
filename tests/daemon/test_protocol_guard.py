"""Who else may write routes under our number: claims, and daemons in a made-up /proc."""

import os
from pathlib import Path

import pytest

from gobgp_trio.daemon.protocol_guard import (
    ProtocolInUse,
    check_other_daemons,
    hold_protocol,
    processes_in_namespace,
)

# Claims are real and belong to the namespace the tests run in.
FREE_PROTOCOL = 160 + os.getpid() % 20
OURS, OTHER = "net:[4026531840]", "net:[4026532000]"


def make_process(proc: Path, number: str, name: str, namespace: str = OURS) -> None:
    (proc / number / "ns").mkdir(parents=True)
    (proc / number / "ns" / "net").symlink_to(namespace)
    (proc / number / "comm").write_text(f"{name}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    make_process(tmp_path, "self", "gobgpd")
    make_process(tmp_path, "100", "gobgpd")
    (tmp_path / "net").mkdir()
    (tmp_path / "200" / "ns").mkdir(parents=True)  # ended, or not ours to see
    return tmp_path


def test_a_number_is_held_once_until_it_is_given_back() -> None:
    claim = hold_protocol(FREE_PROTOCOL)
    with pytest.raises(ProtocolInUse, match=f"route-protocol {FREE_PROTOCOL}"):
        hold_protocol(FREE_PROTOCOL)
    hold_protocol(FREE_PROTOCOL + 20).close()
    claim.close()
    hold_protocol(FREE_PROTOCOL).close()


@pytest.mark.parametrize("name", ["zebra", "bgpd"])
def test_an_frr_daemon_in_our_namespace_forbids_its_numbers(proc: Path, name: str) -> None:
    make_process(proc, "300", name)
    with pytest.raises(ProtocolInUse, match=f"{name} runs in this network namespace.*186"):
        check_other_daemons(186, proc)
    with pytest.raises(ProtocolInUse):
        check_other_daemons(11, proc)
    check_other_daemons(90, proc)


def test_one_in_another_namespace_is_no_concern(proc: Path) -> None:
    make_process(proc, "300", "zebra", OTHER)
    check_other_daemons(186, proc)


def test_other_programs_are_no_concern(proc: Path) -> None:
    make_process(proc, "300", "bird")
    check_other_daemons(186, proc)
    assert processes_in_namespace(proc) == {"gobgpd", "bird"}


def test_a_process_that_ends_meanwhile_is_left_out(proc: Path) -> None:
    make_process(proc, "300", "zebra")
    (proc / "300" / "comm").unlink()
    check_other_daemons(186, proc)


def test_a_number_nobody_uses_costs_no_look(tmp_path: Path) -> None:
    check_other_daemons(90, tmp_path / "missing")
