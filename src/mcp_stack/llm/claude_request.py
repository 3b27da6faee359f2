"""A conversation as Claude's API takes it, with its stable beginning marked for the prompt cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ports.chat import Message

SHORTEST_CACHED_CHARACTERS = 4_096
"""About 1,024 tokens, the shortest prefix that the API caches for most models; it ignores the mark on a shorter one."""

_MARK = {"cache_control": {"type": "ephemeral"}}


def request_for(model: str, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
    """The arguments of `messages.create` and `messages.stream`.

    Writing to the prompt cache costs a quarter more than reading a prompt, and pays off with the first reuse. So only
    what comes again is marked: the system prompt, and in a conversation that goes on everything up to the last answer,
    which the next turn begins with. The last question is not, for it carries passages that are never sent again.

    Args:
        model: As the API names it.
        messages: System messages first.
        max_tokens: Most tokens to generate.
    """
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    turns: list[dict[str, Any]] = [
        {"role": message.role, "content": message.content} for message in messages if message.role != "system"
    ]
    answered = max((at for at, turn in enumerate(turns) if turn["role"] == "assistant"), default=-1)
    stable = len(system) + sum(len(turn["content"]) for turn in turns[: answered + 1])
    if answered >= 0 and turns[answered]["content"] and stable >= SHORTEST_CACHED_CHARACTERS:
        turns[answered]["content"] = [_marked(turns[answered]["content"])]
    request: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "messages": turns}
    if system:
        request["system"] = [_marked(system)] if len(system) >= SHORTEST_CACHED_CHARACTERS else system
    return request


def _marked(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, **_MARK}
