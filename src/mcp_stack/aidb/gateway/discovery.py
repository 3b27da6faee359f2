"""Which tool fits a need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...ports.embedder import Embedder
from ...ports.tool_usage import ToolUsage
from ...ports.tool_vectors import ToolVectors
from ...ports.tools import KnownTool, Tools
from .embedding import Embedded, ToolEmbeddings
from .models import DiscoveryResult
from .recall import Recall
from .subtasks import request
from .tokens import listed_tokens, summary, tokens

if TYPE_CHECKING:
    from .memory import Matrix
    from .ranking import Asked, Ranker

# After a failure to embed the tools.
SECONDS_BETWEEN_TRIES = 30.0
NAMES_IN_A_NOTE = 20


@dataclass(frozen=True, slots=True)
class _Known:
    """The tools as they were at one moment, ready to be searched.

    Attributes:
        read_at: When; seconds that only grow.
        tools: By name.
        numbers: The place of each name.
        listed: Tokens of the full listing of all.
        problem: Why they are ranked by words only; empty if they are not.
    """

    revision: int
    read_at: float
    tools: list[KnownTool]
    numbers: dict[str, int]
    listed: int
    embedded: Embedded
    problem: str
    ranker: Ranker


class ToolIndex:
    """The known tools in memory, ranked by meaning and words and by what was called before.

    It follows the registry and the record of calls: before each search it asks both whether anything changed, and reads
    only then.

    Args:
        tools: The registry.
        embedder: Without one, tools are ranked by words.
        vectors: Where the tools' embeddings are kept.
        usage: The record of calls.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        tools: Tools,
        embedder: Embedder,
        vectors: ToolVectors,
        usage: ToolUsage,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tools = tools
        self._clock = clock
        self._embedder = embedder
        self._embeddings = ToolEmbeddings(vectors, embedder)
        self._recall = Recall(usage)
        self._known: _Known | None = None
        self._reading = asyncio.Lock()
        self._remembering: asyncio.Task[None] | None = None

    async def discover(
        self, query: str, *, server: str = "", category: str = "", limit: int = 5, with_schema: bool = False
    ) -> DiscoveryResult:
        """The tools that fit best, or the first ones by name if nothing is asked.

        Args:
            query: What is to be done, in words; it may be several things. The name of a tool, `server.tool`, finds
                that one alone.
            server: Only tools of this server.
            category: Only tools of this category.
            limit: Most tools to return.
            with_schema: Give each tool's input schema.

        Raises:
            UnavailableError: The registry's database is down.
        """
        notes: list[str] = []
        if query:
            known, asked = await asyncio.gather(self._current(), self._asked(query, notes))
        else:
            known, asked = await self._current(), []
        chosen: Sequence[int] = range(len(known.tools))
        if server or category:
            chosen = [
                number
                for number, tool in enumerate(known.tools)
                if server in ("", tool.server) and category in ("", tool.category)
            ]
            if not chosen:
                notes.append(_nothing_there(known.tools, server, category))
        named = known.numbers.get(query)
        if named is not None and named in chosen:
            best = [(named, 1.0)]
        elif asked:
            if known.problem and not notes:
                notes.append(known.problem)
            best = known.ranker.best(asked[0], asked[1:], chosen, limit)
        else:
            best = [(number, 0.0) for number in chosen[:limit]]
        found = [summary(known.tools[number], score, with_schema=with_schema) for number, score in best]
        reply = sum(tokens(each.model_dump_json()) for each in found)
        return DiscoveryResult(
            tools=found, total=len(known.tools), tokens_saved=max(0, known.listed - reply), notes=notes
        )

    async def settled(self) -> None:
        """Wait until everything that was learned by now is part of the ranking.

        Raises:
            UnavailableError: The registry's database is down.
        """
        known = await self._current()
        if self._recall.behind:
            await self._remember(known)

    async def close(self) -> None:
        """Stop what goes on in the background."""
        if self._remembering is not None:
            await asyncio.wait([self._remembering])
        await self._embeddings.close()

    async def _asked(self, query: str, notes: list[str]) -> list[Asked]:
        """The request and its sub-tasks, embedded together."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        from .ranking import Asked  # noqa: PLC0415 - heavy: imported on first use

        wanted = request(query)
        vectors: list[Matrix | None]
        try:
            if wanted.parts:
                whole, parts = await asyncio.gather(
                    self._embedder.embed_query(wanted.whole), self._embedder.embed_documents(wanted.parts)
                )
                vectors = [np.array(vector, np.float32) for vector in (whole, *parts)]
            else:
                vectors = [np.array(await self._embedder.embed_query(wanted.whole), np.float32)]
        except UnavailableError as error:
            notes.append(f"ranked by words only: {error.problem}; {error.remedy}")
            vectors = [None] * (1 + len(wanted.parts))
        return [Asked(text, vector) for text, vector in zip((wanted.whole, *wanted.parts), vectors, strict=True)]

    async def _current(self) -> _Known:
        """The tools as they are now."""
        revision, _ = await asyncio.gather(self._tools.revision(), self._recall.refresh(self._embedder.model))
        known = self._known
        if known is None or self._outdated(known, revision):
            async with self._reading:
                known = self._known
                if known is None or self._outdated(known, revision):
                    known = self._known = await self._read(revision)
        elif self._recall.due and (self._remembering is None or self._remembering.done()):
            self._remembering = asyncio.create_task(self._remember(known))
            if self._recall.quick:
                await self._remembering
                known = self._known or known
        return known

    def _outdated(self, known: _Known, revision: int) -> bool:
        if known.revision != revision or known.embedded.version != self._embeddings.version:
            return True
        return bool(known.problem) and self._clock() >= known.read_at + SECONDS_BETWEEN_TRIES

    async def _read(self, revision: int) -> _Known:
        from .ranking import Ranker  # noqa: PLC0415 - heavy: imported on first use

        tools = sorted(await self._tools.all(), key=lambda tool: tool.name)
        numbers = {tool.name: number for number, tool in enumerate(tools)}
        problem = ""
        try:
            embedded = await self._embeddings.of(tools)
            if embedded.missing:
                problem = f"{embedded.missing} tools are ranked by their words until they are embedded"
        except UnavailableError as error:
            embedded = Embedded(None, len(tools), self._embeddings.version)
            problem = f"ranked by words only: {error.problem}; {error.remedy}"
        memory = None if embedded.matrix is None else await self._recall.memory(numbers, embedded.matrix)
        ranker = await asyncio.to_thread(Ranker, tools, embedded.matrix, memory)
        listed = sum(map(listed_tokens, tools))
        return _Known(revision, self._clock(), tools, numbers, listed, embedded, problem, ranker)

    async def _remember(self, known: _Known) -> None:
        """The same tools with what was learned since."""
        if known.embedded.matrix is not None:
            memory = await self._recall.memory(known.numbers, known.embedded.matrix)
            if self._known is known:
                self._known = replace(known, ranker=known.ranker.with_memory(memory))


def _nothing_there(tools: Sequence[KnownTool], server: str, category: str) -> str:
    """Why a filter leaves no tool: which servers and categories there are."""
    servers = sorted({tool.server for tool in tools})
    if server and server not in servers:
        return f"no tool of a server {server[:80]!r} is known; servers: {_some(servers)}"
    of_server = sorted({tool.category for tool in tools if server in ("", tool.server)})
    return f"no tool has the category {category[:80]!r}; categories: {_some(of_server)}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_IN_A_NOTE])
    return f"{shown} and {len(names) - NAMES_IN_A_NOTE} more" if len(names) > NAMES_IN_A_NOTE else shown or "none"
