"""The knowledge base as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ports.answering import Question
from ...ports.catalogue import Selection
from ...ports.retrieval import Retrieval
from ...settings import Settings
from ...validation import checked_choice, checked_context, checked_number, checked_text
from ..arguments import MAX_NAME, checked_limit, checked_query, checked_tags
from .catalogue import DocumentCatalogue
from .folders import Progress
from .gaps import QueryGaps
from .garbage import GarbageCollector
from .ingest import Ingest
from .models import (
    DeletedDocument,
    DocumentContent,
    DocumentList,
    GarbageReport,
    Hit,
    ImportResult,
    QueryGapList,
    QueryResult,
    SearchResult,
)
from .query import Query
from .search import MODES

MAX_CONTEXT_CHARACTERS = 100_000
# Clients cut what a tool answers; the rest of a document comes with the next call.
MAX_CONTENT_CHARACTERS = 100_000
MAX_OFFSET = 2_000_000_000
# Clients give up on a call after 60 s.
SECONDS_FOR_GARBAGE = 40.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The services behind the tools of the knowledge base."""

    settings: Settings
    asking: Query
    searching: Retrieval
    importing: Ingest
    documents: DocumentCatalogue
    tidying: GarbageCollector
    lacking: QueryGaps

    async def query(
        self,
        *,
        query: str,
        context: dict[str, Any],
        use_hybrid: bool,
        include_tools: bool,
        session_id: str,
        limit: int,
    ) -> QueryResult:
        """Answer a question.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The database is down.
        """
        question = Question(
            query=checked_query(self.settings, query),
            context=context,
            session_id=checked_text("session_id", session_id, MAX_NAME, required=False),
            limit=checked_limit(limit),
            use_models=use_hybrid,
        )
        checked_context(context, MAX_CONTEXT_CHARACTERS)
        return await self.asking.answer(question, include_tools=include_tools)

    async def search_knowledge(
        self, *, query: str, collection: str, tags: list[str], limit: int, mode: str
    ) -> SearchResult:
        """Find documents.

        Raises:
            UsageError, UnavailableError: As `query`.
        """
        text = checked_query(self.settings, query)
        checked_choice("mode", mode, MODES)
        wanted = checked_text("collection", collection, 100, required=False)
        labels = checked_tags(tags)
        checked_limit(limit)
        found = await self.searching.search(text, limit=limit, collection=wanted, tags=labels, mode=mode)
        hits = [
            Hit(
                id=passage.document_id,
                title=passage.title,
                excerpt=passage.text,
                source=passage.source,
                collection=passage.collection,
                score=passage.score,
                lexical_rank=passage.lexical_rank,
                vector_rank=passage.vector_rank,
            )
            for passage in found.passages
        ]
        return SearchResult(hits=hits, notes=list(found.notes))

    async def import_document(
        self,
        *,
        text: str,
        path: str,
        title: str,
        collection: str,
        tags: list[str],
        source: str,
        progress: Progress | None,
    ) -> ImportResult:
        """Import a text, a file or a folder.

        Raises:
            UsageError, UnavailableError: As `query`.
            DeniedError: The path is outside the allowed roots.
            NotFoundError: The path does not exist.
        """
        return await self.importing.import_document(
            text=text, path=path, title=title, collection=collection, tags=tags, source=source, progress=progress
        )

    async def list_documents(
        self, *, collection: str, tags: list[str], source: str, query: str, limit: int, cursor: str
    ) -> DocumentList:
        """List documents.

        Raises:
            UsageError, UnavailableError: As `query`.
        """
        selection = Selection(
            collection=checked_text("collection", collection, 100, required=False),
            tags=checked_tags(tags),
            source=checked_text("source", source, 1000, required=False),
            title=checked_text("query", query, 300, required=False),
        )
        return await self.documents.page(selection, limit=checked_limit(limit), cursor=cursor)

    async def get_document(self, *, document_id: str, offset: int, limit: int) -> DocumentContent:
        """A document with a part of its content.

        Raises:
            UsageError, UnavailableError: As `query`.
            NotFoundError: There is no such document.
        """
        checked_number("offset", offset, 0, MAX_OFFSET)
        checked_number("limit", limit, 1, MAX_CONTENT_CHARACTERS)
        return await self.documents.get(document_id, offset=offset, length=limit)

    async def delete_document(self, *, document_id: str) -> DeletedDocument:
        """Delete a document.

        Raises:
            UsageError, NotFoundError, UnavailableError: As `get_document`.
        """
        return await self.documents.delete(document_id)

    async def collect_garbage(self, *, dry_run: bool, include_user_documents: bool) -> GarbageReport:
        """Find garbage, and remove it.

        Raises:
            ConflictError: Another collection is under way.
            UnavailableError: As `query`.
        """
        return await self.tidying.collect(
            dry_run=dry_run, include_user_documents=include_user_documents, seconds=SECONDS_FOR_GARBAGE
        )

    async def list_query_gaps(self, *, limit: int) -> QueryGapList:
        """The questions that were asked in vain.

        Raises:
            UsageError, UnavailableError: As `query`.
        """
        return await self.lacking.most_asked(checked_limit(limit))
