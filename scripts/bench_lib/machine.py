"""What /proc tells: routes in the kernel without dumping them, memory and CPU time of a process."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CPU_FIELDS = 8  # user, nice, system, idle, iowait, irq, softirq, steal
_IDLE, _IOWAIT = 3, 4


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes have used up to now; ``rss_octets`` is their resident memory."""

    cpu_s: float
    rss_octets: int


def read_usage(pids: Sequence[int]) -> Usage:
    """Of some processes together, with all their threads."""
    ticks = pages = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
        pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage(ticks / _TICKS_PER_S, pages * os.sysconf("SC_PAGE_SIZE"))


def count_kernel_routes(pid: int, family: int) -> int:
    """Routes in the network namespace of a process, without dumping them.

    IPv4 from the statistics of the main table's trie, IPv6 from a counter of all tables; only
    differences mean something.
    """
    folder = Path(f"/proc/{pid}/net")
    if family == 6:
        return parse_rt6_stats((folder / "rt6_stats").read_text())
    return parse_triestat((folder / "fib_triestat").read_text())


def parse_rt6_stats(text: str) -> int:
    """The fourth number, hexadecimal: routes in the tables (``rt6_stats_seq_show``)."""
    return int(text.split()[3], 16)


def parse_triestat(text: str) -> int:
    """``Prefixes:`` of the block ``Main:`` (``fib_triestat_seq_show``); 0 when there is none."""
    block = ""
    for line in text.splitlines():
        if not line.startswith("\t"):
            block = line.strip()
        elif block == "Main:" and line.strip().startswith("Prefixes:"):
            return int(line.split()[1])
    return 0


def read_busy_s() -> float:
    """CPU seconds that the whole machine has spent on anything."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    used = sum(fields[:_CPU_FIELDS]) - fields[_IDLE] - fields[_IOWAIT]
    return used / _TICKS_PER_S


def read_own_cpu_s() -> float:
    """CPU seconds of the bench itself and what it started and waited for."""
    return sum(os.times()[:4])
