"""An endpoint that speaks OpenAI's chat completions API by script, as llama-server, vLLM and Ollama do.

::

    with ScriptedOpenAI(models=["qwen"]) as server:
        server.answers("Paris.")
        model = OpenAICompatibleChat(f"{server.url}/v1")
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

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


class ScriptedOpenAI(HttpEndpoint):
    """Answers `/v1/chat/completions` in the order scripted, and `/v1/models` always.

    Args:
        models: Names that `/v1/models` lists.
    """

    def __init__(self, models: Sequence[str] = ("local-model",)) -> None:
        super().__init__()
        self._models = list(models)

    def fixed_routes(self) -> Mapping[str, Reply]:
        """The list of models."""
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self._models]
        return {"/v1/models": lambda _request: JSONResponse({"object": "list", "data": listed})}

    def answers(self, text: str, **details: Any) -> None:
        """The next reply is an answer; `details` are those of `answer`."""
        self.then(answer(text, **details))

    def always_answers(self, text: str, **details: Any) -> None:
        """Every reply that nothing else is scripted for is this answer."""
        self.always(answer(text, **details))

    def fails(self, status: int, message: str = "no", *, code: str = "", retry_after: float | None = None) -> None:
        """The next reply is an error."""
        error = {"error": {"message": message, "type": "error", "code": code or None}}
        self.then(failure(status, error, retry_after=retry_after))

    def drops_connection(self, *, after: str = "") -> None:
        """The next reply breaks off: in the middle of a stream after this text, or before its first byte."""
        self.then(answer(after, drop=True) if after else dropped)

    def stalls(self, after: str) -> None:
        """The next reply is a stream that sends nothing more after this text, and does not end."""
        self.then(answer(after, stall=True))

    def says(self, body: str, *, kind: str = "application/json") -> None:
        """The next reply is this text, whatever it is."""
        self.then(lambda _request: Response(body, media_type=kind))

    def streams(self, *events: str) -> None:
        """The next reply is a stream of these events, whatever they are."""
        self.then(lambda _request: event_stream(list(events)))


def answer(
    text: str,
    *,
    tokens_in: int = 10,
    tokens_out: int = 5,
    finish_reason: str = "stop",
    usage_offered: bool = True,
    drop: bool = False,
    stall: bool = False,
    calls: Sequence[tuple[str, str, str]] = (),
) -> Reply:
    """A reply with an answer.

    Args:
        text: The answer; streamed word by word.
        tokens_in: Prompt tokens.
        tokens_out: Generated tokens.
        finish_reason: Why the answer ends.
        usage_offered: Whether tokens are told, in a stream if asked to; some servers never do.
        drop: End a stream right after the text.
        stall: Send nothing more after the text, and do not end.
        calls: Calls of functions after the text: id, name and arguments, which a stream sends in two pieces.
    """
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}

    def reply(request: Received) -> Response:
        head = {"id": "chatcmpl-scripted", "created": 0, "model": request.body["model"]}
        if not request.body.get("stream"):
            message: dict[str, Any] = {"role": "assistant", "content": text}
            if calls:
                message["tool_calls"] = [_call(*call) for call in calls]
            choice = {"index": 0, "message": message, "finish_reason": finish_reason}
            return json_text(
                {**head, "object": "chat.completion", "choices": [choice]} | ({"usage": usage} if usage_offered else {})
            )

        def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})

        pieces = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in in_words(text))]
        for index, (call, name, arguments) in enumerate(calls):
            half = len(arguments) // 2
            opening = {"index": index, **_call(call, name, arguments[:half])}
            rest = {"index": index, "function": {"arguments": arguments[half:]}}
            pieces += [chunk({"tool_calls": [opening]}), chunk({"tool_calls": [rest]})]
        if drop or stall:
            return event_stream([*pieces, STALL if stall else DROP])
        pieces.append(chunk({}, finish_reason))
        if usage_offered and request.body.get("stream_options", {}).get("include_usage"):
            pieces.append(_event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
        return event_stream([*pieces, "data: [DONE]\n\n"])

    return reply


def _call(call: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
