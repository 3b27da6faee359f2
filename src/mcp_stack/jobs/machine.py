"""The jobs of this machine, as services see them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from ..ports.jobs import Argument
from .app import JobAdder
from .launch import DetachedWorker

if TYPE_CHECKING:
    from psycopg import AsyncConnection


class MachineJobs:
    """The port `Jobs`.

    Args:
        worker: Starts the worker.
        adder: Adds jobs.
        write: A connection in a transaction that commits at the end.
        queue: Where the jobs go.
        announce: Tells the worker that this process may need it; called before the worker is started.
    """

    def __init__(
        self,
        worker: DetachedWorker,
        adder: JobAdder,
        write: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]],
        queue: str,
        announce: Callable[[], object],
    ) -> None:
        self._worker = worker
        self._adder = adder
        self._write = write
        self._queue = queue
        self._announce = announce

    async def ensure_worker(self) -> None:
        """See `Jobs.ensure_worker`."""
        self._announce()
        await self._worker.ensure_worker()

    async def defer(self, job: str, *, lock: str = "", **arguments: Argument) -> None:
        """See `Jobs.defer`."""
        await self.ensure_worker()
        async with self._write() as connection:
            await self._adder.add(connection, job, arguments, queue=self._queue, lock=lock)
