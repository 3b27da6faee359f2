"""Tools as text, for models that were trained on it: the form that the chat templates of Qwen2.5 and its kin write.

After the template in Qwen2.5's `tokenizer_config.json`: definitions at the end of the system prompt, calls as JSON
between `<tool_call>` tags, results between `<tool_response>` tags in the user's turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError
from ...ports.agent_models import Body
from ...ports.chat import Message

MARK = "<tool_call>"
_FORM = "<args-json-object>"
"""What the templates of this form tell the model to put there; others have the same tag around another form."""

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_FENCED = re.compile(r"\s*```(?:json|xml)?\s*(.*?)\s*(?:```)?\s*", re.DOTALL)
# Coder models of this kind leave the tags out at times: an answer that begins so may be a bare call.
_BARE = ("{", "```")
_HELPFUL = "You are a helpful assistant."
_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that a model calls.

    Attributes:
        name: The tool's.
        arguments: A JSON object as text.
    """

    name: str
    arguments: str


def is_form_of(template: str) -> bool:
    """Whether a model was trained to call tools in this form.

    Args:
        template: Its chat template.
    """
    return MARK in template and _FORM in template


def conversation(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """A conversation with tools as plain turns.

    Args:
        messages: In the form of OpenAI's chat completions.
        tools: Definitions in that form; none if empty.

    Raises:
        UsageError: A message holds what is no text, or is not well formed.
    """
    system: list[str] = []
    turns: list[Message] = []
    for message in messages:
        role, text = message.get("role"), _text(message.get("content"))
        if role in ("system", "developer"):
            system.append(text)
        elif role == "assistant":
            calls = [_written(call) for call in message.get("tool_calls") or []]
            turns.append(Message("assistant", "\n".join([text, *calls] if text else calls)))
        elif role in ("user", "tool"):
            said = f"<tool_response>\n{text}\n</tool_response>" if role == "tool" else text
            if turns and turns[-1].role == "user":  # templates want the roles to alternate
                turns[-1] = Message("user", f"{turns[-1].content}\n{said}")
            else:
                turns.append(Message("user", said))
        else:
            raise UsageError(f"messages: a role {role!r} is not known", "send system, user, assistant or tool")
    if tools:
        listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        system = ["\n\n".join([*(system or [_HELPFUL]), f"{_BEFORE}{listed}{_AFTER}"])]
    return [Message("system", "\n\n".join(system)), *turns] if system else turns


class ToolText:
    """Splits an answer that comes piece by piece into text and calls.

    Args:
        names: Of the tools that may be called; without any, all is text.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._held = ""
        self._is_start = True

    def feed(self, piece: str) -> str:
        """The text that is certainly no part of a call.

        Args:
            piece: Of the answer.
        """
        self._held += piece
        if not self._names:
            safe = len(self._held)
        elif self._is_start and _may_be_bare(self._held.lstrip()):
            safe = 0
        else:
            safe = _certain(self._held)
        given, self._held = self._held[:safe], self._held[safe:]
        self._is_start = self._is_start and not given
        return given

    def end(self) -> tuple[str, list[Call]]:
        """What is left: text that was held back, and the calls."""
        held, self._held = self._held, ""
        if not self._names:
            return held, []
        if MARK not in held:
            bare = self._call(_unfenced(held)) if self._is_start else None
            return ("", [bare]) if bare else (held, [])
        calls = [self._call(found[1]) for found in _CALL.finditer(held)]
        if None in calls:  # better read by the agent than lost
            return held, []
        return held[: held.index(MARK)].rstrip(), [call for call in calls if call]

    def _call(self, text: str) -> Call | None:
        """The call that a text is, if it is one of a tool that there is."""
        try:
            value = json.loads(_unfenced(text), strict=False)
        except (ValueError, RecursionError):
            return None
        match value:
            case {"name": str(name), "arguments": dict(given)} if name in self._names:
                return Call(name, json.dumps(given))
        return None


def _may_be_bare(begun: str) -> bool:
    """Whether an answer that begins so may be a call without tags."""
    return any(begun.startswith(opener) or opener.startswith(begun) for opener in _BARE)


def _certain(text: str) -> int:
    """How much of a text is neither a call, nor may be the beginning of one or the space before it."""
    at = text.find(MARK)
    if at < 0:
        longest = min(len(MARK) - 1, len(text))
        at = len(text) - next((length for length in range(longest, 0, -1) if MARK.startswith(text[-length:])), 0)
    return len(text[:at].rstrip())


def _unfenced(text: str) -> str:
    found = _FENCED.fullmatch(text)
    return found[1] if found else text


def _written(call: Body) -> str:
    function = call.get("function") or {}
    arguments = function.get("arguments") or "{}"
    name = json.dumps(function.get("name", ""), ensure_ascii=False)
    return f'{MARK}\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'


def _text(content: Any) -> str:
    """The text of a message; half a surrogate pair becomes a question mark."""
    if content is None:
        return ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [part.get("text") for part in parts if part.get("type") in ("text", "refusal")]
    if len(texts) != len(parts):
        raise UsageError("content: the local model reads text alone", "send no images or files")
    return "\n".join(str(text) for text in texts).encode("utf-8", "replace").decode()
