"""Our daemon and command line as installed: by their full paths, through the files an operator has.

Rules: what the daemon logs goes to a file the test can read; whatever it says on stderr is a
failure, and so is any exit status but 0 after SIGTERM (``stop`` checks both).
"""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from harness.namespace import Namespace, ProcessEnded
from harness.wait import wait_until

PROJECT = Path(__file__).resolve().parents[2]
GOBGPD = PROJECT / ".venv" / "bin" / "gobgpd"
GOBGP = PROJECT / ".venv" / "bin" / "gobgp"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0


class Gobgpd:
    """One gobgpd in a namespace, up and running from construction to ``stop``."""

    def __init__(
        self,
        space: Namespace,
        folder: Path,
        toml: str,
        *,
        name: str = "gobgpd",
        options: tuple[str, ...] = (),
    ) -> None:
        self.space = space
        self.configuration = folder / f"{name}.toml"
        self.log_file = folder / f"{name}.log"
        self.stderr_file = folder / f"{name}.stderr"
        self.options = options
        self.configuration.write_text(toml)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        started_before = self._starts_count()
        with self.log_file.open("ab") as log, self.stderr_file.open("ab") as stderr:
            command: list[str | Path] = [GOBGPD, "-f", self.configuration, *self.options]
            process = self.space.popen(*command, stdout=log, stderr=stderr)

        def answers() -> bool:
            if process.poll() is not None:
                raise ProcessEnded(f"gobgpd: {self.stderr()}{self.log()}")
            return self._starts_count() > started_before

        wait_until(answers, "gobgpd says that it has started", timeout_s=START_TIMEOUT_S)
        return process

    def _starts_count(self) -> int:
        return self.log().count('"gobgpd started"') if self.log_file.exists() else 0

    def log(self) -> str:
        return self.log_file.read_text()

    def stderr(self) -> str:
        return self.stderr_file.read_text()

    def events(self) -> list[dict[str, Any]]:
        """The log as parsed JSON lines."""
        return [json.loads(line) for line in self.log().splitlines()]

    def messages(self, text: str) -> list[dict[str, Any]]:
        """The log lines with this in their message."""
        return [event for event in self.events() if text in event["msg"]]

    def command(self, words: str) -> str:
        """What ``gobgp WORDS`` prints.

        Raises:
            CommandFailed: its status was not 0.
        """
        return self.space.run(GOBGP, *words.split())

    def json(self, words: str) -> Any:
        """What ``gobgp -j WORDS`` prints, parsed."""
        return json.loads(self.command(f"-j {words}"))

    def rib_prefixes(self, version: int = 4) -> list[str]:
        """The prefixes of the global table, sorted as text."""
        return sorted(self.json(f"global rib -a ipv{version}"))

    def neighbor_state(self, address: str) -> str:
        """The words of ``gobgp neighbor ADDRESS``: Establ, Active, Idle, ..."""
        for line in self.command("neighbor").splitlines():
            fields = line.split()
            if fields and fields[0] == address:
                return fields[3]
        return ""

    def wait_established(self, address: str, timeout_s: float = 20.0) -> None:
        wait_until(
            lambda: self.neighbor_state(address).startswith("Establ"),
            f"the session with {address} is established",
            timeout_s=timeout_s,
            poll_s=0.1,
        )

    def reload(self, toml: str) -> None:
        """A new configuration and SIGHUP, until the daemon says what it made of it."""
        reloads_before = self._reloads_count()
        self.configuration.write_text(toml)
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: self._reloads_count() > reloads_before,
            "gobgpd says what it made of the new configuration",
            timeout_s=START_TIMEOUT_S,
        )

    def _reloads_count(self) -> int:
        return len(self.messages("config changed")) + len(self.messages("config not changed"))

    def resident_octets(self) -> int:
        """Memory in use, from /proc."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """SIGTERM: within 5 s, status 0, nothing on stderr."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_TIMEOUT_S)
        assert self.stderr() == "", self.stderr()
        assert status == 0, f"status {status}: {self.log()}"

    def kill(self) -> None:
        """SIGKILL: its routes stay in the kernel, its peers hear nothing."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Once more, after ``stop`` or ``kill``, with the configuration as it is in the file."""
        self.process = self._start()
