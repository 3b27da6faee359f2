"""Ralph's runs in PostgreSQL: every step of a run and the job that follows from it are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

from ...errors import NotFoundError
from ...ports.runs import Approval, Diff, Ending, Iteration, NewRun, Question, Run, State
from .queries import queries
from .texts import storable, storable_values

if TYPE_CHECKING:
    from .pool import Connection, Database

# The states in which a job of the run exists.
WITH_A_JOB = ("queued", "running", "retrying")


class DeferIteration(Protocol):
    """Adds the job of one iteration, inside the caller's transaction."""

    async def __call__(self, connection: Connection, *, run_id: str, n: int, queue: str, delay_seconds: float) -> None:
        """Add it; it exists from the commit on."""
        ...


class DeferTimeout(Protocol):
    """Adds the job that ends an approval which nobody answered, inside the caller's transaction."""

    async def __call__(
        self, connection: Connection, *, run_id: str, number: int, queue: str, delay_seconds: float
    ) -> None:
        """Add it; it exists from the commit on."""
        ...


class PostgresRuns:
    """The port `Runs` on the tables `runs` and `iterations`.

    Args:
        database: Where the tables are.
        defer: Adds the job of an iteration on the connection of a transaction.
        defer_timeout: Adds the job that ends an approval.
    """

    def __init__(self, database: Database, defer: DeferIteration, defer_timeout: DeferTimeout) -> None:
        self._database = database
        self._defer = defer
        self._defer_timeout = defer_timeout
        self._queries = queries("runs")

    async def submit(self, run: NewRun, question: Question | None = None) -> None:
        """Write a run and its first job, or the question before it; see the port."""
        async with self._database.write() as connection:
            await connection.execute(self._queries["submit"], asdict(run) | {"verify": list(run.verify)})
            if question is None:
                await self._defer(connection, run_id=run.id, n=1, queue=run.queue, delay_seconds=0)
            else:
                await ask(connection, run.id, question, self._defer_timeout)

    async def get(self, run_id: str) -> Run:
        """A run as it stands; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["get"], {"id": uuid_of(run_id)})
            row = await cursor.fetchone()
        if row is None:
            raise unknown(run_id)
        return run_of(row)

    async def iterations(self, run_id: str) -> list[Iteration]:
        """The committed iterations of a run; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["iterations"], {"id": uuid_of(run_id)})
            return [_iteration(row) for row in await cursor.fetchall()]

    async def bundles(self, run_id: str) -> list[bytes]:
        """What carries a run from machine to machine; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["bundles"], {"id": uuid_of(run_id)})
            return [bytes(row["bundle"]) for row in await cursor.fetchall()]

    async def touched_tests(self, run_id: str) -> Sequence[str]:
        """The changed files that decide whether the verification passes; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["touched_tests"], {"id": uuid_of(run_id)})
            return [row["file"] for row in await cursor.fetchall()]

    async def latest(self, queues: Sequence[str], limit: int) -> Sequence[Run]:
        """The runs of some queues; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["latest"], {"queues": list(queues), "limit": limit})
            return [run_of(row) for row in await cursor.fetchall()]

    async def in_state(self, state: State | Literal[""], limit: int) -> tuple[Sequence[Run], int]:
        """The runs in a state, and how many there are; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["in_state"], {"state": state, "limit": limit})
            runs = [run_of(row) for row in await cursor.fetchall()]
            cursor = await connection.execute(self._queries["count"], {"state": state})
            counted = await cursor.fetchone()
        return runs, counted["total"] if counted else 0

    async def begin(self, run_id: str, n: int, base_commit: str, epoch: int) -> bool:
        """Mark a run as running; see the port."""
        values = {"id": uuid_of(run_id), "n": n, "base_commit": base_commit, "epoch": epoch}
        async with self._database.write() as connection:
            if (await connection.execute(self._queries["begin"], values)).rowcount != 1:
                return False
            await connection.execute(self._queries["use_guidance"], values)
            return True

    async def is_wanted(self, run_id: str, n: int, epoch: int) -> bool:
        """Whether an iteration is still to be done; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(
                self._queries["is_wanted"], {"id": uuid_of(run_id), "n": n, "epoch": epoch}
            )
            row = await cursor.fetchone()
            return row is not None and row["wanted"]

    async def finish(self, run_id: str, iteration: Iteration, ending: Ending, epoch: int, bundle: bytes = b"") -> bool:
        """Commit an iteration and what follows from it; see the port."""
        values = asdict(iteration) | {
            "id": uuid_of(run_id),
            "epoch": epoch,
            "state": ending.state,
            "next_backend": ending.backend or iteration.backend,
            "next_measure": ending.measure,
            "ended": ending.state not in WITH_A_JOB and ending.question is None,
            "risk_reasons": list(iteration.risk_reasons),
            "touched_tests": list(iteration.touched_tests),
        }
        for name, diff in (("diff", iteration.diff), ("step", iteration.step)):
            values |= {f"{name}_files": diff.files, f"{name}_lines": diff.lines, f"{name}_stat": diff.stat}
        # What agents say, and how they name files.
        values = storable_values(values)
        async with self._database.write() as connection:
            cursor = await connection.execute(self._queries["lock"], values)
            if (row := await cursor.fetchone()) is None:
                return False
            await connection.execute(self._queries["add_iteration"], values)
            if bundle:
                await connection.execute(self._queries["add_bundle"], {**values, "bundle": bundle})
            await connection.execute(self._queries["advance"], values)
            if ending.question is not None:
                await ask(connection, run_id, ending.question, self._defer_timeout)
            elif ending.state in WITH_A_JOB:
                await self._defer(
                    connection,
                    run_id=run_id,
                    n=iteration.n + 1,
                    queue=row["queue"],
                    delay_seconds=ending.pause_seconds,
                )
            return True

    async def set_aside(
        self, run_id: str, n: int, state: Literal["failed", "retrying"], error: str, epoch: int
    ) -> bool:
        """Note that an iteration could not be done; see the port."""
        values = {
            "id": uuid_of(run_id),
            "n": n,
            "epoch": epoch,
            "state": state,
            "error": storable(error),
            "ended": state not in WITH_A_JOB,
        }
        async with self._database.write() as connection:
            cursor = await connection.execute(self._queries["set_aside"], values)
            return cursor.rowcount == 1


async def ask(
    connection: Connection, run_id: str, question: Question, defer_timeout: DeferTimeout, actor: str = "the loop"
) -> None:
    """Open a question: the run awaits approval, and a job says no when the time is over.

    Args:
        connection: In a transaction.
        run_id: The run.
        question: What is asked.
        defer_timeout: Adds that job.
        actor: Who has it asked, for the audit log.
    """
    values = asdict(question) | {"id": uuid_of(run_id), "actor": actor, "via": "worker"}
    row = await (await connection.execute(queries("runs")["ask"], values)).fetchone()
    if row is None:
        raise unknown(run_id)
    await defer_timeout(
        connection,
        run_id=run_id,
        number=row["approval"],
        queue=row["queue"],
        delay_seconds=question.timeout_seconds,
    )


def uuid_of(run_id: str) -> UUID:
    """The id as the database has it; NotFoundError if it is none."""
    try:
        return UUID(run_id)
    except ValueError:
        raise unknown(run_id) from None


def unknown(run_id: str) -> NotFoundError:
    """The error for an id that no run has."""
    return NotFoundError(f"there is no task {run_id[:80]!r}", "task ids come from submit_task")


def run_of(row: dict[str, Any]) -> Run:
    """A run from its row."""
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
            require_approval=row["require_approval"],
        ),
        state=row["state"],
        iteration=row["iteration"],
        head=row["head"],
        commit=row["commit_id"],
        epoch=row["epoch"],
        backend=row["current_backend"],
        last_exit_code=row["last_exit_code"],
        last_error=row["last_error"],
        feedback=row["feedback"],
        measure=row["measure"],
        watch_from=row["watch_from"],
        since_iteration=row["since_iteration"],
        since_cost_usd=row["since_cost_usd"],
        since=row["since"],
        approval=Approval(row["approval"], row["approval_reason"], row["approval_deadline"])
        if row["approval"] is not None
        else None,
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
        parent=row["parent"],
        backend=row["backend"],
        sandbox=row["sandbox"],
        undone=row["undone"],
        reason=row["reason"],
        feedback=row["feedback"],
        diff=Diff(row["diff_files"], row["diff_lines"], row["diff_stat"]),
        step=Diff(row["step_files"], row["step_lines"], row["step_stat"]),
        error_key=row["error_key"],
        measure=row["measure"],
        risk=row["risk"],
        risk_reasons=tuple(row["risk_reasons"]),
        touched_tests=tuple(row["touched_tests"]),
    )
