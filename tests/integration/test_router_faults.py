"""When a model fails, another answers; what failed costs nothing twice and is not remembered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tests.support.answering import ask, claude_at, endpoint_at, gguf_at
from tests.support.http_endpoint import Received, dropped
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.stack import open_stack

WRONG = "Is it true that the capital of France is Rome?"
BRIEF = {"MCP_STACK_LLM__CLAUDE__TIMEOUT_SECONDS": "0.5"}


def garbage(_request: Received) -> Response:
    return PlainTextResponse("<html>Bad gateway</html>", media_type="application/json")


def nothing(_request: Received) -> Response:
    return JSONResponse({"id": "msg_1", "type": "message", "role": "assistant", "content": []})


def empty(_request: Received) -> Response:
    return JSONResponse({})


class Silence:
    """Says nothing until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, request: Received) -> Response:
        self.over.wait(5)
        return dropped(request)


Script = Callable[[ScriptedClaude], None]


def message(
    text: str = "It is Rome.", tokens: str = "10", stop_reason: str = "end_turn"
) -> Callable[[Received], Response]:
    """A reply as JSON text, for what Python would not write."""
    body = (
        f'{{"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{{"type": "text", "text":'
        f' "{text}"}}], "stop_reason": "{stop_reason}", "usage": {{"input_tokens": {tokens}, "output_tokens": 5}}}}'
    )
    return lambda _request: Response(body, media_type="application/json")


FAULTS: dict[str, Script] = {
    "more tokens than there can be": lambda claude: claude.then(message(tokens="3000000000")),
    "no number of tokens": lambda claude: claude.then(message(tokens="NaN")),
    "fewer than no tokens": lambda claude: claude.then(message(tokens="-1000000000")),
    "rate limit": lambda claude: claude.fails(429, retry_after=7),
    "overloaded": lambda claude: claude.fails(529),
    "wrong key": lambda claude: claude.fails(401),
    "no such model": lambda claude: claude.fails(404),
    "lost connection": lambda claude: claude.drops_connection(),
    "garbage": lambda claude: claude.then(garbage),
    "an answer without content": lambda claude: claude.then(nothing),
    "an empty object": lambda claude: claude.then(empty),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_of_claude_is_made_up_for_by_the_local_model_and_forgotten(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str, fault: str
) -> None:
    FAULTS[fault](claude)
    claude.answers("It is Paris.", tokens_in=1000, tokens_out=100)
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model)) as stack:
        made_up = await ask(stack, WRONG)
        assert (made_up.route, made_up.cost) == ("local", 0)
        assert any("the remote model failed" in reason for reason in made_up.reasons)
        assert "sk-test" not in made_up.model_dump_json()
        good = await ask(stack, WRONG)
        assert (good.route, good.response, good.cached) == ("remote", "It is Paris.", False)
        stats = await (await stack.coordinator()).routing_stats("")
        assert stats.total_cost == pytest.approx(0.003)


@pytest.mark.parametrize("fault", FAULTS)
async def test_without_another_model_the_passages_answer_and_nothing_is_remembered(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, fault: str
) -> None:
    FAULTS[fault](claude)
    claude.answers("It is Paris.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        offline = await ask(stack, WRONG)
        assert (offline.route, offline.cost) == ("offline", 0)
        assert offline.value_score < 0.3
        assert (await ask(stack, WRONG)).response == "It is Paris."


@pytest.mark.parametrize("stopped", [("Half an ans", "refusal"), ("Half an ans", "pause_turn"), (" \n ", "end_turn")])
async def test_what_stopped_before_it_was_an_answer_is_made_up_for_paid_and_forgotten(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str, stopped: tuple[str, str]
) -> None:
    claude.answers(stopped[0], stop_reason=stopped[1], tokens_in=1000, tokens_out=100)
    claude.answers("It is Paris.", tokens_in=1000, tokens_out=100)
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model)) as stack:
        made_up = await ask(stack, WRONG)
        assert (made_up.route, made_up.cost) == ("local", 0.003)
        assert (await ask(stack, WRONG)).response == "It is Paris."


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\ud800b"])
async def test_an_answer_that_no_database_can_hold_is_given_and_remembered_in_one_that_it_can(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, text: str
) -> None:
    claude.then(message(text=text))
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        given = await ask(stack, WRONG, session_id="talk")
        assert given.response == "a\ufffdb"
        assert (await (await stack.coordinator()).get_session("talk")).turns[-1].content == "a\ufffdb"
        stats = await (await stack.coordinator()).routing_stats("")
        assert (stats.total_queries, stats.total_cost) == (1, given.cost)


