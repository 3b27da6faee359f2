"""Who is at work on a task's files: a lock that the kernel drops when the worker has ended, and all that it started."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path

from ..errors import UnavailableError
from ..file_locks import FileLock

POLL_SECONDS = 0.02
# A worker that lost its job lets go within seconds, or is suspended.
SECONDS_TO_WAIT = 30.0

_held: ContextVar[tuple[int, ...]] = ContextVar("held", default=())


def held() -> tuple[int, ...]:
    """Descriptors that every program which touches a task's files is to inherit.

    So the lock outlives a worker that is killed until its git and the guards of its agents have ended too: whoever goes
    on with the task never meets them.
    """
    return _held.get()


class Holding:
    """Locks, one a task, on this machine.

    Args:
        folder: Where their files are, made if absent; outside of what agents can write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def at_work(self, task_id: str) -> AsyncIterator[None]:
        """Hold the task's files while an iteration is done.

        A worker that lost its connection, and its job with it, still ends its agent while another one begins.

        Raises:
            UnavailableError: Somebody else does not let go.
            OSError: The lock file cannot be opened.
        """
        async with self.alone(task_id, SECONDS_TO_WAIT) as is_alone:
            if not is_alone:
                raise UnavailableError(f"another worker does not let go of task {task_id}", "end that worker")
            yield

    @asynccontextmanager
    async def alone(self, task_id: str, timeout_seconds: float) -> AsyncIterator[bool]:
        """Wait until nobody is at work on a task's files, then keep others away.

        Args:
            task_id: The task.
            timeout_seconds: How long to wait.

        Yields:
            False if somebody is at work still.

        Raises:
            OSError: The lock file cannot be opened.
        """
        lock = FileLock(await self._file(task_id))
        deadline = time.monotonic() + timeout_seconds
        while not (taken := lock.try_take()) and time.monotonic() < deadline:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(POLL_SECONDS)
        token = _held.set((lock.descriptor,) if lock.descriptor is not None else ())
        try:
            yield taken
        finally:
            _held.reset(token)
            lock.release()

    async def _file(self, task_id: str) -> Path:
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{task_id}.lock"
