"""Whether a search of the knowledge base finds the documents that answer a question.

    python -m benchmarks.retrieval --corpus F --queries F --qrels F [--keep FOLDER] [--json]

Files as in BEIR, compressed with gzip or not: documents `{"_id", "title", "text"}` and questions `{"_id", "text"}`, one
a line; judgements `query-id`, `corpus-id` and `score`, parted by tabs, under a line of names. Questions without a
judgement are left out.

The documents are imported as texts are, into an embedded PostgreSQL in a temporary folder, and searched by the
product's own search. The times are those of a search without the embedding of the question, which is told beside them.

Baselines in the same table, on the same documents: BM25 (k1 = 1.2, b = 0.75) over title and text with PostgreSQL's
English words; plain similarity of the model to title and text; reciprocal rank fusion (k = 60) of the two; and each leg
of the product's search alone.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import itertools
import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mcp_stack.aidb.knowledge.embedding import Embedding
from mcp_stack.aidb.knowledge.entries import Labels, entry_of
from mcp_stack.aidb.knowledge.formats.reading import Source, read
from mcp_stack.aidb.knowledge.search import Search
from mcp_stack.aidb.knowledge.storing import Entry, Storing, key_of
from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.ports.embedder import Embedder, Vector
from mcp_stack.settings import load_settings

from .kept_vectors import KeptVectors
from .latency import quantile

DEPTH = 10
FUSED = 100
RANK_CONSTANT = 60
# What imports refuse, and old corpora have where a conversion went wrong.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
BATCH = 256
COLLECTION = "benchmark"
DATA = Path(__file__).parents[2] / "shared" / "data" / "retrieval"

Rank: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the ids of the best documents for a question, the best first; ids of the product's."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with the documents that answer it.

    Attributes:
        gains: How well, by the corpus's id of the document; greater than 0.
    """

    text: str
    gains: Mapping[str, float]


class Benchmark:
    """A corpus in the product's stores.

    Args:
        stores: Where it is.
        embedder: Embeds documents and questions.
    """

    def __init__(self, stores: Stores, embedder: Embedder) -> None:
        self._stores = stores
        self._embedder = _KnownQueries(embedder)
        embedding = Embedding(embedder, stores.vectors, stores.provenance)
        self._storing = Storing(stores.documents, stores.provenance, stores.vectors, embedding)
        self._search = Search(stores.documents, stores.vectors, self._embedder)
        # Documents of the same content are one.
        self._ids: dict[str, list[str]] = {}

    async def import_corpus(self, file: Path) -> int:
        """Import the documents; how many there are."""
        total = 0
        entries = _entries(file)
        while batch := list(itertools.islice(entries, BATCH)):
            stored = await self._storing.store([entry for _, entry in batch])
            embedded = await self._storing.embed([entry for _, entry in batch], stored)
            if embedded.note:
                raise RuntimeError(embedded.note)
            for (corpus_id, _), result in zip(batch, stored, strict=True):
                self._ids.setdefault(result.id, []).append(corpus_id)
            total += len(batch)
            if total % (BATCH * 20) == 0:
                print(f"{total} documents imported", file=sys.stderr, flush=True)
        await self._stores.documents.refresh_statistics()
        async with self._stores.database.write() as connection:
            await connection.execute(_PLAIN_POSTINGS)
            await connection.execute(_PLAIN_LENGTHS)
        async with self._stores.database.kept() as connection:
            await connection.execute("vacuum analyze baseline_postings")
        return total

    async def measure(self, questions: Sequence[Judged]) -> dict[str, Any]:
        """Rank the documents for each question, by the product and by the baselines."""
        embed_ms = [await self._embedder.learn(question.text) for question in questions]
        times: list[float] = []

        async def ours(text: str) -> Sequence[str]:
            start = time.perf_counter()
            found = await self._found(text, "hybrid")
            times.append((time.perf_counter() - start) * 1000)
            return found

        for question in questions[: 2 * DEPTH]:
            await self._found(question.text, "hybrid")
        rows = {
            "hybrid": ours,
            "bm25": self._bm25,
            "minilm": self._plain_vector,
            "rank_fusion": self._rank_fusion,
            "our_words": lambda text: self._found(text, "lexical"),
            "our_vectors": lambda text: self._found(text, "vector"),
        }
        measured = {name: await self._quality(rank, questions) for name, rank in rows.items()}
        times.sort()
        return {
            **measured.pop("hybrid"),
            "p50_ms": round(quantile(times, 0.5), 2),
            "p95_ms": round(quantile(times, 0.95), 2),
            "baselines": measured,
            "embed_p50_ms": round(quantile(sorted(embed_ms), 0.5), 2),
            "queries": len(questions),
        }

    async def _quality(self, rank: Rank, questions: Sequence[Judged]) -> dict[str, float]:
        gain = recall = 0.0
        for question in questions:
            ranked = [each for found in await rank(question.text) for each in self._ids.get(found, [])][:DEPTH]
            gain += ndcg(ranked, question.gains)
            recall += len(question.gains.keys() & set(ranked)) / len(question.gains)
        return {
            f"ndcg@{DEPTH}": round(gain / len(questions), 4),
            f"recall@{DEPTH}": round(recall / len(questions), 4),
        }

    async def _found(self, text: str, mode: str) -> list[str]:
        found = await self._search.search(text, limit=DEPTH, mode=mode)
        return [passage.document_id for passage in found.passages]

    async def _bm25(self, text: str, limit: int = DEPTH) -> list[str]:
        return await self._ids_of(_PLAIN_BM25, {"query": text, "limit": limit})

    async def _plain_vector(self, text: str, limit: int = DEPTH) -> list[str]:
        from pgvector import Vector as Embedded  # noqa: PLC0415 - heavy: imported on first use

        vector = await self._embedder.embed_query(text)
        return await self._ids_of(_PLAIN_VECTOR, {"vector": Embedded(vector), "limit": limit})

    async def _rank_fusion(self, text: str) -> list[str]:
        scores: dict[str, float] = {}
        for ranked in (await self._bm25(text, FUSED), await self._plain_vector(text, FUSED)):
            for rank, document_id in enumerate(ranked, start=1):
                scores[document_id] = scores.get(document_id, 0.0) + 1 / (RANK_CONSTANT + rank)
        return sorted(scores, key=lambda document_id: (-scores[document_id], document_id))[:DEPTH]

    async def _ids_of(self, query: Any, parameters: Mapping[str, Any]) -> list[str]:
        async with self._stores.database.kept() as connection:
            rows = await (await connection.execute(query, parameters)).fetchall()
            return [row["id"] for row in rows]


