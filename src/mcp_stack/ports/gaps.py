"""Questions that the knowledge base has no good passage for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Asked:
    """A search, as far as gaps go.

    Attributes:
        question: What was asked.
        collection: Where it was looked for; empty for everywhere.
        weak: The best passage does not answer it.
        relevance: Of the best passage, in [0, 1]; 0 without any.
        source: Where the best passage is from; empty without any.
        document: Title of its document; empty without any.
        found_in: Collection of the best passage; empty without any.
    """

    question: str
    collection: str
    weak: bool
    relevance: float
    source: str
    document: str
    found_in: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that was asked in vain.

    Attributes:
        question: As it was asked first.
        collection: Where it was looked for; empty for everywhere.
        asked: How often, in whatever order its words came.
        best_relevance: Of the best passage when it was asked last, in [0, 1].
        best_source: Where that is from; empty without any.
        best_document: Title of its document; empty without any.
    """

    question: str
    collection: str
    asked: int
    best_relevance: float
    best_source: str
    best_document: str
    last_asked: datetime


class Gaps(Protocol):
    """Counts questions that were asked in vain, and forgets those that no longer are."""

    async def note(self, searches: Sequence[Asked]) -> None:
        """Count the weak ones, and forget the gaps of the others.

        The number of gaps is bounded: those that were asked least often and longest ago go first.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def most_asked(self, limit: int) -> list[Gap]:
        """The gaps that were asked most often, of equals the latest first.

        Raises:
            UnavailableError: The store is down.
        """
        ...
