"""Export: what is written when, what is counted, and what is told."""

from dataclasses import replace

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs
from trio.testing import MockClock

from gobgp_trio.config.schema import ExportRule
from gobgp_trio.fib.target import State
from gobgp_trio.types.prefix import parse_prefix
from tests.daemon.kernel_rig import C100, C200, PROTOCOL, WALL_S, Rig, exporting, make_kernel

NET = "192.0.2.0/24"
OURS = "192.0.2.0/24 via 10.0.0.9 table 254 metric 20"
SETTLED_S = 0.05


async def settle() -> None:
    await trio.sleep(SETTLED_S)


# --- dampening


async def test_a_first_write_waits_and_a_flapping_prefix_is_written_once(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock, dampening_s=0.1) as rig:
        for turn in range(5):
            rig.announce(NET, via=f"10.0.0.{turn + 5}")
            await trio.sleep(0.05)
            assert rig.routes() == []
        await trio.sleep(0.07)
        assert await rig.heard() == [f"add {OURS}"]
        assert rig.exporter.dampened_count == 4


async def test_a_prefix_that_never_rests_is_written_after_two_seconds(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock, dampening_s=0.1) as rig:
        for turn in range(40):
            rig.announce(NET, via=f"10.0.0.{turn + 5}")
            await trio.sleep(0.05)
        assert rig.kernel.writes_count <= 2  # the question for permission is the other
        rig.announce(NET)
        await trio.sleep(0.05)
        assert len(await rig.heard()) == 1


async def test_a_withdrawal_is_immediate_and_cancels_what_waits(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock, dampening_s=1.0) as rig:
        rig.announce(NET)
        await trio.sleep(1.1)
        assert rig.routes() == [OURS]
        rig.announce(NET, via="10.0.1.9")
        rig.withdraw(NET)
        await settle()
        assert rig.routes() == []
        await trio.sleep(5)
        assert await rig.heard() == [f"add {OURS}", f"delete {OURS}"]


