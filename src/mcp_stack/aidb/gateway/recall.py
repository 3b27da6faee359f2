"""The examples of all processes, followed as they change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...ports.tool_usage import ToolExample, ToolUsage
from .learning import BOUNDS

if TYPE_CHECKING:
    from .memory import Matrix, Memory

# Numbers are given before a transaction ends, so one may be seen a little after a greater one.
OVERLAP = 100
# Building costs at most a twentieth of the time.
REST = 20.0
# A build that takes longer is not waited for.
SECONDS_WAITED = 0.02


class Recall:
    """Keeps a copy of the examples, and makes a memory of them.

    Args:
        usage: Where they are.
        clock: Seconds that only grow.
    """

    def __init__(self, usage: ToolUsage, clock: Callable[[], float] = time.monotonic) -> None:
        self._usage = usage
        self._clock = clock
        self._examples: dict[tuple[str, str], ToolExample] = {}
        self._model = ""
        self._read = 0
        self._changed = 0
        self._built = -1
        self._rests_until = float("-inf")
        self._seconds = 0.0

    async def refresh(self, model: str) -> None:
        """Read what is new.

        Args:
            model: The embedding model; examples of another one are not comparable.

        Raises:
            UnavailableError: The store is down.
        """
        revision = await self._usage.revision()
        if revision == self._read and model == self._model:
            return
        if model != self._model:
            self._examples, self._model, self._read = {}, model, 0
        after = max(0, self._read - OVERLAP)
        fresh = await self._usage.examples(model, after=after, limit=BOUNDS.in_all)
        if len(self._examples) + len(fresh) > 2 * BOUNDS.in_all:
            # Forgotten ones pile up here: begin anew.
            fresh, self._examples = await self._usage.examples(model, after=0, limit=BOUNDS.in_all), {}
        for example in reversed(fresh):
            self._examples[example.tool, example.query] = example
        self._read = revision
        self._changed += 1

    @property
    def behind(self) -> bool:
        """Whether something changed since a memory was built."""
        return self._built != self._changed

    @property
    def due(self) -> bool:
        """Whether a memory should be built now: something changed, and building has rested long enough."""
        return self.behind and self._clock() >= self._rests_until

    @property
    def quick(self) -> bool:
        """Whether building is over so soon that it may be waited for."""
        return self._seconds <= SECONDS_WAITED

    async def memory(self, tools: Mapping[str, int], descriptions: Matrix) -> Memory | None:
        """What was learned of these tools, built in a thread; None if nothing was.

        Args:
            tools: The number of each name.
            descriptions: A vector of each, a row each.
        """
        changed, examples = self._changed, list(self._examples.values())
        began = self._clock()
        memory = await asyncio.to_thread(_built, examples, tools, descriptions)
        self._seconds = self._clock() - began
        self._built, self._rests_until = changed, self._clock() + REST * self._seconds
        return memory


def _built(examples: Sequence[ToolExample], tools: Mapping[str, int], descriptions: Matrix) -> Memory | None:
    import numpy as np  # noqa: PLC0415 - heavy: imported on first use

    from .memory import Learned, Memory  # noqa: PLC0415 - heavy: imported on first use

    size = 4 * descriptions.shape[1]
    learned = [
        Learned(tools[each.tool], each.query, np.frombuffer(each.vector, "<f4"), each.clients)
        for each in examples
        if each.tool in tools and len(each.vector) == size
    ]
    return Memory(learned, descriptions) if learned else None
