"""Tables of routes as text, against outputs recorded from GoBGP (ages set to 27 s)."""

from gobgp_trio.api.pb.api import GetTableResponse
from gobgp_trio.cli.rib_text import TableKind, format_paths, format_summary
from gobgp_trio.cli.rib_view import sorted_by_network
from gobgp_trio.types.family import Family
from tests.cli.paths import AGE_S, NOW_S, make_answer, make_path, make_views

LOCAL = [
    make_answer(
        make_path("10.3.0.0/16 nexthop 10.99.0.9 aspath 65010,65020 large-community 65001:1:2")
    ),
    make_answer(
        make_path("10.1.0.0/24"),
        make_path("10.1.0.0/24 nexthop 10.99.0.2 aspath 65002 med 5", best=False, age_s=AGE_S + 25),
    ),
    make_answer(make_path("10.4.4.4/32 nexthop 10.99.0.9 rt 65001:5")),
    make_answer(
        make_path(
            "10.2.0.0/24 nexthop 10.99.0.9 origin igp med 100 local-pref 200 "
            "community 65001:100,no-export"
        )
    ),
]


def test_the_global_table_is_sorted_and_aligned() -> None:
    views = sorted_by_network(make_views(*LOCAL))
    assert format_paths(views, TableKind.GLOBAL, NOW_S) == (
        "   Network              Next Hop             AS_PATH              Age        Attrs\n"
        "*> 10.1.0.0/24          0.0.0.0                                   00:00:27   "
        "[{Origin: ?}]\n"
        "*  10.1.0.0/24          10.99.0.2            65002                00:00:02   "
        "[{Origin: ?} {Med: 5}]\n"
        "*> 10.2.0.0/24          10.99.0.9                                 00:00:27   "
        "[{Origin: i} {Med: 100} {LocalPref: 200} {Communities: 65001:100, no-export}]\n"
        "*> 10.3.0.0/16          10.99.0.9            65010 65020          00:00:27   "
        "[{Origin: ?} {LargeCommunity: [ 65001:1:2]}]\n"
        "*> 10.4.4.4/32          10.99.0.9                                 00:00:27   "
        "[{Origin: ?} {Extcomms: [65001:5]}]\n"
    )


def test_ipv6_routes_show_the_next_hop_of_mp_reach() -> None:
    views = make_views(
        make_answer(make_path("2001:db8:1::/48 nexthop 2001:db8::9")),
        make_answer(make_path("2001:db8:2::/64")),
    )
    assert format_paths(views, TableKind.GLOBAL, NOW_S) == (
        "   Network              Next Hop             AS_PATH              Age        Attrs\n"
        "*> 2001:db8:1::/48      2001:db8::9                               00:00:27   "
        "[{Origin: ?}]\n"
        "*> 2001:db8:2::/64      ::                                        00:00:27   "
        "[{Origin: ?}]\n"
    )


def test_an_imported_network_shows_its_interface_as_next_hop() -> None:
    views = make_views(make_answer(make_path("10.9.0.0/24 origin igp", interface="eth0")))
    assert format_paths(views, TableKind.GLOBAL, NOW_S).splitlines()[1] == (
        "*> 10.9.0.0/24          eth0                                      00:00:27   [{Origin: i}]"
    )


def test_the_explained_table_says_what_decided() -> None:
    views = make_views(
        make_answer(
            make_path("10.1.0.0/16 nexthop 10.0.0.1", decision="5 MED"),
            make_path("10.1.0.0/16 nexthop 10.0.0.2", best=False, decision="12 newest"),
        )
    )
    lines = format_paths(views, TableKind.EXPLAINED, NOW_S).splitlines()

    column = lines[0].index("Decided by")
    assert [line[column:].split("  ")[0] for line in lines[1:]] == ["5 MED", "12 newest"]
    assert lines[0].split()[-3:] == ["Decided", "by", "Attrs"]


