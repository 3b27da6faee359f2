"""The judge of answers: stated weights, what outcomes change of them, and what is kept of it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from benchmarks.routing.cascade import measure_cascade
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.hybrid.quality import FEATURES, Judge, fitted, inspect, unfitted
from mcp_stack.hybrid.quality.inspection import CHECKS
from mcp_stack.hybrid.quality.judge import MIN_OUTCOMES, WEIGHTS, sigmoid

features = st.lists(st.floats(0, 3), min_size=len(FEATURES), max_size=len(FEATURES))
NOTHING = [0.0] * len(FEATURES)


def with_finding(check: str, severity: float) -> list[float]:
    return [severity if name == check else 0.0 for name in FEATURES]


def outcomes(count: int, seed: int, weigh: dict[str, float]) -> tuple[list[list[float]], list[bool]]:
    """Answers with random findings, good by a logistic law of their own."""
    source = random.Random(seed)
    rows, good = [], []
    for _ in range(count):
        row = [source.choice((0.0, 0.0, 1.0)) if name in weigh else 0.0 for name in FEATURES]
        odds = 1.0 + sum(weigh.get(name, 0.0) * value for name, value in zip(FEATURES, row, strict=True))
        rows.append(row)
        good.append(source.random() < sigmoid(odds))
    return rows, good


def test_every_feature_has_a_stated_weight_and_no_finding_speaks_for_an_answer() -> None:
    assert WEIGHTS.keys() == set(FEATURES)
    assert all(WEIGHTS[check] < 0 for check in CHECKS)


@pytest.mark.parametrize("check", CHECKS)
def test_the_graver_a_finding_the_worse_the_answer(check: str) -> None:
    values = [unfitted().probability(with_finding(check, severity)) for severity in (0.0, 0.3, 0.6, 1.0)]
    assert all(before > after for before, after in pairwise(values))


def test_an_answer_that_nothing_is_known_of_is_left_to_the_models_own_judgement() -> None:
    judge = unfitted()
    assert judge.probability(NOTHING) == pytest.approx(0.85)
    assert judge.probability(NOTHING, judged=0.3) == pytest.approx(0.3)
    assert judge.probability(NOTHING, judged=1.0) == pytest.approx(0.98)


def test_what_is_predicted_from_the_question_counts_for_half() -> None:
    judge = unfitted()
    assert judge.probability(NOTHING, predicted=0.85) == pytest.approx(0.85)
    low, high = judge.probability(NOTHING, predicted=0.3), judge.probability(NOTHING, predicted=0.95)
    assert 0.3 < low < 0.85 < high < 0.95


def test_too_few_outcomes_or_all_of_one_kind_change_nothing() -> None:
    rows, good = outcomes(MIN_OUTCOMES - 1, 1, {"doubt": -2.0})
    assert fitted(rows, good) == unfitted()
    assert fitted([NOTHING] * 50, [True] * 50) == unfitted()
    assert fitted([], []) == unfitted()


def test_outcomes_move_weights_to_what_they_show() -> None:
    # Here a doubt is nothing, and a missed form is all.
    rows, good = outcomes(3_000, 2, {"doubt": 0.0, "format": -6.0})
    judge = fitted(rows, good)
    weights = dict(zip(FEATURES, judge.weights, strict=True))
    assert weights["doubt"] > WEIGHTS["doubt"] / 2
    assert weights["format"] < WEIGHTS["format"]
    assert weights["language"] == pytest.approx(WEIGHTS["language"], abs=1e-6)
    assert judge.outcomes == 3_000


def test_a_fitted_judge_is_calibrated_on_answers_it_has_not_seen() -> None:
    law = {"doubt": -1.0, "format": -3.0, "idle_step": -0.5, "unfinished": -2.0}
    judge = fitted(*outcomes(1_500, 3, law))
    rows, good = outcomes(3_000, 4, law)
    given_probabilities = [judge.probability(row) for row in rows]
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
        inside = [place for place, each in enumerate(given_probabilities) if low <= each < high]
        expected = sum(given_probabilities[place] for place in inside) / len(inside)
        assert sum(good[place] for place in inside) / len(inside) == pytest.approx(expected, abs=0.08)


@given(features, st.floats(0, 1), st.floats(0, 1))
def test_a_kept_judge_judges_the_same(row: list[float], judged: float, predicted: float) -> None:
    judge = Judge(tuple(each / 3 for each in unfitted().weights), 0.5, 0.25, 1.5, -0.25, 400)
    read = Judge.from_bytes(judge.to_bytes())
    assert read == judge
    assert 0 <= judge.probability(row, judged=judged, predicted=predicted) <= 1


@pytest.mark.parametrize("change", [b"", b"mcpq", b"x" * 300, "cut", "version", "not a number"])
def test_what_is_no_judge_of_this_version_is_none(change: bytes | str) -> None:
    content = unfitted().to_bytes()
    changed = {
        "cut": content[:-1],
        "version": content[:4] + b"\xff\xff" + content[6:],
        "not a number": content[:-8] + b"\xff" * 8,
    }
    assert Judge.from_bytes(change if isinstance(change, bytes) else changed[change]) is None


def test_the_benchmark_ranks_bad_answers_first_without_a_label() -> None:
    question = "Ann has 12 pens and buys 3 boxes of 8. How many pens has she?"
    right = "The boxes have 3 * 8 = 24 pens, so she has 12 + 24 = 36."
    wrong = "The boxes have 3 * 8 = 28 pens, so she has 12 + 28 = 40."
    rows = [
        {"prompt": question, "weak": weak, "strong": 1, "weak_response": right if weak else wrong}
        for weak in (1, 0, 1, 1, 0, 1, 0, 1, 1, 1) * 4
    ]
    result = measure_cascade(rows, 0, 5)
    assert result["apgr"] > 0.8
    assert result["cpt80"] < 30
    assert result["test"] == len(rows)
    learned = measure_cascade(rows, 25, 3)
    assert (learned["test"], learned["seeds"]) == (15, 3)


def test_the_benchmark_says_what_it_cannot_measure() -> None:
    with pytest.raises(SystemExit, match="weak_response"):
        measure_cascade([{"prompt": "a", "weak": 1, "strong": 1}], 0, 1)
    with pytest.raises(SystemExit, match="leaves none"):
        measure_cascade([{"prompt": "a", "weak": 1, "strong": 1, "weak_response": "b"}], 1, 1)


def test_features_are_the_same_whether_served_or_measured() -> None:
    inspection = inspect("List 3 colours.", "1. red\n2. green\n3. blue")
    assert dict(zip(FEATURES, inspection.features, strict=True))["forms_kept"] == 1.0
