"""Replies of models, for properties that hold for each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from mcp_stack.ports.agent_models import Body
from mcp_stack.ralph.gate.streams import AnthropicEvents, OpenAIChunks

WORDS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
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


def _pieces(text: str, length: int) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


def through(translation: OpenAIChunks | AnthropicEvents, events: Sequence[Body]) -> list[Body]:
    fed = [out for event in events for out in translation.feed(event)]
    return [*fed, *translation.end()]


def anthropic_stream(message: Body, length: int) -> list[Body]:
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


def openai_stream(completion: Body, length: int, *, mixed: bool = False) -> list[Body]:
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
