"""What people and clients do with Ralph's runs, in PostgreSQL: the change and its line of the audit log, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ...ports.run_control import Action, Actor, Deed, NewLimits
from ...ports.runs import Question, Run
from .queries import queries
from .runs import WITH_A_JOB, DeferIteration, DeferTimeout, ask, run_of, unknown, uuid_of

if TYPE_CHECKING:
    from .pool import Connection, Database


class PostgresRunControl:
    """The port `RunControl` on the tables `runs`, `iterations` and `run_actions`.

    Args:
        database: Where the tables are.
        defer: Adds the job of an iteration on the connection of a transaction.
        defer_timeout: Adds the job that ends an approval.
    """

    def __init__(self, database: Database, defer: DeferIteration, defer_timeout: DeferTimeout) -> None:
        self._database = database
        self._defer = defer
        self._defer_timeout = defer_timeout
        self._queries = queries("run_control")

    async def approve(self, run_id: str, number: int, actor: Actor, note: str) -> Run | None:
        """Let a run go on; see the port."""
        async with self._database.write() as connection:
            run = await self._change(
                connection, "approve", run_id, deed="approved", actor=actor, note=note, number=number
            )
            if run is not None and run.state in WITH_A_JOB:
                await self._next(connection, run)
            return run

    async def reject(self, run_id: str, number: int, actor: Actor, note: str) -> Run | None:
        """Cancel a run that awaits approval; see the port."""
        error = f"not approved by {actor.name}" + (f": {note}" if note else "")
        async with self._database.write() as connection:
            return await self._change(
                connection, "reject", run_id, deed="rejected", actor=actor, note=note, number=number, error=error
            )

    async def steer(self, run_id: str, guidance: str, actor: Actor) -> Run | None:
        """Add guidance; see the port."""
        async with self._database.write() as connection:
            return await self._change(connection, "steer", run_id, deed="steered", actor=actor, note=guidance)

    async def cancel(self, run_id: str, actor: Actor) -> Run | None:
        """Take a run out of the hands of its worker; see the port."""
        async with self._database.write() as connection:
            return await self._change(
                connection, "cancel", run_id, deed="cancelled", actor=actor, error=f"cancelled by {actor.name}"
            )

    async def resume(self, run_id: str, limits: NewLimits, question: Question | None, actor: Actor) -> Run | None:
        """Let a run go on; see the port."""
        async with self._database.write() as connection:
            run = await self._change(
                connection, "resume", run_id, deed="resumed", actor=actor, note=_changed(limits), **asdict(limits)
            )
            if run is None:
                return None
            if question is None:
                await self._next(connection, run)
                return run
            await ask(connection, run_id, question, self._defer_timeout)
            cursor = await connection.execute(self._queries["lock"], {"id": uuid_of(run_id)})
            row = await cursor.fetchone()
            return run_of(row) if row is not None else None

    async def roll_back(self, run_id: str, n: int, actor: Actor) -> Run | None:
        """Go back; see the port."""
        error = f"rolled back to iteration {n} by {actor.name}"
        async with self._database.write() as connection:
            run = await self._change(
                connection,
                "roll_back",
                run_id,
                deed="rolled_back",
                actor=actor,
                note=f"to iteration {n}",
                n=n,
                error=error,
            )
            if run is not None:
                await connection.execute(self._queries["undo"], {"id": uuid_of(run_id), "n": n})
            return run

    async def actions(self, run_id: str) -> Sequence[Action]:
        """The audit log; see the port."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._queries["actions"], {"id": uuid_of(run_id)})
            return [_action(row) for row in await cursor.fetchall()]

    async def _change(
        self,
        connection: Connection,
        query: str,
        run_id: str,
        *,
        deed: Deed,
        actor: Actor,
        note: str = "",
        **values: Any,
    ) -> Run | None:
        id_ = {"id": uuid_of(run_id)}
        # The lock comes first: an iteration that is being committed decides whether the run is in a state for it.
        before = await (await connection.execute(self._queries["lock"], id_)).fetchone()
        if before is None:
            raise unknown(run_id)
        row = await (await connection.execute(self._queries[query], values | id_)).fetchone()
        if row is None:
            return None
        line = {"action": deed, "iteration": row["head"], "actor": actor.name, "via": actor.via, "note": note}
        await connection.execute(self._queries["act"], line | id_)
        return run_of(row)

    async def _next(self, connection: Connection, run: Run) -> None:
        await self._defer(connection, run_id=run.asked.id, n=run.iteration + 1, queue=run.asked.queue, delay_seconds=0)


def _changed(limits: NewLimits) -> str:
    """The limits that are not as they were."""
    return ", ".join(f"{name}={value:g}" for name, value in asdict(limits).items() if value is not None)


def _action(row: Mapping[str, Any]) -> Action:
    return Action(
        id=row["id"],
        at=row["at"],
        action=row["action"],
        iteration=row["iteration"],
        actor=Actor(row["actor"], row["via"]),
        note=row["note"],
        used_in=row["used_in"] or 0,
    )
