"""Conversations in Redis or Valkey."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from ...ports.chat import Message
from ...ports.sessions import Conversation
from .cache import RedisCache


class RedisSessions:
    """The port `Sessions` on Redis or Valkey: a list `session:<id>` of turns as JSON, which expires.

    Args:
        redis: The connections; they stay open.
        rest_seconds: How long a conversation may rest before it is forgotten.
        most_turns: How many turns of each are kept.
    """

    def __init__(self, redis: RedisCache, *, rest_seconds: float, most_turns: int) -> None:
        self._redis = redis
        self._rest_seconds = rest_seconds
        self._most = most_turns

    async def get(self, session_id: str) -> Conversation | None:
        """See `Sessions.get`."""
        async with self._redis.connected() as client, client.pipeline() as pipeline:
            pipeline.lrange(_key(session_id), 0, -1)
            pipeline.pttl(_key(session_id))
            stored, milliseconds = await pipeline.execute()
        if not stored:
            return None
        return Conversation(tuple(Message(**json.loads(turn)) for turn in stored), milliseconds / 1000)

    async def append(self, session_id: str, turns: Sequence[Message]) -> None:
        """See `Sessions.append`."""
        async with self._redis.connected() as client, client.pipeline() as pipeline:
            pipeline.rpush(
                _key(session_id), *(json.dumps({"role": turn.role, "content": turn.content}) for turn in turns)
            )
            pipeline.ltrim(_key(session_id), -self._most, -1)
            pipeline.pexpire(_key(session_id), math.ceil(self._rest_seconds * 1000))
            await pipeline.execute()

    async def clear(self, session_id: str) -> int:
        """See `Sessions.clear`."""
        async with self._redis.connected() as client, client.pipeline() as pipeline:
            pipeline.llen(_key(session_id))
            pipeline.delete(_key(session_id))
            count, _ = await pipeline.execute()
            return int(count)


def _key(session_id: str) -> str:
    return f"session:{session_id}"
