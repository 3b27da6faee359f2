"""Filters of searches that leave many rows, remembered for a while: counting takes as long as the search itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

SECONDS: Final = 60.0
MOST_FILTERS: Final = 1000


class LargeFilters:
    """Filters that lately left many rows. One that does no longer is searched rightly, but not in the fastest way.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[str, ...], float] = {}

    def knows(self, collection: str, tags: Sequence[str]) -> bool:
        """Whether a filter left many rows a moment ago."""
        return self._until.get((collection, *tags), 0.0) > self._clock()

    def remember(self, collection: str, tags: Sequence[str]) -> None:
        """Take note that a filter leaves many rows."""
        if len(self._until) >= MOST_FILTERS:
            self._until.clear()
        self._until[(collection, *tags)] = self._clock() + SECONDS
