"""Questions that were answered, to be found again by what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question whose answer is in the cache.

    Attributes:
        key: Of its answer in the cache (`query:*`).
        scope: SHA-256 of all that must be equal for an answer to be given again: private context, session, bounds,
            models, state of the knowledge base.
        query: The question.
        vector: Its embedding, of length 1, as little-endian float16.
        group: Names the answers that agree with its own.
        answer_vector: The answer's embedding in the same form; empty where nobody learns.
        interaction_id: Under which it was answered.
    """

    key: str
    scope: bytes
    query: str
    vector: bytes
    group: int
    answer_vector: bytes
    interaction_id: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a process keeps of an answered question.

    Attributes:
        sequence: Grows with every question that is added; never given twice.
        seconds_left: Until it expires.
    """

    sequence: int
    scope: bytes
    vector: bytes
    group: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Label:
    """Whether a look-up's candidate would have been right.

    Attributes:
        features: Of the candidate, as little-endian float32.
        weight: How many look-ups it stands for: a shadow check stands for those that were not checked.
    """

    features: bytes
    right: bool
    weight: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What was added since a process looked last.

    Attributes:
        generation: Another one means that the index was emptied: what is known of it is void.
        entries: In the order of their sequence.
        more: There are others.
        newest_label: Number of the newest label, 0 for none.
    """

    generation: int
    entries: Sequence[Indexed]
    more: bool
    newest_label: int


class AnswerIndex(Protocol):
    """Answered questions, shared by all processes; losing it loses no data."""

    async def changes(self, after: int, policy: str) -> Changes:
        """What was added since.

        Args:
            after: The newest sequence that is known.
            policy: Whose labels.

        Returns:
            The entries behind it, the oldest first, a few thousand at most.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def questions(self, sequences: Sequence[int]) -> dict[int, AnsweredQuestion]:
        """Those that are still there, by sequence.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def add(self, question: AnsweredQuestion, ttl_seconds: float) -> None:
        """Add a question, in the place of one with the same key; the oldest go where there are too many.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def remove(self, *, key: str = "", interaction_id: str = "") -> list[str]:
        """Remove what has the key or was answered under the interaction.

        Returns:
            Keys of what was removed.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def add_label(self, policy: str, label: Label) -> None:
        """Write a label down; the oldest go where there are too many.

        Args:
            policy: Names the features.
            label: The label.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def labels(self, policy: str, most: int) -> list[Label]:
        """The newest labels, the oldest of them first.

        Raises:
            UnavailableError: The store is down.
        """
        ...
