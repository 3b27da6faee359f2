"""What may be spent is never exceeded: not by a crowd, several processes, a burst, a full disk, or who gives up."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.responses import JSONResponse, Response

from mcp_stack.composition import Stack
from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.hybrid.models import RouteResult
from mcp_stack.hybrid.spending import Bill, Spending
from mcp_stack.ports.answering import Question
from mcp_stack.ports.spending import SetAside, Used
from mcp_stack.settings.hybrid import Budget
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.spending import PostgresLedger
from tests.support import scripted_claude
from tests.support.answering import ask, claude_at, endpoint_at
from tests.support.http_endpoint import Received, Reply
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.stack import open_stack
from tests.support.waiting import until

REFUSAL = "I'm sorry, I cannot help with that."
IN_THE_MIDDLE = {"MCP_STACK_HYBRID__FALLBACK_THRESHOLD": "0.3", "MCP_STACK_HYBRID__LOCAL_CONFIDENCE_THRESHOLD": "0.95"}


def bounded(daily_usd: float) -> dict[str, str]:
    return {"MCP_STACK_HYBRID__BUDGET__DAILY_USD": str(daily_usd)}


def dear(request: Received) -> Response:
    """As long an answer as was allowed: about 0.02 USD, if nothing shortens it."""
    return scripted_claude.answer("It is fine.", tokens_in=200, tokens_out=request.body["max_tokens"])(request)


class HeldBack(JSONResponse):
    """Comes when it is let go."""

    def __init__(self, response: Response, go: threading.Event) -> None:
        super().__init__(None)
        self.body, self.raw_headers = response.body, response.raw_headers
        self._go = go

    async def __call__(self, *connection: Any) -> None:
        await asyncio.to_thread(self._go.wait, 20)
        await super().__call__(*connection)


def held_back(reply: Reply, go: threading.Event) -> Reply:
    return lambda request: HeldBack(reply(request), go)


@pytest.fixture
def local() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as endpoint:
        yield endpoint


@pytest.fixture
async def opened(conninfo: str, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens stacks that stand for processes: each has its own connections and its own memory."""
    async with AsyncExitStack() as stacks:

        async def one(*settings: dict[str, str]) -> Stack:
            merged = {name: value for each in settings for name, value in each.items()}
            return await stacks.enter_async_context(open_stack(conninfo, tmp_path, **merged))

        yield one


async def spent(stack: Stack) -> float:
    return (await (await stack.coordinator()).routing_stats("")).total_cost


async def crowd(stacks: list[Stack], claude: ScriptedClaude, number: int) -> list[RouteResult]:
    """Questions at once; Claude's answers are held back until everybody has one or waits for Claude."""
    go = threading.Event()
    claude.always(held_back(dear, go))
    asking = [
        asyncio.create_task(ask(stacks[each % len(stacks)], f"Tell me about thing number {each}?"))
        for each in range(number)
    ]
    try:
        await until(lambda: sum(task.done() for task in asking) + len(claude.received) == number)
    finally:
        go.set()
    return await asyncio.gather(*asking)


@pytest.mark.parametrize("fault", ["rejected", "failed"])
async def test_a_crowd_that_comes_to_claude_second_keeps_the_budget_of_the_day(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any], fault: str
) -> None:
    for _ in range(20):
        local.answers(REFUSAL) if fault == "rejected" else local.fails(400)
    stack = await opened(claude_at(claude), endpoint_at(local), IN_THE_MIDDLE, bounded(0.05))
    answers = await crowd([stack], claude, 20)
    assert await spent(stack) <= 0.05
    assert len(claude.received) >= 2
    refused = [answer for answer in answers if answer.cost == 0]
    assert all(any("remote model is not asked" in reason for reason in answer.reasons) for answer in refused)


