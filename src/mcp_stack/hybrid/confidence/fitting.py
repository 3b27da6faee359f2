"""From outcomes to an outcome model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .calibration import calibrate, log_odds, logistic
from .features import Query
from .landmarks import Fit, Inputs, Kernel, LandmarkRidge, Scale
from .outcome_model import Labelled, OutcomeModel
from .prior import REMOTE_IS_GOOD

Array: TypeAlias = npt.NDArray[np.floating[Any]]

# Fewer labels say less than the prior does.
FEWEST_LABELS = 30
LANDMARKS = 1024
# The kernel is chosen on fewer, for it is fitted with each.
LANDMARKS_TO_CHOOSE = 384
OUTCOMES_TO_CHOOSE = 1500
KERNELS = tuple(
    Kernel(width, features, words) for width in (0.5, 1.0) for features in (0.5, 1.0) for words in (0.0, 0.3)
)
# A judgement of unknown worth counts for as much as so many outcomes.
JUDGEMENT_COUNTS_FOR = 100
# A rare outcome speaks for many, but not for so many that one is all that is heard.
MOST_WEIGHT = 5.0


def fit_outcomes(outcomes: Sequence[Labelled]) -> OutcomeModel | None:
    """Fit a model to outcomes.

    Args:
        outcomes: Those without a label count for nothing.

    Returns:
        The model; None where fewer than `FEWEST_LABELS` local answers were labelled.
    """
    labelled = [outcome for outcome in outcomes if outcome.local is not None or outcome.remote is not None]
    targets = _targets(labelled)
    if len(targets["local"].rows) < FEWEST_LABELS:
        return None
    queries = [outcome.query for outcome in labelled]
    scale = Scale.of(queries)
    # Always the same for the same outcomes.
    order = np.random.default_rng(0).permutation(len(queries))
    kernel = _chosen_kernel(queries, scale, targets, order[:OUTCOMES_TO_CHOOSE])
    inputs = scale.inputs(queries, kernel.features)
    landmarks = inputs.take(order[:LANDMARKS])
    ridge = LandmarkRidge(kernel, landmarks)
    design = ridge.design(inputs)
    fits = {
        name: ridge.fit(design[target.rows], target.labels, target.weights)
        for name, target in targets.items()
        if len(target.rows) >= FEWEST_LABELS
    }
    curves = _calibrated(fits, targets)
    return OutcomeModel(
        {
            "seen": np.array([len(targets["local"].rows), len(targets["remote"].rows)]),
            "scale_centre": scale.centre,
            "scale_mean": scale.mean,
            "scale_spread": scale.spread,
            "scale_rarity": scale.rarity,
            "kernel": np.array([kernel.width, kernel.features, kernel.words]),
            "points": landmarks.points,
            **_linear(fits, kernel, landmarks),
            **curves,
            "gain_mix": _gain_mix(fits),
            "combination": _combination(fits["local"], targets["local"], curves["calibrated_local"], labelled),
        }
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """What is known of one target: in which rows, how good it was there, and how much each counts."""

    rows: npt.NDArray[np.int64]
    labels: Array
    weights: Array


def _targets(outcomes: Sequence[Labelled]) -> dict[str, _Target]:
    local = np.array([np.nan if outcome.local is None else outcome.local for outcome in outcomes])
    remote = np.array([np.nan if outcome.remote is None else outcome.remote for outcome in outcomes])
    weights = np.array([min(MOST_WEIGHT, 1 / outcome.propensity) for outcome in outcomes])
    # The local answer is free: it may be had for any question.
    return {
        name: _target(labels, asked)
        for name, labels, asked in (
            ("local", local, np.ones_like(weights)),
            ("remote", remote, weights),
            ("gain", remote - local, weights),
        )
    }


def _target(labels: Array, weights: Array) -> _Target:
    rows = np.flatnonzero(np.isfinite(labels))
    mean = weights[rows].mean() if len(rows) else 1.0
    return _Target(rows, labels[rows], weights[rows] / mean)


def _chosen_kernel(
    queries: Sequence[Query], scale: Scale, targets: dict[str, _Target], rows: npt.NDArray[np.int64]
) -> Kernel:
    """The kernel of least held-out error, as a share of the variance, over local answers and gains."""
    place = np.full(len(queries), -1)
    place[rows] = np.arange(len(rows))
    some = [queries[row] for row in rows]
    errors = []
    for kernel in KERNELS:
        inputs = scale.inputs(some, kernel.features)
        ridge = LandmarkRidge(kernel, inputs.take(np.arange(min(len(some), LANDMARKS_TO_CHOOSE))))
        design = ridge.design(inputs)
        error = 0.0
        for target in (targets["local"], targets["gain"]):
            known = place[target.rows] >= 0
            if known.sum() >= FEWEST_LABELS:
                labels = target.labels[known]
                fit = ridge.fit(design[place[target.rows[known]]], labels, target.weights[known])
                error += fit.error / (labels.var() + 1e-9)
        errors.append(error)
    return KERNELS[int(np.argmin(errors))]


def _linear(fits: dict[str, Fit], kernel: Kernel, landmarks: Inputs) -> dict[str, Array]:
    """Weights of landmarks and of words for each score; a target without a fit is constant."""
    weights = np.zeros((len(landmarks), 3), np.float32)
    means = np.array([0.0, REMOTE_IS_GOOD, 0.0])
    for column, name in enumerate(("local", "remote", "gain")):
        if name in fits:
            weights[:, column], means[column] = fits[name].weights, fits[name].intercept
    # Words enter the kernel linearly, so those of all landmarks add up.
    return {"weights": weights, "means": means, "word_weights": kernel.words * (landmarks.words.T @ weights)}


def _calibrated(fits: dict[str, Fit], targets: dict[str, _Target]) -> dict[str, Array]:
    curves = {"calibrated_remote": np.array([[0.0, 1.0], [REMOTE_IS_GOOD, REMOTE_IS_GOOD]])}
    for name in ("local", "remote"):
        if name in fits:
            curve = calibrate(fits[name].held_out, targets[name].labels, targets[name].weights)
            curves[f"calibrated_{name}"] = np.array([curve.scores, curve.values])
    return curves


def _gain_mix(fits: dict[str, Fit]) -> Array:
    """Gain as a sum of the scores for local, remote and gain, and a constant."""
    if "gain" in fits:
        return np.array([0.0, 0.0, 1.0, 0.0])
    return np.array([-1.0, 1.0, 0.0, 0.0])


def _combination(fit: Fit, target: _Target, curve: Array, outcomes: Sequence[Labelled]) -> Array:
    """Slopes of the log-odds of the outcome model and of P(True), and the intercept; see `OutcomeModel.combined`."""
    judged = np.array([np.nan if outcomes[row].p_true is None else outcomes[row].p_true for row in target.rows], float)
    known = np.isfinite(judged)
    if known.sum() < FEWEST_LABELS:
        share = len(target.rows) / (len(target.rows) + JUDGEMENT_COUNTS_FOR)
        return np.array([share, 1 - share, 0.0])
    local = np.interp(fit.held_out[known], curve[0], curve[1])
    inputs = np.column_stack([log_odds(local), log_odds(judged[known])])
    slopes, intercept = logistic(inputs, target.labels[known], target.weights[known])
    return np.array([*np.maximum(slopes, 0), intercept])
