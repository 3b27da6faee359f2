"""Interactions in PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...errors import UnavailableError
from ...ports.answering import Answer
from ...ports.interactions import RoutingTotals
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

logger = logging.getLogger(__name__)

SECONDS_TO_GATHER = 0.02
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresInteractions:
    """The port `Interactions` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("interactions")
        self._waiting: list[dict[str, Any]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(
        self, query: str, answer: Answer, saved_usd: float, session_id: str, *, private: bool = False
    ) -> None:
        """See `Interactions.add`."""
        row = _row(query, answer, saved_usd, session_id, private=private)
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["add"], row)

    def add_soon(self, query: str, answer: Answer, saved_usd: float, session_id: str) -> None:
        """See `Interactions.add_soon`."""
        self._waiting.append(_row(query, answer, saved_usd, session_id, private=False))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())

    async def close(self) -> None:
        """See `Interactions.close`."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _write_waiting(self) -> None:
        while self._waiting:
            # Replies go first, and those of the next moment are written together.
            await asyncio.sleep(SECONDS_TO_GATHER)
            rows, self._waiting = self._waiting, []
            try:
                async with self._database.write() as connection, connection.cursor() as cursor:
                    await cursor.executemany(self._sql["add"], rows)
            except UnavailableError as error:
                logger.warning("%d interactions are not recorded: %s", len(rows), error)

    async def totals(self, since: datetime | None) -> RoutingTotals:
        """See `Interactions.totals`."""
        await self.close()
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["totals"], {"since": since or _BEGINNING})
            row = await cursor.fetchone()
        assert row is not None, "an aggregate without groups gives one row"  # noqa: S101 - an SQL certainty
        return RoutingTotals(**row)


def _row(query: str, answer: Answer, saved_usd: float, session_id: str, *, private: bool) -> dict[str, Any]:
    from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

    return {
        **asdict(answer),
        "id": answer.interaction_id,
        "query": query,
        "saved_usd": saved_usd,
        "session_id": session_id,
        "private": private,
        "sources": Jsonb([asdict(source) for source in answer.sources]),
        "reasons": list(answer.reasons),
    }
