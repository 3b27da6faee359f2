"""What of a tool is pinned, and how a change of it is shown."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.gateway.pinning import MAX_CHARACTERS, difference
from mcp_stack.ports.tools import Entry, KnownTool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOOL = KnownTool(
    server="files",
    tool="read",
    title="Read",
    description="Read a file.\nOnly text.",
    category="files",
    input_schema={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    annotations={"readOnlyHint": True},
    output_schema={"type": "object"},
)


def entry(offered: KnownTool, approved: KnownTool | None = TOOL) -> Entry:
    return Entry(offered, approved, "first use" if approved else "", (), NOW, NOW, None)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Read it"},
        {"description": "Read a file and send it."},
        {"input_schema": {**TOOL.input_schema, "required": []}},
        {"output_schema": {}},
        {"annotations": {"readOnlyHint": False}},
        {"annotations": {}},
        {"tool": "write"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_that_a_client_is_told_is_pinned(change: dict[str, Any]) -> None:
    changed = replace(TOOL, **change)
    assert changed.fingerprint != TOOL.fingerprint
    assert entry(changed).quarantined
    assert difference(entry(changed))


def test_what_only_we_say_of_it_is_not_pinned() -> None:
    same = replace(TOOL, category="other", status="unreachable")
    assert same.fingerprint == TOOL.fingerprint
    assert not entry(same).quarantined
    assert difference(entry(same)) == ""


def test_the_order_of_keys_does_not_matter() -> None:
    other = dict(reversed(TOOL.input_schema.items()))
    assert list(other) != list(TOOL.input_schema)
    assert replace(TOOL, input_schema=other).fingerprint == TOOL.fingerprint


def test_a_tool_that_was_never_approved_is_quarantined() -> None:
    assert entry(TOOL, None).quarantined
    assert "+description: Read a file." in difference(entry(TOOL, None))


def test_the_difference_is_readable() -> None:
    changed = replace(
        TOOL,
        description="Read a file.\nAny file.",
        input_schema={"type": "object", "properties": {"path": {"type": "integer"}}, "required": ["path"]},
    )
    assert difference(entry(changed)).splitlines() == [
        "--- approved",
        "+++ offered now",
        "@@ -3,3 +3,3 @@",
        " description: Read a file.",
        "-description: Only text.",
        "+description: Any file.",
        " inputSchema: {",
        "@@ -7,3 +7,3 @@",
        ' inputSchema:     "path": {',
        '-inputSchema:       "type": "string"',
        '+inputSchema:       "type": "integer"',
        " inputSchema:     }",
    ]


@given(st.text(max_size=300))
def test_nothing_hides_in_a_difference(text: str) -> None:
    shown = difference(entry(replace(TOOL, description=text)))
    assert all(character == "\n" or " " <= character <= "~" for character in shown)


def test_invisible_characters_show() -> None:
    assert "\\u200b" in difference(entry(replace(TOOL, description="Read\u200b a file.\nOnly text.")))


def test_a_difference_is_bounded_in_size_and_time() -> None:
    began = time.perf_counter()
    properties = {f"p{n}": {"type": "string", "description": "x" * (n % 7)} for n in range(20_000)}
    before = replace(TOOL, input_schema={"properties": properties})
    now = replace(TOOL, input_schema={"properties": {key: {"type": "integer"} for key in properties}})
    assert len(difference(entry(now, before))) < MAX_CHARACTERS + 100
    only_the_end = replace(TOOL, input_schema={"properties": {**properties, "p9999": {"type": "integer"}}})
    assert "they differ beyond line" in difference(entry(only_the_end, before))
    assert time.perf_counter() - began < 10
