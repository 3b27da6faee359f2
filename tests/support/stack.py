"""The whole stack in this process, on a database of the test's own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp_stack.aidb.knowledge.models import ImportResult
from mcp_stack.composition import Stack
from mcp_stack.settings import load_settings
from tests.support.stdio import PASSED_ON


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

    A worker that was started for a folder ends with the block.
    """
    inherited = {name: os.environ[name] for name in ("HOME", *PASSED_ON) if name in os.environ}
    defaults = {
        "DATABASE_URL": conninfo,
        "MCP_STACK_CONFIG": str(folder),
        "MCP_STACK_DATA": str(folder / "data"),
        "MCP_STACK_DATABASE__POSTGRES__POOL__SIZE": "1",
        "MCP_STACK_SECURITY__ALLOWED_ROOTS": str(folder),
        "MCP_STACK_EMBEDDINGS__PROVIDER": "none",
        "MCP_STACK_JOBS__LINGER_SECONDS": "0",
    }
    stack = Stack(load_settings({**inherited, **defaults, **environ}, folder))
    try:
        yield stack
    finally:
        await stack.close()
        if stack.settings.data.is_dir():
            # It must not use a database that is dropped, nor write to a folder that is removed.
            assert await stack._jobs.wait_for_worker_to_end(20), "the worker goes on without a server"
