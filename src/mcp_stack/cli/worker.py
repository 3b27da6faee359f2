"""`mcp-stack worker`."""

from __future__ import annotations

import asyncio
import logging

from ..composition import Stack
from ..logging import configure_logging
from ..settings import load_settings

logger = logging.getLogger(__name__)


def work(log_level: str) -> int:
    """Run this machine's worker until nobody needs it.

    Args:
        log_level: Lowest level shown on stderr.

    Returns:
        0, also if another worker of this machine was there first.

    Raises:
        UsageError: A setting is wrong.
    """
    configure_logging(log_level)
    asyncio.run(_work())
    return 0


async def _work() -> None:
    stack = Stack(load_settings())
    try:
        if not await stack.worker().run():
            logger.warning("another worker of this machine is running")
    finally:
        await stack.close()
