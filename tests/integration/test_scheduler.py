"""Jobs that come round by the clock are added once, and caught up once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from procrastinate.jobs import Job

from mcp_stack.jobs.manager import Again
from mcp_stack.jobs.scheduler import Scheduler
from mcp_stack.ports.jobs import Schedule
from mcp_stack.storage.postgres.pool import Database

NIGHTLY = Schedule("nightly", "0 2 * * *")


class Clock:
    """A clock that the test sets."""

    def __init__(self, *start: int) -> None:
        self.now = datetime(*start, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year to minute

    def __call__(self) -> datetime:
        return self.now


async def finish_all(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute("delete from procrastinate_jobs")


async def test_what_was_missed_for_days_is_caught_up_by_one_job(database: Database) -> None:
    clock = Clock(2026, 1, 1, 12, 0)
    scheduler = Scheduler([NIGHTLY], "here", clock)
    pool = await database.pool()
    assert await scheduler.add_due(pool) == []  # just installed: nothing was missed
    clock.now = datetime(2026, 1, 2, 1, 59, tzinfo=UTC)
    assert await scheduler.add_due(pool) == []
    clock.now = datetime(2026, 1, 9, 15, 0, tzinfo=UTC)
    assert await scheduler.add_due(pool) == ["nightly"]
    assert await scheduler.add_due(pool) == []


async def test_two_machines_add_a_job_once_and_their_own_jobs_each(database: Database) -> None:
    clock = Clock(2026, 1, 1, 12, 0)
    schedules = [NIGHTLY, Schedule("own", "*/5 * * * *", every_machine=True)]
    machines = [Scheduler(schedules, name, clock) for name in ("one", "other")]
    pool = await database.pool()
    for machine in machines:
        await machine.add_due(pool)
    clock.now = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    added = await asyncio.gather(*(machine.add_due(pool) for machine in machines))
    assert sorted(job for each in added for job in each) == ["nightly", "own", "own"]


async def test_a_tick_whose_predecessor_is_not_done_is_passed_over(database: Database) -> None:
    clock = Clock(2026, 1, 1, 12, 0)
    scheduler = Scheduler([NIGHTLY], "here", clock)
    pool = await database.pool()
    await scheduler.add_due(pool)
    clock.now = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    assert await scheduler.add_due(pool) == ["nightly"]
    clock.now = datetime(2026, 1, 3, 3, 0, tzinfo=UTC)
    assert await scheduler.add_due(pool) == []
    await finish_all(database)
    clock.now = datetime(2026, 1, 4, 3, 0, tzinfo=UTC)
    assert await scheduler.add_due(pool) == ["nightly"]


def test_a_scheduled_job_that_fails_again_and_again_waits_for_its_next_time_and_others_do_not() -> None:
    def decision(lock: str, attempts: int, error: BaseException) -> bool:
        job = Job(id=1, queue="q", lock=lock, queueing_lock=None, task_name="nightly", attempts=attempts)
        return Again().get_retry_decision(exception=error, job=job) is not None

    assert decision("nightly", 2, ValueError())
    assert not decision("nightly", 3, ValueError())
    assert decision("nightly", 30, asyncio.CancelledError()), "an interruption is no failure"
    assert decision("run:1", 30, ValueError()), "somebody waits for it"
