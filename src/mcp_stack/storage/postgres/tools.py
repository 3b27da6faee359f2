"""The tool registry in PostgreSQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.tools import KnownTool
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresTools:
    """The port `Tools` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tools")

    async def replace(self, server: str, tools: Sequence[KnownTool]) -> None:
        """See `Tools.replace`."""
        from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

        rows = [
            {
                "name": tool.name,
                "server": tool.server,
                "tool": tool.tool,
                "title": tool.title,
                "description": tool.description,
                "category": tool.category,
                "input_schema": Jsonb(tool.input_schema),
                "annotations": Jsonb(tool.annotations),
                "fingerprint": fingerprint(tool),
                "server_status": tool.status,
            }
            # Always in the same order: two processes that write the same rows must not lock each other out.
            for tool in sorted(tools, key=lambda tool: tool.name)
        ]
        async with self._database.write() as connection, connection.cursor() as cursor:
            await cursor.execute(
                self._sql["forget_missing"], {"server": server, "tools": [tool.tool for tool in tools]}
            )
            if rows:
                await cursor.executemany(self._sql["remember"], rows)

    async def all(self) -> list[KnownTool]:
        """See `Tools.all`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["all"])
            return [KnownTool(**row) for row in await cursor.fetchall()]


def fingerprint(tool: KnownTool) -> bytes:
    """SHA-256 of all that a client is told of a tool: name, title, description, schema and annotations."""
    told = [tool.name, tool.title, tool.description, tool.input_schema, tool.annotations]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()
