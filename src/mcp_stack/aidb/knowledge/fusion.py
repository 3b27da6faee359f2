"""Two rankings made one: by words and by meaning, in convex combination.

Each score is a share of the best there can be: for BM25 a document with every word of the question, so often that once
more makes no difference; for cosine similarity 1. So the score of a document does not depend on which others are found,
as it would if scores were scaled by the least and the greatest of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MEANING_WEIGHT: Final = 0.5
"""Of the similarity. The best between 0.4 and 0.5 on SciFact's development claims (nDCG@10 .745; min-max scaling: .742)
and on MetaTool's development queries (NDCG@10 .708; min-max scaling with the same weight: .666)."""


@dataclass(frozen=True, slots=True)
class Leg:
    """The documents that one way of searching found.

    Attributes:
        scores: Share of the best there can be, in [0, 1], by document.
        floor: What a document that was not found has at most.
    """

    scores: Mapping[str, float]
    floor: float = 0.0


def fused(
    words: Mapping[str, float], meaning: Mapping[str, float], *, without_meaning: float = 0.0
) -> dict[str, float]:
    """The combined score of each document of two legs.

    A leg without documents has no say: the other one's scores stand.

    Args:
        words: Score in [0, 1] by document; a document that is not there counts 0.
        meaning: Score in [0, 1] by document.
        without_meaning: What a document that is not there counts.

    Returns:
        Score in [0, 1] by document.
    """
    if not meaning or not words:
        return dict(words or meaning)
    return {
        document_id: _combined(words.get(document_id, 0.0), meaning.get(document_id, without_meaning))
        for document_id in words.keys() | meaning.keys()
    }


def contenders(words: Leg, meaning: Leg, limit: int) -> tuple[list[str], list[str]]:
    """Documents that one leg did not find and that may be among the best all the same: they must be looked up.

    As in the threshold algorithm (Fagin, Lotem and Naor 2003, "Optimal Aggregation Algorithms for Middleware"): what is
    unknown is at most the leg's floor, and that is often not enough.

    Args:
        words: One leg.
        meaning: The other.
        limit: How many of the best are wanted.

    Returns:
        Documents whose words are not known, and documents whose meaning is not.
    """
    if not words.scores or not meaning.scores:
        return [], []
    least = sorted(fused(words.scores, meaning.scores).values(), reverse=True)[:limit]
    bar = least[-1] if len(least) == limit else 0.0
    unknown_words = [
        document_id
        for document_id, score in meaning.scores.items()
        if document_id not in words.scores and words.floor > 0 and _combined(words.floor, score) >= bar
    ]
    unknown_meaning = [
        document_id
        for document_id, score in words.scores.items()
        if document_id not in meaning.scores and _combined(score, meaning.floor) >= bar
    ]
    return unknown_words, unknown_meaning


def _combined(words: float, meaning: float) -> float:
    return (1 - MEANING_WEIGHT) * words + MEANING_WEIGHT * meaning
