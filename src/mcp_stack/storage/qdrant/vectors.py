"""Vectors in Qdrant."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ...errors import UnavailableError
from ...ports.embedder import Vector
from ...ports.vectors import POINTS_OF_A_DOCUMENT, Alike, Neighbour, Point, StoredVectors, nearest_documents

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

POINTS_AT_ONCE = 1000


class QdrantVectors:
    """The port `Vectors` on Qdrant: one Qdrant collection for each of ours.

    Args:
        location: Address of the server, or `:memory:` for an in-process one.
        dimensions: Length of the vectors.
        collections: Collections that exist from the start; others are made when the first point comes.
        api_key: Empty if the server asks for none.
        timeout_seconds: For each call.
    """

    def __init__(
        self,
        location: str,
        *,
        dimensions: int,
        collections: Sequence[str] = (),
        api_key: str = "",
        timeout_seconds: float = 5,
    ) -> None:
        self._location = location
        self._dimensions = dimensions
        self._wanted = tuple(collections)
        self._api_key = api_key
        self._timeout = timeout_seconds
        self._client: AsyncQdrantClient | None = None
        self._known: set[str] = set()

    async def upsert(self, collection: str, model: str, points: Sequence[Point]) -> None:
        """See `Vectors.upsert`."""
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        if not points:
            return
        async with self._connected() as client:
            await self._ensure_collection(client, collection)
            await client.upsert(
                collection,
                points=[
                    models.PointStruct(
                        id=point.id,
                        vector=point.vector,
                        payload={
                            "model": model,
                            "document_id": point.document_id,
                            "ordinal": point.ordinal,
                            "tags": list(point.tags),
                        },
                    )
                    for point in points
                ],
                wait=True,
            )

    async def search(
        self, vector: Vector, model: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> list[Neighbour]:
        """See `Vectors.search`."""
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        tagged = [models.FieldCondition(key="tags", match=models.MatchValue(value=tag)) for tag in tags]
        return await self._nearest(vector, [*_of([], model), *tagged], limit, collection)

    async def similarities(self, vector: Vector, model: str, document_ids: Sequence[str]) -> list[Neighbour]:
        """See `Vectors.similarities`."""
        return await self._nearest(vector, _of(document_ids, model), len(document_ids)) if document_ids else []

    async def _nearest(self, vector: Vector, must: list[Any], limit: int, collection: str = "") -> list[Neighbour]:
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        found: list[Neighbour] = []
        async with self._connected() as client:
            for name in await self._existing(client, collection):
                response = await client.query_points_groups(
                    name,
                    group_by="document_id",
                    query=vector,
                    query_filter=models.Filter(must=must),
                    limit=limit,
                    group_size=POINTS_OF_A_DOCUMENT,
                    with_payload=True,
                )
                found += [_neighbour(name, point) for group in response.groups for point in group.hits]
        return nearest_documents(found, limit)

    async def delete_document(self, document_id: str) -> None:
        """See `Vectors.delete_document`."""
        await self.delete_documents([document_id])

    async def delete_documents(self, document_ids: Sequence[str], model: str = "") -> None:
        """See `Vectors.delete_documents`."""
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        if not document_ids:
            return
        selector = models.FilterSelector(filter=models.Filter(must=_of(document_ids, model)))
        async with self._connected() as client:
            for name in await self._existing(client, ""):
                await client.delete(name, points_selector=selector, wait=True)

    async def alike(self, document_ids: Sequence[str], model: str, *, least: float, limit: int) -> list[Alike]:
        """See `Vectors.alike`."""
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        whole = models.FieldCondition(key="ordinal", match=models.MatchValue(value=0))
        found: list[Alike] = []
        if not document_ids:
            return found
        async with self._connected() as client:
            for name in await self._existing(client, ""):
                documents = await self._points(client, name, [*_of(document_ids, model), whole])
                requests = [
                    models.QueryRequest(
                        query=point.vector,
                        filter=models.Filter(
                            must=[whole, *_of([], model)], must_not=_of([point.payload["document_id"]], "")
                        ),
                        score_threshold=least,
                        limit=limit,
                        with_payload=True,
                    )
                    for point in documents
                ]
                responses = await client.query_batch_points(name, requests=requests) if requests else []
                for point, response in zip(documents, responses, strict=True):
                    found += [
                        Alike(point.payload["document_id"], each.document_id, each.similarity)
                        for each in (_neighbour(name, other) for other in response.points)
                    ]
        return found

    async def passages_of(self, document_ids: Sequence[str], model: str) -> dict[str, list[Vector]]:
        """See `Vectors.passages_of`."""
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        if not document_ids:
            return {}
        passage = models.FieldCondition(key="ordinal", range=models.Range(gte=1))
        found: dict[str, list[Any]] = {}
        async with self._connected() as client:
            for name in await self._existing(client, ""):
                for point in await self._points(client, name, [*_of(document_ids, model), passage]):
                    found.setdefault(point.payload["document_id"], []).append(point)
        return {
            document_id: [point.vector for point in sorted(points, key=lambda point: int(point.payload["ordinal"]))]
            for document_id, points in found.items()
        }

    async def stored(self) -> AsyncIterator[list[StoredVectors]]:
        """See `Vectors.stored`. Points are in the order of their ids, so all of a collection are counted first."""
        async with self._connected() as client:
            names = await self._existing(client, "")
        points: Counter[tuple[str, str]] = Counter()
        for name in names:
            offset: Any = None
            while True:
                async with self._connected() as client:
                    records, offset = await client.scroll(
                        name, limit=POINTS_AT_ONCE, offset=offset, with_payload=["document_id", "model"]
                    )
                points.update(_owner(each) for each in records)
                if offset is None:
                    break
        # Others may keep collections on the same server.
        documents = [StoredVectors(*pair, number) for pair, number in sorted(points.items()) if all(pair)]
        for start in range(0, len(documents), POINTS_AT_ONCE):
            yield documents[start : start + POINTS_AT_ONCE]

    async def count(self, collection: str = "") -> int:
        """See `Vectors.count`."""
        total = 0
        async with self._connected() as client:
            for name in await self._existing(client, collection):
                total += (await client.count(name, exact=True)).count
        return total

    async def ping(self) -> None:
        """See `Vectors.ping`."""
        async with self._connected() as client:
            await client.get_collections()

    async def version(self) -> str:
        """Name and version of the server.

        Raises:
            UnavailableError: The store is down.
        """
        async with self._connected() as client:
            return f"Qdrant {(await client.info()).version}"

    async def close(self) -> None:
        """See `Vectors.close`."""
        if self._client is not None:
            client, self._client = self._client, None
            self._known.clear()
            await client.close()

    async def _points(self, client: AsyncQdrantClient, collection: str, must: list[Any]) -> list[Any]:
        """Every point that satisfies the conditions, with vector and payload."""
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        found: list[Any] = []
        offset: Any = None
        while True:
            records, offset = await client.scroll(
                collection,
                scroll_filter=models.Filter(must=must),
                limit=POINTS_AT_ONCE,
                offset=offset,
                with_payload=True,
                with_vectors=True,
            )
            found += records
            if offset is None:
                return found

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncQdrantClient]:
        from httpx import HTTPError  # noqa: PLC0415 - heavy: imported on first use
        from qdrant_client import AsyncQdrantClient  # noqa: PLC0415 - heavy: imported on first use
        from qdrant_client.http.exceptions import ApiException  # noqa: PLC0415 - heavy: imported on first use

        try:
            if self._client is None:
                if self._location == ":memory:":
                    self._client = AsyncQdrantClient(":memory:")
                else:
                    self._client = AsyncQdrantClient(
                        url=self._location,
                        api_key=self._api_key or None,
                        timeout=int(self._timeout),
                        check_compatibility=False,
                    )
                for name in self._wanted:
                    await self._ensure_collection(self._client, name)
            yield self._client
        except (ApiException, HTTPError, OSError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UnavailableError(
                f"Qdrant does not answer ({reason})", "start it, correct QDRANT_URL, or unset it to use pgvector"
            ) from error

    async def _ensure_collection(self, client: AsyncQdrantClient, name: str) -> None:
        from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

        if name in self._known:
            return
        if not await client.collection_exists(name):
            await client.create_collection(
                name,
                vectors_config=models.VectorParams(size=self._dimensions, distance=models.Distance.COSINE),
                hnsw_config=models.HnswConfigDiff(m=16, ef_construct=64, full_scan_threshold=10_000, on_disk=False),
            )
        self._known.add(name)

    async def _existing(self, client: AsyncQdrantClient, collection: str) -> list[str]:
        if collection:
            return [collection] if await client.collection_exists(collection) else []
        return sorted(described.name for described in (await client.get_collections()).collections)


def _of(document_ids: Sequence[str], model: str) -> list[Any]:
    """Conditions on a point: it is of one of the documents, if any are given, and of the model, if one is."""
    from qdrant_client import models  # noqa: PLC0415 - heavy: imported on first use

    conditions: list[Any] = []
    if document_ids:
        conditions.append(models.FieldCondition(key="document_id", match=models.MatchAny(any=list(document_ids))))
    if model:
        conditions.append(models.FieldCondition(key="model", match=models.MatchValue(value=model)))
    return conditions


def _owner(point: Any) -> tuple[str, str]:
    payload = point.payload or {}
    return str(payload.get("document_id", "")), str(payload.get("model", ""))


def _neighbour(collection: str, point: Any) -> Neighbour:
    payload = point.payload or {}
    return Neighbour(
        id=str(point.id),
        document_id=str(payload.get("document_id", "")),
        ordinal=int(payload.get("ordinal", 0)),
        collection=collection,
        similarity=float(point.score),
    )
