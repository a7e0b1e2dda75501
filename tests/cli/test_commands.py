"""Whole command lines against a served API: words and flags in, requests and output out."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import betterproto
import pytest

from gobgp_trio.api.pb.api import (
    AddPathRequest,
    DeletePathRequest,
    DisablePeerRequest,
    EnablePeerRequest,
    GetNetlinkResponse,
    GetTableRequest,
    GetTableResponse,
    Global,
    GoBgpServiceStub,
    ListNetlinkExportRequest,
    ListNetlinkExportResponse,
    ListNetlinkExportResponseExportedRoute,
    ListPathRequest,
    ListPeerRequest,
    Peer,
    PeerState,
    PeerStateSessionState,
    ResetPeerRequest,
    ResetPeerRequestDirection,
    ShutdownPeerRequest,
)
from gobgp_trio.api.wire import MalformedMessage
from gobgp_trio.cli import main
from gobgp_trio.cli.connection import call
from gobgp_trio.cli.deferred import DEFERRED
from gobgp_trio.cli.errors import CommandError
from gobgp_trio.cli.settings import Settings
from tests.cli.fake_daemon import FakeDaemon, serve
from tests.cli.paths import make_answer, make_path

Run = Callable[[str], tuple[int, str, str]]
GLOBAL = Global(asn=65001, router_id="10.0.0.1", listen_port=179, listen_addresses=["0.0.0.0"])


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with serve(FakeDaemon(found=GLOBAL), tmp_path) as fake:
        yield fake


@pytest.fixture
def run(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``gobgp WORDS`` on the fake daemon: (exit status, standard output, standard error)."""

    def run_line(line: str) -> tuple[int, str, str]:
        status = main.run(["--target", daemon.target, *line.split()])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_line


def last_request(daemon: FakeDaemon, kind: type) -> object:
    request = daemon.requests[-1]
    assert isinstance(request, kind)
    return request


# --- words and flags ---------------------------------------------------------


def test_global(run: Run) -> None:
    text = "AS:        65001\nRouter-ID: 10.0.0.1\nListening Port: 179, Addresses: 0.0.0.0\n"
    assert run("global") == (0, text, "")


@pytest.mark.parametrize("line", ["-j global", "global -j", "gl --json"])
def test_flags_stand_anywhere_and_words_may_be_cut(run: Run, line: str) -> None:
    text = '{"asn":65001,"router_id":"10.0.0.1","listen_port":179,"listen_addresses":["0.0.0.0"]}\n'
    assert run(line) == (0, text, "")


def test_a_word_that_could_be_two_commands_is_refused(run: Run) -> None:
    status, out, err = run("ne")
    assert (status, out) == (1, "")
    assert 'Error: "ne" could be neighbor or netlink' in err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nosuch", 'unknown command "nosuch" for "gobgp" (there are: global, help, neighbor'),
        ("global nosuch", 'unknown command "nosuch" for "gobgp global" (there are: rib)'),
        ("netlink import nosuch", 'unknown command "nosuch"'),
        ("neighbor 10.0.0.1 nosuch", "(there are: adj-in, adj-out, disable, enable"),
        ("global --nosuch", "No such option"),
        ("global -p abc", "not a valid integer"),
        ("global -p 70000", "not in the range"),
        ("help nosuch", 'unknown command "nosuch"'),
    ],
)
def test_what_is_no_command_is_told_on_standard_error(run: Run, line: str, message: str) -> None:
    status, out, err = run(line)
    assert (status, out) == (1, "")
    assert message in err


def test_version_and_help(run: Run) -> None:
    assert run("--version")[1].startswith("gobgp version ")
    assert "Commands:" in run("--help")[1]
    assert "Usage: gobgp netlink export" in run("help netlink export")[1]
    assert "PREFIX" in run("global rib -h")[1]


def test_without_words_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_every_deferred_function_is_there() -> None:
    assert len(DEFERRED) > 10
    for module, function in DEFERRED:
        assert callable(getattr(import_module(f"gobgp_trio.cli.{module}"), function))


