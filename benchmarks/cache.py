"""Whether the semantic cache gives right answers, and how often it gives any.

    python -m benchmarks.cache [--stream F] [--budget 0.01] [--threshold 0.95] [--shuffle SEED] [--entries N] [--json]

Every request goes through the product's own cache on an embedded PostgreSQL. A stream has rows `[text, id, ...]`, where
requests with one id have one answer: each is looked up, and answered and stored where that misses, which is what the
error budget learns from. It runs in the order of the file and shuffled, or with `--shuffle` in that order alone. Pairs
have rows `{"origin": ..., "similar": ...}`: all origins are stored, and each similar one is asked for its own, at the
fixed threshold. A budget of 0 is the fixed threshold, too.

An answer that was checked in the shadow counts as a miss, for the request waits for a new answer. `recall` is the share
of the requests with a right answer in the cache that got it. Baselines: the very same question alone, and the plain
similarity of the embeddings with a threshold of 0.95. With `--entries N`, a look-up that hits is timed among N entries,
its embedding excluded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.hybrid.cache import AnswerCache, SemanticCache
from mcp_stack.hybrid.cache.error_budget import ErrorBudget
from mcp_stack.hybrid.cache.policy import FixedThreshold, Policy
from mcp_stack.ports.answering import Answer, Question
from mcp_stack.ports.embedder import Vector
from mcp_stack.settings import load_settings
from mcp_stack.storage.postgres.answer_index import PostgresAnswerIndex

from .kept_vectors import KeptVectors
from .tool_sets import read
from .tools import stop

DATA = Path(__file__).parents[2] / "shared" / "data" / "cache"
PLAIN_THRESHOLD = 0.95
TTL_SECONDS = 86_400
FINGERPRINT = "benchmark"
TIMED_LOOK_UPS = 200
# At 0.95, without a verifier, as others measured it on the whole sets.
PUBLISHED = {
    "banking77": {"fixed 0.95": {"hit_rate": 0.215, "error_rate": 0.0044, "precision": 0.98}},
    "gptcache": {"fixed 0.95": {"hit_rate": 0.396, "precision": 0.977}},
}


@dataclass(frozen=True, slots=True)
class Request:
    """A question with the id of its answer."""

    text: str
    answer: str
    vector: Vector


@dataclass
class Tally:
    """What came of the requests."""

    requests: int = 0
    answerable: int = 0
    hits: int = 0
    wrong: int = 0

    def rates(self) -> dict[str, float]:
        """Shares of all requests, of the hits and of those that could be answered."""
        right = self.hits - self.wrong
        return {
            "hit_rate": round(self.hits / self.requests, 4),
            "error_rate": round(self.wrong / self.requests, 4),
            "precision": round(right / self.hits, 4) if self.hits else 1.0,
            "recall": round(right / self.answerable, 4) if self.answerable else 0.0,
        }


class Benchmark:
    """The product's cache over one set of stores, emptied for each run."""

    def __init__(self, stores: Stores, threshold: float, budget: float, shadow_share: float) -> None:
        self._stores = stores
        self._threshold = threshold
        self._budget = budget
        self._shadow_share = shadow_share

    async def stream(self, requests: Sequence[Request], seed: int) -> dict[str, float]:
        """Look each request up, and store its answer where that misses."""
        cache = await self._cache(self._policy(seed))
        tally, stored = Tally(), set[str]()
        for request in requests:
            question = Question(request.text)
            found = await cache.find(question, request.vector, FINGERPRINT)
            tally.requests += 1
            tally.answerable += request.answer in stored
            if found is not None:
                tally.hits += 1
                tally.wrong += found.answer.response != request.answer
                continue
            await cache.put_soon(question, request.vector, FINGERPRINT, answer_of(request))
            await cache.settled()
            stored.add(request.answer)
        return tally.rates()

    async def pairs(self, origins: Sequence[Request], similar: Sequence[Request]) -> dict[str, float]:
        """Store the origins, and ask for each by what is similar to it."""
        cache = await self._cache(FixedThreshold(self._threshold))
        for request in origins:
            await cache.put_soon(Question(request.text), request.vector, FINGERPRINT, answer_of(request))
        tally = Tally(requests=len(similar), answerable=len(similar))
        for request in similar:
            found = await cache.find(Question(request.text), request.vector, FINGERPRINT)
            if found is not None:
                tally.hits += 1
                tally.wrong += found.answer.response != request.answer
        return tally.rates()

    async def timed(self, requests: Sequence[Request], entries: int) -> dict[str, float]:
        """Milliseconds of look-ups that hit, among so many entries, all of one scope."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        cache = await self._cache(FixedThreshold(self._threshold))
        chance = np.random.default_rng(0)
        for number in range(entries - len(requests)):
            vector = chance.normal(size=len(requests[0].vector))
            filler = Request(f"filler {number}", "filler", (vector / np.linalg.norm(vector)).tolist())
            await cache.put_soon(Question(filler.text), filler.vector, FINGERPRINT, answer_of(filler))
        for request in requests:
            await cache.put_soon(Question(request.text), request.vector, FINGERPRINT, answer_of(request))
        times, hits = [], 0
        for request in [*requests[:TIMED_LOOK_UPS], *requests[:TIMED_LOOK_UPS]]:
            begin = time.perf_counter()
            found = await cache.find(Question(f"{request.text} Please?"), request.vector, FINGERPRINT)
            times.append((time.perf_counter() - begin) * 1000)
            hits += found is not None
        times = times[len(times) // 2 :]  # the first half warmed up
        return {
            "entries": entries,
            "p50_ms": round(statistics.median(times), 2),
            "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
            "hit_rate": hits / (2 * min(len(requests), TIMED_LOOK_UPS)),
        }

    def _policy(self, seed: int) -> Policy:
        fixed = FixedThreshold(self._threshold)
        if not self._budget:
            return fixed
        chance = random.Random(seed)  # noqa: S311 - a sample, no secret
        return ErrorBudget(self._budget, self._shadow_share, fixed, chance)

    async def _cache(self, policy: Policy) -> SemanticCache:
        async with self._stores.database.write() as connection:
            await connection.execute("truncate answer_index, answer_index_state, answer_labels, cache_entries")
        exact = AnswerCache(self._stores.cache, TTL_SECONDS)
        return SemanticCache(exact, PostgresAnswerIndex(self._stores.database), policy, ttl_seconds=TTL_SECONDS)


def answer_of(request: Request) -> Answer:
    """An answer that says the id."""
    return Answer(
        response=request.answer,
        route="remote",
        confidence=1.0,
        latency_ms=0.0,
        cost_usd=0.0,
        tokens_in=0,
        tokens_out=0,
        cached=False,
        value_score=1.0,
        learned=False,
        model="benchmark",
        sources=(),
        reasons=(),
        interaction_id="",
    )


def plain(requests: Sequence[Request], *, similar: Sequence[Request] | None, exact: bool) -> dict[str, float]:
    """A baseline: nearest neighbours above 0.95, or the very same question alone.

    Args:
        requests: A stream, or the origins of pairs.
        similar: What is asked for the origins; None for a stream.
        exact: Whether only the very same question hits.
    """
    import numpy as np  # noqa: PLC0415 - heavy: imported on first use

    vectors = np.array([request.vector for request in requests], dtype=np.float32)
    kept: list[int] = [] if similar is None else list(range(len(requests)))
    by_text = {requests[number].text.strip(): number for number in kept}
    tally, stored = Tally(), {requests[number].answer for number in kept}
    memory = np.empty_like(vectors)
    memory[: len(kept)] = vectors[kept]
    for number, request in enumerate(requests if similar is None else similar):
        tally.requests += 1
        tally.answerable += request.answer in stored
        hit = by_text.get(request.text.strip())
        if hit is None and not exact and kept:
            similarity = memory[: len(kept)] @ np.asarray(request.vector, dtype=np.float32)
            best = int(similarity.argmax())
            hit = kept[best] if similarity[best] >= PLAIN_THRESHOLD else None
        if hit is not None:
            tally.hits += 1
            tally.wrong += requests[hit].answer != request.answer
        elif similar is None:
            memory[len(kept)] = vectors[number]
            kept.append(number)
            by_text[request.text.strip()] = number
            stored.add(request.answer)
    return tally.rates()


async def measure(file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run one file."""
    rows = read(file)
    async with stores_and_embedder(options.keep) as (stores, embed):
        benchmark = Benchmark(stores, options.threshold, options.budget, options.shadow_share)
        published = next((row for name, row in PUBLISHED.items() if name in file.name), {})
        similar: list[Request] | None = None
        if isinstance(rows[0], dict):
            requests = await embed([(row["origin"], row["origin"]) for row in rows])
            similar = await embed([(row["similar"], row["origin"]) for row in rows])
            result: dict[str, Any] = dict(await benchmark.pairs(requests, similar))
        else:
            requests = await embed([(row[0], row[1]) for row in rows])
            shuffled = list(requests)
            random.Random(options.shuffle or 0).shuffle(shuffled)  # noqa: S311 - an order, no secret
            if options.shuffle is not None:
                requests = shuffled
            result = dict(await benchmark.stream(requests, options.shuffle or 0))
            if options.shuffle is None:
                result["shuffled"] = await benchmark.stream(shuffled, 0)
                result["shuffled"]["plain_cosine"] = plain(shuffled, similar=None, exact=False)
        result["baselines"] = {
            "exact": plain(requests, similar=similar, exact=True),
            "plain_cosine": plain(requests, similar=similar, exact=False),
            "published": published,
        }
        if options.entries:
            result["look_up"] = await benchmark.timed(requests[:1_000], options.entries)
        return {"stream": file.name, "requests": len(rows), **result}


