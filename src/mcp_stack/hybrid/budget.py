"""The budget mode: remote calls go where they gain most, and no more of them than was allowed."""

from __future__ import annotations

import bisect
import math
import random
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..ports.interactions import Interactions
from ..ports.outcomes import Decided, Outcomes
from ..settings.hybrid import Budget

# Gains are compared with so many before them: enough for a quantile, few enough to follow a change of traffic.
WINDOW = 400
# What is owed moves the quantile by its whole over so many decisions.
DECISIONS_TO_SETTLE = 40
# Never further from the allowed share than so many calls, whatever the stream: below a point from 600 decisions on.
MOST_OWED = 5.0
# A sum an hour pays for a share that only the traffic tells: a burst is noticed after so long.
SECONDS_BETWEEN_LOOKS = 15.0


class BudgetController:
    """Holds a share of remote calls, and gives them to the greatest gains.

    A question is worth a call if its gain lies in the upper part of the last gains. A fixed part overshoots when
    traffic drifts, so the part is the allowed share plus an integral term: calls owed so far, over
    `DECISIONS_TO_SETTLE`. Beyond `MOST_OWED` calls the debt alone decides, which holds the share on any stream.

    Args:
        share: Allowed share of remote calls in [0, 1]; may be changed at any time.
        explore: Share of the calls that are given at random, so that every question has a chance that is known.
        chance: Source of randomness.
    """

    def __init__(self, share: float, *, explore: float = 0.0, chance: random.Random | None = None) -> None:
        self.share = share
        self._explore = explore
        self._chance = chance or random.Random()  # noqa: S311 - an order, no secret
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []
        self._owed = 0.0

    def decide(self, gain: float) -> bool:
        """Whether this question gets a remote call.

        Args:
            gain: Expected of the remote answer over the local one; what is not a number counts as no gain at all.
        """
        gain = _finite(gain)
        asked = self._chance.random() < self.propensity(gain)
        self.observe(gain, asked=asked)
        return asked

    def propensity(self, gain: float) -> float:
        """The probability that `decide` would say yes right now.

        Args:
            gain: As in `decide`.
        """
        share = min(1.0, max(0.0, self.share))
        owed = self._owed + share
        if owed <= 1 - MOST_OWED:
            return 0.0
        if owed >= MOST_OWED:
            return 1.0
        explored = self._explore * share
        if explored == 1:
            return 1.0
        upper = min(1.0, max(0.0, (share - explored) / (1 - explored) + self._owed / DECISIONS_TO_SETTLE))
        return explored + (1 - explored) * self._chosen(_finite(gain), upper)

    def observe(self, gain: float, *, asked: bool) -> None:
        """Count a decision that was made, here or elsewhere.

        Args:
            gain: As in `decide`.
            asked: Whether the remote model was asked.
        """
        self._owed += min(1.0, max(0.0, self.share)) - asked
        self._owed = min(MOST_OWED, max(-MOST_OWED, self._owed))
        self.pass_over(gain)

    def pass_over(self, gain: float) -> None:
        """Rank later gains with this one too, without a decision: there was no money for one, and none is owed.

        Args:
            gain: As in `decide`.
        """
        self._remember(_finite(gain))

    def compare_with(self, gains: list[float]) -> None:
        """Rank gains among these from now on, instead of those seen.

        Args:
            gains: Oldest first; the newest `WINDOW` count.
        """
        self._recent.clear()
        self._sorted.clear()
        for gain in gains[-WINDOW:]:
            self._remember(_finite(gain))

    def _remember(self, gain: float) -> None:
        self._recent.append(gain)
        bisect.insort(self._sorted, gain)
        if len(self._recent) > WINDOW:
            del self._sorted[bisect.bisect_left(self._sorted, self._recent.popleft())]

    def _chosen(self, gain: float, upper: float) -> float:
        """The probability of being in the upper part; between 0 and 1 only where gains are equal."""
        if not self._sorted:
            return upper
        greater = len(self._sorted) - bisect.bisect_right(self._sorted, gain)
        equal = len(self._sorted) - greater - bisect.bisect_left(self._sorted, gain) + 1
        room = upper * (len(self._sorted) + 1) - greater
        return min(1.0, max(0.0, room / equal))


class RemoteBudget:
    """The budget mode of this process, seeded from what all of them decided lately.

    Args:
        outcomes: Where decisions are recorded.
        interactions: Where costs are recorded.
        settings: What is allowed.
        clock: Seconds that only grow.
        now: The time.
        chance: Source of randomness.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        interactions: Interactions,
        settings: Budget,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: random.Random | None = None,
    ) -> None:
        self._outcomes = outcomes
        self._interactions = interactions
        self._settings = settings
        self._clock = clock
        self._now = now
        self._controller = BudgetController(_allowed(settings, 1.0), explore=settings.explore_share, chance=chance)
        self._looked = -math.inf

    def wants(self, gain: float, *, may: bool = True) -> bool:
        """Whether a question is worth a remote call of the budget, as `propensity` saw it; counts as decided.

        Args:
            gain: Expected of the remote answer over the local one.
            may: Whether there is money for a call now.
        """
        if may:
            return self._controller.decide(gain)
        self._controller.pass_over(gain)
        return False

    async def propensity(self, gain: float) -> float:
        """The probability that `wants` would say yes; for `explain_route`, and for weighing outcomes.

        Raises:
            UnavailableError: The store is down.
        """
        await self._look()
        return self._controller.propensity(gain)

    async def _look(self) -> None:
        if self._clock() - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        self._looked = self._clock()
        decided = await self._outcomes.decided(WINDOW)
        if decided:
            self._controller.compare_with([each.gain for each in decided])
        if self._settings.usd_per_hour:
            self._controller.share = await self._affordable(decided)

    async def _affordable(self, decided: list[Decided]) -> float:
        """The share of calls that an hour's money pays for, at the rate and price of the last hour."""
        hour_ago = self._now() - timedelta(hours=1)
        lately = [each for each in decided if each.asked_at >= hour_ago]
        calls = sum(each.remote for each in lately)
        spent = await self._interactions.spent_usd(min((each.asked_at for each in lately), default=hour_ago))
        if not calls or not spent:
            return _allowed(self._settings, 1.0)
        seconds = max(60.0, (self._now() - lately[0].asked_at).total_seconds())
        questions_an_hour = len(lately) * 3600 / seconds
        return _allowed(self._settings, self._settings.usd_per_hour / (questions_an_hour * spent / calls))


def _allowed(settings: Budget, affordable: float) -> float:
    return min(settings.max_remote_share or 1.0, affordable)


def _finite(gain: float) -> float:
    return gain if math.isfinite(gain) else -1.0
