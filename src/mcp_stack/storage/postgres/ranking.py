"""Ranking documents by words: BM25 over the posting lists."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ...ports.documents import LexicalHit, LexicalHits
from .queries import queries
from .words import count_words

if TYPE_CHECKING:
    from .pool import Connection, Database

FEW_DOCUMENTS: Final = 2000
"""Up to so many, everything is counted when it is asked for: the ranking is right at once after an import."""

CUT_ABOVE: Final = 20_000
"""Documents above which only the best postings of a word are read; below, all of them take no longer."""

BEST_POSTINGS: Final = 1000
"""Of each word, where postings are cut."""

RESCORED: Final = 200
"""Documents that the best postings find and that are scored by all their words."""

FEW_MATCHING: Final = 1000
"""Documents that a filter may leave for each of them to be looked at."""

MOST_TERMS: Final = 48
"""Words of a question that count, the rarest: of a question as long as a page, the common ones say nothing."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a question.

    Attributes:
        weights: Inverse document frequency by term.
        documents: In the corpus.
        mean_length: Words of a document, on average.
        live: Everything was counted just now, for the corpus is small or not counted yet.
    """

    weights: dict[int, float]
    documents: int = 0
    mean_length: float = 1.0
    live: bool = True


class Ranking:
    """Ranks documents by the words that they share with a question."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("ranking")

    async def search(self, query: str, *, limit: int, collection: str, tags: Sequence[str]) -> LexicalHits:
        """See `Documents.lexical_search`."""
        words = list(count_words(query))
        if not words:
            return LexicalHits((), {})
        async with self._database.read() as connection:
            terms = await self._terms(connection, words)
            rows = await self._rank(connection, terms, limit, collection, tags) if terms.weights else []
        whole = sum(terms.weights.values())
        return LexicalHits(
            tuple(LexicalHit(row["document_id"], row["score"], min(1.0, row["covered"] / whole)) for row in rows),
            terms.weights,
        )

    async def _terms(self, connection: Connection, words: list[str]) -> Terms:
        cursor = await connection.execute(self._sql["terms"], {"words": words, "few": FEW_DOCUMENTS})
        rows = await cursor.fetchall()
        if not rows:
            return Terms({})
        documents = rows[0]["documents"]
        weights = {row["term"]: _weight(documents, row["found_in"]) for row in rows}
        rarest = sorted(weights, key=lambda term: (-weights[term], term))[:MOST_TERMS]
        return Terms({term: weights[term] for term in rarest}, documents, rows[0]["mean_length"], live=rows[0]["live"])

    async def _rank(
        self, connection: Connection, terms: Terms, limit: int, collection: str, tags: Sequence[str]
    ) -> list[dict[str, Any]]:
        parameters: dict[str, Any] = {
            "terms": list(terms.weights),
            "weights": list(terms.weights.values()),
            "mean_length": terms.mean_length,
            "postings": BEST_POSTINGS if terms.documents > CUT_ABOVE else None,
            "rescored": max(RESCORED, 2 * limit),
            "limit": limit,
            "collection": collection,
            "tags": list(tags),
        }
        if terms.live:
            name = "rank_live"
        elif collection or tags:
            few = await connection.execute(self._sql["few"], {**parameters, "limit": FEW_MATCHING + 1})
            numbers = ((await few.fetchone()) or {"numbers": None})["numbers"] or []
            if len(numbers) <= FEW_MATCHING:
                name, parameters["numbers"] = "rank_few", numbers
            else:
                name = "rank_best"
        else:
            name = "rank_best" if terms.documents > CUT_ABOVE else "rank_all"
        return await (await connection.execute(self._sql[name], parameters)).fetchall()


def _weight(documents: int, found_in: int) -> float:
    """Inverse document frequency; the 1 inside the logarithm keeps that of a word of most documents positive."""
    found_in = min(found_in, documents)
    return math.log(1 + (documents - found_in + 0.5) / (found_in + 0.5))
