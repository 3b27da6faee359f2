"""Rated answers, and the judge that is fitted to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """A local answer that a person rated.

    Attributes:
        features: What the checks saw in it.
        good: What the person said.
    """

    features: tuple[float, ...]
    good: bool


@dataclass(frozen=True, slots=True)
class StoredJudge:
    """A fitted judge as it is kept.

    Attributes:
        version: Grows with each fit.
        content: What `Judge.from_bytes` reads.
    """

    version: int
    content: bytes


class Judging(Protocol):
    """Stores what judges are made of. Every method raises UnavailableError if the store is down, the writing ones also
    if it is full.
    """

    async def rated_answers(self, features_version: int, limit: int) -> list[RatedAnswer]:
        """The newest rated local answers, the oldest of them first.

        Args:
            features_version: Only those whose features are of this definition.
            limit: Most to return.
        """
        ...

    async def save_judge(self, content: bytes) -> None:
        """Keep a fitted judge in place of the one before."""
        ...

    async def judge(self, known_version: int) -> StoredJudge | None:
        """The judge that is kept, if there is one of another version than the one that is known."""
        ...
