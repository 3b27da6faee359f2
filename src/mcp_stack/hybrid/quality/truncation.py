"""An answer that ends before it is finished."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re

from .findings import Finding
from .text import MAX_CHARACTERS, blocks_of, prose

_ENDED = re.compile(r"[.!?…。！？।؟:)\]}\"'”’»*_`|>%]$|\d$")
# Words that nothing ends with, and signs that something must follow.
_DANGLING = re.compile(
    r"(?:\b(?:the|a|an|and|or|but|of|to|in|on|at|for|with|by|from|is|are|was|were|be|that|which|because|so|if|then|than|as"
    r"|this|these|its|their|your|our|my|und|oder|der|die|das|le|la|les|et|ou|de|el|los|y|o)|[,;(\[{=+\-*/×÷<≈&$\\])$",
    re.IGNORECASE,
)
_LIST_OR_HEADING = re.compile(r"\s{0,8}(?:[-*+•#>|]|\d{1,3}[.)])")
_RESULT = re.compile(r"(?:####|answer|result|total|\\boxed|\*\*)", re.IGNORECASE)


def truncation(answer: str, *, at_limit: bool) -> Finding | None:
    """Whether an answer stops half way.

    Args:
        answer: What was answered.
        at_limit: It ended at the token limit, not by itself.
    """
    if at_limit:
        return Finding("truncated", 1.0, "was cut off at the token limit")
    text = answer.rstrip()[-MAX_CHARACTERS:]
    blocks = blocks_of(text)
    if blocks and not blocks[-1].closed:
        return Finding("unfinished", 0.8, "ends inside a block of code")
    if not text or (blocks and text.endswith(("```", "~~~"))):
        return None
    severity, place = _broken_off(prose(text).rstrip())
    return Finding("unfinished", severity, f"ends {place}") if severity else None


def _broken_off(text: str) -> tuple[float, str]:
    """How surely prose is broken off, and where."""
    last = text.rpartition("\n")[2]
    item = _LIST_OR_HEADING.match(last) is not None
    opened = max(last.count("(") - last.count(")"), last.count("[") - last.count("]"))
    # A long line without an end, among sentences that have one. A short answer, "42" or "Paris", needs none.
    long = len(last) > 25 and any(each in text for each in (". ", ".\n", "! ", "? ", "。"))
    signs = (
        (last.count("<<") > last.count(">>"), 0.9, "in the middle of a calculation"),
        (last.endswith(">>"), 0.8, "before a result is said"),
        (_DANGLING.search(last) is not None and len(last) > 2, 0.8, "in the middle of a sentence"),
        (item or _RESULT.search(last) is not None or _is_address(last[-200:].rpartition(" ")[2]), 0.0, ""),
        (opened > 0 and len(last) > 40, 0.7, "inside a bracket"),
        (long and not _ENDED.search(last), 0.6, "in the middle of a sentence"),
        (long and last[-1:].isdigit() and not re.search(r"[.!?:]\s", last[-60:]), 0.4, "without the end of a sentence"),
    )
    return next(((severity, place) for holds, severity, place in signs if holds), (0.0, ""))


def _is_address(word: str) -> bool:
    """Whether a last word is a path or an address, which has no full stop after it."""
    return any(each in word for each in "/@\\")
