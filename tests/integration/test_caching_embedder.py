"""The cache around an embedder, on a real store."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from mcp_stack.embeddings.caching import STORE_REST_SECONDS, CachingEmbedder
from mcp_stack.embeddings.remote import RemoteEmbedder
from mcp_stack.errors import UnavailableError
from mcp_stack.storage.redis.cache import RedisCache
from tests.support.embeddings_endpoint import EmbeddingsEndpoint
from tests.support.redis_server import running_redis

KEY = "embed:tiny:" + hashlib.sha256(b"a question").hexdigest()
VECTOR = [0.6, 0.8, 0.0]


@pytest.fixture
def endpoint() -> Iterator[EmbeddingsEndpoint]:
    with EmbeddingsEndpoint() as server:
        server.always_embeds(lambda texts: [VECTOR] * len(texts))
        yield server


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running_redis() as url:
        yield url


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisCache]:
    cache = RedisCache(redis_url)
    await cache.delete(KEY)
    yield cache
    await cache.close()


def caching(
    endpoint: EmbeddingsEndpoint, store: RedisCache, *, memory_entries: int = 10, clock: list[float] | None = None
) -> CachingEmbedder:
    inner = RemoteEmbedder(endpoint.base_url, "tiny", dimensions=3, max_retries=0)
    seconds = clock if clock is not None else [0.0]
    return CachingEmbedder(inner, store, ttl_seconds=60, memory_entries=memory_entries, clock=lambda: seconds[0])


async def test_the_second_time_nothing_is_embedded(endpoint: EmbeddingsEndpoint, store: RedisCache) -> None:
    embedder = caching(endpoint, store)

    first = await embedder.embed_query("a question")
    second = await embedder.embed_query("a question")

    assert first == second == pytest.approx(VECTOR)
    assert len(endpoint.received) == 1
    await embedder.close()


async def test_another_process_finds_the_vector_in_the_store(endpoint: EmbeddingsEndpoint, store: RedisCache) -> None:
    one, other = caching(endpoint, store), caching(endpoint, store)

    assert await one.embed_query("a question") == await other.embed_query("a question")

    assert len(endpoint.received) == 1
    assert len(await store.get(KEY) or b"") == 3 * 4
    await one.close()
    await other.close()


async def test_the_least_recently_used_vector_leaves_the_memory_first(
    endpoint: EmbeddingsEndpoint, store: RedisCache
) -> None:
    embedder = caching(endpoint, store, memory_entries=2)
    for text in ("a question", "b", "a question", "c"):
        await embedder.embed_query(text)
    await store.delete(KEY)
    await embedder.embed_query("a question")

    assert [request.body["input"] for request in endpoint.received] == [["a question"], ["b"], ["c"]]
    await embedder.close()


async def test_a_value_of_another_length_is_replaced(endpoint: EmbeddingsEndpoint, store: RedisCache) -> None:
    await store.set(KEY, b"no vector", 60)
    embedder = caching(endpoint, store)

    assert await embedder.embed_query("a question") == pytest.approx(VECTOR)
    assert len(await store.get(KEY) or b"") == 3 * 4
    await embedder.close()


async def test_documents_pass_by_the_cache(endpoint: EmbeddingsEndpoint, store: RedisCache) -> None:
    embedder = caching(endpoint, store)

    await embedder.embed_documents(["a question"])

    assert await store.get(KEY) is None
    await embedder.close()


async def test_a_broken_store_is_logged_and_left_alone_for_a_while(
    endpoint: EmbeddingsEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    broken = RedisCache("redis://127.0.0.1:1", timeout_seconds=1)
    embedder = caching(endpoint, broken, memory_entries=0, clock=clock)

    with caplog.at_level(logging.WARNING):
        assert await embedder.embed_query("a question") == pytest.approx(VECTOR)
        assert await embedder.embed_query("a question") == pytest.approx(VECTOR)
        assert len(caplog.records) == 1
        clock[0] = STORE_REST_SECONDS
        assert await embedder.embed_query("a question") == pytest.approx(VECTOR)
        assert len(caplog.records) == 2

    assert "without the shared cache" in caplog.text
    await embedder.close()
    await broken.close()


async def test_a_cached_vector_answers_while_the_endpoint_is_down(
    endpoint: EmbeddingsEndpoint, store: RedisCache
) -> None:
    before, embedder = caching(endpoint, store), caching(endpoint, store)
    await before.embed_query("a question")
    endpoint.__exit__(None, None, None)

    assert await embedder.embed_query("a question") == pytest.approx(VECTOR)
    with pytest.raises(UnavailableError):
        await embedder.embed_query("another question")
    await before.close()
    await embedder.close()
