"""Jobs that are due again: each tick is done once over all workers, and ticks that nobody saw are caught up by one.

Procrastinate's own periodic tasks forget what was missed while no worker ran; on a laptop that is most nights.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..ports.jobs import Schedule
from .app import JobAdder

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 15.0

# The first time that a schedule is seen there is nothing to catch up with. A tick whose predecessor is still waiting
# or in progress is passed over: the job does what is to be done, not so and so much of it.
_CLAIM = """
insert into app.schedules as known (name, last_tick) values (%(name)s, %(tick)s)
on conflict (name) do update set last_tick = excluded.last_tick
where known.last_tick < excluded.last_tick
returning xmax <> 0 and not exists (
    select from jobs.procrastinate_jobs
    where task_name = %(job)s and status in ('todo', 'doing') and (not %(every_machine)s or queue_name = %(queue)s)
) as due
"""


class Scheduler:
    """Adds the jobs that are due.

    Args:
        schedules: What is to be done and when.
        queue: Where the jobs go.
        clock: The time now, with the machine's time zone.
    """

    def __init__(self, schedules: Sequence[Schedule], queue: str, clock: Callable[[], datetime]) -> None:
        self._schedules = tuple(schedules)
        self._queue = queue
        self._clock = clock
        self._adder = JobAdder()

    async def run(self, pool: AsyncConnectionPool[Any]) -> None:
        """Look for due jobs again and again; returns only by an exception.

        Raises:
            psycopg.OperationalError: The database is lost.
        """
        while True:
            await self.add_due(pool)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def add_due(self, pool: AsyncConnectionPool[Any]) -> list[str]:
        """Add the jobs that are due now.

        Args:
            pool: Open.

        Returns:
            Names of the jobs that were added.

        Raises:
            psycopg.OperationalError: The database is lost.
        """
        from croniter import croniter  # noqa: PLC0415 - heavy: only the worker needs it

        added = []
        for schedule in self._schedules:
            tick = croniter(schedule.cron, self._clock()).get_prev(datetime)
            values = {
                "name": f"{schedule.job}@{self._queue}" if schedule.every_machine else schedule.job,
                "job": schedule.job,
                "every_machine": schedule.every_machine,
                "queue": self._queue,
                "tick": tick,
            }
            async with pool.connection() as connection:
                row = await (await connection.execute(_CLAIM, values)).fetchone()
                if row is not None and row["due"]:
                    await self._adder.add(connection, schedule.job, {}, queue=self._queue, lock=schedule.job)
                    added.append(schedule.job)
        for job in added:
            logger.info("%s is due", job)
        return added
