"""Network namespaces that live as long as one test, and the cables between them.

Rules: names carry our process id and a counter, so runs side by side never meet; only processes
started here are ended here; what is made is unmade in any case (``Lab`` is a context manager).
Sockets can be had inside a namespace without a process there: see ``open_socket``.
"""

import ctypes
import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

CLONE_NEWNET = 0x40000000
COMMAND_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0

_counter = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)

Output = int | IO[bytes] | None


class CommandFailed(AssertionError):
    """A command in a namespace ended with another status than 0; the text holds its output."""


class ProcessEnded(Exception):
    """A process ended that should run; no use to wait for anything of it."""


class Namespace:
    """One network namespace with its loopback up, and the processes started in it."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.name = f"gt{os.getpid()}-{next(_counter)}-{label}"
        self.path = Path("/run/netns") / self.name
        self._processes: list[subprocess.Popen[bytes]] = []
        self._at_end: list[Callable[[], object]] = []
        _call(["ip", "netns", "add", self.name])
        self.ip("link set lo up")

    def __repr__(self) -> str:
        return f"<Namespace {self.label}>"

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """The same command as run inside; the process stays the same (nsenter only execs)."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, arguments)]

    def run(self, *arguments: str | Path, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """What a command prints on stdout.

        Raises:
            CommandFailed: its status was not 0.
        """
        return _call(self.command(arguments), timeout_s=timeout_s)

    def try_run(
        self, *arguments: str | Path, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Likewise, for a command that may fail: status, stdout and stderr."""
        return subprocess.run(
            self.command(arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def popen(
        self,
        *arguments: str | Path,
        stdout: Output = subprocess.DEVNULL,
        stderr: Output = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a process that ends at the latest with this namespace."""
        process = subprocess.Popen(
            self.command(arguments), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        self._processes.append(process)
        return process

    def ip(self, words: str) -> str:
        """``ip -N WORDS`` (numbers instead of names from files of the machine)."""
        return self.run("ip", "-N", *words.split())

    def set_sysctl(self, key: str, value: int | str) -> None:
        """Write a key of /proc/sys; dots in interface names are not supported."""
        path = "/proc/sys/" + key.replace(".", "/")
        self.run("sh", "-c", 'echo "$1" >"$2"', "sh", str(value), path)

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this namespace, for use from anywhere: it keeps the one it was made in."""
        made: list[socket.socket | OSError] = []

        def enter_and_open() -> None:  # setns changes the calling thread alone
            try:
                with self.path.open("rb") as handle:
                    if _libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                        code = ctypes.get_errno()
                        raise OSError(code, os.strerror(code), str(self.path))
                made.append(socket.socket(family, kind, protocol))
            except OSError as error:
                made.append(error)

        thread = threading.Thread(target=enter_and_open)
        thread.start()
        thread.join()
        (result,) = made
        if isinstance(result, OSError):
            raise result
        return result

    def at_end(self, action: Callable[[], object]) -> None:
        """Have something done before the namespace goes."""
        self._at_end.append(action)

    def close(self) -> None:
        """End what was started here, then the namespace; what is gone already is fine."""
        for action in reversed(self._at_end):
            action()
        for process in reversed(self._processes):
            end_process(process)
        _call(["ip", "netns", "delete", self.name])


def end_process(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL when that is not heard."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Lab:
    """The namespaces of one test and the processes in them; everything ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespaces: list[Namespace] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        troubles: list[BaseException] = []
        while self.namespaces:
            try:
                self.namespaces.pop().close()
            except (CommandFailed, OSError) as trouble:
                troubles.append(trouble)
        if troubles and error is None:
            raise troubles[0]

    def namespace(self, label: str) -> Namespace:
        made = Namespace(label)
        self.namespaces.append(made)
        return made

    def connect(
        self,
        one: tuple[Namespace, str],
        other: tuple[Namespace, str],
        addresses: Sequence[tuple[str, str]] = (),
    ) -> None:
        """A cable (veth pair) between two namespaces, up, with addresses at either end.

        IPv6 addresses are usable at once: duplicate address detection is off on both ends.
        """
        (left, left_name), (right, right_name) = one, other
        end = ("type", "veth", "peer", "name", right_name, "netns", right.name)
        left.run("ip", "link", "add", left_name, *end)
        for space, name in (one, other):
            with suppress(CommandFailed):  # a kernel without IPv6 has no such key
                space.set_sysctl(f"net.ipv6.conf.{name}.accept_dad", 0)
            space.ip(f"link set {name} up")
        for left_address, right_address in addresses:
            left.ip(f"address add {left_address} dev {left_name}")
            right.ip(f"address add {right_address} dev {right_name}")


def _call(command: Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        output = f"{done.stdout}{done.stderr}".strip()
        raise CommandFailed(f"{' '.join(command)}: status {done.returncode}: {output}")
    return done.stdout