def test_what_was_received_shows_its_identifier_and_no_best_mark() -> None:
    views = make_views(
        make_answer(make_path("10.1.0.0/24 nexthop 10.99.0.2 aspath 65002 med 5", best=False)),
        make_answer(
            make_path("172.20.0.0/16 nexthop 10.99.0.2 aspath 65002", identifier=7, stale=True)
        ),
    )
    assert format_paths(views, TableKind.ADJ_IN, NOW_S) == (
        "   ID  Network              Next Hop             AS_PATH              Age        Attrs\n"
        "   0   10.1.0.0/24          10.99.0.2            65002                00:00:27   "
        "[{Origin: ?} {Med: 5}]\n"
        "S  7   172.20.0.0/16        10.99.0.2            65002                00:00:27   "
        "[{Origin: ?}]\n"
    )


def test_what_is_sent_shows_whether_it_was_filtered_in_a_column_of_its_own() -> None:
    views = make_views(
        make_answer(make_path("10.1.0.0/24 nexthop 10.99.0.1 aspath 65001", local_identifier=1)),
        make_answer(make_path("10.2.0.0/24 nexthop 10.99.0.9 med 100", filtered=True)),
        make_answer(make_path("10.3.0.0/24 nexthop 10.99.0.9 med 100", send_max_filtered=True)),
    )
    assert format_paths(views, TableKind.ADJ_OUT, NOW_S) == (
        "   ID  Network              Next Hop             AS_PATH              "
        "Attrs                    Filtered\n"
        "   1   10.1.0.0/24          10.99.0.1            65001                "
        "[{Origin: ?}]            not filtered\n"
        "   0   10.2.0.0/24          10.99.0.9                                 "
        "[{Origin: ?} {Med: 100}] policy-filtered\n"
        "   0   10.3.0.0/24          10.99.0.9                                 "
        "[{Origin: ?} {Med: 100}] send-max-filtered\n"
    )


def test_columns_grow_to_their_widest_cell() -> None:
    views = make_views(
        make_answer(make_path("2001:db8:1111:2222:3333:4444:5555:6666/128 nexthop fe80::1")),
        make_answer(make_path("2001:db8::/32 nexthop fe80::1")),
    )
    header, *rows = format_paths(views, TableKind.GLOBAL, NOW_S).splitlines()
    at = header.index("Next Hop")
    assert [row[at : at + 7] for row in rows] == ["fe80::1", "fe80::1"]


def test_stale_and_unreachable_paths_are_marked() -> None:
    views = make_views(
        make_answer(make_path("10.1.0.0/24", stale=True), make_path("10.1.0.0/24", best=False)),
        make_answer(make_path("10.2.0.0/24", is_nexthop_invalid=True)),
    )
    text = format_paths(views, TableKind.GLOBAL, NOW_S)
    assert [line[:3] for line in text.splitlines()[1:]] == ["S*>", "*  ", "*  "]


def test_an_empty_table_says_so() -> None:
    assert format_paths([], TableKind.ADJ_IN, NOW_S) == "Network not in table\n"


def test_prefixes_of_one_address_are_sorted_by_length() -> None:
    texts = ["10.0.0.0/16", "9.0.0.0/8", "10.0.0.0/8", "100.0.0.0/8"]
    views = make_views(*(make_answer(make_path(text)) for text in texts))
    assert [view.prefix for view in sorted_by_network(views)] == [
        "9.0.0.0/8",
        "10.0.0.0/8",
        "10.0.0.0/16",
        "100.0.0.0/8",
    ]


def test_the_summary_names_the_family() -> None:
    answer = GetTableResponse(num_destination=5, num_path=6)
    assert format_summary(answer, Family.IPV4_UNICAST) == (
        "Table afi:AFI_IP  safi:SAFI_UNICAST\nDestination: 5, Path: 6\n"
    )
    assert format_summary(answer, Family.IPV6_UNICAST).startswith("Table afi:AFI_IP6  safi:")
