"""Hybrid search: words by BM25, meaning by vectors, fused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from ...errors import UnavailableError
from ...ports.documents import Documents, LexicalHits, Wanted
from ...ports.embedder import Embedder
from ...ports.retrieval import Passage, Retrieved
from ...ports.vectors import Neighbour, Vectors

MODES = ("hybrid", "lexical", "vector")
# Weight of the vector leg: chosen on the development claims of SciFact, where nDCG@10 of .736 beat either leg alone.
VECTOR_WEIGHT = 0.6
# How many of each leg are fused: an answer far down both lists is not among the best of their sum.
CANDIDATES = 100


class Search:
    """The port `Retrieval` over documents and vectors."""

    def __init__(self, documents: Documents, vectors: Vectors, embedder: Embedder) -> None:
        self._documents = documents
        self._vectors = vectors
        self._embedder = embedder

    async def search(
        self,
        query: str,
        *,
        limit: int,
        collection: str = "",
        tags: Sequence[str] = (),
        mode: str = "hybrid",
    ) -> Retrieved:
        """See `Retrieval.search`."""
        notes: list[str] = []
        lexical = LexicalHits((), {})
        neighbours: list[Neighbour] = []
        if mode == "lexical":
            lexical = await self._documents.lexical_search(query, limit=CANDIDATES, collection=collection, tags=tags)
        elif mode == "vector":
            neighbours = await self._nearest(query, collection, tags)
        else:
            lexical, neighbours = await asyncio.gather(
                self._documents.lexical_search(query, limit=CANDIDATES, collection=collection, tags=tags),
                self._nearest_if_any(query, collection, tags, notes),
            )
        return Retrieved(await self._passages(lexical, neighbours, limit), tuple(notes))

    async def _nearest(self, query: str, collection: str, tags: Sequence[str]) -> list[Neighbour]:
        vector = await self._embedder.embed_query(query)
        return await self._vectors.search(
            vector, self._embedder.model, limit=CANDIDATES, collection=collection, tags=tags
        )

    async def _nearest_if_any(
        self, query: str, collection: str, tags: Sequence[str], notes: list[str]
    ) -> list[Neighbour]:
        try:
            return await self._nearest(query, collection, tags)
        except UnavailableError as error:
            notes.append(f"searched by words only: {error.problem}; {error.remedy}")
            return []

    async def _passages(self, lexical: LexicalHits, neighbours: list[Neighbour], limit: int) -> tuple[Passage, ...]:
        words = {hit.document_id: hit.score for hit in lexical.hits}
        coverage = {hit.document_id: hit.coverage for hit in lexical.hits}
        meaning: dict[str, float] = {}
        chunks: dict[str, dict[int, float]] = {}
        for neighbour in neighbours:  # nearest first: the first of a document is its best
            meaning.setdefault(neighbour.document_id, neighbour.similarity)
            if neighbour.ordinal > 0:
                chunks.setdefault(neighbour.document_id, {})[neighbour.ordinal] = neighbour.similarity
        scores = fused(words, meaning)
        best = sorted(scores, key=lambda document_id: (-scores[document_id], document_id))[:limit]
        excerpts = await self._documents.excerpts(
            [Wanted(each, chunks.get(each, {})) for each in best], lexical.weights
        )
        word_ranks, meaning_ranks = _ranks(words), _ranks(meaning)
        return tuple(
            Passage(
                document_id=excerpt.document_id,
                title=excerpt.title,
                source=excerpt.source,
                collection=excerpt.collection,
                heading=excerpt.heading,
                text=excerpt.content,
                score=round(scores[excerpt.document_id], 4),
                relevance=_relevance(meaning.get(excerpt.document_id, coverage.get(excerpt.document_id, 0.0))),
                lexical_rank=word_ranks.get(excerpt.document_id, 0),
                vector_rank=meaning_ranks.get(excerpt.document_id, 0),
            )
            for excerpt in excerpts
        )


def fused(words: Mapping[str, float], meaning: Mapping[str, float]) -> dict[str, float]:
    """Convex combination of both legs, each scaled to [0, 1] by its least and greatest score.

    Min-max fusion beat reciprocal rank fusion on every set that was measured; Bruch et al. 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval" (arXiv:2210.11934), says why.

    Args:
        words: BM25 score by document; empty if that leg found nothing.
        meaning: Cosine similarity by document; empty without an embedder.

    Returns:
        Score in [0, 1] by document.
    """
    if not meaning:
        return _scaled(words)
    if not words:
        return _scaled(meaning)
    by_words, by_meaning = _scaled(words), _scaled(meaning)
    return {
        document_id: VECTOR_WEIGHT * by_meaning.get(document_id, 0.0)
        + (1 - VECTOR_WEIGHT) * by_words.get(document_id, 0.0)
        for document_id in by_words.keys() | by_meaning.keys()
    }


def _scaled(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    least, greatest = min(scores.values()), max(scores.values())
    spread = greatest - least
    return {key: (value - least) / spread if spread > 0 else 1.0 for key, value in scores.items()}


def _ranks(scores: Mapping[str, float]) -> dict[str, int]:
    ordered: Iterable[str] = sorted(scores, key=lambda key: (-scores[key], key))
    return {key: rank for rank, key in enumerate(ordered, start=1)}


def _relevance(fitness: float) -> float:
    return round(max(0.0, min(1.0, fitness)), 4)
