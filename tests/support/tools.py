"""Tools in a registry of the test's own, and the search for them."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mcp_stack.aidb.gateway.discovery import ToolIndex
from mcp_stack.aidb.gateway.registry import Registry
from mcp_stack.ports.embedder import Embedder
from mcp_stack.ports.tools import KnownTool, Offer
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.tool_usage import PostgresToolUsage
from mcp_stack.storage.postgres.tool_vectors import PostgresToolVectors
from mcp_stack.storage.postgres.tools import PostgresTools


def known(name: str, description: str, **more: Any) -> KnownTool:
    """A tool.

    Args:
        name: `server.tool`.
        description: Of it.
        more: Other attributes.
    """
    server, _, tool = name.partition(".")
    attributes: dict[str, Any] = {"title": "", "category": "general", "input_schema": {"type": "object"}, **more}
    return KnownTool(server=server, tool=tool, description=description, **attributes)


async def offer(database: Database, tools: Sequence[KnownTool]) -> None:
    """Make these the tools of their servers."""
    servers: dict[str, list[Offer]] = {}
    for tool in tools:
        servers.setdefault(tool.server, []).append(Offer(tool))
    for server, offers in servers.items():
        await PostgresTools(database).record(server, offers)


@asynccontextmanager
async def index_of(database: Database, embedder: Embedder, **status: str) -> AsyncIterator[ToolIndex]:
    """The search for the tools of a registry.

    Args:
        database: With the registry.
        embedder: Of the search; stays open.
        status: Of each server; `known` for the others.
    """
    registry = Registry(
        PostgresTools(database),
        {},
        status=lambda server: status.get(server, "known"),
        state=lambda: 0,
        removed_after_seconds=math.inf,
    )
    index = ToolIndex(registry, embedder, PostgresToolVectors(database), PostgresToolUsage(database))
    try:
        yield index
    finally:
        await index.close()


async def names(index: ToolIndex, query: str, **details: Any) -> list[str]:
    """The names of what is found, the best first."""
    return [tool.name for tool in (await index.discover(query, **details)).tools]
