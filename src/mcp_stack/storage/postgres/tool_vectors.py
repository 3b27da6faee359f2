"""Embeddings of tools in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresToolVectors:
    """The port `ToolVectors` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tool_vectors")

    async def get(self, model: str, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """See `ToolVectors.get`."""
        wanted = {"model": model, "digests": list(digests)}
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["get"], wanted, binary=True)
            found = {row["digest"]: row["vector"] for row in await cursor.fetchall()}
            await connection.execute(self._sql["touch"], wanted)
            return found

    async def put(self, model: str, vectors: Mapping[bytes, bytes]) -> None:
        """See `ToolVectors.put`."""
        # Always in the same order: two processes that write the same rows must not lock each other out.
        rows = [{"model": model, "digest": digest, "vector": vectors[digest]} for digest in sorted(vectors)]
        async with self._database.write() as connection, connection.cursor() as cursor:
            await cursor.executemany(self._sql["put"], rows)
            await cursor.execute(self._sql["forget"])
