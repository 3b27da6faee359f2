"""Learning from calls: what a client searched for, was shown, then called with success, is an example."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from ...errors import UnavailableError
from ...ports.embedder import Embedder, Vector
from ...ports.tool_usage import Bounds, ToolUsage
from .subtasks import request

logger = logging.getLogger(__name__)

SECONDS_TO_CALL = 600.0
BOUNDS = Bounds(of_client=50, of_tool=100, in_all=20_000)


class ToolLearning:
    """Turns successful calls into examples that the ranking learns from.

    A search is written down beside the reply, not before it, and nothing here ever fails a search or a call: an
    example less is no harm.

    Args:
        usage: Where examples are kept.
        embedder: Embeds the searches.
    """

    def __init__(self, usage: ToolUsage, embedder: Embedder) -> None:
        self._usage = usage
        self._embedder = embedder
        self._writing: set[asyncio.Task[None]] = set()

    def discovered(self, client: str, query: str, tools: Sequence[str]) -> None:
        """A client searched and was shown tools.

        Args:
            client: Who searched.
            query: For what; an empty one, and the very name of a tool, teach nothing.
            tools: What was shown, as `server.tool`.
        """
        if query and tools and query not in tools:
            self._write(self._add_discovery(client, query, tools))

    async def succeeded(self, client: str, tool: str) -> None:
        """A client called a tool, and it succeeded.

        Args:
            client: Who called.
            tool: What, as `server.tool`.
        """
        await self.settled()
        try:
            await self._usage.add_success(client, tool, within_seconds=SECONDS_TO_CALL, bounds=BOUNDS)
        except UnavailableError as error:
            logger.warning("nothing is learned from a call of %s: %s", tool, error)

    async def settled(self) -> None:
        """Wait until every search is written down."""
        if self._writing:
            await asyncio.wait(self._writing)

    def _write(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._writing.add(task)  # the loop alone does not keep a task alive
        task.add_done_callback(self._writing.discard)

    async def _add_discovery(self, client: str, query: str, tools: Sequence[str]) -> None:
        try:
            whole = request(query).whole  # as the ranking asks for it: the same words, and a vector that is cached
            model, vector = await self._embedded(whole)
            await self._usage.add_discovery(client, whole, model, vector, tools)
        except UnavailableError as error:
            logger.warning("a search for tools is not written down: %s", error)

    async def _embedded(self, query: str) -> tuple[str, Vector]:
        try:
            return self._embedder.model, await self._embedder.embed_query(query)
        except UnavailableError:
            return "", []
