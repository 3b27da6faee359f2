"""The local model behind the gate: a real llama.cpp, alone or held by another process, with and without tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anthropic
import openai
import pytest

from mcp_stack.composition.agent_models import agent_model
from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.ports.model_gate import MeteredAccess
from mcp_stack.settings import Settings
from tests.support.gate import anthropic_client, gate_to, openai_client
from tests.support.tiny_gguf import CHAT_TEMPLATE, write_knowing_gguf, write_tiny_gguf

QUESTION: list[Any] = [{"role": "user", "content": "Capital of France?"}]
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
OPENAI_TOOL: Any = {"type": "function", "function": {"name": "read", "parameters": SCHEMA}}
ANTHROPIC_TOOL: Any = {"name": "read", "input_schema": SCHEMA}
WITH_TOOLS = CHAT_TEMPLATE + '{# <tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call> #}'
CALL = '<tool_call>\n{"name": "read", "arguments": {"path": "a b.py"}}\n</tool_call>'

Opening: TypeAlias = Callable[[Path], AbstractAsyncContextManager[MeteredAccess]]


@pytest.fixture
def opened(tmp_path: Path) -> Opening:
    """Opens an access to the model in a file, as the composition puts it together."""

    @asynccontextmanager
    async def opening(file: Path) -> AsyncIterator[MeteredAccess]:
        settings = Settings.model_validate({"data": tmp_path / "data", "llm": {"local": {"path": str(file)}}})
        stores = Stores(settings)
        models = ModelAdapters(settings, stores)
        try:
            async with (
                gate_to(agent_model(settings, models)) as gate,
                gate.open("task", max_cost_usd=0.01) as access,
            ):
                yield access
        finally:
            await models.close()
            await stores.close()

    return opening


async def test_either_client_gets_plain_answers_free_of_charge(tmp_path: Path, opened: Opening) -> None:
    async with opened(write_knowing_gguf(tmp_path / "knowing.gguf")) as access:
        assert access.access.model == "knowing"
        async with openai_client(access.access) as client:
            whole = await client.chat.completions.create(model="m", messages=QUESTION)
            assert whole.choices[0].message.content == "The capital of France is Paris."
            assert whole.choices[0].finish_reason == "stop"
            assert whole.usage is not None
            assert whole.usage.completion_tokens > 0
            stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
            pieces = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
            assert "".join(pieces) == "The capital of France is Paris."
            assert len([piece for piece in pieces if piece]) > 1
        async with anthropic_client(access.access) as other:
            reply: Any = await other.messages.create(model="m", max_tokens=2, messages=QUESTION)
            assert "The capital of France is Paris.".startswith(reply.content[0].text)
            assert reply.stop_reason == "max_tokens"
        assert access.use.calls == 3
        assert access.use.tokens_out == 2 * whole.usage.completion_tokens + 2
        assert access.use.cost_usd == 0


async def test_a_model_that_was_trained_for_tools_calls_them(tmp_path: Path, opened: Opening) -> None:
    file = write_knowing_gguf(tmp_path / "calling.gguf", answer=f"Let me look.\n{CALL}", chat_template=WITH_TOOLS)
    async with opened(file) as access:
        async with openai_client(access.access) as client:
            whole = await client.chat.completions.create(model="m", messages=QUESTION, tools=[OPENAI_TOOL])
            manager = client.chat.completions.stream(model="m", messages=QUESTION, tools=[OPENAI_TOOL])
            async with manager as stream:
                streamed = await stream.get_final_completion()
        for choice in (whole.choices[0], streamed.choices[0]):
            assert choice.finish_reason == "tool_calls"
            assert choice.message.content == "Let me look."
            calls: Any = choice.message.tool_calls
            assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
                ("read", {"path": "a b.py"})
            ]
        async with anthropic_client(access.access) as other:
            reply = await other.messages.create(model="m", max_tokens=99, messages=QUESTION, tools=[ANTHROPIC_TOOL])
        assert reply.stop_reason == "tool_use"
        text, call = reply.content
        assert text.type == "text"
        assert call.type == "tool_use"
        assert (call.name, call.input) == ("read", {"path": "a b.py"})


async def test_a_model_that_was_not_is_refused_tools_and_says_what_helps(tmp_path: Path, opened: Opening) -> None:
    async with opened(write_knowing_gguf(tmp_path / "knowing.gguf")) as access:
        async with openai_client(access.access) as client:
            with pytest.raises(openai.BadRequestError, match=r"use the backend aider.*ralph\.model"):
                await client.chat.completions.create(model="m", messages=QUESTION, tools=[OPENAI_TOOL])
        async with anthropic_client(access.access) as other:
            with pytest.raises(anthropic.BadRequestError, match="use the backend aider"):
                await other.messages.create(model="m", max_tokens=9, messages=QUESTION, tools=[ANTHROPIC_TOOL])
        assert access.use.failed.startswith("400 ")


async def test_a_conversation_that_is_too_long_is_refused_with_the_code_that_agents_know(
    tmp_path: Path, opened: Opening
) -> None:
    async with opened(write_tiny_gguf(tmp_path / "tiny.gguf", context_tokens=256)) as access:
        async with openai_client(access.access) as client:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 2000}])
        assert refused.value.code == "context_length_exceeded"
        assert access.use.failed.startswith("400 context_length_exceeded")


async def test_images_are_refused_and_broken_characters_are_not(tmp_path: Path, opened: Opening) -> None:
    async with (
        opened(write_knowing_gguf(tmp_path / "knowing.gguf")) as access,
        openai_client(access.access) as client,
    ):
        image: Any = [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]}
        ]
        with pytest.raises(openai.BadRequestError, match="text alone"):
            await client.chat.completions.create(model="m", messages=image)
        reply = await client.post(
            "/chat/completions",
            content=b'{"messages": [{"role": "user", "content": "half a pair: \\ud800"}]}',
            cast_to=openai.types.chat.ChatCompletion,
        )
        assert reply.choices[0].message.content == "The capital of France is Paris."


async def test_a_model_that_another_process_holds_answers_too(tmp_path: Path, opened: Opening) -> None:
    file = write_knowing_gguf(tmp_path / "knowing.gguf")
    async with opened(file) as holder, opened(file) as asker:
        for access in (holder, asker):
            async with openai_client(access.access) as client:
                reply = await client.chat.completions.create(model="m", messages=QUESTION)
            assert reply.choices[0].message.content == "The capital of France is Paris."
