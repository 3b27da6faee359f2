"""The port `Documents`, on PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from mcp_stack.ports.documents import Chunk, NewDocument, Wanted
from mcp_stack.storage.postgres import ranking
from mcp_stack.storage.postgres.documents import PostgresDocuments
from mcp_stack.storage.postgres.pool import Database


def document(text: str, **details: Any) -> NewDocument:
    """A document of one chunk, or of those given."""
    chunks = details.pop("chunks", (Chunk(1, "", text),))
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "title": "",
        "content": text,
        "content_hash": hashlib.sha256(text.encode()).digest(),
        "source": "test",
        "collection": "c",
        "tags": (),
        "chunks": chunks,
    }
    return NewDocument(**{**values, **details})


@pytest.fixture
def documents(database: Database) -> PostgresDocuments:
    return PostgresDocuments(database)


async def found(documents: PostgresDocuments, query: str, limit: int = 10, **filters: Any) -> list[str]:
    return [hit.document_id for hit in (await documents.lexical_search(query, limit=limit, **filters)).hits]


async def test_the_same_content_is_stored_once_in_a_collection(documents: PostgresDocuments) -> None:
    first = document("One text.")
    assert await documents.add(first) is None
    existing = await documents.add(document("One text."))
    assert existing is not None
    assert (existing.id, existing.embedding_model) == (first.id, "")
    await documents.mark_embedded(first.id, "model")
    again = await documents.add(document("One text."))
    assert again is not None
    assert again.embedding_model == "model"
    assert await documents.add(document("One text.", collection="another")) is None
    assert await documents.count() == 2


async def test_every_change_gives_a_greater_revision(documents: PostgresDocuments) -> None:
    before = await documents.revision()
    new = document("Words.")
    await documents.add(new)
    added = await documents.revision()
    await documents.mark_embedded(new.id, "model")
    assert before < added < await documents.revision()


async def test_scores_are_those_of_bm25(documents: PostgresDocuments) -> None:
    """Against the definition, on random corpora; the words have no English endings."""
    chance = random.Random(7)
    vocabulary = [f"w{number}x" for number in range(60)]
    texts: dict[str, list[str]] = {}
    for _ in range(80):
        words = [vocabulary[int(60 * chance.random() ** 2)] for _ in range(chance.randint(1, 40))]
        title = chance.sample(vocabulary, 2)
        new = document(" ".join(words) + f" {uuid.uuid4().hex}z", title=" ".join(title))
        texts[new.id] = title * 2 + new.content.split()
        await documents.add(new)
    for _ in range(40):
        query = chance.sample(vocabulary, chance.randint(1, 6))
        expected = bm25(texts, query)
        hits = (await documents.lexical_search(" ".join(query), limit=100)).hits
        assert {hit.document_id: pytest.approx(hit.score, rel=1e-5) for hit in hits} == expected
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(0 < hit.coverage <= 1 for hit in hits)


def bm25(texts: dict[str, list[str]], query: Sequence[str]) -> dict[str, float]:
    """BM25 with k1 = 1.2 and b = 0.75, of the documents that have a word of the query."""
    mean = sum(len(words) for words in texts.values()) / len(texts)
    scores: dict[str, float] = {}
    for word in query:
        having = {key: Counter(words)[word] for key, words in texts.items() if word in words}
        weight = math.log(1 + (len(texts) - len(having) + 0.5) / (len(having) + 0.5))
        for key, frequency in having.items():
            norm = 1.2 * (0.25 + 0.75 * len(texts[key]) / mean)
            scores[key] = scores.get(key, 0.0) + weight * frequency * 2.2 / (frequency + norm)
    return scores
