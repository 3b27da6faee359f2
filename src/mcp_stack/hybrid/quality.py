"""Whether a local answer is good enough to be given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..ports.chat import ChatModel, Completion, Message
from .confidence import probability_true
from .prompts import ANSWER_IS_RIGHT

_REFUSAL = re.compile(
    r"\b(i (do not|don.?t) know|i (cannot|can.?t|am unable to|'m unable to) (answer|help|assist|provide))\b",
    re.IGNORECASE,
)
_CITATION = re.compile(r"\[(\d{1,3})\]")
# One line that makes up half of an answer, or so few different words, is a model in a loop.
REPEATED_SHARE = 0.5
REPEATED_WORDS = 0.15


@dataclass(frozen=True, slots=True)
class Quality:
    """A judgement of an answer.

    Attributes:
        value: In [0, 1].
        reason: What it rests on, for people.
    """

    value: float
    reason: str


async def assess(model: ChatModel, messages: Sequence[Message], completion: Completion, passage_count: int) -> Quality:
    """Judge an answer: by checks that cost nothing, then by the model itself.

    Args:
        model: The model that answered.
        messages: What it was asked.
        completion: Its answer.
        passage_count: How many passages it could cite.
    """
    if defect := defect_of(completion, passage_count):
        return Quality(0.0, f"the local answer {defect}")
    answered = [*messages, Message("assistant", completion.text)]
    judged = await probability_true(model, answered, ANSWER_IS_RIGHT)
    if judged is None:
        return Quality(1.0, "the local answer passes the checks")
    return Quality(round(judged, 4), f"the local model judges its answer {judged:.2f}")


def defect_of(completion: Completion, passage_count: int) -> str:
    """What is plainly wrong with an answer, as the end of a sentence; empty if nothing is.

    Args:
        completion: The answer.
        passage_count: How many passages it could cite.
    """
    text = completion.text.strip()
    if not text:
        return "is empty"
    if completion.truncated:
        return "was cut off at the token limit"
    if _REFUSAL.search(text[:200]):
        return "is a refusal"
    if _repeats(text):
        return "repeats itself"
    if any(not 1 <= int(number) <= passage_count for number in _CITATION.findall(text)) and passage_count:
        return "cites a passage that does not exist"
    return ""


def _repeats(text: str) -> bool:
    lines = Counter(line.strip() for line in text.splitlines() if line.strip())
    if lines.total() >= 6 and lines.most_common(1)[0][1] > REPEATED_SHARE * lines.total():
        return True
    words = text.split()
    return len(words) >= 40 and len(set(words)) < REPEATED_WORDS * len(words)
