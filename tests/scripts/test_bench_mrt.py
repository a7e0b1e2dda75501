"""Table dumps for the bench: read from octets, told as they are, decided in the plainest way."""

import bz2
import gzip

import pytest

from scripts.bench_lib.mrt import MrtPeer, NotMrt, decompress, parse_dump
from scripts.bench_lib.mrt_decide import (
    Candidate,
    Facts,
    choose_best,
    compare_best,
    read_facts,
    separating_step,
)
from scripts.bench_lib.mrt_feed import ToldKeeper, encode_table, expected_inside
from scripts.bench_lib.mrt_run import candidates_of, identify, line_up
from tests.scripts.mrt_file import (
    DUMP,
    FIRST,
    INDEX,
    ORIGIN_IGP,
    SECOND,
    SECRET,
    THIRD,
    UNKNOWN,
    as_path,
    record,
)

NLRI = bytes.fromhex("18cb0071")


def test_peers_and_paths_are_read() -> None:
    dump = parse_dump(DUMP)
    assert dump.peers == [
        MrtPeer("10.10.10.10", "192.0.2.2", 65001),
        MrtPeer("11.11.11.11", "192.0.2.3", 65002),
        MrtPeer("12.12.12.12", "192.0.2.4", 200000),
    ]
    assert dump.routes[4] == {
        0: {NLRI: bytes.fromhex(FIRST), bytes.fromhex("18c63364"): bytes.fromhex(FIRST)},
        1: {NLRI: bytes.fromhex(SECOND), bytes.fromhex("140a0000"): bytes.fromhex(SECRET)},
        2: {
            NLRI: bytes.fromhex(THIRD),
            bytes.fromhex("18c63364"): bytes.fromhex(THIRD),
            bytes.fromhex("20c0000263"): bytes.fromhex(UNKNOWN),
        },
    }
    assert (dump.count_paths(4), dump.count_prefixes(4)) == (7, 4)
    assert (dump.is_cut, dump.ignored) == (False, 0)


@pytest.mark.parametrize("left_octets", [len(DUMP) - 1, len(DUMP) - 40, len(INDEX) + 5])
def test_a_file_may_end_in_the_middle(left_octets: int) -> None:
    dump = parse_dump(DUMP[:left_octets])
    assert dump.is_cut
    assert len(dump.peers) == 3


def test_a_record_that_contradicts_itself_is_no_dump() -> None:
    path_beyond_its_record = DUMP[:-6]
    octets = bytearray(path_beyond_its_record)
    at = len(DUMP) - len(record(3, "20 c0000263", {2: UNKNOWN}))
    octets[at + 8 : at + 12] = (len(octets) - at - 12).to_bytes(4, "big")
    with pytest.raises(NotMrt, match="shorter than it says"):
        parse_dump(bytes(octets))


def test_a_file_without_peers_is_no_dump() -> None:
    with pytest.raises(NotMrt, match="index of peers, found none"):
        parse_dump(record(0, "18 cb0071", {0: FIRST}))


@pytest.mark.parametrize("compress", [bz2.compress, gzip.compress])
def test_compressed_files_are_read_as_far_as_they_go(compress: object) -> None:
    assert callable(compress)
    whole = compress(DUMP)
    assert decompress(whole) == DUMP
    assert decompress(whole + compress(INDEX)) == DUMP + INDEX
    assert DUMP.startswith(decompress(whole[:-20]))
    assert decompress(DUMP) == DUMP


def test_what_cannot_be_decompressed_is_no_dump() -> None:
    with pytest.raises(NotMrt, match="cannot be decompressed"):
        decompress(b"\x1f\x8b" + bytes(20))


def test_ipv6_next_hops_of_either_form_are_found() -> None:
    hop = "20010db8000000000000000000000001"
    short = ORIGIN_IGP + as_path(65001) + f"800e11 10{hop}"
    whole = ORIGIN_IGP + as_path(65001) + f"800e1a 0002 01 10{hop} 00 20 20010db8"
    for text in (short, whole):
        told = expected_inside(bytes.fromhex(text), 6).attributes
        assert told[14] == (0x80, bytes.fromhex(hop))
        nlri = bytes.fromhex("20 20010db8")
        keeper = ToldKeeper()
        keeper.feed(encode_table({nlri: bytes.fromhex(text)}, 6))
        assert keeper.told == {nlri: {code: told[code] for code in (1, 2, 14)}}