# --- routes ------------------------------------------------------------------


def test_global_rib(run: Run, daemon: FakeDaemon) -> None:
    now_s = int(time.time())
    daemon.paths = [
        make_answer(make_path("10.2.0.0/24", age_s=now_s + 60)),
        make_answer(make_path("10.1.0.0/24 nexthop 10.0.0.9", age_s=now_s + 60)),
    ]
    status, out, _ = run("global rib")
    assert status == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["*>", "10.1.0.0/24", "10.0.0.9", "00:00:00", "[{Origin:", "?}]"],
        ["*>", "10.2.0.0/24", "0.0.0.0", "00:00:00", "[{Origin:", "?}]"],
    ]
    request = last_request(daemon, ListPathRequest)
    assert isinstance(request, ListPathRequest)
    assert (request.table_type, request.name, request.prefixes) == (1, "", [])
    assert (request.family.afi, request.family.safi) == (1, 1)
    assert not request.enable_filtered


def test_global_rib_as_json(run: Run, daemon: FakeDaemon) -> None:
    assert run("-j global rib") == (0, "{}\n", "")
    daemon.paths = [make_answer(make_path("10.2.0.0/24"))]
    assert run("-j global rib")[1].startswith('{"10.2.0.0/24":[{"Family":0,')


@pytest.mark.parametrize(
    ("words", "prefix", "kind", "afi"),
    [
        ("10.1.0.9/24", "10.1.0.0/24", 1, 1),
        ("10.1.0.9", "10.1.0.9", 1, 1),
        ("10.0.0.0/8 longer-prefixes", "10.0.0.0/8", 2, 1),
        ("10.0.0.0/8 shorter", "10.0.0.0/8", 3, 1),
        ("2001:DB8::/32", "2001:db8::/32", 1, 2),
    ],
)
def test_global_rib_of_some_prefixes(
    run: Run, daemon: FakeDaemon, words: str, prefix: str, kind: int, afi: int
) -> None:
    assert run(f"global rib {words}") == (0, "Network not in table\n", "")
    request = last_request(daemon, ListPathRequest)
    assert isinstance(request, ListPathRequest)
    assert [(one.prefix, one.type) for one in request.prefixes] == [(prefix, kind)]
    assert request.family.afi == afi


@pytest.mark.parametrize("line", ["global rib -a ipv6", "global -j rib -a 6", "global rib -a v6"])
def test_the_family_of_global_rib(run: Run, daemon: FakeDaemon, line: str) -> None:
    assert run(line)[0] == 0
    request = last_request(daemon, ListPathRequest)
    assert isinstance(request, ListPathRequest)
    assert request.family.afi == 2


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("global rib -a nonsense", "unsupported address family: nonsense"),
        ("global rib 10.0.0.0/99", "invalid CIDR/IP"),
        ("global rib 10.0.0.0/8 sideways", "invalid format for route filtering"),
        ("global rib 10.0.0.0/8 longer-prefixes rd", "invalid format for route filtering"),
    ],
)
def test_errors_stand_on_standard_output(run: Run, line: str, text: str) -> None:
    assert run(line) == (1, f"{text}\n", "")
    assert run(f"-j {line}") == (1, f'{{"error":"{text}"}}\n', "")


def test_global_rib_summary(run: Run, daemon: FakeDaemon) -> None:
    daemon.table = GetTableResponse(num_destination=2, num_path=3)
    text = "Table afi:AFI_IP6  safi:SAFI_UNICAST\nDestination: 2, Path: 3\n"
    assert run("global rib summary -a ipv6") == (0, text, "")
    assert run("-j global rib su")[1] == '{"num_destination":2,"num_path":3}\n'
    request = last_request(daemon, GetTableRequest)
    assert isinstance(request, GetTableRequest)
    assert (request.table_type, request.name, request.family.afi) == (1, "", 1)


