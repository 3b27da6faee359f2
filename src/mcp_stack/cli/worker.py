"""`mcp-stack worker`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from ..composition import Stack
from ..logging import configure_logging
from ..settings import load_settings

logger = logging.getLogger(__name__)


def work(log_level: str, *, on_demand: bool) -> int:
    """Do this machine's jobs until SIGTERM or SIGINT.

    Args:
        log_level: Lowest level shown on stderr.
        on_demand: Be the machine's only worker of this kind, and end when nobody needs it.

    Returns:
        0, also if another worker on demand was there first.

    Raises:
        UsageError: A setting is wrong.
    """
    configure_logging(log_level)
    if asyncio.run(_work(on_demand)) == "outdated":
        logger.warning("settings have changed: the worker starts anew")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
    return 0


async def _work(on_demand: bool) -> str:
    stack = Stack(load_settings())
    try:
        return await stack.worker(on_demand=on_demand).run()
    finally:
        await stack.close()
