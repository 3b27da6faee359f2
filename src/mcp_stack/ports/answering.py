"""Answering a question; implemented by the hybrid coordinator, in-process or over MCP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from .chat import Message
from .retrieval import Retrieved

Route: TypeAlias = Literal["local", "remote_fallback", "remote", "cache", "offline", "knowledge"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what bounds the answer.

    Attributes:
        context: The caller's own facts; private, so part of the cache key.
        session_id: Conversation that it belongs to; empty for none.
        limit: Most passages to answer from.
        use_models: False answers with the passages alone.
        prefer_local: False asks the remote model first.
        max_cost_usd: Most that the answer may cost; 0 for no cap.
        force_route: `local`, `remote` or empty.
        max_answer_tokens: Longest answer; 0 for the configured one.
        history: What was said before, oldest first; private like the context. Filled in from the session by who
            answers, unless the caller brings it along.
        epoch: Since when the conversation goes on, as `Sessions.epoch` names it; filled in like the history.
    """

    query: str
    context: Mapping[str, Any] = field(default_factory=dict)
    session_id: str = ""
    limit: int = 5
    use_models: bool = True
    prefer_local: bool = True
    max_cost_usd: float = 0.0
    force_route: str = ""
    max_answer_tokens: int = 0
    history: tuple[Message, ...] = ()
    epoch: str = ""

    @property
    def private(self) -> bool:
        """Whether the answer may hold what only this caller knows."""
        return bool(self.context or self.session_id or self.history)


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that the answer had before it."""

    document_id: str
    title: str
    source: str
    collection: str
    excerpt: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it took.

    Attributes:
        confidence: Estimated probability in [0, 1] that the local answer is good.
        cost_usd: In US dollars, to six places.
        value_score: How much the interaction is worth learning from, in [0, 1].
        learned: Valued at or above the threshold and handed to the learning pipeline.
        reasons: Why this route, step by step.
        quality: How good the answer was judged, in [0, 1].
        answered_by: Where the cache answered, the interaction that the answer is from; else empty.
        truncated: The answer ended at the token limit.
    """

    response: str
    route: Route
    confidence: float
    latency_ms: float
    cost_usd: float
    tokens_in: int
    tokens_out: int
    cached: bool
    value_score: float
    learned: bool
    model: str
    sources: tuple[Citation, ...]
    reasons: tuple[str, ...]
    interaction_id: str
    quality: float = 0.0
    answered_by: str = ""
    truncated: bool = False


class Answering(Protocol):
    """Answers questions."""

    async def cached(self, question: Question) -> Answer | None:
        """The answer if the very same question was answered lately and nothing changed since.

        Raises:
            UnavailableError: The database is down; a cache that is down counts as a miss.
        """
        ...

    async def route(
        self, question: Question, retrieved: Retrieved | None = None, started: float | None = None
    ) -> Answer:
        """Answer by the route that fits, and remember the answer.

        Args:
            question: The question.
            retrieved: Passages already found for it; searched for if None.
            started: When the caller began with it, on the clock of `time.perf_counter`; now if None.

        Raises:
            UnavailableError: The database is down. Models that are down lead to another route.
            UsageError: The forced route has no model.
        """
        ...
