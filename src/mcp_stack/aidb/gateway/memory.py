"""What was learned from calls that followed a search and succeeded, in memory.

Two things are learned. A question that resembles one that led to a tool speaks for that tool, by itself. And where most
of the tools that fit a question by their description have been called before, the record as a whole counts: how near
the question is to the mean of each tool's questions and to the nearest of them, and how many words it shares with them.
A tool that was never called is taken to be asked for in the words of its description, so it is not drowned by others
that were; among tools of which few were called, the record counts little.

Measured in docs/gateway.md; the constants are round, and chosen on sets that cross-check each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bm25f import Bm25f
from .terms import terms

Matrix = npt.NDArray[np.float32]

# Cosine similarity from which two questions resemble each other.
RESEMBLING = 0.4
# Width, in cosine similarity, over which near questions count beside the nearest one.
WIDTH = 0.03
# The weight of the record as a whole, of the tools best by description that it looks at, and how fast it falls with the
# share of them that was never called.
RECORD_WEIGHT, LOOKED_AT, FALL = 2.0, 10, 3
MEAN_WEIGHT, NEAREST_WEIGHT, WORDS_WEIGHT = 2.0, 2.0, 0.25
# As many questions as a tool's description counts for, and as many as say how questions differ from descriptions.
DESCRIPTION_COUNTS, SHIFT_COUNTS = 1.0, 20.0
# More clients that agree than these do not count more.
MAX_CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Learned:
    """A question that led to a tool.

    Attributes:
        tool: The number of the tool.
        vector: The question's embedding.
        clients: How many different clients it comes from.
    """

    tool: int
    query: str
    vector: Matrix
    clients: int


class Memory:
    """The record, ready to be asked.

    Args:
        learned: Questions of known tools; at least one.
        descriptions: A vector of each tool, a row each.
    """

    def __init__(self, learned: Sequence[Learned], descriptions: Matrix) -> None:
        size = len(descriptions)
        ordered = sorted(learned, key=lambda each: each.tool)
        tool = np.array([each.tool for each in ordered])
        self._vectors: Matrix = np.stack([each.vector for each in ordered])
        self._called, self._starts, counts = np.unique(tool, return_index=True, return_counts=True)
        self._share = np.zeros(size, np.float32)
        self._share[self._called] = counts / (counts + 0.5)
        self._crowd = WIDTH * 0.5 * np.log(counts).astype(np.float32)
        weights = np.minimum([each.clients for each in ordered], MAX_CLIENTS).astype(np.float32)
        shift = self._vectors.mean(axis=0) - descriptions.mean(axis=0)
        self._expected: Matrix = descriptions + shift * np.float32(len(ordered) / (len(ordered) + SHIFT_COUNTS))
        sums = DESCRIPTION_COUNTS * self._expected
        np.add.at(sums, tool, self._vectors * weights[:, None])
        totals = DESCRIPTION_COUNTS + np.bincount(tool, weights, minlength=size).astype(np.float32)
        self._means: Matrix = sums / totals[:, None]
        self._half_squares = np.einsum("ij,ij->i", self._means, self._means) / 2
        questions: list[Mapping[str, list[str]]] = [{"queries": []} for _ in range(size)]
        for each in ordered:
            questions[each.tool]["queries"].extend(terms(each.query))
        self._words = Bm25f(questions, {"queries": 1.0})

    def bonus(self, vector: Matrix, words: Sequence[str], static: Matrix) -> Matrix:
        """What to add to the score of each tool.

        Args:
            vector: The question's embedding.
            words: Its words.
            static: The score of each tool by its description, 0 to 1.
        """
        similarity = self._vectors @ vector
        near = np.add.reduceat(np.exp((similarity - 1) / WIDTH), self._starts)
        nearest = np.zeros(len(static), np.float32)
        nearest[self._called] = 1 + WIDTH * np.log(near + 1e-30) - self._crowd
        resembling: Matrix = np.maximum(nearest - RESEMBLING, 0) / (1 - RESEMBLING)
        known = self._share[np.argsort(-static)[:LOOKED_AT]].mean() ** FALL
        if known == 0:
            return resembling
        likely = self._expected @ vector
        nearest = np.where(self._share > 0, np.maximum(nearest, likely), np.minimum(likely, nearest.max()))
        record = (
            MEAN_WEIGHT * (self._means @ vector - self._half_squares)
            + NEAREST_WEIGHT * nearest
            + WORDS_WEIGHT * scaled(self._words.scores(words))
        )
        total: Matrix = resembling + RECORD_WEIGHT * known * record
        return total


def scaled(values: Matrix) -> Matrix:
    """Moved and stretched to 0 to 1; all the same value becomes 0, or 1 if it is positive."""
    least, greatest = values.min(), values.max()
    if greatest > least:
        result: Matrix = (values - least) / (greatest - least)
        return result
    return np.full_like(values, 1.0 if greatest > 0 else 0.0)
