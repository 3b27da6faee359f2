"""Descriptions that try to steer the model: poisoning, shadowing, hidden text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...ports.tools import KnownTool


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in what a tool says of itself that a person should look at.

    Attributes:
        rule: Its name.
        severity: `high` is reason to quarantine the tool; `low` is worth a remark.
        evidence: The words that matched, with everything that is not printable spelled out; at most 200 characters.
    """

    rule: str
    severity: Literal["high", "low"]
    evidence: str


# Zero-width and bidirectional controls, and tag characters: text that a person does not see and a model reads.
_INVISIBLE = re.compile("[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


def scan(tool: KnownTool, others: Sequence[KnownTool] = ()) -> list[Finding]:
    """Look through all that a model is told of a tool.

    Args:
        tool: What its server says.
        others: Tools of all servers, to find those that it meddles with.

    Returns:
        What was found, the gravest first.
    """
    if (hidden := _INVISIBLE.search(tool.description)) is not None:
        return [Finding("hidden-text", "high", f"U+{ord(hidden[0]):04X}")]
    return []
