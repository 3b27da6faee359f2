"""What ranking by words counts: how many documents there are, how long they are, and in how many a word is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .queries import queries
from .words import counted

if TYPE_CHECKING:
    from .pool import Connection, Database

LOCK_KEY: Final = 4_711_010
"""Any constant: the same in every version, other than those of migrations, workers and garbage collections."""

DOCUMENTS_AT_ONCE: Final = 50
"""Indexed again in one transaction: a search or a removal that needs one of them waits no longer than that takes."""

MOST_TRANSACTIONS: Final = 100
"""Of one refresh; the next one goes on, and other jobs have their turn in between."""


class Statistics:
    """Counts the corpus, and indexes documents again whose impacts were computed with other figures."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("statistics")

    async def refresh(self) -> None:
        """See `Documents.refresh_statistics`."""
        await self._count()
        for _ in range(MOST_TRANSACTIONS):
            if not await self._index_some_again():
                break

    async def _count(self) -> None:
        """Count the corpus if that is due and nobody else does."""
        # A million documents take longer than any other statement may.
        async with self._database.kept() as connection:
            if not await self._says_yes(connection, "is_due"):
                return
            await connection.execute(self._sql["vacuum"])
            async with connection.transaction():
                if await self._says_yes(connection, "try_lock"):
                    await connection.execute(self._sql["count_corpus"])
                    await connection.execute(self._sql["count_terms"])

    async def _says_yes(self, connection: Connection, query: str) -> bool:
        row = await (await connection.execute(self._sql[query], {"lock": LOCK_KEY})).fetchone()
        return row is not None and bool(row["yes"])

    async def _index_some_again(self) -> bool:
        """Index the next documents whose impacts are off; false if there are none left."""
        async with self._database.write() as connection:
            cursor = await connection.execute(self._sql["outdated"], {"limit": DOCUMENTS_AT_ONCE})
            outdated = await cursor.fetchall()
            for document in outdated:
                chunks = await (await connection.execute(self._sql["chunks"], document)).fetchall()
                words = counted(
                    document["title"], [(each["ordinal"], each["heading"], each["content"]) for each in chunks]
                )
                await connection.execute(self._sql["unindex"], document)
                await connection.execute(self._sql["index"], {**document, **words})
        return bool(outdated)
