"""A request of Anthropic's Messages API, as OpenAI's chat completions take it.

Thinking, cache marks and tools that Anthropic's own servers run have no counterpart and are left out; content that the
model would have to read and cannot is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import UsageError
from ...ports.agent_models import Body

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_SAME = ("max_tokens", "temperature", "top_p")


def openai_request(request: Mapping[str, Any]) -> Body:
    """The same request for a model that speaks OpenAI's API.

    Args:
        request: A body of `POST /v1/messages`.

    Raises:
        UsageError: It holds what has no counterpart, or is not well formed.
    """
    messages: list[Body] = []
    if system := _plain(_blocks(request.get("system")), "system"):
        messages.append({"role": "system", "content": system})
    for message in _list(request.get("messages"), "messages"):
        match message:
            case {"role": "user", "content": content}:
                messages += _user(_blocks(content))
            case {"role": "assistant", "content": content}:
                messages += _assistant(_blocks(content))
            case {"role": "system", "content": content}:
                messages.append({"role": "system", "content": _plain(_blocks(content), "system")})
            case _:
                raise UsageError("messages: each has a role and content", "send user and assistant messages")
    result: Body = {"model": request.get("model", ""), "messages": messages}
    result |= {field: request[field] for field in _SAME if request.get(field) is not None}
    if stops := request.get("stop_sequences"):
        result["stop"] = stops
    # A tool with another type is one that Anthropic runs or describes itself.
    own = [each for each in _list(request.get("tools"), "tools") if _is_custom(each)]
    if own:
        result["tools"] = [_tool(each) for each in own]
        result |= _tool_choice(request.get("tool_choice"))
    match request.get("output_config"):
        case {"format": {"type": "json_schema", "schema": schema}}:
            result["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
    if request.get("stream"):
        result |= {"stream": True, "stream_options": {"include_usage": True}}
    return result


def _user(blocks: Sequence[Body]) -> list[Body]:
    """Results of tools first, each a message of its own; then what the user says, with the images of both."""
    results: list[Body] = []
    parts: list[Body] = []
    for block in blocks:
        if block["type"] != "tool_result":
            parts += _part(block)
            continue
        inner = _blocks(block.get("content"))
        text = "\n".join(each["text"] for each in inner if each["type"] == "text")
        results.append({"role": "tool", "tool_call_id": str(block.get("tool_use_id", "")), "content": text})
        for each in inner:
            parts += [] if each["type"] == "text" else _part(each)
    if not parts:
        return results
    if all(part["type"] == "text" for part in parts):
        return [*results, {"role": "user", "content": "\n\n".join(part["text"] for part in parts)}]
    return [*results, {"role": "user", "content": parts}]


def _part(block: Body) -> list[Body]:
    match block:
        case {"type": "text", "text": str(text)}:
            return [{"type": "text", "text": text}] if text else []
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            return [{"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}]
        case {"type": "image", "source": {"type": "url", "url": url}}:
            return [{"type": "image_url", "image_url": {"url": url}}]
        case {"type": "document", "source": {"type": "text", "data": str(text)}}:
            return [{"type": "text", "text": text}]
        case {"type": kind}:
            raise UsageError(f"content: a block of type {kind!r} cannot be sent to this model", "send text and images")
    return []


def _assistant(blocks: Sequence[Body]) -> list[Body]:
    texts, calls = [], []
    for block in blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "tool_use", "id": str(name_of_call), "name": str(name), **rest}:
                function = {"name": name, "arguments": json.dumps(rest.get("input") or {})}
                calls.append({"id": name_of_call, "type": "function", "function": function})
    if not texts and not calls:
        return []
    message: Body = {"role": "assistant", "content": "".join(texts) or None}
    return [{**message, "tool_calls": calls} if calls else message]


def _tool(tool: Mapping[str, Any]) -> Body:
    described = {"description": tool["description"]} if tool.get("description") else {}
    schema = tool.get("input_schema") or {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": str(tool.get("name", "")), **described, "parameters": schema}}


def _is_custom(tool: Any) -> bool:
    if not isinstance(tool, Mapping):
        raise UsageError("tools: each is an object", "send tools with a name and an input_schema")
    return tool.get("type") in (None, "custom")


def _tool_choice(choice: Any) -> Body:
    if choice is None:
        return {}
    match choice:
        case {"type": "tool", "name": str(name)}:
            result: Body = {"tool_choice": {"type": "function", "function": {"name": name}}}
        case {"type": str(kind)} if kind in _CHOICES:
            result = {"tool_choice": _CHOICES[kind]}
        case _:
            raise UsageError("tool_choice: it is not known", "send auto, any, none or a tool")
    return result | ({"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") else {})


def _blocks(content: Any) -> list[Body]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = _list(content, "content")
    if not all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks):
        raise UsageError("content: each block is an object with a type", "send text, images and results of tools")
    return blocks


def _plain(blocks: Sequence[Body], field: str) -> str:
    if not all(block["type"] == "text" for block in blocks):
        raise UsageError(f"{field}: only text can be sent", "send text")
    return "\n\n".join(str(block.get("text", "")) for block in blocks)


def _list(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UsageError(f"{field}: it is no list", "send a request of the Messages API")
    return value
