"""Searching and writing the knowledge base, on the embedded stores and a corpus that is made up."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcp_stack.aidb.knowledge.search import Search
from mcp_stack.composition.stores import Stores
from mcp_stack.settings import load_settings

from . import measured
from .corpus import DIMENSIONS, MODEL, Corpus, Question

if TYPE_CHECKING:
    from mcp_stack.ports.documents import NewDocument
    from mcp_stack.ports.embedder import Vector
    from mcp_stack.ports.vectors import Point

WRITERS = 4
QUESTIONS = 200
WARM_UP = 60
TOP = 10

Measured = dict[str, Any]
Call = Callable[[Question], Awaitable[object]]


class KnownVectors:
    """The port `Embedder` without a model: the questions' vectors are known, so that embedding takes no time.

    Args:
        questions: All that will be asked.
    """

    model = MODEL
    dimensions = DIMENSIONS

    def __init__(self, questions: Sequence[Question]) -> None:
        self._vectors = {question.text: question.vector for question in questions}

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question."""
        return self._vectors[text]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of questions."""
        return [self._vectors[text] for text in texts]

    async def close(self) -> None:
        """Nothing to free."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A knowledge base with a corpus in it.

    Attributes:
        ordinary: Questions with common and rare words.
        common: Questions with the commonest words alone.
        nearest: Ids of the documents nearest to each ordinary question, by comparing all.
        import_seconds: How long it took to store the corpus.
    """

    stores: Stores
    corpus: Corpus
    search: Search
    ordinary: list[Question]
    common: list[Question]
    nearest: list[set[str]]
    import_seconds: float


@asynccontextmanager
async def loaded(documents: int) -> AsyncIterator[Loaded]:
    """Store a corpus in a temporary folder, as imports store theirs, by four writers at once.

    Args:
        documents: How many.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-stack-latency-") as folder:
        environ = {"MCP_STACK_DATA": folder, "MCP_STACK_CONFIG": folder}
        stores = Stores(load_settings(environ, Path(folder)).settings)
        try:
            corpus = Corpus(documents)
            ordinary, common = corpus.questions(QUESTIONS), corpus.common_questions(QUESTIONS)
            exact = _Nearest([question.vector for question in ordinary])
            begin = time.perf_counter()
            await _store(stores, _told(exact.watching(corpus.documents()), documents))
            seconds = time.perf_counter() - begin
            await stores.documents.refresh_statistics()
            async with stores.database.kept() as connection:
                # By itself the server writes its pages to disk some minutes later.
                await connection.execute("checkpoint")
            search = Search(stores.documents, stores.vectors, KnownVectors([*ordinary, *common]))
            yield Loaded(stores, corpus, search, ordinary, common, exact.documents(), seconds)
        finally:
            await stores.close()


async def search_paths(base: Loaded, clients: int, seconds: float) -> dict[str, Measured]:
    """Hybrid searches, embedding excluded.

    Args:
        base: Where to search.
        clients: Searches at once.
        seconds: For each path.
    """
    search = base.search

    def top(limit: int, **filters: Any) -> Call:
        return lambda question: search.search(question.text, limit=limit, **filters)

    paths: dict[str, tuple[list[Question], Call]] = {
        "search_top5": (base.ordinary, top(5)),
        "search_top10": (base.ordinary, top(10)),
        "search_top20": (base.ordinary, top(20)),
        "search_common_words": (base.common, top(10)),
        "search_collection": (base.ordinary, top(10, collection="imported")),
        "search_tag": (base.ordinary, top(10, tags=["rust"])),
    }
    return {name: await _timed(base, questions, call, clients, seconds) for name, (questions, call) in paths.items()}


async def leg_paths(base: Loaded, clients: int, seconds: float) -> dict[str, Measured]:
    """Each leg of a search alone; the vector index with its recall against comparing all.

    Args:
        base: Where to search.
        clients: Searches at once.
        seconds: For each path.
    """
    documents, vectors = base.stores.documents, base.stores.vectors

    async def by_vector(question: Question) -> list[str]:
        found = await vectors.search(question.vector, MODEL, limit=TOP)
        return list(dict.fromkeys(point.document_id for point in found))

    lexical = await _timed(
        base, base.ordinary, lambda question: documents.lexical_search(question.text, limit=TOP), clients, seconds
    )
    vector = await _timed(base, base.ordinary, by_vector, clients, seconds)
    recalls = [
        len(nearest.intersection(await by_vector(question))) / len(nearest)
        for question, nearest in zip(base.ordinary, base.nearest, strict=True)
    ]
    return {"lexical_top10": lexical, "vector_top10": vector | {"recall@10": round(float(np.mean(recalls)), 4)}}