def test_adding_a_route(run: Run, daemon: FakeDaemon) -> None:
    assert run("global rib add 10.1.0.0/24 med 5 -a ipv4") == (0, "", "")
    request = last_request(daemon, AddPathRequest)
    assert isinstance(request, AddPathRequest)
    assert request.table_type == 1
    assert request.path.nlri.prefix is not None
    assert request.path.nlri.prefix.prefix == "10.1.0.0"
    assert len(request.path.pattrs) == 3


def test_deleting_a_route_and_all_routes(run: Run, daemon: FakeDaemon) -> None:
    assert run("global rib del 2001:db8::/32") == (0, "", "")
    request = last_request(daemon, DeletePathRequest)
    assert isinstance(request, DeletePathRequest)
    assert (request.table_type, request.family.afi) == (1, 2)
    assert request.path.nlri.prefix is not None
    assert request.path.nlri.prefix.prefix == "2001:db8::"
    assert run("global rib del all -a ipv6") == (0, "", "")
    request = last_request(daemon, DeletePathRequest)
    assert isinstance(request, DeletePathRequest)
    assert request.family.afi == 2
    assert not bytes(request.path)


def test_a_wrong_route_shows_the_usage(run: Run, daemon: FakeDaemon) -> None:
    status, out, err = run("global rib add nonsense")
    assert (status, err) == (1, "")
    assert out.startswith("error: wanted a prefix like 10.0.0.0/8, found 'nonsense'\nusage: global")
    assert daemon.requests == []


def test_a_refusal_of_the_daemon_is_told(run: Run, daemon: FakeDaemon) -> None:
    daemon.refusal = "no such family"
    text = "rpc error: code = Unknown desc = no such family"
    assert run("global rib add 10.0.0.0/8") == (1, f"{text}\n", "")
    assert run("-j global rib del all") == (1, f'{{"error":"{text}"}}\n', "")


def test_an_answer_that_makes_no_sense_is_an_error(daemon: FakeDaemon) -> None:
    async def read(_api: GoBgpServiceStub) -> None:
        raise MalformedMessage("wanted octets, found the number 1")

    with pytest.raises(CommandError, match="makes no sense: wanted octets"):
        call(Settings(target=daemon.target), read)


# --- neighbors ---------------------------------------------------------------


def pb_direction(number: int) -> ResetPeerRequestDirection:
    return ResetPeerRequestDirection(number)


def make_peer(address: str, state: int) -> Peer:
    found = PeerState(neighbor_address=address, session_state=PeerStateSessionState(state))
    return Peer(state=found)


def test_neighbors(run: Run, daemon: FakeDaemon) -> None:
    daemon.peers = [make_peer("10.0.0.2", 3), make_peer("10.0.0.1", 6)]
    assert run("neighbor")[1].splitlines()[1] == (
        "10.0.0.1  *   never Establ      |        0         0"
    )
    assert run("-q neighbor") == (0, "10.0.0.2\n10.0.0.1\n", "")
    assert run("neighbor -j")[1].startswith('[{"state":{"neighbor_address":"10.0.0.2"')
    daemon.peers = []
    assert run("-j neighbor")[1] == "[]\n"


def test_one_neighbor(run: Run, daemon: FakeDaemon) -> None:
    daemon.peers = [make_peer("10.0.0.1", 6)]
    assert run("neighbor 10.0.0.1")[1].startswith("BGP neighbor is 10.0.0.1, remote AS 0\n")
    assert run("neighbor 10.0.0.1 -j")[1].startswith('{"state":{')
    request = last_request(daemon, ListPeerRequest)
    assert isinstance(request, ListPeerRequest)
    assert (request.address, request.enable_advertised) == ("10.0.0.1", True)
    assert run("neighbor 10.0.0.9") == (1, "not found neighbor 10.0.0.9\n", "")


