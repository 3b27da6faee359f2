"""What is kept of an answer: the interaction, its event, the turns of its conversation."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..errors import StackError, UnavailableError
from ..ports.answering import Answer, Question
from ..ports.chat import Message
from ..ports.events import Events
from ..ports.interactions import Checked, Interactions, NewInteraction
from ..ports.sessions import Sessions
from ..trace import current

logger = logging.getLogger(__name__)


class Recorder:
    """Records answers; what cannot be recorded is logged, and the answer is given all the same.

    Args:
        price: Of the remote model in US dollars, from tokens in and out: what an answer from the cache saves.
    """

    def __init__(
        self,
        *,
        interactions: Interactions,
        sessions: Sessions,
        events: Events,
        price: Callable[[int, int], float],
    ) -> None:
        self._interactions = interactions
        self._sessions = sessions
        self._events = events
        self._price = price

    async def answered(
        self, question: Question, answer: Answer, *, saved_usd: float = 0.0, checked: Checked | None = None
    ) -> bool:
        """Record what a model or the passages answered; what cost money is written before it is given.

        Args:
            question: The question.
            answer: The answer.
            saved_usd: What asking the remote model would have cost more.
            checked: What the checks saw in a local answer.

        Returns:
            Whether what it cost is recorded.
        """
        recorded = await self._record(question, answer, saved_usd, checked)
        await self._continue(question, answer)
        current().mark("recorded")
        self._tell(question, answer)
        return recorded

    async def given_up(self, question: Question, answer: Answer) -> bool:
        """Record what was paid for an answer that nobody waited for; the conversation goes on without it.

        Args:
            question: The question.
            answer: As far as it came.

        Returns:
            Whether what it cost is recorded.
        """
        recorded = await self._record(question, answer, 0.0, None)
        self._tell(question, answer)
        return recorded

    async def _record(self, question: Question, answer: Answer, saved_usd: float, checked: Checked | None) -> bool:
        new = NewInteraction(question.query, answer, saved_usd, question.session_id, question.private, checked)
        if not answer.cost_usd:
            self._interactions.add_soon(new)
            return True
        try:
            await self._interactions.add(new)
        except UnavailableError as error:
            logger.warning("the interaction %s is not recorded: %s", answer.interaction_id, error)
            return False
        return True

    async def served_again(self, question: Question, answer: Answer, found: Answer) -> None:
        """Record what was answered before.

        Args:
            question: The question.
            answer: As it is given now.
            found: As it was given first.
        """
        saved = self._price(found.tokens_in, found.tokens_out)
        self._interactions.add_soon(
            NewInteraction(question.query, answer, saved, question.session_id, question.private)
        )
        await self._continue(question, answer)
        self._tell(question, answer)

    async def _continue(self, question: Question, answer: Answer) -> None:
        if not question.session_id or answer.route in ("offline", "knowledge"):
            return
        turns = [Message("user", question.query), Message("assistant", answer.response)]
        try:
            await self._sessions.append(question.session_id, turns, question.epoch)
        except StackError as error:
            logger.warning("the session goes on without this answer: %s", error)

    def _tell(self, question: Question, answer: Answer) -> None:
        self._events.record(
            "query_completion",
            interaction_id=answer.interaction_id,
            query=question.query,
            response=answer.response,
            route=answer.route,
            model=answer.model,
            confidence=answer.confidence,
            latency_ms=answer.latency_ms,
            cost=answer.cost_usd,
            tokens=answer.tokens_in + answer.tokens_out,
            value_score=answer.value_score,
            learned=answer.learned,
            steps=current().told(),
        )
