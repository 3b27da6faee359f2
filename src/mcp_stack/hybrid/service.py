"""The hybrid coordinator as its tools see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ports.answering import Answer, Answering, Question
from ..ports.interactions import Interactions
from ..settings import Settings
from ..validation import checked_choice, checked_context, checked_number, checked_text
from .models import RouteResult, RoutingStats, cited
from .stats import routing_stats

FORCED = ("", "local", "remote")
MOST_USD = 1000.0
MAX_CONTEXT_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Coordinator:
    """The services behind the hybrid coordinator's tools."""

    settings: Settings
    answering: Answering
    interactions: Interactions

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
        security = self.settings.security
        checked_choice("force_route", force_route, FORCED)
        checked_number("max_cost_usd", max_cost_usd, 0, MOST_USD)
        checked_context(context, MAX_CONTEXT_CHARACTERS)
        question = Question(
            query=checked_text("query", query, security.max_query_length) if security.query_validation else query,
            context=context,
            session_id=checked_text("session_id", session_id, 200, required=False),
            prefer_local=prefer_local,
            max_cost_usd=max_cost_usd,
            force_route=force_route,
        )
        answer = await self.answering.cached(question) or await self.answering.route(question)
        return _result(answer)

    async def routing_stats(self, window: str) -> RoutingStats:
        """Counts and sums over a window of time.

        Raises:
            UsageError: The window is not of the form `24h`.
            UnavailableError: The database is down.
        """
        return await routing_stats(self.interactions, window)


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
