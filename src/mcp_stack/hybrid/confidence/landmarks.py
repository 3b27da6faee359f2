"""Ridge regression in a kernel's space, by landmarks: what it takes does not grow with what it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .features import BUCKETS, Query

Array: TypeAlias = npt.NDArray[np.floating[Any]]

_SMALLEST_EIGENVALUE = 1e-5
# In units of an outcome's noise. No one of them is best for every number of outcomes: their predictions are averaged.
PENALTIES = (3.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Kernel:
    """How alike two questions are: exp(-width |z - z'|^2) + words t.t', with z the vector beside the features.

    Attributes:
        width: Of the radial part.
        features: Weight of the features beside the vector.
        words: Weight of the words in common.
    """

    width: float
    features: float
    words: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """Questions as matrices.

    Attributes:
        points: Vectors beside standardised features, of shape (n, d).
        words: Words weighted by rarity, of length 1, of shape (n, `BUCKETS`).
    """

    points: Array
    words: Array

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: npt.NDArray[np.int64]) -> Inputs:
        """Some of the questions."""
        return Inputs(self.points[rows], self.words[rows])


@dataclass(frozen=True, slots=True)
class Scale:
    """How questions become matrices; learned from the questions seen.

    Attributes:
        centre: Mean of the vectors.
        mean: Of each feature.
        spread: Standard deviation of each feature.
        rarity: Weight of each bucket of words: the logarithm of its inverse share.
    """

    centre: Array
    mean: Array
    spread: Array
    rarity: Array

    @classmethod
    def of(cls, queries: Sequence[Query]) -> Scale:
        """Learn it.

        Args:
            queries: All with vectors of one length, or without.
        """
        features = np.array([query.features for query in queries])
        vectors = _vectors(queries, max(len(query.vector) for query in queries) // 4)
        holders = np.count_nonzero(_words(queries), axis=0)
        return cls(
            vectors.mean(axis=0),
            features.mean(axis=0),
            features.std(axis=0) + 1e-6,
            np.log((1 + len(queries)) / (1 + holders)).astype(np.float32),
        )

    def inputs(self, queries: Sequence[Query], features: float) -> Inputs:
        """The matrices.

        Args:
            queries: The questions; a vector of another length counts as missing.
            features: Their weight beside the vector.
        """
        centred = _vectors(queries, len(self.centre), self.centre) - self.centre
        read = np.array([query.features for query in queries])
        # Beyond four deviations lie texts of another kind, of which no outcome was seen.
        standard = np.clip((read - self.mean) / self.spread, -4, 4) * (features / len(self.mean) ** 0.5)
        words = _words(queries) * self.rarity
        words /= np.linalg.norm(words, axis=1, keepdims=True) + 1e-6
        return Inputs(np.hstack([centred, standard]).astype(np.float32), words)


def _vectors(queries: Sequence[Query], length: int, missing: Array | None = None) -> Array:
    filler = np.zeros(length, np.float32) if missing is None else missing
    return np.array(
        [np.frombuffer(query.vector, "<f4") if len(query.vector) == 4 * length else filler for query in queries]
    ).reshape(len(queries), length)


def _words(queries: Sequence[Query]) -> Array:
    matrix = np.zeros((len(queries), BUCKETS), np.float32)
    for row, query in enumerate(queries):
        signed = np.array(query.words, np.int64)
        matrix[row, np.abs(signed) - 1] = np.sign(signed)
    return matrix


def similarity(kernel: Kernel, left: Inputs, right: Inputs) -> Array:
    """The kernel between each of the left and each of the right, of shape (left, right)."""
    squares: Array = (left.points**2).sum(axis=1)[:, None] + (right.points**2).sum(axis=1)
    squares -= 2 * (left.points @ right.points.T)
    np.exp(-kernel.width * np.maximum(squares, 0), out=squares)
    if kernel.words:
        squares += kernel.words * (left.words @ right.words.T)
    return squares


@dataclass(frozen=True, slots=True)
class Fit:
    """One target as a function of the landmarks.

    Attributes:
        weights: Of each landmark.
        intercept: The mean of the target where nothing is alike.
        held_out: Prediction of each outcome by the others, of shape (n,).
    """

    weights: Array
    intercept: float
    held_out: Array


class LandmarkRidge:
    """Ridge regression on the features that landmarks give (Williams and Seeger 2001, "Using the Nyström Method").

    With as many landmarks as outcomes it is kernel ridge regression itself.

    Args:
        kernel: How alike questions are.
        landmarks: The questions that all are compared with.
    """

    def __init__(self, kernel: Kernel, landmarks: Inputs) -> None:
        self._kernel = kernel
        self._landmarks = landmarks
        values, vectors = np.linalg.eigh(similarity(kernel, landmarks, landmarks).astype(np.float64))
        kept = values > _SMALLEST_EIGENVALUE * values[-1]
        self._basis = (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)

    def design(self, inputs: Inputs) -> Array:
        """Features of some questions, whose dot products come near the kernel."""
        return np.asarray(similarity(self._kernel, inputs, self._landmarks) @ self._basis)

    def fits(self, design: Array, target: Array, weights: Array) -> list[Fit]:
        """Fit a target with each of `PENALTIES`.

        Leaving one out needs no refitting: its residual is the fitted one over 1 - h (Allen 1974, PRESS).

        Args:
            design: From `design`, of shape (n, k).
            target: Of shape (n,).
            weights: Of shape (n,), with a mean of about 1.
        """
        mass = weights.sum()
        mean = float(weights @ target) / mass
        centre = (weights / mass).astype(np.float32) @ design
        root = np.sqrt(weights)
        scaled = (design - centre) * root[:, None].astype(np.float32)
        values, vectors = np.linalg.eigh((scaled.T @ scaled).astype(np.float64))
        turned = scaled @ vectors.astype(np.float32)
        pulled = turned.T @ (root * (target - mean)).astype(np.float32)
        fits = []
        for penalty in PENALTIES:
            shrunk = np.maximum(values, 0) + penalty
            leverage = np.minimum((turned**2 @ (1 / shrunk)) + weights / mass, 0.99)
            fitted = turned @ (pulled / shrunk) / root
            held_out = target - (target - mean - fitted) / (1 - leverage)
            coefficients = vectors @ (pulled / shrunk)
            fits.append(Fit(self._basis @ coefficients, mean - float(centre @ coefficients), held_out))
        return fits
