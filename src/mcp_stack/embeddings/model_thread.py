"""One dedicated thread per model context.

A context is not thread-safe, and each thread that has computed may keep a pool of OpenMP workers, so
`asyncio.to_thread`, which picks any thread of its pool, is out of the question.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from typing import Any, Generic, TypeAlias, TypeVar

from ..errors import UnavailableError

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Work that yields wherever others may go first or it may be dropped, and returns its result."""


class ModelThread:
    """Runs work in one daemon thread, started by the first call.

    Works take turns, one step each, so a short one waits for a step of a long one and never for the whole. A caller
    that is cancelled has its work dropped at the next step.

    Args:
        name: Of the thread, as debuggers show it.
        release: Runs last in the thread, to free the model where it was used.
    """

    def __init__(self, name: str, release: Callable[[], None]) -> None:
        self._name = name
        self._release = release
        self._changed = threading.Condition()
        self._waiting: deque[_Work[Any]] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._ended: Future[None] = Future()

    async def call(self, function: Callable[[], T]) -> T:
        """Run a short function.

        Raises:
            UnavailableError: The thread is closed; otherwise what the function raises.
        """
        return await self.run(_one_step(function))

    async def run(self, steps: Steps[T]) -> T:
        """Run a generator to its end.

        Raises:
            UnavailableError: The thread is closed; otherwise what the generator raises.
        """
        work = _Work(steps)
        with self._changed:
            if self._closed:
                raise self._closed_error()
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.append(work)
            self._changed.notify()
        return await asyncio.wrap_future(work.future)

    async def close(self) -> None:
        """End the thread after its current step; calls that still wait fail with UnavailableError."""
        with self._changed:
            if not self._closed and self._thread is None:
                self._ended.set_result(None)
            self._closed = True
            self._changed.notify()
        await asyncio.shield(asyncio.wrap_future(self._ended))

    def _loop(self) -> None:
        while (work := self._next()) is not None:
            if not work.step():
                self._waiting.append(work)
            del work  # an idle thread keeps no texts and no results alive
        for abandoned in self._waiting:
            abandoned.fail(self._closed_error())
        try:
            self._release()
        finally:
            self._ended.set_result(None)

    def _next(self) -> _Work[Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return None if self._closed else self._waiting.popleft()

    def _closed_error(self) -> UnavailableError:
        return UnavailableError(f"{self._name} is closed", "the server is shutting down: try again when it is back")


class _Work(Generic[T]):
    """Steps and the future of their result."""

    def __init__(self, steps: Steps[T]) -> None:
        self.future: Future[T] = Future()
        self._steps = steps

    def step(self) -> bool:
        """Run one step; True if there is nothing left to do."""
        if self.future.cancelled():
            self._steps.close()
            return True
        try:
            next(self._steps)
        except StopIteration as end:
            with contextlib.suppress(InvalidStateError):  # cancelled during the step
                self.future.set_result(end.value)
        except BaseException as error:  # noqa: BLE001 - the caller's to handle: the thread lives on
            self.fail(error)
        else:
            return False
        return True

    def fail(self, error: BaseException) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)


def _one_step(function: Callable[[], T]) -> Steps[T]:
    yield from ()
    return function()
