"""A gateway in this process, with servers that are made for the test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from mcp_stack.aidb.gateway.service import Gateway
from mcp_stack.composition import Stack
from mcp_stack.ports.upstreams import Answer, Progress
from tests.support.stack import open_stack

RAW = Path(__file__).with_name("upstream_raw.py")
OVER_HTTP = Path(__file__).with_name("upstream_http.py")
CLIENT = "test"


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    """A tool's definition, as a server lists it."""
    return {
        "name": name,
        "description": description or f"Does {name}.",
        "inputSchema": {"type": "object", "properties": properties},
    }


class Raw:
    """A server of `upstream_raw`.

    Args:
        folder: Where its plan is.
        name: Its name in the configuration.
        tools: Names or definitions.
        plan: See `upstream_raw`.
    """

    def __init__(self, folder: Path, name: str = "raw", tools: Sequence[str | Mapping[str, Any]] = (), **plan: Any):
        self.name = name
        self.file = folder / f"{name}.plan.json"
        self.plan({"tools": [tool(each) if isinstance(each, str) else each for each in tools], **plan})

    def plan(self, plan: Mapping[str, Any]) -> None:
        """Change what it will do from the next listing on."""
        self.file.write_text(json.dumps(plan))

    def entry(self, **more: Any) -> dict[str, Any]:
        """Its entry in `tools.servers` or `mcp.json`."""
        return {"command": sys.executable, "args": [str(RAW), str(self.file)], **more}

    @property
    def starts(self) -> list[int]:
        """The process id of each time it was started."""
        file = self.file.with_suffix(".starts")
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    @property
    def cancelled(self) -> str:
        """The parameters of the last cancellation that it was told of; empty if there was none."""
        file = self.file.with_suffix(".cancelled")
        return file.read_text() if file.exists() else ""


class Caller:
    """Calls tools through a gateway."""

    def __init__(self, stack: Stack, gateway: Gateway) -> None:
        self.stack = stack
        self.gateway = gateway

    async def call(self, tool: str, progress: Progress | None = None, /, **arguments: Any) -> Answer:
        """Call a tool by its full name."""
        return await self.gateway.call_tool(CLIENT, name=tool, arguments=arguments, progress=progress)

    async def text(self, tool: str, /, **arguments: Any) -> str:
        """The first text of what a tool answers."""
        return str((await self.call(tool, **arguments)).result["content"][0]["text"])

    async def status(self, server: str) -> str:
        """How a server is doing."""
        return next(each.status for each in (await self.gateway.list_servers()).servers if each.name == server)

    def state(self, server: str) -> str:
        """The state of this process's connection to a server."""
        return self.gateway.supervisor.connection(server).state

    async def error(self, server: str) -> str:
        """Why a server is down."""
        return next(each.last_error for each in (await self.gateway.list_servers()).servers if each.name == server)

    async def tool_status(self, name: str) -> str:
        """The state of a tool; empty if it is not shown."""
        return next((tool.status for tool in await self.gateway.registry.all() if tool.name == name), "")


@asynccontextmanager
async def open_gateway(
    conninfo: str, folder: Path, servers: Mapping[str, Mapping[str, Any]], **environ: str
) -> AsyncIterator[Caller]:
    """A gateway to servers of `tools.servers`.

    Args:
        conninfo: The database.
        folder: Data folder.
        servers: By name, as in the settings.
        environ: More environment variables.
    """
    inherited = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    settings = {"MCP_STACK_TOOLS__SERVERS": json.dumps(servers)}
    async with open_stack(conninfo, folder, **inherited, **settings, **environ) as stack:
        yield Caller(stack, (await stack.aidb()).gateway)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def over_http(transport: str, port: int, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of `upstream_http`, listening; killed at the end."""
    command = [sys.executable, str(OVER_HTTP), transport, str(port), token]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]  # it is a pipe
