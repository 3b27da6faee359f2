"""Rated answers and the judge fitted to them, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ports.judging import RatedAnswer, StoredJudge
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresJudging:
    """The port `Judging` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("judging")

    async def rated_answers(self, features_version: int, limit: int) -> list[RatedAnswer]:
        """See `Judging.rated_answers`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["rated"], {"version": features_version, "limit": limit})
            return [RatedAnswer(tuple(row["features"]), row["good"]) for row in await cursor.fetchall()]

    async def save_judge(self, content: bytes) -> None:
        """See `Judging.save_judge`."""
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["save"], {"content": content})

    async def judge(self, known_version: int) -> StoredJudge | None:
        """See `Judging.judge`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["judge"], {"version": known_version})).fetchone()
            return StoredJudge(row["version"], bytes(row["content"])) if row else None
