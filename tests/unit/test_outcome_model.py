"""What past outcomes say of a new question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.errors import UsageError
from mcp_stack.hybrid.confidence.calibration import expected_calibration_error
from mcp_stack.hybrid.confidence.features import NAMES, Query, read_query
from mcp_stack.hybrid.confidence.fitting import FEWEST_LABELS, LANDMARKS, fit_outcomes
from mcp_stack.hybrid.confidence.outcome_model import Labelled, OutcomeModel

# P(local is good), P(remote is good): an easy topic, one that only the remote model knows, one that neither does.
TOPICS = {"easy": (0.95, 0.95), "hard": (0.3, 0.9), "hopeless": (0.1, 0.1)}
DIMENSIONS = 16


def question(topic: str, random: np.random.Generator) -> Query:
    """A question whose meaning is near its topic's, and whose words tell nothing."""
    centre = np.zeros(DIMENSIONS)
    centre[list(TOPICS).index(topic)] = 1.0
    vector = centre + random.normal(0, 0.15, DIMENSIONS)
    return read_query("What is this about?", (vector / np.linalg.norm(vector)).tolist(), 0.0)


def outcomes(count: int, *, remote_share: float = 1.0, seed: int = 0) -> list[Labelled]:
    """Outcomes of questions of all topics; the remote answer's label is known of a share of them."""
    random = np.random.default_rng(seed)
    found = []
    for topic in random.choice(list(TOPICS), count):
        local, remote = (float(random.random() < chance) for chance in TOPICS[topic])
        asked = random.random() < remote_share
        found.append(Labelled(question(topic, random), local, remote if asked else None, remote_share))
    return found


def fitted(seen: Sequence[Labelled]) -> OutcomeModel:
    model = fit_outcomes(seen)
    assert model is not None
    return model


def expected(model: OutcomeModel, topic: str) -> tuple[float, float, float]:
    """Mean prediction for new questions of a topic: local, remote and gain."""
    random = np.random.default_rng(99)
    local, remote, gain = model.predict_many([question(topic, random) for _ in range(50)])
    return float(local.mean()), float(remote.mean()), float(gain.mean())


def test_too_few_outcomes_make_no_model() -> None:
    assert fit_outcomes([]) is None
    assert fit_outcomes(outcomes(FEWEST_LABELS - 1)) is None
    assert fit_outcomes([Labelled(each.query, None, 1.0) for each in outcomes(100)]) is None
    assert fitted(outcomes(FEWEST_LABELS)).seen == (FEWEST_LABELS, FEWEST_LABELS)


def test_both_models_are_known_by_topic_and_the_gain_is_where_only_the_remote_one_is_good() -> None:
    model = fitted(outcomes(600))
    for topic, (local, remote) in TOPICS.items():
        found = expected(model, topic)
        assert found[:2] == pytest.approx((local, remote), abs=0.12), topic
    gains = {topic: expected(model, topic)[2] for topic in TOPICS}
    assert gains["hard"] > 0.4
    # The least confidence is not the greatest gain: what neither model can do is left to the one that is free.
    assert abs(gains["hopeless"]) < 0.15
    assert abs(gains["easy"]) < 0.15


def test_remote_labels_of_a_fifth_of_the_questions_are_enough_to_rank_by_gain() -> None:
    model = fitted(outcomes(900, remote_share=0.2))
    assert model.seen.local == 900
    assert 120 < model.seen.remote < 240
    gains = {topic: expected(model, topic)[2] for topic in TOPICS}
    assert gains["hard"] > 0.3 + max(gains["easy"], gains["hopeless"])


def test_without_any_remote_label_the_gain_is_what_the_local_model_lacks() -> None:
    model = fitted(outcomes(300, remote_share=0.0001))
    assert model.seen.remote == 0
    gains = [expected(model, topic)[2] for topic in TOPICS]
    assert gains == sorted(gains)
    assert expected(model, "easy")[1] == pytest.approx(0.9)


def test_rare_outcomes_count_for_more() -> None:
    query = read_query("Why?", None, 0.0)
    seen = [Labelled(query, 1.0, float(number % 4 != 0), 1.0 if number % 4 else 0.2) for number in range(200)]
    even = [Labelled(query, 1.0, each.remote) for each in seen]
    assert fitted(even).predict(query).remote == pytest.approx(0.75, abs=0.03)
    assert fitted(seen).predict(query).remote == pytest.approx(3 / 8, abs=0.03)


