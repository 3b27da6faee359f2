"""The system registry in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.systems import Recorded, System
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

# A machine that says nothing for so long is no part of the system any more.
DAYS_KEPT = 30


class PostgresSystems:
    """The port `Systems` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("systems")

    async def replace(self, machine: str, systems: Sequence[System]) -> None:
        """See `Systems.replace`."""
        rows = [
            {
                "machine": machine,
                "name": system.name,
                "kind": system.kind,
                "version": system.version,
                "status": system.state,
                "detail": system.detail,
            }
            # Always in the same order: two processes that write the same rows must not lock each other out.
            for system in sorted(systems, key=lambda system: system.name)
        ]
        async with self._database.write() as connection, connection.cursor() as cursor:
            if rows:
                await cursor.executemany(self._sql["put"], rows)
            names = [system.name for system in systems]
            await cursor.execute(self._sql["forget"], {"machine": machine, "names": names, "days": DAYS_KEPT})

    async def all(self) -> list[Recorded]:
        """See `Systems.all`."""
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["all"])).fetchall()
        return [
            Recorded(
                machine=row["machine"],
                system=System(row["name"], row["kind"], row["version"], row["status"], row["detail"]),
                refreshed_at=row["refreshed_at"],
                age=row["age"],
            )
            for row in rows
        ]

    async def versions(self) -> tuple[str, str]:
        """Versions of PostgreSQL and of pgvector.

        Raises:
            UnavailableError: The database is down.
        """
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["versions"])).fetchone()
        return (row["postgresql"], row["pgvector"]) if row else ("", "")
