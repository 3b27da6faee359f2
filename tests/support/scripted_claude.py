"""An endpoint that speaks Anthropic's Messages API by script, JSON and server-sent events.

::

    with ScriptedClaude() as claude:
        claude.fails(429, retry_after=1)
        claude.answers("Paris.")
        model = ClaudeChat("secret", base_url=claude.url)
        ...
        assert claude.received[-1].body["system"] == "Be brief."
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from .http_endpoint import (
    DROP,
    STALL,
    HttpEndpoint,
    Received,
    Reply,
    dropped,
    event_stream,
    failure,
    in_words,
    json_text,
)

_ERRORS = {
    400: ("invalid_request_error", "messages: at least one message is required"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "this key may not use that model"),
    404: ("not_found_error", "model: no-such-model"),
    413: ("request_too_large", "request exceeds the maximum size"),
    429: ("rate_limit_error", "number of requests has exceeded your rate limit"),
    500: ("api_error", "internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


class ScriptedClaude(HttpEndpoint):
    """Answers `/v1/messages` in the order scripted; as a stream where the request asks for one."""

    def answers(self, text: str, **details: Any) -> None:
        """The next reply is an answer; `details` are those of `answer`."""
        self.then(answer(text, **details))

    def always_answers(self, text: str, **details: Any) -> None:
        """Every reply that nothing else is scripted for is this answer."""
        self.always(answer(text, **details))

    def fails(self, status: int, message: str = "", *, retry_after: float | None = None) -> None:
        """The next reply is an error with the type that the API gives it."""
        kind, usual = _ERRORS[status]
        error = {"type": "error", "error": {"type": kind, "message": message or usual}}
        self.then(failure(status, error, retry_after=retry_after))

    def drops_connection(self, *, after: str = "", **details: Any) -> None:
        """The next reply breaks off: in the middle of a stream after this text, or before its first byte."""
        self.then(answer(after, end=[DROP], **details) if after else dropped)

    def fails_midway(self, after: str, kind: str = "overloaded_error", **details: Any) -> None:
        """The next reply is a stream that ends in an error event after this text."""
        event = {"type": "error", "error": {"type": kind, "message": "Overloaded"}}
        self.then(answer(after, end=[event_text(event)], **details))

    def stalls(self, after: str) -> None:
        """The next reply is a stream that sends nothing more after this text, and does not end."""
        self.then(answer(after, end=[STALL]))

    def says(self, body: str, *, kind: str = "application/json") -> None:
        """The next reply is this text, whatever it is."""
        self.then(lambda _request: Response(body, media_type=kind))

    def streams(self, *events: str) -> None:
        """The next reply is a stream of these events, whatever they are."""
        self.then(lambda _request: event_stream(list(events)))


def answer(
    text: str,
    *,
    model: str = "",
    tokens_in: int = 10,
    tokens_out: int = 5,
    cache_write: int = 0,
    cache_read: int = 0,
    stop_reason: str = "end_turn",
    thinking: str = "",
    end: list[str] | None = None,
    calls: Sequence[tuple[str, str, Mapping[str, Any]]] = (),
) -> Reply:
    """A reply with an answer.

    Args:
        text: The answer; streamed word by word.
        model: The model that answered; the one asked for if empty.
        tokens_in: Prompt tokens outside the prompt cache.
        tokens_out: Generated tokens.
        cache_write: Prompt tokens written to the prompt cache.
        cache_read: Prompt tokens read from it.
        stop_reason: Why the answer ends.
        thinking: A thinking block before the text; none if empty.
        end: What a stream ends in after the text, instead of its proper end.
        calls: Calls of tools after the text: id, name and input.
    """
    usage = {
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cache_creation_input_tokens": cache_write,
        "cache_read_input_tokens": cache_read,
    }

    def reply(request: Received) -> Response:
        content: list[dict[str, Any]] = (
            [{"type": "thinking", "thinking": thinking, "signature": "s"}] if thinking else []
        )
        content.append({"type": "text", "text": text})
        content += [{"type": "tool_use", "id": call, "name": name, "input": dict(given)} for call, name, given in calls]
        message = {
            "id": "msg_scripted",
            "type": "message",
            "role": "assistant",
            "model": model or request.body["model"],
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": usage,
        }
        return event_stream(_events(message, end)) if request.body.get("stream") else json_text(message)

    return reply


def _events(message: dict[str, Any], end: list[str] | None) -> list[str]:
    opening = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    events = [event_text({"type": "message_start", "message": opening})]
    for index, block in enumerate(message["content"]):
        if block["type"] == "tool_use":
            events += _tool_events(index, block)
            continue
        kind = block["type"]
        events.append(event_text({"type": "content_block_start", "index": index, "content_block": {**block, kind: ""}}))
        for piece in in_words(block[kind]):
            delta = {"type": f"{kind}_delta", kind: piece}
            events.append(event_text({"type": "content_block_delta", "index": index, "delta": delta}))
        if end is not None and index == len(message["content"]) - 1:
            return [*events, *end]
        events.append(event_text({"type": "content_block_stop", "index": index}))
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    return [
        *events,
        event_text({"type": "message_delta", "delta": stop, "usage": usage}),
        event_text({"type": "message_stop"}),
    ]


def _tool_events(index: int, block: dict[str, Any]) -> list[str]:
    given = json.dumps(block["input"]) if block["input"] else ""
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *in_words(given))]
    return [
        event_text({"type": "content_block_start", "index": index, "content_block": {**block, "input": {}}}),
        *(event_text({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas),
        event_text({"type": "content_block_stop", "index": index}),
    ]


def event_text(data: dict[str, Any]) -> str:
    """A server-sent event as it goes over the wire."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"
