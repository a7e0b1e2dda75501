"""What the bench reads in /proc."""

import os

from scripts.bench_lib.machine import parse_rt6_stats, parse_triestat, read_usage

TRIESTAT = """\
Basic info: size of leaf: 48 bytes, size of tnode: 40 bytes.
Main:
\tAver depth:     2.50
\tMax depth:      4
\tLeaves:         101
\tPrefixes:       112
\tInternal nodes: 30
Local:
\tAver depth:     1.00
\tPrefixes:       7
"""


def test_ipv4_routes_are_those_of_the_main_table() -> None:
    assert parse_triestat(TRIESTAT) == 112
    assert parse_triestat("Basic info: size of leaf: 48 bytes\n") == 0


def test_ipv6_routes_are_the_fourth_number() -> None:
    assert parse_rt6_stats("0002 0001 0005 00ff 0000 0003 0000\n") == 255


def test_the_usage_of_a_process() -> None:
    usage = read_usage([os.getpid()])
    assert usage.cpu_s > 0
    assert 5_000_000 < usage.rss_octets < 5_000_000_000
    assert read_usage([os.getpid(), os.getpid()]).rss_octets > 1.9 * usage.rss_octets
