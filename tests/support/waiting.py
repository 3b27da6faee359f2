"""Waiting for what other processes do, for as long as it takes and no longer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Return when the condition holds.

    Args:
        condition: Asked again and again.
        seconds: When to give up.

    Raises:
        TimeoutError: It did not come to hold in time.
    """
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(0.01)
