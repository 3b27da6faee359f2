"""What the hybrid coordinator's tools answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from ..ports.answering import Citation


class CitedSource(BaseModel):
    """A passage that the answer had before it."""

    id: str
    title: str
    source: str
    collection: str
    excerpt: str
    score: float


def cited(citations: Sequence[Citation]) -> list[CitedSource]:
    """The passages of an answer, as clients see them."""
    return [
        CitedSource(
            id=citation.document_id,
            title=citation.title,
            source=citation.source,
            collection=citation.collection,
            excerpt=citation.excerpt,
            score=citation.score,
        )
        for citation in citations
    ]


class RouteResult(BaseModel):
    """An answer and how it came about."""

    response: str
    route: Literal["local", "remote_fallback", "remote", "cache", "offline", "knowledge"]
    confidence: float = Field(description="Estimated probability that the local answer is good")
    latency_ms: float
    cost: float = Field(description="US dollars")
    tokens_in: int
    tokens_out: int
    cached: bool
    value_score: float
    learned: bool
    model: str
    sources: list[CitedSource]
    reasons: list[str]
    interaction_id: str


class ConfidencePart(BaseModel):
    """Something that the confidence rests on."""

    name: str
    value: float
    reason: str


class RouteExplanation(BaseModel):
    """What would be done with a question, and why."""

    route: Literal["local", "remote", "offline"] = Field(description="That it would take, if no model fails")
    confidence: float = Field(description="Estimated probability that the local answer is good")
    gain: float = Field(description="How much better the remote answer is expected to be, from -1 to 1")
    parts: list[ConfidencePart]
    check_local: bool = Field(description="A local answer would be given only if it is good enough")
    passages: int = Field(description="Passages that the model would be given")
    prompt_tokens: int = Field(description="Estimated")
    reasons: list[str]


class FeedbackResult(BaseModel):
    """What a rating changed."""

    interaction_id: str = Field(description="Of the answer that was rated; a cached answer's is the first one's")
    rating: int
    value_score_before: float
    value_score_after: float


class ContextResult(BaseModel):
    """The passages that a question would be answered from."""

    passages: list[CitedSource]
    tokens: int = Field(description="Estimated, of what a model would be given of them")
    notes: list[str]


class Turn(BaseModel):
    """Something that was said."""

    role: Literal["user", "assistant", "system"]
    content: str


class SessionResult(BaseModel):
    """A conversation."""

    session_id: str
    turns: list[Turn] = Field(description="Oldest first")
    tokens: int = Field(description="Estimated")
    seconds_left: float = Field(description="Until it is forgotten, if nothing more is said")


class ClearedSession(BaseModel):
    """A conversation that was forgotten."""

    session_id: str
    turns_removed: int


class RoutingStats(BaseModel):
    """Counts and sums over a window of time."""

    total_queries: int
    local_route: int
    remote_route: int
    fallback_route: int
    cached: int
    offline: int
    local_percentage: float = Field(description="Share of answers by a model that came from the local one, in percent")
    cache_hit_rate: float
    average_latency_ms: float
    p95_latency_ms: float
    total_cost: float
    total_cost_saved: float = Field(description="What asking the remote model every time would have cost more")
    patterns_learned: int
    calibration_error: float = Field(description="Of the confidence, over rated local answers; 0 until there are 20")
