"""A cached answer over stdio, against a server of the same SDK whose tool does nothing."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import AsyncExitStack
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from . import measured

WARM_UP = 20
FLOOR = """\
from mcp.server import MCPServer
from pydantic import BaseModel

server = MCPServer("empty")


class Nothing(BaseModel):
    done: bool


@server.tool()
async def nothing() -> Nothing:
    return Nothing(done=True)


server.run()
"""
ATLAS = "# France\n\nThe capital of France is Paris."
QUESTION = {"query": "What is the capital of France?"}


async def cached_query(seconds: float) -> dict[str, Any]:
    """Ask the same question again and again, in turn with the empty tool.

    Args:
        seconds: How long.

    Returns:
        The figures of a path; `floor_p50_ms` is the empty tool's.

    Raises:
        RuntimeError: A call failed.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-stack-latency-") as folder:
        async with AsyncExitStack() as stack:
            ours = await stack.enter_async_context(
                Client(_server(["-m", "mcp_stack", "serve", "aidb"], _environment(folder)))
            )
            empty = await stack.enter_async_context(Client(_server(["-c", FLOOR], {})))
            await _called(ours, "import_document", {"text": ATLAS})
            for _ in range(WARM_UP):
                await _called(ours, "query", QUESTION)
                await _called(empty, "nothing", {})
            times, floor = [], []
            deadline = time.perf_counter() + seconds
            while time.perf_counter() < deadline:
                times.append(await _called(ours, "query", QUESTION))
                floor.append(await _called(empty, "nothing", {}))
    return measured(times, floor)


def _server(arguments: list[str], environment: dict[str, str]) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=arguments, env=environment or None)


def _environment(folder: str) -> dict[str, str]:
    from mcp.client.stdio import get_default_environment  # noqa: PLC0415 - of this path alone

    most = str(10**9)
    return get_default_environment() | {
        "MCP_STACK_DATA": f"{folder}/data",
        "MCP_STACK_CONFIG": folder,
        "MCP_STACK_JOBS__AUTOSTART": "false",
        "MCP_STACK_SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE": most,
        "MCP_STACK_SECURITY__RATE_LIMIT__REQUESTS_PER_HOUR": most,
    }


async def _called(client: Client, tool: str, arguments: dict[str, Any]) -> float:
    """Milliseconds of a call."""
    begin = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    elapsed = (time.perf_counter() - begin) * 1000
    if result.is_error:
        raise RuntimeError(f"{tool} failed: {result.content}")
    return elapsed
