"""The port `Vectors`, on pgvector and on Qdrant (in memory, and a real server where QDRANT_URL names one)."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.embedder import Vector
from mcp_stack.ports.vectors import POINTS_OF_A_DOCUMENT, Point, Vectors
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.vectors import PgVectors
from mcp_stack.storage.qdrant.vectors import QdrantVectors

MODEL = "test-model"


def direction(angle: float) -> Vector:
    """A unit vector in the plane of the first two of 384 dimensions; the angle is in degrees."""
    return [math.cos(math.radians(angle)), math.sin(math.radians(angle)), *[0.0] * 382]


def point(angle: float, document: str = "", ordinal: int = 1, tags: tuple[str, ...] = ()) -> Point:
    return Point(str(uuid.uuid4()), direction(angle), document or str(uuid.uuid4()), ordinal, tags)


def angle_of(vector: Vector) -> int:
    return round(math.degrees(math.atan2(vector[1], vector[0])))


@pytest.fixture(params=["pgvector", "qdrant-memory", "qdrant-server"])
async def vectors(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Vectors]:
    if request.param == "pgvector":
        yield PgVectors(database)
        return
    if request.param == "qdrant-server" and "QDRANT_URL" not in os.environ:
        pytest.skip("QDRANT_URL names no server")
    store = QdrantVectors(":memory:" if request.param == "qdrant-memory" else os.environ["QDRANT_URL"], dimensions=384)
    yield store
    await store.close()


@pytest.fixture
def name() -> str:
    """A collection of the test's own, for servers that outlive it."""
    return f"test-{uuid.uuid4().hex}"


async def test_the_nearest_comes_first_with_its_cosine_similarity(vectors: Vectors, name: str) -> None:
    points = [point(angle) for angle in (80, 10, 40)]
    await vectors.upsert(name, MODEL, points)
    found = await vectors.search(direction(0), MODEL, limit=2, collection=name)
    assert [each.id for each in found] == [points[1].id, points[2].id]
    assert found[0].similarity == pytest.approx(math.cos(math.radians(10)), abs=1e-5)
    assert found[0].document_id == points[1].document_id
    assert found[0].collection == name


async def test_a_point_with_the_same_id_is_replaced(vectors: Vectors, name: str) -> None:
    first = point(0)
    await vectors.upsert(name, MODEL, [first])
    await vectors.upsert(name, MODEL, [Point(first.id, direction(90), first.document_id, 2)])
    (only,) = await vectors.search(direction(90), MODEL, limit=5, collection=name)
    assert (only.ordinal, round(only.similarity, 4)) == (2, 1.0)
    assert await vectors.count(name) == 1


async def test_points_of_another_model_are_never_compared(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, "another-model", [point(0)])
    assert await vectors.search(direction(0), MODEL, limit=5, collection=name) == []


async def test_collections_are_searched_alone_or_together(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, name, [point(0)])
    await vectors.upsert(name + "-2", name, [point(30)])
    alone = await vectors.search(direction(0), name, limit=5, collection=name + "-2")
    together = await vectors.search(direction(0), name, limit=5)
    assert [each.collection for each in alone] == [name + "-2"]
    assert [each.collection for each in together] == [name, name + "-2"]
    assert await vectors.search(direction(0), name, limit=5, collection="no-such-collection") == []


async def test_only_points_that_carry_every_tag_are_found(vectors: Vectors, name: str) -> None:
    both, one = point(0, tags=("a", "b")), point(1, tags=("a",))
    await vectors.upsert(name, MODEL, [both, one])
    found = await vectors.search(direction(0), MODEL, limit=5, collection=name, tags=["a", "b"])
    assert [each.id for each in found] == [both.id]


async def test_a_filter_finds_the_few_that_fit_among_the_many_that_are_nearer(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, MODEL, [point(angle / 100) for angle in range(300)])
    rare = point(85, tags=("rare",))
    await vectors.upsert(name, MODEL, [rare])
    found = await vectors.search(direction(0), MODEL, limit=5, collection=name, tags=["rare"])
    assert [each.id for each in found] == [rare.id]


