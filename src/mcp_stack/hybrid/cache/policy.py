"""What decides whether an answered question is near enough for its answer to be given again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...ports.answer_index import Label
from .verifier import Comparison

# How far below the threshold a question may be that says the same word for word: short questions lose much of their
# cosine to a `please`.
ALLOWANCE = 0.15
# How much nearer than one with another answer a question in other words has to be.
CLEAR = 0.02


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answered question that is near to a new one.

    Attributes:
        similarity: Cosine of their embeddings.
        group: Of the answers that agree with its own.
        compared: Tells what sets the two apart; asked for only where it matters.
        rights: How often its answer was seen to be right for a question that was near.
        wrongs: How often not.
    """

    similarity: float
    group: int
    compared: Callable[[], Comparison]
    rights: int = 0
    wrongs: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes of a look-up.

    Attributes:
        chosen: Place of the candidate whose answer is in question, or None if there is none.
        serve: Whether its answer is given; not so where it is only to be learned from.
        shadow: It would have been given, but is checked against a new answer.
        features: Of the chosen candidate, for the label that a new answer will give; empty where nothing is learned.
        wrong: Probability that its answer is wrong, where that is known.
    """

    chosen: int | None
    serve: bool = False
    shadow: bool = False
    features: tuple[float, ...] = ()
    wrong: float = 1.0


class Policy(Protocol):
    """Decides on look-ups, and learns from what came of them."""

    @property
    def name(self) -> str:
        """Names the features, so that labels of other ones are not mixed in; empty if it does not learn."""
        ...

    @property
    def least_similarity(self) -> float:
        """Where the nearest question is further away, nothing is given, and nothing learned."""
        ...

    def decide(self, candidates: Sequence[Candidate]) -> Decision:
        """Decide.

        Args:
            candidates: The nearest first.
        """
        ...

    def learn(self, labels: Sequence[Label]) -> None:
        """Take labels in, the oldest first."""
        ...


class FixedThreshold:
    """Gives an answer again where the questions are similar enough and the verifier finds no difference.

    Args:
        threshold: Least cosine.
    """

    name = ""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    @property
    def least_similarity(self) -> float:
        """See `Policy.least_similarity`."""
        return self._threshold - ALLOWANCE

    def decide(self, candidates: Sequence[Candidate]) -> Decision:
        """See `Policy.decide`."""
        for place, candidate in enumerate(candidates):
            if candidate.similarity < self._threshold - ALLOWANCE:
                break
            if candidate.compared().says_the_same or self._is_rephrased(candidate, candidates):
                return Decision(place, serve=True)
        return Decision(None)

    def _is_rephrased(self, candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
        """Whether a long text is the same in other words, and none with another answer is about as near."""
        rivals = (each for each in candidates if each.group != candidate.group)
        return (
            candidate.similarity >= self._threshold
            and candidate.compared().rephrased
            and all(each.similarity <= candidate.similarity - CLEAR for each in rivals)
        )

    def learn(self, labels: Sequence[Label]) -> None:
        """Nothing: it is fixed."""
