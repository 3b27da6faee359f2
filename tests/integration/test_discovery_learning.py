"""Ranking learns from calls that followed a search and succeeded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mcp_stack.aidb.gateway.discovery import ToolIndex
from mcp_stack.aidb.gateway.learning import BOUNDS, ToolLearning
from mcp_stack.embeddings.caching import CachingEmbedder
from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
from mcp_stack.ports.embedder import Embedder
from mcp_stack.ports.tool_usage import Bounds
from mcp_stack.storage.postgres.cache import PostgresCache
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.tool_usage import PostgresToolUsage
from tests.support.gateway import CLIENT, Raw, open_gateway
from tests.support.minilm import models
from tests.support.postgres import open_database
from tests.support.tools import index_of, known, names, offer

__all__ = ["models"]

# Nothing in its description says what people use it for.
ODD = known("crm.sync_entity", "Synchronises an entity with the upstream system.")
OTHERS = [
    known("mail.send_message", "Sends a message to a person."),
    known("mail.find_person", "Finds a person by name."),
    known("crm.list_customers", "Lists customers and their addresses."),
    known("shop.refund_order", "Pays back an order of a customer."),
    known("shop.find_order", "Finds orders of a customer."),
    known("files.read_file", "Reads a file."),
]
QUERIES = [
    "tell the Berlin office about a new customer",
    "let the Berlin office know that a customer moved",
    "inform Berlin that we won a new client",
    "notify the office in Berlin of a customer's new address",
]
NEW_PHRASING = "make our Berlin office aware of the client who signed today"


@pytest.fixture
async def embedder(models: Path, database: Database) -> AsyncIterator[Embedder]:
    opened = CachingEmbedder(LlamaCppEmbedder(models), PostgresCache(database), ttl_seconds=3600, memory_entries=1000)
    yield opened
    await opened.close()


@pytest.fixture
async def index(database: Database, embedder: Embedder) -> AsyncIterator[ToolIndex]:
    await offer(database, [ODD, *OTHERS])
    async with index_of(database, embedder) as opened:
        yield opened


@pytest.fixture
def learning(database: Database, embedder: Embedder) -> ToolLearning:
    return ToolLearning(PostgresToolUsage(database), embedder)


async def use(learning: ToolLearning, query: str, tool: str, client: str = "ada") -> None:
    """Search, be shown the tool among others, and call it."""
    learning.discovered(client, query, [tool, "files.read_file"])
    await learning.succeeded(client, tool)


async def examples(database: Database, embedder: Embedder) -> list[tuple[str, str, int]]:
    """Tool, query and number of clients of each example, the newest first."""
    kept = await PostgresToolUsage(database).examples(embedder.model, after=0, limit=1000)
    return [(each.tool, each.query, each.clients) for each in kept]


async def test_new_words_find_the_tool_that_such_needs_led_to(index: ToolIndex, learning: ToolLearning) -> None:
    before = await names(index, NEW_PHRASING, limit=7)
    for query in QUERIES:
        await use(learning, query, ODD.name)
    await index.settled()

    assert before.index(ODD.name) > 0
    assert (await names(index, NEW_PHRASING))[0] == ODD.name
    assert (await names(index, "read a file"))[0] == "files.read_file", "other needs are met as before"
    assert (await names(index, "pay back an order"))[0] == "shop.refund_order"


async def test_what_one_process_learned_ranks_in_another(
    index: ToolIndex, learning: ToolLearning, database: Database, embedder: Embedder
) -> None:
    await index.discover(NEW_PHRASING)
    for query in QUERIES:
        await use(learning, query, ODD.name)
    async with index_of(database, embedder) as another, asyncio.timeout(10):
        assert (await names(another, NEW_PHRASING))[0] == ODD.name
        while (await names(index, NEW_PHRASING))[0] != ODD.name:
            await asyncio.sleep(0.02)


async def test_only_a_call_of_something_that_this_client_was_shown_teaches(
    learning: ToolLearning, database: Database, embedder: Embedder
) -> None:
    learning.discovered("ada", QUERIES[0], ["mail.send_message"])
    await learning.succeeded("ada", ODD.name)
    await learning.succeeded("bob", "mail.send_message")
    assert await examples(database, embedder) == []

    await learning.succeeded("ada", "mail.send_message")
    assert await examples(database, embedder) == [("mail.send_message", QUERIES[0], 1)]


async def test_a_call_belongs_to_the_latest_search_that_showed_the_tool(
    learning: ToolLearning, database: Database, embedder: Embedder
) -> None:
    for query, tool in ((QUERIES[0], ODD.name), (QUERIES[1], ODD.name), ("read a file", "files.read_file")):
        learning.discovered("ada", query, [tool])
        await learning.settled()
    await learning.succeeded("ada", ODD.name)

    assert await examples(database, embedder) == [(ODD.name, QUERIES[1], 1)]


async def test_a_call_long_after_the_search_teaches_nothing(
    learning: ToolLearning, database: Database, conninfo: str, embedder: Embedder
) -> None:
    learning.discovered("ada", QUERIES[0], [ODD.name])
    await learning.settled()
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        await connection.execute("update app.tool_discoveries set searched_at = now() - interval '11 minutes'")
    await learning.succeeded("ada", ODD.name)

    assert await examples(database, embedder) == []


async def test_listings_and_names_of_tools_teach_nothing(
    learning: ToolLearning, database: Database, embedder: Embedder
) -> None:
    learning.discovered("ada", "", [ODD.name])
    learning.discovered("ada", ODD.name, [ODD.name])
    learning.discovered("ada", QUERIES[0], [])
    await learning.succeeded("ada", ODD.name)

    assert await examples(database, embedder) == []


async def test_the_same_again_is_one_example_and_more_clients_are_counted(
    learning: ToolLearning, database: Database, embedder: Embedder
) -> None:
    for client in ("ada", "ada", "bob", "cem", "ada"):
        await use(learning, QUERIES[0], ODD.name, client)

    assert await examples(database, embedder) == [(ODD.name, QUERIES[0], 3)]


async def test_one_client_fills_its_own_share_alone_and_confirmed_examples_stay(
    database: Database, embedder: Embedder
) -> None:
    usage = PostgresToolUsage(database)
    bounds = Bounds(of_client=3, of_tool=5, in_all=1000)

    async def call(client: str, query: str) -> None:
        await usage.add_discovery(client, query, embedder.model, [1.0] + [0.0] * 383, [ODD.name])
        assert await usage.add_success(client, ODD.name, within_seconds=60, bounds=bounds)

    await call("ada", "shared")
    await call("bob", "shared")
    for number in range(10):
        await call("mallory", f"bad {number}")
    for number in range(2):
        await call("cem", f"good {number}")

    kept = [query for _, query, _ in await examples(database, embedder)]
    assert sorted(kept) == ["bad 8", "bad 9", "good 0", "good 1", "shared"]


async def test_everything_together_is_bounded(database: Database, embedder: Embedder) -> None:
    usage = PostgresToolUsage(database)
    for number in range(150):
        tool = f"server.tool_{number}"
        await usage.add_discovery("ada", "query", embedder.model, [1.0] + [0.0] * 383, [tool])
        await usage.add_success("ada", tool, within_seconds=60, bounds=Bounds(of_client=9, of_tool=9, in_all=20))

    assert len(await examples(database, embedder)) <= 20 + 64


async def test_a_client_that_calls_the_wrong_tool_again_and_again_does_not_drown_the_others(
    index: ToolIndex, learning: ToolLearning
) -> None:
    for client in ("ada", "bob", "cem"):
        for query in QUERIES:
            await use(learning, query, ODD.name, client)
    for number in range(2 * BOUNDS.of_client):
        await use(learning, f"{QUERIES[number % 4]}, number {number}", "files.read_file", "mallory")
    for query in QUERIES:
        await use(learning, query, "files.read_file", "mallory")
    await index.settled()

    for query in [*QUERIES, NEW_PHRASING]:
        assert (await names(index, query))[0] == ODD.name
    assert (await names(index, "pay back an order"))[0] == "shop.refund_order"


async def test_processes_that_learn_of_the_same_tools_at_once_do_not_lock_each_other_out(
    database: Database, embedder: Embedder
) -> None:
    usage = PostgresToolUsage(database)
    bounds = Bounds(of_client=2, of_tool=3, in_all=10)

    async def work(client: str) -> None:
        for number in range(20):
            tools = [f"server.tool_{(number + step) % 3}" for step in range(3)]
            await usage.add_discovery(client, f"query {number % 5}", embedder.model, [1.0] + [0.0] * 383, tools)
            for tool in tools:
                assert await usage.add_success(client, tool, within_seconds=60, bounds=bounds)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(f"client {number}") for number in range(4)))

    assert 0 < len(await examples(database, embedder)) <= 9


async def test_tools_that_nobody_called_are_not_drowned_by_those_that_were(
    index: ToolIndex, learning: ToolLearning
) -> None:
    for number in range(40):
        await use(learning, f"read the file number {number} of the project", "files.read_file")
    await index.settled()

    assert (await names(index, "find a person by name"))[0] == "mail.find_person"
    assert (await names(index, "list the customers with their addresses"))[0] == "crm.list_customers"


async def test_a_call_through_the_gateway_that_succeeds_teaches_and_one_that_fails_does_not(
    conninfo: str, database: Database, tmp_path: Path
) -> None:
    raw = Raw(tmp_path, tools=["echo", "fail"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as caller:
        asked: dict[str, Any] = {"category": "", "limit": 5, "detail": "summary", "client": CLIENT}
        found = await caller.gateway.discover_tools(query="say it again", server="raw", **asked)
        assert {tool.name for tool in found.tools} == {"raw.echo", "raw.fail"}
        assert (await caller.call("raw.fail")).is_error
        assert not (await caller.call("raw.echo")).is_error

    kept = await PostgresToolUsage(database).examples("", after=0, limit=10)
    assert [(each.tool, each.query) for each in kept] == [("raw.echo", "say it again")]


async def test_a_database_that_is_down_fails_neither_search_nor_call(
    embedder: Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = open_database("host=127.0.0.1 port=1 dbname=none")
    learning = ToolLearning(PostgresToolUsage(nowhere), embedder)

    learning.discovered("ada", QUERIES[0], [ODD.name])
    await learning.succeeded("ada", ODD.name)

    assert [record.message.split(":")[0] for record in caplog.records if record.name.endswith("learning")] == [
        "a search for tools is not written down",
        f"nothing is learned from a call of {ODD.name}",
    ]
    await nowhere.close()
