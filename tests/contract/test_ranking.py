"""Ranking by words, on PostgreSQL: BM25 as it is defined, at every size and with every filter."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from mcp_stack.ports.documents import NewDocument
from mcp_stack.storage.postgres import ranking
from mcp_stack.storage.postgres.documents import PostgresDocuments
from mcp_stack.storage.postgres.pool import Database

from .test_documents import document, found, rows

# Words without English endings.
VOCABULARY = [f"w{number}x" for number in range(60)]


@pytest.fixture
def documents(database: Database) -> PostgresDocuments:
    return PostgresDocuments(database)


class Texts:
    """Random documents, and what BM25 says of them.

    Args:
        seed: Of the random numbers.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.words: dict[str, list[str]] = {}

    async def add(self, documents: PostgresDocuments, number: int, longest: int = 40, **details: Any) -> None:
        """Store some more, by four writers."""
        pending = iter([self._document(longest, details) for _ in range(number)])

        async def write() -> None:
            for each in pending:
                await documents.add(each)

        await asyncio.gather(*(write() for _ in range(4)))

    def _document(self, longest: int, details: dict[str, Any]) -> NewDocument:
        body = [VOCABULARY[int(60 * self.chance.random() ** 2)] for _ in range(self.chance.randint(1, longest))]
        title, unique = self.chance.sample(VOCABULARY, 2), f"u{len(self.words)}x"
        made = document(" ".join([*body, unique]), title=" ".join(title), **details)
        self.words[made.id] = [*title, *title, *body, unique]
        return made

    def query(self) -> list[str]:
        """Some words, each once."""
        return self.chance.sample(VOCABULARY, self.chance.randint(1, 6))

    def bm25(self, query: Sequence[str]) -> dict[str, float]:
        """BM25 with k1 = 1.2 and b = 0.75, of the documents that have a word of the query."""
        mean = sum(map(len, self.words.values())) / len(self.words)
        scores: dict[str, float] = {}
        for word in query:
            having = {key: Counter(words)[word] for key, words in self.words.items() if word in words}
            weight = math.log(1 + (len(self.words) - len(having) + 0.5) / (len(having) + 0.5))
            for key, frequency in having.items():
                norm = 1.2 * (0.25 + 0.75 * len(self.words[key]) / mean)
                scores[key] = scores.get(key, 0.0) + weight * frequency * 2.2 / (frequency + norm)
        return scores


async def check(documents: PostgresDocuments, texts: Texts, exactness: float) -> None:
    """Compare searches with the definition."""
    for _ in range(25):
        query = texts.query()
        expected = texts.bm25(query)
        result = await documents.lexical_search(" ".join(query), limit=1000)
        scores = {hit.document_id: hit.score for hit in result.hits}
        assert scores == {key: pytest.approx(score, rel=exactness) for key, score in expected.items()}
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
        assert all(hit.score < result.words.best_score for hit in result.hits)
        some = texts.chance.sample(list(texts.words), min(10, len(texts.words)))
        looked_up = {hit.document_id: hit.score for hit in await documents.lexical_scores(result.words, some)}
        assert looked_up == {key: pytest.approx(scores[key], rel=1e-5) for key in some if key in scores}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_scores_are_those_of_bm25_right_after_an_import(documents: PostgresDocuments, seed: int) -> None:
    texts = Texts(seed)
    for number in (1, 4, 60):
        await texts.add(documents, number)
        await check(documents, texts, 1e-5)


async def test_so_they_are_where_there_are_many_documents_and_a_job_has_counted(
    documents: PostgresDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "FEW_DOCUMENTS", 0)
    texts = Texts(4)
    await texts.add(documents, 300)
    # The mean length was not known when the first documents came: a tenth is let pass.
    await check(documents, texts, 0.2)
    await documents.refresh_statistics()
    await check(documents, texts, 0.08)


async def test_impacts_follow_when_documents_become_longer(
    documents: PostgresDocuments, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "FEW_DOCUMENTS", 0)
    texts = Texts(5)
    await texts.add(documents, 60, longest=10)
    await documents.refresh_statistics()
    await texts.add(documents, 60, longest=300)
    await documents.refresh_statistics()
    await check(documents, texts, 0.08)
    off = "select count(*) as off from imported_documents as d, corpus_statistics as c"
    assert await rows(database, f"{off} where abs(d.mean_length / c.mean_length - 1) > 0.11") == [{"off": 0}]


