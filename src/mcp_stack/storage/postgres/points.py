"""Points of interest in PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.points import PointOfInterest, PointPage
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresPoints:
    """The port `PointsOfInterest` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("points")

    async def put(self, *, title: str, url: str, category: str, description: str) -> tuple[PointOfInterest, bool]:
        """See `PointsOfInterest.put`."""
        values = {"id": uuid.uuid4(), "title": title, "url": url, "category": category, "description": description}
        async with self._database.write() as connection:
            row = await (await connection.execute(self._sql["put"], values)).fetchone()
        assert row is not None, "an upsert returns its row"  # noqa: S101 - an SQL certainty
        is_new = row.pop("is_new")
        return PointOfInterest(**row), is_new

    async def list(self, *, category: str, words: Sequence[str], limit: int, offset: int) -> PointPage:
        """See `PointsOfInterest.list`."""
        values = {"category": category, "words": [*words], "limit": limit, "offset": offset}
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["list"], values)).fetchall()
            counted = (
                rows
                or await (await connection.execute(self._sql["list"], {**values, "limit": 1, "offset": 0})).fetchall()
            )
        total = counted[0]["total"] if counted else 0
        points = ({key: value for key, value in row.items() if key != "total"} for row in rows)
        return PointPage(tuple(PointOfInterest(**point) for point in points), total)
