"""Requests, replies and streams from either API's form to the other's, over many of each."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import UsageError
from mcp_stack.ports.agent_models import Body
from mcp_stack.ralph.gate.from_anthropic import openai_request
from mcp_stack.ralph.gate.from_openai import anthropic_request, arguments_object
from mcp_stack.ralph.gate.replies import anthropic_reply, openai_reply
from tests.support.gate_replies import (
    CHOICES,
    REPLIES,
    REQUESTS,
    TOOLS,
    anthropic_conversations,
)


def _unmarked(value: Any) -> Any:
    """Without the marks for the prompt cache."""
    if isinstance(value, dict):
        return {key: _unmarked(each) for key, each in value.items() if key != "cache_control"}
    return [_unmarked(each) for each in value] if isinstance(value, list) else value


@given(REQUESTS, TOOLS, st.none() | CHOICES)
def test_a_request_of_anthropics_api_comes_back_the_same_by_way_of_openais(
    request: Body, tools: list[Body], choice: Body | None
) -> None:
    if tools:
        request |= {"tools": tools} | ({"tool_choice": choice} if choice else {})
    there = openai_request(request)
    json.dumps(there)
    assert _unmarked(anthropic_request(there)) == request


@given(anthropic_conversations())
def test_results_of_tools_follow_the_calls_that_they_answer(turns: list[Body]) -> None:
    messages = openai_request({"messages": turns, "max_tokens": 1})["messages"]
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting
        waiting = [call["id"] for call in message.get("tool_calls", [])]
    assert not waiting


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), st.text(max_size=8)), max_size=8))
def test_claude_gets_turns_that_alternate_and_no_blank_text(said: list[tuple[str, str]]) -> None:
    messages = [{"role": role, "content": text, "tool_call_id": "c"} for role, text in said]
    request = anthropic_request({"model": "m", "messages": messages})
    roles = [turn["role"] for turn in request["messages"]]
    assert all(first != second for first, second in pairwise(roles))
    for turn in request["messages"]:
        assert turn["content"]
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")


@given(REPLIES)
def test_a_reply_comes_back_the_same_by_way_of_openais_form(message: Body) -> None:
    assert anthropic_reply(openai_reply(message)) == message


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["user", "text", "function"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "messages", "tools", "function", "name", "system", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["messages", "system", "tools", "tool_choice", "stop"]), ANYTHING))
def test_a_request_that_is_none_is_refused_by_no_other_error_than_those_that_say_so(request: Body) -> None:
    for translate in (openai_request, anthropic_request):
        try:
            translate(request)
        except (UsageError, LookupError, TypeError, AttributeError, ValueError):
            continue


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (None, {}),
        ("{broken", {"arguments": "{broken"}),
        ("[1]", {"arguments": "[1]"}),
        ("[" * 100_000, {"arguments": "[" * 100_000}),
    ],
)
def test_arguments_are_an_object_whatever_a_model_wrote(text: Any, expected: Body) -> None:
    assert arguments_object(text) == expected


def test_what_has_no_counterpart_is_left_out() -> None:
    request = openai_request(
        {
            "model": "m",
            "max_tokens": 9,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "metadata": {"user_id": "u"},
            "tools": [{"type": "web_search_20250305", "name": "web_search"}],
            "tool_choice": {"type": "auto"},
            "messages": [
                {"role": "user", "content": "Hello?"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                        {"type": "text", "text": "Hello!"},
                    ],
                },
                {"role": "user", "content": "Go on."},
            ],
        }
    )
    assert request == {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Hello?"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "Go on."},
        ],
    }


def test_claude_gets_a_limit_and_no_sampling_parameters() -> None:
    request = anthropic_request({"messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "top_p": 0.5})
    assert request["max_tokens"] == 32_000
    assert not {"temperature", "top_p"} & set(request)


def test_an_image_in_the_result_of_a_tool_is_sent_after_it() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "Seen:"}, image]}
    request = openai_request({"messages": [{"role": "user", "content": [result]}], "max_tokens": 1})
    assert request["messages"] == [
        {"role": "tool", "tool_call_id": "c", "content": "Seen:"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
    ]
