"""What every adapter of the port `Runs` keeps to; today there is the one on PostgreSQL."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from mcp_stack.errors import NotFoundError
from mcp_stack.jobs.app import ITERATION, JobAdder
from mcp_stack.ports.runs import Diff, Ending, Iteration, NewRun, Runs, State
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.runs import PostgresRuns

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def runs(database: Database) -> Runs:
    return PostgresRuns(database, JobAdder().add_iteration, JobAdder().add_approval_timeout)


def new_run(**changes: Any) -> NewRun:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "task": 'Grüße, 世界; it\'s "quoted"',
        "workspace": "/somewhere",
        "base_commit": "base",
        "backend": "command",
        "queue": "here",
        "max_iterations": 3,
        "verify": ("pytest -q", "sh -c 'a | b'"),
        "completion_promise": "DONE",
        "require_changes": True,
        "max_cost_usd": 1.5,
        "max_minutes": 2.5,
    }
    return NewRun(**(values | changes))


def iteration(n: int, **changes: Any) -> Iteration:
    values: dict[str, Any] = {
        "n": n,
        "exit_code": 0,
        "blocked": False,
        "changed": True,
        "verified": False,
        "detail": "1 failed",
        "commit": f"commit {n}",
        "cost_usd": 0.25,
        "tokens": 100,
        "started_at": NOW,
        "finished_at": NOW,
        "backend": "command",
        "reason": "because",
        "feedback": "try harder",
        "diff": Diff(2, 7, "2 files changed"),
        "step": Diff(1, 3, "1 file changed"),
        "risk": "medium",
        "risk_reasons": ("files deleted: x",),
        "touched_tests": ("test_x.py",),
    }
    return Iteration(**(values | changes))


def ending(state: State, pause_seconds: float = 0) -> Ending:
    return Ending(state, pause_seconds)


async def jobs(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        cursor = await connection.execute("select * from jobs.procrastinate_jobs order by id")
        return await cursor.fetchall()


async def test_a_run_comes_back_as_it_was_submitted(runs: Runs) -> None:
    asked = new_run()
    await runs.submit(asked)
    run = await runs.get(asked.id)
    assert run.asked == asked
    assert (run.state, run.iteration, run.commit, run.started_at, run.finished_at) == ("queued", 0, "", None, None)
    assert await runs.iterations(asked.id) == []


@pytest.mark.parametrize("unknown", [str(uuid.uuid4()), "no uuid", "", "'; drop table runs; --"])
async def test_an_unknown_run_is_not_found(runs: Runs, unknown: str) -> None:
    with pytest.raises(NotFoundError):
        await runs.get(unknown)


async def test_submitting_defers_the_first_iteration_under_the_lock_of_the_run(runs: Runs, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    (job,) = await jobs(database)
    assert (job["task_name"], job["queue_name"], job["lock"]) == (ITERATION, "here", f"run:{asked.id}")
    assert job["args"] == {"run_id": asked.id, "n": 1}


async def test_a_run_that_is_refused_leaves_no_job(runs: Runs, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    with pytest.raises(Exception, match="duplicate key"):
        await runs.submit(asked)
    assert len(await jobs(database)) == 1


async def test_an_iteration_is_committed_together_with_the_next_job(runs: Runs, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    assert await runs.begin(asked.id, 1, "base", 0)
    assert await runs.finish(asked.id, iteration(1), ending("running"), 0)
    run = await runs.get(asked.id)
    assert (run.state, run.iteration, run.commit, run.last_error) == ("running", 1, "commit 1", "because")
    assert (run.feedback, run.diff, run.cost_usd, run.tokens) == (
        "try harder",
        Diff(2, 7, "2 files changed"),
        0.25,
        100,
    )
    assert [job["args"]["n"] for job in await jobs(database)] == [1, 2]
    assert await runs.iterations(asked.id) == [iteration(1)]


@pytest.mark.parametrize("state", ["completed", "failed", "limit_reached", "stalled"])
async def test_a_final_state_defers_nothing(runs: Runs, database: Database, state: State) -> None:
    asked = new_run()
    await runs.submit(asked)
    await runs.begin(asked.id, 1, "base", 0)
    assert await runs.finish(asked.id, iteration(1), ending(state), 0)
    run = await runs.get(asked.id)
    assert run.state == state
    assert run.finished_at is not None
    assert len(await jobs(database)) == 1


async def test_a_pause_schedules_the_next_job_for_later(runs: Runs, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    await runs.begin(asked.id, 1, "base", 0)
    await runs.finish(asked.id, iteration(1), ending("retrying", pause_seconds=60), 0)
    _, second = await jobs(database)
    assert 50 < (second["scheduled_at"] - datetime.now(UTC)).total_seconds() <= 60


async def test_an_iteration_is_committed_once_however_many_try(runs: Runs, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    await runs.begin(asked.id, 1, "base", 0)
    tries = [runs.finish(asked.id, iteration(1, commit=f"by {who}"), ending("running"), 0) for who in range(5)]
    assert sorted(await asyncio.gather(*tries)) == [False, False, False, False, True]
    assert len(await runs.iterations(asked.id)) == 1
    assert (await runs.get(asked.id)).cost_usd == 0.25
    assert [job["args"]["n"] for job in await jobs(database)] == [1, 2]


async def test_a_late_or_early_iteration_is_fenced_out(runs: Runs) -> None:
    asked = new_run()
    await runs.submit(asked)
    assert not await runs.begin(asked.id, 2, "base", 0)
    assert not await runs.finish(asked.id, iteration(2), ending("running"), 0)
    await runs.finish(asked.id, iteration(1), ending("running"), 0)
    assert not await runs.begin(asked.id, 1, "base", 0)
    assert not await runs.set_aside(asked.id, 1, "failed", "too late", 0)
    assert (await runs.get(asked.id)).state == "running"


async def test_nothing_is_committed_to_a_cancelled_run(runs: Runs, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    await runs.begin(asked.id, 1, "base", 0)
    async with database.write() as connection:
        await connection.execute("update runs set state = 'cancelled' where id = %s", [asked.id])
    assert not await runs.finish(asked.id, iteration(1), ending("completed"), 0)
    assert not await runs.set_aside(asked.id, 1, "retrying", "disk full", 0)
    assert (await runs.get(asked.id)).state == "cancelled"
    assert await runs.iterations(asked.id) == []


async def test_setting_a_run_aside_says_why_and_ends_it_only_if_it_failed(runs: Runs) -> None:
    asked = new_run()
    await runs.submit(asked)
    assert await runs.set_aside(asked.id, 1, "retrying", "disk full", 0)
    run = await runs.get(asked.id)
    assert (run.state, run.last_error, run.finished_at) == ("retrying", "disk full", None)
    assert await runs.begin(asked.id, 1, "base", 0)
    assert await runs.set_aside(asked.id, 1, "failed", "no git", 0)
    run = await runs.get(asked.id)
    assert run.state == "failed"
    assert run.finished_at is not None


async def test_the_latest_runs_of_a_machine_come_first_without_those_of_others(runs: Runs) -> None:
    mine = [new_run() for _ in range(3)]
    for asked in [*mine, new_run(queue="elsewhere")]:
        await runs.submit(asked)
    assert [run.asked.id for run in await runs.latest(["here"], 2)] == [mine[2].id, mine[1].id]


async def test_the_base_commit_of_a_repository_made_later_is_kept(runs: Runs) -> None:
    asked = new_run(workspace="", base_commit="")
    await runs.submit(asked)
    await runs.begin(asked.id, 1, "made just now", 0)
    assert (await runs.get(asked.id)).asked.base_commit == "made just now"
