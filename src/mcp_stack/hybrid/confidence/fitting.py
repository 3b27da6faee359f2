"""From outcomes to an outcome model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .calibration import calibrate, log_odds, logistic, platt, sigmoid
from .features import BUCKETS
from .landmarks import Fit, Inputs, Kernel, LandmarkRidge, Scale
from .outcome_model import Labelled, OutcomeModel
from .prior import REMOTE_IS_GOOD

Array: TypeAlias = npt.NDArray[np.floating[Any]]

# Fewer labels say less than the prior does.
FEWEST_LABELS = 30
LANDMARKS = 768
# Questions of unlike meaning are about 2 apart in squares: as smooth as leaves them apart. A question's form counts for
# less than its meaning, and single words for less again. Held-out error hardly moves within a factor of two of each, so
# that a choice among them would follow the noise.
KERNEL = Kernel(width=0.5, features=0.5, words=0.2)
# A rare outcome speaks for many, but not for so many that one is all that is heard.
MOST_WEIGHT = 5.0
# A judgement of unknown worth counts for as much as so many outcomes.
JUDGEMENT_COUNTS_FOR = 100


def fit_outcomes(outcomes: Sequence[Labelled]) -> OutcomeModel | None:
    """Fit a model to outcomes.

    Args:
        outcomes: Those without a label count for nothing.

    Returns:
        The model; None where fewer than `FEWEST_LABELS` local answers were labelled.
    """
    labelled = [outcome for outcome in outcomes if outcome.local is not None or outcome.remote is not None]
    targets = {"local": _local(labelled), "remote": _remote(labelled)}
    if len(targets["local"].rows) < FEWEST_LABELS:
        return None
    queries = [outcome.query for outcome in labelled]
    scale = Scale.of(queries)
    # Landmarks are drawn at random, and always the same for the same outcomes.
    order = np.random.default_rng(0).permutation(len(queries))
    inputs = scale.inputs(queries, KERNEL.features)
    landmarks = inputs.take(order[:LANDMARKS])
    ridge = LandmarkRidge(KERNEL, landmarks)
    design = ridge.design(inputs)
    arrays: dict[str, Array] = {
        "seen": np.array([len(target.rows) for target in targets.values()]),
        "scale_centre": scale.centre,
        "scale_mean": scale.mean,
        "scale_spread": scale.spread,
        "scale_rarity": scale.rarity,
        "kernel": np.array([KERNEL.width, KERNEL.features, KERNEL.words]),
        "points": landmarks.points,
    }
    for name, target in targets.items():
        if len(target.rows) >= FEWEST_LABELS:
            fits = _Fits.of(ridge, design, target)
            arrays |= fits.arrays(name, landmarks)
            if name == "local":
                arrays["combination"] = _combination(fits, target, labelled)
        else:
            arrays |= _constant(name, len(landmarks))
    return OutcomeModel(arrays)


@dataclass(frozen=True, slots=True)
class _Target:
    """What is known of one model's answers: in which rows, how good they are, and how much each counts."""

    rows: npt.NDArray[np.int64]
    labels: Array
    weights: Array


def _local(outcomes: Sequence[Labelled]) -> _Target:
    # The local answer is free: it may be had for any question.
    return _target([outcome.local for outcome in outcomes], [1.0] * len(outcomes))


def _remote(outcomes: Sequence[Labelled]) -> _Target:
    weights = [min(MOST_WEIGHT, 1 / outcome.propensity) for outcome in outcomes]
    return _target([outcome.remote for outcome in outcomes], weights)


def _target(labels: Sequence[float | None], weights: Sequence[float]) -> _Target:
    known = np.array([np.nan if label is None else label for label in labels], float)
    rows = np.flatnonzero(np.isfinite(known))
    counted = np.array(weights)[rows]
    return _Target(rows, known[rows], counted / (counted.mean() if len(rows) else 1.0))


@dataclass(frozen=True, slots=True)
class _Fits:
    """Fits of one target with each penalty, and the logistic curve that each goes through.

    Attributes:
        curves: Slope and intercept of each, of shape (penalties, 2).
        held_out: Mean of what they say of each outcome without having seen it, in [0, 1].
    """

    target: _Target
    fits: list[Fit]
    curves: Array
    held_out: Array

    @classmethod
    def of(cls, ridge: LandmarkRidge, design: Array, target: _Target) -> _Fits:
        fits = ridge.fits(design[target.rows], target.labels, target.weights)
        curves = [platt(fit.held_out, target.labels, target.weights) for fit in fits]
        said = [sigmoid(slope * fit.held_out + intercept) for fit, (slope, intercept) in zip(fits, curves, strict=True)]
        return cls(target, fits, np.array(curves), np.mean(said, axis=0))

    def arrays(self, name: str, landmarks: Inputs) -> dict[str, Array]:
        """What the model keeps of them."""
        weights = np.column_stack([fit.weights for fit in self.fits]).astype(np.float32)
        calibrated = calibrate(self.held_out, self.target.labels, self.target.weights)
        return {
            f"{name}_weights": weights,
            # Words enter the kernel linearly, so those of all landmarks add up.
            f"{name}_words": (KERNEL.words * (landmarks.words.T @ weights)).astype(np.float32),
            f"{name}_means": np.array([fit.intercept for fit in self.fits]),
            f"{name}_curves": self.curves,
            f"{name}_calibrated": np.array([calibrated.scores, calibrated.values]),
        }


def _constant(name: str, landmarks: int) -> dict[str, Array]:
    """Of a model whose answers are hardly known: they are as good as the prior has it."""
    odds = float(np.log(REMOTE_IS_GOOD / (1 - REMOTE_IS_GOOD)))
    return {
        f"{name}_weights": np.zeros((landmarks, 1), np.float32),
        f"{name}_words": np.zeros((BUCKETS, 1), np.float32),
        f"{name}_means": np.zeros(1),
        f"{name}_curves": np.array([[0.0, odds]]),
        f"{name}_calibrated": np.array([[0.0, 1.0], [REMOTE_IS_GOOD, REMOTE_IS_GOOD]]),
    }


def _combination(fits: _Fits, target: _Target, outcomes: Sequence[Labelled]) -> Array:
    """Slopes of the log-odds of the outcome model and of P(True), and the intercept; see `OutcomeModel.combined`."""
    said = [outcomes[row].p_true for row in target.rows]
    judged = np.array([np.nan if p_true is None else p_true for p_true in said], float)
    known = np.isfinite(judged)
    if known.sum() < FEWEST_LABELS:
        share = len(target.rows) / (len(target.rows) + JUDGEMENT_COUNTS_FOR)
        return np.array([share, 1 - share, 0.0])
    inputs = np.column_stack([log_odds(fits.held_out[known]), log_odds(judged[known])])
    slopes, intercept = logistic(inputs, target.labels[known], target.weights[known])
    return np.array([*np.maximum(slopes, 0), intercept])