@pytest.mark.parametrize(("table", "number"), [("adj-in", 3), ("adj-out", 4)])
def test_tables_of_a_neighbor(run: Run, daemon: FakeDaemon, table: str, number: int) -> None:
    daemon.paths = [make_answer(make_path("10.2.0.0/24"))]
    assert "10.2.0.0/24" in run(f"neighbor 10.0.0.1 {table} 10.2.0.0/24")[1]
    request = last_request(daemon, ListPathRequest)
    assert isinstance(request, ListPathRequest)
    assert (request.table_type, request.name) == (number, "10.0.0.1")
    assert request.enable_filtered
    assert [one.prefix for one in request.prefixes] == ["10.2.0.0/24"]
    assert run(f"neighbor 10.0.0.1 {table} summary")[0] == 0
    summary = last_request(daemon, GetTableRequest)
    assert isinstance(summary, GetTableRequest)
    assert (summary.table_type, summary.name) == (number, "10.0.0.1")


def test_the_family_of_a_neighbors_table_is_that_of_its_address(
    run: Run, daemon: FakeDaemon
) -> None:
    daemon.peers = [make_peer("2001:db8::1", 6)]
    for line, afi in (
        ("neighbor 2001:db8::1 adj-in", 2),
        ("neighbor 2001:db8::1 adj-in -a ipv4", 1),
        ("neighbor 2001:db8::1 adj-in 10.0.0.0/8", 1),
        ("neighbor 2001:db8::1 -a ipv4 adj-in", 1),
    ):
        daemon.requests.clear()
        assert run(line) == (0, "Network not in table\n", "")
        (request, _) = daemon.requests
        assert isinstance(request, ListPathRequest)
        assert request.family.afi == afi


def test_an_empty_table_of_a_session_that_is_down_is_an_error(run: Run, daemon: FakeDaemon) -> None:
    daemon.peers = [make_peer("10.0.0.1", 3)]
    text = "neighbor 10.0.0.1's BGP session is not established"
    assert run("neighbor 10.0.0.1 adj-in") == (1, f"{text}\n", "")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("reset", ResetPeerRequest("10.0.0.1")),
        ("reset --reason again", ResetPeerRequest("10.0.0.1", "again")),
        ("softreset", ResetPeerRequest("10.0.0.1", soft=True, direction=pb_direction(3))),
        ("softresetin", ResetPeerRequest("10.0.0.1", soft=True, direction=pb_direction(1))),
        ("softresetout", ResetPeerRequest("10.0.0.1", soft=True, direction=pb_direction(2))),
        ("disable --reason night", DisablePeerRequest("10.0.0.1", "night")),
        ("shutdown --reason night", ShutdownPeerRequest("10.0.0.1", "night")),
        ("enable", EnablePeerRequest("10.0.0.1")),
    ],
)
def test_acting_on_a_session(
    run: Run, daemon: FakeDaemon, line: str, wanted: betterproto.Message
) -> None:
    daemon.peers = [make_peer("10.0.0.1", 6)]
    assert run(f"neighbor 10.0.0.1 {line}") == (0, "", "")
    assert daemon.requests[-1] == wanted
    daemon.refusal = "no"
    assert run(f"neighbor 10.0.0.1 {line}") == (1, "rpc error: code = Unknown desc = no\n", "")


def test_acting_on_a_session_that_is_not_there(run: Run, daemon: FakeDaemon) -> None:
    daemon.peers = [make_peer("10.0.0.1", 6)]
    for word in ("reset", "softreset", "disable", "enable", "shutdown"):
        assert run(f"neighbor 10.0.0.9 {word}") == (1, "not found neighbor 10.0.0.9\n", "")
    assert run("neighbor all disable") == (1, "not found neighbor all\n", "")
    assert run("neighbor all reset") == (0, "", "")
    assert daemon.requests[-1] == ResetPeerRequest("all")


# --- netlink -----------------------------------------------------------------


