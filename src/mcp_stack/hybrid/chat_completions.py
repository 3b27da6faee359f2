"""The router as OpenAI's chat completions API sees it; whoever serves HTTP hands bodies in and sends bodies out.

After https://platform.openai.com/docs/api-reference/chat: the fields that clients send and read. What the router
decides for itself (temperature, penalties, seeds) is accepted and has no effect; what it cannot do (several choices,
tools) is refused rather than ignored.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import StackError, UsageError
from ..ports.answering import Answer, Question
from ..ports.chat import Message
from ..settings.tree import Security
from ..validation import checked_text
from .router import Router

MODELS = {"mcp-stack": "", "mcp-stack-local": "local", "mcp-stack-remote": "remote"}
"""Names that clients may ask for, and the route that each forces."""

MAX_MESSAGES = 500
MAX_CHARACTERS = 400_000
_OWNER = "mcp-stack"

Body = dict[str, Any]


class TextPart(BaseModel):
    """A part of a message."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """A message as clients send it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        """Its parts, put together."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """How to stream."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """What a client asks."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: Literal[1] | None = None
    tools: list[Any] = Field(default=[], max_length=0)


class ChatCompletions:
    """Answers chat completion requests through the router.

    Args:
        router: Answers.
        security: How long a question may be.
        clock: The time in seconds since 1970.
    """

    def __init__(self, router: Router, security: Security, clock: Callable[[], float] = time.time) -> None:
        self._router = router
        self._security = security
        self._clock = clock

    def models(self) -> Body:
        """The body of `GET /v1/models`."""
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": _OWNER} for name in MODELS]
        return {"object": "list", "data": listed}

    def checked(self, body: Mapping[str, Any]) -> ChatRequest:
        """A request, if it is one that can be answered.

        Raises:
            UsageError: It is not; says which field and why.
        """
        try:
            request = ChatRequest.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            raise UsageError(f"{place}: {first['msg']}", "send a chat completion request, without tools") from error
        if request.model not in MODELS:
            raise UsageError(f"there is no model {request.model[:80]!r}", f"ask for one of {', '.join(MODELS)}")
        if request.messages[-1].role != "user":
            raise UsageError("the last message is not the user's", "let it be the question")
        if sum(len(message.text) for message in request.messages) > MAX_CHARACTERS:
            raise UsageError("the messages are too long", f"at most {MAX_CHARACTERS} characters are allowed in all")
        return request

    async def complete(self, request: ChatRequest) -> Body:
        """The body of an answer that comes whole.

        Raises:
            UsageError: A message is not acceptable, or the model asked for is not configured.
            UnavailableError: The database is down.
        """
        question = self._question(request)
        answer = await self._router.answer(question)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.response},
            "finish_reason": _reason(answer),
            "logprobs": None,
        }
        head = self._head(request, f"chatcmpl-{answer.interaction_id}", "chat.completion")
        return {**head, "choices": [choice], "usage": _usage(answer), "mcp_stack": _told(answer)}

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Body, None]:
        """Yields the chunks of an answer as it comes; the sender adds `[DONE]`.

        Raises:
            UsageError, UnavailableError: As `complete`; also after the first chunks, if a model fails half way.
        """
        question = self._question(request)
        head = self._head(request, f"chatcmpl-{uuid.uuid4()}", "chat.completion.chunk")
        asked_for_usage: Body = {"usage": None} if request.stream_options.include_usage else {}
        opening: Body = {"role": "assistant"}
        async with aclosing(self._router.stream(question)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield {**head, "choices": [_choice({**opening, "content": piece})], **asked_for_usage}
                    opening = {}
                    continue
                last = {**head, "choices": [_choice({}, _reason(piece))], **asked_for_usage}
                yield {**last, "mcp_stack": _told(piece)}
                if asked_for_usage:
                    yield {**head, "choices": [], "usage": _usage(piece)}

    def _question(self, request: ChatRequest) -> Question:
        *said, last = request.messages
        turns = (Message("system" if turn.role == "developer" else turn.role, turn.text) for turn in said)
        return Question(
            query=checked_text("the last message", last.text, self._security.max_query_length),
            history=tuple(turn for turn in turns if turn.content.strip()),
            force_route=MODELS[request.model],
            max_answer_tokens=request.max_completion_tokens or request.max_tokens or 0,
        )

    def _head(self, request: ChatRequest, name: str, kind: str) -> Body:
        return {"id": name, "object": kind, "created": int(self._clock()), "model": request.model}


def error_body(error: StackError) -> Body:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if error.http_status < 500 else "server_error"
    return {"error": {"message": str(error), "type": kind, "param": None, "code": error.code}}


def _choice(delta: Body, reason: str | None = None) -> Body:
    return {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}


def _reason(answer: Answer) -> str:
    return "length" if answer.truncated else "stop"


def _usage(answer: Answer) -> Body:
    total = answer.tokens_in + answer.tokens_out
    return {"prompt_tokens": answer.tokens_in, "completion_tokens": answer.tokens_out, "total_tokens": total}


def _told(answer: Answer) -> Body:
    """What only this router says of an answer."""
    return {
        "interaction_id": answer.interaction_id,
        "route": answer.route,
        "answered_by": answer.model,
        "confidence": answer.confidence,
        "cost": answer.cost_usd,
        "cached": answer.cached,
        "reasons": list(answer.reasons),
        "sources": [source.source for source in answer.sources],
    }
