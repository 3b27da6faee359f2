"""Which workers are alive: each holds an advisory lock, and all requeue the jobs of those whose lock is gone.

Procrastinate itself never resumes the job of a worker that was killed, and takes one that was suspended for dead.
PostgreSQL knows better: it drops a session's locks when the connection ends, however the worker ends, and keeps
them while a stopped process still has its connection. The lock needs a connection of its own, straight to the
server: a proxy that shares connections between transactions would move it from worker to worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import AsyncConnection

logger = logging.getLogger(__name__)

# First key of the advisory locks, the second is the worker's id. Any constant other than that of the migrations.
LOCK_CLASS = 4_711_002
SECONDS_BETWEEN_REAPS = 1.0
# A connection that says nothing for so long is as good as lost.
SECONDS_FOR_AN_ANSWER = 5.0

_REGISTER = """
with worker as (insert into procrastinate_workers default values returning id)
select id, pg_advisory_lock(%(class)s, id::integer) from worker
"""
_ALIVE = """
select objid::bigint from pg_locks
where locktype = 'advisory' and granted and objsubid = 2 and classid = %(class)s::oid
    and database = (select oid from pg_database where datname = current_database())
"""
_REQUEUE = f"""
with requeued as (
    update procrastinate_jobs
    set status = 'todo', worker_id = null, scheduled_at = null, abort_requested = false, attempts = attempts + 1
    where status = 'doing' and (worker_id is null or worker_id not in ({_ALIVE}))
    returning id, queue_name
)
select id, pg_notify('procrastinate_queue_v1#' || queue_name,
    json_build_object('type', 'job_inserted', 'job_id', id)::text)
from requeued
"""  # noqa: S608 - put together from constants
_FORGET = f"delete from procrastinate_workers where id not in ({_ALIVE})"  # noqa: S608 - put together from constants
# What is due in hours, the end of an approval say, is left to the next worker.
_UNFINISHED = """
select exists (
    select from procrastinate_jobs
    where queue_name = any(%(queues)s) and status in ('todo', 'doing')
        and (scheduled_at is null or scheduled_at < now() + interval '5 minutes')
) as unfinished
"""


class Lease:
    """A worker's proof of life, and its look after the others.

    Args:
        conninfo: Gives the connection string, straight to the server.
    """

    def __init__(self, conninfo: Callable[[], Awaitable[str]]) -> None:
        self._conninfo = conninfo
        self._connection: AsyncConnection[dict[str, Any]] | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Connect.

        Raises:
            psycopg.OperationalError: The server does not answer.
        """
        from psycopg import AsyncConnection  # noqa: PLC0415 - heavy: imported on first use
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - heavy: imported on first use
        from psycopg.rows import dict_row  # noqa: PLC0415 - heavy: imported on first use

        conninfo = make_conninfo(
            await self._conninfo(),
            connect_timeout=5,
            options="-c search_path=jobs,public",
            application_name="mcp-stack worker",
            keepalives=1,  # notices within 15 s that the server's machine is gone; the system takes two hours
            keepalives_idle=5,
            keepalives_interval=3,
            keepalives_count=3,
        )
        self._connection = await AsyncConnection.connect(conninfo, autocommit=True, row_factory=dict_row)

    async def close(self) -> None:
        """Give the lease up: others take the jobs over that are still in progress."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def register(self) -> int:
        """Register a worker, alive from the moment that others can see it.

        Returns:
            The worker's id.
        """
        rows = await self._ask(_REGISTER, {"class": LOCK_CLASS})
        return int(rows[0]["id"])

    async def look_after_others(self) -> None:
        """Requeue the jobs of dead workers every second; returns only by an exception.

        Raises:
            psycopg.OperationalError: The connection is lost, and with it the lease.
            TimeoutError: The server does not answer.
        """
        while True:
            for row in await self._ask(_REQUEUE, {"class": LOCK_CLASS}):
                logger.warning("job %s is requeued, its worker is gone", row["id"])
            await self._ask(_FORGET, {"class": LOCK_CLASS})
            await asyncio.sleep(SECONDS_BETWEEN_REAPS)

    async def has_work(self, queues: list[str]) -> bool:
        """Whether any job of the queues waits or is in progress."""
        return bool((await self._ask(_UNFINISHED, {"queues": queues}))[0]["unfinished"])

    async def _ask(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        if self._connection is None:
            raise TimeoutError("the lease is closed")
        async with self._turn, asyncio.timeout(SECONDS_FOR_AN_ANSWER):
            cursor = await self._connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []
