"""What changed in a tool since it was approved, for a person to read."""

from __future__ import annotations

import difflib
import json
import textwrap
from typing import Any

from ...ports.tools import Entry, KnownTool

MAX_CHARACTERS = 4000
# Comparing is quadratic in the worst case, and a schema may have been made for it.
MAX_LINES = 1500
_WIDTH = 100


def difference(entry: Entry, max_characters: int = MAX_CHARACTERS) -> str:
    """The approved definition against the one that waits, as a unified diff.

    Everything that is not plain ASCII is spelled out, so that invisible text and terminal commands show.

    Args:
        entry: The tool.
        max_characters: Where the diff is cut.
    """
    before = lines(entry.approved) if entry.approved is not None else []
    now = lines(entry.offered)
    changes = difflib.unified_diff(before[:MAX_LINES], now[:MAX_LINES], "approved", "offered now", n=1, lineterm="")
    text = "\n".join(changes)
    if before[MAX_LINES:] != now[MAX_LINES:]:
        text += f"\n... and they differ beyond line {MAX_LINES}"
    if len(text) > max_characters:
        text = f"{text[:max_characters]}\n... {len(text) - max_characters} more characters"
    return text


def lines(tool: KnownTool) -> list[str]:
    """A definition, line by line."""
    parts: list[str] = []
    for key, value in tool.definition.items():
        if isinstance(value, str):
            parts += [f"{key}: {line}" for line in _text(value)]
        elif value:
            parts += [f"{key}: {line}" for line in _pretty(value).splitlines()]
    return parts


def _text(value: str) -> list[str]:
    shown = [json.dumps(line)[1:-1] for line in value.splitlines()]
    return [part for line in shown for part in (textwrap.wrap(line, _WIDTH) or [""])]


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True)
