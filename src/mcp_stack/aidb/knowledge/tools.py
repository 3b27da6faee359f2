"""Tools of the knowledge base."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver.context import Context
from pydantic import Field

from ...mcp.app import StackServer
from ..arguments import Collection, Limit, Query
from .models import (
    DeletedDocument,
    DocumentContent,
    DocumentList,
    GarbageReport,
    ImportResult,
    QueryGapList,
    QueryResult,
    SearchResult,
)

if TYPE_CHECKING:
    from .service import Knowledge


DocumentId = Annotated[str, Field(min_length=1, description="Of a document, from list_documents or a search")]


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
        path: Annotated[str, Field(description="A file or a folder in an allowed root")] = "",
        title: Annotated[str, Field(description="Empty for the document's own")] = "",
        collection: Annotated[
            str, Field(description="Empty for `imported`, and for source code `codebase-context`")
        ] = "",
        tags: Annotated[list[str], Field(description="Labels to filter by")] = [],
        source: Annotated[str, Field(description="Where it is from; empty for the path")] = "",
    ) -> ImportResult:
        """Add to the knowledge base: a text, a file (Markdown, HTML, PDF, source code, notebooks, data, plain text) or
        a whole folder of them, as .gitignore files allow. Use it when the user wants something remembered or searched,
        such as notes, documentation or a code base. The same content again changes nothing; a changed file replaces
        its older version. A folder is imported in the background, with progress: if the answer has the state
        `running`, make the same call again to wait for the end.
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

    _declare_documents(server, services)


def _declare_documents(server: StackServer, services: Callable[[], Awaitable[Knowledge]]) -> None:
    @server.declare("List documents", read_only=True, idempotent=True)
    async def list_documents(
        collection: Collection = "",
        tags: Annotated[list[str], Field(description="Only documents that have all of these")] = [],
        source: Annotated[str, Field(description="Only documents whose source begins with this")] = "",
        query: Annotated[str, Field(description="Only documents whose title contains this")] = "",
        limit: Limit = 20,
        cursor: Annotated[str, Field(description="next_cursor of the page before")] = "",
    ) -> DocumentList:
        """List the documents of the knowledge base, newest first, page by page. Use it to see what is there, or to find
        the id of a document; to find passages on a subject use search_knowledge.
        """
        return await (await services()).list_documents(
            collection=collection, tags=tags, source=source, query=query, limit=limit, cursor=cursor
        )

    @server.declare("Read a document", read_only=True, idempotent=True)
    async def get_document(
        id: DocumentId,  # noqa: A002 - the contract's name
        offset: Annotated[int, Field(ge=0, description="Characters to leave out")] = 0,
        limit: Annotated[int, Field(ge=1, le=100_000, description="Most characters of the content")] = 20_000,
    ) -> DocumentContent:
        """Read a document whole or, if it is long, part by part: next_offset says where the rest begins. It also says
        which documents are nearly the same. Use it when the passages of a search are not enough.
        """
        return await (await services()).get_document(document_id=id, offset=offset, limit=limit)

    @server.declare("Delete a document", destructive=True)
    async def delete_document(
        id: DocumentId,  # noqa: A002 - the contract's name
    ) -> DeletedDocument:
        """Delete a document of the knowledge base for good, with its passages, vectors and links; cached answers that
        cite it are no longer given. Use it only when the user asks for it.
        """
        return await (await services()).delete_document(document_id=id)

    @server.declare("List query gaps", read_only=True, idempotent=True)
    async def list_query_gaps(limit: Limit = 20) -> QueryGapList:
        """List the questions that the knowledge base had no good passage for, the most asked first. Use it to decide
        what to import next; a question goes from the list once a search for it finds a good passage.
        """
        return await (await services()).list_query_gaps(limit=limit)

    @server.declare("Collect garbage", destructive=True, idempotent=True)
    async def collect_garbage(
        dry_run: Annotated[bool, Field(description="Only report what would be removed")] = True,
        include_user_documents: Annotated[
            bool, Field(description="Also remove old and doubled documents that users imported, not only report them")
        ] = False,
    ) -> GarbageReport:
        """Find what is no longer needed: documents that the stack brought itself and that no search found for 30 days,
        documents that say the same, vectors and rows left over. Nothing is removed unless dry_run is false; pinned
        documents never are. It also happens every night by itself.
        """
        return await (await services()).collect_garbage(dry_run=dry_run, include_user_documents=include_user_documents)
