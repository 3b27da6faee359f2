"""What a model is given beside the question: passages and the conversation so far, within bounds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..ports.chat import Message
from ..ports.retrieval import Passage

# Fewer than in English text, so that an estimate is not too low in other languages.
BYTES_PER_TOKEN = 3
MOST_PASSAGES = 5
# Two passages that share so much of their words say the same thing: a copied page, an overlapping chunk.
SAME_WORDS = 0.9
# Less than that of a passage helps nobody.
LEAST_TOKENS = 40
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The passages that a model is given.

    Attributes:
        passages: Best first, cut to fit; what it cites as [1] is the first of them.
        tokens: Estimated tokens of their texts.
        notes: What was left out and why, for people.
    """

    passages: tuple[Passage, ...]
    tokens: int
    notes: tuple[str, ...]


def estimated_tokens(text: str) -> int:
    """Tokens of a text, estimated from its length in UTF-8; rather too many than too few."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def augmented(passages: Sequence[Passage], budget_tokens: int, most: int = MOST_PASSAGES) -> Augmentation:
    """The best passages, each said once, as many as fit.

    Args:
        passages: Best first.
        budget_tokens: For their texts, in all.
        most: Most passages.
    """
    kept: list[Passage] = []
    seen: list[frozenset[str]] = []
    notes: list[str] = []
    tokens = doubled = 0
    for passage in passages:
        if len(kept) == most:
            break
        words = frozenset(_WORD.findall(passage.text.lower()))
        if any(_same(words, other) for other in seen):
            doubled += 1
            continue
        room = budget_tokens - tokens
        if room < LEAST_TOKENS:
            notes.append(f"{len(kept)} passages fill the {budget_tokens} tokens there are for them")
            break
        fitting = _cut(passage.text, room * BYTES_PER_TOKEN)
        kept.append(passage if fitting == passage.text else replace(passage, text=fitting))
        seen.append(words)
        tokens += estimated_tokens(fitting)
    if doubled:
        notes.insert(0, f"{doubled} passages that say the same were left out")
    return Augmentation(tuple(kept), tokens, tuple(notes))


def trimmed(history: Sequence[Message], budget_tokens: int) -> tuple[Message, ...]:
    """The latest turns that fit, beginning with a question; instructions of the caller are kept.

    Args:
        history: Oldest first.
        budget_tokens: For their texts, in all.
    """
    instructions = [turn for turn in history if turn.role == "system"]
    budget_tokens -= sum(estimated_tokens(turn.content) for turn in instructions)
    kept: list[Message] = []
    for turn in reversed(history):
        if turn.role == "system":
            continue
        budget_tokens -= estimated_tokens(turn.content)
        if budget_tokens < 0:
            break
        kept.append(turn)
    while kept and kept[-1].role != "user":
        kept.pop()
    return (*instructions, *reversed(kept))


def _same(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two passages share most of the words of both."""
    return len(words & others) >= SAME_WORDS * max(1, len(words | others))


def _cut(text: str, most_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[:most_bytes].decode(errors="ignore").rpartition(" ")[0] + " ..."
