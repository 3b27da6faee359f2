"""Garbage in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...ports.garbage import Duplicate, Leftover, Report, Stored
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database


class PostgresGarbage:
    """The port `Garbage` on PostgreSQL.

    Args:
        database: Where it is.
        servers: Gives the names of the servers whose tools are wanted; None where they are not known for sure.
    """

    def __init__(self, database: Database, servers: Callable[[], Collection[str] | None]) -> None:
        self._database = database
        self._servers = servers
        self._sql = queries("garbage")

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """See `Garbage.alone`. The lock belongs to the connection: it goes with a process that is killed."""
        async with self._database.kept() as connection:
            row = await (await connection.execute(self._sql["lock"])).fetchone()
            taken = bool(row and row["taken"])
            try:
                yield taken
            finally:
                if taken:
                    await self._unlock(connection)

    async def unused(self, since: datetime, origin: str, *, after: int, limit: int) -> list[Stored]:
        """See `Garbage.unused`."""
        rows = await self._rows("unused", {"since": since, "origin": origin, "after": after, "limit": limit})
        return [Stored(**row) for row in rows]

    async def embedded(self, model: str, *, after: int, limit: int) -> list[tuple[int, str]]:
        """See `Garbage.embedded`."""
        rows = await self._rows("embedded", {"model": model, "after": after, "limit": limit})
        return [(row["number"], row["id"]) for row in rows]

    async def described(self, document_ids: Sequence[str]) -> list[Stored]:
        """See `Garbage.described`."""
        return [Stored(**row) for row in await self._rows("described", {"ids": list(document_ids)})]

    async def models(self, document_ids: Sequence[str]) -> dict[str, str]:
        """See `Garbage.models`."""
        rows = await self._rows("models", {"ids": list(document_ids)})
        return {row["id"]: row["embedding_model"] for row in rows}

    async def remove_unused(self, document_ids: Sequence[str], since: datetime, origin: str) -> list[str]:
        """See `Garbage.remove_unused`."""
        return await self._remove("remove_unused", {"ids": list(document_ids), "since": since, "origin": origin})

    async def remove_duplicates(self, duplicates: Sequence[Duplicate], origin: str) -> list[str]:
        """See `Garbage.remove_duplicates`."""
        ids, kept = [each.id for each in duplicates], [each.kept for each in duplicates]
        return await self._remove("remove_duplicates", {"ids": ids, "kept": kept, "origin": origin})

    async def count(self, kind: Leftover, since: datetime) -> int:
        """See `Garbage.count`."""
        (row,) = await self._rows(f"count_{kind}", self._bounds(since))
        return int(row["rows"])

    async def sweep(self, kind: Leftover, since: datetime, *, limit: int) -> int:
        """See `Garbage.sweep`."""
        async with self._database.write() as connection:
            bounds = self._bounds(since)
            cursor = await connection.execute(self._sql[f"sweep_{kind}"], {**bounds, "limit": limit})
            swept = cursor.rowcount
            if swept and (after := self._sql.get(f"after_{kind}")):
                await connection.execute(after, bounds)
            return swept

    async def keep_report(self, content: Mapping[str, Any]) -> None:
        """See `Garbage.keep_report`."""
        from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

        async with self._database.write() as connection:
            await connection.execute(self._sql["keep_report"], {"report": Jsonb(dict(content))})

    async def last_report(self) -> Report | None:
        """See `Garbage.last_report`."""
        rows = await self._rows("last_report", {})
        return Report(**rows[0]) if rows else None

    def _bounds(self, since: datetime) -> dict[str, Any]:
        """What leftovers are measured by. Where the servers are unknown, SQL finds none that is not among them."""
        servers = self._servers()
        return {"since": since, "servers": None if servers is None else sorted(servers)}

    async def _unlock(self, connection: Connection) -> None:
        try:
            await connection.execute(self._sql["unlock"])
        except BaseException:
            # The lock must not go back to the pool with its connection.
            await connection.close()
            raise

    async def _rows(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        async with self._database.read() as connection:
            return await (await connection.execute(self._sql[query], parameters)).fetchall()

    async def _remove(self, query: str, parameters: Mapping[str, Any]) -> list[str]:
        async with self._database.write() as connection:
            rows = await (await connection.execute(self._sql[query], parameters)).fetchall()
            if rows:
                await connection.execute(self._sql["bump_revision"])
        if rows:
            # Once more after the commit: whoever read the revision before it may have found the documents still.
            async with self._database.read() as connection:
                await connection.execute(self._sql["bump_revision"])
        return [row["id"] for row in rows]
