"""Imports of folders in PostgreSQL: an import and its job are one transaction."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from ...errors import UnavailableError
from ...ports.imports import Import, NewImport, Step
from .queries import queries
from .texts import storable

if TYPE_CHECKING:
    from .pool import Connection, Database

MAX_NAMED = 100
"""How many skipped files and near duplicates an import names; the rest are counted."""


class PostgresImports:
    """The port `Imports` on the table `imports`.

    Args:
        database: Where it is.
        queue: Of this machine's jobs: another one has not got the files.
        defer: Adds the job of an import, on the connection of a transaction.
    """

    def __init__(self, database: Database, queue: str, defer: Callable[[Connection, str], Awaitable[None]]) -> None:
        self._database = database
        self._queue = queue
        self._defer = defer
        self._sql = queries("imports")

    async def start(self, new: NewImport) -> Import:
        """See `Imports.start`."""
        values = asdict(new) | {"tags": list(new.tags), "queue": self._queue}
        for _ in range(3):
            async with self._database.write() as connection:
                inserted = await (await connection.execute(self._sql["start"], values)).fetchone()
                if inserted is not None:
                    await self._defer(connection, new.id)
                row = inserted or await (await connection.execute(self._sql["running"], values)).fetchone()
            if row is not None and (started := await self.get(str(row["id"]))) is not None:
                return started
            # The one that ran has ended in between.
        raise UnavailableError("the import cannot be started", "try again")

    async def get(self, import_id: str) -> Import | None:
        """See `Imports.get`."""
        return await self._one("get", {"id": import_id})

    async def finished(self, fingerprint: bytes, within_seconds: float) -> Import | None:
        """See `Imports.finished`."""
        return await self._one("finished", {"fingerprint": fingerprint, "seconds": within_seconds})

    async def begin(self, import_id: str, total: int, passed_over: Sequence[str], passed_over_count: int) -> None:
        """See `Imports.begin`."""
        values = {
            "id": import_id,
            "total": total,
            "passed_over": [storable(each) for each in passed_over[:MAX_NAMED]],
            "passed_over_count": passed_over_count,
        }
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["begin"], values)

    async def advance(self, import_id: str, position: str, step: Step) -> bool:
        """See `Imports.advance`."""
        values = asdict(step) | {
            "id": import_id,
            "before": os.fsencode(position),
            "position": os.fsencode(step.position),
            "skipped": [storable(each) for each in step.skipped],
            "near_duplicates": list(step.near_duplicates),
            "notes": [storable(each) for each in step.notes],
            "most": MAX_NAMED,
        }
        async with self._database.write_statement() as connection:
            return (await connection.execute(self._sql["advance"], values)).rowcount == 1

    async def finish(self, import_id: str, state: Literal["done", "failed"], note: str = "") -> None:
        """See `Imports.finish`."""
        values = {"id": import_id, "state": state, "note": storable(note)}
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["finish"], values)

    async def tell(self, import_id: str) -> None:
        """See `Imports.tell`."""
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["tell"], {"id": import_id})

    async def _one(self, query: str, values: dict[str, Any]) -> Import | None:
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql[query], values)).fetchone()
        return None if row is None else _import(row)


def _import(row: dict[str, Any]) -> Import:
    return Import(
        asked=NewImport(
            id=str(row["id"]),
            fingerprint=bytes(row["fingerprint"]),
            path=row["path"],
            collection=row["collection"],
            tags=tuple(row["tags"]),
            source=row["source"],
        ),
        state=row["state"],
        position=os.fsdecode(bytes(row["position"])),
        total=row["total"],
        done=row["done"],
        added=row["added"],
        replaced=row["replaced"],
        duplicates=row["duplicates"],
        chunks=row["chunks"],
        skipped=(*row["skipped"], *row["passed_over"])[:MAX_NAMED],
        skipped_count=row["skipped_count"] + row["passed_over_count"],
        near_duplicates=tuple(str(each) for each in row["near_duplicates"]),
        notes=tuple(row["notes"]),
        attempts=row["attempts"],
        told=row["told"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )
