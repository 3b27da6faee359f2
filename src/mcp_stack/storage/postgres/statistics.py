"""What ranking by words counts: how many documents there are, how long they are, and in how many a word is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .queries import queries
from .words import counted

if TYPE_CHECKING:
    from .pool import Database

LOCK_KEY: Final = 4_711_003
"""Any constant: the same in every version, other than those of migrations and workers."""

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
        if await self._count():
            async with self._database.write_statement() as connection:
                await connection.execute(self._sql["vacuum"])
        for _ in range(MOST_TRANSACTIONS):
            if not await self._index_some_again():
                break

    async def _count(self) -> bool:
        """Count the corpus if that is due and nobody else does; whether it was counted."""
        async with self._database.write() as connection:
            lock = await (await connection.execute(self._sql["try_lock"], {"lock": LOCK_KEY})).fetchone()
            if not lock or not lock["locked"]:
                return False
            due = await (await connection.execute(self._sql["is_due"])).fetchone()
            if not due or not due["due"]:
                return False
            await connection.execute(self._sql["count_corpus"])
            await connection.execute(self._sql["count_terms"])
            return True

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
