"""Conversations in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.chat import Message
from ...ports.sessions import EPOCH_SECONDS, Conversation
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database


class PostgresSessions:
    """The port `Sessions` on PostgreSQL.

    Args:
        database: Where they are.
        rest_seconds: How long a conversation may rest before it is forgotten.
        most_turns: How many turns of each are kept.
    """

    def __init__(self, database: Database, *, rest_seconds: float, most_turns: int) -> None:
        self._database = database
        self._rest = {"rest_seconds": rest_seconds}
        self._most = most_turns
        self._sql = queries("sessions")

    async def get(self, session_id: str) -> Conversation | None:
        """See `Sessions.get`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["get"], {"session_id": session_id, **self._rest})
            rows = await cursor.fetchall()
        if not rows or rows[0]["seconds_left"] <= 0:
            return None
        turns = tuple(Message(row["role"], row["content"]) for row in rows)
        return Conversation(turns, round(rows[0]["seconds_left"], 3))

    async def epoch(self, session_id: str) -> str:
        """See `Sessions.epoch`."""
        async with self._database.read() as connection:
            return await self._epoch(connection, session_id)

    async def append(self, session_id: str, turns: Sequence[Message], epoch: str = "") -> None:
        """See `Sessions.append`."""
        values = {
            "session_id": session_id,
            "roles": [turn.role for turn in turns],
            "contents": [turn.content for turn in turns],
            "most": self._most,
            **self._rest,
        }
        async with self._database.write() as connection:
            await connection.execute(self._sql["lock"], values)
            if await self._epoch(connection, session_id) != epoch:
                return
            await connection.execute(self._sql["forget_if_rested"], values)
            await connection.execute(self._sql["append"], values)
            await connection.execute(self._sql["shorten"], values)
            await connection.execute(self._sql["delete_rested"], values)

    async def clear(self, session_id: str) -> int:
        """See `Sessions.clear`."""
        found = await self.get(session_id)
        values = {"session_id": session_id, "kept_seconds": EPOCH_SECONDS}
        async with self._database.write() as connection:
            await connection.execute(self._sql["lock"], values)
            await connection.execute(self._sql["begin_epoch"], values)
            await connection.execute(self._sql["clear"], values)
            await connection.execute(self._sql["delete_old_epochs"], values)
        return len(found.turns) if found else 0

    async def _epoch(self, connection: Connection, session_id: str) -> str:
        row = await (await connection.execute(self._sql["epoch"], {"session_id": session_id})).fetchone()
        return str(row["epoch"]) if row else ""
