"""Answered questions, read once by those who make knowledge of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question that a model answered.

    Attributes:
        collections: Of the passages that the model had before it.
    """

    id: str
    answered_at: datetime
    query: str
    response: str
    model: str
    collections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """What a reader has not seen.

    Attributes:
        answers: Oldest first.
        complete: Nothing was left when it was asked.
        horizon: Up to when all of them are known to be there.
    """

    answers: Sequence[AnsweredQuestion]
    complete: bool
    horizon: datetime


class AnsweredQuestions(Protocol):
    """The answers that are worth keeping."""

    async def unread(self, reader: str, *, least_value: float, limit: int) -> Unread:
        """The answers since the reader's mark: by a model, of some value, and without anybody's private context.

        Args:
            reader: Whose mark.
            least_value: Least value score.
            limit: Most answers.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def mark(self, reader: str, until: datetime, last_id: str) -> None:
        """Set a reader's mark, never back.

        Args:
            reader: Whose mark.
            until: When the last answer that it has read was given.
            last_id: Of that answer.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...
