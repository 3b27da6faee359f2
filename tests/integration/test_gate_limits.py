"""What the gate lets through, how long it waits, what it counts, and what happens when somebody goes away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from mcp_stack.ports.agent import ModelAccess
from mcp_stack.ports.model_gate import MeteredAccess
from mcp_stack.ralph.gate.access import MAX_CALLS_AT_ONCE
from mcp_stack.ralph.gate.endpoint import MAX_BODY_BYTES
from mcp_stack.ralph.gate.gate import LoopbackGate
from tests.support.gate import PROVIDERS_KEY, Pauses, anthropic_client, gate_to, model_of, openai_client
from tests.support.http_endpoint import failure
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.waiting import until

QUESTION: list[Any] = [{"role": "user", "content": "Capital of France?"}]


@pytest.fixture
def claude() -> Iterator[ScriptedClaude]:
    with ScriptedClaude() as endpoint:
        yield endpoint


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def gate(claude: ScriptedClaude, pauses: Pauses) -> AsyncIterator[LoopbackGate]:
    async with gate_to(model_of(claude), wait_seconds=100, sleep=pauses) as opened:
        yield opened


@pytest.fixture
async def access(gate: LoopbackGate) -> AsyncIterator[MeteredAccess]:
    async with gate.open("task", max_cost_usd=0) as opened:
        yield opened


async def _ask(access: ModelAccess, **details: Any) -> str:
    """One question by OpenAI's client."""
    async with openai_client(access, **details) as client:
        reply = await client.chat.completions.create(model="m", messages=QUESTION)
    return str(reply.choices[0].message.content)


async def _ask_claude(access: ModelAccess, **details: Any) -> str:
    """One question by Anthropic's client."""
    async with anthropic_client(access, **details) as client:
        reply: Any = await client.messages.create(model="m", max_tokens=50, messages=QUESTION)
    return str(reply.content[0].text)


async def _read(access: ModelAccess, pieces: list[str]) -> None:
    """One question by OpenAI's client, its answer piece by piece."""
    async with openai_client(access) as client:
        stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        async for chunk in stream:
            pieces += [choice.delta.content or "" for choice in chunk.choices]


async def _post(access: ModelAccess, path: str, content: bytes, key: str | None = None) -> httpx2.Response:
    """A request that no good client would make."""
    sent = access.key if key is None else key
    headers = {b"authorization": f"Bearer {sent}".strip().encode()}
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{access.anthropic_url}{path}", content=content, headers=headers)


# Who may ask


@pytest.mark.parametrize("key", ["wrong", "", "\u00e9", PROVIDERS_KEY])
async def test_another_key_opens_nothing(claude: ScriptedClaude, access: MeteredAccess, key: str) -> None:
    reply = await _post(access.access, "/v1/chat/completions", b"{}", key)
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert not claude.received


async def test_a_key_is_worth_nothing_once_the_context_is_left(claude: ScriptedClaude, gate: LoopbackGate) -> None:
    claude.always_answers("Paris.")
    async with gate.open("task", max_cost_usd=0) as opened:
        assert await _ask(opened.access) == "Paris."
    async with gate.open("task", max_cost_usd=0) as again:
        assert again.access.openai_url == opened.access.openai_url
        assert again.access.key != opened.access.key
        with pytest.raises(openai.AuthenticationError, match="expired"):
            await _ask(opened.access)
        with pytest.raises(anthropic.AuthenticationError, match="expired"):
            await _ask_claude(opened.access)
    assert len(claude.received) == 1


async def test_each_of_two_tasks_has_its_own_key_budget_and_count(claude: ScriptedClaude, gate: LoopbackGate) -> None:
    claude.always_answers("Paris.", tokens_in=1000, tokens_out=100)  # $0.003
    async with gate.open("a", max_cost_usd=0.002) as first, gate.open("b", max_cost_usd=0) as second:
        await asyncio.gather(_ask(first.access), _ask(second.access), _ask_claude(second.access))
        with pytest.raises(openai.APIStatusError, match="budget"):
            await _ask(first.access)
        await _ask(second.access)
        assert (first.use.calls, second.use.calls) == (1, 3)
        assert (first.use.cost_usd, second.use.cost_usd) == pytest.approx((0.003, 0.009))
        assert first.use.refused
        assert not second.use.refused


