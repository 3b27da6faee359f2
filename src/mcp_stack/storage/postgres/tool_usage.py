"""Searches for tools and the calls that followed, in PostgreSQL."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.embedder import Vector
from ...ports.tool_usage import Bounds, ToolExample
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MAX_CLIENTS = 8
# Searches are kept this long; calls that follow later teach nothing.
SECONDS_KEPT = 3600
# The bound of all examples is looked at with one of so many changes; odd, for numbers may be given two at a time.
CHANGES_BETWEEN_SWEEPS = 63


class PostgresToolUsage:
    """The port `ToolUsage` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tool_usage")

    async def add_discovery(self, client: str, query: str, model: str, vector: Vector, tools: Sequence[str]) -> None:
        """See `ToolUsage.add_discovery`."""
        row = {
            "client": client,
            "query": query,
            "model": model,
            "vector": struct.pack(f"<{len(vector)}f", *vector),
            "tools": list(tools),
        }
        async with self._database.write() as connection:
            await connection.execute(self._sql["add_discovery"], row)
            await connection.execute(self._sql["forget_discoveries"], {"seconds": SECONDS_KEPT})

    async def add_success(self, client: str, tool: str, *, within_seconds: float, bounds: Bounds) -> bool:
        """See `ToolUsage.add_success`."""
        found = {"client": client, "tool": tool, "seconds": within_seconds, "clients": MAX_CLIENTS}
        async with self._database.write() as connection:
            await connection.execute(self._sql["lock_tool"], found)
            added = await (await connection.execute(self._sql["add_example"], found)).fetchone()
            if added is None:
                return False
            limits = {"tool": tool, "of_client": bounds.of_client, "of_tool": bounds.of_tool}
            await connection.execute(self._sql["forget_of_tool"], limits)
            if added["revision"] % CHANGES_BETWEEN_SWEEPS == 0:
                await connection.execute(self._sql["forget_in_all"], {"in_all": bounds.in_all})
        # Once more after the commit: whoever read the revision before it has not seen the example.
        async with self._database.read() as connection:
            await connection.execute(self._sql["bump_revision"])
        return True

    async def revision(self) -> int:
        """See `ToolUsage.revision`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["revision"])).fetchone()
            return int(row["revision"]) if row else 0

    async def examples(self, model: str, *, after: int, limit: int) -> list[ToolExample]:
        """See `ToolUsage.examples`."""
        parameters = {"model": model, "after": after, "limit": limit}
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["examples"], parameters, binary=True)
            return [ToolExample(**row) for row in await cursor.fetchall()]
