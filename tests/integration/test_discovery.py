"""The search for tools: over a real registry, with the default embedder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mcp_stack.aidb.gateway import embedding
from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
from mcp_stack.embeddings.none import NoEmbedder
from mcp_stack.errors import UnavailableError
from mcp_stack.ports.embedder import Vector
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.tools import PostgresTools
from tests.support.minilm import models
from tests.support.tools import index_of, known, names, offer

__all__ = ["models"]

WEATHER = known("weather.get_forecast", "Returns the weather forecast of a place.", category="weather")
ALERTS = known("weather.get_alerts", "Lists severe weather warnings of a region.", category="weather")
MAIL = known("mail.send_message", "Sends an e-mail to somebody.", category="communication")
INBOX = known("mail.search_inbox", "Finds received e-mails by sender, subject or words.", category="communication")
FILES = known("files.write_file", "Creates a file or replaces its contents.", category="files")
READ = known("files.read_file", "Returns the contents of a file.", category="files")
CHART = known("charts.pie_chart", "Draws a pie chart from numbers and labels.", category="data")
TOOLS = [WEATHER, ALERTS, MAIL, INBOX, FILES, READ, CHART]


class Counting:
    """The default embedder, which also says how many documents it embedded."""

    def __init__(self, inner: LlamaCppEmbedder) -> None:
        self.inner = inner
        self.documents = 0
        self.failing = False
        self.going_on = asyncio.Event()
        self.going_on.set()

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def dimensions(self) -> int:
        return self.inner.dimensions

    async def embed_query(self, text: str) -> Vector:
        if self.failing:
            raise UnavailableError("the endpoint is down", "start it")
        return await self.inner.embed_query(text)

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        if self.failing:
            raise UnavailableError("the endpoint is down", "start it")
        await self.going_on.wait()
        self.documents += len(texts)
        return await self.inner.embed_documents(texts)

    async def close(self) -> None:
        await self.inner.close()


@pytest.fixture
async def embedder(models: Path) -> AsyncIterator[Counting]:
    counting = Counting(LlamaCppEmbedder(models))
    yield counting
    await counting.close()


async def test_a_need_in_other_words_finds_the_tool(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        assert (await names(index, "Will I need an umbrella in Oslo tomorrow?"))[0] == "weather.get_forecast"
        assert (await names(index, "let Ada know by mail"))[0] == "mail.send_message"
        assert (await names(index, "read_file"))[0] == "files.read_file"


async def test_a_request_with_several_sub_tasks_gets_a_tool_for_each(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        query = "Find the mail from Ada about sales, draw a pie chart of the numbers and save it to /srv/sales.md"
        found = await index.discover(query, limit=3)

        assert {tool.name for tool in found.tools} == {"mail.search_inbox", "charts.pie_chart", "files.write_file"}
        scores = [tool.score for tool in found.tools]
        assert scores == sorted(scores, reverse=True)


async def test_filters_hold(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        assert sorted(await names(index, "e-mail", server="weather")) == ["weather.get_alerts", "weather.get_forecast"]
        assert sorted(await names(index, "e-mail", category="files")) == ["files.read_file", "files.write_file"]
        assert await names(index, "e-mail", server="weather", category="files") == []
        assert await names(index, "e-mail", server="mail", limit=1) == ["mail.send_message"]


async def test_a_filter_that_leaves_nothing_says_what_there_is(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        (of_server,) = (await index.discover("e-mail", server="post")).notes
        assert of_server == "no tool of a server 'post' is known; servers: charts, files, mail, weather"
        (of_category,) = (await index.discover("", server="mail", category="files")).notes
        assert of_category == "no tool has the category 'files'; categories: communication"


async def test_nothing_asked_lists_by_name(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        assert await names(index, "", limit=100) == sorted(tool.name for tool in TOOLS)
        assert await names(index, "", category="files", limit=1) == ["files.read_file"]


async def test_the_name_of_a_tool_finds_it_alone(database: Database, embedder: Counting) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    await offer(database, [*TOOLS[:2], known("mail.send_message", "Sends.", input_schema=schema)])
    async with index_of(database, embedder) as index:
        found = await index.discover("mail.send_message", with_schema=True)

        assert [(tool.name, tool.score, tool.input_schema) for tool in found.tools] == [
            ("mail.send_message", 1, schema)
        ]
        assert await names(index, "mail.send_message", server="weather") != ["mail.send_message"]


async def test_the_tokens_saved_are_those_of_the_whole_list_less_the_reply(
    database: Database, embedder: Counting
) -> None:
    big = {"type": "object", "properties": {f"field_{number}": {"type": "string"} for number in range(100)}}
    await offer(database, [known(f"big.tool_{number}", "Does something.", input_schema=big) for number in range(20)])
    async with index_of(database, embedder) as index:
        few = await index.discover("does something")
        many = await index.discover("does something", limit=20, with_schema=True)

        assert few.total == many.total == 20
        assert few.tokens_saved > 20 * 100 * 30 // 4 * 0.8
        assert many.tokens_saved < few.tokens_saved / 3


async def test_tools_that_cannot_be_called_come_after_those_that_can(database: Database, embedder: Counting) -> None:
    twins = [known(f"{server}.send_message", MAIL.description) for server in ("a", "b", "c", "d")]
    await offer(database, [*twins, WEATHER])
    async with index_of(database, embedder, a="unreachable", b="disabled", c="reachable") as index:
        found = (await index.discover("send an e-mail", limit=4)).tools

        status = [tool.server_status for tool in found]
        assert {*status[:2]} == {"reachable", "known"}
        assert status[2:] == ["unreachable", "disabled"]


async def test_vectors_are_computed_once_for_all_processes(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        await index.discover("send an e-mail")
        await index.discover("write a file")
    first = embedder.documents
    async with index_of(database, embedder) as another_process:
        assert (await names(another_process, "send an e-mail"))[0] == "mail.send_message"

    assert first == 3 * len(TOOLS)
    assert embedder.documents == first


async def test_a_change_of_the_registry_is_seen_by_the_next_search(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index, index_of(database, embedder) as another_process:
        for each in (index, another_process):
            assert (await names(each, "translate a text into French"))[0] != "language.translate"
        counted = embedder.documents
        await offer(database, [known("language.translate", "Translates text between languages.")])
        for each in (index, another_process):
            assert (await names(each, "translate a text into French"))[0] == "language.translate"
        assert embedder.documents == counted + 3, "the others are embedded already"
        assert await PostgresTools(database).categorize("language", "translate", "speech")
        for each in (index, another_process):
            assert await names(each, "anything", category="speech") == ["language.translate"]


async def test_without_an_embedder_words_rank_and_a_note_says_so(database: Database) -> None:
    await offer(database, TOOLS)
    async with index_of(database, NoEmbedder()) as index:
        found = await index.discover("pie chart")

        assert found.tools[0].name == "charts.pie_chart"
        assert found.notes[0].startswith("ranked by words only: ")
        assert len(found.notes) == 1


async def test_an_embedder_that_is_down_for_a_while_is_used_again(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        embedder.failing = True
        assert "the endpoint is down" in (await index.discover("umbrella")).notes[0]
        embedder.failing = False
        index._clock = lambda: float("inf")
        found = await index.discover("Will I need an umbrella?")

        assert found.notes == []
        assert found.tools[0].name == "weather.get_forecast"


async def test_many_new_tools_are_embedded_in_the_background(
    database: Database, embedder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "SECONDS_WAITED", 0.05)
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        embedder.going_on.clear()
        found = await index.discover("Will it rain? forecast")
        assert found.tools[0].name == "weather.get_forecast", "by its words"
        assert found.notes == ["7 tools are ranked by their words until they are embedded"]
        embedder.going_on.set()
        async with asyncio.timeout(20):
            while (await index.discover("Will I need an umbrella?")).notes:
                await asyncio.sleep(0.02)
        assert (await names(index, "Will I need an umbrella?"))[0] == "weather.get_forecast"


async def test_an_empty_registry_is_searched_too(database: Database, embedder: Counting) -> None:
    async with index_of(database, embedder) as index:
        found = await index.discover("anything")

        assert (found.tools, found.total, found.tokens_saved) == ([], 0, 0)


async def test_searches_at_once_see_the_same(database: Database, embedder: Counting) -> None:
    await offer(database, TOOLS)
    async with index_of(database, embedder) as index:
        found = await asyncio.gather(*(names(index, "send an e-mail") for _ in range(20)))

        assert all(each == found[0] for each in found)
        assert embedder.documents == 3 * len(TOOLS)
