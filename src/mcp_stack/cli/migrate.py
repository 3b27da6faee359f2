"""`mcp-stack migrate`."""

from __future__ import annotations

import asyncio

from ..composition import Stack
from ..settings import load_settings


def migrate_database() -> int:
    """Apply the migrations that are missing, and say which.

    Raises:
        UsageError: A setting is wrong.
        UnavailableError: The database is down.
        ConflictError: The database is newer than this mcp-stack.
    """
    applied = asyncio.run(_migrate())
    print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
    return 0


async def _migrate() -> list[str]:
    stack = Stack(load_settings())
    try:
        return await stack.migrate()
    finally:
        await stack.close()
