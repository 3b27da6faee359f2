"""What the gate lets through, how long it waits, what it counts, and what happens when somebody goes away."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from mcp_stack.ports.agent import ModelAccess
from mcp_stack.ports.model_gate import MeteredAccess
from mcp_stack.ralph.gate.access import MAX_CALLS_AT_ONCE
from mcp_stack.ralph.gate.endpoint import MAX_BODY_BYTES, MAX_VALUES
from mcp_stack.ralph.gate.gate import LoopbackGate
from tests.support.gate import (
    PROVIDERS_KEY,
    ask,
    ask_claude,
    gate_to,
    model_of,
    openai_client,
    read_stream,
)
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.waiting import until


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
        assert await ask(opened.access) == "Paris."
    async with gate.open("task", max_cost_usd=0) as again:
        assert again.access.openai_url == opened.access.openai_url
        assert again.access.key != opened.access.key
        with pytest.raises(openai.AuthenticationError, match="expired"):
            await ask(opened.access)
        with pytest.raises(anthropic.AuthenticationError, match="expired"):
            await ask_claude(opened.access)
    assert len(claude.received) == 1


async def test_each_of_two_tasks_has_its_own_key_budget_and_count(claude: ScriptedClaude, gate: LoopbackGate) -> None:
    claude.always_answers("Paris.", tokens_in=1000, tokens_out=100)  # $0.003
    async with gate.open("a", max_cost_usd=0.002) as first, gate.open("b", max_cost_usd=0) as second:
        await asyncio.gather(ask(first.access), ask(second.access), ask_claude(second.access))
        with pytest.raises(openai.APIStatusError, match="budget"):
            await ask(first.access)
        await ask(second.access)
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
            await ask(opened.access)
            with pytest.raises(openai.BadRequestError):
                await ask(opened.access)
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


@pytest.mark.parametrize(
    "body", [b" " * (MAX_BODY_BYTES + 1), b'{"messages": [' + b"[]," * MAX_VALUES + b"[]]}"], ids=["bytes", "values"]
)
async def test_a_body_that_is_too_big_is_refused_though_it_was_sent_whole(
    claude: ScriptedClaude, access: MeteredAccess, body: bytes
) -> None:
    reply = await _post(access.access, "/v1/messages", body)
    assert reply.status_code == 413
    assert reply.json()["error"]["type"] == "request_too_large"
    assert not claude.received


async def test_only_so_many_calls_of_an_agent_are_at_work_at_once(claude: ScriptedClaude, gate: LoopbackGate) -> None:
    for _ in range(MAX_CALLS_AT_ONCE):
        claude.stalls("Paris")
    claude.always_answers("Paris.")

    async with gate.open("task", max_cost_usd=0) as opened, gate.open("other", max_cost_usd=0) as other:
        asking = [asyncio.create_task(read_stream(opened.access, [])) for _ in range(MAX_CALLS_AT_ONCE + 4)]
        await until(lambda: len(claude.received) == MAX_CALLS_AT_ONCE)
        assert await ask(other.access) == "Paris."
        assert len(claude.received) == MAX_CALLS_AT_ONCE + 1
        asking[0].cancel()
        await until(lambda: any(each.done() and not each.cancelled() for each in asking))
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


# Budgets


@pytest.mark.parametrize(
    ("asking", "refusal"),
    [(ask, openai.BadRequestError), (ask_claude, anthropic.APIStatusError)],
)
async def test_a_budget_that_is_used_up_is_refused_once_and_not_tried_again(
    claude: ScriptedClaude, gate: LoopbackGate, asking: Any, refusal: type[openai.APIStatusError]
) -> None:
    claude.always_answers("Paris.", tokens_in=1000, tokens_out=100)
    async with gate.open("task", max_cost_usd=0.003) as opened:
        await asking(opened.access, max_retries=3)
        with pytest.raises(refusal, match="budget is used up") as refused:
            await asking(opened.access, max_retries=3)
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
            assert await ask(opened.access) == "Paris."


async def test_an_endpoint_that_tells_no_usage_is_counted_by_the_length_of_its_texts() -> None:
    with ScriptedOpenAI() as provider:
        provider.always_answers("word " * 40, usage_offered=False)
        async with gate_to(model_of(provider)) as gate, gate.open("task", max_cost_usd=0) as opened:
            await ask(opened.access)
            assert (opened.use.calls, opened.use.tokens_in, opened.use.tokens_out) == (1, 4, 50)
