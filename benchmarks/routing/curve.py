"""The quality of a pair of models over the share of questions that the strong one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def recovered(scores: ArrayLike, weak: ArrayLike, strong: ArrayLike) -> NDArray[np.float64]:
    """The share of the gap between the models that is recovered, over the share of calls to the strong one.

    Args:
        scores: One a question; the strong model is asked those with the highest first. Equal scores are taken in no
            order: each counts with their average gain.
        weak: Quality of the weak model's answers.
        strong: Quality of the strong model's.

    Returns:
        `len(scores) + 1` numbers, from 0 (all weak) to 1 (all strong), at equal steps of the share; above 1 where the
        pair is better than the strong model alone.
    """
    gain = np.asarray(strong, dtype=np.float64) - np.asarray(weak, dtype=np.float64)
    ranks = -np.asarray(scores, dtype=np.float64)
    _, group, sizes = np.unique(ranks, return_inverse=True, return_counts=True)
    average = np.bincount(group, weights=gain) / sizes
    ordered = average[group][np.argsort(ranks, kind="stable")]
    shares: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(ordered)]) / gain.sum()
    return shares


def apgr(scores: ArrayLike, weak: ArrayLike, strong: ArrayLike) -> float:
    """Average performance gap recovered (Ong et al. 2024, "RouteLLM", arXiv:2406.18665): the area under `recovered`.

    Arguments as of `recovered`; 0.5 is what chance gives.
    """
    return float(np.trapezoid(recovered(scores, weak, strong), dx=1 / np.size(scores)))


def call_share(scores: ArrayLike, weak: ArrayLike, strong: ArrayLike, target: float) -> float:
    """CPT: the smallest share of strong calls, in per cent, that recovers so much of the gap.

    Args:
        scores: As of `recovered`.
        weak: As of `recovered`.
        strong: As of `recovered`.
        target: Of the gap, in [0, 1].
    """
    reached = recovered(scores, weak, strong) >= target - 1e-12
    return float(100 * np.argmax(reached) / np.size(scores))
