"""Interactions in PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import UnavailableError
from ...ports.answering import Route
from ...ports.interactions import Interaction, NewInteraction, RoutingTotals
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

logger = logging.getLogger(__name__)

SECONDS_TO_GATHER = 0.02
# A calibration error of fewer answers says more about chance than about the confidence.
LEAST_RATED = 20
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Value(Protocol):
    """The value score of an answer, from what it is made of."""

    def __call__(self, route: Route, quality: float, tokens_out: int, *, rating: int, reused: int) -> float:
        """In [0, 1]."""
        ...


class PostgresInteractions:
    """The port `Interactions` on PostgreSQL.

    Args:
        database: Where they are.
        value: Values an answer anew when it was served again.
    """

    def __init__(self, database: Database, value: Value) -> None:
        self._database = database
        self._value = value
        self._sql = queries("interactions")
        self._waiting: list[dict[str, Any]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, interaction: NewInteraction) -> None:
        """See `Interactions.add`."""
        import psycopg  # noqa: PLC0415 - heavy: imported on first use

        try:
            async with self._database.write_statement() as connection:
                await connection.execute(self._sql["add"], _row(interaction))
        except psycopg.Error as error:
            raise UnavailableError(f"the interaction cannot be stored ({error})", "see the server's log") from error

    def add_soon(self, interaction: NewInteraction) -> None:
        """See `Interactions.add_soon`."""
        self._waiting.append(_row(interaction))
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
            await self._write_what_can_be(rows)

    async def _write_what_can_be(self, rows: list[dict[str, Any]]) -> None:
        """Write rows; one that cannot be stored takes none of the others along, and is told of."""
        try:
            await self._write(rows)
        except UnavailableError as error:
            logger.warning("%d interactions are not recorded: %s", len(rows), error)
        except Exception as error:
            if len(rows) == 1:
                logger.exception("the interaction %s is not recorded", rows[0]["id"])
                return
            logger.warning("%d interactions cannot be recorded together (%s): in halves", len(rows), error)
            middle = len(rows) // 2
            await self._write_what_can_be(rows[:middle])
            await self._write_what_can_be(rows[middle:])

    async def _write(self, rows: list[dict[str, Any]]) -> None:
        served = Counter(row["answered_by"] for row in rows if row["answered_by"])
        async with self._database.write() as connection, connection.cursor() as cursor:
            await cursor.executemany(self._sql["add"], rows)
            counted = {"ids": list(served), "times": list(served.values())}
            await cursor.execute(self._sql["count_reuse"], counted)
            again = [{"id": row.pop("id"), "value_score": self._value(**row)} for row in await cursor.fetchall()]
            if again:
                await cursor.executemany(self._sql["revalue"], again)

    async def totals(self, since: datetime | None) -> RoutingTotals:
        """See `Interactions.totals`."""
        await self.close()
        async with self._database.read() as connection:
            values = {"since": since or _BEGINNING, "least_rated": LEAST_RATED}
            cursor = await connection.execute(self._sql["totals"], values)
            row = await cursor.fetchone()
        assert row is not None, "an aggregate without groups gives one row"  # noqa: S101 - an SQL certainty
        return RoutingTotals(**{**row, "calibration_error": row["calibration_error"] or 0.0})

    async def get(self, interaction_id: str) -> Interaction | None:
        """See `Interactions.get`."""
        await self.close()
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["get"], {"id": interaction_id})).fetchone()
            return Interaction(**row) if row else None

    async def rate(self, interaction_id: str, *, rating: int, correction: str, value_score: float) -> None:
        """See `Interactions.rate`."""
        values = {"id": interaction_id, "rating": rating, "correction": correction, "value_score": value_score}
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["rate"], values)

    async def spent_usd(self, since: datetime) -> float:
        """See `Interactions.spent_usd`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["spent"], {"since": since})).fetchone()
        assert row is not None, "an aggregate without groups gives one row"  # noqa: S101 - an SQL certainty
        return float(row["usd"])


def _row(interaction: NewInteraction) -> dict[str, Any]:
    from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

    answer, checked = interaction.answer, interaction.checked
    return {
        **asdict(answer),
        "id": answer.interaction_id,
        "query": interaction.query,
        "saved_usd": interaction.saved_usd,
        "session_id": interaction.session_id,
        "private": interaction.private,
        "checked": list(checked.features) if checked else [],
        "checked_version": checked.version if checked else 0,
        "sources": Jsonb([asdict(source) for source in answer.sources]),
        "reasons": list(answer.reasons),
    }
