"""The local model of this machine, behind the form of OpenAI's chat completions."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Literal, cast

from ...errors import StackError, UsageError
from ...ports.agent_models import Body, ModelRefusedError, Usage
from ...ports.chat import ChatModel, Completion, Message
from .tool_text import Call, ToolText, conversation

MOST_TOKENS = 1_000_000
"""Of an answer whose length the agent leaves open: the model's context is the limit."""

_MALFORMED = (AttributeError, TypeError, ValueError)


class InProcessModel:
    """Answers with a local model, which is free of charge.

    Args:
        model: Loaded here or by another process; closing it is its owner's business.
        calls_tools: Tells whether it was trained to; asked with the first request that offers tools.
    """

    dialect: Literal["openai"] = "openai"

    def __init__(self, model: ChatModel, calls_tools: Callable[[], bool]) -> None:
        self._model = model
        self._calls_tools = calls_tools

    async def name(self) -> str:
        """The model."""
        return self._model.name

    async def complete(self, request: Body, headers: Mapping[str, str]) -> Body:
        """See `AgentModel.complete`."""
        message: Body = {"role": "assistant", "content": ""}
        reply: Body = {}
        async with aclosing(self.stream(request, headers)) as chunks:
            async for chunk in chunks:
                if not chunk["choices"]:
                    reply = {**chunk, "object": "chat.completion"}
                    continue
                choice = chunk["choices"][0]
                message["content"] += choice["delta"].get("content", "")
                if calls := choice["delta"].get("tool_calls"):
                    message["tool_calls"] = [{key: call[key] for key in ("id", "type", "function")} for call in calls]
                reason = choice["finish_reason"]
        return {**reply, "choices": [{"index": 0, "message": message, "finish_reason": reason}]}

    async def stream(
        self,
        request: Body,
        headers: Mapping[str, str],  # noqa: ARG002 - it has none
    ) -> AsyncGenerator[Body, None]:
        """See `AgentModel.stream`."""
        with _refused():
            messages, names, limit = self._read(request)
            head = {
                "id": f"chatcmpl-{uuid.uuid4().hex}",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": self._model.name,
            }
            split = ToolText(names)
            opening: Body = {"role": "assistant"}
            # Typed as an iterator in the port; every model's is a generator, which has to be closed.
            items = cast("AsyncGenerator[str | Completion, None]", self._model.stream(messages, limit))
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, str):
                        if text := split.feed(item):
                            yield _chunk(head, {**opening, "content": text})
                            opening = {}
                        continue
                    text, calls = split.end()
                    if text or calls:
                        yield _chunk(head, {**opening, "content": text, **_as_deltas(calls)})
                    reason = "tool_calls" if calls else "length" if item.truncated else "stop"
                    yield _chunk(head, {}, reason)
                    yield {**head, "choices": [], "usage": _usage(item)}

    async def count_tokens(
        self,
        request: Body,  # noqa: ARG002 - the port names it
        headers: Mapping[str, str],  # noqa: ARG002 - the port names it
    ) -> int | None:
        """None: the model would have to be loaded."""
        return None

    def cost_usd(self, used: Usage) -> float:  # noqa: ARG002 - it is free
        """Nothing."""
        return 0.0

    async def close(self) -> None:
        """Nothing is open."""

    def _read(self, request: Body) -> tuple[list[Message], list[str], int]:
        """The conversation, the names of the tools that may be called, and the most tokens to generate."""
        tools = [] if request.get("tool_choice") == "none" else request.get("tools") or []
        if tools and not self._calls_tools():
            raise UsageError(
                f"the local model {self._model.name} was not trained to call tools, which this agent needs",
                "use the backend aider, which needs none, or another model: ralph.model, llm.local.url",
            )
        names = [str(tool["function"]["name"]) for tool in tools]
        limit = int(request.get("max_completion_tokens") or request.get("max_tokens") or MOST_TOKENS)
        return conversation(request.get("messages") or [], tools), names, limit


def _chunk(head: Body, delta: Body, reason: str | None = None) -> Body:
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _as_deltas(calls: list[Call]) -> Body:
    if not calls:
        return {}
    return {
        "tool_calls": [
            {
                "index": index,
                "id": f"call_{uuid.uuid4().hex[:24]}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(calls)
        ]
    }


def _usage(item: Completion) -> Body:
    total = item.tokens_in + item.tokens_out
    return {"prompt_tokens": item.tokens_in, "completion_tokens": item.tokens_out, "total_tokens": total}


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        code = "context_length_exceeded" if "context" in error.problem else ""
        raise ModelRefusedError(400, f"{error.problem}; {error.remedy}", error_code=code) from error
    except StackError as error:
        raise ModelRefusedError(503, f"{error.problem}; {error.remedy}") from error
    except (*_MALFORMED, LookupError) as error:
        raise ModelRefusedError(400, f"the request is malformed ({type(error).__name__})") from error
