"""Ralph's runs in PostgreSQL: every step of a run and the job that follows from it are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

from ...errors import NotFoundError
from ...ports.runs import Diff, Ending, Iteration, NewRun, Run
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database

# The states in which a job of the run exists.
WITH_A_JOB = ("queued", "running", "retrying")


class DeferIteration(Protocol):
    """Adds the job of one iteration, inside the caller's transaction."""

    async def __call__(self, connection: Connection, *, run_id: str, n: int, queue: str, delay_seconds: float) -> None:
        """Add it; it exists from the commit on."""
        ...


class PostgresRuns:
    """The port `Runs` on the tables `runs` and `iterations`.

    Args:
        database: Where the tables are.
        defer: Adds the job of an iteration on the connection of a transaction.
    """

    def __init__(self, database: Database, defer: DeferIteration) -> None:
        self._database = database
        self._defer = defer
        self._queries = queries("runs")

    async def submit(self, run: NewRun) -> None:
        """Write a run and its first job; see the port."""
        async with self._database.write() as connection:
            await connection.execute(self._queries["submit"], asdict(run) | {"verify": list(run.verify)})
            await self._defer(connection, run_id=run.id, n=1, queue=run.queue, delay_seconds=0)

    async def get(self, run_id: str) -> Run:
        """A run as it stands; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["get"], {"id": _uuid(run_id)})
            row = await cursor.fetchone()
        if row is None:
            raise _unknown(run_id)
        return _run(row)

    async def iterations(self, run_id: str) -> list[Iteration]:
        """The committed iterations of a run; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["iterations"], {"id": _uuid(run_id)})
            return [_iteration(row) for row in await cursor.fetchall()]

    async def latest(self, queue: str, limit: int) -> Sequence[Run]:
        """The runs of a machine; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["latest"], {"queue": queue, "limit": limit})
            return [_run(row) for row in await cursor.fetchall()]

    async def begin(self, run_id: str, n: int, base_commit: str) -> bool:
        """Mark a run as running; see the port."""
        async with self._database.write() as connection:
            cursor = await connection.execute(
                self._queries["begin"], {"id": _uuid(run_id), "n": n, "base_commit": base_commit}
            )
            return cursor.rowcount == 1

    async def finish(self, run_id: str, iteration: Iteration, ending: Ending) -> bool:
        """Commit an iteration and what follows from it; see the port."""
        values = asdict(iteration) | {
            "id": _uuid(run_id),
            "state": ending.state,
            "reason": ending.reason,
            "feedback": ending.feedback,
            "diff_files": ending.diff.files,
            "diff_lines": ending.diff.lines,
            "diff_stat": ending.diff.stat,
            "ended": ending.state not in WITH_A_JOB,
        }
        async with self._database.write() as connection:
            cursor = await connection.execute(self._queries["lock"], values)
            if (row := await cursor.fetchone()) is None:
                return False
            await connection.execute(self._queries["add_iteration"], values)
            await connection.execute(self._queries["advance"], values)
            if ending.state in WITH_A_JOB:
                await self._defer(
                    connection,
                    run_id=run_id,
                    n=iteration.n + 1,
                    queue=row["queue"],
                    delay_seconds=ending.pause_seconds,
                )
            return True

    async def set_aside(self, run_id: str, n: int, state: Literal["failed", "retrying"], error: str) -> bool:
        """Note that an iteration could not be done; see the port."""
        values = {"id": _uuid(run_id), "n": n, "state": state, "error": error, "ended": state not in WITH_A_JOB}
        async with self._database.write() as connection:
            cursor = await connection.execute(self._queries["set_aside"], values)
            return cursor.rowcount == 1


def _uuid(run_id: str) -> UUID:
    try:
        return UUID(run_id)
    except ValueError:
        raise _unknown(run_id) from None


def _unknown(run_id: str) -> NotFoundError:
    return NotFoundError(f"there is no task {run_id[:80]!r}", "task ids come from submit_task")


def _run(row: dict[str, Any]) -> Run:
    return Run(
        asked=NewRun(
            id=str(row["id"]),
            task=row["task"],
            workspace=row["workspace"],
            base_commit=row["base_commit"],
            backend=row["backend"],
            queue=row["queue"],
            max_iterations=row["max_iterations"],
            verify=tuple(row["verify"]),
            completion_promise=row["completion_promise"],
            require_changes=row["require_changes"],
            max_cost_usd=row["max_cost_usd"],
            max_minutes=row["max_minutes"],
        ),
        state=row["state"],
        iteration=row["iteration"],
        commit=row["commit_id"],
        last_exit_code=row["last_exit_code"],
        last_error=row["last_error"],
        feedback=row["feedback"],
        diff=Diff(row["diff_files"], row["diff_lines"], row["diff_stat"]),
        cost_usd=row["cost_usd"],
        tokens=row["tokens"],
        submitted_at=row["submitted_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _iteration(row: dict[str, Any]) -> Iteration:
    return Iteration(
        n=row["n"],
        exit_code=row["exit_code"],
        blocked=row["blocked"],
        changed=row["changed"],
        verified=row["verified"],
        detail=row["detail"],
        commit=row["commit_id"],
        cost_usd=row["cost_usd"],
        tokens=row["tokens"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
