"""How many requests a client may make, at every server."""

from __future__ import annotations

import logging

from ..errors import RateLimitedError, UnavailableError
from ..ports.cache import Cache

logger = logging.getLogger(__name__)


class RateLimiter:
    """Two token buckets a client, shared by all processes.

    Args:
        cache: Where the buckets are; if it is down, requests pass, since a limit is no reason to stop serving.
        per_minute: Requests a minute.
        per_hour: Requests an hour.
    """

    def __init__(self, cache: Cache, per_minute: int, per_hour: int) -> None:
        self._cache = cache
        self._buckets = (("minute", per_minute, 60.0), ("hour", per_hour, 3600.0))

    async def take(self, client: str) -> None:
        """Count one request of a client.

        Raises:
            RateLimitedError: One of its buckets is empty.
        """
        for name, capacity, period_seconds in self._buckets:
            try:
                taken = await self._cache.take_token(f"rate:{client}:{name}", capacity, period_seconds)
            except UnavailableError as error:
                logger.warning("requests are not limited: %s", error)
                return
            if not taken.allowed:
                raise RateLimitedError(f"{capacity} requests a {name} are allowed", taken.retry_after_seconds)
