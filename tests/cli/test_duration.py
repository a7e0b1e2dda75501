"""Ages and up times."""

import pytest

from gobgp_trio.cli.duration import format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00"),
        (27.9, "00:00:27"),
        (3723, "01:02:03"),
        (86399, "23:59:59"),
        (86400, "1d 00:00:00"),
        (10 * 86400 + 61, "10d 00:01:01"),
        (-5, "00:00:00"),
    ],
)
def test_durations_are_clock_times_with_days_in_front(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
