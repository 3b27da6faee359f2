"""The record of every answered question."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .answering import Answer


@dataclass(frozen=True, slots=True)
class RoutingTotals:
    """Counts and sums over the interactions of a window of time.

    Attributes:
        answered: By route; cached answers count under `cache`.
        cost_usd: Spent.
        saved_usd: What all-remote would have cost more.
        patterns: Patterns learned so far, whatever the window.
    """

    answered: dict[str, int]
    average_latency_ms: float
    p95_latency_ms: float
    cost_usd: float
    saved_usd: float
    patterns: int


class Interactions(Protocol):
    """Stores interactions and sums them up."""

    async def add(
        self, query: str, answer: Answer, saved_usd: float, session_id: str, *, private: bool = False
    ) -> None:
        """Record an interaction.

        Args:
            query: What was asked.
            answer: What was answered.
            saved_usd: What asking the remote model would have cost more.
            session_id: Conversation that it belongs to; empty for none.
            private: The answer may hold facts of the caller's own context, so it never becomes common knowledge.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    def add_soon(self, query: str, answer: Answer, saved_usd: float, session_id: str) -> None:
        """Record an interaction without keeping the caller waiting; a failure is logged.

        `totals` in the same process waits for it, and so does `close`.
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