def ndcg(ranked: Sequence[str], gains: Mapping[str, float]) -> float:
    """Normalised discounted cumulative gain of a list, as trec_eval computes it.

    Args:
        ranked: Ids, the best first.
        gains: By id, greater than 0.
    """
    discounted = sum(gains.get(each, 0.0) / math.log2(rank + 1) for rank, each in enumerate(ranked, start=1))
    ideal = sorted(gains.values(), reverse=True)[:DEPTH]
    return discounted / sum(gain / math.log2(rank + 1) for rank, gain in enumerate(ideal, start=1))


class _KnownQueries:
    """The port `Embedder` that has embedded the questions before they are asked.

    Args:
        inner: Embeds them.
    """

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._vectors: dict[str, Vector] = {}

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    async def learn(self, text: str) -> float:
        """Embed a question; the milliseconds that it took."""
        start = time.perf_counter()
        self._vectors[text] = await self._inner.embed_query(text)
        return (time.perf_counter() - start) * 1000

    async def embed_query(self, text: str) -> Vector:
        return self._vectors[text]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        return await self._inner.embed_documents(texts)

    async def close(self) -> None:
        await self._inner.close()


def _entries(file: Path) -> Iterator[tuple[str, Entry]]:
    """The documents as imports make them of texts; those without a word are left out."""
    for line in _lines(file):
        document = json.loads(line)
        corpus_id, title = str(document["_id"]), " ".join(_CONTROL.sub(" ", str(document.get("title") or "")).split())
        text = _CONTROL.sub(" ", str(document.get("text") or "")).strip() or title
        if not text:
            continue
        (parsed,) = read(Source("text.md", COLLECTION), text.encode("utf-8", "replace"))
        labels = Labels(title=title, collection=COLLECTION, tags=(), source=corpus_id)
        key = key_of("text", corpus_id)
        yield corpus_id, entry_of(parsed, labels, kind=None, key=key, seed="", max_bytes=sys.maxsize)


