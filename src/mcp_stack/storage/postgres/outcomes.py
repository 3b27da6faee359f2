"""Outcomes of routed questions in PostgreSQL."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ...ports.outcomes import Decided, Outcome, StoredModel
from .arrays import array
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MOST_OUTCOMES = 20_000
# The bound is looked at with one of so many additions.
ADDITIONS_BETWEEN_SWEEPS = 50


class PostgresOutcomes:
    """The port `Outcomes` on PostgreSQL.

    Args:
        database: Where they are.
        most: How many are kept, give or take `ADDITIONS_BETWEEN_SWEEPS`.
    """

    def __init__(self, database: Database, most: int = MOST_OUTCOMES) -> None:
        self._database = database
        self._most = most
        self._sql = queries("outcomes")

    async def add(self, outcome: Outcome) -> None:
        """See `Outcomes.add`."""
        # Not `asdict`, which copies every number by itself.
        row = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
        row |= {"features": array(outcome.features), "words": array(outcome.words)}
        async with self._database.write() as connection:
            added = await (await connection.execute(self._sql["add"], row)).fetchone()
            if added is None:
                return
            if outcome.local is not None or outcome.remote is not None:
                await connection.execute(self._sql["count_label"])
            if added["id"] % ADDITIONS_BETWEEN_SWEEPS == 0:
                await connection.execute(self._sql["forget"], {"most": self._most})

    async def label(self, interaction_id: str, *, local: float | None = None, remote: float | None = None) -> bool:
        """See `Outcomes.label`."""
        row = {"interaction_id": interaction_id, "local": local, "remote": remote}
        async with self._database.write() as connection:
            found = (await connection.execute(self._sql["label"], row)).rowcount > 0
            if found:
                await connection.execute(self._sql["count_label"])
            return found

    async def labels(self) -> int:
        """See `Outcomes.labels`."""
        return int((await self._one("labels") or {"labels": 0})["labels"])

    async def newest(self, limit: int, *, labelled: bool = True) -> list[Outcome]:
        """See `Outcomes.newest`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["newest"], {"limit": limit, "labelled": labelled}, binary=True)
            return [
                Outcome(**{**row, "features": tuple(row["features"]), "words": tuple(row["words"])})
                for row in await cursor.fetchall()
            ]

    async def decided(self, limit: int) -> list[Decided]:
        """See `Outcomes.decided`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["decided"], {"limit": limit})
            return [Decided(**row) for row in await cursor.fetchall()]

    async def save_model(self, content: bytes, labels: int) -> int:
        """See `Outcomes.save_model`."""
        async with self._database.write() as connection:
            cursor = await connection.execute(self._sql["save_model"], {"content": content, "labels": labels})
            row = await cursor.fetchone()
        assert row is not None, "a row is written or replaced"  # noqa: S101 - an SQL certainty
        return int(row["version"])

    async def labels_fitted(self) -> int:
        """See `Outcomes.labels_fitted`."""
        row = await self._one("model_version")
        return int(row["labels"]) if row else 0

    async def model_version(self) -> int:
        """See `Outcomes.model_version`."""
        row = await self._one("model_version")
        return int(row["version"]) if row else 0

    async def model(self) -> StoredModel | None:
        """See `Outcomes.model`."""
        row = await self._one("model")
        return StoredModel(**row) if row else None

    async def _one(self, query: str) -> dict[str, Any] | None:
        async with self._database.read() as connection:
            return await (await connection.execute(self._sql[query])).fetchone()