async def test_it_listens_on_the_loopback_alone(access: MeteredAccess) -> None:
    assert access.access.openai_url.startswith("http://127.0.0.1:")
    assert access.access.openai_url == f"{access.access.anthropic_url}/v1"


async def test_the_key_is_neither_shown_nor_logged(
    claude: ScriptedClaude, gate: LoopbackGate, caplog: pytest.LogCaptureFixture
) -> None:
    claude.answers("Paris.")
    claude.fails(400)
    with caplog.at_level(logging.DEBUG):
        async with gate.open("task", max_cost_usd=0) as opened:
            await _ask(opened.access)
            with pytest.raises(openai.BadRequestError):
                await _ask(opened.access)
    ours = [record for record in caplog.records if record.name.startswith(("mcp_stack", "uvicorn"))]
    assert any("task" in record.getMessage() for record in ours)
    assert not any(opened.access.key in record.getMessage() for record in ours)
    assert opened.access.key not in repr(opened.access)


# What may be asked


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b"no JSON", 400),
        ("/v1/chat/completions", b'{"messages": NaN}', 400),
        ("/v1/messages", b"[]", 400),
        ("/v1/messages", b"[" * 100_000, 400),
        ("/v1/chat/completions", b'{"messages": 3}', 400),
        ("/v1/chat/completions", b'{"messages": [{"role": "wizard"}]}', 400),
        ("/v1/chat/completions", b'{"messages": [], "tools": [{"type": "web_search"}]}', 400),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}', 400),
        ("/v1/responses", b"{}", 404),
        ("/", b"{}", 404),
    ],
)
async def test_what_is_no_request_is_refused_in_words(
    claude: ScriptedClaude, access: MeteredAccess, path: str, body: bytes, status: int
) -> None:
    reply = await _post(access.access, path, body)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]
    assert not claude.received


async def test_a_body_that_is_too_big_is_refused_though_it_was_sent_whole(
    claude: ScriptedClaude, access: MeteredAccess
) -> None:
    reply = await _post(access.access, "/v1/messages", b" " * (MAX_BODY_BYTES + 1))
    assert reply.status_code == 413
    assert reply.json()["error"]["type"] == "request_too_large"
    assert not claude.received


async def test_only_so_many_calls_of_an_agent_are_at_work_at_once(claude: ScriptedClaude, gate: LoopbackGate) -> None:
    for _ in range(MAX_CALLS_AT_ONCE):
        claude.stalls("Paris")
    claude.always_answers("Paris.")

    async with gate.open("task", max_cost_usd=0) as opened, gate.open("other", max_cost_usd=0) as other:
        asking = [asyncio.create_task(_read(opened.access, [])) for _ in range(MAX_CALLS_AT_ONCE + 4)]
        await until(lambda: len(claude.received) == MAX_CALLS_AT_ONCE)
        assert await _ask(other.access) == "Paris."
        assert len(claude.received) == MAX_CALLS_AT_ONCE + 1
        asking[0].cancel()
        await until(lambda: any(each.done() and not each.cancelled() for each in asking))
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


# Budgets


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [(_ask, openai.BadRequestError), (_ask_claude, anthropic.APIStatusError)],
)
async def test_a_budget_that_is_used_up_is_refused_once_and_not_tried_again(
    claude: ScriptedClaude, gate: LoopbackGate, ask: Any, refusal: type[openai.APIStatusError]
) -> None:
    claude.always_answers("Paris.", tokens_in=1000, tokens_out=100)
    async with gate.open("task", max_cost_usd=0.003) as opened:
        await ask(opened.access, max_retries=3)
        with pytest.raises(refusal, match="budget is used up") as refused:
            await ask(opened.access, max_retries=3)
        assert refused.value.status_code == (400 if refusal is openai.BadRequestError else 402)
        assert "max_cost_usd" in opened.use.refused
        assert opened.use.calls == 1
        assert not opened.use.failed
    assert len(claude.received) == 1


