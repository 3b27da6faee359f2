"""What the hybrid coordinator adds to the model behind it, against the LiteLLM proxy in front of the same stub.

The model is a stub that answers at once. What a path adds is its time less that of the embedding, done before, and
less that of the same model's client asking the stub, measured in turn with it.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import psutil

from mcp_stack import trace
from mcp_stack.aidb.knowledge.search import Search
from mcp_stack.composition.hybrid import HybridParts
from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.hybrid.cache.learning import packed
from mcp_stack.hybrid.cache.semantic import scope_of
from mcp_stack.llm.openai_compatible import OpenAICompatibleChat
from mcp_stack.ports.answer_index import AnsweredQuestion
from mcp_stack.ports.answering import Question
from mcp_stack.ports.chat import Message
from mcp_stack.settings import Settings, load_settings
from mcp_stack.telemetry.events import JsonlEvents

from ..embedding import docstrings
from . import measured
from .litellm_proxy import MODEL, installed, running_litellm
from .stub import ANSWER, stub_model

WARM_UP = 20
SEED = 0
ENTRIES = 20_000
SUBJECTS = 1_000
DIMENSIONS = 384
TTL_SECONDS = 3600.0
KNOWN = "How do I configure the firewall of this machine?"

Timed: TypeAlias = Callable[[], Awaitable[float]]
"""Does something once, and gives the milliseconds that it took."""


@asynccontextmanager
async def _opened(stub: str) -> AsyncIterator[_Asking]:
    """A coordinator whose local model is the stub, on an embedded PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="mcp-stack-latency-") as folder:
        environ = {
            **os.environ,
            "MCP_STACK_DATA": f"{folder}/data",
            "MCP_STACK_CONFIG": folder,
            "MCP_STACK_LLM__LOCAL__URL": stub,
            "MCP_STACK_LLM__LOCAL__MODEL": MODEL,
        }
        settings = load_settings(environ, Path(folder)).settings
        stores = Stores(settings)
        models = ModelAdapters(settings, stores)
        asking = _Asking(settings, stores, models)
        try:
            yield asking
        finally:
            await asking.close()
            await models.close()
            await stores.link.stop()  # type: ignore[union-attr] # it is the embedded one
            await stores.close()


async def coordinator_paths(seconds: float) -> dict[str, dict[str, Any]]:
    """Measure a miss, an exact hit, a hit by meaning among 20,000 questions, and LiteLLM if it is there.

    Args:
        seconds: For each path.

    Returns:
        The figures by path. `ratio_to_floor` is against the same stub asked directly; `overhead_p50_ms` is what the
        path takes beyond that, and for a hit all that it takes.
    """
    with stub_model() as stub:
        async with _opened(stub) as asking:
            direct = _through(stub)
            paths = {"coordinator_miss": await _in_turn(asking.anew, direct, seconds)}
            await asking.once(KNOWN)
            hit = await _in_turn(asking.again, direct, seconds)
            paths["coordinator_exact_hit"] = hit | {"overhead_p50_ms": hit["p50_ms"]}
            await asking.fill(ENTRIES)
            hit = await _in_turn(asking.in_other_words, direct, seconds)
            paths["coordinator_semantic_hit"] = hit | {"overhead_p50_ms": hit["p50_ms"]}
            for path in paths.values():
                path["process_mb"] = _megabytes(os.getpid())
        if installed():
            async with running_litellm(stub) as (proxy, pid):
                paths["litellm_proxy"] = await _in_turn(_through(proxy), _through(stub), seconds)
                paths["litellm_proxy"]["process_mb"] = _megabytes(pid)
    return paths


class _Asking:
    """Asks the coordinator, each question embedded before the clock starts."""

    def __init__(self, settings: Settings, stores: Stores, models: ModelAdapters) -> None:
        self._stores = stores
        self._models = models
        search = Search(stores.documents, stores.vectors, models.embedder)
        events = JsonlEvents(settings.telemetry_folder / "hybrid-events.jsonl", "hybrid-coordinator", enabled=True)
        self._parts = HybridParts(
            settings, stores, models, events=events, retrieval=lambda: search, looking=lambda: search
        )
        self._numbers = itertools.count()
        # Sentences on all that a program can do, so that few are like others.
        self._subjects = docstrings(SUBJECTS)

    async def close(self) -> None:
        """Wait for what is written behind the answers' backs."""
        await self._parts.close()

    async def once(self, query: str) -> tuple[float, str]:
        """Milliseconds, and the route."""
        await self._models.embedder.embed_query(query)
        trace.begin()
        begin = time.perf_counter()
        answer = await self._parts.service.route_query(
            query=query, context={}, prefer_local=True, session_id="", max_cost_usd=0, force_route=""
        )
        return (time.perf_counter() - begin) * 1000, answer.route

    async def fill(self, entries: int) -> None:
        """Put questions with random vectors beside those that were asked."""
        random = np.random.default_rng(SEED)
        scope = scope_of(Question(KNOWN), await self._parts.router.fingerprint())
        for number in range(entries):
            vector = random.standard_normal(DIMENSIONS)
            query, blank = self._question(), f"filler {number}"
            unit = packed((vector / np.linalg.norm(vector)).tolist())
            question = AnsweredQuestion(blank, scope, query, unit, group=number, answer_vector=b"", interaction_id="")
            await self._stores.answer_index.add(question, TTL_SECONDS)

    async def anew(self) -> float:
        """A question that was never asked."""
        return await self._timed(self._question(), "local")

    async def again(self) -> float:
        """The very same question."""
        return await self._timed(KNOWN, "cache")

    async def in_other_words(self) -> float:
        """The same question with so many question marks as never before."""
        return await self._timed(f"{KNOWN}{'?' * (1 + next(self._numbers) % 30)}", "cache")

    def _question(self) -> str:
        number = next(self._numbers)
        return f"{self._subjects[number % len(self._subjects)][:200]} {number}"

    async def _timed(self, query: str, expected: str) -> float:
        elapsed, route = await self.once(query)
        if route != expected:
            raise RuntimeError(f"{query!r} went by the route {route}, not {expected}")
        return elapsed


def _through(address: str) -> Timed:
    """The client of the local model, asking at an address, timed."""
    model = OpenAICompatibleChat(address, MODEL)
    messages = [Message("user", "How do I configure the firewall?")]

    async def ask() -> float:
        begin = time.perf_counter()
        if (await model.complete(messages, 100)).text != ANSWER:
            raise RuntimeError(f"{address} answered something else")
        return (time.perf_counter() - begin) * 1000

    return ask


async def _in_turn(path: Timed, floor: Timed, seconds: float) -> dict[str, Any]:
    for _ in range(WARM_UP):
        await path()
        await floor()
    times, floors = [], []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        times.append(await path())
        floors.append(await floor())
    figures = measured(times, floors)
    return figures | {"overhead_p50_ms": round(figures["p50_ms"] - figures["floor_p50_ms"], 3)}


def _megabytes(pid: int) -> float:
    return round(psutil.Process(pid).memory_info().rss / 1e6, 1)
