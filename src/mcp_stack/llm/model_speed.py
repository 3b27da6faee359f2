"""How fast a local model reads and writes, as measured on real requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..ports.chat import Message

KEPT = 0.8
"""Weight that all earlier measurements keep when a new one comes in, so that a busy machine is noticed within a few."""

JUDGING_CHARACTERS = 120
"""About the length of a yes-or-no question, with the request for one word."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Sums of what was measured; the older, the less they count.

    Sums rather than averages of rates: a prompt of ten tokens says little, and then weighs little.

    Attributes:
        read_tokens: Prompt tokens evaluated; those reused from the prompt before are not among them.
        read_seconds: Time that it took.
        prompt_tokens: Tokens of whole prompts.
        prompt_characters: Characters of whole prompts.
        written_tokens: Tokens generated.
        written_seconds: Time that it took.
    """

    read_tokens: float = 0.0
    read_seconds: float = 0.0
    prompt_tokens: float = 0.0
    prompt_characters: float = 0.0
    written_tokens: float = 0.0
    written_seconds: float = 0.0

    @property
    def prefill_per_second(self) -> float | None:
        """Prompt tokens a second; None while nothing was measured."""
        return self.read_tokens / self.read_seconds if self.read_seconds else None

    @property
    def decode_per_second(self) -> float | None:
        """Generated tokens a second; None while nothing was measured."""
        return self.written_tokens / self.written_seconds if self.written_seconds else None

    def after_prompt(self, tokens: int, characters: int) -> Speed:
        """With one more whole prompt, of so many tokens and characters."""
        return replace(
            self,
            prompt_tokens=KEPT * self.prompt_tokens + tokens,
            prompt_characters=KEPT * self.prompt_characters + characters,
        )

    def after_reading(self, tokens: int, seconds: float) -> Speed:
        """With `tokens` more of a prompt evaluated within `seconds`."""
        return replace(
            self, read_tokens=KEPT * self.read_tokens + tokens, read_seconds=KEPT * self.read_seconds + seconds
        )

    def after_writing(self, tokens: int, seconds: float) -> Speed:
        """With one more answer: `tokens` generated within `seconds`."""
        return replace(
            self,
            written_tokens=KEPT * self.written_tokens + tokens,
            written_seconds=KEPT * self.written_seconds + seconds,
        )

    def judgement_seconds(self, messages: Sequence[Message], read: str) -> float | None:
        """See `SelfJudgingModel.judgement_seconds`.

        Args:
            messages: The conversation to judge.
            read: The one that the model read last, as `as_text` writes it.
        """
        if not (self.read_tokens and self.prompt_characters):
            return None
        characters = unread_characters(messages, read) + JUDGING_CHARACTERS
        return characters * self.prompt_tokens / self.prompt_characters * self.read_seconds / self.read_tokens


def as_text(messages: Sequence[Message]) -> str:
    """A conversation as one text, to compare two by; close to what a chat template makes of it."""
    return "".join(f"{message.role}\n{message.content}\n" for message in messages)


def unread_characters(messages: Sequence[Message], read: str) -> int:
    """Characters of a conversation that were not just read.

    Args:
        messages: The conversation.
        read: The one that the model read last, as `as_text` writes it.
    """
    text = as_text(messages)
    return len(text) - shared_length(text, read)


def shared_length(one: Sequence[object], other: Sequence[object]) -> int:
    """Number of items at the beginning that two sequences have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
