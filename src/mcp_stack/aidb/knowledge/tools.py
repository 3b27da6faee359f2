"""Tools of the knowledge base."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver.context import Context
from pydantic import Field

from ...mcp.app import StackServer
from ..arguments import Collection, Limit, Query
from .models import ImportResult, QueryResult, SearchResult

if TYPE_CHECKING:
    from .service import Knowledge


def declare(server: StackServer, services: Callable[[], Awaitable[Knowledge]]) -> None:
    """Declare the tools.

    Args:
        server: Where.
        services: Gives the opened service; awaited at each call.
    """

    @server.declare("Ask a question", open_world=True)
    async def query(
        query: Query,
        context: Annotated[dict[str, Any], Field(description="Your own facts; kept private")] = {},
        use_hybrid: Annotated[bool, Field(description="False: passages only, no model")] = True,
        include_tools: Annotated[bool, Field(description="Also name tools that fit")] = True,
        session_id: Annotated[str, Field(description="Conversation it belongs to")] = "",
        limit: Limit = 10,
    ) -> QueryResult:
        """Answer a question from the knowledge base, with sources, route, confidence and cost. Use it first for any
        question about the user's documents, code or earlier solutions. Repeated questions come from a cache. Without a
        language model it returns the best passages.
        """
        return await (await services()).query(
            query=query,
            context=context,
            use_hybrid=use_hybrid,
            include_tools=include_tools,
            session_id=session_id,
            limit=limit,
        )

    @server.declare("Search the knowledge base", read_only=True, idempotent=True)
    async def search_knowledge(
        query: Query,
        collection: Collection = "",
        tags: Annotated[list[str], Field(description="Only documents that have all of these")] = [],
        limit: Limit = 10,
        mode: Annotated[
            Literal["hybrid", "lexical", "vector"], Field(description="By words, by meaning, or both")
        ] = "hybrid",
    ) -> SearchResult:
        """Find documents and the passages in them that match, without asking a model. Use it when you want the
        passages themselves rather than an answer.
        """
        return await (await services()).search_knowledge(
            query=query, collection=collection, tags=tags, limit=limit, mode=mode
        )

    @server.declare("Import a document", idempotent=True)
    async def import_document(
        ctx: Context[Any, Any],
        text: Annotated[str, Field(description="The document itself; or give a path")] = "",
        path: Annotated[str, Field(description="A text file, or a folder of them, in an allowed root")] = "",
        title: Annotated[str, Field(description="Empty for the first heading")] = "",
        collection: Annotated[str, Field(description="Empty for `imported`")] = "",
        tags: Annotated[list[str], Field(description="Labels to filter by")] = [],
        source: Annotated[str, Field(description="Where it is from; empty for the path")] = "",
    ) -> ImportResult:
        """Add a text, a Markdown or text file, or a folder of them to the knowledge base. Importing the same content
        twice changes nothing. A folder reports its progress.
        """

        async def progress(done: int, total: int, name: str) -> None:
            await ctx.report_progress(done, total, name)

        return await (await services()).import_document(
            text=text,
            path=path,
            title=title,
            collection=collection,
            tags=tags,
            source=source,
            progress=progress,
        )
