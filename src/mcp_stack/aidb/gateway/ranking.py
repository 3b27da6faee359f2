"""Which tools fit a request: by meaning, by words, and by what was called before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...ports.tools import KnownTool
from .bm25f import Bm25f
from .memory import Matrix, Memory, scaled
from .terms import terms

# The share of meaning, and the weight of each field in the words' part. Convex fusion of min-max scaled scores beat
# reciprocal rank fusion on every set (Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval").
MEANING = 0.8
SERVER_WEIGHT = 0.25
FIELDS = {"name": 3.0, "description": 1.0, "parameters": 0.3, "server": 0.7}
# Of several sub-tasks: the share of the request as a whole, the loss in similarity at which a sub-task counts nothing
# (`explain why` is like no tool), and what a sub-task still counts when one of its tools has been chosen.
WHOLE_WEIGHT = 0.5
FADES_OVER = 1.0
SATISFIED = 0.9
# How many of the best are looked at to choose for each sub-task in turn.
CONSIDERED = 60
# Of tools that cannot be called now, or perhaps not: those that can come first.
LESS_FIT = {"unreachable": 0.9, "quarantined": 0.5, "removed": 0.5, "disabled": 0.5}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request or one of its parts.

    Attributes:
        vector: Its embedding; None if there is no embedder.
    """

    text: str
    vector: Matrix | None


@dataclass(frozen=True, slots=True)
class _Scored:
    """Every tool's score for one text, and how like the nearest tool it is."""

    scores: Matrix
    likeness: float


class Ranker:
    """Known tools, ready to be ranked. Changes nothing in itself: threads may share it.

    Args:
        tools: All of them.
        vectors: One a tool, of length 1 or less; None if there is no embedder. A row of zeros stands for a tool that
            is not embedded yet.
        memory: What was learned; None if nothing was.
    """

    def __init__(self, tools: Sequence[KnownTool], vectors: Matrix | None, memory: Memory | None) -> None:
        self._vectors = vectors
        self._memory = memory
        self._words = Bm25f([_fields(tool) for tool in tools], FIELDS)
        self._fitness = np.array([LESS_FIT.get(tool.status, 1.0) for tool in tools], np.float32)
        servers = sorted({tool.server for tool in tools})
        numbers = {server: number for number, server in enumerate(servers)}
        self._server = np.array([numbers[tool.server] for tool in tools], np.int64)
        self._servers = None if vectors is None else _centroids(vectors, self._server, len(servers))
        self._unknown = None if vectors is None else ~vectors.any(axis=1)

    def with_memory(self, memory: Memory | None) -> Ranker:
        """The same tools with another memory."""
        other = object.__new__(Ranker)
        other.__dict__.update(self.__dict__, _memory=memory)
        return other

    def best(self, whole: Asked, parts: Sequence[Asked], chosen: Sequence[int], limit: int) -> list[tuple[int, float]]:
        """The tools that fit best, the best first.

        Args:
            whole: The request.
            parts: Its sub-tasks; fewer than two count for nothing.
            chosen: Numbers of the tools to choose among.
            limit: How many at most.

        Returns:
            The number of each tool, and its score: 1 is a perfect fit; scores of one call compare with each other.
        """
        columns = np.array(chosen, np.int64)
        if not len(columns):
            return []
        entire = self._scored(whole, columns)
        if len(parts) < 2:
            found = _top(entire.scores, limit)
        else:
            found = _for_each([self._scored(part, columns) for part in parts], entire, limit)
        greatest = max(1.0, found[0][1])
        return [(int(columns[number]), score / greatest) for number, score in found]

    def _scored(self, asked: Asked, columns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Scored:
        words = terms(asked.text)
        by_words = self._words.scores(words)
        likeness = 0.0
        if asked.vector is None or self._vectors is None or self._servers is None:
            scores = scaled(by_words[columns])
        else:
            like = self._vectors @ asked.vector + SERVER_WEIGHT * (self._servers @ asked.vector)[self._server]
            if self._unknown is not None and self._unknown.any():
                like[self._unknown] = np.median(like[~self._unknown])
            likeness = float(like[columns].max())
            scores = MEANING * scaled(like[columns]) + (1 - MEANING) * scaled(by_words[columns])
            if self._memory is not None:
                static = scores
                if len(columns) < len(self._fitness):
                    static = np.zeros(len(self._fitness), np.float32)
                    static[columns] = scores
                scores = scores + self._memory.bonus(asked.vector, words, static)[columns]
        return _Scored(scores * self._fitness[columns], likeness)


def _top(scores: Matrix, limit: int) -> list[tuple[int, float]]:
    """The greatest; among equals the first."""
    return [(int(number), float(scores[number])) for number in np.argsort(-scores, kind="stable")[:limit]]


def _for_each(parts: Sequence[_Scored], whole: _Scored, limit: int) -> list[tuple[int, float]]:
    """The best for the whole and for one of the parts, where a part that has got a tool steps back a little."""
    best = max(part.likeness for part in parts)
    matrix: Matrix = np.stack([part.scores * max(0.0, 1 - (best - part.likeness) / FADES_OVER) for part in parts])
    base: Matrix = WHOLE_WEIGHT * whole.scores
    considered = np.argsort(-(base + matrix.max(axis=0)), kind="stable")[: max(CONSIDERED, 2 * limit)]
    base, matrix = base[considered], matrix[:, considered]
    found: list[tuple[int, float]] = []
    while len(found) < min(limit, len(considered)):
        totals = base + matrix
        part, place = divmod(int(totals.argmax()), len(considered))
        found.append((int(considered[place]), float(totals[part, place]) / (1 + WHOLE_WEIGHT)))
        matrix[part] *= SATISFIED
        base[place] = -np.inf
    return found


def _centroids(vectors: Matrix, server: np.ndarray[tuple[int], np.dtype[np.int64]], servers: int) -> Matrix:
    """The direction of each server's tools."""
    sums: Matrix = np.zeros((servers, vectors.shape[1]), np.float32)
    np.add.at(sums, server, vectors)
    lengths: Matrix = np.linalg.norm(sums, axis=1, keepdims=True)
    result: Matrix = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result


def _fields(tool: KnownTool) -> Mapping[str, list[str]]:
    properties = tool.input_schema.get("properties")
    named = properties.items() if isinstance(properties, dict) else ()
    parameters = " ".join(
        f"{key} {value.get('description', '') if isinstance(value, dict) else ''}" for key, value in named
    )
    return {
        "name": terms(f"{tool.tool} {tool.title}"),
        "description": terms(tool.description),
        "parameters": terms(parameters),
        "server": terms(tool.server),
    }
