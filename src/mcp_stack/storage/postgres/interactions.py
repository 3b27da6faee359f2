"""Interactions in PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...ports.answering import Answer
from ...ports.interactions import RoutingTotals
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

logger = logging.getLogger(__name__)

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresInteractions:
    """The port `Interactions` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("interactions")
        self._pending: set[asyncio.Task[None]] = set()

    async def add(
        self, query: str, answer: Answer, saved_usd: float, session_id: str, *, private: bool = False
    ) -> None:
        """See `Interactions.add`."""
        from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

        async with self._database.write() as connection:
            await connection.execute(
                self._sql["add"],
                {
                    **asdict(answer),
                    "id": answer.interaction_id,
                    "query": query,
                    "saved_usd": saved_usd,
                    "session_id": session_id,
                    "private": private,
                    "sources": Jsonb([asdict(source) for source in answer.sources]),
                    "reasons": list(answer.reasons),
                },
            )

    def add_soon(self, query: str, answer: Answer, saved_usd: float, session_id: str) -> None:
        """See `Interactions.add_soon`."""
        task = asyncio.create_task(self._add_quietly(query, answer, saved_usd, session_id))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def close(self) -> None:
        """See `Interactions.close`."""
        if self._pending:
            await asyncio.wait(self._pending)

    async def _add_quietly(self, query: str, answer: Answer, saved_usd: float, session_id: str) -> None:
        try:
            await self.add(query, answer, saved_usd, session_id)
        except UnavailableError as error:
            logger.warning("the interaction %s is not recorded: %s", answer.interaction_id, error)

    async def totals(self, since: datetime | None) -> RoutingTotals:
        """See `Interactions.totals`."""
        await self.close()
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["totals"], {"since": since or _BEGINNING})
            row = await cursor.fetchone()
        assert row is not None, "an aggregate without groups gives one row"  # noqa: S101 - an SQL certainty
        return RoutingTotals(**row)
