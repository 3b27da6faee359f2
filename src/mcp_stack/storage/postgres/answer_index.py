"""Answered questions and what is learned from them, in PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ...ports.answer_index import AnsweredQuestion, Changes, Indexed, Label
from .arrays import array
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MOST_ENTRIES = 30_000
MOST_LABELS = 5_000
AT_ONCE = 4_096
WRITES_BETWEEN_SWEEPS = 256


class PostgresAnswerIndex:
    """The port `AnswerIndex` on PostgreSQL.

    Args:
        database: Where.
        most_entries: The oldest questions go beyond it, and with every sweep those that have expired.
    """

    def __init__(self, database: Database, most_entries: int = MOST_ENTRIES) -> None:
        self._database = database
        self._most_entries = most_entries
        self._sql = queries("answer_index")
        self._writes = 0
        self._labels = 0

    async def changes(self, after: int, policy: str) -> Changes:
        """See `AnswerIndex.changes`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["state"], {"policy": policy}, binary=True)
            state = await cursor.fetchone()
            assert state is not None, "a selection without a table gives one row"  # noqa: S101 - an SQL certainty
            rows: list[dict[str, Any]] = []
            # A sequence that is behind is of an earlier generation: whoever asks begins anew.
            if state["sequence"] > after:
                parameters = {"after": after, "most": AT_ONCE}
                rows = await (await connection.execute(self._sql["changes"], parameters, binary=True)).fetchall()
        return Changes(
            generation=state["generation"],
            entries=[
                Indexed(row["sequence"], bytes(row["scope"]), bytes(row["vector"]), row["answers"], row["seconds_left"])
                for row in rows
            ],
            newest=rows[-1]["sequence"] if rows else state["sequence"],
            more=len(rows) == AT_ONCE,
            newest_label=state["newest_label"],
        )

    async def questions(self, sequences: Sequence[int]) -> dict[int, AnsweredQuestion]:
        """See `AnswerIndex.questions`."""
        async with self._database.read() as connection:
            parameters = {"sequences": array(sequences)}
            rows = await (await connection.execute(self._sql["questions"], parameters, binary=True)).fetchall()
        return {
            row["sequence"]: AnsweredQuestion(
                key=row["key"],
                scope=bytes(row["scope"]),
                query=row["query"],
                vector=bytes(row["vector"]),
                group=row["answers"],
                answer_vector=bytes(row["answer_vector"]),
                interaction_id=row["interaction_id"],
                rights=row["rights"],
                wrongs=row["wrongs"],
            )
            for row in rows
        }

    async def add(self, question: AnsweredQuestion, ttl_seconds: float) -> None:
        """See `AnswerIndex.add`."""
        parameters = {
            **asdict(question),
            "answers": question.group,
            "ttl_seconds": ttl_seconds,
            # Used where this is the first entry since the tables were emptied.
            "generation": secrets.randbits(62),
        }
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["add"], parameters)
            if self._writes % WRITES_BETWEEN_SWEEPS == 0:
                await connection.execute(self._sql["shrink"], {"most": self._most_entries})
            self._writes += 1

    async def remove(self, *, key: str = "", interaction_id: str = "") -> list[str]:
        """See `AnswerIndex.remove`."""
        async with self._database.read() as connection:
            parameters = {"key": key, "interaction_id": interaction_id}
            cursor = await connection.execute(self._sql["remove"], parameters)
            return [row["key"] for row in await cursor.fetchall()]

    async def add_label(self, policy: str, label: Label, sequence: int) -> None:
        """See `AnswerIndex.add_label`."""
        parameters = {**asdict(label), "policy": policy, "sequence": sequence}
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["add_label"], parameters)
            if self._labels % WRITES_BETWEEN_SWEEPS == 0:
                await connection.execute(self._sql["forget_labels"], {"policy": policy, "most": MOST_LABELS})
            self._labels += 1

    async def labels(self, policy: str, after: int) -> list[Label]:
        """See `AnswerIndex.labels`."""
        async with self._database.read() as connection:
            parameters = {"policy": policy, "after": after, "most": MOST_LABELS}
            rows = await (await connection.execute(self._sql["labels"], parameters, binary=True)).fetchall()
        return [Label(bytes(row["features"]), row["was_right"], row["expected"], row["number"]) for row in rows]
