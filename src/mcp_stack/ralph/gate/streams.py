"""The events of a reply that comes piece by piece, from the form of either API to the other's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ...ports.agent_models import Body, Usage
from .counting import anthropic_usage, openai_usage
from .replies import FINISH_REASONS, anthropic_call, as_anthropic_usage, as_openai_usage, stop_reason


class OpenAIChunks:
    """Turns the events of a reply of Claude into chunks of a chat completion, the last of which tells the usage."""

    def __init__(self) -> None:
        self._head: Body = {"id": "", "object": "chat.completion.chunk", "created": int(time.time()), "model": ""}
        self._used: Body = {}
        self._calls = 0
        self._in_call = False
        self._has_arguments = False

    def feed(self, event: Mapping[str, Any]) -> list[Body]:
        """The chunks that an event comes to.

        Args:
            event: Of Anthropic's stream.
        """
        match event:
            case {"type": "message_start", "message": dict(message)}:
                self._head |= {"id": message.get("id", ""), "model": message.get("model", "")}
                self._used = dict(message.get("usage") or {})
                deltas: list[Body] = [{"role": "assistant", "content": ""}]
            case {"type": "message_delta", "delta": dict(delta)}:
                self._used |= {key: value for key, value in (event.get("usage") or {}).items() if value is not None}
                return [self._chunk({}, FINISH_REASONS.get(str(delta.get("stop_reason")), "stop"))]
            case {"type": "message_stop"}:
                return [{**self._head, "choices": [], "usage": as_openai_usage(anthropic_usage(self._used))}]
            case {"type": "content_block_start", "content_block": dict(block)}:
                deltas = self._begin(block)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                deltas = self._go_on(delta)
            case {"type": "content_block_stop"}:
                deltas = self._finish()
            case _:
                deltas = []
        return [self._chunk(delta) for delta in deltas]

    def end(self) -> list[Body]:
        """What is left to send once the stream has ended."""
        return []

    def _begin(self, block: Body) -> list[Body]:
        if block["type"] == "text" and block.get("text"):
            return [{"content": block["text"]}]
        if block["type"] != "tool_use":
            return []
        self._in_call, self._has_arguments = True, False
        self._calls += 1
        function = {"name": block["name"], "arguments": ""}
        return [self._call({"id": block["id"], "type": "function", "function": function})]

    def _go_on(self, delta: Body) -> list[Body]:
        if delta["type"] == "text_delta":
            return [{"content": delta["text"]}]
        if delta["type"] == "input_json_delta" and delta["partial_json"]:
            self._has_arguments = True
            return [self._call({"function": {"arguments": delta["partial_json"]}})]
        return []

    def _finish(self) -> list[Body]:
        """A call without arguments has no piece of them, and clients read them as JSON."""
        lacks_arguments = self._in_call and not self._has_arguments
        self._in_call = False
        return [self._call({"function": {"arguments": "{}"}})] if lacks_arguments else []

    def _call(self, delta: Body) -> Body:
        return {"tool_calls": [{"index": self._calls - 1, **delta}]}

    def _chunk(self, delta: Body, reason: str | None = None) -> Body:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}


class AnthropicEvents:
    """Turns the chunks of a chat completion into the events of a reply of Claude.

    Text goes on as it comes. Tool calls are sent whole at the end, for OpenAI's pieces of several calls may be mixed
    and Anthropic's blocks may not; until then pings say that the model is at work.
    """

    def __init__(self) -> None:
        self._started = False
        self._blocks = 0
        self._in_text = False
        self._calls: dict[int, Body] = {}
        self._reason: Any = None
        self._used = Usage()

    def feed(self, chunk: Mapping[str, Any]) -> list[Body]:
        """The events that a chunk comes to.

        Args:
            chunk: Of OpenAI's stream.
        """
        events = [] if self._started else [self._start(chunk)]
        if isinstance(usage := chunk.get("usage"), Mapping):
            self._used = openai_usage(usage)
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            if text := delta.get("content"):
                if not self._in_text:
                    self._in_text = True
                    events.append(self._block_start({"type": "text", "text": ""}))
                events.append(self._block_delta({"type": "text_delta", "text": text}))
            for piece in delta.get("tool_calls") or []:
                self._add(piece)
            self._reason = choice.get("finish_reason") or self._reason
        return events or [{"type": "ping"}]

    def end(self) -> list[Body]:
        """The rest: tool calls, the reason for the end, and the usage."""
        events = [] if self._started else [self._start({})]
        if self._in_text:
            events.append(self._block_stop())
        for call in self._calls.values():
            block = anthropic_call(call)
            events.append(self._block_start({**block, "input": {}}))
            events.append(self._block_delta({"type": "input_json_delta", "partial_json": json.dumps(block["input"])}))
            events.append(self._block_stop())
        reason = stop_reason(self._reason, calls=bool(self._calls))
        usage = as_anthropic_usage(self._used)
        events.append(
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
        )
        return [*events, {"type": "message_stop"}]

    def _add(self, piece: Mapping[str, Any]) -> None:
        """Add a piece to the call that it belongs to; a server that numbers none sends each call whole."""
        number = piece.get("index")
        if not isinstance(number, int):
            number = len(self._calls)
        empty = {"id": "", "function": {"name": "", "arguments": ""}}
        call = self._calls.setdefault(number, empty)
        call["id"] = call["id"] or piece.get("id") or ""
        function = piece.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""

    def _start(self, chunk: Mapping[str, Any]) -> Body:
        self._started = True
        message = {
            "id": chunk.get("id", ""),
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model", ""),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": as_anthropic_usage(Usage()),
        }
        return {"type": "message_start", "message": message}

    def _block_start(self, block: Body) -> Body:
        return {"type": "content_block_start", "index": self._blocks, "content_block": block}

    def _block_delta(self, delta: Body) -> Body:
        return {"type": "content_block_delta", "index": self._blocks, "delta": delta}

    def _block_stop(self) -> Body:
        self._in_text = False
        self._blocks += 1
        return {"type": "content_block_stop", "index": self._blocks - 1}
