"""Requests, replies and streams from either API's form to the other's, over many of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import UsageError
from mcp_stack.ports.agent_models import Body, Usage
from mcp_stack.ralph.gate.counting import Counter, anthropic_usage, openai_usage
from mcp_stack.ralph.gate.from_anthropic import openai_request
from mcp_stack.ralph.gate.from_openai import anthropic_request, arguments_object
from mcp_stack.ralph.gate.replies import anthropic_reply, as_anthropic_usage, as_openai_usage, openai_reply
from mcp_stack.ralph.gate.streams import AnthropicEvents, OpenAIChunks

WORDS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
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


REPLIES = st.builds(
    lambda text, calls, reason, numbers: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            *([{"type": "text", "text": text}] if text else []),
            *(
                {"type": "tool_use", "id": f"call_{index}", "name": name, "input": arguments}
                for index, (name, arguments) in enumerate(calls)
            ),
        ],
        "stop_reason": "tool_use" if calls else reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": numbers[0],
            "output_tokens": numbers[1],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": numbers[2],
        },
    },
    st.text(max_size=30),
    st.lists(st.tuples(NAMES, INPUTS), max_size=3),
    st.sampled_from(["end_turn", "max_tokens", "refusal"]),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
)


@given(REPLIES)
def test_a_reply_comes_back_the_same_by_way_of_openais_form(message: Body) -> None:
    assert anthropic_reply(openai_reply(message)) == message


@given(REPLIES, st.integers(1, 7))
def test_a_stream_adds_up_to_the_whole_reply_in_openais_form(message: Body, length: int) -> None:
    chunks = _through(OpenAIChunks(), _anthropic_stream(message, length))
    whole = openai_reply(message)
    said, reason, usage = _added_up(chunks)
    assert said == {"content": "", **{key: value for key, value in whole["choices"][0]["message"].items() if value}}
    assert reason == whole["choices"][0]["finish_reason"]
    assert usage == whole["usage"]
    assert {chunk["id"] for chunk in chunks} == {"msg_1"}


@given(REPLIES, st.integers(1, 7), st.booleans())
def test_a_stream_adds_up_to_the_whole_reply_in_anthropics_form(message: Body, length: int, mixed: bool) -> None:
    chunks = _openai_stream(openai_reply(message), length, mixed=mixed)
    events = _through(AnthropicEvents(), chunks)
    assert _collected(events) == message


@given(REPLIES, st.integers(1, 7))
def test_the_events_of_a_stream_come_in_the_order_that_the_api_promises(message: Body, length: int) -> None:
    kinds = [event["type"] for event in _through(AnthropicEvents(), _openai_stream(openai_reply(message), length))]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    open_blocks = 0
    for kind in kinds:
        open_blocks += {"content_block_start": 1, "content_block_stop": -1}.get(kind, 0)
        assert open_blocks in (0, 1)
        assert kind != "content_block_delta" or open_blocks == 1
    assert open_blocks == 0


@given(REPLIES, st.integers(1, 7))
def test_tokens_are_counted_alike_whole_and_streamed_in_either_form(message: Body, length: int) -> None:
    expected = anthropic_usage(message["usage"])
    whole = openai_reply(message)
    for dialect, reply, stream in (
        ("anthropic", message, _anthropic_stream(message, length)),
        ("openai", whole, _openai_stream(whole, length)),
    ):
        at_once, in_pieces = Counter(dialect, 5), Counter(dialect, 5)  # type: ignore[arg-type] # a loop over both
        at_once.reply(reply)
        for event in stream:
            in_pieces.event(event)
        assert at_once.used == in_pieces.used == expected
        assert not at_once.estimated
        assert not in_pieces.estimated


@given(REPLIES, st.integers(1, 7), st.integers(0, 30))
def test_what_breaks_off_is_counted_as_far_as_it_came(message: Body, length: int, seen: int) -> None:
    counter = Counter("openai", 123)
    chunks = _openai_stream(openai_reply(message), length)[:-1]
    for chunk in chunks[:seen]:
        counter.event(chunk)
    assert counter.estimated
    assert counter.used.tokens_in == 123
    everything = Counter("openai", 123)
    for chunk in chunks:
        everything.event(chunk)
    assert counter.used.tokens_out <= everything.used.tokens_out


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_usage_survives_either_form(tokens_in: int, tokens_out: int, cached: int) -> None:
    used = Usage(tokens_in, tokens_out, 0, cached)
    assert openai_usage(as_openai_usage(used)) == used
    assert anthropic_usage(as_anthropic_usage(used)) == used


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_a_usage_that_is_none_counts_nothing(strange: Any) -> None:
    assert openai_usage({"prompt_tokens_details": strange}) == Usage()
    assert anthropic_usage({"input_tokens": [strange]}) == Usage()


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


def test_calls_of_a_server_that_numbers_none_are_kept_apart() -> None:
    events = AnthropicEvents()
    for name in ("one", "two"):
        call = {"id": name, "function": {"name": name, "arguments": "{}"}}
        events.feed({"choices": [{"delta": {"tool_calls": [call]}}]})
    blocks = [event["content_block"] for event in events.end() if event["type"] == "content_block_start"]
    assert [block["name"] for block in blocks] == ["one", "two"]


def _pieces(text: str, length: int) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


def _through(translation: OpenAIChunks | AnthropicEvents, events: Sequence[Body]) -> list[Body]:
    fed = [out for event in events for out in translation.feed(event)]
    return [*fed, *translation.end()]


def _anthropic_stream(message: Body, length: int) -> list[Body]:
    """The events that Claude would send for a reply."""
    opening = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    events: list[Body] = [{"type": "message_start", "message": opening}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"], length)]
        else:
            start = {**block, "input": {}}
            text = json.dumps(block["input"]) if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *_pieces(text, length)]]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": {"stop_reason": message["stop_reason"]}, "usage": usage})
    return [*events, {"type": "message_stop"}]


def _openai_stream(completion: Body, length: int, *, mixed: bool = False) -> list[Body]:
    """The chunks that an endpoint would send for a reply, its calls one after the other or all at once."""
    head = {"id": completion["id"], "object": "chat.completion.chunk", "model": completion["model"]}
    message, reason = completion["choices"][0]["message"], completion["choices"][0]["finish_reason"]
    deltas: list[Body] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(message["content"] or "", length)]
    columns = []
    for index, call in enumerate(message.get("tool_calls", [])):
        name, text = call["function"]["name"], call["function"]["arguments"]
        opening = {"index": index, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [{"index": index, "function": {"arguments": piece}} for piece in _pieces(text, length)]
        columns.append([opening, *rest])
    if mixed:
        longest = max(map(len, columns), default=0)
        rows = [[column[at] for column in columns if at < len(column)] for at in range(longest)]
    else:
        rows = [[piece] for column in columns for piece in column]
    deltas += [{"tool_calls": row} for row in rows]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    return [*chunks, {**head, "choices": [], "usage": completion["usage"]}]


def _added_up(chunks: Sequence[Body]) -> tuple[Body, str, Body]:
    """What a client of OpenAI's makes of chunks: the message, the reason, the usage."""
    message: Body = {"content": ""}
    reason, usage = "", Body()
    calls: dict[int, Body] = {}
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            message |= {"role": delta["role"]} if "role" in delta else {}
            message["content"] += delta.get("content") or ""
            for piece in delta.get("tool_calls", []):
                call = calls.setdefault(piece["index"], {"function": {"name": "", "arguments": ""}})
                call |= {key: piece[key] for key in ("id", "type") if key in piece}
                for key, value in piece["function"].items():
                    call["function"][key] += value
            reason = choice["finish_reason"] or reason
    return message | ({"tool_calls": list(calls.values())} if calls else {}), reason, usage


def _collected(events: Sequence[Body]) -> Body:
    """What a client of Anthropic's makes of events."""
    message: Body = {}
    arguments = ""
    for event in events:
        match event["type"]:
            case "message_start":
                message = {**event["message"], "content": []}
            case "content_block_start":
                message["content"].append(dict(event["content_block"]))
                arguments = ""
            case "content_block_delta" if event["delta"]["type"] == "text_delta":
                message["content"][-1]["text"] += event["delta"]["text"]
            case "content_block_delta":
                arguments += event["delta"]["partial_json"]
            case "content_block_stop" if arguments:
                message["content"][-1]["input"] = json.loads(arguments)
            case "message_delta":
                message |= event["delta"] | {"usage": event["usage"]}
    return message
