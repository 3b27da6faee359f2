"""A model in a loop."""

from __future__ import annotations

import re
import zlib
from collections import Counter

from .findings import Finding
from .text import MAX_CHARACTERS

# One line that makes up half of an answer, or so few different words, is a model in a loop.
REPEATED_SHARE = 0.5
REPEATED_WORDS = 0.15
# English prose deflates to 0.4-0.5 of its length, and tables and code to 0.2-0.3.
LOOP_RATIO = 0.09
TAIL = 3_000
_RULE = re.compile(r"[\s\-=_*#|:+.`~{}()\[\];,]*")


def repetition(answer: str) -> Finding | None:
    """Whether an answer goes round in circles.

    Args:
        answer: What was answered.
    """
    text = answer.strip()[-MAX_CHARACTERS:]
    if _lines_repeat(text) or _few_words(text) or _deflates(text):
        return Finding("repetition", 1.0, "repeats itself")
    if times := _tail_repeats(text):
        return Finding("repetition", 0.9, f"ends with the same words {times} times")
    return None


def _lines_repeat(text: str) -> bool:
    lines = Counter(line.strip() for line in text.splitlines() if not _RULE.fullmatch(line))
    return lines.total() >= 6 and lines.most_common(1)[0][1] > REPEATED_SHARE * lines.total()


def _few_words(text: str) -> bool:
    words = text.split()
    return len(words) >= 40 and len(set(words)) < REPEATED_WORDS * len(words)


def _deflates(text: str) -> bool:
    data = text.encode(errors="replace")
    return len(data) >= 600 and len(zlib.compress(data, 6)) < LOOP_RATIO * len(data)


def _tail_repeats(text: str) -> int:
    """How often the end of a text is the same piece over again; 0 if fewer than four times, or short of 60 characters.

    The shortest period of the reversed tail, by the prefix function of Knuth, Morris and Pratt (1977): linear time.
    """
    tail = text[-TAIL:][::-1]
    longest = [0] * len(tail)
    best = 0
    matched = 0
    for position in range(1, len(tail)):
        while matched and tail[position] != tail[matched]:
            matched = longest[matched - 1]
        matched += tail[position] == tail[matched]
        longest[position] = matched
        period = position + 1 - matched
        times = (position + 1) // period
        if times >= 4 and position + 1 >= 60 and any(each.isalpha() for each in tail[:period]):
            best = max(best, times)
    return best
