"""Tokens of a call, from what the model's provider tells in its reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...ports.agent_models import CHARACTERS_PER_TOKEN, Body, Dialect, Usage

IMAGE_CHARACTERS = 1_600 * CHARACTERS_PER_TOKEN
"""Claude's images take up to about 1,600 tokens, others' no more."""

_IMAGES = ("data", "url")
_NO_TEXT = ("type", "id", "role", "signature", "tool_call_id", "tool_use_id", "finish_reason")


def anthropic_usage(usage: Mapping[str, Any]) -> Usage:
    """What Anthropic's `usage` says."""
    tokens_in, tokens_out, written, read = (
        _count(usage.get(field))
        for field in ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    for_an_hour = 0
    if isinstance(details := usage.get("cache_creation"), Mapping):
        for_an_hour = min(written, _count(details.get("ephemeral_1h_input_tokens")))
    return Usage(tokens_in, tokens_out, written - for_an_hour, read, for_an_hour)


def openai_usage(usage: Mapping[str, Any]) -> Usage:
    """What OpenAI's `usage` says; cached tokens are part of the prompt's there."""
    prompt, cached = _count(usage.get("prompt_tokens")), 0
    if isinstance(details := usage.get("prompt_tokens_details"), Mapping):
        cached = min(prompt, _count(details.get("cached_tokens")))
    return Usage(prompt - cached, _count(usage.get("completion_tokens")), 0, cached)


def estimated_prompt(request: Mapping[str, Any]) -> int:
    """About how many tokens a request's prompt has, by the length of its texts.

    Args:
        request: A body of either API.
    """
    prompt = [request.get("system"), request.get("messages"), request.get("tools")]
    return _characters(prompt) // CHARACTERS_PER_TOKEN


class Counter:
    """Counts one call.

    Attributes:
        estimated: The provider did not tell all, so that the rest is estimated from the length of the texts.

    Args:
        dialect: The model's.
        prompt_tokens: Of the request, as estimated.
    """

    def __init__(self, dialect: Dialect, prompt_tokens: int) -> None:
        self._dialect = dialect
        self._used: Usage | None = None
        self._told: Body = {}
        self._prompt_tokens = prompt_tokens
        self._characters = 0
        self._is_final = False

    def reply(self, body: Body) -> None:
        """Take note of a whole reply."""
        if self._dialect == "anthropic":
            self._characters += _characters(body.get("content"))
        else:
            self._characters += _characters(body.get("choices"))
        if isinstance(usage := body.get("usage"), Mapping):
            self._used = anthropic_usage(usage) if self._dialect == "anthropic" else openai_usage(usage)
            self._is_final = True

    def event(self, event: Body) -> None:
        """Take note of an event of a stream."""
        if self._dialect == "openai":
            self._characters += sum(_characters(choice.get("delta")) for choice in event.get("choices") or [])
            if isinstance(usage := event.get("usage"), Mapping):
                self._used, self._is_final = openai_usage(usage), True
            return
        match event:
            case {"type": "message_start", "message": {"usage": dict(usage)}}:
                self._told = dict(usage)
                self._used = anthropic_usage(usage)
            case {"type": "message_delta", "usage": dict(usage)}:
                # Fields that are left out stay as the beginning told them.
                self._told |= {field: count for field, count in usage.items() if count is not None}
                self._used, self._is_final = anthropic_usage(self._told), True
            case {"type": "content_block_delta", "delta": dict(delta)}:
                self._characters += _characters(delta)

    @property
    def estimated(self) -> bool:
        """Whether anything of `used` is an estimate."""
        return not self._is_final

    @property
    def used(self) -> Usage:
        """What the call took so far."""
        if self._is_final and self._used is not None:
            return self._used
        begun = self._used or Usage(self._prompt_tokens)
        return replace(begun, tokens_out=max(begun.tokens_out, self._characters // CHARACTERS_PER_TOKEN))


def _characters(value: Any) -> int:
    """The length of the texts in a JSON value, however deep; an image counts as what it takes at most."""
    total, left = 0, [value]
    while left:
        match left.pop():
            case str() as text:
                total += len(text)
            case list() as values:
                left += values
            case dict() as fields:
                for key, each in fields.items():
                    if key in _IMAGES and isinstance(each, str):
                        total += IMAGE_CHARACTERS
                    elif key not in _NO_TEXT:
                        left.append(each)
    return total


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