def test_netlink(run: Run, daemon: FakeDaemon) -> None:
    daemon.netlink = GetNetlinkResponse(import_enabled=True, interfaces=["eth0"])
    assert run("netlink")[1].startswith("Netlink Status:\n\nImport: true\n")
    assert run("netlink import")[1].startswith("Netlink Import Configuration:\n")
    assert run("-j netlink import")[1] == '{"import_enabled":true,"interfaces":["eth0"]}\n'
    assert run("netlink import stats")[1].startswith("Import Statistics:\n  Total Imported:  42\n")
    assert run("-j netlink import stats")[1] == '{"imported":42}\n'


def test_netlink_export(run: Run, daemon: FakeDaemon) -> None:
    assert run("-j netlink export")[1] == "[]\n"
    route = ListNetlinkExportResponseExportedRoute(prefix="10.0.0.0/8", table_id=254)
    daemon.exported = [ListNetlinkExportResponse(route=route)]
    assert run("netlink export --vrf red")[1].splitlines()[2].startswith("10.0.0.0/8 ")
    request = last_request(daemon, ListNetlinkExportRequest)
    assert isinstance(request, ListNetlinkExportRequest)
    assert request.vrf == "red"
    assert run("-j netlink export")[1] == '[{"prefix":"10.0.0.0/8","table_id":254}]\n'
    assert run("netlink export rules") == (0, "No export rules configured\n", "")
    assert run("netlink export stats")[1].startswith("Export Statistics:\n")
    flushed = "All exported routes flushed successfully\n"
    assert run("netlink export flush") == (0, flushed, "")


def test_what_the_daemon_does_not_know_is_told(run: Run, daemon: FakeDaemon) -> None:
    daemon.refusal = "export is not enabled"
    status, out, _ = run("netlink export flush")
    assert (status, out) == (1, "rpc error: code = Unknown desc = export is not enabled\n")


# --- how a run ends ----------------------------------------------------------


def test_nobody_answers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for flags, where, why in (
        (f"-p {port}", f"127.0.0.1:{port}", "Connection refused"),
        (f"--target 127.0.0.1:{port}", f"127.0.0.1:{port}", "Connection refused"),
        (f"-u ::1 -p {port}", f"[::1]:{port}", ""),
        (f"--target unix://{tmp_path}/no", f"socket {tmp_path}/no", "No such file or directory"),
        ("--target unix:no", "socket no", "No such file or directory"),
    ):
        assert main.run([*flags.split(), "global"]) == 1
        out = capsys.readouterr().out
        assert out.startswith(
            f"rpc error: code = Unavailable desc = connection error: {where}: {why}"
        )
        assert out.endswith("is gobgpd running there? (see --host, --port and --target)\n")


def test_a_target_must_be_a_socket_or_a_host_with_port(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["--target", "nonsense", "global"]) == 1
    assert "wanted a target like unix:///path or host:port" in capsys.readouterr().out


def start(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from gobgp_trio.cli.main import main; main()", *arguments]
    # Unbuffered output would hide a closed pipe: the interpreter ignores short writes then.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_a_reader_that_goes_away_ends_the_command_quietly(daemon: FakeDaemon) -> None:
    # More than a pipe holds, so that the command is still writing when the reader goes.
    communities = ",".join(f"65000:{number}" for number in range(1000))
    answer = make_answer(make_path(f"10.0.0.0/24 community {communities}"))
    daemon.paths = [answer] * 30
    process = start(["--target", daemon.target, "global", "rib"])
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("   Network")
    process.stdout.close()
    assert process.wait(20) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_an_interrupt_ends_the_command_quietly(tmp_path: Path) -> None:
    # A socket that accepts and never answers: the command waits until it is interrupted.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "mute.sock"))
        listener.listen()
        process = start(["--target", f"unix://{tmp_path}/mute.sock", "global"])
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")


def test_ages_are_taken_from_the_clock(run: Run, daemon: FakeDaemon) -> None:
    received_s = int(datetime.now(UTC).timestamp()) - 90000
    daemon.paths = [make_answer(make_path("10.2.0.0/24", age_s=received_s))]
    assert " 1d 01:00:0" in run("global rib")[1]
