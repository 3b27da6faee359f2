"""AIDB as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ports.answering import Question
from ..settings import Settings
from ..validation import checked_choice, checked_context, checked_number, checked_text
from .discovery import ToolIndex
from .health import Health
from .ingest import Ingest, Progress
from .models import DiscoveryResult, HealthResult, Hit, ImportResult, QueryResult, SearchResult
from .query import Query
from .search import MODES, Search

MAX_LIMIT = 100
MAX_TAGS = 32
MAX_NAME = 200
MAX_CONTEXT_CHARACTERS = 100_000
DETAILS = ("summary", "schema")


@dataclass(frozen=True, slots=True)
class Aidb:
    """The services behind AIDB's tools."""

    settings: Settings
    asking: Query
    searching: Search
    importing: Ingest
    tools: ToolIndex
    checking: Health

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
            query=self._checked_query(query),
            context=context,
            session_id=checked_text("session_id", session_id, MAX_NAME, required=False),
            limit=_checked_limit(limit),
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
        text = self._checked_query(query)
        checked_choice("mode", mode, MODES)
        wanted = checked_text("collection", collection, 100, required=False)
        labels = [checked_text("tags", tag, 100) for tag in tags[: MAX_TAGS + 1]]
        checked_number("number of tags", len(tags), 0, MAX_TAGS)
        _checked_limit(limit)
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

    async def discover_tools(
        self, *, query: str, server: str, category: str, limit: int, detail: str
    ) -> DiscoveryResult:
        """Find tools.

        Raises:
            UsageError, UnavailableError: As `query`.
        """
        text = self._checked_query(query) if query else ""
        checked_choice("detail", detail, DETAILS)
        wanted_server = checked_text("server", server, MAX_NAME, required=False)
        wanted_category = checked_text("category", category, MAX_NAME, required=False)
        _checked_limit(limit)
        return await self.tools.discover(
            text, server=wanted_server, category=wanted_category, limit=limit, with_schema=detail == "schema"
        )

    async def health(self) -> HealthResult:
        """State of the server."""
        return await self.checking.report()

    def _checked_query(self, query: str) -> str:
        security = self.settings.security
        return checked_text("query", query, security.max_query_length) if security.query_validation else query


def _checked_limit(limit: int) -> int:
    checked_number("limit", limit, 1, MAX_LIMIT)
    return limit
