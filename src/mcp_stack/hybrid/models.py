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
    calibration_error: float = Field(description="0 until enough answers were rated")
