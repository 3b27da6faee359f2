"""Fitting the judge to what people said of answers, and having every process use the newest."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ...ports.judging import Judging
from ..renewed import Renewed
from .inspection import FEATURES_VERSION
from .judge import MIN_OUTCOMES, Judge, fitted, unfitted

logger = logging.getLogger(__name__)

MOST_RATED = 5000


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


class Judges(Renewed[Judge]):
    """Gives the newest judge in a process that serves; the stated weights while there is none.

    Args:
        judging: Where it is.
        clock: Seconds that only grow.
    """

    def __init__(self, judging: Judging, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(unfitted(), "the judge of local answers", clock)
        self._judging = judging
        self._version = 0

    async def _newest(self, value: Judge) -> Judge:
        stored = await self._judging.judge(self._version)
        if stored is None:
            return value
        self._version = stored.version
        return Judge.from_bytes(stored.content) or unfitted()