async def test_several_processes_keep_one_budget_of_the_day(claude: ScriptedClaude, opened: Callable[..., Any]) -> None:
    stacks = [await opened(claude_at(claude), bounded(0.05)) for _ in range(3)]
    answers = await crowd(stacks, claude, 12)
    assert 0.02 < await spent(stacks[0]) <= 0.05
    assert Counter(answer.route for answer in answers)["offline"] >= 9


async def test_what_a_process_had_set_aside_that_died_is_free_again_in_time(database: Database, conninfo: str) -> None:
    ledger = PostgresLedger(database)
    bounds = {"day_usd": 1.0, "hour_usd": math.inf}
    assert await ledger.set_aside(most_usd=1, least_usd=1, seconds=900, **bounds) is not None
    assert await ledger.set_aside(most_usd=1, least_usd=0.5, seconds=900, **bounds) is None
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("update app.spending set expires = clock_timestamp()")
    assert await ledger.set_aside(most_usd=1, least_usd=1, seconds=900, **bounds) is not None


async def test_the_money_of_an_hour_lasts_longer_than_a_burst(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any], conninfo: str
) -> None:
    claude.always(dear)
    local.always_answers("It is this, says the local model.")
    an_hour = {"MCP_STACK_HYBRID__BUDGET__USD_PER_HOUR": "0.1", "MCP_STACK_HYBRID__BUDGET__EXPLORE_SHARE": "0"}
    stack = await opened(claude_at(claude), endpoint_at(local), an_hour)
    for number in range(30):
        await ask(stack, f"Question number {number} of the first burst?")
    assert 0.04 < await spent(stack) <= 0.05 + 0.021
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("update app.interactions set created_at = created_at - interval '20 minutes'")
    for number in range(30):
        await ask(stack, f"Question number {number} of the second burst?")
    assert 0.08 < await spent(stack) <= 0.1
    forced = {"force_route": "remote"}
    with pytest.raises(UsageError, match="left of this hour's budget"):
        await ask(stack, "Whatever it takes?", **forced)


async def test_an_hour_that_pays_for_less_than_an_answer_gets_a_shorter_one_and_no_more(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any]
) -> None:
    claude.always(dear)
    local.always_answers("It is this, says the local model.")
    stack = await opened(claude_at(claude), endpoint_at(local), {"MCP_STACK_HYBRID__BUDGET__USD_PER_HOUR": "0.01"})
    routes = Counter([(await ask(stack, f"Question number {number}?")).route for number in range(20)])
    assert routes == {"remote": 1, "local": 19}
    assert await spent(stack) <= 0.01


