"""Whole replies of models, from the form of either API to the other's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ...ports.agent_models import Body, Usage
from .counting import anthropic_usage, openai_usage
from .from_openai import arguments_object

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""Anthropic's reason for the end of a reply to OpenAI's."""

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI's to Anthropic's."""


def openai_reply(message: Mapping[str, Any]) -> Body:
    """A reply of Claude as a chat completion.

    Args:
        message: A body that `POST /v1/messages` answers with.
    """
    content = message.get("content") or []
    text = "".join(block["text"] for block in content if block["type"] == "text")
    calls = [openai_call(block) for block in content if block["type"] == "tool_use"]
    said: Body = {"role": "assistant", "content": text or (None if calls else "")}
    choice = {
        "index": 0,
        "message": {**said, "tool_calls": calls} if calls else said,
        "finish_reason": FINISH_REASONS.get(str(message.get("stop_reason")), "stop"),
        "logprobs": None,
    }
    return {
        "id": message.get("id", ""),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": message.get("model", ""),
        "choices": [choice],
        "usage": as_openai_usage(anthropic_usage(message.get("usage") or {})),
    }


def anthropic_reply(completion: Mapping[str, Any]) -> Body:
    """A chat completion as a reply of Claude.

    Args:
        completion: A body that `POST /v1/chat/completions` answers with.
    """
    choice = completion["choices"][0]
    said = choice["message"]
    content: list[Body] = [{"type": "text", "text": said["content"]}] if said.get("content") else []
    content += [anthropic_call(call) for call in said.get("tool_calls") or []]
    return {
        "id": completion.get("id", ""),
        "type": "message",
        "role": "assistant",
        "model": completion.get("model", ""),
        "content": content,
        "stop_reason": stop_reason(choice.get("finish_reason"), calls=bool(said.get("tool_calls"))),
        "stop_sequence": None,
        "usage": as_anthropic_usage(openai_usage(completion.get("usage") or {})),
    }


def openai_call(block: Mapping[str, Any]) -> Body:
    """A tool call of Claude as a function call."""
    function = {"name": block["name"], "arguments": json.dumps(block.get("input") or {})}
    return {"id": block["id"], "type": "function", "function": function}


def anthropic_call(call: Mapping[str, Any]) -> Body:
    """A function call as a tool call of Claude."""
    function = call["function"]
    given = arguments_object(function.get("arguments"))
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": given}


def stop_reason(finish_reason: Any, *, calls: bool) -> str:
    """Anthropic's reason for the end of a reply.

    Args:
        finish_reason: OpenAI's; some servers say `stop` where the model calls tools.
        calls: The reply has tool calls.
    """
    reason = STOP_REASONS.get(str(finish_reason), "end_turn")
    return "tool_use" if calls and reason == "end_turn" else reason


def as_openai_usage(used: Usage) -> Body:
    """Usage as OpenAI tells it: cached tokens are part of the prompt's."""
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.tokens_out,
        "total_tokens": used.prompt + used.tokens_out,
        "prompt_tokens_details": {"cached_tokens": used.cache_read},
    }


def as_anthropic_usage(used: Usage) -> Body:
    """Usage as Anthropic tells it: cached tokens are counted apart."""
    return {
        "input_tokens": used.tokens_in,
        "output_tokens": used.tokens_out,
        "cache_creation_input_tokens": used.cache_write + used.cache_write_hour,
        "cache_read_input_tokens": used.cache_read,
    }
