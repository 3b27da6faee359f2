"""Settings of the hybrid coordinator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .section import Fraction, Positive, Section


class Routing(Section):
    """How a route is chosen."""

    prefer_local: bool = True
    fallback_enabled: bool = True
    cache_ttl: Positive = 86_400


class Learning(Section):
    """What the continuous-learning pipeline does."""

    enabled: bool = True
    interval: Positive = 3600
    dataset_threshold: Positive = 1000
    value_score_threshold: Fraction = 0.70


class AnswerCache(Section):
    """Cached answers and embeddings. An error budget of 0 means the fixed threshold."""

    redis_enabled: bool = True
    embedding_cache_size: Positive = 10_000
    similarity_threshold: Fraction = 0.95
    semantic_enabled: bool = True
    error_budget: Annotated[float, Field(ge=0, le=0.2)] = 0
    shadow_share: Annotated[float, Field(gt=0, le=1)] = 0.02


class Budget(Section):
    """What paid models may take; 0 stands for no bound. A share or a sum an hour turns the budget mode on.

    The share is of the remote model's calls; the sums bound a local endpoint with prices as well.
    """

    max_remote_share: Fraction = 0
    usd_per_hour: Annotated[float, Field(ge=0)] = 0
    daily_usd: Annotated[float, Field(ge=0)] = 0
    explore_share: Fraction = 0.02

    @property
    def ranks_by_gain(self) -> bool:
        """Whether remote calls go to the greatest gains, instead of to the lowest confidence."""
        return self.max_remote_share > 0 or self.usd_per_hour > 0


class Hybrid(Section):
    """The hybrid coordinator."""

    local_confidence_threshold: Fraction = 0.85
    fallback_threshold: Fraction = 0.70
    high_value_threshold: Fraction = 0.70
    fallback_quality: Fraction = 0.80
    max_answer_tokens: Positive = 2048
    context_tokens: Positive = 1500
    history_tokens: Positive = 1500
    session_seconds: Positive = 1800
    judgement_seconds: Annotated[float, Field(ge=0)] = 2.0
    budget: Budget = Budget()
    routing: Routing = Routing()
    learning: Learning = Learning()
    cache: AnswerCache = AnswerCache()

    @model_validator(mode="after")
    def _bands_are_ordered(self) -> Hybrid:
        if self.fallback_threshold > self.local_confidence_threshold:
            raise ValueError("fallback_threshold must not be above local_confidence_threshold")
        return self