async def test_deleting_a_document_removes_all_its_points(vectors: Vectors, name: str) -> None:
    document = str(uuid.uuid4())
    await vectors.upsert(name, MODEL, [point(0, document, 0), point(1, document, 1), point(2)])
    await vectors.upsert(name + "-2", MODEL, [point(3, document, 2)])
    await vectors.delete_document(document)
    assert await vectors.count(name) == 1
    assert await vectors.count(name + "-2") == 0


async def test_deleting_documents_of_one_model_leaves_those_of_the_other(vectors: Vectors, name: str) -> None:
    one, two, three = (str(uuid.uuid4()) for _ in range(3))
    await vectors.upsert(name, MODEL, [point(0, one), point(1, two), point(2, three)])
    await vectors.upsert(name, "another-model", [point(3, one)])
    await vectors.delete_documents([one, two], MODEL)
    assert [each.document_id for each in await vectors.search(direction(0), MODEL, limit=5, collection=name)] == [three]
    assert await vectors.count(name) == 2
    await vectors.delete_documents([one, str(uuid.uuid4())])
    await vectors.delete_documents([])
    assert await vectors.count(name) == 1


async def test_documents_alike_are_those_of_the_collection_whose_vectors_as_a_whole_are(
    vectors: Vectors, name: str
) -> None:
    first, near, nearer, passage, elsewhere = (str(uuid.uuid4()) for _ in range(5))
    await vectors.upsert(
        name,
        MODEL,
        [point(0, first, 0), point(1, first, 1), point(9, near, 0), point(4, nearer, 0), point(1, passage, 3)],
    )
    await vectors.upsert(name, MODEL, [point(40, passage, 0), point(60, str(uuid.uuid4()), 0)])
    await vectors.upsert(name + "-2", MODEL, [point(0, elsewhere, 0)])
    found = await vectors.alike([first, elsewhere, str(uuid.uuid4())], MODEL, least=0.98, limit=5)
    assert [(each.document_id, each.other_id) for each in found] == [(first, nearer), (first, near)]
    assert found[0].similarity == pytest.approx(math.cos(math.radians(4)), abs=1e-5)
    assert [each.other_id for each in await vectors.alike([first], MODEL, least=0.98, limit=1)] == [nearer]
    assert await vectors.alike([first], "another-model", least=0.98, limit=5) == []
    assert await vectors.alike([], MODEL, least=0.98, limit=5) == []


async def test_the_passages_of_documents_come_in_reading_order(vectors: Vectors, name: str) -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    await vectors.upsert(name, MODEL, [point(20, one, 2), point(0, one, 0), point(10, one, 1), point(30, two, 1)])
    passages = await vectors.passages_of([one, two], MODEL)
    assert {document: [angle_of(vector) for vector in each] for document, each in passages.items()} == {
        one: [10, 20],
        two: [30],
    }
    assert await vectors.passages_of([], MODEL) == {}


async def test_every_document_with_vectors_is_told_once_for_each_model(vectors: Vectors, name: str) -> None:
    documents = sorted(str(uuid.uuid4()) for _ in range(1500))
    await vectors.upsert(name, MODEL, [point(0, document, ordinal) for document in documents for ordinal in (0, 1)])
    await vectors.upsert(name, "another-model", [point(0, documents[7], 5)])
    found = [each async for batch in vectors.stored() for each in batch if each.document_id in documents]
    assert [each.document_id for each in found if each.model == MODEL] == documents
    assert {each.points for each in found if each.model == MODEL} == {2}
    assert [(each.document_id, each.points) for each in found if each.model != MODEL] == [(documents[7], 1)]


async def test_no_points_are_no_work(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, MODEL, [])
    assert await vectors.count(name) == 0
    await vectors.ping()


async def test_a_qdrant_that_is_gone_is_unavailable_and_says_what_to_do() -> None:
    store = QdrantVectors("http://127.0.0.1:1", dimensions=384, timeout_seconds=1)
    with pytest.raises(UnavailableError, match="QDRANT_URL"):
        await store.search(direction(0), MODEL, limit=1)
    await store.close()


