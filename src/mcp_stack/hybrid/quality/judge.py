"""P(the answer is good), from what the checks say: by stated weights, and by outcomes where there are some."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .inspection import FEATURES, FEATURES_VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

# What each feature takes off or adds to the log-odds that an answer is good, where no outcome says otherwise. Findings
# have their severity already, so three steps will do: 4 settles it, 3 outweighs what speaks for the answer, 2 is doubt.
WEIGHTS = {
    "wrong_equation": -4.0, "rounded_step": -2.0, "two_results": -2.0, "no_result": -3.0, "unsupported_result": -3.0,
    "part_of_one": -3.0, "idle_step": -2.0, "few_steps": -2.0, "overworked_number": -2.0, "no_conversion": -2.0,
    "turned_round": -2.0, "foreign_number": -2.0, "unworked_number": -2.0, "no_steps": -2.0, "unfinished": -4.0,
    "unmarked_result": -2.0, "broken_code": -4.0, "no_code": -4.0, "format": -4.0, "refusal": -4.0, "repetition": -4.0,
    "citation": -4.0, "language": -4.0, "placeholder": -3.0, "runs_on": -3.0, "doubt": -2.0, "steps_right": 0.2,
    "blocks_parse": 0.5, "forms_kept": 0.5, "passages_cited": 0.2, "question_length": -0.1, "comparisons": -0.6,
    "shares": -0.3,
}  # fmt: skip
# The odds of an answer that nothing is known of: 0.85, the bound of the band in which a local answer is not checked.
PRIOR = 0.85
# Spread of a weight around its stated value before outcomes are seen, and of the intercept, in log-odds.
SPREAD = 0.25
INTERCEPT_SPREAD = 3.0
# Judgements and predictions are not so sure as they say: beyond these they say no more.
LEAST, MOST = 0.02, 0.98
# What is predicted from the question alone rests in part on what the checks see too, its length and its comparisons: it
# counts for half, as in a logarithmic opinion pool of two (Genest and Zidek 1986).
PREDICTED = 0.5
FOLDS = 5
MIN_OUTCOMES = 20
_MAGIC = b"mcpq"


@dataclass(frozen=True, slots=True)
class Judge:
    """A logistic model over the features of an inspection.

    Attributes:
        weights: One a feature, in log-odds.
        intercept: Log-odds of an answer without a finding, on which the local model was not asked.
        base: Log-odds of the share of good answers among the outcomes.
        slope: Platt's calibration of the log-odds (Platt 1999), as is `shift`.
        shift: Added to them.
        outcomes: How many it was fitted from.
    """

    weights: tuple[float, ...]
    intercept: float
    base: float
    slope: float = 1.0
    shift: float = 0.0
    outcomes: int = 0

    def log_odds(
        self, features: Sequence[float], *, judged: float | None = None, predicted: float | None = None
    ) -> float:
        """The log-odds that an answer is good.

        Args:
            features: Of its inspection.
            judged: The local model's own P(True); it takes the place of the intercept.
            predicted: P(the local answer is good) from the question alone, as the outcomes say.
        """
        start = self.intercept if judged is None else _bounded_logit(judged)
        total = start + sum(weight * value for weight, value in zip(self.weights, features, strict=True))
        if predicted is not None:
            total += PREDICTED * (_bounded_logit(predicted) - self.base)
        return self.slope * total + self.shift

    def probability(
        self, features: Sequence[float], *, judged: float | None = None, predicted: float | None = None
    ) -> float:
        """P(the answer is good), in [0, 1]; arguments as of `log_odds`."""
        return sigmoid(self.log_odds(features, judged=judged, predicted=predicted))

    def to_bytes(self) -> bytes:
        """The judge, for a store."""
        numbers = (self.intercept, self.base, self.slope, self.shift, *self.weights)
        head = struct.pack("<4sHHI", _MAGIC, FEATURES_VERSION, len(self.weights), self.outcomes)
        return head + struct.pack(f"<{len(numbers)}d", *numbers)

    @classmethod
    def from_bytes(cls, data: bytes) -> Judge | None:
        """A stored judge; None if it is none, or of another version of the features.

        Args:
            data: From `to_bytes`.
        """
        size = struct.calcsize("<4sHHI")
        if len(data) != size + 8 * (4 + len(FEATURES)):
            return None
        magic, version, count, outcomes = struct.unpack("<4sHHI", data[:size])
        if (magic, version, count) != (_MAGIC, FEATURES_VERSION, len(FEATURES)):
            return None
        intercept, base, slope, shift, *weights = struct.unpack(f"<{4 + count}d", data[size:])
        if not all(map(math.isfinite, (intercept, base, slope, shift, *weights))):
            return None
        return cls(tuple(weights), intercept, base, slope, shift, outcomes)


def unfitted() -> Judge:
    """The judge that has seen no outcome: the stated weights."""
    return Judge(tuple(WEIGHTS[name] for name in FEATURES), logit(PRIOR), logit(PRIOR))


def fitted(features: Sequence[Sequence[float]], good: Sequence[bool]) -> Judge:
    """Fit from outcomes; with fewer than `MIN_OUTCOMES`, or all of one kind, the unfitted judge.

    The maximum a posteriori of logistic regression with Gaussian priors around the stated weights, by iteratively
    reweighted least squares (Bishop 2006, 4.3.3 and 4.5), then Platt's calibration on out-of-fold log-odds.

    Args:
        features: One row an answer.
        good: Whether it turned out good.
    """
    import numpy as np  # noqa: PLC0415 - only where there is something to fit

    start = unfitted()
    rows = np.asarray(features, dtype=np.float64).reshape(-1, len(FEATURES))
    labels = np.asarray(good, dtype=np.float64)
    if len(labels) < MIN_OUTCOMES or labels.min() == labels.max():
        return start
    design = np.column_stack([np.ones(len(rows)), rows])
    centre = np.array([start.intercept, *start.weights])
    precision = np.array([INTERCEPT_SPREAD**-2, *[SPREAD**-2] * len(start.weights)])
    held_out = np.empty(len(labels))
    folds = np.arange(len(labels)) % FOLDS
    for fold in range(FOLDS):
        rest = folds != fold
        held_out[~rest] = design[~rest] @ _maximum(design[rest], labels[rest], centre, precision)
    slope, shift = _platt(held_out, labels)
    intercept, *weights = _maximum(design, labels, centre, precision).tolist()
    return Judge(tuple(weights), intercept, _bounded_logit(float(labels.mean())), slope, shift, len(labels))


def _maximum(design: Vector, labels: Vector, centre: Vector, precision: Vector) -> Vector:
    """Newton's steps to the maximum of likelihood times prior; the posterior is concave, so there is one."""
    import numpy as np  # noqa: PLC0415 - see `fitted`

    weights = centre.copy()
    for _ in range(50):
        expected = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (labels - expected) - precision * (weights - centre)
        curvature = (design * (expected * (1 - expected))[:, None]).T @ design + np.diag(precision)
        step: Any = np.linalg.solve(curvature, gradient)
        # A full step may overshoot far from the maximum.
        weights = weights + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights


def _platt(scores: Vector, labels: Vector) -> tuple[float, float]:
    """Slope and shift, towards 1 and 0 where outcomes are few; labels smoothed as Platt did."""
    import numpy as np  # noqa: PLC0415 - see `fitted`

    positives = labels.sum()
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    targets = np.where(labels > 0, high, low)
    design = np.column_stack([np.clip(scores, -12, 12), np.ones(len(scores))])
    slope, shift = _maximum(design, targets, np.array([1.0, 0.0]), np.array([4.0, 1.0])).tolist()
    # Never the other way round: more findings may not make an answer better.
    return max(slope, 0.05), shift


def logit(probability: float) -> float:
    """Log-odds of a probability strictly between 0 and 1."""
    return math.log(probability / (1 - probability))


def _bounded_logit(probability: float) -> float:
    return logit(min(max(probability, LEAST), MOST))


def sigmoid(log_odds: float) -> float:
    """The probability of log-odds; never overflows."""
    bounded = max(-30.0, min(30.0, log_odds))
    return 1 / (1 + math.exp(-bounded))
