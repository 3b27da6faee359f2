"""The hybrid coordinator as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NotFoundError
from ..ports.answering import Answer, Question
from ..ports.interactions import Interactions
from ..ports.retrieval import Retrieval
from ..ports.sessions import Sessions
from ..settings import Settings
from ..validation import checked_choice, checked_context, checked_number, checked_text
from .answers import citations
from .augmentation import augmented, estimated_tokens
from .feedback import Feedback
from .models import (
    ClearedSession,
    ConfidencePart,
    ContextResult,
    FeedbackResult,
    RouteExplanation,
    RouteResult,
    RoutingStats,
    SessionResult,
    Turn,
    cited,
)
from .router import Router
from .stats import routing_stats

FORCED = ("", "local", "remote")
MOST_USD = 1000.0
MAX_CONTEXT_CHARACTERS = 100_000
MAX_SESSION_ID = 200
MAX_CORRECTION = 20_000
MOST_PASSAGES = 50


@dataclass(frozen=True, slots=True)
class Coordinator:
    """The services behind the hybrid coordinator's tools."""

    settings: Settings
    router: Router
    retrieval: Retrieval
    sessions: Sessions
    interactions: Interactions
    feedback: Feedback

    def checked(
        self,
        *,
        query: str,
        context: Mapping[str, Any] | None = None,
        prefer_local: bool = True,
        session_id: str = "",
        max_cost_usd: float = 0.0,
        force_route: str = "",
    ) -> Question:
        """A question whose parts are acceptable.

        Raises:
            UsageError: One of them is not.
        """
        checked_choice("force_route", force_route, FORCED)
        checked_number("max_cost_usd", max_cost_usd, 0, MOST_USD)
        checked_context(context or {}, MAX_CONTEXT_CHARACTERS)
        return Question(
            query=self._checked_query(query),
            context=context or {},
            session_id=checked_text("session_id", session_id, MAX_SESSION_ID, required=False),
            prefer_local=prefer_local,
            max_cost_usd=max_cost_usd,
            force_route=force_route,
        )

    async def route_query(
        self,
        *,
        query: str,
        context: dict[str, Any],
        prefer_local: bool,
        session_id: str,
        max_cost_usd: float,
        force_route: str,
    ) -> RouteResult:
        """Answer a question by the route that fits.

        Raises:
            UsageError: An argument is not acceptable, or the forced route has no model.
            UnavailableError: The database is down.
        """
        question = self.checked(
            query=query,
            context=context,
            prefer_local=prefer_local,
            session_id=session_id,
            max_cost_usd=max_cost_usd,
            force_route=force_route,
        )
        answer = await self.router.answer(question)
        return _result(answer)

    async def explain_route(self, query: str) -> RouteExplanation:
        """What would be done with a question.

        Raises:
            UsageError: The question is not acceptable.
            UnavailableError: The database is down.
        """
        prepared = await self.router.explain(Question(query=self._checked_query(query)))
        estimate, plan = prepared.estimate, prepared.plan
        return RouteExplanation(
            route=plan.first,
            confidence=round(estimate.value, 4),
            gain=round(estimate.gain, 4),
            parts=[
                ConfidencePart(name=part.name, value=round(part.value, 4), reason=part.reason)
                for part in estimate.parts
            ],
            check_local=plan.check_local,
            passages=prepared.given,
            prompt_tokens=prepared.prompt_tokens,
            reasons=list(prepared.reasons),
        )

    async def routing_stats(self, window: str) -> RoutingStats:
        """Counts and sums over a window of time.

        Raises:
            UsageError: The window is not of the form `24h`.
            UnavailableError: The database is down.
        """
        return await routing_stats(self.interactions, window)

    async def give_feedback(self, *, interaction_id: str, rating: int, correction: str) -> FeedbackResult:
        """Rate an answer.

        Raises:
            UsageError: An argument is not acceptable.
            NotFoundError: There is no such interaction.
            UnavailableError: The database is down.
        """
        checked_number("rating", rating, -1, 1)
        text = checked_text("correction", correction, MAX_CORRECTION, required=False)
        return await self.feedback.give(checked_text("interaction_id", interaction_id, 100), rating, text)

    async def search_context(self, *, query: str, limit: int) -> ContextResult:
        """The passages that a question would be answered from.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The database is down.
        """
        checked_number("limit", limit, 1, MOST_PASSAGES)
        found = await self.retrieval.search(self._checked_query(query), limit=limit)
        given = augmented(found.passages, self.settings.hybrid.context_tokens, most=limit)
        return ContextResult(
            passages=cited(citations(given.passages)),
            tokens=given.tokens,
            notes=[*found.notes, *given.notes],
        )

    async def get_session(self, session_id: str) -> SessionResult:
        """What was said in a conversation.

        Raises:
            UsageError: The id is not acceptable.
            NotFoundError: There is no such conversation, or it rested too long.
            UnavailableError: The store is down.
        """
        name = checked_text("session_id", session_id, MAX_SESSION_ID)
        found = await self.sessions.get(name)
        if found is None:
            minutes = self.settings.hybrid.session_seconds / 60
            raise NotFoundError(
                f"there is no session {name!r}", f"it is forgotten {minutes:g} minutes after its last question"
            )
        return SessionResult(
            session_id=name,
            turns=[Turn(role=turn.role, content=turn.content) for turn in found.turns],
            tokens=sum(estimated_tokens(turn.content) for turn in found.turns),
            seconds_left=round(found.seconds_left, 1),
        )

    async def clear_session(self, session_id: str) -> ClearedSession:
        """Forget a conversation.

        Raises:
            UsageError: The id is not acceptable.
            UnavailableError: The store is down.
        """
        name = checked_text("session_id", session_id, MAX_SESSION_ID)
        return ClearedSession(session_id=name, turns_removed=await self.sessions.clear(name))

    def _checked_query(self, query: str) -> str:
        security = self.settings.security
        return checked_text("query", query, security.max_query_length) if security.query_validation else query


def _result(answer: Answer) -> RouteResult:
    return RouteResult(
        response=answer.response,
        route=answer.route,
        confidence=answer.confidence,
        latency_ms=answer.latency_ms,
        cost=answer.cost_usd,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cached=answer.cached,
        value_score=answer.value_score,
        learned=answer.learned,
        model=answer.model,
        sources=cited(answer.sources),
        reasons=list(answer.reasons),
        interaction_id=answer.interaction_id,
    )
