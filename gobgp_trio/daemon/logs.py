"""Logging set-up: one line per event on standard output, JSON or text.

Nothing is logged per route, at any level.  Standard error is left to the interpreter: what shows
there is a bug of ours or a complaint before logging was up.
"""

import logging
import sys

import structlog

LEVELS = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}


def configure_logging(level: str, *, plain: bool) -> None:
    """Send log lines to standard output from now on.  ``level`` is a key of ``LEVELS``."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
    ]
    if plain:
        form: list[structlog.typing.Processor] = [
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0),
        ]
    else:
        form = [
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.EventRenamer("msg"),
            structlog.processors.JSONRenderer(),
        ]
    structlog.configure(
        processors=shared + form,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=False,
    )
