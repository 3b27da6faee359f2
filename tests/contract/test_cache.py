"""The port `Cache`, on PostgreSQL and on a real Redis or Valkey."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.cache import Bucket, Cache
from mcp_stack.storage.postgres.cache import PostgresCache
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.redis.cache import RedisCache
from tests.support.postgres import open_database
from tests.support.redis_server import running_redis


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running_redis() as url:
        yield url


@pytest.fixture(params=["postgres", "redis"])
async def cache(request: pytest.FixtureRequest, database: Database, redis_url: str) -> AsyncIterator[Cache]:
    if request.param == "postgres":
        yield PostgresCache(database)
        return
    redis = RedisCache(redis_url)
    yield redis
    await redis.close()


async def test_a_value_is_found_until_it_is_deleted(cache: Cache) -> None:
    await cache.set("query:a", b"\x00binary\xff", 60)
    assert await cache.get("query:a") == b"\x00binary\xff"
    await cache.delete("query:a")
    await cache.delete("query:a")
    assert await cache.get("query:a") is None


async def test_a_second_value_replaces_the_first(cache: Cache) -> None:
    await cache.set("query:b", b"one", 60)
    await cache.set("query:b", b"two", 60)
    assert await cache.get("query:b") == b"two"


async def test_a_value_is_gone_when_its_time_is_over(cache: Cache) -> None:
    await cache.set("query:c", b"short", 0.05)
    async with asyncio.timeout(5):
        while await cache.get("query:c") is not None:
            await asyncio.sleep(0.01)


async def test_a_bucket_gives_as_many_tokens_as_it_holds_and_says_when_the_next_comes(cache: Cache) -> None:
    hour = [Bucket("hour", 3, 3600)]
    taken = [await cache.take_token("rate:full", hour) for _ in range(4)]
    assert [each.allowed for each in taken] == [True, True, True, False]
    assert 1100 < taken[3].retry_after_seconds <= 1200
    assert (await cache.take_token("rate:other", hour)).allowed


async def test_a_bucket_fills_again_with_time(cache: Cache) -> None:
    quick = [Bucket("quick", 1, 0.05)]
    assert (await cache.take_token("rate:quick", quick)).allowed
    async with asyncio.timeout(5):
        while not (await cache.take_token("rate:quick", quick)).allowed:
            await asyncio.sleep(0.005)


async def test_a_token_that_is_refused_by_one_bucket_stays_in_the_others(cache: Cache) -> None:
    both = [Bucket("small", 2, 3600), Bucket("large", 5, 7200)]
    taken = [await cache.take_token("rate:both", both) for _ in range(30)]
    assert [each.allowed for each in taken] == [True] * 2 + [False] * 28
    assert {each.lacking for each in taken[2:]} == {both[0]}
    raised = [Bucket("small", 100, 0.001), both[1]]
    later = [await cache.take_token("rate:both", raised) for _ in range(4)]
    assert [each.allowed for each in later] == [True] * 3 + [False]
    assert later[-1].lacking == both[1]


async def test_the_bucket_that_takes_longest_is_the_one_that_is_told(cache: Cache) -> None:
    both = [Bucket("minute", 1, 60), Bucket("hour", 1, 3600)]
    await cache.take_token("rate:empty", both)
    refused = await cache.take_token("rate:empty", both)
    assert refused.lacking == both[1]
    assert 3500 < refused.retry_after_seconds <= 3600


async def test_callers_at_the_same_instant_share_the_buckets(cache: Cache) -> None:
    both = [Bucket("one", 10, 3600), Bucket("other", 12, 3600)]
    taken = await asyncio.gather(*(cache.take_token("rate:race", both) for _ in range(40)))
    assert sum(each.allowed for each in taken) == 10


def _take_often(conninfo: str, redis_url: str, times: int) -> int:
    async def take() -> int:
        database = open_database(conninfo)
        cache = RedisCache(redis_url) if redis_url else PostgresCache(database)
        both = [Bucket("one", 25, 3600), Bucket("other", 40, 3600)]
        taken = await asyncio.gather(*(cache.take_token("rate:shared", both) for _ in range(times)))
        await cache.close()
        await database.close()
        return sum(each.allowed for each in taken)

    return asyncio.run(take())


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_processes_share_the_buckets(store: str, conninfo: str, redis_url: str) -> None:
    arguments = (conninfo, redis_url if store == "redis" else "", 20)
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        taken = [pool.submit(_take_often, *arguments) for _ in range(3)]
        assert sum([await asyncio.wrap_future(each) for each in taken]) == 25


async def test_it_answers_a_ping(cache: Cache) -> None:
    await cache.ping()


async def test_a_redis_that_is_gone_is_unavailable_and_says_what_to_do() -> None:
    cache = RedisCache("redis://127.0.0.1:1/0", timeout_seconds=1)
    with pytest.raises(UnavailableError, match="REDIS_URL"):
        await cache.get("query:a")
    await cache.close()


async def test_a_redis_without_a_memory_bound_is_given_one(redis_url: str) -> None:
    from redis.asyncio import Redis

    cache = RedisCache(redis_url)
    await cache.ping()
    async with Redis.from_url(redis_url) as client:
        assert (await client.config_get("maxmemory"))["maxmemory"] == str(512 * 1024 * 1024)
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "allkeys-lru"
    await cache.close()


async def test_a_sweep_deletes_what_expired_and_shrinks_what_is_too_large(database: Database) -> None:
    cache = PostgresCache(database, max_bytes=1)
    for number in range(20):
        await cache.set(f"query:{number}", b"x" * 1000, 60 + number)
    await cache.set("query:gone", b"x", 0.000001)
    await cache.sweep()
    async with database.read() as connection:
        rows = await (await connection.execute("select key from cache_entries order by expires")).fetchall()
    kept = [row["key"] for row in rows]
    assert "query:gone" not in kept
    assert 0 < len(kept) < 20
    assert "query:19" in kept


async def test_a_database_that_is_gone_is_unavailable() -> None:
    database = open_database("host=/nonexistent dbname=none connect_timeout=1")
    database._size = type(database._size)(0, 1, timeout_seconds=1)
    with pytest.raises(UnavailableError, match="PostgreSQL does not answer"):
        await PostgresCache(database).get("query:a")
    await database.close()
