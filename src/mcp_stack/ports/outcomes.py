"""What became of routed questions: the record that the outcome model learns from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

Asked: TypeAlias = Literal["local", "remote", "both"]
"""Which models answered: one of them, or the remote one after or beside the local one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One routed question and what is known of its answers; each part may come later than the row.

    Attributes:
        interaction_id: The interaction.
        asked_at: When.
        embedder: The model of the vector; empty without one.
        vector: The question's embedding as little-endian float32; empty without one.
        features_version: Which definition of features and words this is.
        features: Numbers read off the question's text.
        words: The question's words, hashed and signed.
        p_true: The local model's own judgement before it answered, in [0, 1]; None if it was not asked.
        asked: Which models answered.
        gain: What was expected of the remote model over the local one, in [-1, 1].
        propensity: Probability in (0, 1] that the policy asked the remote model for such a question.
        local: How good the local answer is, in [0, 1]; None while unknown.
        remote: How good the remote answer is, in [0, 1]; None while unknown.
    """

    interaction_id: str
    asked_at: datetime
    embedder: str
    vector: bytes
    features_version: int
    features: tuple[float, ...]
    words: tuple[int, ...]
    p_true: float | None
    asked: Asked
    gain: float
    propensity: float
    local: float | None = None
    remote: float | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A question, as far as the budget goes.

    Attributes:
        gain: What was expected of the remote model.
        remote: Whether it was asked.
    """

    asked_at: datetime
    gain: float
    remote: bool


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A fitted model as it is kept.

    Attributes:
        version: Grows with each fit.
        content: What `OutcomeModel.from_bytes` reads.
    """

    version: int
    content: bytes


class Outcomes(Protocol):
    """Stores outcomes and the model that was fitted to them. Every method raises UnavailableError if the store is
    down, the writing ones also if it is full.
    """

    async def add(self, outcome: Outcome) -> None:
        """Record an outcome; the oldest ones beyond the bound are forgotten."""
        ...

    async def label(self, interaction_id: str, *, local: float | None = None, remote: float | None = None) -> bool:
        """Say, or say otherwise, how good an answer was.

        Args:
            interaction_id: The interaction.
            local: Of the local answer, in [0, 1]; None leaves it as it is.
            remote: Of the remote answer, in [0, 1]; None leaves it as it is.

        Returns:
            False if the outcome is not, or no longer, known.
        """
        ...

    async def labels(self) -> int:
        """How often a label was given or changed so far; grows, whatever is forgotten."""
        ...

    async def newest(self, limit: int, *, labelled: bool = True) -> list[Outcome]:
        """The newest outcomes, oldest first.

        Args:
            limit: Most to return.
            labelled: Only those with a label.
        """
        ...

    async def decided(self, limit: int) -> list[Decided]:
        """The newest outcomes as the budget sees them, oldest first.

        Args:
            limit: Most to return.
        """
        ...

    async def save_model(self, content: bytes, labels: int) -> int:
        """Keep a fitted model in place of the one before.

        Args:
            content: The model.
            labels: What `labels` gave before the outcomes were read.

        Returns:
            Its version.
        """
        ...

    async def labels_fitted(self) -> int:
        """What `labels` gave when the kept model was fitted; 0 without one."""
        ...

    async def model_version(self) -> int:
        """Version of the model that is kept; 0 without one. Cheap."""
        ...

    async def model(self) -> StoredModel | None:
        """The model that is kept."""
        ...