async def test_a_nearly_full_disk_does_not_make_the_money_forgotten(
    claude: ScriptedClaude, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    claude.always(dear)
    stack = await opened(claude_at(claude), bounded(0.05))
    another = await opened(claude_at(claude), bounded(0.05))

    def full() -> None:
        raise UnavailableError("the disk has only 1 MB free", "free some space")

    for each in (stack, another):
        monkeypatch.setattr(each._stores.database, "_check_writable", full)
    costs = [(await ask(each, f"Question number {number}?")).cost for number in range(4) for each in (stack, another)]
    assert 0.04 < sum(costs) <= 0.05
    assert await spent(stack) == 0  # none of it could be recorded


class FullLedger:
    """Can be read, and takes nothing."""

    async def used(self) -> Used:
        return Used(0.2, 0.2, 0.2)

    async def set_aside(self, **_bounds: float) -> SetAside | None:
        raise UnavailableError("PostgreSQL has no disk space left", "free some")

    async def settle(self, _set_aside: SetAside, _usd: float) -> None:
        raise UnavailableError("PostgreSQL has no disk space left", "free some")

    async def release(self, _ids: list[str]) -> None:
        raise UnavailableError("PostgreSQL has no disk space left", "free some")


async def test_where_nothing_can_be_written_a_process_holds_the_bounds_by_itself() -> None:
    now = [datetime(2026, 11, 25, 12, 30, tzinfo=UTC)]
    spending = Spending(FullLedger(), Budget(daily_usd=1, usd_per_hour=0.7), seconds=900, now=lambda: now[0])
    first, second = Bill(), Bill()
    assert await spending.set_aside(first, most_usd=0.3, least_usd=0.1) == pytest.approx(0.3)
    assert (await spending.left()).usd == pytest.approx(0.2)
    assert await spending.set_aside(second, most_usd=0.3, least_usd=0.1) == pytest.approx(0.2)
    assert await spending.set_aside(Bill(), most_usd=0.3, least_usd=0.1) == 0
    await spending.settle(first, 0.1)
    await spending.settle(second, 0.0)
    assert (await spending.left()).usd == pytest.approx(0.4)
    now[0] += timedelta(hours=2)
    assert (await spending.left()).usd == pytest.approx(0.5)  # of the hour
    now[0] += timedelta(hours=12)
    assert (await spending.left()).usd == pytest.approx(0.5)
    assert first.usd == 0.1


@pytest.mark.parametrize("bound", ["the day", "the cap"])
async def test_a_local_endpoint_that_costs_money_is_bounded_like_claude(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any], bound: str
) -> None:
    local.always_answers("It is this, says the local model.", tokens_in=100, tokens_out=1000)
    prices = {
        "MCP_STACK_LLM__LOCAL__PRICE_INPUT_PER_MILLION": "30",
        "MCP_STACK_LLM__LOCAL__PRICE_OUTPUT_PER_MILLION": "150",
    }
    stack = await opened(endpoint_at(local), prices, bounded(0.001) if bound == "the day" else {})
    capped = await ask(stack, "What is it?", max_cost_usd=0 if bound == "the day" else 0.001)
    assert (capped.route, capped.cost) == ("offline", 0)
    assert any("local model might cost" in reason for reason in capped.reasons)
    assert [request for request in local.received if "completions" in request.path] == []


async def test_saved_is_what_claude_would_have_cost_less_what_was_paid(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any]
) -> None:
    claude.always_answers("It is fine.", tokens_in=1000, tokens_out=1000)
    local.always_answers("It is this, says the local model.", tokens_in=1000, tokens_out=1000)
    prices = {
        "MCP_STACK_LLM__LOCAL__PRICE_INPUT_PER_MILLION": "1",
        "MCP_STACK_LLM__LOCAL__PRICE_OUTPUT_PER_MILLION": "20",
    }
    stack = await opened(claude_at(claude), endpoint_at(local), prices)
    assert (await ask(stack, "What is it?", force_route="remote")).cost == pytest.approx(0.012)
    assert (await ask(stack, "And what is that?", force_route="local")).cost == pytest.approx(0.021)
    stats = await (await stack.coordinator()).routing_stats("")
    assert stats.total_cost_saved == pytest.approx(0.012 - 0.021)


async def test_passages_given_for_want_of_money_are_not_remembered(
    claude: ScriptedClaude, opened: Callable[..., Any], conninfo: str
) -> None:
    claude.always(dear)
    stack = await opened(claude_at(claude), bounded(0.021))
    assert (await ask(stack, "How do I prune roses?")).route == "remote"
    assert (await ask(stack, "How do I descale a kettle?")).route == "offline"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("update app.interactions set created_at = created_at - interval '25 hours'")
    assert (await ask(stack, "How do I descale a kettle?")).route == "remote"


async def test_where_the_local_model_is_down_the_other_answers_beyond_its_share_but_not_beyond_the_money(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any]
) -> None:
    claude.always(dear)
    for _ in range(60):
        local.fails(400)
    share = {"MCP_STACK_HYBRID__BUDGET__MAX_REMOTE_SHARE": "0.1", "MCP_STACK_HYBRID__BUDGET__EXPLORE_SHARE": "0"}
    stack = await opened(claude_at(claude), endpoint_at(local), share, bounded(0.11))
    answers = [await ask(stack, f"Question number {number}?") for number in range(12)]
    assert [answer.route for answer in answers[:5]] == ["remote"] * 5
    assert answers[-1].route == "offline"
    assert 0.1 < sum(answer.cost for answer in answers) <= 0.11


