"""Points of interest: addresses worth knowing, such as a dashboard, a manual, a repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PointOfInterest:
    """An address with what it is good for."""

    id: str
    title: str
    url: str
    category: str
    description: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PointPage:
    """Some of the points that were asked for.

    Attributes:
        total: How many there are in all.
    """

    points: tuple[PointOfInterest, ...]
    total: int


class PointsOfInterest(Protocol):
    """Every point of interest; one for each address. Every method raises UnavailableError if the store is down."""

    async def put(self, *, title: str, url: str, category: str, description: str) -> tuple[PointOfInterest, bool]:
        """Add a point, or change the one with this address.

        Returns:
            The point, and whether it is new.
        """
        ...

    async def list(self, *, category: str, words: Sequence[str], limit: int, offset: int) -> PointPage:
        """Points by category and title.

        Args:
            category: Only these; empty for all.
            words: Only those that have each of them in title, address, category or description, in any case of letters.
            limit: Most points to return.
            offset: Points to pass over.
        """
        ...
