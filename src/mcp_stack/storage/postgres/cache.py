"""The cache in UNLOGGED tables: as fast as Redis on one machine, and nothing to install."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.cache import Bucket, Taken
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MAX_BYTES = 512 * 1024 * 1024
SECONDS_BETWEEN_SWEEPS = 60.0


class PostgresCache:
    """The port `Cache` on PostgreSQL. Expired entries are invisible at once and deleted by a sweep now and then."""

    def __init__(self, database: Database, max_bytes: int = MAX_BYTES) -> None:
        self._database = database
        self._max_bytes = max_bytes
        self._sql = queries("cache")
        self._next_sweep = 0.0

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["get"], {"key": key})).fetchone()
            return bytes(row["value"]) if row else None

    async def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """See `Cache.set`."""
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["set"], {"key": key, "value": value, "ttl_seconds": ttl_seconds})
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SECONDS_BETWEEN_SWEEPS
            await self.sweep()

    async def delete(self, key: str) -> None:
        """See `Cache.delete`."""
        async with self._database.read() as connection:
            await connection.execute(self._sql["delete"], {"key": key})

    async def take_token(self, owner: str, buckets: Sequence[Bucket]) -> Taken:
        """See `Cache.take_token`."""
        parameters = {
            "owner": owner,
            "capacities": [float(bucket.capacity) for bucket in buckets],
            "periods": [float(bucket.period_seconds) for bucket in buckets],
        }
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["take_token"], parameters)).fetchone()
        assert row is not None, "an upsert returns its row"  # noqa: S101 - an SQL certainty
        return Taken.of(buckets, row["tokens"], allowed=row["allowed"])

    async def sweep(self) -> None:
        """Delete what has expired, and the entries nearest to their end while there is too much.

        Raises:
            UnavailableError: The store is down.
        """
        async with self._database.read() as connection:
            await connection.execute(self._sql["delete_expired"])
            await connection.execute(self._sql["shrink"], {"max_bytes": self._max_bytes})

    async def ping(self) -> None:
        """See `Cache.ping`."""
        await self._database.ping()

    async def close(self) -> None:
        """Nothing of its own to close: the pool belongs to the database."""
