"""Documents are listed page by page, read part by part, and deleted with everything that hangs on them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.knowledge.catalogue import DocumentCatalogue
from mcp_stack.aidb.knowledge.models import DocumentList
from mcp_stack.aidb.knowledge.service import Knowledge
from mcp_stack.composition import Stack
from mcp_stack.errors import NotFoundError, UsageError
from mcp_stack.ports.vectors import Vectors
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.qdrant.vectors import QdrantVectors
from tests.support.stack import add, open_stack
from tests.support.word_vectors import by_words

__all__ = ["by_words"]


async def knowledge_of(stack: Stack) -> Knowledge:
    return (await stack.aidb()).knowledge


async def listed(stack: Stack, **details: Any) -> DocumentList:
    defaults: dict[str, Any] = {"collection": "", "tags": [], "source": "", "query": "", "limit": 20, "cursor": ""}
    return await (await knowledge_of(stack)).list_documents(**{**defaults, **details})


async def rows_that_name(database: Database, document_id: str) -> dict[str, int]:
    """How many rows of each table have the document's id or number in one of their columns."""
    async with database.read() as connection:
        cursor = await connection.execute(
            "select number from imported_documents where id = %s union all select -1", [document_id]
        )
        row = await cursor.fetchone()
        assert row is not None
        columns = await connection.execute(
            "select table_name, column_name, data_type from information_schema.columns join information_schema.tables"
            " using (table_schema, table_name) where table_schema = 'app' and table_type = 'BASE TABLE'"
            " and (data_type = 'uuid' or (column_name = 'document' and data_type = 'bigint'))"
        )
        found: dict[str, int] = {}
        for column in await columns.fetchall():
            table, name = column["table_name"], column["column_name"]
            value = row["number"] if column["data_type"] == "bigint" else document_id
            query = f'select count(*) as n from app."{table}" where "{name}" = %s'
            counted = await (await connection.execute(query.encode(), [value])).fetchone()
            assert counted is not None
            if counted["n"]:
                found[table] = found.get(table, 0) + counted["n"]
    return found


