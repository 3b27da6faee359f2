"""Scores into probabilities that hold what they promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]

# Below so many labels the steps of an isotonic fit follow the noise (Niculescu-Mizil and Caruana 2005, figure 7).
LABELS_FOR_ISOTONIC = 1000
_NEWTON_STEPS = 50
_LEAST, _MOST = 0.005, 0.995


@dataclass(frozen=True, slots=True)
class Calibration:
    """A map from scores to probabilities that never falls: a curve through knots.

    Attributes:
        kind: `platt` or `isotonic`.
        scores: The knots' scores, rising.
        values: The knots' probabilities, not falling; linear in between, constant outside.
    """

    kind: str
    scores: Array
    values: Array

    def __call__(self, scores: Array) -> Array:
        """The probabilities of some scores."""
        return np.interp(scores, self.scores, self.values)


def calibrate(scores: Array, labels: Array, weights: Array) -> Calibration:
    """Fit by as many labels as there are: Platt's logistic curve for few, an isotonic one for many.

    Args:
        scores: Of shape (n,), given by a model that had not seen the labels.
        labels: Of shape (n,), each in [0, 1].
        weights: Of shape (n,), positive.
    """
    if len(labels) >= LABELS_FOR_ISOTONIC:
        return Calibration("isotonic", *_isotonic_curve(scores, labels, weights))
    return Calibration("platt", *_logistic_curve(scores, *platt(scores, labels, weights)))


def platt(scores: Array, labels: Array, weights: Array) -> tuple[float, float]:
    """Slope and intercept of the logistic curve over one score, which never falls.

    Args:
        scores: Of shape (n,).
        labels: Of shape (n,), each in [0, 1].
        weights: Of shape (n,), positive.
    """
    slopes, intercept = logistic(scores[:, None], labels, weights)
    if slopes[0] > 0:
        return float(slopes[0]), intercept
    # Scores whose higher values mean worse answers have learned nothing: they promise the mean.
    return 0.0, float(log_odds(np.array((weights @ labels + 1) / (weights.sum() + 2))))


def logistic(inputs: Array, labels: Array, weights: Array, ridge: float = 1.0) -> tuple[Array, float]:
    """Logistic regression by Newton's method.

    The labels are drawn towards one half as in Platt 1999, "Probabilistic outputs for support vector machines",
    section 2.2, so that a few labels that all agree do not promise certainty.

    Args:
        inputs: Of shape (n, d).
        labels: Of shape (n,), each in [0, 1].
        weights: Of shape (n,), positive.
        ridge: Penalty on the square of the slopes of standardised inputs.

    Returns:
        Slopes of shape (d,), and the intercept.
    """
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    design = np.hstack([(inputs - mean) / scale, np.ones((len(inputs), 1))])
    good, bad = float(weights @ labels), float(weights @ (1 - labels))
    targets = labels * (good + 1) / (good + 2) + (1 - labels) / (bad + 2)
    penalty = np.diag([ridge] * inputs.shape[1] + [1e-6])
    beta = np.zeros(design.shape[1])
    beta[-1] = np.log((good + 1) / (bad + 1))
    for _ in range(_NEWTON_STEPS):
        chance = sigmoid(design @ beta)
        curvature = weights * chance * (1 - chance)
        gradient = design.T @ (weights * (targets - chance)) - penalty @ beta
        step = np.linalg.solve((design.T * curvature) @ design + penalty, gradient)
        beta += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    slopes = beta[:-1] / scale
    return slopes, float(beta[-1] - slopes @ mean)


def sigmoid(values: Array) -> Array:
    """The logistic function, without overflow."""
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def log_odds(probabilities: Array) -> Array:
    """The inverse of the logistic function, of probabilities that are kept off 0 and 1."""
    kept = np.clip(probabilities, 0.01, 0.99)
    return np.asarray(np.log(kept / (1 - kept)))


def expected_calibration_error(probabilities: Array, labels: Array, bins: int = 10) -> float:
    """Mean distance between what is promised and what comes true, over bins of equal width.

    Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", section 4:
    the sum over bins of the bin's share times |mean label - mean probability|.

    Args:
        probabilities: Of shape (n,), in [0, 1].
        labels: Of shape (n,), in [0, 1].
        bins: How many bins [0, 1] is cut into.
    """
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    differences = np.bincount(place, weights=labels - probabilities, minlength=bins)
    return float(np.abs(differences).sum() / max(1, len(labels)))


def _logistic_curve(scores: Array, slope: float, intercept: float) -> tuple[Array, Array]:
    low, high = float(scores.min()), float(scores.max())
    margin = max(1e-6, (high - low) / 4)
    knots = np.linspace(low - margin, high + margin, 129)
    return knots, np.clip(sigmoid(slope * knots + intercept), _LEAST, _MOST)


def _isotonic_curve(scores: Array, labels: Array, weights: Array) -> tuple[Array, Array]:
    """Pool adjacent violators (Zadrozny and Elkan 2002), with the pools' means joined by lines.

    Scores are first gathered into groups of equal size, twice the cube root of n of them (Rice's rule for histograms),
    for the pools at both ends would otherwise hold a handful of labels and promise 0 or 1.
    """
    order = np.argsort(scores, kind="stable")
    groups = np.array_split(order, max(4, round(2 * len(scores) ** (1 / 3))))
    pools: list[tuple[float, float, float]] = []
    for group in groups:
        mass = float(weights[group].sum())
        score = float(weights[group] @ scores[group]) / mass
        value = float(weights[group] @ labels[group]) / mass
        pools.append((score, value, mass))
        while len(pools) > 1 and pools[-2][1] >= pools[-1][1]:
            (s1, v1, m1), (s2, v2, m2) = pools[-2:]
            mass = m1 + m2
            pools[-2:] = [((s1 * m1 + s2 * m2) / mass, (v1 * m1 + v2 * m2) / mass, mass)]
    knots, values, _ = (np.array(column) for column in zip(*pools, strict=True))
    return knots, np.clip(values, _LEAST, _MOST)
