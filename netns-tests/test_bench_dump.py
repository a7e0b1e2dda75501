"""A small table dump through the bench: ours and BIRD are told it and choose the same."""

from pathlib import Path

from scripts.bench_lib.mrt import parse_dump
from scripts.bench_lib.mrt_report import format_run, is_right
from scripts.bench_lib.mrt_run import run_dump
from tests.scripts.mrt_file import DUMP


def test_a_dump_is_told_to_both_and_decided_alike(tmp_path: Path) -> None:
    dump = parse_dump(DUMP)
    heard, comparison = run_dump(dump, 4, tmp_path)
    assert is_right(heard, comparison)
    lines = list(format_run(dump, 4, heard, comparison))
    assert lines[:8] == [
        "IPv4: 4 prefixes, 7 paths of 3 peers, 5 different sets of attributes",
        "told by each peer alone, read, kept, written and sent to an internal peer:",
        "  ours  6 as they must be, 1 rightly not (NO_ADVERTISE), unexplained 0",
        "  bird  6 as they must be, 1 rightly not (NO_ADVERTISE), unexplained 0",
        "told by all peers together, best paths:",
        "  the same 4",
        "  ours  other than a plain computation: 0",
        "  bird  other than a plain computation: 0",
    ]