async def test_documents_are_listed_newest_first_and_pages_stand_still_while_others_come_and_go(
    conninfo: str, tmp_path: Path
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        ids = [(await add(stack, text=f"Text {n}", title=f"Title {n}")).document_id for n in range(7)][::-1]
        first = await listed(stack, limit=3)
        assert [each.id for each in first.documents] == ids[:3]
        assert first.total == 7
        await add(stack, text="Something newer")
        await (await knowledge_of(stack)).delete_document(document_id=ids[2])
        second = await listed(stack, limit=3, cursor=first.next_cursor)
        third = await listed(stack, limit=3, cursor=second.next_cursor)
        assert [each.id for each in (*second.documents, *third.documents)] == ids[3:]
        assert (second.next_cursor != "", third.next_cursor) == (True, "")


async def test_a_list_is_narrowed_by_collection_tags_source_and_title(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text="a", title="50% of Ünits_1", collection="ops", tags=["x", "y"], source="/notes/a.md")
        await add(stack, text="b", title="Other", collection="ops", tags=["x"], source="/notes/b.md")
        await add(stack, text="c", title="Third", collection="policy", tags=["y"], source="/elsewhere/notes")

        async def titles(**details: Any) -> list[str]:
            return sorted(each.title for each in (await listed(stack, **details)).documents)

        assert await titles(collection="ops") == ["50% of Ünits_1", "Other"]
        assert await titles(tags=["y", "x"]) == ["50% of Ünits_1"]
        assert await titles(source="/notes/") == ["50% of Ünits_1", "Other"]
        assert await titles(query="üNITS_") == ["50% of Ünits_1"]
        assert await titles(query="50%") == ["50% of Ünits_1"]
        assert await titles(query="_") == ["50% of Ünits_1"]
        assert await titles(query="t", collection="policy") == ["Third"]
        only = (await listed(stack, collection="policy")).documents[0]
        assert (only.tags, only.chunks, only.origin, only.pinned) == (["y"], 1, "user", False)
        assert only.created_at.endswith("+00:00")


async def test_a_long_document_is_read_part_by_part_without_losing_a_character(conninfo: str, tmp_path: Path) -> None:
    text = "# Grüße\n\n" + "\n\n".join(f"Absatz {n}: Ärger mit 한국어 and 🙂." for n in range(200))
    async with open_stack(conninfo, tmp_path) as stack:
        imported = await add(stack, text=text, source="long")
        knowledge = await knowledge_of(stack)
        parts, offset = [], 0
        while True:
            part = await knowledge.get_document(document_id=imported.document_id, offset=offset, limit=1000)
            assert (part.characters, part.offset, part.chunks) == (len(text), offset, imported.chunks)
            parts.append(part.content)
            if not (offset := part.next_offset):
                break
        assert "".join(parts) == text
        beyond = await knowledge.get_document(document_id=imported.document_id, offset=10**6, limit=10)
        assert (beyond.content, beyond.next_offset) == ("", 0)


async def test_near_duplicates_of_a_document_are_named_with_their_likeness(
    conninfo: str, database: Database, tmp_path: Path
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        one, other = [(await add(stack, text=text, title=text)).document_id for text in ("one", "other")]
        async with database.write() as connection:
            await connection.execute("insert into document_links values (%s, %s, 0.97)", [one, other])
        near = (await (await knowledge_of(stack)).get_document(document_id=one, offset=0, limit=10)).near_duplicates
        assert [(each.id, each.title, each.similarity) for each in near] == [(other, "other", 0.97)]


@pytest.mark.parametrize("store", ["pgvector", "qdrant"])
async def test_everything_that_hangs_on_a_document_goes_with_it(
    conninfo: str, database: Database, tmp_path: Path, by_words: dict[str, str], store: str
) -> None:
    text = "# Firewall\n\nOpen port 22 for SSH.\n\n## DNS\n\nNames are resolved."
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        if store == "qdrant":
            stack._stores.__dict__["vectors"] = QdrantVectors(":memory:", dimensions=384)
        vectors: Vectors = stack._stores.vectors
        kept = await add(stack, text="# Cooking\n\nOpen the pasta.")
        gone = await add(stack, text=text)
        knowledge = await knowledge_of(stack)
        asked: dict[str, Any] = {"query": "open a port", "collection": "", "tags": [], "limit": 10, "mode": "hybrid"}
        await knowledge.search_knowledge(**asked)
        await stack._knowledge.search.flush()
        async with database.write() as connection:
            await connection.execute(
                "insert into document_links values (%s, %s, 0.96), (%s, %s, 0.96)",
                [gone.document_id, kept.document_id, kept.document_id, gone.document_id],
            )
        before = await rows_that_name(database, gone.document_id)
        expected = {"imported_documents", "document_chunks", "document_postings", "document_uses", "document_links"}
        assert expected <= before.keys()
        points = await vectors.count()

        deleted = await knowledge.delete_document(document_id=gone.document_id)

        assert (deleted.id, deleted.title, deleted.chunks, deleted.notes) == (gone.document_id, "Firewall", 2, [])
        assert await rows_that_name(database, gone.document_id) == {}
        assert await vectors.count() == points - 3
        hits = (await knowledge.search_knowledge(**asked)).hits
        assert [hit.id for hit in hits] == [kept.document_id]
        with pytest.raises(NotFoundError):
            await knowledge.delete_document(document_id=gone.document_id)


async def test_no_cached_answer_cites_a_document_that_was_deleted(conninfo: str, tmp_path: Path) -> None:
    question: dict[str, Any] = {
        "query": "Which port does SSH use?",
        "context": {},
        "use_hybrid": True,
        "include_tools": False,
        "session_id": "",
        "limit": 5,
    }
    async with open_stack(conninfo, tmp_path) as stack:
        document = await add(stack, text="SSH uses port 22.")
        knowledge = await knowledge_of(stack)
        await knowledge.query(**question)
        assert (await knowledge.query(**question)).route == "cache"
        await knowledge.delete_document(document_id=document.document_id)
        answer = await knowledge.query(**question)
        assert (answer.route, answer.sources) == ("offline", [])


async def test_vectors_that_could_not_be_removed_go_with_the_next_collection_of_garbage(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    store = QdrantVectors(":memory:", dimensions=384)
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        stack._stores.__dict__["vectors"] = store
        document = await add(stack, text="Open port 22 for SSH.")
        gone = QdrantVectors("http://127.0.0.1:1", dimensions=384, timeout_seconds=1)
        deleting = DocumentCatalogue(stack._stores.catalogue, gone, stack._events("aidb", "aidb"))
        deleted = await deleting.delete(document.document_id)
        assert "next collection of garbage" in deleted.notes[0]
        knowledge = await knowledge_of(stack)
        found = await knowledge.search_knowledge(query="port", collection="", tags=[], limit=5, mode="hybrid")
        assert (found.hits, await store.count()) == ([], 2)
        report = await knowledge.collect_garbage(dry_run=False, include_user_documents=False)
        assert {each.kind: each.removed for each in report.kinds if each.removed} == {"orphan_vectors": 2}
        assert await store.count() == 0


async def test_ids_and_cursors_that_are_none_are_refused(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        knowledge = await knowledge_of(stack)
        for unknown in (str(uuid.uuid4()), "no-such-document", "1"):
            with pytest.raises(NotFoundError, match="list_documents"):
                await knowledge.get_document(document_id=unknown, offset=0, limit=10)
            with pytest.raises(NotFoundError):
                await knowledge.delete_document(document_id=unknown)
        for bad in ("", " ", "a\0b", "x" * 200):
            with pytest.raises(UsageError):
                await knowledge.delete_document(document_id=bad)
        for cursor in ("x", "before-0", "before--1", "before-" + "9" * 30, "before-1; drop table issues"):
            with pytest.raises(UsageError, match="cursor"):
                await listed(stack, cursor=cursor)
        for offset, limit in ((-1, 1), (0, 0), (0, 10**9)):
            with pytest.raises(UsageError):
                await knowledge.get_document(document_id=str(uuid.uuid4()), offset=offset, limit=limit)
