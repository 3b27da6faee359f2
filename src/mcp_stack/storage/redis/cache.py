"""The cache on Redis or Valkey."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...ports.cache import Bucket, Taken

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_BYTES = "512mb"

# Token buckets in one step on the server, by its clock. Numbers travel as text: Lua would cut them to integers.
_BUCKETS_SCRIPT = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1e6
local levels, allowed = {}, 1
for place, key in ipairs(KEYS) do
    local capacity, period = tonumber(ARGV[2 * place - 1]), tonumber(ARGV[2 * place])
    local state = redis.call('HMGET', key, 'tokens', 'refilled')
    local level = capacity
    if state[1] then
        level = math.min(capacity, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * capacity / period)
    end
    if level < 1 then allowed = 0 end
    levels[place] = level
end
local answer = {allowed}
for place, key in ipairs(KEYS) do
    local level = levels[place]
    if allowed == 1 then
        level = level - 1
        redis.call('HSET', key, 'tokens', string.format('%.17g', level), 'refilled', string.format('%.6f', now))
        redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2 * place]) * 1000))
    end
    answer[place + 1] = string.format('%.17g', level)
end
return answer
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
        async with self.connected() as client:
            value = await client.get(key)
            return value.encode() if isinstance(value, str) else value

    async def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """See `Cache.set`."""
        async with self.connected() as client:
            await client.set(key, value, px=max(1, math.ceil(ttl_seconds * 1000)))

    async def delete(self, key: str) -> None:
        """See `Cache.delete`."""
        async with self.connected() as client:
            await client.delete(key)

    async def take_token(self, owner: str, buckets: Sequence[Bucket]) -> Taken:
        """See `Cache.take_token`."""
        keys = [f"{owner}:{bucket.name}" for bucket in buckets]
        arguments = [number for bucket in buckets for number in (bucket.capacity, bucket.period_seconds)]
        async with self.connected() as client:
            allowed, *levels = await client.register_script(_BUCKETS_SCRIPT)(keys=keys, args=arguments)
        return Taken.of(buckets, [float(level) for level in levels], allowed=bool(allowed))

    async def ping(self) -> None:
        """See `Cache.ping`."""
        async with self.connected() as client:
            await client.ping()

    async def version(self) -> str:
        """Name and version of the server.

        Raises:
            UnavailableError: The store is down.
        """
        async with self.connected() as client:
            server = await client.info("server")
        name = "Valkey" if server.get("server_name") == "valkey" else "Redis"
        return f"{name} {server.get('valkey_version') or server.get('redis_version', '')}".strip()

    async def close(self) -> None:
        """See `Cache.close`."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Redis]:
        """The client; what fails within is an UnavailableError."""
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
