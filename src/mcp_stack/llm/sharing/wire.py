"""Requests to the process that holds a model, and its replies, as JSON objects.

A request names its `op`:

- `stream` (messages, max_tokens): any number of `{"piece": text}`, then `{"completion": {...}}`
- `complete` (messages, max_tokens): `{"completion": {...}}`
- `judge` (messages, question): `{"probability": number}`
- `load`: `{"loaded": true}`
- `state`: `{"state": {...}}`

While it works or waits, the holder says `{"alive": [...]}` now and then: numbers that change as long as the model gets
on, for anybody. Each request may fail instead: `{"error": {code, problem, remedy}}`. The last reply of the first three
carries the `speed` measured so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...errors import StackError, UnavailableError, UsageError
from ...ports.chat import Completion, Message, ModelState
from ..model_speed import Speed

_ERRORS = {kind.code: kind for kind in (UsageError, UnavailableError)}


def packed_messages(messages: Sequence[Message]) -> list[list[str]]:
    """A conversation as pairs of role and content."""
    return [[message.role, message.content] for message in messages]


def unpacked_messages(pairs: Any) -> list[Message]:
    """The conversation of `packed_messages`.

    Raises:
        ValueError: It is none.
    """
    messages = [Message(role, content) for role, content in pairs]
    if not all(message.role in ("system", "user", "assistant") for message in messages):
        raise ValueError("an unknown role")
    return messages


def packed_error(error: StackError) -> dict[str, Any]:
    """A reply that is an error."""
    return {"error": {"code": error.code, "problem": error.problem, "remedy": error.remedy}}


def unpacked_error(error: Mapping[str, Any]) -> StackError:
    """The error of `packed_error`; one of an unknown code becomes UNAVAILABLE."""
    kind = _ERRORS.get(str(error.get("code")), UnavailableError)
    return kind(str(error.get("problem")), str(error.get("remedy")))


def packed_completion(completion: Completion) -> dict[str, Any]:
    """A reply that ends an answer."""
    return {"completion": asdict(completion)}


def unpacked_completion(fields: Mapping[str, Any]) -> Completion:
    """The completion of `packed_completion`."""
    return Completion(**fields)


def packed_speed(speed: Speed) -> dict[str, float]:
    """The sums of a speed."""
    return asdict(speed)


def unpacked_speed(sums: Mapping[str, float]) -> Speed:
    """The speed of `packed_speed`."""
    return Speed(**sums)


def packed_state(state: ModelState) -> dict[str, Any]:
    """A reply that says how the model is."""
    return {"state": asdict(state)}


def unpacked_state(fields: Mapping[str, Any]) -> ModelState:
    """The state of `packed_state`."""
    return ModelState(**fields)
