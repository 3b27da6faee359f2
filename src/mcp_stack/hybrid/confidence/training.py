"""Fitting the outcome model anew when enough was learned, and having every process use the newest."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...ports.outcomes import Outcome, Outcomes
from ..renewed import Renewed
from .features import FEATURES_VERSION, Query

if TYPE_CHECKING:
    from .outcome_model import Labelled, OutcomeModel

logger = logging.getLogger(__name__)

# The newest so many are learned from: the traffic of today, in seconds of fitting.
MOST_OUTCOMES = 6000
# It is fitted anew once there are so many more labels, as a share of those before.
GROWTH = 0.1
FEWEST_NEW_LABELS = 20


class OutcomeTraining:
    """The job that fits the outcome model.

    Args:
        outcomes: Where outcomes and the model are.
        embedder: The model whose vectors are compared; outcomes with others are learned from without theirs.
    """

    def __init__(self, outcomes: Outcomes, embedder: str) -> None:
        self._outcomes = outcomes
        self._embedder = embedder

    async def run(self) -> bool:
        """Fit the model anew, if enough labels came since it was fitted last.

        Returns:
            Whether there is a new one.

        Raises:
            UnavailableError: The store is down or full.
        """
        labels = await self._outcomes.labels()
        if labels < next_fit(await self._outcomes.labels_fitted()):
            return False
        outcomes = await self._outcomes.newest(MOST_OUTCOMES)
        content = await asyncio.to_thread(_fitted, outcomes, self._embedder)
        if content is None:
            return False
        await self._outcomes.save_model(content, labels)
        return True


def next_fit(labels: int) -> int:
    """At how many labels the model is fitted anew.

    Args:
        labels: How many there were at the last fit; 0 without one.
    """
    return labels + max(FEWEST_NEW_LABELS, round(GROWTH * min(labels, MOST_OUTCOMES)))


class OutcomeModels(Renewed["OutcomeModel | None"]):
    """Gives the newest outcome model in a process that serves; None while there is none.

    Args:
        outcomes: Where it is.
        clock: Seconds that only grow.
    """

    def __init__(self, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(None, "the outcome model", clock)
        self._outcomes = outcomes
        self._version = 0

    async def _newest(self, value: OutcomeModel | None) -> OutcomeModel | None:
        if await self._outcomes.model_version() == self._version:
            return value
        stored = await self._outcomes.model()
        if stored is None:
            return value
        from .outcome_model import OutcomeModel  # noqa: PLC0415 - heavy: NumPy comes with the first model

        self._version = stored.version
        return OutcomeModel.from_bytes(stored.content)


def _fitted(outcomes: Sequence[Outcome], embedder: str) -> bytes | None:
    from .fitting import fit_outcomes  # noqa: PLC0415 - heavy: NumPy comes with the first fit

    model = fit_outcomes([_labelled(outcome, embedder) for outcome in outcomes if _is_readable(outcome)])
    return None if model is None else model.to_bytes()


def _is_readable(outcome: Outcome) -> bool:
    return outcome.features_version == FEATURES_VERSION


def _labelled(outcome: Outcome, embedder: str) -> Labelled:
    from .outcome_model import Labelled  # noqa: PLC0415 - heavy: NumPy comes with the first fit

    vector = outcome.vector if outcome.embedder == embedder else b""
    return Labelled(
        Query(vector, outcome.features, outcome.words),
        outcome.local,
        outcome.remote,
        outcome.propensity,
        outcome.p_true,
    )
