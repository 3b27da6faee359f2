"""Procrastinate's job manager with leases instead of heartbeats; imported by the worker alone, for it is heavy."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from ..errors import StackError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from psycopg_pool import AsyncConnectionPool

    from .liveness import Lease
    from .worker import Report

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 60
MOST_ATTEMPTS_OF_A_SCHEDULED_JOB = 3

_WAKE = """
select pg_notify('procrastinate_queue_v1#' || %(queue)s,
    json_build_object('type', 'job_inserted', 'job_id', %(job_id)s::bigint)::text)
"""


class LeasedJobManager(JobManager):
    """Registers workers under a lease, and wakes workers where Procrastinate lets them poll."""

    def __init__(self, connector: PsycopgConnector, lease: Lease) -> None:
        super().__init__(connector)
        self._lease = lease

    async def register_worker(self) -> int:
        """Register a worker that is alive by its lease."""
        return await self._lease.register()

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:  # noqa: ARG002 - overrides
        """Nobody: a worker without a heartbeat may be suspended; the lease tells the dead from those."""
        return []

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Finish a job, and wake the workers: the next job under its lock was announced while it was held."""
        await super().finish_job(job=job, status=status, delete_job=delete_job)
        await self._wake(job)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put a job back, and wake the workers: Procrastinate announces new jobs only."""
        await super().retry_job(job=job, retry_at=retry_at, priority=priority, queue=queue, lock=lock)
        await self._wake(job)

    async def _wake(self, job: Job) -> None:
        await self.connector.execute_query_all_async(_WAKE, queue=job.queue, job_id=job.id)


class Again(BaseRetryStrategy):
    """A job that was interrupted or failed is done again: at once the first time, then ever later.

    One that comes round by the clock is left to its next time after a few failures: it must not keep a worker alive
    that nobody needs.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When the job is to be done again; None for not before it is due again.

        Args:
            exception: Why it ended.
            job: With its attempts so far.
        """
        comes_round = job.lock == job.task_name  # as the scheduler adds it
        if isinstance(exception, Exception) and comes_round and job.attempts >= MOST_ATTEMPTS_OF_A_SCHEDULED_JOB:
            return None
        pause = 0 if not isinstance(exception, Exception) else min(LONGEST_PAUSE_SECONDS, 2**job.attempts)
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=pause))


async def leased_app(
    pool: AsyncConnectionPool[Any], lease: Lease, handlers: Mapping[str, Callable[..., Awaitable[None]]], report: Report
) -> App:
    """A Procrastinate app for a worker.

    Args:
        pool: Its connections; `jobs` must be in their search path, and autocommit off.
        lease: Open.
        handlers: What does a job, by the job's name; called with the job's arguments.
        report: Told of a job that failed by a bug: its name, the incident's id, and the exception; never raises.
    """
    connector = PsycopgConnector()
    app = App(connector=connector)
    app.job_manager = LeasedJobManager(connector, lease)
    for name, handler in handlers.items():
        app.task(name=name, retry=Again())(_reported(name, handler, report))
    await app.open_async(pool)
    return app


def _reported(name: str, handler: Callable[..., Awaitable[None]], report: Report) -> Callable[..., Any]:
    async def run(**arguments: Any) -> None:
        try:
            await handler(**arguments)
        except StackError:
            raise  # what the code expected to go wrong, a database that is down above all
        except Exception as error:
            incident = uuid.uuid4().hex[:12]
            logger.warning("job %s failed, incident %s", name, incident)  # the queue's library logs the traceback
            await report(name, incident, error)
            raise

    return run
