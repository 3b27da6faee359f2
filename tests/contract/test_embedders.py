"""What every embedder keeps, whatever is behind it."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from mcp_stack.embeddings.caching import CachingEmbedder
from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
from mcp_stack.embeddings.remote import RemoteEmbedder
from mcp_stack.embeddings.sentence_transformers import SentenceTransformersEmbedder
from mcp_stack.errors import UnavailableError
from mcp_stack.ports.embedder import Embedder
from mcp_stack.storage.redis.cache import RedisCache
from tests.support.embeddings_endpoint import EmbeddingsEndpoint
from tests.support.minilm import cosine, dot, models, published_weights
from tests.support.redis_server import running_redis

__all__ = ["models"]

ABOUT_SERVERS = "How do I restart the web server?"
ALSO_ABOUT_SERVERS = "Restarting a web server"
ABOUT_BREAD = "Knead the dough for ten minutes and let it rise."

Opened = AsyncIterator[Embedder]
Adapter = Callable[[Path], AbstractAsyncContextManager[Embedder]]


@asynccontextmanager
async def llama_cpp(folder: Path) -> Opened:
    embedder = LlamaCppEmbedder(folder, threads=2)
    yield embedder
    await embedder.close()


@asynccontextmanager
async def sentence_transformers(_folder: Path) -> Opened:
    embedder = SentenceTransformersEmbedder(str(published_weights()))
    yield embedder
    await embedder.close()


@asynccontextmanager
async def cached(folder: Path) -> Opened:
    with running_redis() as url:
        store = RedisCache(url)
        embedder = CachingEmbedder(LlamaCppEmbedder(folder, threads=2), store, ttl_seconds=60, memory_entries=10)
        yield embedder
        await embedder.close()
        await store.close()


@asynccontextmanager
async def remote(_folder: Path) -> Opened:
    with EmbeddingsEndpoint() as endpoint:
        endpoint.always_embeds(word_counts)
        embedder = RemoteEmbedder(endpoint.base_url, "word-counts", dimensions=384)
        yield embedder
        await embedder.close()


def word_counts(texts: Sequence[str]) -> list[list[float]]:
    """Not of unit length, and near where texts share letters triples: enough of a model for a contract."""
    vectors = []
    for text in texts:
        vector = [0.01] * 384
        for start in range(max(len(text) - 2, 1)):
            vector[sum(map(ord, text[start : start + 3].lower())) % 384] += 1
        vectors.append(vector)
    return vectors


@pytest.fixture(params=[llama_cpp, sentence_transformers, cached, remote], ids=lambda adapter: adapter.__name__)
async def embedder(request: pytest.FixtureRequest, models: Path) -> Opened:
    if request.param is sentence_transformers and importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("sentence-transformers is not installed")
    adapter: Adapter = request.param
    async with adapter(models) as one:
        yield one


async def test_a_query_gives_a_unit_vector_of_the_stated_dimensions(embedder: Embedder) -> None:
    vector = await embedder.embed_query(ABOUT_SERVERS)

    assert len(vector) == embedder.dimensions == 384
    assert math.isclose(dot(vector, vector), 1, abs_tol=1e-5)
    assert all(isinstance(x, float) for x in vector)


async def test_the_model_has_a_name(embedder: Embedder) -> None:
    assert embedder.model


async def test_documents_keep_their_order(embedder: Embedder) -> None:
    texts = [f"{'word ' * (n * 7 % 40)}number {n} is about {'bread' if n % 2 else 'a web server'}" for n in range(150)]

    vectors = await embedder.embed_documents(texts)

    assert len(vectors) == len(texts)
    for n in (0, 1, 75, 128, 149):
        assert cosine(vectors[n], await embedder.embed_query(texts[n])) > 0.9999


async def test_a_similar_text_is_nearer_than_an_unrelated_one(embedder: Embedder) -> None:
    query, similar, unrelated = await embedder.embed_documents([ABOUT_SERVERS, ALSO_ABOUT_SERVERS, ABOUT_BREAD])

    assert dot(query, similar) > dot(query, unrelated) + 0.1


async def test_no_documents_give_no_vectors(embedder: Embedder) -> None:
    assert await embedder.embed_documents([]) == []


async def test_an_empty_text_has_a_vector(embedder: Embedder) -> None:
    (vector,) = await embedder.embed_documents([""])

    assert math.isclose(dot(vector, vector), 1, abs_tol=1e-5)
    assert cosine(vector, await embedder.embed_query("")) > 0.9999


async def test_half_of_a_surrogate_pair_is_embedded_like_any_other_character(embedder: Embedder) -> None:
    assert len(await embedder.embed_query("broken \ud83d emoji")) == 384


async def test_many_queries_at_once_each_get_their_own_vector(embedder: Embedder) -> None:
    texts = [f"question {n} about {'bread' if n % 2 else 'servers'}" for n in range(60)]

    together = await asyncio.gather(*(embedder.embed_query(text) for text in texts))

    for text, vector in zip(texts, together, strict=True):
        assert cosine(vector, await embedder.embed_query(text)) > 0.99999


async def test_a_closed_embedder_is_unavailable(embedder: Embedder) -> None:
    await embedder.embed_query(ABOUT_SERVERS)
    await embedder.close()
    await embedder.close()

    with pytest.raises(UnavailableError, match="closed"):
        await embedder.embed_documents(["another text"])
