"""What may still be spent today."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ..ports.interactions import Interactions

# What other processes spend is seen after so long.
SECONDS_BETWEEN_LOOKS = 5.0


class DailyBudget:
    """Bounds the cost of a day in UTC, over all processes.

    Args:
        interactions: Where costs are recorded.
        usd: US dollars a day; 0 for no bound.
        clock: Seconds that only grow.
        now: The time.
    """

    def __init__(
        self,
        interactions: Interactions,
        usd: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._interactions = interactions
        self._usd = usd
        self._clock = clock
        self._now = now
        self._looked = -math.inf
        self._spent = 0.0
        self._promised = 0.0
        self._unrecorded = 0.0

    async def left_usd(self) -> float:
        """What may be spent; infinity without a bound. What is being asked right now counts as spent.

        Raises:
            UnavailableError: The store is down.
        """
        if not self._usd:
            return math.inf
        if self._clock() - self._looked >= SECONDS_BETWEEN_LOOKS:
            midnight = self._now().replace(hour=0, minute=0, second=0, microsecond=0)
            self._spent = await self._interactions.spent_usd(midnight) + self._unrecorded
            self._looked = self._clock()
        return max(0.0, self._usd - self._spent - self._promised)

    @contextmanager
    def promised(self, usd: float) -> Iterator[None]:
        """Set aside what a call may cost while it runs, so that many at once do not overspend together."""
        self._promised += usd
        try:
            yield
        finally:
            self._promised -= usd

    def spend(self, usd: float) -> None:
        """Count what was spent, from now on until it is recorded and the store is looked at again."""
        self._spent += usd
        self._unrecorded += usd

    def recorded(self, usd: float) -> None:
        """Say that what was spent is in the store now, or never will be."""
        self._unrecorded -= usd
