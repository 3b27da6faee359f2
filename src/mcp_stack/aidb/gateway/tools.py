"""Tools of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver.context import Context
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from pydantic import Field

from ...mcp.app import StackServer
from ...mcp.offers import client
from ...ports.upstreams import ProtocolError
from ..arguments import Limit
from .models import DiscoveryResult, ServerList

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

    @server.declare("Call a tool", destructive=True, open_world=True)
    async def call_tool(
        ctx: Context[Any, Any],
        name: Annotated[str, Field(description="server.tool")],
        arguments: Annotated[dict[str, Any], Field(description="As its input schema says")] = {},
    ) -> CallToolResult:
        """Call a tool that discover_tools found. The result is the tool's own."""

        async def report(progress: float, total: float | None, message: str | None) -> None:
            await ctx.report_progress(progress, total, message)

        gateway = await services()
        try:
            answer = await gateway.call_tool(client(), name=name, arguments=arguments, progress=report)
        except ProtocolError as error:
            raise MCPError(error.code, error.message, error.data) from error
        return CallToolResult.model_validate(answer.result, by_name=False)

    @server.declare("List servers", read_only=True, idempotent=True)
    async def list_servers() -> ServerList:
        """How the MCP servers behind call_tool are doing."""
        return await (await services()).list_servers()