async def test_a_silent_claude_is_given_up_in_time(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str
) -> None:
    silence = Silence()
    claude.then(silence)
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model), **BRIEF) as stack:
        answer = await ask(stack, WRONG)
        silence.over.set()
    assert answer.route == "local"
    assert any("did not answer within 0.5 s" in reason for reason in answer.reasons)


@pytest.mark.parametrize("content", [None, b"", b"GGUF and then nothing", b"\x00" * 5000])
async def test_a_model_file_that_is_missing_or_damaged_leaves_the_question_to_claude(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, content: bytes | None
) -> None:
    claude.answers("It is Paris.")
    if content is not None:
        (tmp_path / "broken.gguf").write_bytes(content)
    broken = gguf_at(str(tmp_path / "broken.gguf"))
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **broken) as stack:
        answer = await ask(stack, WRONG, prefer_local=True)
        assert answer.response == "It is Paris."
        forced = await ask(stack, WRONG, force_route="local")
        assert forced.route == "offline"
        assert any("broken.gguf" in reason for reason in forced.reasons)


async def test_a_question_that_the_local_context_cannot_hold_goes_to_claude(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str
) -> None:
    claude.answers("That is long.")
    small = {**gguf_at(knowing_model), "MCP_STACK_LLM__LOCAL__CONTEXT_TOKENS": "256"}
    sure = {"LOCAL_CONFIDENCE_THRESHOLD": "0.0", "FALLBACK_THRESHOLD": "0.0"}
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **small, **sure) as stack:
        answer = await ask(stack, "the capital of France " * 150)
        assert (answer.route, answer.response) == ("remote", "That is long.")
        assert any("tokens long" in reason for reason in answer.reasons)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_failing_local_endpoint_leaves_the_question_to_claude(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, status: int
) -> None:
    claude.answers("It is Paris.")
    sure = {"LOCAL_CONFIDENCE_THRESHOLD": "0.0", "FALLBACK_THRESHOLD": "0.0"}
    with ScriptedOpenAI() as local:
        for _ in range(3):
            local.fails(status)
        async with open_stack(conninfo, tmp_path, **claude_at(claude), **endpoint_at(local), **sure) as stack:
            answer = await ask(stack, WRONG)
            assert (answer.route, answer.response) == ("remote", "It is Paris.")
            assert any("the local model failed" in reason for reason in answer.reasons)


async def test_a_rejected_local_answer_and_the_remote_one_cost_what_the_remote_one_costs(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.answers("It is Paris.", tokens_in=1000, tokens_out=100)
    middle = {"LOCAL_CONFIDENCE_THRESHOLD": "1.0", "FALLBACK_THRESHOLD": "0.0"}
    with ScriptedOpenAI() as local:
        local.answers("I cannot answer that.", tokens_in=9999, tokens_out=9999)
        async with open_stack(conninfo, tmp_path, **claude_at(claude), **endpoint_at(local), **middle) as stack:
            answer = await ask(stack, WRONG)
            assert (answer.route, answer.tokens_in, answer.tokens_out) == ("remote_fallback", 1000, 100)
            assert answer.cost == pytest.approx(0.003)
            stats = await (await stack.coordinator()).routing_stats("")
            assert stats.fallback_route == 1
            assert stats.total_cost == pytest.approx(0.003)


async def test_the_budget_of_a_day_holds_over_a_crowd_and_over_a_restart(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str
) -> None:
    # An answer costs 0.003 USD, and may cost 0.02: with 0.03 a day, ten are paid for at the most.
    claude.always_answers("It is Paris.", tokens_in=1000, tokens_out=100)
    daily = {"MCP_STACK_HYBRID__BUDGET__DAILY_USD": "0.03"}
    spent: list[float] = []
    routes = {"remote"}
    while "remote" in routes:
        assert len(spent) < 12, "the budget is never used up"
        async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model), **daily) as stack:
            crowd = (ask(stack, WRONG, context={"start": len(spent), "number": number}) for number in range(6))
            answers = await asyncio.gather(*crowd)
        spent.append(sum(answer.cost for answer in answers))
        routes = {answer.route for answer in answers}
    assert 0.003 <= spent[0] <= sum(spent) <= 0.03
    assert any("today's budget" in reason for reason in answers[-1].reasons)