async def test_a_search_uses_the_vector_index(database: Database) -> None:
    await PgVectors(database).upsert("c", MODEL, [point(angle / 10) for angle in range(1000)])
    async with database.read() as connection:
        await connection.execute("analyze document_embeddings")
        await connection.execute("set enable_seqscan = off")
        plan = await connection.execute(
            "explain select id from document_embeddings order by embedding <=> %s::vector limit 10",
            [str(direction(0))],
        )
        text = "\n".join(row["QUERY PLAN"] for row in await plan.fetchall())
    assert "idx_embeddings_vector" in text


async def test_the_many_points_of_one_document_crowd_out_no_other(vectors: Vectors, name: str) -> None:
    long, other = str(uuid.uuid4()), str(uuid.uuid4())
    await vectors.upsert(name, name, [point(number / 3, long, number) for number in range(150)])
    await vectors.upsert(name, name, [point(60, other)])
    for collection in (name, ""):
        found = await vectors.search(direction(0), name, limit=5, collection=collection)
        assert [each.document_id for each in found] == [*[long] * POINTS_OF_A_DOCUMENT, other]
        assert [each.ordinal for each in found[:POINTS_OF_A_DOCUMENT]] == [0, 1, 2]


async def test_the_similarity_of_some_documents_is_looked_up(vectors: Vectors, name: str) -> None:
    near, far, unknown = (str(uuid.uuid4()) for _ in range(3))
    await vectors.upsert(name, name, [point(10 * number, near, number) for number in range(6)])
    await vectors.upsert(name + "-2", name, [point(70, far, 2)])
    await vectors.upsert(name, "another-model", [point(0, far, 1)])
    found = await vectors.similarities(direction(0), name, [far, unknown, near])
    assert [(each.document_id, each.ordinal) for each in found] == [(near, 0), (near, 1), (near, 2), (far, 2)]
    assert found[-1].similarity == pytest.approx(math.cos(math.radians(70)), abs=1e-5)
    assert await vectors.similarities(direction(0), name, []) == []


@pytest.mark.parametrize(
    "filters", [{}, {"collection": "c0"}, {"tags": ["t0"]}, {"collection": "c1", "tags": ["t2"]}, {"tags": ["rare"]}]
)
async def test_the_index_finds_the_nearest_also_through_a_filter(
    database: Database, monkeypatch: pytest.MonkeyPatch, filters: dict[str, Any]
) -> None:
    """At least 95 of 100 of the true ten nearest documents, whether a filter leaves many or few."""
    monkeypatch.setattr("mcp_stack.storage.postgres.vectors.FEW_POINTS", 100)
    chance = np.random.default_rng(1)
    topics, mixing = chance.normal(size=(20, 16)), chance.normal(size=(16, 384))
    made = (topics[chance.integers(0, 20, 1500)] + 0.6 * chance.normal(size=(1500, 16))) @ mixing
    unit = made / np.linalg.norm(made, axis=1, keepdims=True)
    labels = [(f"c{n % 3}", ("rare", f"t{n % 4}") if n % 50 == 0 else (f"t{n % 4}",)) for n in range(1500)]
    store, documents = PgVectors(database), [str(uuid.uuid4()) for _ in range(1500)]
    for collection in ("c0", "c1", "c2"):
        mine = [n for n in range(1500) if labels[n][0] == collection]
        points = [Point(documents[n], unit[n].tolist(), documents[n], 0, labels[n][1]) for n in mine]
        await store.upsert(collection, MODEL, points)
    fits = [
        n
        for n in range(1500)
        if filters.get("collection", labels[n][0]) == labels[n][0] and set(filters.get("tags", ())) <= set(labels[n][1])
    ]
    kept = 0
    for question in unit[::75]:
        nearest = sorted(fits, key=lambda n: -float(unit[n] @ question))[:10]
        found = await store.search(question.tolist(), MODEL, limit=10, **filters)
        kept += len({documents[n] for n in nearest} & {each.document_id for each in found})
    assert kept / (20 * min(10, len(fits))) >= 0.95
