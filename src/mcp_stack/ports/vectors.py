"""Nearest-neighbour search over named collections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from .embedder import Vector

POINTS_OF_A_DOCUMENT: Final = 3
"""How many points of one document a search gives: enough to choose a passage, too few to crowd out other documents."""


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


def nearest_documents(points: Iterable[Neighbour], limit: int) -> list[Neighbour]:
    """What a search gives of the points that a store has found.

    Args:
        points: In any order.
        limit: Most documents.

    Returns:
        Points, nearest first, at most `POINTS_OF_A_DOCUMENT` of each document; of points equally near, the lesser id.
    """
    taken: dict[str, int] = {}
    found = []
    for point in sorted(points, key=lambda each: (-each.similarity, each.id)):
        number = taken.get(point.document_id, 0)
        if number < POINTS_OF_A_DOCUMENT and (number or len(taken) < limit):
            taken[point.document_id] = number + 1
            found.append(point)
    return found


@dataclass(frozen=True, slots=True)
class Alike:
    """Two documents of a collection whose vectors as a whole are nearly the same.

    Attributes:
        document_id: The one that was asked for.
        other_id: The one that was found.
        similarity: Cosine similarity in [-1, 1].
    """

    document_id: str
    other_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """A document that has vectors.

    Attributes:
        model: The model that made them.
        points: How many there are.
    """

    document_id: str
    model: str
    points: int


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
        """The nearest documents by cosine similarity, each by the points that are nearest.

        Args:
            vector: The query's unit vector.
            model: Only points embedded by this model are compared.
            limit: Most documents.
            collection: Only this collection; all of them if empty.
            tags: Only points that carry all of these.

        Returns:
            Points, nearest first, at most `POINTS_OF_A_DOCUMENT` of each document.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def similarities(self, vector: Vector, model: str, document_ids: Sequence[str]) -> list[Neighbour]:
        """The points of some documents that are nearest, as a search gives them; those without any are left out.

        Args:
            vector: The query's unit vector.
            model: Only points embedded by this model are compared.
            document_ids: The documents; they need not exist.

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

    async def delete_documents(self, document_ids: Sequence[str], model: str = "") -> None:
        """Remove every point of some documents, in every collection.

        Args:
            document_ids: The documents; they need not exist.
            model: Only points of this model; all if empty.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def alike(self, document_ids: Sequence[str], model: str, *, least: float, limit: int) -> list[Alike]:
        """The documents of the same collection that some documents are nearly the same as, by their ordinals 0.

        Args:
            document_ids: The documents to compare; those without a vector of the model are left out.
            model: Only points embedded by this model are compared.
            least: Least cosine similarity.
            limit: Most documents that are found for each; of more, some may be missed.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def passages_of(self, document_ids: Sequence[str], model: str) -> dict[str, list[Vector]]:
        """The vectors of the chunks of some documents, by document, in reading order.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    def stored(self) -> AsyncIterator[list[StoredVectors]]:
        """Every document that has vectors, once for each model, in batches of bounded size.

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