async def test_a_word_that_came_after_the_count_is_found_and_weighs_most(
    documents: PostgresDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "FEW_DOCUMENTS", 0)
    texts = Texts(6)
    await texts.add(documents, 50)
    await documents.refresh_statistics()
    new = document("w1x and a newcomer")
    await documents.add(new)
    result = await documents.lexical_search("newcomer w1x", limit=5)
    assert result.hits[0].document_id == new.id
    assert max(result.words.weights.values()) == pytest.approx(math.log(1 + 49.5 / 1.5))


async def test_documents_indexed_by_older_rules_are_indexed_again(
    documents: PostgresDocuments, database: Database
) -> None:
    await documents.add(document("Calls get_userById.", title="Titled"))
    async with database.write() as connection:
        await connection.execute("update imported_documents set mean_length = 0, length = 1")
        await connection.execute("delete from document_postings")
        await connection.execute("update document_chunks set terms = '{}'")
    await documents.refresh_statistics()
    assert len(await found(documents, "userById")) == 1
    assert len(await found(documents, "titled")) == 1
    assert await rows(
        database, "select length, cardinality(terms) as terms from imported_documents, document_chunks"
    ) == [{"length": 8, "terms": 6}]


async def test_counting_is_left_out_where_nothing_has_changed(documents: PostgresDocuments, database: Database) -> None:
    await documents.refresh_statistics()
    await documents.add(document("Words."))
    await documents.refresh_statistics()
    before = await rows(database, "select * from corpus_statistics")
    assert before[0]["documents"] == 1
    await asyncio.gather(*(documents.refresh_statistics() for _ in range(4)))
    assert await rows(database, "select * from corpus_statistics") == before


@pytest.fixture
async def many(documents: PostgresDocuments, monkeypatch: pytest.MonkeyPatch) -> Texts:
    """1,200 documents, of which 60 are in a small collection and 40 have a rare tag; lists are cut early."""
    texts = Texts(7)
    await texts.add(documents, 1100, collection="large")
    await texts.add(documents, 60, collection="small")
    await texts.add(documents, 40, collection="large", tags=("rare",))
    await documents.refresh_statistics()
    monkeypatch.setattr(ranking, "FEW_DOCUMENTS", 0)
    monkeypatch.setattr(ranking, "LEAST_BUDGET", 600)
    monkeypatch.setattr(ranking, "MOST_BUDGET", 600)
    monkeypatch.setattr(ranking, "LEAST_POSTINGS", 50)
    return texts


async def test_reading_the_best_postings_alone_finds_the_best_documents(
    documents: PostgresDocuments, many: Texts
) -> None:
    """Of the common words less than half is read, and words are spread at random, which no text's are."""
    missed = []
    for number in range(40):
        query = [f"u{number * 27}x", *VOCABULARY[50 + number % 10 : 52 + number % 10], *VOCABULARY[number % 20 :][:2]]
        scores = many.bm25(query)
        best = sorted(scores.values(), reverse=True)[:10]
        ranked = await found(documents, " ".join(query))
        missed.append(1 - sum(scores[key] for key in ranked) / sum(best))
    assert sum(missed) / len(missed) < 0.05
    assert max(missed) < 0.1


@pytest.mark.parametrize("most_probed", [0, 1000])
@pytest.mark.parametrize(
    "filters", [{"collection": "small"}, {"tags": ["rare"]}, {"collection": "large", "tags": ["rare"]}]
)
async def test_a_cut_never_empties_a_filtered_search(
    documents: PostgresDocuments,
    many: Texts,
    monkeypatch: pytest.MonkeyPatch,
    filters: dict[str, Any],
    most_probed: int,
) -> None:
    monkeypatch.setattr(ranking, "FEW_MATCHING", most_probed)
    monkeypatch.setattr(ranking, "LEAST_BUDGET", 60)
    monkeypatch.setattr(ranking, "MOST_BUDGET", 60)
    monkeypatch.setattr(ranking, "LEAST_POSTINGS", 1)
    among = list(many.words)[1100:1160] if "tags" not in filters else list(many.words)[1160:]
    for _ in range(10):
        query = many.chance.sample(VOCABULARY[:20], 3)
        scores = {key: score for key, score in many.bm25(query).items() if key in among}
        ranked = await found(documents, " ".join(query), limit=20, **filters)
        assert set(ranked) <= set(scores)
        assert len(ranked) == min(20, len(scores))
        assert max(scores, key=scores.__getitem__) in ranked[:3]


async def test_a_filter_that_nothing_fits_finds_nothing(documents: PostgresDocuments, many: Texts) -> None:
    assert await found(documents, "w1x w2x", collection="none") == []
    assert await found(documents, "w1x w2x", tags=["rare", "none"]) == []
