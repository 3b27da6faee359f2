"""Conversations in Redis or Valkey."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from contextlib import suppress

from ...ports.chat import Message
from ...ports.sessions import EPOCH_SECONDS, Conversation
from .cache import RedisCache


class RedisSessions:
    """The port `Sessions` on Redis or Valkey.

    A list `session:<id>` of turns as JSON, which expires; for one that was cleared its epoch, `session-epoch:<id>`.

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

    async def epoch(self, session_id: str) -> str:
        """See `Sessions.epoch`."""
        async with self._redis.connected() as client:
            return _text(await client.get(_epoch_key(session_id)))

    async def append(self, session_id: str, turns: Sequence[Message], epoch: str = "") -> None:
        """See `Sessions.append`."""
        from redis.exceptions import WatchError  # noqa: PLC0415 - heavy: imported on first use

        async with self._redis.connected() as client, client.pipeline() as pipeline:
            await pipeline.watch(_epoch_key(session_id))
            if _text(await pipeline.get(_epoch_key(session_id))) != epoch:
                return
            pipeline.multi()  # type: ignore[no-untyped-call] # the library's own lack
            pipeline.rpush(
                _key(session_id), *(json.dumps({"role": turn.role, "content": turn.content}) for turn in turns)
            )
            pipeline.ltrim(_key(session_id), -self._most, -1)
            pipeline.pexpire(_key(session_id), math.ceil(self._rest_seconds * 1000))
            with suppress(WatchError):  # cleared this very moment
                await pipeline.execute()

    async def clear(self, session_id: str) -> int:
        """See `Sessions.clear`."""
        async with self._redis.connected() as client, client.pipeline() as pipeline:
            pipeline.llen(_key(session_id))
            pipeline.delete(_key(session_id))
            pipeline.set(_epoch_key(session_id), str(uuid.uuid4()), ex=int(EPOCH_SECONDS))
            count, *_ = await pipeline.execute()
            return int(count)


def _key(session_id: str) -> str:
    return f"session:{session_id}"


def _epoch_key(session_id: str) -> str:
    return f"session-epoch:{session_id}"


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
