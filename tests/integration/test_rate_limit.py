"""How often a client may ask, over all of a machine's processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_stack.errors import RateLimitedError, UnavailableError
from mcp_stack.mcp.ratelimit import SECONDS_OF_REST, RateLimiter
from mcp_stack.ports.cache import Taken
from mcp_stack.storage.postgres.cache import PostgresCache
from mcp_stack.storage.postgres.pool import Database
from tests.support.stdio import environment, served


async def _take(limiter: RateLimiter, times: int) -> None:
    for _ in range(times):
        await limiter.take("ada")


async def test_a_client_gets_its_sixty_a_minute_and_is_told_which_limit_it_reached(database: Database) -> None:
    limiter = RateLimiter(PostgresCache(database), 60, 1000)
    await _take(limiter, 60)
    with pytest.raises(RateLimitedError, match="60 requests a minute are allowed; try again in 1 s"):
        await _take(limiter, 60)
    await limiter.take("grace")


async def test_refused_requests_do_not_use_up_the_hour(database: Database) -> None:
    limiter = RateLimiter(PostgresCache(database), 2, 5)
    await _take(limiter, 2)
    for _ in range(10):
        with pytest.raises(RateLimitedError, match="2 requests a minute"):
            await limiter.take("ada")
    async with database.write() as connection:
        await connection.execute("update rate_buckets set refilled = refilled - interval '1 minute'")
    await _take(limiter, 2)


async def test_the_hour_is_told_when_it_is_the_hour(database: Database) -> None:
    limiter = RateLimiter(PostgresCache(database), 60, 3)
    await _take(limiter, 3)
    with pytest.raises(RateLimitedError, match="3 requests an hour are allowed") as caught:
        await limiter.take("ada")
    assert 1190 <= caught.value.retry_after_seconds <= 1200
    assert caught.value.retry_after_seconds == int(caught.value.retry_after_seconds)


async def test_tokens_come_back_one_by_one(database: Database) -> None:
    limiter = RateLimiter(PostgresCache(database), 60, 1000)
    await _take(limiter, 60)
    async with database.write() as connection:
        await connection.execute("update rate_buckets set refilled = refilled - interval '10 seconds'")
    await _take(limiter, 10)
    with pytest.raises(RateLimitedError):
        await _take(limiter, 10)


class DeadCache:
    """A cache that is down, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def take_token(self, owner: str, buckets: object) -> Taken:
        self.asked += 1
        raise UnavailableError("the cache is down", "wait")


async def test_while_the_cache_is_down_requests_pass_and_it_is_asked_now_and_then() -> None:
    cache, now = DeadCache(), [0.0]
    limiter = RateLimiter(cache, 1, 1, clock=lambda: now[0])  # type: ignore[arg-type]  # a limiter needs no more of it
    for _ in range(100):
        await limiter.take("ada")
    assert cache.asked == 1
    now[0] += SECONDS_OF_REST
    await limiter.take("ada")
    assert cache.asked == 2


def test_every_server_limits_its_client_and_health_is_always_answered(tmp_path: Path) -> None:
    limits = {"SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE": "3", "SECURITY__RATE_LIMIT__REQUESTS_PER_HOUR": "1000"}
    environ = environment(tmp_path, **limits)
    with served("aidb", environ) as server, served("aidb", environ) as neighbour:
        for _ in range(3):
            server.must("search_knowledge", {"query": "x"})
        refused = server.call("search_knowledge", {"query": "x"})
        assert re.fullmatch(r"RATE_LIMITED: 3 requests a minute are allowed; try again in \d+ s", refused.text)
        assert server.must("health", {})["ready"]
        neighbour.must("search_knowledge", {"query": "x"})
