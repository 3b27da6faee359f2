"""Money set aside for calls of models, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ports.spending import SetAside, Used
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database

# Any constant, other than those of the migrations and of the worker's lease.
LOCK_KEY = 4_711_018


class PostgresLedger:
    """The port `Ledger` on PostgreSQL.

    A nearly full disk does not keep it from writing: without its few bytes, money would be spent that nobody counts.

    Args:
        database: Where interactions are, and what is set aside.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("spending")

    async def used(self) -> Used:
        """See `Ledger.used`."""
        async with self._database.read() as connection:
            return await self._used(connection)

    async def set_aside(
        self, *, most_usd: float, least_usd: float, day_usd: float, hour_usd: float, seconds: float
    ) -> SetAside | None:
        """See `Ledger.set_aside`."""
        async with self._database.read() as connection, connection.transaction():
            # A statement of its own: the next one sees what those have taken who were here before.
            await connection.execute(self._sql["queue"], {"key": LOCK_KEY})
            used = await self._used(connection)
            usd = min(most_usd, day_usd - used.day_usd, hour_usd - used.hour_usd)
            if usd < least_usd:
                return None
            row = await (await connection.execute(self._sql["set_aside"], {"usd": usd, "seconds": seconds})).fetchone()
            assert row is not None, "an insert returns its row"  # noqa: S101 - an SQL certainty
            return SetAside(**row)

    async def settle(self, set_aside: SetAside, usd: float) -> None:
        """See `Ledger.settle`."""
        async with self._database.read() as connection:
            await connection.execute(self._sql["settle"], {"id": set_aside.id, "usd": usd})

    async def release(self, ids: list[str]) -> None:
        """See `Ledger.release`."""
        async with self._database.read() as connection:
            await connection.execute(self._sql["release"], {"ids": ids})

    async def _used(self, connection: Connection) -> Used:
        row = await (await connection.execute(self._sql["used"])).fetchone()
        assert row is not None, "an aggregate without groups gives one row"  # noqa: S101 - an SQL certainty
        return Used(**row)