async def write_paths(base: Loaded, seconds: float) -> dict[str, Measured]:
    """Four writers at once: documents with their words alone, and with their vectors.

    Args:
        base: What they add to.
        seconds: For each path.
    """
    floor = await _floor(base, 0.3)
    more = Corpus(10**9, seed=2).documents()
    result = {}
    for name, with_vectors, most in (("writers", False, 2000), ("writers_with_vectors", True, 500)):
        made = iter(list(itertools.islice(more, int(seconds * most))))  # making them up takes time too
        times: list[float] = []
        begin = time.perf_counter()
        await asyncio.gather(*(_write(base, made, begin + seconds, times, with_vectors) for _ in range(WRITERS)))
        result[name] = measured(times, floor, seconds=time.perf_counter() - begin)
    return result


async def _write(
    base: Loaded, source: Iterator[tuple[NewDocument, list[Point]]], until: float, times: list[float], vectors: bool
) -> None:
    for document, points in source:
        if time.perf_counter() > until:
            break
        begin = time.perf_counter()
        await base.stores.documents.add(document)
        if vectors:
            await base.stores.vectors.upsert(document.collection, MODEL, points)
        times.append((time.perf_counter() - begin) * 1000)


async def _timed(base: Loaded, questions: list[Question], call: Call, clients: int, seconds: float) -> Measured:
    """Make a call again and again, in turn with the floor."""
    for question in questions[:WARM_UP]:
        await call(question)
    floor = await _floor(base, seconds / 20)
    times: list[float] = []
    begin = time.perf_counter()

    async def client(first: int) -> None:
        number = first
        while time.perf_counter() < begin + seconds:
            start = time.perf_counter()
            await call(questions[number % len(questions)])
            times.append((time.perf_counter() - start) * 1000)
            number += clients

    await asyncio.gather(*(client(first) for first in range(clients)))
    took = time.perf_counter() - begin
    floor += await _floor(base, seconds / 20)
    return measured(times, floor, seconds=took)


async def _floor(base: Loaded, seconds: float) -> list[float]:
    """Milliseconds of `select 1` through the same pool."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not times:
        start = time.perf_counter()
        async with base.stores.database.read() as connection:
            await connection.execute("select 1")
        times.append((time.perf_counter() - start) * 1000)
    return times


async def _store(stores: Stores, documents: Iterator[tuple[NewDocument, list[Point]]]) -> None:
    async def writer() -> None:
        for document, points in documents:
            await stores.documents.add(document)
            await stores.vectors.upsert(document.collection, MODEL, points)

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


def _told(documents: Iterator[Any], total: int) -> Iterator[Any]:
    """Pass the documents on, and say on stderr how far it is."""
    for number, document in enumerate(documents, start=1):
        if number % 10_000 == 0 or number == total:
            print(f"{number} of {total} documents stored", file=sys.stderr, flush=True)
        yield document


class _Nearest:
    """The documents nearest to each of some vectors, found by comparing every point that goes by.

    Args:
        vectors: Unit vectors.
    """

    def __init__(self, vectors: Sequence[Vector]) -> None:
        self._questions = np.asarray(vectors, dtype=np.float32)
        self._best = np.full((len(vectors), TOP), -2.0, dtype=np.float32)
        self._ids = np.full((len(vectors), TOP), "", dtype="U36")

    def watching(
        self, documents: Iterator[tuple[NewDocument, list[Point]]]
    ) -> Iterator[tuple[NewDocument, list[Point]]]:
        """Pass documents on."""
        for document, points in documents:
            vectors = np.asarray([point.vector for point in points], dtype=np.float32)
            similarity = (self._questions @ vectors.T).max(axis=1)
            worst = self._best.argmin(axis=1)
            rows = np.nonzero(similarity > self._best[np.arange(len(worst)), worst])[0]
            self._best[rows, worst[rows]] = similarity[rows]
            self._ids[rows, worst[rows]] = document.id
            yield document, points

    def documents(self) -> list[set[str]]:
        """Ids of the nearest documents, for each vector."""
        return [set(row) - {""} for row in self._ids.tolist()]
