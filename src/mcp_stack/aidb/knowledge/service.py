"""The knowledge base as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ports.answering import Question
from ...settings import Settings
from ...validation import checked_choice, checked_context, checked_text
from ..arguments import MAX_NAME, checked_limit, checked_query, checked_tags
from .ingest import Ingest, Progress
from .models import Hit, ImportResult, QueryResult, SearchResult
from .query import Query
from .search import MODES, Search

MAX_CONTEXT_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The services behind the tools of the knowledge base."""

    settings: Settings
    asking: Query
    searching: Search
    importing: Ingest

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
