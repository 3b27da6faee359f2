"""What people say of answers."""

from __future__ import annotations

import uuid

from ..errors import NotFoundError, UsageError
from ..ports.events import Events
from ..ports.interactions import Interaction, Interactions
from .cache import SemanticCache
from .models import FeedbackResult
from .outcome_log import OutcomeLog
from .value import value_score


class Feedback:
    """Takes ratings, and lets the value, the cache and the router learn from them."""

    def __init__(
        self, interactions: Interactions, semantic: SemanticCache, outcomes: OutcomeLog, events: Events
    ) -> None:
        self._interactions = interactions
        self._semantic = semantic
        self._outcomes = outcomes
        self._events = events

    async def give(self, interaction_id: str, rating: int, correction: str) -> FeedbackResult:
        """Rate an answer; a later rating takes the place of an earlier one.

        A cached answer is rated where it was given first. A bad rating, or a correction, removes the answer from the
        cache.

        Args:
            interaction_id: Of the answer.
            rating: -1, 0 or 1.
            correction: What the answer should have been; empty for nothing.

        Raises:
            NotFoundError: There is no such interaction.
            UsageError: Nothing was answered in it, or the id is none.
            UnavailableError: The database is down.
        """
        interaction = await self._found(interaction_id)
        before = interaction.value_score
        after = value_score(
            interaction.route,
            interaction.quality,
            interaction.tokens_out,
            rating=rating,
            reused=interaction.reused,
        )
        await self._interactions.rate(interaction.id, rating=rating, correction=correction, value_score=after)
        if rating < 0 or correction:
            await self._semantic.forget(interaction.id)
        await self._outcomes.rated(interaction, rating)
        self._events.record(
            "feedback",
            interaction_id=interaction.id,
            rating=rating,
            correction=correction,
            value_score_before=before,
            value_score_after=after,
        )
        return FeedbackResult(
            interaction_id=interaction.id, rating=rating, value_score_before=before, value_score_after=after
        )

    async def _found(self, interaction_id: str) -> Interaction:
        interaction = await self._interactions.get(_checked(interaction_id))
        if interaction is not None and interaction.answered_by:
            interaction = await self._interactions.get(interaction.answered_by)
        if interaction is None:
            raise NotFoundError(
                f"there is no interaction {interaction_id}", "use the interaction_id of an answer of this database"
            )
        return interaction


def _checked(interaction_id: str) -> str:
    try:
        return str(uuid.UUID(interaction_id.strip()))
    except ValueError:
        raise UsageError(
            f"interaction_id is {interaction_id[:60]!r}", "use the interaction_id that came with the answer"
        ) from None
