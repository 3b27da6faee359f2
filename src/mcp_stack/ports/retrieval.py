"""Passages of the knowledge base that bear on a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Passage:
    """A document that was found, shown by its best passage.

    Attributes:
        score: How well it fits in [0, 1]: the share of the best that BM25 can be for the question, the cosine
            similarity, or half of each. It does not depend on which other documents are found.
        relevance: How well it fits the question in [0, 1], comparable across searches: the cosine similarity, or
            without one the share of the question's words that it has, rare ones counting more.
        lexical_rank: Place among the documents found by words, from 1; 0 if not found by words.
        vector_rank: Place among the documents found by vector, from 1; 0 if not found by vector.
    """

    document_id: str
    title: str
    source: str
    collection: str
    heading: str
    text: str
    score: float
    relevance: float
    lexical_rank: int
    vector_rank: int


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Result of a search.

    Attributes:
        passages: Best first.
        notes: What could not be used, for people; empty when everything worked.
    """

    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()


class Retrieval(Protocol):
    """Searches the knowledge base."""

    async def search(
        self,
        query: str,
        *,
        limit: int,
        collection: str = "",
        tags: Sequence[str] = (),
        mode: str = "hybrid",
    ) -> Retrieved:
        """The passages that fit a question best.

        Args:
            query: The question.
            limit: Most passages to return.
            collection: Only this collection; all if empty.
            tags: Only documents that carry all of these.
            mode: `hybrid`, `lexical` or `vector`.

        Raises:
            UnavailableError: The store is down, or the mode is `vector` and there is no embedder.
        """
        ...
