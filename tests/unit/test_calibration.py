"""Probabilities hold what they promise."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mcp_stack.hybrid.confidence.calibration import (
    LABELS_FOR_ISOTONIC,
    calibrate,
    expected_calibration_error,
    log_odds,
    logistic,
    sigmoid,
)

Floats: TypeAlias = npt.NDArray[np.floating[Any]]


def overconfident(count: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Scores in (0, 1), and labels whose odds are those of the score, halved on the logarithmic scale."""
    random = np.random.default_rng(seed)
    odds = random.normal(0.5, 2.0, count)
    return sigmoid(odds), (random.random(count) < sigmoid(odds / 2)).astype(float)


def test_the_error_is_the_mean_distance_between_promise_and_outcome() -> None:
    promised = np.array([0.15, 0.15, 0.85, 0.85])
    came_true = np.array([0.0, 1.0, 1.0, 1.0])
    assert expected_calibration_error(promised, came_true) == pytest.approx((0.35 * 2 + 0.15 * 2) / 4)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0


@pytest.mark.parametrize(("labels", "kind"), [(300, "platt"), (LABELS_FOR_ISOTONIC, "isotonic"), (4000, "isotonic")])
def test_an_overconfident_score_is_put_right_on_questions_not_seen(labels: int, kind: str) -> None:
    calibration = calibrate(*overconfident(labels), np.ones(labels))
    scores, truth = overconfident(20_000, seed=1)
    assert calibration.kind == kind
    before = expected_calibration_error(scores, truth)
    after = expected_calibration_error(calibration(scores), truth)
    assert before > 0.1
    assert after < 0.05


def test_a_curve_that_is_no_logistic_one_is_followed_by_the_isotonic_fit_alone() -> None:
    random = np.random.default_rng(0)
    scores = random.random(8000)
    labels = (random.random(8000) < np.where(scores < 0.6, 0.3, 0.9)).astype(float)
    many = calibrate(scores, labels, np.ones(8000))
    few = calibrate(scores[:500], labels[:500], np.ones(500))
    truth = (random.random(8000) < np.where(scores < 0.6, 0.3, 0.9)).astype(float)
    assert expected_calibration_error(many(scores), truth) < 0.03
    assert expected_calibration_error(few(scores), truth) > 0.05


@given(
    st.integers(2, 1500).flatmap(
        lambda count: st.tuples(
            arrays.arrays(float, count, elements=st.floats(-1, 2)),
            arrays.arrays(float, count, elements=st.floats(0, 1)),
            arrays.arrays(float, count, elements=st.floats(0.1, 5)),
        )
    )
)
def test_whatever_the_labels_the_probabilities_never_fall_and_are_never_certain(
    drawn: tuple[Floats, Floats, Floats],
) -> None:
    curve = calibrate(*drawn)(np.linspace(-2, 3, 200))
    assert np.all(np.diff(curve) >= -1e-9)
    assert curve.min() > 0
    assert curve.max() < 1


def test_a_score_that_points_the_wrong_way_promises_the_mean() -> None:
    scores, labels = overconfident(400)
    curve = calibrate(1 - scores, labels, np.ones(400))
    assert curve(np.array([0.0, 1.0])) == pytest.approx([labels.mean()] * 2, abs=0.02)


def test_labels_that_all_agree_do_not_promise_certainty() -> None:
    curve = calibrate(np.linspace(0, 1, 40), np.ones(40), np.ones(40))
    assert 0.9 < curve(np.array([0.5]))[0] < 0.99


def test_a_weight_counts_like_as_many_equal_labels() -> None:
    inputs, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 0.0, 1.0])
    twice = np.array([0, 0, 1, 2, 3])
    slopes, intercept = logistic(inputs, labels, np.array([2.0, 1, 1, 1]), ridge=0)
    again, same = logistic(inputs[twice], labels[twice], np.ones(5), ridge=0)
    assert (slopes[0], intercept) == pytest.approx((again[0], same), abs=1e-5)


def test_log_odds_are_undone_by_the_logistic_function() -> None:
    assert sigmoid(log_odds(np.array([0.1, 0.5, 0.9]))) == pytest.approx([0.1, 0.5, 0.9])
    assert np.all(np.isfinite(log_odds(np.array([0.0, 1.0]))))
