"""Whether `discover_tools` finds the tools that a task needs, and what that costs a client in tokens.

    python -m benchmarks.tools --tools F --tasks F [--logged N] [--json]

The tools are written to the registry of an embedded PostgreSQL, embedded, and searched by the product's own index.
With `--logged N`, N of the tasks, in an order that is always the same, are first logged as searches that led to calls
that succeeded, each by one of twenty clients; the others are then measured.

A needed tool counts as found where a tool of its name is, of whatever server. One that is not among the tools at all
cannot be found by anybody and is left out; so is a task of which no tool is left.

Baselines in the same table: FastMCP's BM25 search (its published algorithm: Okapi BM25, k1 = 1.5, b = 0.75, over name,
description and parameters) and the plain similarity of all-MiniLM-L6-v2 to name and description.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import re
import statistics
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

from mcp_stack.aidb.gateway.discovery import ToolIndex
from mcp_stack.aidb.gateway.learning import ToolLearning
from mcp_stack.aidb.gateway.registry import Registry
from mcp_stack.aidb.gateway.tokens import listed_tokens, tokens
from mcp_stack.aidb.server import build_server
from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.ports.embedder import Embedder
from mcp_stack.ports.tools import KnownTool, Offer
from mcp_stack.settings import load_settings

from . import tool_sets
from .tool_sets import Task

CLIENTS = 20
SEED = 0
DEPTH = 10
META_TOOLS = ("discover_tools", "call_tool", "list_servers")
DATA = Path(__file__).parents[2] / "shared" / "data" / "tools"

Search: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the names of the best tools, at their servers, the best first."""


async def measure(tools: Sequence[KnownTool], tasks: Sequence[Task], logged: int) -> dict[str, Any]:
    """Rank the tools for each task by the product and by the baselines.

    Args:
        tools: The catalogue.
        tasks: What is asked.
        logged: How many tasks are logged as calls before.
    """
    names = {tool.tool for tool in tools}
    answerable = [Task(task.query, tuple(name for name in task.tools if name in names)) for task in tasks]
    answerable = [task for task in answerable if task.tools]
    if logged:
        random.Random(SEED).shuffle(answerable)  # noqa: S311 - an order, no secret
    log, asked = answerable[:logged], answerable[logged:]
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-stack-benchmark-"))
        settings = load_settings(
            {**os.environ, "MCP_STACK_DATA": folder, "MCP_STACK_CONFIG": folder}, Path(folder)
        ).settings
        stores = Stores(settings)
        models = ModelAdapters(settings, stores)
        stack.push_async_callback(stop, stores, models)
        index = await index_of(tools, stores, models.embedder)
        stack.push_async_callback(index.close)
        await _log(log, tools, ToolLearning(stores.tool_usage, models.embedder), index)
        times: list[float] = []

        async def ours(query: str) -> Sequence[str]:
            began = time.perf_counter()
            found = await index.discover(query, limit=DEPTH)
            times.append((time.perf_counter() - began) * 1000)
            return [each.name.partition(".")[2] for each in found.tools]

        result: dict[str, Any] = dict(await _quality(ours, asked))
        cost = await _cost(index, tools, asked)
        return {
            **result,
            "tokens_per_discovery": cost["total"],
            "baselines": {
                "fastmcp_bm25": await _quality(_fastmcp_bm25(tools), asked),
                "minilm": await _quality(await _minilm(tools, models.embedder), asked),
            },
            "tokens": cost,
            "p50_ms": round(statistics.median(times), 2),
            "tools": len(tools),
            "tasks": len(asked),
            "tasks_without_a_listed_tool": len(tasks) - len(answerable),
            "logged": len(log),
        }


async def index_of(tools: Sequence[KnownTool], stores: Stores, embedder: Embedder) -> ToolIndex:
    """The product's index over these tools, all embedded."""
    by_server: dict[str, list[Offer]] = {}
    for tool in tools:
        by_server.setdefault(tool.server, []).append(Offer(tool))
    for server, offers in by_server.items():
        await stores.tools.record(server, offers)
    registry = Registry(stores.tools, {}, status=lambda _: "known", state=lambda: 0, removed_after_seconds=math.inf)
    index = ToolIndex(registry, embedder, stores.tool_vectors, stores.tool_usage)
    # It embeds in the background, and says so in the notes.
    while (await index.discover("warm up", limit=1)).notes:  # noqa: ASYNC110 - what a client would do
        await asyncio.sleep(0.5)
    return index


async def _log(log: Sequence[Task], tools: Sequence[KnownTool], learning: ToolLearning, index: ToolIndex) -> None:
    full = {tool.tool: tool.name for tool in tools}
    for number, task in enumerate(log):
        client = f"client {number % CLIENTS}"
        learning.discovered(client, task.query, [full[name] for name in task.tools])
        for name in task.tools:
            await learning.succeeded(client, full[name])
    await index.settled()


