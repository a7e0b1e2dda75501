"""What keeps the daemon from starting: one line for the operator, a status of its own."""

import socket
from pathlib import Path

import pytest

from harness.gobgpd import GOBGP, GOBGPD, Gobgpd
from harness.kernel import list_prefixes
from harness.namespace import Lab
from harness.pair import GLOBAL, Pair, exports, neighbor
from harness.wait import wait_until

LISTEN, API, FILE = 3, 4, 6


def refuse(lab: Lab, toml: str, *options: str, taken: tuple[str, int] | None = None) -> str:
    """``gobgpd: `` and its line, behind the status."""
    space = lab.namespace("one")
    file = lab.folder / "gobgpd.toml"
    file.write_text(toml)
    if taken is not None:
        sock = space.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        space.at_end(sock.close)
        sock.bind(taken)
        sock.listen()
    done = space.try_run(GOBGPD, "-f", file, *options, timeout_s=20)
    (line,) = done.stderr.splitlines()
    assert "Traceback" not in done.stdout
    assert "gobgpd started" not in done.stdout
    return f"{done.returncode} {line}"


def test_the_bgp_port_is_taken(lab: Lab) -> None:
    assert refuse(lab, GLOBAL, taken=("127.0.0.1", 179)) == (
        f"{LISTEN} gobgpd: wanted to listen on 0.0.0.0 port 179, found: address already in use; "
        "stop the other BGP daemon, or set another global.config.port"
    )


def test_the_api_port_is_taken(lab: Lab) -> None:
    line = refuse(lab, GLOBAL, taken=("127.0.0.1", 50051))
    assert line.startswith(f"{API} gobgpd: ")
    assert "127.0.0.1:50051" in line
    assert "ddress already in use" in line


def test_the_host_has_no_such_address(lab: Lab) -> None:
    line = refuse(lab, GLOBAL + '  local-address-list = ["192.0.2.77"]\n')
    assert line == (
        f"{LISTEN} gobgpd: wanted to listen on 192.0.2.77 port 179, found: cannot assign requested "
        "address; give the host this address, or change global.config.local-address-list"
    )


def test_the_host_has_no_such_interface(lab: Lab) -> None:
    line = refuse(lab, GLOBAL + '  bind-to-device = "eth9"\n')
    assert line == (
        f"{LISTEN} gobgpd: wanted to listen on interface eth9, 0.0.0.0 port 179, found: no such "
        "device; set another global.config.bind-to-device"
    )


def test_the_file_cannot_be_read(lab: Lab) -> None:
    space = lab.namespace("one")
    for path, why in ((lab.folder / "none.toml", "No such file"), (lab.folder, "Is a directory")):
        done = space.try_run(GOBGPD, "-f", path)
        assert done.returncode == FILE
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"gobgpd: {path}: cannot be read: {why}")


@pytest.mark.parametrize("kept", [True, False], ids=["all", "without CAP_NET_ADMIN"])
def test_bgp_runs_without_the_right_to_change_routes(lab: Lab, kept: bool) -> None:
    pair = Pair(lab)
    pair.start_bird({"198.51.100.0/24": ""})
    if kept:
        pair.start_daemon(exports())
        wait_until(lambda: list_prefixes(pair.router) == ["198.51.100.0/24"], "installed")
        return
    file = lab.folder / "gobgpd.toml"
    file.write_text(pair.toml(neighbor(), exports()))
    with (lab.folder / "gobgpd.log").open("wb") as log:
        pair.router.popen(
            *("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"),
            *(GOBGPD, "-f", file),
            stdout=log,
        )
    pair.bird.wait_established("gobgpd")
    wait_until(lambda: "198.51.100.0/24" in pair.router.run(GOBGP, "global", "rib"), "BGP runs")
    said = (lab.folder / "gobgpd.log").read_text()
    assert said.count("run gobgpd with CAP_NET_ADMIN") == 1
    assert list_prefixes(pair.router) == []


def test_the_command_line_says_when_nobody_answers(lab: Lab) -> None:
    done = lab.namespace("one").try_run(GOBGP, "neighbor")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "rpc error: code = Unavailable desc = connection error: 127.0.0.1:50051: Connection "
        "refused; is gobgpd running there? (see --host, --port and --target)\n"
    )


def test_a_socket_of_the_api_that_was_left_behind_is_no_obstacle(lab: Lab, tmp_path: Path) -> None:
    space = lab.namespace("one")
    target = f"unix://{tmp_path}/api.sock"
    daemon = Gobgpd(space, tmp_path, GLOBAL, options=("--api-hosts", target))
    daemon.kill()
    daemon.start()
    assert "AS:        65001" in space.run(GOBGP, "--target", target, "global")
    daemon.stop()
