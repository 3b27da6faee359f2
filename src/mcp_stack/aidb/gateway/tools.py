"""Tools of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ...mcp.app import StackServer
from ..arguments import Limit
from .models import DiscoveryResult

if TYPE_CHECKING:
    from .service import Gateway


def declare(server: StackServer, services: Callable[[], Awaitable[Gateway]]) -> None:
    """Declare the tools.

    Args:
        server: Where.
        services: Gives the opened service; awaited at each call.
    """

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
