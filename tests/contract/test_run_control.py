"""What every adapter of the port `RunControl` keeps to when several people and workers act at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from mcp_stack.errors import NotFoundError
from mcp_stack.jobs.app import APPROVAL_TIMEOUT, ITERATION, JobAdder
from mcp_stack.ports.run_control import Actor, NewLimits, RunControl
from mcp_stack.ports.runs import Ending, Question, Runs
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.run_control import PostgresRunControl
from mcp_stack.storage.postgres.runs import PostgresRuns
from tests.contract.test_runs import iteration, jobs, new_run

ANN, BEN = Actor("ann", "terminal"), Actor("ben", "elicitation")


@pytest.fixture
def runs(database: Database) -> Runs:
    return PostgresRuns(database, JobAdder().add_iteration, JobAdder().add_approval_timeout)


@pytest.fixture
def control(database: Database) -> RunControl:
    return PostgresRunControl(database, JobAdder().add_iteration, JobAdder().add_approval_timeout)


async def asking(runs: Runs) -> tuple[str, int]:
    """A run whose question is open, and the question's number."""
    asked = new_run(require_approval=True)
    await runs.submit(asked, Question("first", "queued", 3600))
    run = await runs.get(asked.id)
    assert run.approval is not None
    return asked.id, run.approval.number


async def test_a_question_is_asked_with_the_job_that_ends_it_and_no_other(runs: Runs, database: Database) -> None:
    run_id, number = await asking(runs)
    (job,) = await jobs(database)
    assert (job["task_name"], job["args"]) == (APPROVAL_TIMEOUT, {"run_id": run_id, "number": number})
    assert 3500 < (job["scheduled_at"] - datetime.now(UTC)).total_seconds() <= 3600


async def test_of_many_answers_one_counts(runs: Runs, control: RunControl, database: Database) -> None:
    run_id, number = await asking(runs)
    answers = await asyncio.gather(
        *(control.approve(run_id, number, ANN, "") for _ in range(4)),
        *(control.reject(run_id, number, BEN, "") for _ in range(4)),
    )
    (counted,) = [answer for answer in answers if answer is not None]
    run = await runs.get(run_id)
    assert run == counted
    assert len(await control.actions(run_id)) == 2
    iterations = [job for job in await jobs(database) if job["task_name"] == ITERATION]
    assert len(iterations) == (1 if run.state == "queued" else 0)


async def test_an_iteration_and_a_cancellation_at_once_leave_one_of_the_two_orders(
    runs: Runs, control: RunControl
) -> None:
    for _ in range(10):
        asked = new_run()
        await runs.submit(asked)
        await runs.begin(asked.id, 1, "base", 0)
        finished, cancelled = await asyncio.gather(
            runs.finish(asked.id, iteration(1), Ending("running"), 0), control.cancel(asked.id, ANN)
        )
        run = await runs.get(asked.id)
        assert cancelled is not None
        assert (run.state, run.iteration) == ("cancelled", 1 if finished else 0)


async def test_many_resumptions_at_once_go_on_once(runs: Runs, control: RunControl, database: Database) -> None:
    asked = new_run()
    await runs.submit(asked)
    await control.cancel(asked.id, ANN)
    before = len(await jobs(database))
    resumed = await asyncio.gather(*(control.resume(asked.id, NewLimits(), None, ANN) for _ in range(5)))
    assert sum(run is not None for run in resumed) == 1
    assert len(await jobs(database)) == before + 1


async def test_guidance_is_used_once_by_the_iteration_that_begins_next(runs: Runs, control: RunControl) -> None:
    asked = new_run()
    await runs.submit(asked)
    await control.steer(asked.id, "one", ANN)
    await runs.begin(asked.id, 1, "base", 0)
    await control.steer(asked.id, "two", BEN)
    # The iteration is begun again after its worker was killed.
    await runs.begin(asked.id, 1, "base", 0)
    await runs.finish(asked.id, iteration(1), Ending("running"), 0)
    await control.steer(asked.id, "three", BEN)
    await runs.begin(asked.id, 2, "base", 0)
    said = [(each.note, each.actor, each.used_in) for each in await control.actions(asked.id)]
    assert said == [("one", ANN, 1), ("two", BEN, 1), ("three", BEN, 2)]


async def test_the_time_that_a_person_takes_is_no_time_of_the_task(
    runs: Runs, control: RunControl, database: Database
) -> None:
    asked = new_run()
    await runs.submit(asked)
    await runs.begin(asked.id, 1, "base", 0)
    await runs.finish(asked.id, iteration(1), Ending("awaiting_approval", question=Question("risk", "queued", 60)), 0)
    async with database.write() as connection:
        await connection.execute("update runs set since = now() - interval '30 minutes'")
        await connection.execute("update run_actions set at = now() - interval '20 minutes'")
    run = await runs.get(asked.id)
    assert run.approval is not None
    approved = await control.approve(asked.id, run.approval.number, ANN, "")
    assert approved is not None
    assert approved.since is not None
    assert 590 < (datetime.now(UTC) - approved.since).total_seconds() < 660


@pytest.mark.parametrize("unknown", ["00000000-0000-4000-8000-000000000009", "no uuid", ""])
async def test_an_unknown_run_is_not_found(control: RunControl, unknown: str) -> None:
    for work in (
        control.approve(unknown, 1, ANN, ""),
        control.reject(unknown, 1, ANN, ""),
        control.steer(unknown, "x", ANN),
        control.cancel(unknown, ANN),
        control.resume(unknown, NewLimits(), None, ANN),
        control.roll_back(unknown, 0, ANN),
    ):
        with pytest.raises(NotFoundError):
            await work
