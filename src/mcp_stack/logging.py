"""Logs go to stderr through structlog, never to stdout: that belongs to the protocol."""

from __future__ import annotations

import logging
import sys
from functools import cached_property


class _StructlogFormatter(logging.Formatter):
    """Renders standard records with structlog, which is imported when the first record comes."""

    @cached_property
    def _inner(self) -> logging.Formatter:
        import structlog  # noqa: PLC0415 - heavy: imported on first use

        colours = sys.stderr.isatty()
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Plain tracebacks: the pretty ones print local variables, and those hold keys.
                structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback),
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        return self._inner.format(record)


def configure_logging(level: str = "WARNING") -> None:
    """Send every log record of the process to stderr.

    Call it after the MCP SDK was set up, which installs a handler of its own.

    Args:
        level: Name of the lowest level that is shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_StructlogFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
