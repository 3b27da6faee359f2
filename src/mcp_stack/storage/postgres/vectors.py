"""Vectors in PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.embedder import Vector
from ...ports.vectors import Neighbour, Point
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PgVectors:
    """The port `Vectors` on pgvector, with one HNSW index over all collections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("vectors")

    async def upsert(self, collection: str, model: str, points: Sequence[Point]) -> None:
        """See `Vectors.upsert`."""
        from pgvector import Vector as Embedding  # noqa: PLC0415 - heavy: imported on first use

        rows = [
            {
                "collection": collection,
                "model": model,
                "id": point.id,
                "document_id": point.document_id,
                "ordinal": point.ordinal,
                "tags": list(point.tags),
                "embedding": Embedding(point.vector),
            }
            for point in points
        ]
        if rows:
            async with self._database.write() as connection, connection.cursor() as cursor:
                await cursor.executemany(self._sql["upsert"], rows)

    async def search(
        self, vector: Vector, model: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> list[Neighbour]:
        """See `Vectors.search`."""
        from pgvector import Vector as Embedding  # noqa: PLC0415 - heavy: imported on first use

        parameters = {
            "vector": Embedding(vector),
            "model": model,
            "limit": limit,
            "collection": collection,
            "tags": list(tags),
        }
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["search"], parameters)
            return [Neighbour(**row) for row in await cursor.fetchall()]

    async def delete_document(self, document_id: str) -> None:
        """See `Vectors.delete_document`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["delete_document"], {"document_id": document_id})

    async def count(self, collection: str = "") -> int:
        """See `Vectors.count`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["count"], {"collection": collection})).fetchone()
            return int(row["points"]) if row else 0

    async def ping(self) -> None:
        """See `Vectors.ping`."""
        await self._database.ping()

    async def close(self) -> None:
        """Nothing of its own to close: the pool belongs to the database."""
