"""AIDB's tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver.context import Context
from pydantic import Field

from ..mcp.app import StackServer
from .models import DiscoveryResult, HealthResult, ImportResult, QueryResult, SearchResult

if TYPE_CHECKING:
    from .service import Aidb

INSTRUCTIONS = """\
The entry point of mcp-stack. Ask questions with `query`: it searches the knowledge base and answers from a cache, a
local model or Claude, with sources. Find documents with `search_knowledge`, add them with `import_document`. When you
need a tool that you do not see, describe the need to `discover_tools`. `health` says what is up and what is missing."""

Query = Annotated[str, Field(min_length=1, description="At most 4096 characters")]
Collection = Annotated[str, Field(description="Only this collection; empty for all")]
Limit = Annotated[int, Field(ge=1, le=100)]


def build_server(services: Callable[[], Awaitable[Aidb]]) -> StackServer:
    """Declare the tools.

    Args:
        services: Gives the opened services; awaited at each call.
    """
    server = StackServer("aidb", title="AIDB: knowledge base and tool gateway", instructions=INSTRUCTIONS)

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

    @server.declare("Discover tools", read_only=True, idempotent=True)
    async def discover_tools(
        query: Annotated[str, Field(description="What you want to do, in words; empty lists tools by name")] = "",
        server: Annotated[str, Field(description="Only tools of this server")] = "",
        category: Annotated[str, Field(description="Only tools of this category")] = "",
        limit: Limit = 5,
        detail: Annotated[Literal["summary", "schema"], Field(description="schema adds each input schema")] = "summary",
    ) -> DiscoveryResult:
        """Find the tool, of any configured MCP server, that fits a need. Summaries come first; ask again with
        detail=schema for the one you chose. Saves the tokens of listing every tool.
        """
        return await (await services()).discover_tools(
            query=query, server=server, category=category, limit=limit, detail=detail
        )

    @server.declare("Health", read_only=True, idempotent=True, limited=False)
    async def health() -> HealthResult:
        """Say whether the server is live and ready, and the state and latency of each store and model it uses. Use it
        when another tool answers UNAVAILABLE.
        """
        return await (await services()).health()

    return server
