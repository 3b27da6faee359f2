"""Documents in PostgreSQL, ranked by BM25 over posting lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...ports.documents import Excerpt, Existing, LexicalHit, LexicalHits, NewDocument, QuestionWords, Wanted
from .arrays import array
from .queries import queries
from .ranking import Ranking
from .statistics import Statistics
from .words import counted

if TYPE_CHECKING:
    from .pool import Connection, Database

WORDS_WEIGHT: Final = 0.4
"""Of the question's words in the choice of a passage; the rest is similarity."""


class PostgresDocuments:
    """The port `Documents` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("documents")
        self._ranking = Ranking(database)
        self._statistics = Statistics(database)

    async def add(self, document: NewDocument) -> Existing | None:
        """See `Documents.add`."""
        parameters = {
            "id": document.id,
            "collection": document.collection,
            "title": document.title,
            "source": document.source,
            "tags": list(document.tags),
            "content": document.content,
            "content_hash": document.content_hash,
            "origin": document.origin,
            "is_news": document.is_news,
            "ordinals": array(chunk.ordinal for chunk in document.chunks),
            "headings": [chunk.heading for chunk in document.chunks],
            "contents": [chunk.content for chunk in document.chunks],
            **counted(document.title, [(chunk.ordinal, chunk.heading, chunk.content) for chunk in document.chunks]),
        }
        async with self._database.write_statement() as connection:
            while await self._row(connection, "add", parameters) is None:
                if existing := await self._row(connection, "same_content", parameters):
                    return Existing(**{**existing, "tags": tuple(existing["tags"])})
                # It was removed in the meantime.
            if document.is_news:
                # Once more after the commit: whoever read the revision before it has not seen the document.
                await connection.execute(self._sql["bump_revision"])
        return None

    async def lexical_search(
        self, query: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> LexicalHits:
        """See `Documents.lexical_search`."""
        return await self._ranking.search(query, limit=limit, collection=collection, tags=tags)

    async def lexical_scores(self, words: QuestionWords, document_ids: Sequence[str]) -> list[LexicalHit]:
        """See `Documents.lexical_scores`."""
        return await self._ranking.scores(words, document_ids)

    async def excerpts(self, wanted: Sequence[Wanted], words: QuestionWords) -> list[Excerpt]:
        """See `Documents.excerpts`."""
        known = [(each.document_id, *pair) for each in wanted for pair in each.similarities.items()]
        whole = sum(words.weights.values())
        parameters = {
            "ids": array(each.document_id for each in wanted),
            "least": array(min(each.similarities.values(), default=0.0) for each in wanted),
            "known_ids": array(document_id for document_id, _, _ in known),
            "known_ordinals": array(ordinal for _, ordinal, _ in known),
            "similarities": array(similarity for _, _, similarity in known),
            "terms": array(words.weights),
            "weights": array(weight / whole for weight in words.weights.values()),
            "words": WORDS_WEIGHT,
        }
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["excerpts"], parameters)
            return [Excerpt(**{**row, "tags": tuple(row["tags"])}) for row in await cursor.fetchall()]

    async def refresh_statistics(self) -> None:
        """See `Documents.refresh_statistics`."""
        await self._statistics.refresh()

    async def revision(self) -> int:
        """See `Documents.revision`."""
        return await self._number("revision", "revision")

    async def count(self) -> int:
        """See `Documents.count`."""
        return await self._number("count", "documents")

    async def _number(self, query: str, column: str) -> int:
        async with self._database.read() as connection:
            row = await self._row(connection, query, {})
            return int(row[column]) if row else 0

    async def _row(self, connection: Connection, query: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        return await (await connection.execute(self._sql[query], parameters)).fetchone()
