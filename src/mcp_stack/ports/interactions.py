"""The record of every answered question."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .answering import Answer, Route


@dataclass(frozen=True, slots=True)
class RoutingTotals:
    """Counts and sums over the interactions of a window of time.

    Attributes:
        answered: By route; cached answers count under `cache`.
        cost_usd: Spent.
        saved_usd: What all-remote would have cost more.
        patterns: Patterns learned so far, whatever the window.
        calibration_error: Expected calibration error of the confidence in [0, 1], over rated local answers; 0 until
            there are enough of them.
    """

    answered: dict[str, int]
    average_latency_ms: float
    p95_latency_ms: float
    cost_usd: float
    saved_usd: float
    patterns: int
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks saw in a local answer.

    Attributes:
        version: Of the definition of the features.
        features: As the judge reads them.
    """

    version: int
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NewInteraction:
    """A question that was just answered.

    Attributes:
        query: What was asked.
        answer: What was answered.
        saved_usd: What asking the remote model would have cost more.
        session_id: Conversation that it belongs to; empty for none.
        private: The answer may hold facts of the caller's own context, so it never becomes common knowledge.
        checked: What the checks saw in a local answer; None for any other.
    """

    query: str
    answer: Answer
    saved_usd: float
    session_id: str
    private: bool
    checked: Checked | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """An answered question, as far as feedback is concerned.

    Attributes:
        quality: How good the answer was judged, in [0, 1].
        rating: What a person said: -1, 0 or 1.
        correction: What a person said that it should have been; empty for nothing.
        reused: How often the cache served the answer again.
        answered_by: Where the cache answered, the interaction that the answer is from; else empty.
    """

    id: str
    query: str
    response: str
    route: Route
    model: str
    confidence: float
    tokens_out: int
    value_score: float
    quality: float
    rating: int
    correction: str
    reused: int
    answered_by: str


class Interactions(Protocol):
    """Stores interactions and sums them up."""

    async def add(self, interaction: NewInteraction) -> None:
        """Record an interaction.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    def add_soon(self, interaction: NewInteraction) -> None:
        """Record an interaction without keeping the caller waiting; a failure is logged.

        The answer that it repeats, if any, is counted as reused. Whatever reads in the same process waits for it, and
        so does `close`.
        """
        ...

    async def get(self, interaction_id: str) -> Interaction | None:
        """An interaction, or None if there is none of that id.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def rate(self, interaction_id: str, *, rating: int, correction: str, value_score: float) -> None:
        """Write down what a person said of an answer, in place of what was said before.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def spent_usd(self, since: datetime) -> float:
        """What was spent since a time, in US dollars.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def totals(self, since: datetime | None) -> RoutingTotals:
        """Sum up the interactions since a time, or all of them.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def close(self) -> None:
        """Wait until everything is recorded."""
        ...
