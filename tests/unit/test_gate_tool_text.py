"""Tools as text: what a model is told of them, and what of its answer is a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.llm.gguf_header import chat_template
from mcp_stack.llm.raw.tool_text import Call, ToolText, conversation, is_form_of
from mcp_stack.ports.chat import Message
from tests.support.tiny_gguf import CHAT_TEMPLATE, write_knowing_gguf, write_tiny_gguf

READ: Any = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
NAMES = ["read", "edit"]
CALLS = st.builds(
    lambda name, given: Call(name, json.dumps(given)),
    st.sampled_from(NAMES),
    st.dictionaries(st.text(max_size=6), st.text(max_size=12) | st.integers(), max_size=2),
)
PLAIN = st.text("abc <tol_c>{}`\n", max_size=30).filter(lambda text: "<tool_call>" not in text)
PROSE = PLAIN.map(lambda text: f"So: {text}")


def _split(answer: str, length: int, names: list[str]) -> tuple[str, list[Call]]:
    split = ToolText(names)
    text = "".join(split.feed(answer[at : at + length]) for at in range(0, len(answer), length))
    rest, calls = split.end()
    return text + rest, calls


def _tagged(call: Call) -> str:
    return f'<tool_call>\n{{"name": "{call.name}", "arguments": {call.arguments}}}\n</tool_call>'


@given(PROSE, st.lists(CALLS, min_size=1, max_size=3), st.integers(1, 9))
def test_text_and_calls_are_told_apart_however_the_answer_is_cut(text: str, calls: list[Call], length: int) -> None:
    answer = "\n".join([text, *map(_tagged, calls)])
    assert _split(answer, length, NAMES) == (text.rstrip(), calls)


@given(PROSE, st.integers(1, 9))
def test_an_answer_without_a_call_is_text_to_the_last_character(text: str, length: int) -> None:
    assert _split(text, length, NAMES) == (text, [])


@given(st.text(max_size=40) | CALLS.map(_tagged), st.integers(1, 9))
def test_without_tools_everything_is_text(answer: str, length: int) -> None:
    assert _split(answer, length, []) == (answer, [])


@given(CALLS, st.sampled_from(["{}", "```json\n{}\n```", "\n{}\n", "```\n{}"]), st.integers(1, 9))
def test_a_bare_call_is_one(call: Call, form: str, length: int) -> None:
    answer = form.replace("{}", f'{{"name": "{call.name}", "arguments": {call.arguments}}}')
    assert _split(answer, length, NAMES) == ("", [call])


@pytest.mark.parametrize(
    "answer",
    [
        '<tool_call>\n{"name": "unknown", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "read", "arguments": {broken\n</tool_call>',
        '{"name": "read"}',
        '{"name": "unknown", "arguments": {}}',
        "```python\nprint(1)\n```",
        "<tool_call>" + "[" * 5000,
    ],
)
def test_what_is_no_call_of_a_tool_that_there_is_stays_text(answer: str) -> None:
    assert _split(answer, 3, NAMES) == (answer, [])


def test_a_call_that_the_limit_cut_off_after_its_object_is_one() -> None:
    assert _split('<tool_call>\n{"name": "read", "arguments": {"a": 1}}', 4, NAMES) == ("", [Call("read", '{"a": 1}')])


def test_the_conversation_reads_as_the_models_template_would_write_it() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
    messages = conversation(
        [
            {"role": "system", "content": "You edit."},
            {"role": "user", "content": [{"type": "text", "text": "Read a."}]},
            {"role": "assistant", "content": None, "tool_calls": [call, call]},
            {"role": "tool", "tool_call_id": "c", "content": "one"},
            {"role": "tool", "tool_call_id": "c", "content": "two"},
            {"role": "user", "content": "Go on."},
        ],
        [READ],
    )
    written = '<tool_call>\n{"name": "read", "arguments": {"path": "a"}}\n</tool_call>'
    system, *turns = messages
    assert system.role == "system"
    assert system.content.startswith("You edit.\n\n# Tools\n\nYou may call one or more functions")
    assert json.dumps(READ) in system.content
    assert turns == [
        Message("user", "Read a."),
        Message("assistant", f"{written}\n{written}"),
        Message(
            "user",
            "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>\nGo on.",
        ),
    ]


def test_without_tools_it_is_the_conversation_itself() -> None:
    said = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert conversation(said, []) == [Message("system", "Be brief."), Message("user", "Hello?")]


@pytest.mark.parametrize(
    "message", [{"role": "wizard"}, {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]
)
def test_what_the_model_cannot_read_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        conversation([message], [])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (r'"...<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>"', True),
        ("<tool_call>{function-name}<arg_key>{arg-key-1}</arg_key>", False),
        (CHAT_TEMPLATE, False),
        ("", False),
    ],
)
def test_a_chat_template_tells_whether_its_model_calls_tools_so(template: str, expected: bool) -> None:
    assert is_form_of(template) is expected


def test_a_models_chat_template_is_read_without_loading_it(tmp_path: Path) -> None:
    assert chat_template(write_knowing_gguf(tmp_path / "knowing.gguf")) == CHAT_TEMPLATE
    assert chat_template(write_tiny_gguf(tmp_path / "tiny.gguf")) == ""
    with pytest.raises(UnavailableError, match="missing"):
        chat_template(tmp_path / "nonesuch.gguf")
