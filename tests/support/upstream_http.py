"""An MCP server on loopback over SSE or Streamable HTTP that wants a header; run as a file.

::

    python upstream_http.py sse|streamable-http PORT TOKEN

It prints `ready` when it listens. Each request must carry `X-Token: TOKEN`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ToolError
from starlette.responses import PlainTextResponse, Response

server: MCPServer[Any] = MCPServer("over-http")


@server.tool()
async def echo(text: str) -> str:
    """Say the text again."""
    return text


@server.tool()
async def fail(text: str) -> str:
    """Fail with the text."""
    raise ToolError(text)


@server.tool()
async def slow(ctx: Context[Any, Any], seconds: float) -> str:
    """Take some time, and tell how far it is."""
    for step in range(3):
        await ctx.report_progress(step, 3, f"step {step}")
        await asyncio.sleep(seconds / 3)
    return "done"


@server.tool()
async def big(size: int) -> str:
    """Answer with so many characters."""
    return "x" * size


@server.tool()
async def learn(ctx: Context[Any, Any]) -> str:
    """Have one more tool from now on."""

    async def learned() -> str:
        """What was learned."""
        return "learned"

    server.add_tool(learned)
    await ctx.session.send_tool_list_changed()
    return "changed"


async def main(transport: str, port: str, token: str) -> None:
    """Serve until killed."""
    app = server.sse_app() if transport == "sse" else server.streamable_http_app()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"x-token", b"").decode() != token:
            response: Response = PlainTextResponse("who are you?", status_code=401)
            await response(scope, receive, send)
            return
        await app(scope, receive, send)

    config = uvicorn.Config(guarded, host="127.0.0.1", port=int(port), log_level="error")
    running = uvicorn.Server(config)
    serving = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
