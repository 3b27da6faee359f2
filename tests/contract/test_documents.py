"""The port `Documents`, on PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from typing import Any

import pytest

from mcp_stack.ports.documents import Chunk, NewDocument, QuestionWords, Wanted
from mcp_stack.storage.postgres.documents import PostgresDocuments
from mcp_stack.storage.postgres.pool import Database


def document(text: str, **details: Any) -> NewDocument:
    """A document of one chunk, or of those given."""
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "title": "",
        "content": text,
        "content_hash": hashlib.sha256(text.encode()).digest(),
        "source": "test",
        "collection": "c",
        "tags": (),
        "chunks": (Chunk(1, "", text),),
    }
    return NewDocument(**{**values, **details})


@pytest.fixture
def documents(database: Database) -> PostgresDocuments:
    return PostgresDocuments(database)


async def found(documents: PostgresDocuments, query: str, limit: int = 10, **filters: Any) -> list[str]:
    return [hit.document_id for hit in (await documents.lexical_search(query, limit=limit, **filters)).hits]


async def rows(database: Database, query: Any) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return await (await connection.execute(query)).fetchall()


# --- storing --------------------------------------------------------------------------------------------------------


async def test_the_same_content_is_stored_once_in_a_collection(
    documents: PostgresDocuments, database: Database
) -> None:
    first = document("One text.")
    assert await documents.add(first) is None
    existing = await documents.add(document("One text."))
    assert existing is not None
    assert (existing.id, existing.embedding_model) == (first.id, "")
    async with database.write() as connection:
        await connection.execute("update imported_documents set embedding_model = 'model'")
    again = await documents.add(document("One text."))
    assert again is not None
    assert again.embedding_model == "model"
    assert await documents.add(document("One text.", collection="another")) is None
    assert await documents.count() == 2


async def test_every_document_gives_a_greater_revision_unless_it_is_no_news(documents: PostgresDocuments) -> None:
    before = await documents.revision()
    await documents.add(document("Words."))
    added = await documents.revision()
    assert added > before
    await documents.add(document("Words."))
    await documents.add(document("What was said.", is_news=False))
    assert await documents.revision() == added


async def test_who_brought_a_document_is_kept(documents: PostgresDocuments, database: Database) -> None:
    await documents.add(document("Brought by a person."))
    await documents.add(document("Brought by a feeder.", origin="fed"))
    stored = await rows(database, "select origin, pinned from imported_documents order by number")
    assert stored == [{"origin": "user", "pinned": False}, {"origin": "fed", "pinned": False}]


async def test_a_removed_document_leaves_no_words_behind(documents: PostgresDocuments, database: Database) -> None:
    await documents.add(document("Stays here."))
    await documents.add(document("Goes away."))
    async with database.write() as connection:
        await connection.execute("delete from imported_documents where content = 'Goes away.'")
    assert await found(documents, "goes away") == []
    assert len(await found(documents, "stays")) == 1
    left = "select (select count(*) from document_chunks) as chunks, count(distinct document) as documents"
    assert await rows(database, f"{left} from document_postings") == [{"chunks": 1, "documents": 1}]


async def test_many_writers_of_the_same_words_never_wait_in_a_circle(documents: PostgresDocuments) -> None:
    async def write(writer: int) -> None:
        for number in range(25):
            words = ["alpha", "beta", "gamma", "delta"]
            text = " ".join(words[writer:] + words[:writer]) + f" number {number} of writer{writer}"
            assert await documents.add(document(text, title="The same title for all")) is None

    await asyncio.gather(*(write(writer) for writer in range(4)))
    assert await documents.count() == 100
    assert len(await found(documents, "beta", limit=200)) == 100
    assert len(await found(documents, "writer2", limit=200)) == 25


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Call get_userById(id) first.", ["get_userById", "get_userbyid", "user by id", "userById"]),
        ("import os.path.join as join", ["os.path.join", "join path", "path"]),
        ("std::vector<std::string> names", ["vector", "string", "std::vector<int>"]),
        ("Failed with ERR_CONN_4711 at once", ["ERR_CONN_4711", "4711", "conn"]),
        ("Upgrade to version v1.2.3-beta.", ["v1.2.3", "v1.2.3-beta"]),
        ("see src/mcp_stack/storage/pool.py", ["pool.py", "storage/pool", "mcp_stack"]),
        ("Programmiersprache C++ und C#", ["C++", "c#", "programmiersprache"]),
        ("PostgreSQL数据库性能优化指南", ["数据库", "性能", "postgresql", "优化"]),
        ("データベースの性能", ["データベース", "性能"]),
        ("데이터베이스의 성능을 높이는 방법", ["데이터베이스", "성능"]),
        ("Straße in München, café crème", ["STRASSE", "munchen", "cafe", "CRÈME"]),
        ("Настройка сервера базы данных", ["НАСТРОЙКА", "сервера"]),
        ("डेटाबेस सर्वर", ["डेटाबेस", "सर्वर"]),
        ("ฐานข้อมูลเซิร์ฟเวอร์", ["ฐานข้อมูล", "เซิร์ฟเวอร์"]),
        ("Foxes were running quickly", ["fox runs", "quick"]),
    ],
)
async def test_identifiers_and_all_scripts_are_found_whole_and_by_their_parts(
    documents: PostgresDocuments, text: str, queries: list[str]
) -> None:
    wanted = document(text)
    await documents.add(wanted)
    await documents.add(document("Something else entirely."))
    for query in queries:
        assert await found(documents, query) == [wanted.id], query


async def test_words_of_the_title_count_more_and_headings_count_too(documents: PostgresDocuments) -> None:
    body = document("The firewall and other things are here.")
    titled = document("Something about other things is here.", title="Firewall")
    headed = document("Here are things.", chunks=(Chunk(1, "Router > Firewall", "Here are things."),))
    for each in (body, titled, headed):
        await documents.add(each)
    assert (await found(documents, "firewall"))[0] == titled.id
    assert set(await found(documents, "firewall")) == {body.id, titled.id, headed.id}
    assert await found(documents, "router") == [headed.id]


@pytest.mark.parametrize("query", ["", "?!", "the of and", "____", "\u3000", "... --- ...", "{}", '"', "\\", "null"])
async def test_a_question_without_words_finds_nothing_and_breaks_nothing(
    documents: PostgresDocuments, query: str
) -> None:
    await documents.add(document('Some text with { "quotes" } and \\ backslashes.'))
    assert await found(documents, query) == []


async def test_a_document_without_words_is_stored_too(documents: PostgresDocuments) -> None:
    await documents.add(document("... --- ..."))
    await documents.add(document("null"))
    assert len(await found(documents, "NULL")) == 1


async def test_a_question_as_long_as_a_page_is_answered(documents: PostgresDocuments) -> None:
    wanted = document("The needle is here.")
    await documents.add(wanted)
    await documents.add(document("Nothing is here."))
    assert (await found(documents, "needle " + " ".join(f"word{number}" for number in range(600))))[0] == wanted.id


# --- passages -------------------------------------------------------------------------------------------------------


def sections(*contents: str) -> tuple[Chunk, ...]:
    return tuple(Chunk(number, f"Section {number}", content) for number, content in enumerate(contents, start=1))


async def words_of(documents: PostgresDocuments, query: str) -> QuestionWords:
    return (await documents.lexical_search(query, limit=1)).words


async def test_the_passage_with_the_rarest_words_of_the_question_is_shown(documents: PostgresDocuments) -> None:
    wanted = document("x", title="Manual", chunks=sections("How to open it.", "Open port 4711 here.", "How to close."))
    await documents.add(wanted)
    for number in range(5):
        await documents.add(document(f"How to open it, part {number}."))
    words = await words_of(documents, "how to open port 4711")
    (excerpt,) = await documents.excerpts([Wanted(wanted.id, {})], words)
    assert (excerpt.ordinal, excerpt.heading, excerpt.content) == (2, "Section 2", "Open port 4711 here.")
    assert (excerpt.title, excerpt.source, excerpt.collection) == ("Manual", "test", "c")


async def test_similarity_decides_where_words_do_not_and_the_other_way_round(documents: PostgresDocuments) -> None:
    wanted = document("x", chunks=sections("alpha one", "beta two", "gamma three"))
    await documents.add(wanted)
    nothing = await words_of(documents, "unheard-of")
    similar = Wanted(wanted.id, {1: 0.2, 3: 0.4})
    assert [each.ordinal for each in await documents.excerpts([similar], nothing)] == [3]
    assert [each.ordinal for each in await documents.excerpts([similar], QuestionWords({}))] == [3]
    assert [each.ordinal for each in await documents.excerpts([similar], await words_of(documents, "beta"))] == [2]


async def test_passages_come_in_the_order_asked_for_without_those_that_are_gone(documents: PostgresDocuments) -> None:
    first, second = document("First text."), document("Second text.", tags=("b", "a"))
    empty = document("Without chunks.", chunks=())
    for each in (first, second, empty):
        await documents.add(each)
    asked = [Wanted(key, {}) for key in (second.id, str(uuid.uuid4()), empty.id, first.id)]
    excerpts = await documents.excerpts(asked, QuestionWords({}))
    assert [each.document_id for each in excerpts] == [second.id, empty.id, first.id]
    assert [each.content for each in excerpts] == ["Second text.", "", "First text."]
    assert excerpts[0].tags == ("b", "a")
    assert await documents.excerpts([], QuestionWords({})) == []
