"""Replies that come piece by piece, in either API's form, and what is counted of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.ports.agent_models import Body, Usage
from mcp_stack.ralph.gate.counting import Counter, anthropic_usage, openai_usage
from mcp_stack.ralph.gate.replies import as_anthropic_usage, as_openai_usage, openai_reply
from mcp_stack.ralph.gate.streams import AnthropicEvents, OpenAIChunks
from tests.support.gate_replies import (
    REPLIES,
    anthropic_stream,
    openai_stream,
    through,
)


@given(REPLIES, st.integers(1, 7))
def test_a_stream_adds_up_to_the_whole_reply_in_openais_form(message: Body, length: int) -> None:
    chunks = through(OpenAIChunks(), anthropic_stream(message, length))
    whole = openai_reply(message)
    said, reason, usage = _added_up(chunks)
    assert said == {"content": "", **{key: value for key, value in whole["choices"][0]["message"].items() if value}}
    assert reason == whole["choices"][0]["finish_reason"]
    assert usage == whole["usage"]
    assert {chunk["id"] for chunk in chunks} == {"msg_1"}


@given(REPLIES, st.integers(1, 7), st.booleans())
def test_a_stream_adds_up_to_the_whole_reply_in_anthropics_form(message: Body, length: int, mixed: bool) -> None:
    chunks = openai_stream(openai_reply(message), length, mixed=mixed)
    events = through(AnthropicEvents(), chunks)
    assert _collected(events) == message


@given(REPLIES, st.integers(1, 7))
def test_the_events_of_a_stream_come_in_the_order_that_the_api_promises(message: Body, length: int) -> None:
    kinds = [event["type"] for event in through(AnthropicEvents(), openai_stream(openai_reply(message), length))]
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
        ("anthropic", message, anthropic_stream(message, length)),
        ("openai", whole, openai_stream(whole, length)),
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
    chunks = openai_stream(openai_reply(message), length)[:-1]
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


def test_calls_of_a_server_that_numbers_none_are_kept_apart() -> None:
    events = AnthropicEvents()
    for name in ("one", "two"):
        call = {"id": name, "function": {"name": name, "arguments": "{}"}}
        events.feed({"choices": [{"delta": {"tool_calls": [call]}}]})
    blocks = [event["content_block"] for event in events.end() if event["type"] == "content_block_start"]
    assert [block["name"] for block in blocks] == ["one", "two"]


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


def test_what_is_cached_for_an_hour_is_counted_apart() -> None:
    told = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 100, "cache_creation": told}
    used = anthropic_usage(usage)
    assert (used.cache_write, used.cache_write_hour, used.prompt) == (30, 70, 105)
    assert as_anthropic_usage(used)["cache_creation_input_tokens"] == 100