async def test_calls_at_the_same_time_do_not_overdraw_the_budget_by_their_prompts() -> None:
    with ScriptedOpenAI() as provider:
        provider.stalls("Paris")
        provider.always_answers("Paris.")
        prompt: list[Any] = [{"role": "user", "content": "x" * 400_000}]  # about 100,000 tokens, $0.20
        async with (
            gate_to(model_of(provider)) as gate,
            gate.open("task", max_cost_usd=0.3) as opened,
            openai_client(opened.access) as client,
        ):
            stream = await client.chat.completions.create(model="m", messages=prompt, stream=True)
            await anext(aiter(stream))
            with pytest.raises(openai.APIStatusError, match="budget"):
                await client.chat.completions.create(model="m", messages=prompt)
            assert await _ask(opened.access) == "Paris."


async def test_an_endpoint_that_tells_no_usage_is_counted_by_the_length_of_its_texts() -> None:
    with ScriptedOpenAI() as provider:
        provider.always_answers("word " * 40, usage_offered=False)
        async with gate_to(model_of(provider)) as gate, gate.open("task", max_cost_usd=0) as opened:
            await _ask(opened.access)
            assert (opened.use.calls, opened.use.tokens_in, opened.use.tokens_out) == (1, 4, 50)


# Limits of the provider


@pytest.mark.parametrize("status", [429, 529])
async def test_a_providers_limit_is_waited_out(
    claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses, status: int
) -> None:
    claude.fails(status, retry_after=7)
    claude.fails(status)
    claude.fails(status)
    claude.answers("Paris.")
    assert await _ask(access.access) == "Paris."
    assert pauses.seconds == [7, 4, 8]
    assert access.use.calls == 1
    assert not access.use.failed


async def test_a_stream_waits_for_a_limit_too(claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses) -> None:
    claude.fails(429, retry_after=7)
    claude.answers("Paris.")
    pieces: list[str] = []
    await _read(access.access, pieces)
    assert "".join(pieces) == "Paris."
    assert pauses.seconds == [7]


async def test_a_limit_beyond_the_bound_is_passed_on_with_its_time(
    claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses
) -> None:
    claude.fails(429, retry_after=60)
    claude.fails(429, retry_after=60)
    with pytest.raises(anthropic.RateLimitError) as limited:
        await _ask_claude(access.access)
    assert pauses.seconds == [60]
    assert limited.value.response.headers["retry-after"] == "60"
    assert access.use.failed.startswith("429 rate_limit_error: ")
    assert access.use.calls == 0


async def test_a_provider_that_is_unavailable_for_a_time_is_waited_for(
    claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses
) -> None:
    unavailable = {"type": "error", "error": {"type": "api_error", "message": "maintenance"}}
    claude.then(failure(503, unavailable, retry_after=3), failure(503, unavailable))
    with pytest.raises(openai.InternalServerError, match="maintenance"):
        await _ask(access.access)
    assert pauses.seconds == [3]


async def test_an_account_without_money_is_not_waited_for(pauses: Pauses) -> None:
    with ScriptedOpenAI() as provider:
        provider.fails(429, "You exceeded your current quota", code="insufficient_quota")
        async with gate_to(model_of(provider), sleep=pauses) as gate, gate.open("task", max_cost_usd=0) as opened:
            with pytest.raises(openai.RateLimitError, match="quota"):
                await _ask(opened.access)
            assert opened.use.failed.startswith("429 insufficient_quota: ")
    assert not pauses.seconds


# Failures


@pytest.mark.parametrize(
    ("status", "for_openai", "for_anthropic"),
    [
        (400, openai.BadRequestError, anthropic.BadRequestError),
        (401, openai.AuthenticationError, anthropic.AuthenticationError),
        (404, openai.NotFoundError, anthropic.NotFoundError),
        (413, openai.APIStatusError, anthropic.APIStatusError),
        (500, openai.InternalServerError, anthropic.InternalServerError),
    ],
)
async def test_what_the_provider_refuses_is_passed_on_with_its_class(
    claude: ScriptedClaude, access: MeteredAccess, status: int, for_openai: Any, for_anthropic: Any
) -> None:
    for _ in range(2):
        claude.fails(status, f"it refuses {PROVIDERS_KEY}")
    with pytest.raises(for_openai) as first:
        await _ask(access.access)
    with pytest.raises(for_anthropic) as second:
        await _ask_claude(access.access)
    assert first.value.status_code == second.value.status_code == status
    assert "it refuses ***" in str(first.value)
    assert access.use.failed.startswith(f"{status} ")
    assert PROVIDERS_KEY not in access.use.failed
    assert access.use.calls == 0