async def test_explaining_takes_nothing_of_the_share(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any]
) -> None:
    claude.always_answers("It is fine.")
    local.always_answers("It is this, says the local model.")
    share = {"MCP_STACK_HYBRID__BUDGET__MAX_REMOTE_SHARE": "0.2", "MCP_STACK_HYBRID__BUDGET__EXPLORE_SHARE": "0"}
    stack = await opened(claude_at(claude), endpoint_at(local), share)
    service = await stack.coordinator()
    for number in range(40):
        # That often, it would have owed five calls and more, and none would be left for the questions.
        await service.explain_route(f"Number {number}: " + "why is that so in such a long question " * 20)
        await ask(stack, f"Question number {number} about topic{number}")
    assert 8 - 6 <= len(claude.received) <= 8 + 6


async def test_explaining_is_not_remembered_as_a_question_that_found_nothing(
    opened: Callable[..., Any], conninfo: str
) -> None:
    stack = await opened()
    await (await stack.coordinator()).explain_route("What is explained?")
    await ask(stack, "What is asked?")
    await stack._knowledge.search.flush()
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("select question from app.query_gaps").fetchall()
    assert found == [("What is asked?",)]


async def test_what_was_paid_before_the_caller_gave_up_is_recorded(
    claude: ScriptedClaude, local: ScriptedOpenAI, opened: Callable[..., Any]
) -> None:
    go = threading.Event()
    claude.always_answers("", tokens_in=1000, tokens_out=1000)  # no answer, for 0.012 USD
    local.always(held_back(lambda _request: JSONResponse({}), go))
    stack = await opened(claude_at(claude), endpoint_at(local), bounded(0.2))
    asking = asyncio.create_task(ask(stack, "What is it?"))
    await until(lambda: any("completions" in request.path for request in local.received))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go.set()

    async def recorded() -> bool:
        return await spent(stack) > 0

    await until(recorded)
    assert await spent(stack) == pytest.approx(0.012)
    assert await left(stack) == pytest.approx(0.2 - 0.012)


async def test_a_call_that_is_given_up_is_recorded_as_dear_as_it_may_have_been(
    claude: ScriptedClaude, opened: Callable[..., Any]
) -> None:
    go = threading.Event()
    claude.always(held_back(dear, go))
    stack = await opened(claude_at(claude), bounded(0.2))
    asking = asyncio.create_task(ask(stack, "What is it?"))
    await until(lambda: bool(claude.received))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go.set()
    await (await stack.coordinator()).router._paying.close()
    assert 0.02 < await spent(stack) < 0.022


async def test_a_stream_that_is_given_up_costs_its_prompt_and_its_words(
    claude: ScriptedClaude, opened: Callable[..., Any]
) -> None:
    claude.stalls("It is")
    stack = await opened(claude_at(claude), bounded(1))
    router = (await stack.coordinator()).router
    pieces = router.stream(Question("What is it?"))
    assert await anext(pieces) == "It"
    await pieces.aclose()
    await router._paying.close()
    assert 0 < await spent(stack) < 0.01
    assert await left(stack) == pytest.approx(1 - await spent(stack))


async def test_without_a_bound_nobody_asks_what_was_spent(
    claude: ScriptedClaude, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_arguments: object, **_bounds: object) -> None:
        raise AssertionError("the ledger was asked")

    for each in ("used", "set_aside", "settle", "release"):
        monkeypatch.setattr(PostgresLedger, each, asked)
    claude.always_answers("It is fine.")
    stack = await opened(claude_at(claude))
    assert (await ask(stack, "What is it?")).route == "remote"


async def left(stack: Stack) -> float:
    await stack.coordinator()
    return (await stack._hybrid._spending.left()).usd
