"""The same work, asked for by several at once, is done once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# Keys whose end is remembered: more than can come between a look into a cache and the work that a miss leads to.
MOST_REMEMBERED = 256


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Future[T]
    waiting: int = 0


class SingleFlight(Generic[T]):
    """Runs one task a key; who asks while it runs waits for its result.

    The task goes on while anybody waits: the one who began it may be cancelled. It is cancelled with the last.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}
        self._ended: OrderedDict[str, float] = OrderedDict()

    def ended_since(self, key: str, start: float) -> bool:
        """Whether work under this key ended after a time, on the clock of `time.perf_counter`."""
        return self._ended.get(key, start) > start

    async def run(self, key: str, work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """The result of the work under this key.

        Args:
            key: Names the work.
            work: Begins it; not called if it is under way.

        Returns:
            The result, and whether somebody else had begun the work.

        Raises:
            BaseException: Whatever the work raises, to all who wait.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(work()))
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), joined
        except asyncio.CancelledError:
            if flight.waiting == 1 and not flight.task.done():
                self._landed(key, flight.task)  # nobody may join what is being cancelled
                flight.task.cancel()
                await asyncio.wait({flight.task})
            raise
        finally:
            flight.waiting -= 1

    def _landed(self, key: str, task: asyncio.Future[T]) -> None:
        if key in self._flights and self._flights[key].task is task:
            del self._flights[key]
        self._ended[key] = time.perf_counter()
        self._ended.move_to_end(key)
        if len(self._ended) > MOST_REMEMBERED:
            self._ended.popitem(last=False)
        if task.done() and not task.cancelled():
            task.exception()  # those who wait raise it; if nobody does any more, it is no news
