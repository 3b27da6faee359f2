"""Every client before every model: the providers' own clients, the real gate, and providers that answer by script."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from mcp_stack.ports.model_gate import MeteredAccess
from tests.support.gate import PROVIDERS_KEY, anthropic_client, gate_to, model_of, openai_at, openai_client
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI

Provider = ScriptedOpenAI | ScriptedClaude
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
OPENAI_TOOL: Any = {
    "type": "function",
    "function": {"name": "read", "description": "Read a file.", "parameters": SCHEMA},
}
ANTHROPIC_TOOL: Any = {"name": "read", "description": "Read a file.", "input_schema": SCHEMA}


@pytest.fixture(params=[ScriptedOpenAI, ScriptedClaude], ids=["openai-model", "claude"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    with request.param() as endpoint:
        yield endpoint


@pytest.fixture
async def access(provider: Provider) -> AsyncIterator[MeteredAccess]:
    async with gate_to(model_of(provider)) as gate, gate.open("task", max_cost_usd=0) as opened:
        yield opened


def _calls(provider: Provider, *calls: tuple[str, str, dict[str, Any]]) -> None:
    """The next reply calls tools."""
    if isinstance(provider, ScriptedClaude):
        provider.answers("Let me look.", calls=calls, stop_reason="tool_use")
    else:
        written = [(call, name, json.dumps(given)) for call, name, given in calls]
        provider.answers("Let me look.", calls=written, finish_reason="tool_calls")


async def test_a_client_of_openai_gets_a_whole_answer(provider: Provider, access: MeteredAccess) -> None:
    provider.answers("Paris it is.", tokens_in=11, tokens_out=4)
    async with openai_client(access.access) as client:
        reply = await client.chat.completions.create(
            model=access.access.model, messages=[{"role": "user", "content": "Capital of France?"}]
        )
    assert reply.choices[0].message.content == "Paris it is."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 4)
    assert (access.use.calls, access.use.tokens_in, access.use.tokens_out) == (1, 11, 4)
    assert access.use.cost_usd == pytest.approx((11 * 2 + 4 * 10) / 1e6)


async def test_a_client_of_openai_gets_a_stream(provider: Provider, access: MeteredAccess) -> None:
    provider.answers("Paris it is.", tokens_in=11, tokens_out=4)
    async with openai_client(access.access) as client:
        stream = await client.chat.completions.create(
            model=access.access.model,
            messages=[{"role": "user", "content": "Capital of France?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    texts = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert texts == ["Paris", " it", " is."]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (11, 4)
    assert (access.use.calls, access.use.tokens_in, access.use.tokens_out) == (1, 11, 4)


async def test_usage_is_counted_of_a_stream_that_did_not_ask_for_it(provider: Provider, access: MeteredAccess) -> None:
    provider.answers("Paris.", tokens_in=11, tokens_out=4)
    async with openai_client(access.access) as client:
        stream = await client.chat.completions.create(
            model=access.access.model, messages=[{"role": "user", "content": "Capital?"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert (access.use.tokens_in, access.use.tokens_out) == (11, 4)


async def test_a_client_of_anthropic_gets_a_whole_answer(provider: Provider, access: MeteredAccess) -> None:
    provider.answers("Paris it is.", tokens_in=11, tokens_out=4)
    async with anthropic_client(access.access) as client:
        reply = await client.messages.create(
            model=access.access.model, max_tokens=50, messages=[{"role": "user", "content": "Capital of France?"}]
        )
    assert [block.to_dict() for block in reply.content] == [{"type": "text", "text": "Paris it is."}]
    assert reply.stop_reason == "end_turn"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 4)
    assert (access.use.calls, access.use.tokens_in, access.use.tokens_out) == (1, 11, 4)


async def test_a_client_of_anthropic_gets_a_stream(provider: Provider, access: MeteredAccess) -> None:
    provider.answers("Paris it is.", tokens_in=11, tokens_out=4)
    async with anthropic_client(access.access) as client:
        manager = client.messages.stream(
            model=access.access.model, max_tokens=50, messages=[{"role": "user", "content": "Capital of France?"}]
        )
        async with manager as stream:
            assert [text async for text in stream.text_stream] == ["Paris", " it", " is."]
            reply = await stream.get_final_message()
    assert reply.stop_reason == "end_turn"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 4)
    assert (access.use.calls, access.use.tokens_in, access.use.tokens_out) == (1, 11, 4)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_of_openai_works_with_tools(provider: Provider, access: MeteredAccess, streamed: bool) -> None:
    _calls(provider, ("call_1", "read", {"path": "a b.py"}), ("call_2", "read", {}))
    provider.answers("It is empty.")
    said: list[Any] = [{"role": "system", "content": "You edit."}, {"role": "user", "content": "Read it."}]
    async with openai_client(access.access) as client:
        if streamed:
            manager = client.chat.completions.stream(model="m", messages=said, tools=[OPENAI_TOOL])
            async with manager as stream:
                message = (await stream.get_final_completion()).choices[0].message
        else:
            reply = await client.chat.completions.create(model="m", messages=said, tools=[OPENAI_TOOL])
            assert reply.choices[0].finish_reason == "tool_calls"
            message = reply.choices[0].message  # type: ignore[assignment]
        assert message.content == "Let me look."
        calls: Any = message.tool_calls
        assert [(call.id, call.function.name) for call in calls] == [("call_1", "read"), ("call_2", "read")]
        assert [json.loads(call.function.arguments) for call in calls] == [{"path": "a b.py"}, {}]
        turn: Any = {
            "role": "assistant",
            "content": message.content,
            "tool_calls": [
                {"id": call.id, "type": "function", "function": {"name": "read", "arguments": call.function.arguments}}
                for call in calls
            ],
        }
        results: list[Any] = [{"role": "tool", "tool_call_id": call.id, "content": f"of {call.id}"} for call in calls]
        reply = await client.chat.completions.create(
            model="m",
            messages=[*said, turn, *results],
            tools=[OPENAI_TOOL],
        )
    assert reply.choices[0].message.content == "It is empty."
    asked = provider.received[-1].body
    if isinstance(provider, ScriptedClaude):
        assert asked["tools"][0]["input_schema"] == SCHEMA
        used, told = asked["messages"][1]["content"], asked["messages"][2]["content"]
        assert [block["input"] for block in used[1:]] == [{"path": "a b.py"}, {}]
        assert [(block["tool_use_id"], block["content"][0]["text"]) for block in told] == [
            ("call_1", "of call_1"),
            ("call_2", "of call_2"),
        ]
    else:
        assert asked["messages"] == [*said, turn, *results]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_of_anthropic_works_with_tools(
    provider: Provider, access: MeteredAccess, streamed: bool
) -> None:
    _calls(provider, ("call_1", "read", {"path": "a b.py"}), ("call_2", "read", {}))
    provider.answers("It is empty.")
    asked: Any = {"model": "m", "max_tokens": 99, "system": "You edit.", "tools": [ANTHROPIC_TOOL]}
    said: list[Any] = [{"role": "user", "content": "Read it."}]
    async with anthropic_client(access.access) as client:
        if streamed:
            async with client.messages.stream(messages=said, **asked) as stream:
                message: Any = await stream.get_final_message()
        else:
            message = await client.messages.create(messages=said, **asked)
        assert message.stop_reason == "tool_use"
        text, *calls = message.content
        assert text.text == "Let me look."
        assert [(call.id, call.name, call.input) for call in calls] == [
            ("call_1", "read", {"path": "a b.py"}),
            ("call_2", "read", {}),
        ]
        turn: Any = {"role": "assistant", "content": [block.to_dict() for block in message.content]}
        results: list[Any] = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"of {call.id}"} for call in calls
        ]
        last: Any = {"role": "user", "content": [*results, {"type": "text", "text": "Go on."}]}
        reply: Any = await client.messages.create(messages=[*said, turn, last], **asked)
    assert reply.content[0].text == "It is empty."
    body = provider.received[-1].body
    if isinstance(provider, ScriptedOpenAI):
        assert [message["role"] for message in body["messages"]] == [
            "system",
            "user",
            "assistant",
            "tool",
            "tool",
            "user",
        ]
        assert body["messages"][3] == {"role": "tool", "tool_call_id": "call_1", "content": "of call_1"}
        assert body["messages"][5] == {"role": "user", "content": "Go on."}
        assert body["tools"] == [OPENAI_TOOL]
    else:
        assert body["messages"][2] == last


async def test_the_configured_model_and_key_are_used_whatever_the_agent_names(
    provider: Provider, access: MeteredAccess
) -> None:
    provider.always_answers("Yes.")
    async with anthropic_client(access.access) as client:
        await client.messages.create(
            model="claude-opus-5", max_tokens=50, messages=[{"role": "user", "content": "Hello?"}]
        )
    asked = provider.received[-1]
    assert asked.body["model"] == access.access.model
    sent = asked.headers.get("x-api-key") or asked.headers.get("authorization")
    assert sent in (PROVIDERS_KEY, f"Bearer {PROVIDERS_KEY}")
    assert not any(access.access.key in value for value in asked.headers.values())


async def test_the_model_is_listed_for_either_client(access: MeteredAccess) -> None:
    async with openai_client(access.access) as client:
        assert [model.id async for model in client.models.list()] == [access.access.model]
    async with anthropic_client(access.access) as other:
        assert [model.id async for model in other.models.list()] == [access.access.model]


async def test_the_prompts_end_is_marked_for_the_cache_where_an_agent_goes_on_step_by_step() -> None:
    with ScriptedClaude() as claude:
        claude.always_answers("Yes.", cache_read=900, cache_write=100, tokens_in=10, tokens_out=5)
        async with gate_to(model_of(claude)) as gate, gate.open("task", max_cost_usd=0) as access:
            async with openai_client(access.access) as client:
                said: list[Any] = [{"role": "system", "content": "You edit."}, {"role": "user", "content": "Go."}]
                reply = await client.chat.completions.create(model="m", messages=said, tools=[OPENAI_TOOL])
            body = claude.received[-1].body
            assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
            assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
            assert reply.usage is not None
            assert reply.usage.prompt_tokens == 1010
            assert access.use.tokens_in == 1010
            # Written at 1.25 times the price of the prompt, read at a tenth of it.
            assert access.use.cost_usd == pytest.approx((10 * 2 + 100 * 2.5 + 900 * 0.2 + 5 * 10) / 1e6)


async def test_tokens_are_counted_by_claude_and_estimated_for_the_others(
    provider: Provider, access: MeteredAccess
) -> None:
    if isinstance(provider, ScriptedClaude):
        provider.says('{"input_tokens": 1234}')
    async with anthropic_client(access.access) as client:
        counted = await client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x" * 400}])
    assert counted.input_tokens == (1234 if isinstance(provider, ScriptedClaude) else 100)
    assert access.use.calls == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gpt-5.2-codex", "mcp-stack-model"),
        ("openai/o3-mini", "mcp-stack-model"),
        ("gpt-oss-120b", "gpt-oss-120b"),
        ("qwen/qwen3-coder:30b", "qwen/qwen3-coder:30b"),
        ("claude-opus-5", "claude-opus-5"),
    ],
)
async def test_agents_are_told_no_name_by_which_they_would_speak_another_api(name: str, told: str) -> None:
    with ScriptedOpenAI() as provider:
        provider.answers("Yes.")
        async with (
            gate_to(openai_at(provider.url, name)) as gate,
            gate.open("task", max_cost_usd=0) as access,
            openai_client(access.access) as client,
        ):
            assert access.access.model == told
            await client.chat.completions.create(
                model=told, messages=[{"role": "user", "content": "Hello?"}], temperature=0.5
            )
        asked = provider.received[-1].body
    assert asked["model"] == name
    assert ("temperature" in asked) == (name == told)  # reasoning models refuse it
