"""Vectors in PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...ports.embedder import Vector
from ...ports.vectors import POINTS_OF_A_DOCUMENT, Alike, Neighbour, Point, StoredVectors, nearest_documents
from .arrays import array
from .filters import LargeFilters
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database

FEW_POINTS: Final = 4000
"""Compared one by one in the time that the index takes to find some that a filter does not leave out."""

MOST_POINTS: Final = 20_000
"""Of one pass of the index, which by itself gives up after so many (`hnsw.max_scan_tuples`)."""

STORED_AT_ONCE = 1000
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"


class PgVectors:
    """The port `Vectors` on pgvector, with one HNSW index over all collections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("vectors")
        self._large = LargeFilters()

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
        filtered = bool(collection or tags)
        async with self._database.read() as connection:
            if not filtered or await self._are_many(connection, parameters):
                name = "search_filtered" if filtered else "search"
                points = POINTS_OF_A_DOCUMENT * limit
                while points <= MOST_POINTS:
                    # Filters are planned for as they are: one that is empty must not cost anything.
                    cursor = await connection.execute(
                        self._sql[name], {**parameters, "points": points}, prepare=not filtered
                    )
                    rows = await cursor.fetchall()
                    found = nearest_documents((Neighbour(**row) for row in rows), limit)
                    if len({each.document_id for each in found}) == limit:
                        return found
                    if len(rows) < points:
                        break  # these were all, or the index gave up on the filter
                    # The documents are long, and their points are next to each other.
                    points *= 4
            cursor = await connection.execute(
                self._sql["search_exactly"], {**parameters, "points": POINTS_OF_A_DOCUMENT}, prepare=False
            )
            return [Neighbour(**row) for row in await cursor.fetchall()]

    async def similarities(self, vector: Vector, model: str, document_ids: Sequence[str]) -> list[Neighbour]:
        """See `Vectors.similarities`."""
        if not document_ids:
            return []
        from pgvector import Vector as Embedding  # noqa: PLC0415 - heavy: imported on first use

        parameters = {
            "vector": Embedding(vector),
            "model": model,
            "ids": array(document_ids),
            "points": POINTS_OF_A_DOCUMENT,
        }
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["similarities"], parameters)
            rows = await cursor.fetchall()
        return nearest_documents((Neighbour(**row) for row in rows), len(document_ids))

    async def _are_many(self, connection: Connection, parameters: dict[str, Any]) -> bool:
        """Whether a filter leaves more points than are best compared one by one."""
        of_filter = parameters["collection"], parameters["tags"]
        if self._large.knows(*of_filter):
            return True
        limited = {**parameters, "points": FEW_POINTS + 1}
        row = await (await connection.execute(self._sql["matching"], limited, prepare=False)).fetchone()
        if row is None or row["points"] <= FEW_POINTS:
            return False
        self._large.remember(*of_filter)
        return True

    async def delete_document(self, document_id: str) -> None:
        """See `Vectors.delete_document`."""
        await self.delete_documents([document_id])

    async def delete_documents(self, document_ids: Sequence[str], model: str = "") -> None:
        """See `Vectors.delete_documents`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["delete_documents"], {"ids": list(document_ids), "model": model})

    async def alike(self, document_ids: Sequence[str], model: str, *, least: float, limit: int) -> list[Alike]:
        """See `Vectors.alike`."""
        parameters = {"ids": list(document_ids), "model": model, "least": least, "limit": limit}
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["alike"], parameters)
            return [Alike(**row) for row in await cursor.fetchall()]

    async def passages_of(self, document_ids: Sequence[str], model: str) -> dict[str, list[Vector]]:
        """See `Vectors.passages_of`."""
        found: dict[str, list[Vector]] = {}
        async with self._database.read() as connection:
            cursor = await connection.execute(
                self._sql["passages_of"], {"ids": list(document_ids), "model": model}, binary=True
            )
            for row in await cursor.fetchall():
                found.setdefault(row["document_id"], []).append(row["embedding"].to_list())
        return found

    async def stored(self) -> AsyncIterator[list[StoredVectors]]:
        """See `Vectors.stored`."""
        after, after_model = _BEFORE_ALL, ""
        while True:
            parameters = {"after": after, "after_model": after_model, "limit": STORED_AT_ONCE}
            async with self._database.read() as connection:
                cursor = await connection.execute(self._sql["stored"], parameters)
                batch = [StoredVectors(**row) for row in await cursor.fetchall()]
            if not batch:
                return
            yield batch
            after, after_model = batch[-1].document_id, batch[-1].model

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
