"""One dedicated thread for one model, its results handed to the event loop.

A llama context is not thread-safe, and every thread that ever ran one keeps a pool of OpenMP workers, so
`asyncio.to_thread` is out of the question.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..errors import UnavailableError
from .turns import Turns

T = TypeVar("T")


class Interrupt(Protocol):
    """Stops native work in mid-flight."""

    def set(self) -> None:
        """Stop what runs."""
        ...

    def clear(self) -> None:
        """Let the next call run."""
        ...


@dataclass(frozen=True, slots=True)
class _End:
    """The last item of a job: it succeeded, or failed with an error."""

    error: BaseException | None = None


class _Job(Generic[T]):
    """Work for the thread, and the queue that its items go to, in the event loop that asked for it."""

    def __init__(self, work: Callable[[], Generator[T, None, None]], client: str) -> None:
        self.work = work
        self.client = client
        self.dropped = False
        self.items: asyncio.Queue[T | _End] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def hand_over(self, item: T | _End) -> None:
        try:
            self._loop.call_soon_threadsafe(self.items.put_nowait, item)
        except RuntimeError:  # the event loop is closed: nobody waits any more
            self.dropped = True


class ModelThread:
    """Runs generators one after the other in one daemon thread started by the first; clients take turns.

    Args:
        name: Of the thread, as debuggers show it.
        interrupt: Stops the native call that the thread is in.
        last: Runs in the thread at its very end, to free the model where it was used.
    """

    def __init__(self, name: str, interrupt: Interrupt, last: Callable[[], None]) -> None:
        self._name = name
        self._interrupt = interrupt
        self._last = last
        self._jobs: Turns[_Job[Any]] = Turns()
        self._lock = threading.Lock()
        self._wanted = threading.Condition(self._lock)
        self._running: _Job[Any] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._progress = 0
        self._ended: Future[None] = Future()

    @property
    def unfinished(self) -> int:
        """Jobs that run or wait."""
        with self._lock:
            return len(self._jobs) + (self._running is not None)

    @property
    def progress(self) -> int:
        """Grows with every item of any job, and with every job that begins or ends."""
        return self._progress

    async def stream(self, work: Callable[[], Generator[T, None, None]], client: str = "") -> AsyncGenerator[T, None]:
        """Run a generator in the thread and yield its items here.

        Closing this stream, or cancelling who reads it, interrupts the work at once; the generator is closed in its
        own thread.

        Args:
            work: Makes the generator; called in the thread.
            client: Whose turn it takes.

        Raises:
            UnavailableError: The thread is closed; otherwise what the generator raises.
        """
        job = _Job(work, client)
        self._submit(job)
        try:
            while not isinstance(item := await job.items.get(), _End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            self._drop(job)

    async def close(self) -> None:
        """Interrupt what runs, fail what waits, and wait until the thread has ended."""
        self._stop()
        await asyncio.shield(asyncio.wrap_future(self._ended))

    def _submit(self, job: _Job[Any]) -> None:
        with self._lock:
            if self._closed:
                raise self._closed_error()
            self._jobs.add(job.client, job)
            self._wanted.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
                atexit.register(self._stop_at_exit)

    def _drop(self, job: _Job[Any]) -> None:
        with self._lock:
            job.dropped = True
            self._jobs.remove(job.client, job)
            if self._running is job:
                self._interrupt.set()

    def _stop(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._interrupt.set()
            self._wanted.notify()
            if self._thread is None:
                self._ended.set_result(None)

    def _stop_at_exit(self) -> None:
        """Native code still running while the interpreter takes itself apart would crash the process."""
        self._stop()
        with contextlib.suppress(TimeoutError):
            self._ended.result(timeout=5)

    def _serve(self) -> None:
        while (job := self._begin()) is not None:
            error = self._run(job)
            self._finish()
            job.hand_over(_End(error))
        try:
            self._last()
        finally:
            atexit.unregister(self._stop_at_exit)
            self._ended.set_result(None)

    def _begin(self) -> _Job[Any] | None:
        """Wait for a job; None once the thread is closed, which fails those that wait."""
        with self._lock:
            while not (self._closed or self._jobs):
                self._wanted.wait()
            while self._closed and self._jobs:
                self._jobs.next().hand_over(_End(self._closed_error()))
            self._running = None if self._closed else self._jobs.next()
            self._progress += 1
            return self._running

    def _run(self, job: _Job[Any]) -> BaseException | None:
        """Why the job failed, or None."""
        try:
            with contextlib.closing(job.work()) as items:
                for item in items:
                    if job.dropped or self._closed:
                        return self._closed_error()
                    self._progress += 1
                    job.hand_over(item)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            return self._closed_error() if self._closed else error
        return None

    def _finish(self) -> None:
        with self._lock:
            self._running = None
            self._progress += 1
            if not self._closed:
                self._interrupt.clear()

    def _closed_error(self) -> UnavailableError:
        return UnavailableError(f"{self._name} is closed", "the server is stopping; ask again once it is back")