def test_fates_of_attributes() -> None:
    local_pref = {5: (0x40, bytes.fromhex("00000064"))}
    kept = {1: (0x40, b"\0"), 3: (0x40, bytes.fromhex("c0000202"))}
    path = {2: (0x40, bytes.fromhex("020100030d40"))}
    fate = expected_inside(bytes.fromhex(UNKNOWN + "c00504 000000ff" + "806301 00"), 4)
    unknown = {0x63: (0xE0, bytes.fromhex("11223344"))}
    assert fate.reason == ""
    assert fate.attributes == local_pref | kept | path | unknown
    assert expected_inside(bytes.fromhex(SECRET), 4).reason == "NO_ADVERTISE"


def test_tables_are_told_and_taken_back() -> None:
    table = {NLRI: bytes.fromhex(FIRST), bytes.fromhex("18c63364"): bytes.fromhex(FIRST)}
    keeper = ToldKeeper()
    keeper.feed(encode_table(table, 4))
    assert keeper.updates == 1
    assert set(keeper.told) == set(table)
    keeper.feed(bytes.fromhex("ff" * 16 + "001b02 0004 18cb0071 0000"))
    assert set(keeper.told) == {bytes.fromhex("18c63364")}


def test_facts_are_read() -> None:
    octets = ORIGIN_IGP + "400210 0201 0000fde9 0102 0000fdea 0000fdeb" + "800404 00000007"
    facts = read_facts(bytes.fromhex(octets))
    assert facts == Facts(2, 0, 7, 65001, frozenset({65001, 65002, 65003}))


def candidate(
    index: int, *, length: int = 1, origin: int = 0, med: int = 0, asn: int = 1, router_id: int = 0
) -> Candidate:
    return Candidate(index, Facts(length, origin, med, asn, frozenset()), router_id, index)


@pytest.mark.parametrize(
    ("better", "worse", "step"),
    [
        (candidate(9, length=1, origin=2), candidate(1, length=2), "AS_PATH length"),
        (candidate(9, origin=0, med=5), candidate(1, origin=1), "ORIGIN"),
        (candidate(9, med=4, router_id=9), candidate(1, med=5), "MED"),
        (candidate(9, med=9, router_id=1), candidate(1, asn=2, router_id=2), "router ID"),
        (candidate(1), candidate(2), "neighbor address"),
    ],
)
def test_each_step_decides(better: Candidate, worse: Candidate, step: str) -> None:
    assert choose_best([worse, better]) == choose_best([better, worse]) == better
    assert separating_step(better, worse) == step


def test_med_counts_among_paths_of_one_as_whatever_stands_between() -> None:
    high, low = candidate(1, med=9, router_id=1), candidate(3, med=1, router_id=3)
    other = candidate(2, asn=2, router_id=2)
    assert choose_best([high, other, low]) == other


def test_two_answers_are_compared_with_the_plain_one() -> None:
    short, long = candidate(1, length=1), candidate(2, length=3)
    prefixes = {b"a": [short, long], b"b": [short, long], b"c": [short]}
    wanted = {b"a": 1, b"b": 1}
    best = {"ours": {b"a": 1, b"b": 1}, "bird": {b"a": 1, b"b": 2, b"c": 1}}
    found = compare_best(prefixes, wanted, best)
    assert found.same == 1
    assert dict(found.differences) == {
        ("AS_PATH length", "ours"): 1,
        ("told by one only", "ours"): 1,
    }
    assert dict(found.wrong) == {"bird": 2}
    assert dict(found.decided) == {"AS_PATH length": 2}
    assert found.examples == [(b"b", 1, 2, 1), (b"c", None, 1, None)]


def test_sessions_stand_in_the_order_of_real_addresses() -> None:
    lineup = line_up(parse_dump(DUMP), 4)
    assert lineup.asn == 64512
    assert [(peer.index, peer.asn, peer.address) for peer in lineup.peers] == [
        (0, 65001, "10.200.1.0"),
        (1, 65002, "10.200.1.1"),
        (2, 200000, "10.200.1.2"),
    ]
    assert lineup.address(1) == "10.200.0.1"


def test_a_told_path_is_found_again_by_its_attributes() -> None:
    dump = parse_dump(DUMP)
    lineup = line_up(dump, 4)
    prefixes = candidates_of(dump, lineup)
    second = expected_inside(bytes.fromhex(SECOND), 4).attributes
    other = {**second, 4: (0x80, bytes.fromhex("00000006"))}
    assert identify(dump, lineup, prefixes, {NLRI: second}) == {NLRI: 1}
    assert identify(dump, lineup, prefixes, {NLRI: other}) == {NLRI: -1}