async def _quality(search: Search, tasks: Sequence[Task]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for task in tasks:
        found = list(dict.fromkeys(await search(task.query)))[:DEPTH]
        needed = set(task.tools)
        for depth in (1, 5, 10):
            sums[f"recall@{depth}"] += len(needed & set(found[:depth])) / len(needed)
        gains = sum(1 / math.log2(rank + 2) for rank, name in enumerate(found[:5]) if name in needed)
        sums["ndcg@5"] += gains / sum(1 / math.log2(rank + 2) for rank in range(min(5, len(needed))))
    return {name: round(sums[name] / len(tasks), 4) for name in ("recall@1", "recall@5", "recall@10", "ndcg@5")}


async def _cost(index: ToolIndex, tools: Sequence[KnownTool], tasks: Sequence[Task]) -> dict[str, float]:
    """Tokens that a client's model reads: definitions of the meta tools, summaries of five tools, the schema of one.

    `schema_reply` is the whole reply to the question for that schema, which names and sums up the tool once more.
    """

    async def no_services() -> Any:
        raise NotImplementedError

    listed = {tool.name: tool for tool in await build_server(no_services).list_tools()}
    definitions = [
        {"name": name, "description": listed[name].description, "inputSchema": listed[name].input_schema}
        for name in META_TOOLS
    ]
    meta = sum(tokens(_compact(definition)) for definition in definitions)
    summaries, schemas, replies = [], [], []
    for task in tasks[:: max(1, len(tasks) // 200)]:
        found = await index.discover(task.query)
        summaries.append(tokens(_compact(found.model_dump(mode="json"))))
        one = await index.discover(found.tools[0].name, with_schema=True)
        schemas.append(tokens(_compact(one.tools[0].input_schema)))
        replies.append(tokens(_compact(one.model_dump(mode="json"))))
    return {
        "total": round(meta + statistics.fmean(summaries) + statistics.fmean(schemas)),
        "meta_tools": meta,
        "five_summaries": round(statistics.fmean(summaries)),
        "one_schema": round(statistics.fmean(schemas)),
        "schema_reply": round(statistics.fmean(replies)),
        "full_listing": sum(map(listed_tokens, tools)),
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fastmcp_bm25(tools: Sequence[KnownTool]) -> Search:
    documents = [Counter(_fastmcp_words(_fastmcp_text(tool))) for tool in tools]
    mean_length = statistics.fmean(document.total() for document in documents)
    holders = Counter(word for document in documents for word in document)

    async def search(query: str) -> Sequence[str]:
        scores = [0.0] * len(tools)
        for word in _fastmcp_words(query):
            rarity = math.log((len(tools) - holders[word] + 0.5) / (holders[word] + 0.5) + 1)
            for number, document in enumerate(documents):
                if count := document[word]:
                    scores[number] += (
                        rarity * count * 2.5 / (count + 1.5 * (0.25 + 0.75 * document.total() / mean_length))
                    )
        ranked = sorted(range(len(tools)), key=scores.__getitem__, reverse=True)
        return [tools[number].tool for number in ranked[:DEPTH] if scores[number] > 0]

    return search


def _fastmcp_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]{2,}", unicodedata.normalize("NFKC", text).casefold())


def _fastmcp_text(tool: KnownTool) -> str:
    parts = [tool.tool, tool.description]
    for name, details in (tool.input_schema.get("properties") or {}).items():
        parts += [name, str(details.get("description", "")) if isinstance(details, dict) else ""]
    return " ".join(parts)


async def _minilm(tools: Sequence[KnownTool], embedder: Embedder) -> Search:
    import numpy as np  # noqa: PLC0415 - heavy: imported on first use

    matrix = np.array(await embedder.embed_documents([f"{tool.tool}: {tool.description}" for tool in tools]))

    async def search(query: str) -> Sequence[str]:
        similarity = matrix @ np.array(await embedder.embed_query(query))
        return [tools[number].tool for number in np.argsort(-similarity, kind="stable")[:DEPTH]]

    return search


async def stop(stores: Stores, models: ModelAdapters) -> None:
    """Free the models, and stop the database."""
    await models.close()
    database = stores.link
    await stores.close()
    await database.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Quality and cost of the search for tools.")
    parser.add_argument("--tools", type=Path, default=DATA / "livemcpbench_tools.json.gz")
    parser.add_argument("--tasks", type=Path, default=DATA / "livemcpbench_tasks_dev.json.gz")
    parser.add_argument("--logged", type=int, default=0, help="tasks that are logged as calls that succeeded, before")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = asyncio.run(measure(tool_sets.tools(chosen.tools), tool_sets.tasks(chosen.tasks), chosen.logged))
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"{result['tasks']} tasks, {result['tools']} tools, {result['logged']} calls logged before")
    print(f"{'':<14} {'recall@1':>9} {'recall@5':>9} {'recall@10':>10} {'ndcg@5':>7}")
    for name, row in {"mcp-stack": result, **result["baselines"]}.items():
        recalls = f"{row['recall@1']:>9.3f} {row['recall@5']:>9.3f} {row['recall@10']:>10.3f}"
        print(f"{name:<14} {recalls} {row['ndcg@5']:>7.3f}")
    cost = result["tokens"]
    print(
        f"{cost['total']} tokens a discovery: {cost['meta_tools']} for the meta tools, {cost['five_summaries']} for "
        f"five summaries, {cost['one_schema']} for a schema; listing everything: {cost['full_listing']}"
    )
    print(f"{result['p50_ms']} ms a search, p50, embedding included")


if __name__ == "__main__":
    main()