async def test_a_model_that_says_nothing_is_given_up() -> None:
    with ScriptedClaude() as claude:
        claude.stalls("Paris")
        async with (
            gate_to(model_of(claude, timeout_seconds=0.3)) as gate,
            gate.open("task", max_cost_usd=0) as opened,
            anthropic_client(opened.access) as client,
        ):
            with pytest.raises(anthropic.APIStatusError, match="said nothing"):
                async with client.messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
                    await stream.until_done()
            assert opened.use.failed.startswith("504 timeout_error")
            assert opened.use.calls == 1


async def test_an_answer_that_breaks_off_is_an_error_in_the_stream_and_counted(
    claude: ScriptedClaude, access: MeteredAccess
) -> None:
    claude.drops_connection(after="The capital of France", tokens_in=300)
    pieces: list[str] = []
    with pytest.raises(openai.APIError, match="lost"):
        await _read(access.access, pieces)
    assert "".join(pieces) == "The capital of France"
    assert (access.use.calls, access.use.tokens_in, access.use.tokens_out) == (1, 300, 5)
    assert access.use.failed.startswith("502 ")


async def test_an_error_in_mid_stream_keeps_its_class(claude: ScriptedClaude, access: MeteredAccess) -> None:
    claude.fails_midway("The capital")
    async with anthropic_client(access.access) as client:
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            async with client.messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
                await stream.until_done()
    assert access.use.failed.startswith("529 overloaded_error: ")


@pytest.mark.parametrize("reply", ["no JSON", "[]", "{}", '{"content": 3}', '{"content": [{"type": "text"}]}'])
async def test_a_reply_that_is_none_is_a_bad_gateway(claude: ScriptedClaude, access: MeteredAccess, reply: str) -> None:
    claude.says(reply)
    if reply == "{}":  # an empty answer, as far as it goes
        assert await _ask(access.access) == ""
        return
    with pytest.raises(openai.InternalServerError) as refused:
        await _ask(access.access)
    assert refused.value.status_code == 502


@pytest.mark.parametrize(
    "event", ["data: no JSON\n\n", "data: []\n\n", 'data: {"type": "content_block_start", "content_block": {}}\n\n']
)
async def test_a_stream_that_is_none_ends_in_an_error(
    claude: ScriptedClaude, access: MeteredAccess, event: str
) -> None:
    claude.streams(event)
    with pytest.raises(openai.APIError):
        await _read(access.access, [])
    assert access.use.failed.startswith("502 ")


# Going away


async def test_the_call_of_the_model_ends_when_the_agent_hangs_up(
    claude: ScriptedClaude, access: MeteredAccess
) -> None:
    claude.stalls("The capital of France")
    async with openai_client(access.access) as client:
        stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        text = ""
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            if text == "The capital of France":
                break
        await stream.close()
    await until(lambda: access.use.calls == 1)
    await until(lambda: not claude.connections)
    assert (access.use.tokens_in, access.use.tokens_out) == (10, 5)
    assert "hung up" in access.use.failed


async def test_a_call_that_is_under_way_when_the_access_ends_is_ended_and_counted(
    claude: ScriptedClaude, gate: LoopbackGate
) -> None:
    claude.stalls("The capital of France")
    async with gate.open("task", max_cost_usd=0) as opened:
        client = openai.AsyncOpenAI(base_url=opened.access.openai_url, api_key=opened.access.key, max_retries=0)
        stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        pieces = aiter(stream)
        for _ in range(5):  # the role, and four words
            await anext(pieces)
    assert (opened.use.calls, opened.use.tokens_in, opened.use.tokens_out) == (1, 10, 5)
    await until(lambda: not claude.connections)
    with pytest.raises(openai.APIError, match="expired"):
        await anext(pieces)
    await client.close()


async def test_nothing_listens_any_more_once_the_gate_is_closed(claude: ScriptedClaude) -> None:
    claude.always_answers("Paris.")
    gate = LoopbackGate(lambda: model_of(claude), wait_seconds=0)
    async with gate.open("task", max_cost_usd=0) as opened:
        await _ask(opened.access)
    await gate.close()
    with pytest.raises(openai.APIConnectionError):
        await _ask(opened.access)
    async with gate.open("task", max_cost_usd=0) as again:
        assert await _ask(again.access) == "Paris."
    await gate.close()
