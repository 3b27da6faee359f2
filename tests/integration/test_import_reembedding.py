"""Documents get vectors of the current model: those that have none, and all of them after a change of model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.knowledge import reembedding
from mcp_stack.aidb.knowledge.background import REEMBED
from mcp_stack.composition import Stack
from mcp_stack.composition.knowledge import EVERY_FIVE_MINUTES
from mcp_stack.ports.jobs import Schedule
from tests.support.embeddings_endpoint import EmbeddingsEndpoint, embedding_reply, text_reply
from tests.support.stack import add, open_stack
from tests.support.waiting import until


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Unit vectors of the words of texts: those that share words are alike."""
    vectors = []
    for text in texts:
        vector = [0.0] * 384
        for word in text.lower().split():
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % 384] += 1.0
        length = math.sqrt(sum(value * value for value in vector)) or 1.0
        vectors.append([value / length for value in vector])
    return vectors


@pytest.fixture
def endpoint() -> Iterator[EmbeddingsEndpoint]:
    with EmbeddingsEndpoint() as opened:
        opened.always_embeds(embed)
        yield opened


def model(endpoint: EmbeddingsEndpoint, name: str) -> dict[str, str]:
    return {
        "MCP_STACK_EMBEDDINGS__PROVIDER": "remote",
        "MCP_STACK_EMBEDDINGS__URL": endpoint.base_url,
        "MCP_STACK_EMBEDDINGS__MODEL": name,
    }


async def reembed(stack: Stack) -> None:
    await stack._knowledge.handlers[REEMBED]()


async def points_by_model(stack: Stack) -> dict[str, int]:
    async with stack._stores.database.read() as connection:
        cursor = await connection.execute("select model, count(*) as points from document_embeddings group by model")
        return {row["model"]: row["points"] for row in await cursor.fetchall()}


async def found(stack: Stack, query: str, mode: str) -> list[Any]:
    arguments: dict[str, Any] = {"collection": "", "tags": [], "limit": 10}
    return (await (await stack.aidb()).knowledge.search_knowledge(query=query, mode=mode, **arguments)).hits


async def fill(stack: Stack, count: int) -> None:
    for number in range(count):
        await add(stack, text=f"# Note {number}\n\nlantern{number} of street{number}", source=f"note {number}")


async def test_after_a_change_of_model_every_vector_is_of_the_new_one(
    conninfo: str, tmp_path: Path, endpoint: EmbeddingsEndpoint
) -> None:
    async with open_stack(conninfo, tmp_path, **model(endpoint, "one")) as stack:
        await fill(stack, 5)
        (old,) = await points_by_model(stack)
    async with open_stack(conninfo, tmp_path, **model(endpoint, "two")) as stack:
        # Until then documents are found by their words.
        assert await found(stack, "lantern3", "vector") == []
        assert (await found(stack, "lantern3", "hybrid"))[0].source == "note 3"
        revision = await stack._stores.documents.revision()
        await reembed(stack)
        assert await stack._stores.documents.revision() > revision
        (new,) = await points_by_model(stack)
        assert new != old
        assert await points_by_model(stack) == {new: 10}
        assert (await found(stack, "lantern3 of street3", "vector"))[0].source == "note 3"
        asked = len(endpoint.received)
        await reembed(stack)
        assert len(endpoint.received) == asked


async def test_documents_that_were_imported_without_an_embedder_get_their_vectors_later(
    conninfo: str, tmp_path: Path, endpoint: EmbeddingsEndpoint
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await fill(stack, 3)
        await reembed(stack)
        assert await points_by_model(stack) == {}
    async with open_stack(conninfo, tmp_path, **model(endpoint, "one")) as stack:
        await reembed(stack)
        assert list((await points_by_model(stack)).values()) == [6]


async def test_broken_off_it_goes_on_with_what_is_left(
    conninfo: str, tmp_path: Path, endpoint: EmbeddingsEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "DOCUMENTS_AT_ONCE", 2)
    async with open_stack(conninfo, tmp_path) as stack:
        await fill(stack, 7)
    async with open_stack(conninfo, tmp_path, **model(endpoint, "one")) as stack:
        endpoint.then(embedding_reply(embed))
        endpoint.then(embedding_reply(embed))
        for _ in range(10):  # the client tries again
            endpoint.then(text_reply("busy", 503))
        await reembed(stack)
        assert sum((await points_by_model(stack)).values()) == 8
        endpoint._script.clear()
        before = len(endpoint.received)
        await reembed(stack)
        assert sum((await points_by_model(stack)).values()) == 14
        assert sum(len(request.body["input"]) for request in endpoint.received[before:]) == 6


async def test_a_server_that_notices_them_has_them_embedded_in_the_background(
    conninfo: str, tmp_path: Path, endpoint: EmbeddingsEndpoint
) -> None:
    async with open_stack(conninfo, tmp_path, **model(endpoint, "one")) as stack:
        await fill(stack, 2)
    async with open_stack(conninfo, tmp_path, **model(endpoint, "two")) as stack:
        await stack._knowledge.catch_up()

        async def embedded() -> bool:
            return len(await found(stack, "lantern1 of street1", "vector")) == 2

        await until(embedded, seconds=30)
        jobs = "select count(*) as jobs from jobs.procrastinate_jobs"

        async def over() -> bool:
            async with stack._stores.database.read() as connection:
                row = await (await connection.execute(jobs)).fetchone()
                return row == {"jobs": 0}

        await until(over)
        await stack._knowledge.catch_up()
        assert await over(), "there is nothing left to do"


async def test_it_comes_round_by_the_clock(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        assert Schedule(REEMBED, EVERY_FIVE_MINUTES) in stack._knowledge.schedules
