"""Reading what agents print as JSON, one object a line, among lines that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A line is an event, with the text of a file in it perhaps; a longer one is of no use.
MAX_LINE_CHARACTERS = 4_000_000


def objects(output: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects among the lines of a file."""
    with output.open(encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(MAX_LINE_CHARACTERS):
            if line.lstrip().startswith("{"):
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(found, dict):
                    yield found


def count(value: object) -> int:
    """A number of tokens; 0 for whatever is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0


def amount(value: object) -> float:
    """A price in US dollars; 0 for whatever is none."""
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e9 else 0.0


def text(value: object) -> str:
    """A text; empty for whatever is none."""
    return value if isinstance(value, str) else ""
