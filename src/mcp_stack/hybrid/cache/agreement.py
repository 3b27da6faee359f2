"""Whether two answers say the same."""

from __future__ import annotations

from collections.abc import Sequence

from .verifier import LONG, compare

# Of the embeddings of two answers to one question. Where nothing is embedded, only the very same words agree.
LEAST_SIMILARITY = 0.85


def answers_agree(one: str, other: str, similarity: float) -> bool:
    """Whether either answer may be given in the place of the other.

    Args:
        one: An answer.
        other: Another one to the same question.
        similarity: Cosine of their embeddings.

    Returns:
        True for the same words, but for case and white space. Else both are similar and, where one of them is short, no
        number, negation, opposite or name tells them apart; long ones number their steps and tell of other things too.
    """
    if normalised(one) == normalised(other):
        return True
    if similarity < LEAST_SIMILARITY:
        return False
    said = compare(one, other)
    is_short = min(len(one.split()), len(other.split())) < 2 * LONG
    return not (is_short and (said.numbers or said.negation or said.opposites or said.names))


def normalised(answer: str) -> str:
    """Without case, and with single spaces."""
    return " ".join(answer.casefold().split())


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of vectors of length 1; -1 where one is missing or of another model."""
    if not one or len(one) != len(other):
        return -1.0
    return sum(a * b for a, b in zip(one, other, strict=True))
