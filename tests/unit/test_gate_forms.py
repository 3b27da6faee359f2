"""What the gate writes, held against the types of the providers' own SDKs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from anthropic.types import Message, MessageParam, RawMessageStreamEvent, ToolChoiceParam, ToolParam
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolChoiceOptionParam,
    ChatCompletionToolParam,
)
from pydantic import TypeAdapter, ValidationError

from mcp_stack.ports.agent_models import Body
from mcp_stack.ralph.gate.from_anthropic import openai_request
from mcp_stack.ralph.gate.from_openai import anthropic_request
from mcp_stack.ralph.gate.replies import anthropic_reply, openai_reply
from mcp_stack.ralph.gate.streams import AnthropicEvents, OpenAIChunks
from tests.support.gate_replies import CHOICES, REPLIES, REQUESTS, TOOLS, anthropic_stream, openai_stream, through

OPENAI_TURN: TypeAdapter[Any] = TypeAdapter(ChatCompletionMessageParam)
OPENAI_TOOL: TypeAdapter[Any] = TypeAdapter(ChatCompletionToolParam)
OPENAI_CHOICE: TypeAdapter[Any] = TypeAdapter(ChatCompletionToolChoiceOptionParam)
ANTHROPIC_TURN: TypeAdapter[Any] = TypeAdapter(MessageParam)
ANTHROPIC_TOOL: TypeAdapter[Any] = TypeAdapter(ToolParam)
ANTHROPIC_CHOICE: TypeAdapter[Any] = TypeAdapter(ToolChoiceParam)
ANTHROPIC_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


@given(REQUESTS, TOOLS, CHOICES)
def test_a_translated_request_is_one(request: Body, tools: list[Body], choice: Body) -> None:
    for_openai = openai_request(request | {"tools": tools, "tool_choice": choice})
    for turn in for_openai["messages"]:
        _checked(OPENAI_TURN, turn)
    for tool in for_openai.get("tools", []):
        _checked(OPENAI_TOOL, tool)
    if tools:
        _checked(OPENAI_CHOICE, for_openai["tool_choice"])
    for_claude = anthropic_request(for_openai)
    for turn in for_claude["messages"]:
        _checked(ANTHROPIC_TURN, turn)
    for tool in for_claude.get("tools", []):
        _checked(ANTHROPIC_TOOL, tool)
    if tools:
        _checked(ANTHROPIC_CHOICE, for_claude["tool_choice"])


@given(REPLIES)
def test_a_translated_reply_is_one(message: Body) -> None:
    completion = openai_reply(message)
    ChatCompletion.model_validate(completion)
    Message.model_validate(anthropic_reply(completion))


@given(REPLIES, st.integers(1, 7))
def test_each_event_of_a_translated_stream_is_one(message: Body, length: int) -> None:
    for chunk in through(OpenAIChunks(), anthropic_stream(message, length)):
        ChatCompletionChunk.model_validate(chunk)
    for event in through(AnthropicEvents(), openai_stream(openai_reply(message), length)):
        if event["type"] != "ping":  # which the API sends and its types do not name
            ANTHROPIC_EVENT.validate_python(event)


def test_these_types_refuse_what_is_wrong() -> None:
    with pytest.raises(ValidationError):
        _checked(ANTHROPIC_TURN, {"role": "user", "content": [{"type": "tool_result"}]})
    with pytest.raises(ValidationError):
        _checked(OPENAI_TURN, {"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]})


def _checked(kind: TypeAdapter[Any], value: Any) -> None:
    """Check a value to its last leaf: iterables are looked at only as they are read."""
    _read(kind.validate_python(value))


def _read(value: Any) -> None:
    if isinstance(value, Mapping):
        for each in value.values():
            _read(each)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for each in value:
            _read(each)
