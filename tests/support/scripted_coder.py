"""A model by script that codes with whatever tools a coding agent offers it, over OpenAI's API and Anthropic's.

It is the same model to every agent: it reads each file of its plan, edits it, runs a command and says a last word.
Where it stands it tells from the results of tools in the conversation, so that a repeated request gets the same answer.

::

    with ScriptedCoder([Edit("a.py", "x = 1", "x = 2")], last_word="Done.") as model:
        ...  # an agent at f"{model.url}/v1"
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse, Response

from .http_endpoint import HttpEndpoint, Received, event_stream
from .scripted_claude import event_text

_PATHS = ("file_path", "filepath", "path")
_OLD = ("old_string", "before")
_NEW = ("new_string", "after")
TOKENS_IN, TOKENS_OUT = 100, 20


@dataclass(frozen=True, slots=True)
class Edit:
    """A text in a file, and what takes its place; without an old text, the text of a new file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class _Call:
    tool: str
    arguments: Mapping[str, Any]


class ScriptedCoder(HttpEndpoint):
    """Answers `/v1/chat/completions` and `/v1/messages`.

    Args:
        edits: What it does to the files; nothing if there are none. Or in each iteration of a task, by its number.
        folder: Where they are, for tools that want absolute paths.
        command: It runs that with the shell that it is offered; none if empty.
        last_word: Its last message.
        model: Its name.
    """

    def __init__(
        self,
        edits: Sequence[Edit] | Mapping[int, Sequence[Edit]] = (),
        *,
        folder: Path,
        command: str = "",
        last_word: str = "All is done.",
        model: str = "scripted-coder",
    ) -> None:
        super().__init__()
        self._edits = edits
        self.folder = folder
        self._command = command
        self._last_word = last_word
        self.model = model
        self.always(self._reply)

    def _reply(self, request: Received) -> Response:
        if request.path.endswith("/models"):
            return JSONResponse({"object": "list", "data": [{"id": self.model, "object": "model"}]})
        anthropic = request.path.endswith("/messages")
        answer = self._answer(request.body, anthropic=anthropic)
        return (_as_anthropic if anthropic else _as_openai)(answer, request.body)

    def _answer(self, body: Mapping[str, Any], *, anthropic: bool) -> _Call | str:
        tools = {
            name: schema
            for tool in body.get("tools", [])
            for name, schema in [
                (tool.get("name"), tool.get("input_schema", {}))
                if anthropic
                else (tool["function"]["name"], tool["function"].get("parameters", {}))
            ]
        }
        if not tools:
            return self._blocks(self._edits_for(body)) if "SEARCH/REPLACE" in json.dumps(body) else "A title"
        plan = self._plan(tools, self._edits_for(body))
        done = _results(body.get("messages", []))
        return plan[done] if done < len(plan) else self._last_word

    def _edits_for(self, body: Mapping[str, Any]) -> Sequence[Edit]:
        if not isinstance(self._edits, Mapping):
            return self._edits
        told = re.findall(r"on iteration (\d+) of the task", json.dumps(body))
        return self._edits.get(int(told[-1]), ())

    def _plan(self, tools: Mapping[str, Mapping[str, Any]], edits: Sequence[Edit]) -> list[_Call]:
        """The calls for what it wants to do, with those tools."""
        calls: list[_Call] = []
        for edit in edits:
            for wanted in ("read", "edit") if edit.old else ("write",):
                found = next((name for name in tools if name.lower() in {wanted, f"{wanted}_file"}), None)
                if found is None:
                    continue
                properties = tools[found].get("properties", {})
                arguments = {_one_of(properties, _PATHS): self._path(edit.file, found)}
                if wanted == "write":
                    arguments["content"] = edit.new
                if wanted == "edit":
                    arguments |= {_one_of(properties, _OLD): edit.old, _one_of(properties, _NEW): edit.new}
                calls.append(_Call(found, arguments))
        if self._command:
            shell = next(name for name in tools if name.lower() in {"bash", "shell", "execute"})
            calls.append(_Call(shell, {"command": self._command}))
        return calls

    def _path(self, file: str, tool: str) -> str:
        # To the tools of deepagents the working folder is the root.
        return f"/{file}" if tool.endswith("_file") else str(self.folder / file)

    def _blocks(self, edits: Sequence[Edit]) -> str:
        """What a model that has no tools says to aider."""
        blocks = [
            "\n".join(
                (
                    *(edit.file, "```python", "<<<<<<< SEARCH", *edit.old.splitlines()),
                    *("=======", *edit.new.splitlines(), ">>>>>>> REPLACE", "```"),
                )
            )
            for edit in edits
        ]
        return "\n\n".join((*blocks, self._last_word))


def _one_of(properties: Mapping[str, Any], names: Sequence[str]) -> str:
    return next(name for name in names if name in properties)


def _results(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many tools have answered."""
    found = 0
    for message in messages:
        content = message.get("content")
        if message.get("role") == "tool":
            found += 1
        elif isinstance(content, list):
            found += sum(1 for block in content if block.get("type") == "tool_result")
    return found


def _as_openai(answer: _Call | str, body: Mapping[str, Any]) -> Response:
    head = {"id": "chatcmpl-scripted", "created": 0, "model": body["model"]}
    usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}
    reason = "stop" if isinstance(answer, str) else "tool_calls"
    if isinstance(answer, str):
        message: dict[str, Any] = {"role": "assistant", "content": answer}
    else:
        function = {"name": answer.tool, "arguments": json.dumps(answer.arguments)}
        call = {"id": f"call_{_results(body['messages'])}", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    if not body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    calls = message.get("tool_calls")
    delta = {**message, "tool_calls": [{"index": 0, **call} for call in calls]} if calls else message
    pieces = [
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage},
    ]
    return event_stream([*(f"data: {json.dumps(piece)}\n\n" for piece in pieces), "data: [DONE]\n\n"])


def _as_anthropic(answer: _Call | str, body: Mapping[str, Any]) -> Response:
    usage = {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT}
    reason = "end_turn" if isinstance(answer, str) else "tool_use"
    if isinstance(answer, str):
        block: dict[str, Any] = {"type": "text", "text": answer}
        opening, delta = {**block, "text": ""}, {"type": "text_delta", "text": answer}
    else:
        identity = {"type": "tool_use", "id": f"toolu_{_results(body['messages'])}", "name": answer.tool}
        block = {**identity, "input": dict(answer.arguments)}
        opening = {**identity, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(answer.arguments)}
    message = {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [block],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }
    if not body.get("stream"):
        return JSONResponse(message)
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": opening},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return event_stream([event_text(event) for event in events])
