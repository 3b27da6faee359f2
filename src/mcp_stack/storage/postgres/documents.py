"""Documents in PostgreSQL, ranked by BM25 over posting lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.documents import Excerpt, Existing, LexicalHit, NewDocument
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresDocuments:
    """The port `Documents` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("documents")

    async def add(self, document: NewDocument) -> Existing | None:
        """See `Documents.add`."""
        identity = {"collection": document.collection, "content_hash": document.content_hash}
        async with self._database.write() as connection:
            cursor = await connection.execute(
                self._sql["add_document"],
                {
                    **identity,
                    "id": document.id,
                    "title": document.title,
                    "source": document.source,
                    "tags": list(document.tags),
                    "content": document.content,
                    "origin": document.origin,
                },
            )
            inserted = await cursor.fetchone()
            if inserted is None:
                cursor = await connection.execute(self._sql["same_content"], identity)
                existing = await cursor.fetchone()
                return Existing(**existing) if existing else None
            await connection.execute(
                self._sql["add_chunks"],
                {
                    "id": document.id,
                    "ordinals": [chunk.ordinal for chunk in document.chunks],
                    "headings": [chunk.heading for chunk in document.chunks],
                    "contents": [chunk.content for chunk in document.chunks],
                },
            )
            await connection.execute(
                self._sql["add_postings"],
                {"id": document.id, "title": document.title, "number": inserted["number"]},
            )
            await connection.execute(self._sql["bump_revision"])
        # Once more after the commit: whoever read the revision before it has not seen the document.
        await self._bump_revision()
        return None

    async def mark_embedded(self, document_id: str, model: str) -> None:
        """See `Documents.mark_embedded`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["mark_embedded"], {"id": document_id, "model": model})
        await self._bump_revision()

    async def lexical_search(
        self, query: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> list[LexicalHit]:
        """See `Documents.lexical_search`."""
        parameters = {"query": query, "limit": limit, "collection": collection, "tags": list(tags)}
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["lexical_search"], parameters)
            return [LexicalHit(**row) for row in await cursor.fetchall()]

    async def excerpts(self, query: str, passages: Sequence[tuple[str, int]]) -> list[Excerpt]:
        """See `Documents.excerpts`."""
        parameters = {
            "query": query,
            "ids": [document_id for document_id, _ in passages],
            "ordinals": [ordinal for _, ordinal in passages],
        }
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["excerpts"], parameters)
            return [Excerpt(**{**row, "tags": tuple(row["tags"])}) for row in await cursor.fetchall()]

    async def revision(self) -> int:
        """See `Documents.revision`."""
        return await self._number("revision", "revision")

    async def count(self) -> int:
        """See `Documents.count`."""
        return await self._number("count", "documents")

    async def _number(self, query: str, column: str) -> int:
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql[query])).fetchone()
            return int(row[column]) if row else 0

    async def _bump_revision(self) -> None:
        async with self._database.read() as connection:
            await connection.execute(self._sql["bump_revision"])
