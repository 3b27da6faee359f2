"""A question from validation to answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Any

from ...errors import StackError
from ...hybrid.models import cited
from ...ports.answering import Answer, Answering, Question
from ...ports.events import Events
from ...ports.retrieval import Retrieval, Retrieved
from ...trace import current
from ..gateway.discovery import ToolIndex
from ..gateway.models import ToolSummary
from .models import QueryResult

logger = logging.getLogger(__name__)

TOOLS_SHOWN = 3
RESULT_CHARACTERS = 500


class Query:
    """Answers questions from the knowledge base, through the hybrid coordinator."""

    def __init__(self, answering: Answering, retrieval: Retrieval, tools: ToolIndex, events: Events) -> None:
        self._answering = answering
        self._retrieval = retrieval
        self._tools = tools
        self._events = events

    async def answer(self, question: Question, *, include_tools: bool) -> QueryResult:
        """Answer a validated question.

        Args:
            question: What is asked.
            include_tools: Say which tools fit the question too.

        Raises:
            UnavailableError: The database is down.
        """
        start = time.perf_counter()
        finding_tools = asyncio.ensure_future(self._fitting_tools(question.query) if include_tools else _nothing())
        try:
            return await self._answer(question, finding_tools, start)
        finally:
            finding_tools.cancel()

    async def _answer(
        self, question: Question, finding_tools: Awaitable[list[ToolSummary]], start: float
    ) -> QueryResult:
        cached = await self._answering.cached(question)
        if cached is not None:
            tools = await finding_tools
            result = _result(cached, tools, start)
            self._events.record(
                "cache_hit",
                query=question.query,
                latency_ms=result.latency_ms,
                cost=0.0,
                interaction_id=result.interaction_id,
                steps=current().told(),
            )
            return result
        retrieved, tools = await asyncio.gather(
            self._retrieval.search(question.query, limit=question.limit),
            finding_tools,
        )
        current().mark("retrieved")
        answer = await self._answering.route(question, retrieved, start)
        self._record(question.query, retrieved, answer)
        return _result(answer, tools, start)

    async def _fitting_tools(self, query: str) -> list[ToolSummary]:
        """Tools are an extra: an answer does not fail for want of them."""
        try:
            return (await self._tools.discover(query, limit=TOOLS_SHOWN)).tools
        except StackError as error:
            logger.warning("no tools for the answer: %s", error)
            return []

    def _record(self, query: str, retrieved: Retrieved, answer: Answer) -> None:
        result: dict[str, Any] = {
            "response": answer.response[:RESULT_CHARACTERS],
            "route": answer.route,
            "interaction_id": answer.interaction_id,
        }
        self._events.record(
            "query", query=query, context_size=len(retrieved.passages), result=result, steps=current().told()
        )


async def _nothing() -> list[ToolSummary]:
    return []


def _result(answer: Answer, tools: list[ToolSummary], start: float) -> QueryResult:
    return QueryResult(
        response=answer.response,
        route=answer.route,
        confidence=answer.confidence,
        latency_ms=round((time.perf_counter() - start) * 1000, 2),
        cost=answer.cost_usd,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cached=answer.cached,
        value_score=answer.value_score,
        learned=answer.learned,
        sources=cited(answer.sources),
        tools=tools,
        interaction_id=answer.interaction_id,
        reasons=list(answer.reasons),
    )
