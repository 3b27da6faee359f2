"""Answered questions in PostgreSQL, and how far each reader has come."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ...ports.feeds import AnsweredQuestion, Unread
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MOST_CHARACTERS = 20_000


class PostgresAnsweredQuestions:
    """The port `AnsweredQuestions` on the table `interactions`.

    Args:
        database: Where it is.
        seconds_to_settle: Age from which on an answer is read: a younger one may be followed by one that was begun
            earlier and is committed later.
    """

    def __init__(self, database: Database, seconds_to_settle: float = 60) -> None:
        self._database = database
        self._seconds_to_settle = seconds_to_settle
        self._sql = queries("feeds")

    async def unread(self, reader: str, *, least_value: float, limit: int) -> Unread:
        """See `AnsweredQuestions.unread`."""
        async with self._database.read() as connection:
            row = await (
                await connection.execute(self._sql["horizon"], {"seconds": self._seconds_to_settle})
            ).fetchone()
            assert row is not None, "a select without a table gives one row"  # noqa: S101 - an SQL certainty
            values = {
                "reader": reader,
                "horizon": row["horizon"],
                "least_value": least_value,
                "limit": limit,
                "characters": MOST_CHARACTERS,
            }
            rows = await (await connection.execute(self._sql["unread"], values)).fetchall()
        answers = [AnsweredQuestion(**{**each, "collections": tuple(each["collections"])}) for each in rows]
        return Unread(answers, len(answers) < limit, row["horizon"])

    async def mark(self, reader: str, until: datetime, last_id: str) -> None:
        """See `AnsweredQuestions.mark`."""
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["mark"], {"reader": reader, "until": until, "last_id": last_id})
