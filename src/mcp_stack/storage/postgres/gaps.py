"""Gaps of the knowledge base in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...ports.gaps import Asked, Gap
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MOST_GAPS = 5000


class PostgresGaps:
    """The port `Gaps` on PostgreSQL.

    Args:
        database: Where they are.
        most: How many are kept.
    """

    def __init__(self, database: Database, most: int = MOST_GAPS) -> None:
        self._database = database
        self._most = most
        self._sql = queries("gaps")

    async def note(self, searches: Sequence[Asked]) -> None:
        """See `Gaps.note`."""
        for search in searches:
            # A transaction each: one that holds several rows could wait for another that waits for it.
            async with self._database.write() as connection:
                await connection.execute(self._sql["note_weak" if search.weak else "forget"], asdict(search))
        if any(search.weak for search in searches):
            async with self._database.write() as connection:
                await connection.execute(self._sql["shrink"], {"most": self._most})

    async def most_asked(self, limit: int) -> list[Gap]:
        """See `Gaps.most_asked`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["most_asked"], {"limit": limit})
            return [Gap(**row) for row in await cursor.fetchall()]
