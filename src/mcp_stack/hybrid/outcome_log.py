"""What became of routed questions, written down for the outcome model to learn from."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from ..errors import StackError
from ..ports.answering import Answer
from ..ports.interactions import Interaction
from ..ports.outcomes import Asked, Outcome, Outcomes
from .confidence import FEATURES_VERSION
from .execution import Outcome as Execution
from .preparation import Prepared

logger = logging.getLogger(__name__)

# Checks see what is wrong, not what is right: an answer that only passed them never makes a question one that is
# answered unchecked. That takes somebody who calls such answers good.
MOST_WITHOUT_A_RATING = 0.75

_ASKED: dict[str, Asked] = {"local": "local", "remote": "remote", "remote_fallback": "both"}


class OutcomeLog:
    """Writes outcomes down, behind the answers' backs; one that cannot be written is logged: the model learns later.

    The first label of an answer is its quality as the checks saw it; what a person says of it takes its place.

    Args:
        outcomes: Where they are.
        embedder: Names the model of the vectors.
    """

    def __init__(self, outcomes: Outcomes, embedder: str) -> None:
        self._outcomes = outcomes
        self._embedder = embedder
        self._writing: set[asyncio.Task[None]] = set()

    def add_soon(self, prepared: Prepared, outcome: Execution, answer: Answer) -> None:
        """Write down what came of a question that a model answered, without keeping anybody waiting."""
        asked = _ASKED.get(answer.route)
        if asked is None:
            return
        query = prepared.estimate.query
        row = Outcome(
            interaction_id=answer.interaction_id,
            asked_at=datetime.now(UTC),
            embedder=self._embedder if query.vector else "",
            vector=query.vector,
            features_version=FEATURES_VERSION,
            features=query.features,
            words=query.words,
            p_true=prepared.estimate.p_true,
            asked=asked,
            gain=prepared.estimate.gain,
            propensity=prepared.propensity,
            local=None if outcome.local_quality is None else min(outcome.local_quality, MOST_WITHOUT_A_RATING),
            remote=outcome.quality if asked != "local" else None,
        )
        task = asyncio.create_task(self._add(row))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def rated(self, interaction: Interaction, rating: int) -> None:
        """Let what a person said take the place of what the checks saw.

        Raises:
            UnavailableError: The store is down or full.
        """
        await self.close()
        said = {-1: 0.0, 1: 1.0}.get(rating)
        match _ASKED.get(interaction.route):
            case "local":
                unrated = min(interaction.quality, MOST_WITHOUT_A_RATING)
                await self._outcomes.label(interaction.id, local=unrated if said is None else said)
            case "remote" | "both":
                await self._outcomes.label(interaction.id, remote=interaction.quality if said is None else said)
            case None:
                return

    async def close(self) -> None:
        """Wait until everything is written."""
        if self._writing:
            await asyncio.wait(self._writing)

    async def _add(self, row: Outcome) -> None:
        try:
            await self._outcomes.add(row)
        except StackError as error:
            logger.warning("the outcome of %s is not recorded: %s", row.interaction_id, error)
