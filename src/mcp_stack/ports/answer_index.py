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
        rights: How often its answer would have been right where it was the candidate and a new answer was made.
        wrongs: How often not.
    """

    key: str
    scope: bytes
    query: str
    vector: bytes
    group: int
    answer_vector: bytes
    interaction_id: str
    rights: int = 0
    wrongs: int = 0


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
        right: The new answer agrees with the candidate's.
        expected: Where the candidate would have been given and was checked in the shadow, the probability that was
            seen of its being wrong; None for a miss.
        number: In the order of writing; 0 until it is written.
    """

    features: bytes
    right: bool
    expected: float | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What was added since a process looked last.

    Attributes:
        generation: Another one means that the index was emptied: what is known of it is void.
        entries: In the order of their sequence.
        newest: Sequence up to which they are all told, removed ones included.
        more: There are others.
        newest_label: Number of the newest label, 0 for none.
    """

    generation: int
    entries: Sequence[Indexed]
    newest: int
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

    async def add_label(self, policy: str, label: Label, sequence: int) -> None:
        """Write a label down, and count it in the record of its candidate; the oldest go where there are too many.

        Args:
            policy: Names the features.
            label: The label.
            sequence: Of the candidate.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def labels(self, policy: str, after: int) -> list[Label]:
        """Labels behind a number, the oldest first.

        Raises:
            UnavailableError: The store is down.
        """
        ...
