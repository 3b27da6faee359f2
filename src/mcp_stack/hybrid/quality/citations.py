"""Citations of passages that the answer was given."""

from __future__ import annotations

import re

from .findings import Finding
from .text import MAX_CHARACTERS, prose

# [3] or [1, 2], but no index (a[3]), no link ([3](url), [3]: url), no mathematics.
_CITATION = re.compile(r"(?<![\w\])}\\])(?:\[\s?\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,9}\s?\])+(?![(\[:\w])")
_MATHS = re.compile(r"\$\$[^$]{1,300}\$\$|\$[^$\n]{1,200}\$|\\\[.{1,300}?\\\]", re.DOTALL)
_LIST_OF_NUMBERS = re.compile(r"(?:=|list|array|vector|input|output|returns?)\s*:?\s*$", re.IGNORECASE)


def cited(answer: str) -> list[int]:
    """The numbers that an answer cites, in order.

    Args:
        answer: What was answered.
    """
    text = _MATHS.sub(" ", prose(answer[:MAX_CHARACTERS]))
    found: list[int] = []
    for match in _CITATION.finditer(text):
        if not _LIST_OF_NUMBERS.search(text, max(match.start() - 12, 0), match.start()):
            found.extend(int(number) for number in re.findall(r"\d+", match.group()))
    return found


def citations(answer: str, passage_count: int) -> Finding | None:
    """Whether the passages exist that the answer cites.

    Args:
        answer: What was answered.
        passage_count: How many passages it could cite; with none, numbers in brackets mean something else.
    """
    numbers = cited(answer) if passage_count else []
    wrong = [number for number in numbers if not 1 <= number <= passage_count]
    if not wrong:
        return None
    severity = 1.0 if len(wrong) == len(numbers) else 0.8
    return Finding("citation", severity, f"cites a passage that does not exist: [{wrong[0]}] of {passage_count}")
