"""The list of documents in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...ports.catalogue import Listed, NearDuplicate, Page, Part, Selection
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresCatalogue:
    """The port `Catalogue` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("catalogue")

    async def page(self, selection: Selection, *, limit: int, before: int = 0) -> Page:
        """See `Catalogue.page`."""
        parameters = {
            "collection": selection.collection,
            "tags": list(selection.tags),
            "source": selection.source,
            "title": selection.title,
            "before": before,
            "limit": limit + 1,
        }
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["page"], parameters)).fetchall()
            counted = await (await connection.execute(self._sql["total"], parameters)).fetchone()
        total = int(counted["total"]) if counted else 0
        return Page(tuple(_listed(row) for row in rows[:limit]), len(rows) > limit, total)

    async def part(self, document_id: str, *, offset: int, length: int) -> Part | None:
        """See `Catalogue.part`."""
        parameters = {"id": document_id, "offset": offset, "length": length}
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["part"], parameters)).fetchone()
            if row is None:
                return None
            near = await (await connection.execute(self._sql["near_duplicates"], {"id": document_id})).fetchall()
        characters, content = row.pop("characters"), row.pop("content")
        return Part(_listed(row), characters, content, tuple(NearDuplicate(**each) for each in near))

    async def remove(self, document_id: str) -> Listed | None:
        """See `Catalogue.remove`."""
        async with self._database.write() as connection:
            row = await (await connection.execute(self._sql["remove"], {"id": document_id})).fetchone()
            if row is None:
                return None
            # Whatever happens to this process after the commit, answers that cite the document are out of date.
            await connection.execute(self._sql["bump_revision"])
        # Once more after the commit: whoever read the revision before it may have found the document still.
        async with self._database.read() as connection:
            await connection.execute(self._sql["bump_revision"])
        return _listed(row)

    async def pin(self, document_id: str, *, pinned: bool) -> bool:
        """See `Catalogue.pin`."""
        async with self._database.write() as connection:
            cursor = await connection.execute(self._sql["pin"], {"id": document_id, "pinned": pinned})
            return cursor.rowcount > 0

    async def used(self, document_ids: Sequence[str]) -> None:
        """See `Catalogue.used`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["used"], {"ids": list(document_ids)})

    async def collections(self) -> list[str]:
        """See `Catalogue.collections`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["collections"])
            return [row["collection"] for row in await cursor.fetchall()]


def _listed(row: Mapping[str, Any]) -> Listed:
    return Listed(**{**row, "tags": tuple(row["tags"])})
