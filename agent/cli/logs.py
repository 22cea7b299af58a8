"""Logging to stderr through structlog: our own and, since warnings come from everywhere, other libraries' too."""

from __future__ import annotations

import logging
import os
import sys

from tools.errors import BadInput

_LEVELS = ("debug", "info", "warning", "error")
_NAME = "agent"


def set_up_logging() -> None:
    """Send log messages and Python warnings to the present stderr, from the level that AGENT_LOG names upwards.

    May be called again, and then replaces what it did before.

    Raises:
        BadInput: AGENT_LOG names no level.
    """
    level = os.environ.get("AGENT_LOG", "").lower() or "warning"
    if level not in _LEVELS:
        raise BadInput(f"AGENT_LOG cannot be {level!r}: set it to {', '.join(_LEVELS)}, or leave it unset.")
    import structlog

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    ]
    colours = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    structlog.configure(
        # Filtered here and not by the wrapper class, which the progress display would take over.
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_NAME)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Not the values of all variables, which may be megabytes of text.
                structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler, *(other for other in root.handlers if other.get_name() != _NAME)]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