def _questions(queries: Path, qrels: Path) -> list[Judged]:
    """The questions that have judgements, in the order of their file."""
    gains: dict[str, dict[str, float]] = {}
    for row in csv.reader(_lines(qrels), delimiter="\t"):
        if len(row) >= 3 and _is_number(row[-1]) and float(row[-1]) > 0:
            gains.setdefault(row[0], {})[row[-2]] = float(row[-1])
    questions = (json.loads(line) for line in _lines(queries))
    return [Judged(each["text"], gains[str(each["_id"])]) for each in questions if str(each["_id"]) in gains]


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdigit()


def _lines(file: Path) -> Iterable[str]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        yield from (line for line in lines if line.strip())


_PLAIN_POSTINGS = """
create table baseline_postings as
select number as document, id, hashtextextended(word.lexeme, 0) as term, cardinality(word.positions) as frequency
from imported_documents
cross join unnest(to_tsvector('english', title || ' ' || content)) as word
"""
_PLAIN_LENGTHS = """
create table baseline_lengths as
select document, sum(frequency) as length, avg(sum(frequency)) over () as mean_length, count(*) over () as documents
from baseline_postings
group by document;
create index on baseline_postings (term);
alter table baseline_lengths add primary key (document);
"""
_PLAIN_BM25 = """
with found as (
    select posting.document, posting.id, frequency, count(*) over (partition by term) as found_in
    from unnest(to_tsvector('english', %(query)s::text)) as word
    join baseline_postings as posting on posting.term = hashtextextended(word.lexeme, 0)
)
select id::text as id
from found
join baseline_lengths using (document)
group by document, id
order by sum(
    ln(1 + (documents - found_in + 0.5::float8) / (found_in + 0.5::float8)) * frequency * 2.2::float8
    / (frequency + 1.2::float8 * (0.25::float8 + 0.75::float8 * length / mean_length))
) desc, document
limit %(limit)s
"""
_PLAIN_VECTOR = """
select document_id::text as id
from document_embeddings
where ordinal = 0
order by 0 + (embedding <=> %(vector)s), document_id
limit %(limit)s
"""


async def run(corpus: Path, queries: Path, qrels: Path, keep: Path | None = None) -> dict[str, Any]:
    """Import a corpus and ask the questions.

    Args:
        corpus: The documents.
        queries: The questions.
        qrels: The judgements.
        keep: Folder where vectors are kept for the next run.
    """
    questions = _questions(queries, qrels)
    if not questions:
        raise SystemExit(f"{qrels} judges none of the questions of {queries}")
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-stack-benchmark-"))
        environ = {**os.environ, "MCP_STACK_DATA": folder, "MCP_STACK_CONFIG": folder, "DATABASE_URL": ""}
        stores = Stores(load_settings(environ, Path(folder)).settings)
        stack.push_async_callback(stores.close)
        models = ModelAdapters(load_settings(environ, Path(folder)).settings, stores)
        stack.push_async_callback(models.close)
        embedder: Embedder = models.embedder
        if keep:
            embedder = KeptVectors(embedder, keep / "vectors.sqlite")
        benchmark = Benchmark(stores, embedder)
        documents = await benchmark.import_corpus(corpus)
        return {**await benchmark.measure(questions), "documents": documents}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Quality of the search of documents.")
    parser.add_argument("--corpus", type=Path, default=DATA / "scifact_corpus.jsonl.gz")
    parser.add_argument("--queries", type=Path, default=DATA / "scifact_queries_dev.jsonl.gz")
    parser.add_argument("--qrels", type=Path, default=DATA / "scifact_qrels_dev.tsv")
    parser.add_argument("--keep", type=Path, help="keep the vectors of the documents in this folder for the next run")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = asyncio.run(run(chosen.corpus, chosen.queries, chosen.qrels, chosen.keep))
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"{result['queries']} questions, {result['documents']} documents")
    print(f"{'':<12} {'ndcg@10':>8} {'recall@10':>10}")
    for name, row in {"mcp-stack": result, **result["baselines"]}.items():
        print(f"{name:<12} {row['ndcg@10']:>8.4f} {row['recall@10']:>10.4f}")
    print(
        f"a search: {result['p50_ms']} ms p50, {result['p95_ms']} ms p95, and {result['embed_p50_ms']} ms p50 to embed"
        " the question"
    )


if __name__ == "__main__":
    main()
