"""What may still be spent, and what is set aside before a model is asked."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..errors import UnavailableError
from ..ports.answering import Route
from ..ports.spending import Ledger, SetAside
from ..settings.hybrid import Budget

logger = logging.getLogger(__name__)

# Of an hour's money, what may go within a quarter of it: a burst leaves something for better questions to come.
SHARE_OF_A_BURST = 0.5
OF_TODAY = "what is left of today's budget"
OF_THIS_HOUR = "what is left of this hour's budget"


@dataclass(frozen=True, slots=True)
class Left:
    """What may be spent.

    Attributes:
        usd: US dollars; infinity without a bound.
        bound: What bounds it, for people.
        in_pace: The last quarter of an hour took no more than its part of an hour's money.
    """

    usd: float = math.inf
    bound: str = ""
    in_pace: bool = True


@dataclass(slots=True)
class Bill:
    """What one question costs.

    Attributes:
        usd: Paid so far, for all models together.
        asked: The model that was asked last.
        running: Set aside for the call that runs.
        running_usd: What that call costs if it is given up now.
        settled: Names what is set aside in the ledger for calls that are over.
    """

    usd: float = 0.0
    asked: Route = "offline"
    running: SetAside | None = None
    running_usd: float = 0.0
    settled: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """Money that the ledger does not know of; `settled` is None while the call runs."""

    usd: float
    settled: datetime | None


class Spending:
    """Holds the bounds of a day in UTC and of an hour, over all processes; without bounds it asks nobody anything.

    What the ledger does not take is counted in this process, for as long as it lives.

    Args:
        ledger: Where money is set aside.
        budget: The bounds.
        seconds: The longest that a call takes; what a process that died has set aside is free again after that.
        now: The time.
    """

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        *,
        seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._day_usd = budget.daily_usd or math.inf
        self._hour_usd = budget.usd_per_hour or math.inf
        self._seconds = seconds
        self._now = now
        self._unwritten: dict[str, _Unwritten] = {}

    @property
    def bounded(self) -> bool:
        """Whether there is a bound."""
        return min(self._day_usd, self._hour_usd) < math.inf

    @property
    def bound(self) -> str:
        """What bounds the money, for people."""
        if math.isinf(self._hour_usd):
            return OF_TODAY
        return OF_THIS_HOUR if math.isinf(self._day_usd) else f"{OF_THIS_HOUR} or of today's"

    async def left(self) -> Left:
        """What may be spent now; what is being asked counts as spent.

        Raises:
            UnavailableError: The store is down.
        """
        if not self.bounded:
            return Left()
        used = await self._ledger.used()
        day_usd, hour_usd = self._bounds()
        day, hour = day_usd - used.day_usd, hour_usd - used.hour_usd
        burst = used.quarter_usd + self._hour_usd - hour_usd
        in_pace = math.isinf(self._hour_usd) or burst < SHARE_OF_A_BURST * self._hour_usd
        return Left(max(0.0, min(day, hour)), OF_TODAY if day <= hour else OF_THIS_HOUR, in_pace)

    async def set_aside(self, bill: Bill, *, most_usd: float, least_usd: float) -> float:
        """Set aside what a call may cost; it stands on the bill as running.

        Args:
            bill: Of the question.
            most_usd: What is wanted.
            least_usd: What will do.

        Returns:
            What the call may cost; 0 where it may not be made.

        Raises:
            UnavailableError: Nobody can say what was spent.
        """
        if not self.bounded:
            return most_usd
        day_usd, hour_usd = self._bounds()
        try:
            bill.running = await self._ledger.set_aside(
                most_usd=most_usd, least_usd=least_usd, day_usd=day_usd, hour_usd=hour_usd, seconds=self._seconds
            )
        except UnavailableError as error:
            logger.warning("money is set aside in this process alone: %s", error)
            bill.running = await self._set_aside_here(most_usd, least_usd)
        return bill.running.usd if bill.running else 0.0

    async def settle(self, bill: Bill, usd: float) -> None:
        """Say what the call that ran did cost."""
        bill.usd += usd
        held, bill.running, bill.running_usd = bill.running, None, 0.0
        if held is None:
            return
        bill.settled.append(held.id)
        if held.id in self._unwritten:
            self._unwritten[held.id] = _Unwritten(usd, self._now())
            return
        try:
            await self._ledger.settle(held, usd)
        except UnavailableError as error:
            logger.warning("what a call cost is counted in this process alone: %s", error)
            self._unwritten[held.id] = _Unwritten(usd, self._now())

    async def recorded(self, bill: Bill) -> None:
        """Say that the bill stands in the record now. What cannot be recorded stays in the ledger, and counts."""
        ids, bill.settled = bill.settled, []
        for each in ids:
            self._unwritten.pop(each, None)
        if not ids:
            return
        try:
            await self._ledger.release(ids)
        except UnavailableError as error:
            logger.warning("%.6f USD count twice until tomorrow: %s", bill.usd, error)

    async def _set_aside_here(self, most_usd: float, least_usd: float) -> SetAside | None:
        used = await self._ledger.used()
        day_usd, hour_usd = self._bounds()
        usd = min(most_usd, day_usd - used.day_usd, hour_usd - used.hour_usd)
        if usd < least_usd:
            return None
        held = SetAside(f"unwritten {len(self._unwritten)} {self._now().isoformat()}", usd)
        self._unwritten[held.id] = _Unwritten(usd, None)
        return held

    def _bounds(self) -> tuple[float, float]:
        """The bounds of a day and of an hour, less what only this process knows of."""
        now = self._now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        of_day = [each.usd for each in self._unwritten.values() if (each.settled or now) >= midnight]
        hour_ago = now - timedelta(hours=1)
        of_hour = [each.usd for each in self._unwritten.values() if (each.settled or now) >= hour_ago]
        return self._day_usd - sum(of_day), self._hour_usd - sum(of_hour)
