"""Fitting the judge to what people said of answers, and having every process use the newest."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable

from ...errors import StackError
from ...ports.judging import Judging
from .inspection import FEATURES_VERSION
from .judge import MIN_OUTCOMES, Judge, fitted, unfitted

logger = logging.getLogger(__name__)

MOST_RATED = 5000
SECONDS_BETWEEN_LOOKS = 30.0


class JudgeTraining:
    """The job that fits the judge. Only what people said counts: its own judgements would teach it nothing.

    Args:
        judging: Where rated answers and the judge are.
    """

    def __init__(self, judging: Judging) -> None:
        self._judging = judging

    async def run(self) -> None:
        """Fit the judge anew, if there are enough rated answers, and others than the last time.

        Raises:
            UnavailableError: The store is down or full.
        """
        rated = await self._judging.rated_answers(FEATURES_VERSION, MOST_RATED)
        if len(rated) < MIN_OUTCOMES or len({each.good for each in rated}) < 2:
            return
        judge = await asyncio.to_thread(fitted, [each.features for each in rated], [each.good for each in rated])
        content = judge.to_bytes()
        kept = await self._judging.judge(known_version=0)
        if kept is None or kept.content != content:
            await self._judging.save_judge(content)


class Judges:
    """Gives the newest judge in a process that serves.

    Args:
        judging: Where it is.
        clock: Seconds that only grow.
    """

    def __init__(self, judging: Judging, clock: Callable[[], float] = time.monotonic) -> None:
        self._judging = judging
        self._clock = clock
        self._looked = -math.inf
        self._version = 0
        self._judge = unfitted()

    async def __call__(self) -> Judge:
        """The newest judge, at most `SECONDS_BETWEEN_LOOKS` old; the stated weights while there is none.

        A store that is down leaves the judge that there is.
        """
        if self._clock() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._looked = self._clock()
            try:
                stored = await self._judging.judge(self._version)
            except StackError as error:
                logger.warning("the judge of local answers is not renewed: %s", error)
                return self._judge
            if stored is not None:
                self._version = stored.version
                self._judge = Judge.from_bytes(stored.content) or unfitted()
        return self._judge
