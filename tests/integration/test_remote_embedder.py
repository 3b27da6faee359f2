"""An OpenAI-compatible embeddings endpoint, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mcp_stack.embeddings.remote import MAX_BATCH, RemoteEmbedder
from mcp_stack.errors import UnavailableError, UsageError
from tests.support.embeddings_endpoint import EmbeddingsEndpoint, embedding_reply, json_reply, text_reply
from tests.support.http_endpoint import Reply, dropped, failure

KEY = "sk-very-secret"


@pytest.fixture
def endpoint() -> Iterator[EmbeddingsEndpoint]:
    with EmbeddingsEndpoint() as server:
        yield server


def client(endpoint: EmbeddingsEndpoint, *, retries: int = 0, key: str = KEY, dimensions: int = 2) -> RemoteEmbedder:
    return RemoteEmbedder(endpoint.base_url, "tiny", dimensions=dimensions, api_key=key, max_retries=retries)


async def test_vectors_are_put_in_order_and_scaled_to_unit_length(endpoint: EmbeddingsEndpoint) -> None:
    endpoint.then(embedding_reply(lambda texts: [[3.0 * len(text), 4.0 * len(text)] for text in texts[:-1]] + [[0, 2]]))
    embedder = client(endpoint)

    assert await embedder.embed_documents(["a", "bb", "c"]) == [[0.6, 0.8], [0.6, 0.8], [0.0, 1.0]]
    assert endpoint.received[0].path == "/v1/embeddings"
    assert endpoint.received[0].body == {"model": "tiny", "input": ["a", "bb", "c"], "encoding_format": "float"}
    await embedder.close()


async def test_many_documents_go_in_several_requests(endpoint: EmbeddingsEndpoint) -> None:
    endpoint.always_embeds(lambda texts: [[float(text), 1.0] for text in texts])
    embedder = client(endpoint)

    vectors = await embedder.embed_documents([str(n) for n in range(2 * MAX_BATCH + 1)])

    assert [round(x / y) for x, y in vectors] == list(range(2 * MAX_BATCH + 1))
    assert [len(request.body["input"]) for request in endpoint.received] == [MAX_BATCH, MAX_BATCH, 1]
    await embedder.close()


async def test_the_key_is_sent(endpoint: EmbeddingsEndpoint) -> None:
    endpoint.always_embeds(lambda texts: [[1.0, 0.0] for _ in texts])
    embedder = client(endpoint)
    await embedder.embed_query("a")

    assert endpoint.received[0].headers["authorization"] == f"Bearer {KEY}"
    await embedder.close()


async def test_without_a_key_the_one_for_openai_is_not_sent(
    endpoint: EmbeddingsEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    endpoint.always_embeds(lambda texts: [[1.0, 0.0] for _ in texts])
    embedder = client(endpoint, key="")
    await embedder.embed_query("a")

    assert "sk-of-someone-else" not in str(endpoint.received[0].headers)
    await embedder.close()


async def test_a_failed_request_is_repeated(endpoint: EmbeddingsEndpoint) -> None:
    endpoint.then(failure(503, {}, retry_after=0.01), embedding_reply(lambda _: [[1.0, 0.0]]))
    embedder = client(endpoint, retries=1)

    assert await embedder.embed_query("a") == [1.0, 0.0]
    await embedder.close()


@pytest.mark.parametrize(
    ("reply", "problem", "remedy"),
    [
        (failure(401, {"error": {"message": f"Incorrect API key: {KEY}"}}), "refuses the API key", "api_key"),
        (failure(403, {"error": KEY}), "refuses the API key", "api_key"),
        (failure(404, {"error": "no such model"}), "no model 'tiny'", "embeddings.model"),
        (failure(429, {"error": KEY}), "limits the rate", "later"),
        (failure(500, {"error": KEY}), "HTTP 500", "log"),
        (text_reply(f"<h1>Bad gateway</h1>{KEY}", 502), "HTTP 502", "log"),
        (dropped, "cannot be reached", "start that server"),
        (text_reply("<h1>Welcome</h1>"), "did not answer with", "embeddings.url"),
        (json_reply({"message": "hello"}), "did not answer with", "embeddings.url"),
        (json_reply({"object": "list", "data": []}), "did not answer with", "embeddings.url"),
        (json_reply({"data": [{"index": 0}]}), "did not answer with", "embeddings.url"),
        (json_reply({"data": [{"index": 1, "embedding": [1, 0]}]}), "did not answer with", "embeddings.url"),
        (json_reply({"data": [{"index": 0, "embedding": ["x", "y"]}]}), "did not answer with", "embeddings.url"),
        (embedding_reply(lambda _: [[0.0, 0.0]]), "without a direction", "model"),
    ],
)
async def test_a_failure_is_unavailable_and_keeps_the_key_secret(
    endpoint: EmbeddingsEndpoint, reply: Reply, problem: str, remedy: str
) -> None:
    endpoint.then(reply)
    embedder = client(endpoint)

    with pytest.raises(UnavailableError, match=problem) as caught:
        await embedder.embed_query("a")

    assert remedy in caught.value.remedy
    assert KEY not in str(caught.value)
    await embedder.close()


async def test_other_dimensions_than_configured_are_refused(endpoint: EmbeddingsEndpoint) -> None:
    endpoint.then(embedding_reply(lambda _: [[1.0, 0.0]]))
    embedder = client(endpoint, dimensions=384)

    with pytest.raises(UsageError, match="2 dimensions, not 384"):
        await embedder.embed_query("a")
    await embedder.close()


async def test_a_refused_connection_is_unavailable_and_hides_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    embedder = RemoteEmbedder(f"http://user:{KEY}@127.0.0.1:{port}/v1", "tiny", max_retries=0)

    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}/v1 cannot be reached") as caught:
        await embedder.embed_query("a")

    assert KEY not in str(caught.value)
    await embedder.close()


async def test_an_endpoint_that_never_answers_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        embedder = RemoteEmbedder(url, "tiny", timeout_seconds=0.2, max_retries=0)

        with pytest.raises(UnavailableError, match=r"did not answer within 0\.2 s"):
            await embedder.embed_query("a")
        await embedder.close()


def test_an_endpoint_without_an_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no address"):
        RemoteEmbedder("", "tiny")


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("BAAI/bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
        ("/opt/models/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
    ],
)
def test_one_model_has_one_identity_wherever_it_runs(name: str, identity: str) -> None:
    assert RemoteEmbedder("http://127.0.0.1/v1", name).model == identity
