"""Questions that found nothing good are counted, and go from the list once they find something."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.knowledge.models import QueryGap
from mcp_stack.composition import Stack
from mcp_stack.errors import UnavailableError
from mcp_stack.ports.gaps import Asked
from mcp_stack.storage.postgres.gaps import PostgresGaps
from mcp_stack.storage.postgres.pool import Database
from tests.support.stack import add, open_stack
from tests.support.word_vectors import by_words

__all__ = ["by_words"]

PASTA = "Boil the pasta in salted water until it is done."


async def search(stack: Stack, query: str, **details: Any) -> None:
    arguments: dict[str, Any] = {"collection": "", "tags": [], "limit": 5, "mode": "hybrid", **details}
    await (await stack.aidb()).knowledge.search_knowledge(query=query, **arguments)


async def gaps(stack: Stack, limit: int = 20) -> list[QueryGap]:
    return (await (await stack.aidb()).knowledge.list_query_gaps(limit=limit)).gaps


async def asked(stack: Stack) -> dict[str, int]:
    return {gap.question: gap.asked for gap in await gaps(stack)}


async def test_a_question_that_finds_nothing_good_is_counted_in_whatever_order_its_words_come(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        await add(stack, text=PASTA, title="Pasta", source="cooking")
        await search(stack, "How do I open a port in the firewall?")
        await search(stack, "open firewall ports")
        await search(stack, "The firewall: how is a port opened")
        await search(stack, "Which seeds grow in the shade?")
        await search(stack, "boil pasta in salted water")
        first, second = await gaps(stack)
        assert (first.question, first.asked) == ("How do I open a port in the firewall?", 3)
        assert (second.question, second.asked) == ("Which seeds grow in the shade?", 1)
        assert (second.best_source, second.best_document, second.collection) == ("cooking", "Pasta", "")
        assert 0 <= second.best_relevance < 0.5
        assert second.last_asked.endswith("+00:00")
        assert [gap.question for gap in await gaps(stack, limit=1)] == [first.question]


async def test_what_holds_no_word_is_no_question(conninfo: str, tmp_path: Path, by_words: dict[str, str]) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        await add(stack, text=PASTA)
        for nothing in ("?!", "...", "\u200b", "%_'\"--;", "\U0001f469\u200d\U0001f4bb"):
            await search(stack, nothing)
        await search(stack, "\u6771\u4eac")
        assert await asked(stack) == {"\u6771\u4eac": 1}


async def test_a_gap_goes_once_the_question_finds_a_good_passage(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        for question in ("open a firewall port", "grow seeds in the shade"):
            await search(stack, question)
            await search(stack, question, collection="ops")
        assert len(await gaps(stack)) == 4
        await add(stack, text="Open a firewall port.", collection="ops")
        await search(stack, "open a firewall port")
        left = await gaps(stack)
        assert {gap.question for gap in left} == {"grow seeds in the shade"}
        assert sorted(gap.collection for gap in left) == ["", "ops"]


async def test_without_an_embedder_it_goes_by_the_share_of_the_question_that_is_covered(
    conninfo: str, tmp_path: Path
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text=PASTA)
        await search(stack, "boil pasta in salted water")
        await search(stack, "open firewall ports for water")
        assert await asked(stack) == {"open firewall ports for water": 1}


async def test_half_a_search_and_one_among_chosen_documents_say_nothing(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await search(stack, "open firewall ports", mode="lexical")
        await search(stack, "open firewall ports", tags=["chosen"])
        assert await asked(stack) == {}


async def test_questions_to_the_query_tool_and_the_router_count_too(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await (await stack.aidb()).knowledge.query(
            query="How are seeds sown?", context={}, use_hybrid=True, include_tools=False, session_id="", limit=5
        )
        assert await asked(stack) == {"How are seeds sown?": 1}


async def test_questions_in_other_words_are_taken_together(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        long = "which of the old seeds from grandmother will grow in the deep shade behind the red house near lake"
        for question in (long, long, f"{long} today", "how do I open a port"):
            await search(stack, question)
        first, second = await gaps(stack)
        assert (first.question, first.asked, first.similar) == (long, 3, [f"{long} today"])
        assert (second.asked, second.similar) == (1, [])


async def test_the_number_of_gaps_is_bounded_and_the_least_asked_go_first(database: Database) -> None:
    store = PostgresGaps(database, most=3)
    often = [weak("seldom"), weak("often"), weak("often")]
    await store.note([*often, *(weak(f"number{n}") for n in range(5))])
    kept = await store.most_asked(10)
    assert [(gap.question, gap.asked) for gap in kept] == [("often", 2), ("number4", 1), ("number3", 1)]


def weak(question: str, collection: str = "") -> Asked:
    return Asked(question, collection, weak=True, relevance=0.1, source="s", document="d", found_in="c")


async def test_many_processes_that_note_the_same_questions_count_each_once(database: Database) -> None:
    questions = [f"question {word}" for word in ("one", "two", "three", "four", "five", "six")]
    writers = [PostgresGaps(database) for _ in range(4)]
    await asyncio.gather(
        *(writer.note([weak(each) for each in order]) for writer in writers for order in (questions, questions[::-1]))
    )
    assert {gap.question: gap.asked for gap in await writers[0].most_asked(10)} == dict.fromkeys(questions, 8)


@pytest.mark.parametrize(
    "question", ["the of and", "한국어 질문", "?!", "x" * 4000, "a\tb\nc", "'; drop table issues; --"]
)
async def test_any_question_has_a_key(database: Database, question: str) -> None:
    store = PostgresGaps(database)
    await store.note([weak(question), weak(question), weak(question, "elsewhere")])
    assert sorted((gap.collection, gap.asked) for gap in await store.most_asked(10)) == [("", 2), ("elsewhere", 1)]
    await store.note([Asked(question, "", weak=False, relevance=1, source="", document="", found_in="elsewhere")])
    assert await store.most_asked(10) == []


async def test_searches_go_on_when_nothing_can_be_written(
    conninfo: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text=PASTA)

        def full() -> None:
            raise UnavailableError("the disk is full", "free some space")

        stack._stores.database._check_writable = full
        await search(stack, "open firewall ports")
        assert await asked(stack) == {}
        assert "not remembered" in caplog.text


async def test_what_was_found_is_written_down_when_the_process_ends(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await search(stack, "open firewall ports")
    async with open_stack(conninfo, tmp_path) as stack:
        assert await asked(stack) == {"open firewall ports": 1}
