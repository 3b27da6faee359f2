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
from tests.support.gate_replies import INPUTS, NAMES, REPLIES, WORDS

IMAGES = st.sampled_from(
    [
        {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="},
        {"type": "url", "url": "https://example.org/a.png"},
    ]
)


@st.composite
def anthropic_conversations(draw: st.DrawFn) -> list[Body]:
    """Turns as an agent sends them: each call of a tool is answered in the turn after it."""
    turns: list[Body] = [{"role": "user", "content": [{"type": "text", "text": draw(WORDS)}]}]
    number = 0
    for _ in range(draw(st.integers(0, 4))):
        names = draw(st.lists(NAMES, max_size=3))
        said = [{"type": "text", "text": draw(WORDS)}] if draw(st.booleans()) or not names else []
        calls = []
        for name in names:
            number += 1
            calls.append({"type": "tool_use", "id": f"call_{number}", "name": name, "input": draw(INPUTS)})
        turns.append({"role": "assistant", "content": [*said, *calls]})
        results: list[Body] = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": draw(WORDS)}]}
            for call in calls
        ]
        if draw(st.booleans()) or not results:
            results.append({"type": "text", "text": draw(WORDS)})
        if draw(st.booleans()):
            results.append({"type": "image", "source": draw(IMAGES)})
        turns.append({"role": "user", "content": results})
    return turns


TOOLS = st.lists(
    st.builds(
        lambda name, described, schema: {"name": name, **described, "input_schema": {"type": "object", **schema}},
        NAMES,
        st.sampled_from([{}, {"description": "Does things."}]),
        st.sampled_from([{}, {"properties": {"a": {"type": "string"}}}]),
    ),
    max_size=3,
)


def _unmarked(value: Any) -> Any:
    """Without the marks for the prompt cache."""
    if isinstance(value, dict):
        return {key: _unmarked(each) for key, each in value.items() if key != "cache_control"}
    return [_unmarked(each) for each in value] if isinstance(value, list) else value


CHOICES = st.sampled_from(
    [
        {"type": "auto"},
        {"type": "any"},
        {"type": "none"},
        {"type": "tool", "name": "a"},
        {"type": "auto", "disable_parallel_tool_use": True},
    ]
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("m"), "max_tokens": st.integers(1, 10**5), "messages": anthropic_conversations()},
    optional={
        "system": WORDS.map(lambda text: [{"type": "text", "text": text}]),
        "stop_sequences": st.lists(WORDS, min_size=1, max_size=2),
        "stream": st.just(True),
        "output_config": st.just({"format": {"type": "json_schema", "schema": {"type": "object"}}}),
    },
)


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