async def test_interval_zero_writes_at_once(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await trio.testing.wait_all_tasks_blocked()
        assert rig.routes() == [OURS]


# --- permission


async def test_without_permission_nothing_is_exported_and_it_is_said_once(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    kernel.privileged = False
    with capture_logs() as lines:
        async with exporting(autojump_clock, kernel=kernel) as rig:
            rig.announce(NET, "198.51.100.0/24")
            await trio.sleep(1)
            kernel.set_link("eth0", up=False)
            kernel.set_link("eth0", up=True)
            await trio.sleep(100)
            assert rig.routes() == []
            assert kernel.writes_count == 0
            assert rig.exporter.stats.errors_count == 1
            assert rig.exporter.stats.last_error.startswith("Permission denied")
            assert rig.exporter.planner.targets == {}
            assert rig.exporter.dampened_count == 0
            with trio.fail_after(1):
                await rig.exporter.flush()
    assert [line["log_level"] for line in lines if "export" in line["event"]] == ["error"]


# --- start


async def test_routes_of_an_earlier_run_are_removed_from_all_tables(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    for number in range(3):
        kernel.route("add", f"203.0.{number}.0/24", via="10.0.0.9", metric=7, protocol=PROTOCOL)
    kernel.route("add", NET, via="10.0.0.9", table_id=100, protocol=PROTOCOL)
    kernel.route("add", "2001:db8:9::/48", via="2001:db8::9", table_id=100, protocol=PROTOCOL)
    kernel.route("add", NET, via="10.0.0.9", table_id=100, metric=5, protocol=4)
    with capture_logs() as lines:
        async with exporting(autojump_clock, kernel=kernel) as rig:
            assert rig.routes() == []
            assert len(kernel.routes(parse_prefix(NET)[0], protocol=4)) == 1
            assert rig.exporter.stats.withdrawn_count == 0
    told = [(line["table"], line["count"]) for line in lines if "earlier run" in line["event"]]
    assert told == [(100, 1), (254, 3), (100, 1)] or told == [(100, 2), (254, 3)]


async def test_a_default_route_of_an_earlier_run_is_kept_for_six_minutes(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    kernel.route("add", "0.0.0.0/0", via="10.0.0.9", metric=20, protocol=PROTOCOL)
    async with exporting(autojump_clock, kernel=kernel) as rig:
        await trio.sleep(350)
        assert rig.routes() == ["0.0.0.0/0 via 10.0.0.9 table 254 metric 20"]
        await trio.sleep(20)
        assert rig.routes() == []


async def test_a_kept_default_route_is_taken_over_when_bgp_brings_it(
    autojump_clock: MockClock,
) -> None:
    kernel = make_kernel()
    kernel.route("add", "0.0.0.0/0", via="10.0.0.9", metric=20, protocol=PROTOCOL)
    async with exporting(autojump_clock, kernel=kernel) as rig:
        rig.announce("0.0.0.0/0")
        await trio.sleep(400)
        assert await rig.heard() == []  # equal to what is there: no write
        rig.announce("0.0.0.0/0", via="10.0.1.9")
        await settle()
        assert await rig.heard() == ["replace 0.0.0.0/0 via 10.0.1.9 table 254 metric 20"]


@pytest.mark.parametrize("loss", ["delete", "change"])
async def test_a_kept_default_route_that_others_touch_is_not_taken_for_ours(
    loss: str, autojump_clock: MockClock
) -> None:
    kernel = make_kernel()
    kernel.route("add", "0.0.0.0/0", via="10.0.0.9", metric=20, protocol=PROTOCOL)
    async with exporting(autojump_clock, kernel=kernel) as rig:
        if loss == "delete":
            kernel.route("delete", "0.0.0.0/0", metric=20)
        else:
            kernel.route("replace", "0.0.0.0/0", via="10.0.1.9", metric=20, protocol=PROTOCOL)
        await settle()
        rig.announce("0.0.0.0/0")
        await settle()
        assert rig.routes() == ["0.0.0.0/0 via 10.0.0.9 table 254 metric 20"]


# --- ownership


async def test_a_removed_route_comes_back_within_a_second_and_with_growing_pauses(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        for pause_s in (0.1, 0.2, 0.4, 0.8):
            rig.kernel.route("delete", NET, metric=20)
            await trio.sleep(pause_s - 0.01)
            assert rig.routes() == []
            await trio.sleep(0.02)
            assert rig.routes() == [OURS]
        assert rig.exporter.stats.repairs_count == 4


async def test_an_altered_route_is_restored_at_once(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        rig.kernel.route("replace", NET, via="10.0.1.7", metric=20, protocol=PROTOCOL)
        await settle()
        assert rig.routes() == [OURS]
        assert rig.exporter.stats.repairs_count == 1


async def test_a_foreign_route_at_our_key_is_left_alone_and_told_once(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as lines:
        async with exporting(autojump_clock) as rig:
            rig.kernel.route("add", NET, via="10.0.1.7", metric=20, protocol=4)
            rig.announce(NET)
            await trio.sleep(200)
            assert rig.routes() == []
            assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=4)) == 1
            (target,) = rig.exporter.planner.targets.values()
            assert [waiting.state for waiting in target.waiting.values()] == [State.CONFLICT]
            rig.kernel.route("delete", NET, metric=20)
            await settle()
            assert rig.routes() == [OURS]
            assert rig.exporter.stats.errors_count == 0
    assert [line["first"] for line in lines if "foreign" in line["event"]] == [NET]


async def test_a_route_that_another_protocol_replaced_is_foreign_now(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as lines:
        async with exporting(autojump_clock) as rig:
            rig.announce(NET)
            await settle()
            rig.kernel.route("replace", NET, via="10.0.1.7", metric=20, protocol=4)
            await trio.sleep(5)
            rig.announce(NET, via="10.0.1.9")  # no reason to take it back
            await trio.sleep(100)
            assert rig.routes() == []
            rig.withdraw(NET)
            await settle()
            assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=4)) == 1
    assert [line["count"] for line in lines if "foreign" in line["event"]] == [1]


async def test_ours_behind_a_foreign_route_that_was_replaced_is_still_ours(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        rig.kernel.route("prepend", NET, via="10.0.1.7", metric=20, protocol=4)
        rig.kernel.route("replace", NET, via="10.0.1.8", metric=20, protocol=4)
        await settle()
        rig.withdraw(NET)
        await settle()
        assert rig.routes() == []
        assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=4)) == 1


async def test_ours_gives_way_to_a_foreign_route_that_is_put_before_it(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        rig.kernel.route("prepend", NET, via="10.0.1.7", metric=20, protocol=4)
        await settle()
        assert rig.routes() == []
        rig.announce(NET, via="10.0.1.9")  # a replace would hit the first route of the key
        await settle()
        assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=4)) == 1
        rig.kernel.route("delete", NET, via="10.0.1.7", metric=20, protocol=4)
        await settle()
        assert len(rig.routes()) == 1


async def test_a_key_that_was_freed_without_a_word_is_tried_when_events_were_lost(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.kernel.route("add", NET, via="10.0.1.7", metric=20, protocol=4)
        rig.announce(NET)
        await trio.sleep(100)
        rig.kernel.lose_events()
        rig.kernel.route("delete", NET, metric=20)
        await trio.sleep(0.5)
        assert rig.routes() == [OURS]


async def test_lost_events_never_make_us_replace_a_foreign_route(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.kernel.route("add", "172.16.0.0/16", via="10.0.0.9")
        await settle()
        rig.announce(NET, via="172.16.0.1")
        await settle()
        assert rig.routes() == [OURS]
        rig.kernel.lose_events()
        rig.kernel.route("replace", NET, via="10.0.1.7", metric=20, protocol=4)
        rig.kernel.route("replace", "172.16.0.0/16", via="10.0.1.9")
        await settle()
        assert rig.routes() == []
        assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=4)) == 2


async def test_a_key_taken_while_the_link_was_down_is_not_replaced(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.kernel.route("add", "172.16.0.0/16", hops=[("10.0.0.9", "eth0"), ("10.0.1.9", "eth1")])
        await settle()
        rig.announce(NET, via="172.16.0.1")
        await settle()
        rig.kernel.route("delete", NET, metric=20)  # in one batch with what follows
        rig.kernel.route("add", NET, via="10.0.1.7", metric=20, protocol=99)
        rig.kernel.set_link("eth0", up=False)
        await trio.sleep(100)
        assert rig.routes() == []
        assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=99)) == 1


# --- what links and addresses take with them


async def test_a_link_that_goes_down_and_up_in_one_batch_brings_its_routes_back(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        rig.kernel.set_link("eth0", up=False)
        assert rig.routes() == []  # the kernel dropped it without a word
        rig.kernel.set_link("eth0", up=True)
        await settle()
        assert rig.routes() == [OURS]


async def test_the_last_address_of_a_link_takes_our_routes_with_it(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        rig.kernel.remove_address("eth0", "10.0.0.1/24")
        assert rig.routes() == []  # without a word, again
        rig.kernel.add_address("eth0", "10.0.0.1/24")
        await settle()
        assert rig.routes() == [OURS]


# --- answers that never come


async def test_a_lost_answer_is_followed_by_a_look(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.kernel.lose_replies_after(0)
        rig.announce(NET, "198.51.100.0/24")
        await trio.sleep(1)
        assert len(rig.routes()) == 2


async def test_a_write_that_stopped_midway_is_completed(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.kernel.stop_writing_after(1)
        rig.announce(NET, "198.51.100.0/24", "203.0.113.0/24")
        await trio.sleep(1)
        assert len(rig.routes()) == 3


async def test_a_withdrawal_that_stopped_midway_is_completed(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET, "198.51.100.0/24", "203.0.113.0/24")
        await settle()
        rig.kernel.stop_writing_after(1)
        rig.withdraw(NET, "198.51.100.0/24", "203.0.113.0/24")
        await trio.sleep(1)
        assert rig.routes() == []


# --- statistics


async def test_what_is_counted(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET, "198.51.100.0/24")
        rig.announce("203.0.113.0/24", via="192.168.7.7")
        await settle()
        rig.announce(NET, via="10.0.1.9")
        await settle()
        rig.withdraw("198.51.100.0/24")
        await settle()
        stats, planner = rig.exporter.stats, rig.exporter.planner
        assert (stats.exported_count, stats.withdrawn_count) == (3, 1)
        assert (stats.errors_count, stats.repairs_count) == (0, 0)
        assert (stats.last_export_s, stats.last_withdraw_s) == (WALL_S, WALL_S)
        assert (planner.attempts_count, planner.failures_count) == (4, 1)
        assert stats.last_error == "no route to 192.168.7.7"
        assert stats.last_error_s == WALL_S


async def test_a_refusal_is_counted_with_the_kernel_s_words_and_logged_once(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as lines:
        async with exporting(autojump_clock, ExportRule("all", validate_nexthop=False)) as rig:
            rig.announce(NET, via="192.168.7.7")
            await trio.sleep(20)
            assert rig.routes() == []
            assert rig.exporter.stats.errors_count == 5  # after 0, 1, 3, 7 and 15 s
            assert rig.exporter.stats.last_error.startswith("Nexthop has invalid gateway")
            rig.kernel.add_address("eth1", "192.168.7.1/24")
            await settle()
            assert rig.routes() == ["192.0.2.0/24 via 192.168.7.7 table 254 metric 20"]
    assert len([line for line in lines if "refused" in line["event"]]) == 1


async def test_link_events_do_not_multiply_the_retries_of_a_refused_route(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock, ExportRule("all", validate_nexthop=False)) as rig:
        rig.announce(NET, via="192.168.7.7")
        for _ in range(50):
            rig.kernel.set_link("eth1", plugged=False)
            await trio.sleep(0.5)
            rig.kernel.set_link("eth1", plugged=True)
            await trio.sleep(0.5)
        before = rig.kernel.writes_count
        await trio.sleep(120)
        assert rig.kernel.writes_count - before <= 3


async def test_a_thousand_routes_cost_few_lines(autojump_clock: MockClock) -> None:
    prefixes = [f"10.{100 + number // 256}.{number % 256}.0/24" for number in range(1000)]
    with capture_logs() as lines:
        async with exporting(autojump_clock, dampening_s=0.1) as rig:
            rig.announce(*prefixes)
            await trio.sleep(1)
            assert len(rig.routes()) == 1000
            rig.kernel.set_link("eth0", up=False)
            await trio.sleep(1)
            assert rig.routes() == []
            rig.kernel.set_link("eth0", up=True)
            await trio.sleep(1)
            assert len(rig.routes()) == 1000
            rig.withdraw(*prefixes)
            await trio.sleep(1)
            assert rig.routes() == []
            await trio.sleep(3600)
    assert len(lines) < 20


# --- flush


async def test_flush_empties_the_kernel_and_holds(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock, dampening_s=1.0) as rig:
        rig.announce(NET)
        await trio.sleep(2)
        rig.announce("198.51.100.0/24")  # waits
        rig.announce("203.0.113.0/24", via="192.168.7.7")
        await trio.sleep(0.1)
        await rig.exporter.flush()
        assert rig.routes() == []
        rig.kernel.add_address("eth1", "192.168.7.1/24")  # would have made one reachable
        await trio.sleep(60)
        assert rig.routes() == []
        assert rig.exporter.stats.withdrawn_count == 1
        rig.announce(NET)
        await trio.sleep(2)
        assert rig.routes() == [OURS]


# --- other settings


async def change(rig: Rig, **changes: object) -> None:
    settings = replace(rig.exporter.settings, **changes)  # type: ignore[arg-type]  # checked there
    rig.exporter.apply_settings(settings)
    await settle()


@pytest.mark.parametrize(
    ("rule", "there"),
    [
        (ExportRule("all", metric=30), "table 254 metric 30"),
        (ExportRule("all", table_id=100), "table 100 metric 20"),
    ],
)
async def test_another_metric_or_table_leaves_no_gap(
    rule: ExportRule, there: str, autojump_clock: MockClock
) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        await rig.heard()
        await change(rig, rules=(rule,))
        moved = f"192.0.2.0/24 via 10.0.0.9 {there}"
        assert await rig.heard() == [f"add {moved}", f"delete {OURS}"]


async def test_another_protocol_number_moves_the_routes(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock) as rig:
        rig.announce(NET)
        await settle()
        await change(rig, route_protocol=91)
        assert rig.routes() == []
        assert len(rig.kernel.routes(parse_prefix(NET)[0], protocol=91)) == 1


async def test_another_interval_releases_what_waits_and_holds_from_then_on(
    autojump_clock: MockClock,
) -> None:
    async with exporting(autojump_clock, dampening_s=60.0) as rig:
        rig.announce(NET)
        await trio.sleep(1)
        assert rig.routes() == []
        await change(rig, dampening_s=2.0)
        assert rig.routes() == [OURS]
        rig.announce(NET, via="10.0.1.9")
        await trio.sleep(1.9)
        assert rig.routes() == [OURS]
        await trio.sleep(0.2)
        assert rig.routes() == ["192.0.2.0/24 via 10.0.1.9 table 254 metric 20"]


async def test_via_default_can_be_allowed_later(autojump_clock: MockClock) -> None:
    kernel = make_kernel()
    kernel.route("add", "0.0.0.0/0", via="10.0.1.7", protocol=4)
    async with exporting(autojump_clock, kernel=kernel) as rig:
        rig.announce(NET, via="192.168.7.7")
        await settle()
        assert rig.routes() == []
        await change(rig, resolve_via_default=True)
        assert rig.routes() == ["192.0.2.0/24 via 10.0.1.7 table 254 metric 20"]
        await change(rig, resolve_via_default=False)
        assert rig.routes() == []


async def test_rules_that_no_longer_match_take_their_routes_out(autojump_clock: MockClock) -> None:
    async with exporting(
        autojump_clock,
        ExportRule("a", communities=(C100,)),
        ExportRule("b", communities=(C200,), table_id=100),
    ) as rig:
        rig.announce(NET, communities=(C100, C200))
        await settle()
        assert rig.routes() == [
            "192.0.2.0/24 via 10.0.0.9 table 100 metric 20",
            OURS,
        ]
        await change(rig, rules=(ExportRule("a", communities=(C100,)),))
        assert rig.routes() == [OURS]
        rig.announce(NET)
        await settle()
        assert rig.routes() == []


async def test_ipv6_has_no_metric_zero(autojump_clock: MockClock) -> None:
    async with exporting(autojump_clock, ExportRule("all", metric=0)) as rig:
        rig.announce("2001:db8:9::/48", via="2001:db8::9")
        await settle()
        there = "2001:db8:9::/48 via 2001:db8::9 table 254 metric 1024"
        assert rig.routes() == [there]
        rig.kernel.route("delete", "2001:db8:9::/48", metric=1024)
        await trio.sleep(1)
        assert rig.routes() == [there]
        rig.kernel.lose_events()
        await trio.sleep(1)
        assert rig.exporter.stats.repairs_count == 1
        rig.withdraw("2001:db8:9::/48")
        await settle()
        assert rig.routes() == []