@asynccontextmanager
async def stores_and_embedder(keep: Path | None) -> AsyncIterator[Any]:
    """The stores in a folder of their own, and what makes requests of texts and ids."""
    with tempfile.TemporaryDirectory(prefix="mcp-stack-benchmark-") as folder:
        settings = load_settings(
            {**os.environ, "MCP_STACK_DATA": folder, "MCP_STACK_CONFIG": folder}, Path(folder)
        ).settings
        stores = Stores(settings)
        models = ModelAdapters(settings, stores)
        embedder = KeptVectors(models.embedder, (keep or Path(folder)) / "vectors.sqlite")

        async def embed(rows: Sequence[tuple[str, str]]) -> list[Request]:
            vectors = await embedder.embed_documents([text for text, _ in rows])
            return [Request(text, answer, vector) for (text, answer), vector in zip(rows, vectors, strict=True)]

        try:
            yield stores, embed
        finally:
            await embedder.close()
            await stop(stores, models)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Hits and errors of the semantic cache.")
    parser.add_argument("--stream", type=Path, help="rows or pairs; both development sets without it")
    parser.add_argument("--budget", type=float, default=0.01, help="wrong answers of all requests; 0: fixed threshold")
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--shadow-share", type=float, default=0.02)
    parser.add_argument("--shuffle", type=int, metavar="SEED")
    parser.add_argument("--entries", type=int, default=0, help="time look-ups among so many entries")
    parser.add_argument("--keep", type=Path, help="folder where vectors are kept for the next run")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    files = [chosen.stream] if chosen.stream else [DATA / "banking77_dev.jsonl.gz", DATA / "gptcache_mock.jsonl.gz"]
    results = [asyncio.run(measure(file, chosen)) for file in files]
    if chosen.json:
        print(json.dumps(results[0] if chosen.stream else {result["stream"]: result for result in results}))
        return
    for result in results:
        print(f"{result['stream']}: {result['requests']} requests")
        rows = {"mcp-stack": result, "shuffled": result.get("shuffled"), **result["baselines"]}
        for name, row in rows.items():
            if row and "hit_rate" in row:
                print(
                    f"  {name:<14} hits {row['hit_rate']:.1%}  wrong {row['error_rate']:.2%}  "
                    f"precision {row['precision']:.1%}  recall {row['recall']:.1%}"
                )
        if "look_up" in result:
            print(f"  a look-up among {result['look_up']['entries']} entries: {result['look_up']['p50_ms']} ms, p50")


if __name__ == "__main__":
    main()
