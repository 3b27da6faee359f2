"""Workers: the one of a machine, which does jobs until nobody needs it any more, and any number beside it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..errors import StackError
from ..file_locks import FileLock
from ..ports.jobs import Schedule
from .liveness import Lease
from .locks import SERVERS_LOCK, WORKER_LOCK
from .scheduler import Scheduler

if TYPE_CHECKING:
    from procrastinate import App
    from psycopg_pool import AsyncConnectionPool

logger = logging.getLogger(__name__)

Handler: TypeAlias = Callable[..., Awaitable[None]]
Why: TypeAlias = Literal["told", "unneeded", "outdated"]
Report: TypeAlias = Callable[[str, str, Exception], Awaitable[None]]
"""Told of a bug: the job, the incident's id, and the exception; never raises."""

# A launcher that looks whether the lock is free holds it for a moment.
SECONDS_TO_GET_THE_LOCK = 2.0
SECONDS_BETWEEN_LOOKS_FOR_SERVERS = 1.0
LONGEST_PAUSE_BETWEEN_RESTARTS = 5.0
# The agents die with this process, so nothing is lost by ending it hard.
SECONDS_TO_END = 2.5


async def _nothing() -> None:
    """There is nothing to close."""


class Worker:
    """Does the jobs of a machine's queues through restarts of PostgreSQL.

    There is one on demand on each machine, and there may be more that somebody started to work until they are told to
    end. Jobs are taken by one of them each; what comes round by the clock is done once over all of them.

    Args:
        data: The data folder; its locks make the worker the only one.
        conninfo: Gives the connection string of a running server; awaited again after every failure.
        pool: Gives the open pool.
        handlers: What does a job, by the job's name; called with the job's arguments. A handler that is cancelled or
            raises is called again later, here or elsewhere.
        concurrency: Most jobs at once, by the queues that they are taken from.
        schedules: Jobs that are done again and again.
        schedules_queue: Where those go when they are due.
        linger_seconds: How long to stay after the last server has gone and the last job is done; None for a further
            worker, which stays.
        report: Told of jobs that fail by a bug, and of the worker's own.
        outdated: Whether it should make way for one that starts now, with other settings.
        close: Closes what the handlers use; awaited before others see that the worker has ended.
    """

    def __init__(
        self,
        data: Path,
        *,
        conninfo: Callable[[], Awaitable[str]],
        pool: Callable[[], Awaitable[AsyncConnectionPool[Any]]],
        handlers: Mapping[str, Handler],
        concurrency: Mapping[tuple[str, ...], int],
        schedules: Sequence[Schedule],
        schedules_queue: str,
        linger_seconds: float | None,
        report: Report,
        outdated: Callable[[], bool] = lambda: False,
        close: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._alone = FileLock(data / WORKER_LOCK)
        self._servers = FileLock(data / SERVERS_LOCK)
        self._conninfo = conninfo
        self._pool = pool
        self._handlers = {name: self._counted(handler) for name, handler in handlers.items()}
        self._at_work = 0
        self._outdated = outdated
        self._close = close
        self._concurrency = dict(concurrency)
        self._queues = [queue for queues in concurrency for queue in queues]
        self._name = ", ".join(self._queues)
        self._scheduler = Scheduler(schedules, schedules_queue, _now)
        self._linger_seconds = linger_seconds
        self._report = report
        self._stop = asyncio.Event()
        self._needed_at = time.monotonic()

    async def run(self) -> Why:
        """Work until SIGTERM or SIGINT, until nobody needs it any more, or until it is outdated and has nothing to do.

        After a signal everything ends within three seconds, running agents included; their jobs go back to the queue.

        Returns:
            Why it ended; `unneeded` also if it was to be the one on demand, and that was there already.
        """
        if self._linger_seconds is not None and not await self._become_the_only_one():
            return "unneeded"
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end_soon)
        logger.info("the worker of %s has started", self._name)
        pause = 0.1
        try:
            while not self._stop.is_set():
                started = time.monotonic()
                # Without a database nobody knows of jobs; the next server starts the next worker.
                if await self._work() or self._is_abandoned():
                    break
                pause = 0.1 if time.monotonic() - started > LONGEST_PAUSE_BETWEEN_RESTARTS else pause
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause)
                pause = min(2 * pause, LONGEST_PAUSE_BETWEEN_RESTARTS)
        finally:
            try:
                # Who waits for the worker to end, to remove the data folder say, must not meet what is being closed.
                await self._close()
            finally:
                self._alone.release()
                self._servers.release()
        logger.info("the worker of %s has ended", self._name)
        if self._stop.is_set():
            return "told"
        return "outdated" if self._outdated() else "unneeded"

    async def _become_the_only_one(self) -> bool:
        deadline = time.monotonic() + SECONDS_TO_GET_THE_LOCK
        while not self._alone.try_take():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    def _end_soon(self) -> None:
        self._stop.set()
        asyncio.get_running_loop().call_later(SECONDS_TO_END, os._exit, 1)

    async def _work(self) -> bool:
        """Work until there is a reason not to; True if the worker should end for good."""
        import procrastinate  # noqa: PLC0415 - heavy: imported on first use
        import psycopg  # noqa: PLC0415 - heavy: imported on first use
        import psycopg_pool  # noqa: PLC0415 - heavy: imported on first use

        from .manager import leased_app  # noqa: PLC0415 - heavy: imported on first use

        lease = Lease(self._conninfo)
        tasks: list[asyncio.Task[Any]] = []
        try:
            pool = await self._pool()
            await lease.open()
            app = await leased_app(pool, lease, self._handlers, self._report)
            end = asyncio.create_task(self._watch_for_the_end(lease), name="end")
            tasks = [
                end,
                asyncio.create_task(lease.look_after_others(), name="reaper"),
                asyncio.create_task(self._scheduler.run(pool), name="scheduler"),
                asyncio.create_task(self._stop.wait(), name="signal"),
                *(asyncio.create_task(self._jobs(app, queues), name=queues[0]) for queues in self._concurrency),
            ]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return self._stop.is_set() or end in done
        except (
            psycopg.Error,
            psycopg_pool.PoolTimeout,
            procrastinate.exceptions.ProcrastinateException,
            StackError,
            OSError,
        ) as error:
            logger.warning("the worker starts over: %s", " ".join(str(error).split()) or type(error).__name__)
            return False
        except Exception as error:
            # A bug in one job or in the queue's library must not take the machine's worker away.
            incident = uuid.uuid4().hex[:12]
            logger.exception("the worker starts over, incident %s", incident, exc_info=error)
            await self._report("worker", incident, error)
            return False
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await lease.close()

    def _counted(self, handler: Handler) -> Handler:
        async def run(**arguments: Any) -> None:
            self._at_work += 1
            try:
                await handler(**arguments)
            finally:
                self._at_work -= 1

        return run

    def _jobs(self, app: App, queues: tuple[str, ...]) -> Coroutine[Any, Any, None]:
        # Polling finds the jobs that were scheduled for later: everything else is announced.
        return app.run_worker_async(
            queues=list(queues),
            name=queues[0],
            concurrency=self._concurrency[queues],
            fetch_job_polling_interval=1,
            shutdown_graceful_timeout=0,
            delete_jobs="successful",
            install_signal_handlers=False,
        )

    async def _watch_for_the_end(self, lease: Lease) -> None:
        """Returns when no server was alive and no job was left for long enough; `servers.lock` is then held.

        It returns earlier where it is outdated; jobs may then be left for the worker that takes its place.
        """
        while self._at_work or not self._outdated():
            # As long as there is a server, the database need not be asked.
            if self._linger_seconds is not None and not self._has_server() and await lease.has_work(self._queues):
                self._needed_at = time.monotonic()
            # Asked again while no server can start: one that submitted a job and ended may have come in between.
            if self._is_abandoned() and not await self._still_has_work(lease):
                return
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS_FOR_SERVERS)

    async def _still_has_work(self, lease: Lease) -> bool:
        has_work = True
        try:
            has_work = await lease.has_work(self._queues)
        finally:
            if has_work:
                self._servers.release()
        return has_work

    def _has_server(self) -> bool:
        if self._servers.try_take():
            self._servers.release()
            return False
        return True

    def _is_abandoned(self) -> bool:
        """Whether nobody has needed the worker for long enough; if so, `servers.lock` is held: no server can start."""
        if self._linger_seconds is None:
            return False
        if not self._servers.try_take():
            self._needed_at = time.monotonic()
            return False
        if time.monotonic() - self._needed_at >= self._linger_seconds:
            return True
        self._servers.release()
        return False


def _now() -> datetime:
    return datetime.now().astimezone()