def test_probabilities_come_true_on_questions_not_seen() -> None:
    model = fitted(outcomes(1500))
    unseen = outcomes(3000, seed=1)
    local, remote, _ = model.predict_many([each.query for each in unseen])
    assert expected_calibration_error(local, np.array([each.local for each in unseen])) < 0.04
    assert expected_calibration_error(remote, np.array([each.remote for each in unseen])) < 0.04


def test_more_outcomes_than_landmarks_make_no_larger_model() -> None:
    small, large = (len(fitted(outcomes(count)).to_bytes()) for count in (LANDMARKS, 2 * LANDMARKS))
    assert large < 1.1 * small


def test_a_model_read_back_says_the_same() -> None:
    model = fitted(outcomes(100))
    again = OutcomeModel.from_bytes(model.to_bytes())
    query = question("hard", np.random.default_rng(5))
    assert again.predict(query) == model.predict(query)
    assert again.combined(0.6, 0.9) == model.combined(0.6, 0.9)
    assert again.seen == model.seen


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_what_is_no_model_is_refused(junk: bytes, cut: int) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        OutcomeModel.from_bytes(junk)
    with pytest.raises(UsageError, match="cannot be read"):
        OutcomeModel.from_bytes(fitted_bytes()[:cut])


def test_a_model_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = fitted_bytes()
    monkeypatch.setattr("mcp_stack.hybrid.confidence.outcome_model.FORMAT", 99)
    with pytest.raises(UsageError, match="version"):
        OutcomeModel.from_bytes(content)


_KEPT: list[bytes] = []


def fitted_bytes() -> bytes:
    if not _KEPT:
        _KEPT.append(fitted(outcomes(60)).to_bytes())
    return _KEPT[0]


@settings(deadline=None)
@given(st.text(max_size=300), st.one_of(st.none(), st.lists(st.floats(-1, 1), max_size=20)), st.floats(0, 1))
def test_whatever_is_asked_the_prediction_is_a_number_in_its_range(
    text: str, vector: list[float] | None, relevance: float
) -> None:
    query = read_query(text, vector, relevance)
    assert len(query.features) == len(NAMES)
    assert all(np.isfinite(query.features))
    predicted = OutcomeModel.from_bytes(fitted_bytes()).predict(query)
    assert 0 < predicted.local < 1
    assert 0 < predicted.remote < 1
    assert -1 < predicted.gain < 1


def test_questions_without_an_embedding_are_told_apart_by_their_form_and_words() -> None:
    texts = ("Please name the capital of France.", "Compute 17 * 23 + 4 / 9 - 12 ^ 3, step by step, with all digits.")
    seen = [
        Labelled(read_query(f"{texts[number % 2]} {number}", None, 0.0), 1.0 - number % 2, 1.0) for number in range(100)
    ]
    model = fitted(seen)
    easy, hard = (model.predict(read_query(text, None, 0.0)) for text in texts)
    assert easy.local > 0.9
    assert hard.local < 0.1
    assert hard.gain > easy.gain + 0.7


def test_a_judgement_counts_for_more_than_few_outcomes_and_for_less_than_many() -> None:
    few, many = fitted(outcomes(40)), fitted(outcomes(1000))
    assert few.combined(0.5, 0.95) > 0.8
    assert 0.5 < many.combined(0.5, 0.95) < 0.65


def test_judgements_that_were_put_to_the_test_weigh_as_much_as_they_were_right() -> None:
    random = np.random.default_rng(0)
    seen = outcomes(400)
    knowing = [Labelled(each.query, each.local, None, p_true=0.5 + 0.45 * (2 * (each.local or 0) - 1)) for each in seen]
    guessing = [Labelled(each.query, each.local, None, p_true=random.random()) for each in seen]
    assert fitted(knowing).combined(0.5, 0.95) > 0.9
    assert fitted(knowing).combined(0.5, 0.05) < 0.1
    assert fitted(guessing).combined(0.9, 0.05) > 0.7
