"""Who is at work on a task's files: a lock that the kernel drops however the worker ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..file_locks import FileLock

POLL_SECONDS = 0.02


class Holding:
    """Locks, one a task, on this machine.

    Args:
        folder: Where their files are, made if absent; outside of what agents can write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def at_work(self, task_id: str) -> AsyncIterator[None]:
        """Hold the task's files while an iteration is done. Waits for whoever has them alone.

        Raises:
            OSError: The lock file cannot be opened.
        """
        lock = FileLock(await self._file(task_id))
        while not lock.try_take(shared=True):  # noqa: ASYNC110 - a lock on a file has no event to wait for
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            lock.release()

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
        while not (taken := lock.try_take()) and time.monotonic() < deadline:  # noqa: ASYNC110 - as above
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield taken
        finally:
            lock.release()

    async def _file(self, task_id: str) -> Path:
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{task_id}.lock"
