"""What tools cost a client: its model reads every definition that is listed, and every reply."""

from __future__ import annotations

import json
import math
import re

from ...ports.tools import KnownTool
from .models import ToolSummary

CHARACTERS_PER_TOKEN = 4
"""The usual estimate for English and JSON."""

SUMMARY_CHARACTERS = 80

_SENTENCE_END = re.compile(r"(?<=[.!?])\s|[\r\n]|(?<=\u3002)")


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def listed_tokens(tool: KnownTool) -> int:
    """About how many tokens a tool costs where it is listed: name, description and input schema."""
    definition = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
    return tokens(json.dumps(definition, ensure_ascii=False))


def summary(tool: KnownTool, score: float, *, with_schema: bool) -> ToolSummary:
    """What is shown of a tool: the first sentence of its description, and its schema only on demand."""
    text = tool.description.strip() or tool.title
    sentence = _SENTENCE_END.split(text, maxsplit=1)[0].strip()
    if len(sentence) > SUMMARY_CHARACTERS:
        whole_words = sentence[: SUMMARY_CHARACTERS - 1].rpartition(" ")[0]
        sentence = (whole_words or sentence[: SUMMARY_CHARACTERS - 1]).rstrip(" ,;:") + "…"
    return ToolSummary(
        name=tool.name,
        summary=sentence,
        score=round(score, 2),
        server_status=tool.status,
        input_schema=tool.input_schema if with_schema else {},
    )
