"""A request of OpenAI's chat completions API, as Anthropic's Messages API takes it.

Sampling parameters are left out, for Claude's newer models refuse them; what cannot be carried over is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import UsageError
from ...ports.agent_models import Body

DEFAULT_MAX_TOKENS = 32_000
"""Claude wants a limit and OpenAI's clients need not send one; every model that is priced can write this much."""

_DATA_URL = re.compile(r"data:([\w.+/-]+);base64,(.*)", re.DOTALL)
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_MARK = {"cache_control": {"type": "ephemeral"}}


def anthropic_request(request: Mapping[str, Any]) -> Body:
    """The same request for Claude.

    Where tools are offered the agent goes on step by step, each request beginning with the one before: its end is then
    marked for the prompt cache.

    Args:
        request: A body of `POST /v1/chat/completions`.

    Raises:
        UsageError: It asks for what Claude does not do, or is not well formed.
    """
    if request.get("n") not in (None, 1):
        raise UsageError("n: one choice at a time", "leave n out")
    system, messages = _conversation(_list(request.get("messages"), "messages"))
    result: Body = {
        "model": request.get("model", ""),
        "max_tokens": request.get("max_completion_tokens") or request.get("max_tokens") or DEFAULT_MAX_TOKENS,
        "messages": messages,
    }
    if system:
        result["system"] = [_text(system)]
    if tools := [_tool(each) for each in _list(request.get("tools"), "tools")]:
        result["tools"] = tools
        if choice := _tool_choice(request):
            result["tool_choice"] = choice
        for blocks in (result.get("system"), messages[-1]["content"] if messages else None):
            if blocks:
                blocks[-1] = {**blocks[-1], **_MARK}
    stops = request.get("stop")
    if stops := [each for each in ([stops] if isinstance(stops, str) else stops or []) if each.strip()]:
        result["stop_sequences"] = stops
    if schema := _schema(request.get("response_format")):
        result["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if request.get("stream"):
        result["stream"] = True
    return result


def arguments_object(text: Any) -> Body:
    """The arguments of a tool call as an object; text that is none is kept under the key `arguments`.

    Args:
        text: As a model wrote it, which need not be JSON.
    """
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {"arguments": text}
    return value if isinstance(value, dict) else {"arguments": text}


def _conversation(said: Sequence[Any]) -> tuple[str, list[Body]]:
    """The system's text, and turns whose roles alternate; blank texts go, which Claude does not take."""
    system: list[str] = []
    turns: list[Body] = []
    for message in said:
        if not isinstance(message, Mapping):
            raise UsageError("messages: each is an object", "send a chat completion request")
        match message.get("role"):
            case "system" | "developer":
                system += [block["text"] for block in _blocks(message.get("content"))]
                continue
            case "user":
                role, blocks = "user", _blocks(message.get("content"))
            case "assistant":
                role, blocks = "assistant", [*_blocks(message.get("content")), *_calls(message.get("tool_calls"))]
            case "tool":
                role, blocks = "user", [_result(message)]
            case other:
                raise UsageError(f"messages: a role {other!r} is not known", "send system, user, assistant or tool")
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return "\n\n".join(system), turns


def _blocks(content: Any) -> list[Body]:
    if content is None:
        return []
    if isinstance(content, str):
        return [_text(content)] if content.strip() else []
    blocks = []
    for part in _list(content, "content"):
        match part:
            case {"type": "text", "text": str(text)}:
                blocks += [_text(text)] if text.strip() else []
            case {"type": "refusal", "refusal": str(text)}:
                blocks += [_text(text)] if text.strip() else []
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                blocks.append(_image(url))
            case {"type": kind}:
                raise UsageError(f"content: a part of type {kind!r} cannot be sent to Claude", "send text and images")
            case _:
                raise UsageError("content: a part without a type", "send text and images")
    return blocks


def _image(url: str) -> Body:
    if found := _DATA_URL.fullmatch(url):
        source = {"type": "base64", "media_type": found[1], "data": found[2]}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source}


def _calls(calls: Any) -> list[Body]:
    blocks = []
    for call in _list(calls, "tool_calls"):
        match call:
            case {"id": str(name_of_call), "function": {"name": str(name), **rest}}:
                given = arguments_object(rest.get("arguments"))
                blocks.append({"type": "tool_use", "id": name_of_call, "name": name, "input": given})
            case _:
                raise UsageError("tool_calls: each has an id and a function with a name", "send function calls alone")
    return blocks


def _result(message: Mapping[str, Any]) -> Body:
    content = _blocks(message.get("content"))
    result: Body = {"type": "tool_result", "tool_use_id": str(message.get("tool_call_id", ""))}
    return {**result, "content": content} if content else result


def _tool(tool: Any) -> Body:
    match tool:
        case {"type": "function", "function": {"name": str(name), **rest}}:
            schema = rest.get("parameters") or {"type": "object", "properties": {}}
            described = {"description": rest["description"]} if rest.get("description") else {}
            return {"name": name, **described, "input_schema": schema}
        case _:
            raise UsageError("tools: each is a function with a name", "send functions alone")


def _tool_choice(request: Mapping[str, Any]) -> Body:
    match request.get("tool_choice"):
        case {"function": {"name": str(name)}}:
            choice: Body = {"type": "tool", "name": name}
        case str(word) if word in _CHOICES:
            choice = {"type": _CHOICES[word]}
        case None:
            choice = {}
        case other:
            raise UsageError(f"tool_choice: {other!r} is not known", "send auto, none, required or a function")
    if request.get("parallel_tool_calls") is False and choice.get("type") != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    return choice


def _schema(response_format: Any) -> Any:
    match response_format:
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return schema
        case None | {"type": "text" | "json_object"}:
            return None
        case _:
            raise UsageError("response_format: it is not known", "send text, json_object or json_schema")


def _text(text: str) -> Body:
    return {"type": "text", "text": text}


def _list(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UsageError(f"{field}: it is no list", "send a chat completion request")
    return value
