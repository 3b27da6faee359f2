"""What a provider refuses, what breaks off, and who goes away."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from mcp_stack.ports.model_gate import MeteredAccess
from mcp_stack.ralph.gate.gate import LoopbackGate
from tests.support.gate import (
    PROVIDERS_KEY,
    QUESTION,
    Pauses,
    anthropic_client,
    ask,
    ask_claude,
    gate_to,
    model_of,
    openai_client,
    read_stream,
)
from tests.support.http_endpoint import failure
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.waiting import until

# Limits of the provider


@pytest.mark.parametrize("status", [429, 529])
async def test_a_providers_limit_is_waited_out(
    claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses, status: int
) -> None:
    claude.fails(status, retry_after=7)
    claude.fails(status)
    claude.fails(status)
    claude.answers("Paris.")
    assert await ask(access.access) == "Paris."
    assert pauses.seconds == [7, 4, 8]
    assert access.use.calls == 1
    assert not access.use.failed


async def test_a_stream_waits_for_a_limit_too(claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses) -> None:
    claude.fails(429, retry_after=7)
    claude.answers("Paris.")
    pieces: list[str] = []
    await read_stream(access.access, pieces)
    assert "".join(pieces) == "Paris."
    assert pauses.seconds == [7]


async def test_a_limit_beyond_the_bound_is_passed_on_with_its_time(
    claude: ScriptedClaude, access: MeteredAccess, pauses: Pauses
) -> None:
    claude.fails(429, retry_after=60)
    claude.fails(429, retry_after=60)
    with pytest.raises(anthropic.RateLimitError) as limited:
        await ask_claude(access.access)
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
        await ask(access.access)
    assert pauses.seconds == [3]


async def test_an_account_without_money_is_not_waited_for(pauses: Pauses) -> None:
    with ScriptedOpenAI() as provider:
        provider.fails(429, "You exceeded your current quota", code="insufficient_quota")
        async with gate_to(model_of(provider), sleep=pauses) as gate, gate.open("task", max_cost_usd=0) as opened:
            with pytest.raises(openai.RateLimitError, match="quota"):
                await ask(opened.access)
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
        await ask(access.access)
    with pytest.raises(for_anthropic) as second:
        await ask_claude(access.access)
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
        await read_stream(access.access, pieces)
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
        assert await ask(access.access) == ""
        return
    with pytest.raises(openai.InternalServerError) as refused:
        await ask(access.access)
    assert refused.value.status_code == 502


@pytest.mark.parametrize(
    "event", ["data: no JSON\n\n", "data: []\n\n", 'data: {"type": "content_block_start", "content_block": {}}\n\n']
)
async def test_a_stream_that_is_none_ends_in_an_error(
    claude: ScriptedClaude, access: MeteredAccess, event: str
) -> None:
    claude.streams(event)
    with pytest.raises(openai.APIError):
        await read_stream(access.access, [])
    assert access.use.failed.startswith("502 ")


async def test_a_stream_without_any_event_is_an_empty_answer() -> None:
    with ScriptedOpenAI() as provider:
        provider.streams("data: [DONE]\n\n")
        async with gate_to(model_of(provider)) as gate, gate.open("task", max_cost_usd=0) as opened:
            pieces: list[str] = []
            await read_stream(opened.access, pieces)
            assert not pieces
            assert opened.use.calls == 1


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
        await ask(opened.access)
    await gate.close()
    with pytest.raises(openai.APIConnectionError):
        await ask(opened.access)
    async with gate.open("task", max_cost_usd=0) as again:
        assert await ask(again.access) == "Paris."
    await gate.close()
