"""Logistic regression with what is uncertain about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

STEPS = 25
CONVERGED = 1e-4
# Of the coefficients' normal prior around 0, whose features are scaled to about 1; the constant's is left free.
PRIOR_VARIANCE = 1.0
PRIOR_VARIANCE_OF_THE_CONSTANT = 1_000.0


def fit(features: Floats, right: Floats) -> tuple[Floats, Floats]:
    """The coefficients of greatest posterior probability, by Newton's method, and their covariance (Laplace).

    Args:
        features: One row an observation; the last column is 1.
        right: 1 or 0 for each.

    Returns:
        The coefficients, and the inverse of the Hessian there. See Bishop, Pattern Recognition and Machine Learning,
        4.3.3 and 4.5.1.
    """
    import numpy as np  # noqa: PLC0415 - heavy: imported on first use

    coefficients = np.zeros(features.shape[1])
    precision = np.full(features.shape[1], 1 / PRIOR_VARIANCE)
    precision[-1] = 1 / PRIOR_VARIANCE_OF_THE_CONSTANT
    hessian = np.diag(precision)
    for _ in range(STEPS):
        probability = sigmoid(features @ coefficients)
        gradient = features.T @ (right - probability) - precision * coefficients
        hessian = (features * (probability * (1 - probability))[:, None]).T @ features + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        coefficients += step
        if np.abs(step).max() < CONVERGED:
            break
    return coefficients, np.linalg.inv(hessian)


def sigmoid(values: Floats) -> Floats:
    """Probabilities of log odds; those beyond 1e-13 are cut off."""
    import numpy as np  # noqa: PLC0415 - heavy: imported on first use

    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))
