"""Hybrid search on real stores; the meaning of a text is an angle that the test gives."""

from __future__ import annotations

import asyncio
import hashlib
import math
import uuid
from collections.abc import Mapping, Sequence

import pytest

from mcp_stack.aidb.knowledge import search as searching
from mcp_stack.aidb.knowledge.fusion import MEANING_WEIGHT
from mcp_stack.aidb.knowledge.search import Search
from mcp_stack.errors import UnavailableError
from mcp_stack.ports.documents import Chunk, NewDocument
from mcp_stack.ports.embedder import Vector
from mcp_stack.ports.retrieval import Passage
from mcp_stack.ports.vectors import Point
from mcp_stack.storage.postgres.documents import PostgresDocuments
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.vectors import PgVectors

MODEL = "angles"


def direction(angle: float) -> Vector:
    return [math.cos(math.radians(angle)), math.sin(math.radians(angle)), *[0.0] * 382]


class Angles:
    """The port `Embedder`: the meaning of a question is the angle 0."""

    model = MODEL
    dimensions = 384

    async def embed_query(self, text: str) -> Vector:
        return direction(0)

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to free."""


class Library:
    """A knowledge base under test.

    Args:
        database: An empty one.
    """

    def __init__(self, database: Database) -> None:
        self.documents, self.vectors = PostgresDocuments(database), PgVectors(database)
        self.search = Search(self.documents, self.vectors, Angles())
        self._database = database

    async def add(self, source: str, *passages: str, angles: Mapping[int, float] | None = None) -> str:
        """Store a document with vectors of some of its passages; ordinal 0 is the whole."""
        text = "\n".join(passages)
        chunks = tuple(Chunk(number, "", passage) for number, passage in enumerate(passages, start=1))
        key, digest = str(uuid.uuid4()), hashlib.sha256(text.encode()).digest()
        await self.documents.add(NewDocument(key, "", text, digest, source, "c", (), chunks))
        points = [Point(str(uuid.uuid4()), direction(angle), key, ordinal) for ordinal, angle in (angles or {}).items()]
        await self.vectors.upsert("c", MODEL, points)
        return key

    async def remove(self, key: str) -> None:
        """Remove a document and leave its vectors, as another process may that is not done yet."""
        async with self._database.write() as connection:
            await connection.execute("delete from imported_documents where id = %s", [key])

    async def find(self, query: str, limit: int = 10, mode: str = "hybrid") -> list[Passage]:
        """Search."""
        return list((await self.search.search(query, limit=limit, mode=mode)).passages)


@pytest.fixture
def library(database: Database) -> Library:
    return Library(database)


async def test_words_and_meaning_are_added_up_and_the_ranks_of_both_are_told(library: Library) -> None:
    await library.add("both", "firewall rules", angles={1: 10})
    await library.add("words", "firewall rules for beginners", angles={1: 80})
    await library.add("meaning", "blocking of packets", angles={1: 5})
    await library.add("neither", "pasta", angles={1: 85})
    found = await library.find("firewall rules")
    assert [each.source for each in found] == ["both", "meaning", "words", "neither"]
    assert [(each.lexical_rank, each.vector_rank) for each in found] == [(1, 2), (0, 1), (2, 3), (0, 4)]
    assert [each.relevance for each in found] == [
        pytest.approx(math.cos(math.radians(angle)), abs=1e-4) for angle in (10, 5, 80, 85)
    ]
    assert found[1].score == pytest.approx(MEANING_WEIGHT * math.cos(math.radians(5)), abs=1e-3)
    by_words = {each.source: each.score for each in await library.find("firewall rules", mode="lexical")}
    similar = math.cos(math.radians(10))
    expected = MEANING_WEIGHT * similar + (1 - MEANING_WEIGHT) * by_words["both"]
    assert found[0].score == pytest.approx(expected, abs=1e-3)


async def test_the_same_question_gets_the_same_scores_whatever_else_is_found(library: Library) -> None:
    for number in range(40):
        await library.add(f"d{number}", f"alpha {'beta ' * (number % 7)} number{number}", angles={1: 2 * number})
    all_of_them = {each.source: each.score for each in await library.find("alpha beta", limit=40)}
    assert len(all_of_them) == 40
    for limit in (1, 3, 10):
        again = await library.find("alpha beta", limit=limit)
        assert {each.source: each.score for each in again} == dict(list(all_of_them.items())[:limit])
    assert all(0 <= score <= 1 for score in all_of_them.values())


async def test_a_document_that_one_leg_alone_has_found_is_looked_up_in_the_other(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "CANDIDATES_BEYOND", 0)
    await library.add("words", "alpha beta gamma delta", angles={1: 40})
    await library.add("more words", "alpha beta gamma delta epsilon", angles={1: 89})
    await library.add("meaning", "delta and nothing else of it", angles={1: 1})
    await library.add("more meaning", "nothing of it", angles={1: 2})
    first, second = await library.find("alpha beta gamma delta", limit=2)
    assert (first.source, first.lexical_rank, first.vector_rank) == ("words", 1, 0)
    assert first.relevance == pytest.approx(math.cos(math.radians(40)), abs=1e-4)
    assert (second.source, second.lexical_rank, second.vector_rank) == ("meaning", 0, 1)
    assert second.score > MEANING_WEIGHT + 0.02


async def test_a_document_that_was_removed_makes_room_for_the_next(library: Library) -> None:
    keys = [await library.add(f"d{number}", f"alpha number{number}", angles={1: number}) for number in range(6)]
    await library.remove(keys[0])
    await library.remove(keys[2])
    assert [each.source for each in await library.find("alpha", limit=3, mode="vector")] == ["d1", "d3", "d4"]
    assert {each.source for each in await library.find("alpha", limit=10)} == {"d1", "d3", "d4", "d5"}


async def test_a_document_without_vectors_is_found_beside_those_that_have_some(library: Library) -> None:
    for number in range(5):
        await library.add(f"embedded{number}", f"other things {number}", angles={1: 50 + number})
    await library.add("not yet embedded", "alpha beta")
    found = await library.find("alpha beta", limit=3)
    assert found[0].source == "not yet embedded"
    assert (found[0].vector_rank, found[0].relevance) == (0, 1.0)


async def test_the_passage_shown_is_the_one_that_matches(library: Library) -> None:
    passages = ("How to begin.", "Open port 4711 in the firewall.", "How to end.", "Ports are described here.")
    await library.add("manual", *passages, angles={0: 5, 1: 40, 2: 50, 4: 30})
    assert (await library.find("port 4711"))[0].text == passages[1]
    assert (await library.find("unheard-of"))[0].text == passages[3]
    assert (await library.find("how to end", mode="lexical"))[0].text == passages[2]
    assert (await library.find("anything", mode="vector"))[0].text == passages[3]


async def test_an_embedder_that_is_down_leaves_the_words_and_a_note(library: Library) -> None:
    class Down(Angles):
        async def embed_query(self, text: str) -> Vector:
            raise UnavailableError("the embedder is down", "start it")

    await library.add("a", "alpha", angles={1: 3})
    search = Search(library.documents, library.vectors, Down())
    found = await search.search("alpha", limit=5)
    assert [each.source for each in found.passages] == ["a"]
    assert found.notes == ("searched by words only: the embedder is down; start it",)
    with pytest.raises(UnavailableError):
        await search.search("alpha", limit=5, mode="vector")


async def test_searches_go_on_while_documents_come_and_go(library: Library) -> None:
    stop = asyncio.Event()

    async def write() -> None:
        for number in range(60):
            key = await library.add(f"d{number}", f"alpha beta number{number}", angles={1: number})
            if number % 3 == 0:
                await library.remove(key)
        stop.set()

    async def read() -> int:
        searches = 0
        while not stop.is_set():
            found = await library.find("alpha beta", limit=5)
            assert len({each.document_id for each in found}) == len(found)
            searches += 1
        return searches

    _, *searches = await asyncio.gather(write(), read(), read(), library.documents.refresh_statistics())
    assert len(await library.find("alpha", limit=100)) == 40
    assert all(searches[:2])
