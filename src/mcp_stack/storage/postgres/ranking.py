"""Ranking documents by words: BM25 over the posting lists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ...ports.documents import LexicalHit, LexicalHits, QuestionWords
from .arrays import array
from .filters import LargeFilters
from .queries import queries
from .words import count_words

if TYPE_CHECKING:
    from .pool import Connection, Database

FEW_DOCUMENTS: Final = 500
"""Up to so many, everything is counted when it is asked for: the ranking is right at once after an import."""

LEAST_BUDGET: Final = 2000
"""Postings read of all words of a question together, in a small corpus: where there are more, the best of each word are
read, as many of each. nDCG@10 on SciFact is what it is with all."""

MOST_BUDGET: Final = 6000
"""The same in a large corpus."""

DOCUMENTS_PER_POSTING: Final = 5
"""In between, one posting is read for so many documents: among more documents the best are further down the lists."""

LEAST_POSTINGS: Final = 200
"""Of each word, however many words there are."""

FEW_MATCHING: Final = 1000
"""Documents that a filter may leave for each of them to be looked at."""

MOST_TERMS: Final = 128
"""Words of a question that count, the rarest: of a question as long as a page, the common ones say nothing."""


@dataclass(frozen=True, slots=True)
class _Corpus:
    """What ranking depends on.

    Attributes:
        few: There are few documents, and everything was counted just now.
        best_postings: How many postings of each word are read; None for all.
    """

    few: bool
    best_postings: int | None


class Ranking:
    """Ranks documents by the words that they share with a question."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("ranking")
        self._large = LargeFilters()

    async def search(self, query: str, *, limit: int, collection: str, tags: Sequence[str]) -> LexicalHits:
        """See `Documents.lexical_search`."""
        given = count_words(query)
        if not given:
            return LexicalHits((), QuestionWords({}))
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["terms"], {"words": array(given), "few": FEW_DOCUMENTS})
            terms = await cursor.fetchall()
            if not terms:
                return LexicalHits((), QuestionWords({}))
            words, corpus = _weighed(terms)
            parameters = {
                **_parameters(words),
                "postings": corpus.best_postings,
                "rescored": 2 * limit,
                "limit": limit,
                "collection": collection,
                "tags": list(tags),
            }
            rows = await self._rank(connection, corpus, parameters)
        return LexicalHits(tuple(_hits(rows, words)), words)

    async def scores(self, words: QuestionWords, document_ids: Sequence[str]) -> list[LexicalHit]:
        """See `Documents.lexical_scores`."""
        if not words.weights or not document_ids:
            return []
        parameters = {**_parameters(words), "ids": array(document_ids), "limit": len(document_ids)}
        name = "rank_few_documents" if words.mean_length else "scores"
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql[name], parameters)).fetchall()
        return list(_hits(rows, words))

    async def _rank(self, connection: Connection, corpus: _Corpus, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        filtered = bool(parameters["collection"] or parameters["tags"])
        name = "rank_best" if filtered or corpus.best_postings else "rank_all"
        if corpus.few:
            name = "rank_few_documents"
        elif filtered and (numbers := await self._matching(connection, parameters)) is not None:
            name, parameters["numbers"] = "rank_matching", array(numbers)
        # Filters are planned for as they are: one that is empty must not cost anything.
        cursor = await connection.execute(self._sql[name], parameters, prepare=not filtered)
        return await cursor.fetchall()

    async def _matching(self, connection: Connection, parameters: dict[str, Any]) -> list[int] | None:
        """The documents that a filter leaves, if they are few."""
        of_filter = parameters["collection"], parameters["tags"]
        if self._large.knows(*of_filter):
            return None
        limited = {**parameters, "limit": FEW_MATCHING + 1}
        row = await (await connection.execute(self._sql["matching"], limited, prepare=False)).fetchone()
        numbers: list[int] = (row["numbers"] if row else None) or []
        if len(numbers) <= FEW_MATCHING:
            return numbers
        self._large.remember(*of_filter)
        return None


def _weighed(terms: Sequence[Mapping[str, Any]]) -> tuple[QuestionWords, _Corpus]:
    """The words with their weights, the rarest if there are many, and what is known of the corpus."""
    first = terms[0]
    rarest = sorted(terms, key=lambda term: (term["found_in"] or math.inf, term["term"]))[:MOST_TERMS]
    weights = {term["term"]: _weight(first["documents"], term["found_in"]) for term in rarest}
    corpus = _Corpus(first["few"], _best_postings(rarest))
    return QuestionWords(weights, first["mean_length"] if first["few"] else 0.0), corpus


def _best_postings(terms: Sequence[Mapping[str, Any]]) -> int | None:
    """How many postings of each word to read to stay within the budget; None for all.

    Args:
        terms: Those of the fewest documents first; unknown words come last.
    """
    documents: int = terms[0]["documents"]
    left = max(LEAST_BUDGET, min(MOST_BUDGET, documents // DOCUMENTS_PER_POSTING))
    for number, term in enumerate(terms):
        share = left // (len(terms) - number)
        if term["found_in"] > share:
            return max(share, LEAST_POSTINGS)
        left -= term["found_in"]
    return None


def _parameters(words: QuestionWords) -> dict[str, Any]:
    return {
        "terms": array(words.weights),
        "weights": array(words.weights.values()),
        "mean_length": words.mean_length,
        "ids": "{}",
        "collection": "",
        "tags": [],
    }


def _hits(rows: Iterable[Mapping[str, Any]], words: QuestionWords) -> Iterator[LexicalHit]:
    whole = sum(words.weights.values())
    for row in rows:
        yield LexicalHit(row["document_id"], row["score"], min(1.0, row["covered"] / whole))


def _weight(documents: int, found_in: int) -> float:
    """Inverse document frequency; the 1 inside the logarithm keeps that of a word of most documents positive."""
    found_in = min(found_in, documents)
    return math.log(1 + (documents - found_in + 0.5) / (found_in + 0.5))
