"""BIRD 2 as a peer: the configuration is the test's, the process and its socket are here."""

import re
import signal
import subprocess
from pathlib import Path

from harness.namespace import Namespace, ProcessEnded, end_process
from harness.wait import wait_until

BIRD = Path("/usr/sbin/bird")
BIRDC = Path("/usr/sbin/birdc")


class Bird:
    """One BIRD in a namespace, running from construction to ``stop``.

    The configuration text needs ``router id`` and protocols only.
    """

    def __init__(self, space: Namespace, folder: Path, text: str, name: str = "bird") -> None:
        self.space = space
        self.configuration = folder / f"{name}.conf"
        self.log = folder / f"{name}.log"
        self.control = folder / f"{name}.ctl"
        self.write(text)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = self.space.popen(
                *(BIRD, "-f", "-c", self.configuration, "-s", self.control),
                *("-P", self.control.with_suffix(".pid")),
                stdout=log,
                stderr=log,
            )

        def answers() -> bool:
            if process.poll() is not None:
                raise ProcessEnded(f"bird: {self.log.read_text()}")
            return self.space.try_run(*self._birdc("show status")).returncode == 0

        wait_until(answers, "bird answers on its control socket")
        return process

    def _birdc(self, words: str) -> list[str | Path]:
        return [BIRDC, "-s", self.control, *words.split()]

    def write(self, text: str) -> None:
        """The configuration, for the next start or ``configure``."""
        self.configuration.write_text(f"log stderr all;\nprotocol device {{}}\n{text}\n")

    def command(self, words: str) -> str:
        """What ``birdc WORDS`` prints."""
        return self.space.run(*self._birdc(words))

    def configure(self, text: str) -> None:
        """Take another configuration while running (sessions stay where nothing changed)."""
        self.write(text)
        answer = self.command("configure")
        assert "Reconfigur" in answer, answer

    def state(self, protocol: str) -> str:
        """The BGP state of a protocol as BIRD words it: Established, Active, Connect, ..."""
        found = re.search(r"BGP state:\s+(\S+)", self.command(f"show protocols all {protocol}"))
        return found[1] if found else ""

    def wait_established(self, protocol: str, timeout_s: float = 20.0) -> None:
        wait_until(
            lambda: self.state(protocol) == "Established",
            f"bird's {protocol} is Established",
            timeout_s=timeout_s,
            poll_s=0.05,
        )

    def prefixes(self, protocol: str) -> list[str]:
        """What was learnt by a protocol, sorted."""
        text = self.command(f"show route protocol {protocol}")
        return sorted(set(re.findall(r"^([0-9a-f.:]+/\d+)\s", text, re.MULTILINE)))

    def route(self, prefix: str) -> str:
        """``show route PREFIX all``, "" when BIRD has no such network."""
        done = self.space.try_run(*self._birdc(f"show route {prefix} all"))
        return "" if "not found" in done.stdout + done.stderr else done.stdout

    def stop(self) -> None:
        """SIGTERM: the sessions are closed with a NOTIFICATION."""
        end_process(self._process)

    def kill(self) -> None:
        """As a power cut would: no NOTIFICATION."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Fall silent with all connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Speak again after ``pause``."""
        self._process.send_signal(signal.SIGCONT)

    def start(self) -> None:
        """Once more, after ``stop`` or ``kill``."""
        self._process = self._start()
