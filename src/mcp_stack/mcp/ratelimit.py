"""How many requests a client may make, at every server."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Final

from ..errors import RateLimitedError, UnavailableError
from ..ports.cache import Bucket, Cache

logger = logging.getLogger(__name__)

# A store that failed is left alone for so long: its timeout would be paid for on every request.
SECONDS_OF_REST: Final = 5.0


class RateLimiter:
    """Two token buckets a client, shared by all processes.

    Args:
        cache: Where the buckets are; if it is down, requests pass, since a limit is no reason to stop serving.
        per_minute: Requests a minute.
        per_hour: Requests an hour.
        clock: Seconds that only grow.
    """

    def __init__(
        self, cache: Cache, per_minute: int, per_hour: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cache = cache
        self._buckets = (Bucket("minute", per_minute, 60.0), Bucket("hour", per_hour, 3600.0))
        self._clock = clock
        self._rests_until = -math.inf

    async def take(self, client: str) -> None:
        """Count one request of a client; a refused one counts towards neither limit.

        Args:
            client: Its name, the same at each request.

        Raises:
            RateLimitedError: One of its buckets is empty.
        """
        if self._clock() < self._rests_until:
            return
        try:
            taken = await self._cache.take_token(f"rate:{client}", self._buckets)
        except UnavailableError as error:
            self._rests_until = self._clock() + SECONDS_OF_REST
            logger.warning("for %.0f s requests are not limited: %s", SECONDS_OF_REST, error)
            return
        if taken.lacking is not None:
            period = {"minute": "a minute", "hour": "an hour"}[taken.lacking.name]
            raise RateLimitedError(
                f"{taken.lacking.capacity} requests {period} are allowed",
                # In whole seconds, as the message and HTTP's Retry-After tell it; then there is a token for sure.
                math.ceil(taken.retry_after_seconds),
            )
