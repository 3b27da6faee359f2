"""The cache on Redis or Valkey."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...ports.cache import Taken

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_BYTES = "512mb"

# A token bucket in one step on the server, by its clock. Numbers travel as text: Lua would cut them to integers.
_BUCKET_SCRIPT = """
local capacity, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1e6
local state = redis.call('HMGET', KEYS[1], 'tokens', 'refilled')
local level = capacity
if state[1] then
    level = math.min(capacity, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * capacity / period)
end
local allowed = level >= 1
if allowed then level = level - 1 end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', level), 'refilled', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(period * 1000))
return {allowed and 1 or 0, string.format('%.17g', level)}
"""


class RedisCache:
    """The port `Cache` on Redis or Valkey.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        max_connections: Most connections of this process.
        timeout_seconds: For connecting and for each answer.
    """

    def __init__(self, url: str, *, max_connections: int = 50, timeout_seconds: float = 5) -> None:
        self._url = url
        self._max_connections = max_connections
        self._timeout = timeout_seconds
        self._client: Redis | None = None

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        async with self._connected() as client:
            value = await client.get(key)
            return value.encode() if isinstance(value, str) else value

    async def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """See `Cache.set`."""
        async with self._connected() as client:
            await client.set(key, value, px=max(1, math.ceil(ttl_seconds * 1000)))

    async def delete(self, key: str) -> None:
        """See `Cache.delete`."""
        async with self._connected() as client:
            await client.delete(key)

    async def take_token(self, bucket: str, capacity: int, period_seconds: float) -> Taken:
        """See `Cache.take_token`."""
        async with self._connected() as client:
            script = client.register_script(_BUCKET_SCRIPT)
            allowed, level = await script(keys=[bucket], args=[capacity, period_seconds])
        if allowed:
            return Taken(allowed=True, retry_after_seconds=0)
        return Taken(allowed=False, retry_after_seconds=(1 - float(level)) * period_seconds / capacity)

    async def ping(self) -> None:
        """See `Cache.ping`."""
        async with self._connected() as client:
            await client.ping()

    async def close(self) -> None:
        """See `Cache.close`."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Redis]:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 - heavy: imported on first use
        from redis.exceptions import RedisError  # noqa: PLC0415 - heavy: imported on first use

        try:
            if self._client is None:
                pool = BlockingConnectionPool.from_url(
                    self._url,
                    max_connections=self._max_connections,
                    timeout=self._timeout,
                    socket_timeout=self._timeout,
                    socket_connect_timeout=self._timeout,
                )
                self._client = Redis(connection_pool=pool)
                await self._bound_memory(self._client)
            yield self._client
        except (RedisError, OSError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnavailableError(
                f"Redis does not answer ({reason})", "start it, correct REDIS_URL, or unset it to cache in PostgreSQL"
            ) from error

    async def _bound_memory(self, client: Redis) -> None:
        """Give a server without a memory bound ours; one that has a bound, or refuses, keeps its own."""
        from redis.exceptions import ResponseError  # noqa: PLC0415 - heavy: imported on first use

        try:
            bound = await client.config_get("maxmemory")
            if int(bound.get("maxmemory") or 0) == 0:
                await client.config_set("maxmemory", MAX_BYTES)
                await client.config_set("maxmemory-policy", "allkeys-lru")
        except ResponseError:
            return
