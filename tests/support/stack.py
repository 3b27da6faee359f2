"""The whole stack in this process, on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp_stack.aidb.knowledge.models import ImportResult
from mcp_stack.composition import Stack
from mcp_stack.settings import load_settings


async def add(stack: Stack, **details: Any) -> ImportResult:
    """Import a document with every argument at its default but what is given."""
    defaults: dict[str, Any] = {
        "text": "",
        "path": "",
        "title": "",
        "collection": "",
        "tags": [],
        "source": "",
        "progress": None,
    }
    return await (await stack.aidb()).knowledge.import_document(**{**defaults, **details})


@asynccontextmanager
async def open_stack(conninfo: str, folder: Path, **environ: str) -> AsyncIterator[Stack]:
    """Services with everything at its default but what is given.

    Args:
        conninfo: The database.
        folder: Data folder and only allowed root.
        environ: Environment variables.
    """
    defaults = {
        "DATABASE_URL": conninfo,
        "MCP_STACK_CONFIG": str(folder),
        "MCP_STACK_DATA": str(folder / "data"),
        "MCP_STACK_DATABASE__POSTGRES__POOL__SIZE": "1",
        "MCP_STACK_SECURITY__ALLOWED_ROOTS": str(folder),
        "MCP_STACK_EMBEDDINGS__PROVIDER": "none",
    }
    stack = Stack(load_settings({**defaults, **environ}, folder))
    try:
        yield stack
    finally:
        await stack.close()
