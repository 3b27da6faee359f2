"""Tools of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from mcp.server.mcpserver.context import Context
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from ...mcp.app import StackServer
from ...mcp.offers import client
from ...ports.upstreams import ProtocolError
from ..arguments import Limit
from .models import DiscoveryResult, ServerList

if TYPE_CHECKING:
    from .service import Gateway


def declare(server: StackServer, services: Callable[[], Awaitable[Gateway]]) -> None:
    """Declare the tools.

    A client's model reads these definitions in every conversation, so they say no more than it needs: 525 tokens is the
    bound for them and a discovery together. The names of the arguments speak for themselves.

    Args:
        server: Where.
        services: Gives the opened service; awaited at each call.
    """

    @server.declare("Discover tools", read_only=True, idempotent=True)
    async def discover_tools(
        query: str = "",
        server: str = "",
        category: str = "",
        limit: Limit = 5,
        detail: Literal["summary", "schema"] = "summary",
    ) -> DiscoveryResult:
        """Find tools by what you need; a tool's name with detail=schema gives its arguments."""
        return await (await services()).discover_tools(
            query=query, server=server, category=category, limit=limit, detail=detail, client=client()
        )

    @server.declare("Call a tool", destructive=True, open_world=True)
    async def call_tool(
        ctx: Context[Any, Any],
        name: str,
        arguments: dict[str, Any] = {},
    ) -> CallToolResult:
        """Call a tool found by discover_tools."""

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
        """The servers behind call_tool."""
        return await (await services()).list_servers()
