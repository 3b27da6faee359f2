"""The jobs of this machine put together: what adds them and what does them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.jobs import Jobs, Schedule
from ..ports.runs import ANYWHERE
from ..settings import LoadedSettings
from ..settings.watching import SettingsWatch
from .stores import Stores

if TYPE_CHECKING:
    from ..file_locks import FileLock
    from ..jobs.worker import Handler, Report, Worker
    from ..storage.postgres.imports import PostgresImports
    from ..storage.postgres.pool import Connection

# Chores at once, beside Ralph's iterations: an import may take one for hours.
CHORES = 4
IMPORT_FOLDER = "aidb.import_folder"


class JobParts:
    """What adds jobs, and the worker that does them.

    Args:
        loaded: The settings, with the environment that the worker shall have.
        stores: Where the queue is.
    """

    def __init__(self, loaded: LoadedSettings, stores: Stores) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._environ = loaded.environ
        self._stores = stores

    @cached_property
    def queue(self) -> str:
        """The queue of this machine's iterations."""
        from ..jobs.app import machine_queue

        return machine_queue(self._settings.data)

    @cached_property
    def chores(self) -> str:
        """The queue of everything else."""
        from ..jobs.app import chores_queue

        return chores_queue(self.queue)

    @cached_property
    def service(self) -> Jobs:
        """Adds chores, and starts the worker."""
        from ..jobs.app import JobAdder
        from ..jobs.launch import DetachedWorker
        from ..jobs.machine import MachineJobs

        worker = DetachedWorker(self._settings.data, self._environ)
        return MachineJobs(worker, JobAdder(), self._stores.database.write, self.chores, self.announce)

    @cached_property
    def imports(self) -> PostgresImports:
        """Imports of folders, each with its job."""
        from ..jobs.app import JobAdder
        from ..storage.postgres.imports import PostgresImports

        adder = JobAdder()

        async def defer(connection: Connection, import_id: str) -> None:
            lock = f"import:{import_id}"
            await adder.add(connection, IMPORT_FOLDER, {"import_id": import_id}, queue=self.chores, lock=lock)

        return PostgresImports(self._stores.database, self.chores, defer)

    def worker(
        self,
        handlers: Mapping[str, Handler],
        schedules: Sequence[Schedule],
        report: Report,
        *,
        on_demand: bool,
        close: Callable[[], Awaitable[None]],
    ) -> Worker:
        """A worker of this machine.

        Args:
            handlers: What does a job, by the job's name.
            schedules: Jobs that are done again and again.
            report: Told of jobs that fail by a bug.
            on_demand: The one that servers start, which ends when nobody needs it; else one that stays.
            close: Closes what the handlers use.
        """
        from ..jobs.worker import Worker

        return Worker(
            self._settings.data,
            conninfo=self._stores.link.conninfo,
            pool=self._stores.database.pool,
            handlers=handlers,
            concurrency={(self.queue, ANYWHERE): self._settings.jobs.concurrency, (self.chores,): CHORES},
            schedules=schedules,
            schedules_queue=self.chores,
            linger_seconds=self._settings.jobs.linger_seconds if on_demand else None,
            report=report,
            outdated=SettingsWatch(self._loaded).changed,
            close=close,
        )

    def announce(self) -> None:
        """Tell the worker that this process may need it, until `close`."""
        _ = self._presence

    async def wait_for_worker_to_end(self, timeout_seconds: float) -> bool:
        """Wait until this machine has no worker.

        Args:
            timeout_seconds: How long at most.

        Returns:
            False if there is one still.
        """
        from ..file_locks import FileLock
        from ..jobs.locks import WORKER_LOCK

        lock = FileLock(self._settings.data / WORKER_LOCK)
        deadline = time.monotonic() + timeout_seconds
        while not lock.try_take():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)  # a lock on a file has no event to wait for
        lock.release()
        return True

    async def close(self) -> None:
        """Tell the worker that this process is gone."""
        presence: FileLock | None = self.__dict__.pop("_presence", None)
        if presence is not None:
            presence.release()

    @cached_property
    def _presence(self) -> FileLock:
        from ..jobs.locks import announce_server

        return announce_server(self._settings.data)
