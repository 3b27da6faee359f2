"""Nearest-neighbour search over named collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .embedder import Vector


@dataclass(frozen=True, slots=True)
class Point:
    """One vector of a collection.

    Attributes:
        id: A UUID as text, unique in the collection.
        vector: Unit vector of the collection's dimensions.
        document_id: The document that it belongs to.
        ordinal: 0 for the document as a whole, 1.. for its chunks in reading order.
        tags: The document's tags, for filters.
    """

    id: str
    vector: Vector
    document_id: str
    ordinal: int
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A point that was found.

    Attributes:
        similarity: Cosine similarity in [-1, 1].
    """

    id: str
    document_id: str
    ordinal: int
    collection: str
    similarity: float


class Vectors(Protocol):
    """A vector store. Points of different embedding models live apart and never meet in a search."""

    async def upsert(self, collection: str, model: str, points: Sequence[Point]) -> None:
        """Insert points, replacing those with the same id.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def search(
        self, vector: Vector, model: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> list[Neighbour]:
        """The nearest points by cosine similarity, nearest first.

        Args:
            vector: The query's unit vector.
            model: Only points embedded by this model are compared.
            limit: Most points to return.
            collection: Only this collection; all of them if empty.
            tags: Only points that carry all of these.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def delete_document(self, document_id: str) -> None:
        """Remove every point of a document, in every collection.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def count(self, collection: str = "") -> int:
        """Number of points in a collection, or in all of them.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def ping(self) -> None:
        """Raises UnavailableError unless the store answers."""
        ...

    async def close(self) -> None:
        """Free the connections."""
        ...
