"""Durations as the tables show them: ages, up and down times."""


def format_duration(seconds: float) -> str:
    """``01:02:03``, from one day on ``1d 01:02:03``; a clock that ran backwards shows zero."""
    minutes, second = divmod(max(int(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days}d {clock}" if days else clock
